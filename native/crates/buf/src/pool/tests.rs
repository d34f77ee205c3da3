//! Where blocks go, what the numbers say about it, and that content is never mixed up.

use std::cell::RefCell;
use std::io::Write;
use std::sync::mpsc;
use std::thread;

use bytes::{BufMut, Bytes};
use proptest::prelude::*;

use super::*;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn class(pool: &Pool, bytes: usize) -> ClassStats {
    pool.stats().classes.into_iter().find(|class| class.bytes == bytes).unwrap()
}

#[test]
fn capacity_is_rounded_up_to_a_class_and_exact_above_the_largest() {
    let pool = Pool::new();
    for (wanted, given) in [(0, KIB), (KIB, KIB), (KIB + 1, 4 * KIB), (MIB, MIB), (MIB + 1, MIB + 1)] {
        let block = pool.block(wanted);
        assert_eq!((block.capacity(), block.len()), (given, 0));
    }
}

#[test]
fn thread_reuses_its_last_block_first() {
    let pool = Pool::new();
    let (first, second) = (pool.block(1), pool.block(1));
    let second_at = second.as_ptr();
    drop(first);
    drop(second);
    let again = pool.block(1);
    assert_eq!(again.as_ptr(), second_at);
    let stats = class(&pool, KIB);
    assert_eq!((stats.in_use, stats.cached, stats.hits, stats.misses, stats.high_water), (1, 1, 1, 2, 2));
}

#[test]
fn cache_overflows_into_the_list_and_the_list_to_the_allocator() {
    let config = PoolConfig { cached_bytes_max: 2 * 64 * KIB, free_bytes_max: 3 * 64 * KIB };
    let pool = Pool::with_config(&config);
    let blocks: Vec<_> = (0..9).map(|_| pool.block(64 * KIB)).collect();
    drop(blocks);
    let stats = class(&pool, 64 * KIB);
    assert_eq!((stats.in_use, stats.cached, stats.free, stats.released, stats.high_water), (0, 2, 3, 4, 9));
    assert_eq!(pool.stats().free_bytes(), 3 * 64 * KIB as u64);
    let _four: Vec<_> = (0..6).map(|_| pool.block(64 * KIB)).collect();
    assert_eq!((class(&pool, 64 * KIB).hits, class(&pool, 64 * KIB).misses), (5, 10));
}

#[test]
fn pool_without_room_keeps_nothing() {
    let pool = Pool::with_config(&PoolConfig { cached_bytes_max: 0, free_bytes_max: 0 });
    drop(pool.block(1));
    let stats = class(&pool, KIB);
    assert_eq!((stats.in_use, stats.cached, stats.free, stats.released), (0, 0, 0, 1));
}

#[test]
fn block_dropped_on_another_thread_goes_to_the_shared_list() {
    let pool = Pool::new();
    let frozen = filled(&pool, 100, 7).freeze();
    thread::spawn(move || assert_eq!(frozen.len(), 100)).join().unwrap();
    let stats = class(&pool, KIB);
    assert_eq!((stats.in_use, stats.cached, stats.free), (0, 0, 1));
    let _again = pool.block(1);
    assert_eq!(class(&pool, KIB).hits, 1);
}

#[test]
fn blocks_of_an_ended_thread_are_kept_counted_and_usable() {
    let pool = Pool::new();
    let theirs = pool.clone();
    let frozen = thread::spawn(move || {
        drop(theirs.block(16 * KIB));
        filled(&theirs, 10, 3).freeze()
    })
    .join()
    .unwrap();
    assert_eq!((class(&pool, 16 * KIB).cached, class(&pool, 16 * KIB).free), (0, 1), "its cache moved to the list");
    assert_eq!(pool.stats().in_use(), 1);
    assert_eq!(frozen, vec![3; 10]);
    drop(frozen);
    assert_eq!(pool.stats().in_use(), 0);
    assert_eq!(class(&pool, KIB).free, 1);
}

#[test]
fn block_dropped_while_its_thread_ends_is_not_lost() {
    thread_local!(static LATE: RefCell<Option<Block>> = const { RefCell::new(None) });
    struct TakesLate(Pool);
    impl Drop for TakesLate {
        fn drop(&mut self) {
            let mut block = self.0.block(1);
            block.extend_from_slice(b"late");
            assert_eq!(&block[..], b"late");
        }
    }
    thread_local!(static TAKES: RefCell<Option<TakesLate>> = const { RefCell::new(None) });
    let pool = Pool::new();
    let theirs = pool.clone();
    thread::spawn(move || {
        // Registered before and after the pool's own thread local, so that one of them outlives it.
        LATE.with(|late| late.borrow_mut().take());
        TAKES.with(|takes| *takes.borrow_mut() = Some(TakesLate(theirs.clone())));
        LATE.with(|late| *late.borrow_mut() = Some(theirs.block(1)));
    })
    .join()
    .unwrap();
    let stats = class(&pool, KIB);
    assert_eq!((stats.in_use, stats.cached), (0, 0));
    assert_eq!(stats.free + stats.released, stats.misses);
}

