//! Telling callgrind when to collect, by the client request that valgrind recognises in the instruction stream. Outside
//! valgrind the sequence does nothing.

/// Turns collecting on the calling thread on if it is off, and off if it is on.
#[cfg(target_arch = "x86_64")]
pub fn toggle_collect() {
    let request: [u64; 6] = [TOGGLE_COLLECT, 0, 0, 0, 0, 0];
    // SAFETY: the four rotations of `rdi` add up to a full turn and the exchange is of a register with itself, so the
    // processor changes nothing but flags. Valgrind reads the six words behind `rax`, which live until the block ends,
    // and answers in `rdx`.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const request,
            inout("rdx") 0_u64 => _,
            options(nostack),
        );
    }
}

/// Nothing is collected on other processors; `scripts/gates.mjs` refuses to run there.
#[cfg(not(target_arch = "x86_64"))]
pub fn toggle_collect() {}

/// `CALLGRIND_TOGGLE_COLLECT`: the third request of the tool with the letters CT.
#[cfg(target_arch = "x86_64")]
const TOGGLE_COLLECT: u64 = (b'C' as u64) << 24 | (b'T' as u64) << 16 | 2;