#[test]
fn idle_release_decays_to_what_was_needed() {
    let pool = Pool::new();
    drop((0..9).map(|_| pool.block(64 * KIB)).collect::<Vec<_>>());
    assert_eq!(class(&pool, 64 * KIB).cached, 9);
    pool.release_idle();
    let stats = class(&pool, 64 * KIB);
    assert_eq!((stats.cached, stats.free, stats.released), (0, 9, 0), "the cache is emptied first");

    let mut free = Vec::new();
    for _ in 0..4 {
        // Four blocks are in use at some moment of every interval; the rest is surplus.
        drop((0..4).map(|_| pool.block(64 * KIB)).collect::<Vec<_>>());
        pool.release_idle();
        free.push(class(&pool, 64 * KIB).free);
    }
    assert_eq!(free, [6, 5, 4, 4]);
    for _ in 0..4 {
        pool.release_idle();
    }
    assert_eq!(class(&pool, 64 * KIB).free, 0, "nothing needed, nothing kept");
}

#[test]
fn closed_pool_frees_everything_even_late_blocks() {
    let pool = Pool::new();
    let late = filled(&pool, 5000, 1).freeze();
    drop(pool.block(MIB));
    drop(pool.clone());
    assert_eq!(class(&pool, MIB).cached, 1);
    let shared = Arc::clone(&pool.handle.shared);
    drop(pool);
    assert_eq!(late, vec![1; 5000]);
    drop(late);
    let stats = shared.stats();
    let idle: u64 = stats.classes.iter().map(|class| class.cached + class.free + class.in_use).sum();
    let unreleased: u64 = stats.classes.iter().map(|class| class.misses - class.released).sum();
    assert_eq!((idle, unreleased), (0, 0));
}

#[test]
#[cfg_attr(miri, ignore = "moves megabytes, which takes minutes under Miri")]
fn growing_moves_content_through_the_classes() {
    let pool = Pool::new();
    let mut block = pool.block(1);
    let mut expected = Vec::new();
    for round in 0..40_u8 {
        let piece = vec![round; 50 * KIB];
        block.extend_from_slice(&piece);
        expected.extend_from_slice(&piece);
    }
    assert!(*block == expected[..]);
    let stats = pool.stats();
    assert_eq!((stats.in_use(), stats.oversize.in_use), (1, 1));
    assert_eq!(stats.oversize_bytes, block.capacity() as u64);
    assert!(stats.oversize.misses == 1, "an oversize block grows in place");
    drop(block);
    assert_eq!((pool.stats().in_use(), pool.stats().oversize_bytes, pool.stats().oversize.released), (0, 0, 1));
}

#[test]
#[cfg_attr(miri, ignore = "moves megabytes, which takes minutes under Miri")]
fn fit_saves_memory_only_when_it_is_worth_it() {
    let pool = Pool::new();
    for (capacity, len, fitted) in [
        (64 * KIB, 100, KIB),
        (64 * KIB, 17 * KIB, 64 * KIB),
        (3 * MIB, 2 * MIB, 3 * MIB),
        (4 * MIB, 3 * MIB / 2, 3 * MIB / 2),
        (4 * MIB, 20 * KIB, 64 * KIB),
    ] {
        let mut block = pool.block(capacity);
        block.extend_from_slice(&vec![9; len]);
        let block = block.fit();
        assert_eq!((block.capacity(), block.len()), (fitted, len));
        assert!(*block == vec![9; len][..]);
    }
    assert_eq!((pool.stats().in_use(), pool.stats().oversize_bytes), (0, 0));
}

#[test]
#[cfg_attr(miri, ignore = "moves megabytes, which takes minutes under Miri")]
fn impossible_sizes_are_errors_and_leave_no_trace() {
    let pool = Pool::new();
    assert_eq!(pool.try_block(usize::MAX).unwrap_err(), AllocError { bytes: usize::MAX });
    let mut block = filled(&pool, 10, 4);
    assert!(block.try_reserve(usize::MAX).is_err());
    assert!(block.try_reserve(isize::MAX as usize).is_err());
    assert_eq!(*block, [4; 10]);
    let mut large = filled(&pool, 2 * MIB, 5);
    assert!(large.try_reserve(isize::MAX as usize).is_err());
    assert_eq!((large.len(), large[0], large[2 * MIB - 1]), (2 * MIB, 5, 5));
    assert_eq!(pool.stats().in_use(), 2);
}

#[test]
fn empty_content_pins_nothing() {
    let pool = Pool::new();
    let empty = pool.block(MIB).freeze();
    assert_eq!((empty.len(), pool.stats().in_use()), (0, 0));
}

#[test]
fn slices_of_frozen_bytes_keep_the_memory_until_the_last() {
    let pool = Pool::new();
    let frozen = filled(&pool, 1000, 8).freeze();
    let slice = frozen.slice(10..20);
    drop(frozen);
    assert_eq!(pool.stats().in_use(), 1);
    assert_eq!(slice, vec![8; 10]);
    drop(slice);
    assert_eq!(pool.stats().in_use(), 0);
}

#[test]
fn writers_of_every_kind_append() {
    let pool = Pool::new();
    let mut block = pool.block(4 * KIB);
    block.put_u8(1);
    block.put_bytes(2, 5 * KIB);
    block.put(&[3_u8; 20 * KIB][..]);
    block.write_all(&[4; 3]).unwrap();
    block.spare_mut()[0] = 5;
    block.advance(1);
    assert_eq!(block.len(), 1 + 25 * KIB + 3 + 1);
    assert_eq!(block[block.len() - 4..], [4, 4, 4, 5]);
    block[0] = 9;
    block.truncate(1);
    block.truncate(10);
    assert_eq!(*block, [9]);
    block.clear();
    assert!(block.is_empty());
}

#[test]
#[should_panic(expected = "advanced past the end")]
fn advancing_past_the_memory_panics() {
    Pool::new().block(1).advance(4 * KIB + 1);
}

#[test]
fn threads_pass_blocks_around_without_mixing_content() {
    let pool = Pool::with_config(&PoolConfig { cached_bytes_max: 16 * KIB, free_bytes_max: 32 * KIB });
    let rounds = if cfg!(miri) { 20 } else { 5_000 };
    thread::scope(|scope| {
        let (to_first, at_first) = mpsc::sync_channel::<Bytes>(4);
        let (to_second, at_second) = mpsc::sync_channel::<Bytes>(4);
        let workers = [(1_u8, to_second, at_first), (101, to_first, at_second)].map(|(seed, to, at)| {
            let pool = pool.clone();
            scope.spawn(move || {
                for round in 0..rounds {
                    let mark = seed + (round % 100) as u8;
                    let _ = to.try_send(filled(&pool, 1 + (round * 37) % 9000, mark).freeze());
                    if let Ok(bytes) = at.try_recv() {
                        assert!(bytes == vec![bytes[0]; bytes.len()] && (bytes[0] > 100) != (seed > 100));
                    }
                }
            })
        });
        // Joined one by one, because the end of a scope does not wait for thread locals to be dropped.
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    let stats = pool.stats();
    assert_eq!((stats.in_use(), stats.cached_bytes()), (0, 0));
    for class in stats.classes {
        assert_eq!(class.free, class.misses - class.released);
        assert!(class.free * class.bytes as u64 <= 32 * KIB as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 200 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[cfg_attr(miri, ignore = "moves megabytes, which takes minutes under Miri")]
    fn block_behaves_like_a_vector(steps in prop::collection::vec((0..5_u8, 0..70_000_usize), 0..30)) {
        let pool = Pool::new();
        let mut block = pool.block(0);
        let mut model: Vec<u8> = Vec::new();
        for (index, (step, n)) in steps.into_iter().enumerate() {
            match step {
                0 | 1 => {
                    let piece = vec![index as u8; n];
                    block.extend_from_slice(&piece);
                    model.extend_from_slice(&piece);
                }
                2 => {
                    block.truncate(n);
                    model.truncate(n);
                }
                3 => block.reserve(n),
                _ => block = block.fit(),
            }
            prop_assert!(*block == model[..]);
            prop_assert!(block.capacity() >= block.len());
        }
        let frozen = block.freeze();
        prop_assert!(frozen == model);
        drop(frozen);
        prop_assert_eq!(pool.stats().in_use(), 0);
    }
}

fn filled(pool: &Pool, len: usize, byte: u8) -> Block {
    let mut block = pool.block(len);
    block.extend_from_slice(&vec![byte; len]);
    block
}
