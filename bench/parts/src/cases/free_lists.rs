//! Taking a block from the buffer pool and giving it back, against a free list behind a mutex for each size class that
//! keeps the same numbers and the same bound.

use std::hint::black_box;
use std::sync::Arc;

use parking_lot::Mutex;
use teleferric_buf::{CLASS_BYTES, CLASSES, Pool};

use super::contention::{clock, shared};
use super::{Built, Entry, Plan, same};
use crate::measure::Case;

/// What a request of some records takes.
const BYTES: usize = 12 << 10;

/// As many idle blocks as the pool's shared list keeps of a class.
const IDLE_MAX: usize = 1_024;

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let entry = |threads: &usize| {
        let threads = *threads;
        Entry::new(format!("pool/free-lists/{threads}-threads"), move || build(threads))
    };
    plan.threads.iter().map(entry).collect()
}

fn build(threads: usize) -> Built {
    let (pool, lists) = (Pool::new(), Arc::new(Lists::default()));
    agree(&pool, &lists)?;
    let contenders = vec![
        shared("pool", vec![pool; threads], |pool| {
            let mut block = pool.block(black_box(BYTES));
            block.spare_mut()[0] = 1;
            drop(black_box(block));
        }),
        shared("mutex", vec![lists; threads], |lists| {
            let mut memory = lists.take(black_box(BYTES));
            memory[0] = 1;
            lists.give(black_box(memory));
        }),
    ];
    Ok(Case { clock: clock(threads), unit: "block", units_per_operation: 1, contenders })
}

/// Both have as much room in a block, and use it again.
fn agree(pool: &Pool, lists: &Lists) -> Result<(), Box<dyn std::error::Error>> {
    for bytes in [1, BYTES, 1 << 20] {
        let (block, memory) = (pool.block(bytes), lists.take(bytes));
        same("room of a block", block.capacity(), memory.len())?;
        let (first, second) = (block.as_ptr(), memory.as_ptr());
        drop(block);
        lists.give(memory);
        let (block, memory) = (pool.block(bytes), lists.take(bytes));
        same("whether the block is the one given back", block.as_ptr() == first, memory.as_ptr() == second)?;
        lists.give(memory);
    }
    Ok(())
}

/// The plain way: what there is of each class behind a lock.
#[derive(Default)]
struct Lists([Mutex<List>; CLASSES]);

#[derive(Default)]
struct List {
    idle: Vec<Box<[u8]>>,
    hits: u64,
    misses: u64,
    returned: u64,
    released: u64,
    high_water: u64,
}

impl Lists {
    fn take(&self, bytes: usize) -> Box<[u8]> {
        let class = class_of(bytes);
        let mut list = self.0[class].lock();
        if let Some(memory) = list.idle.pop() {
            list.hits += 1;
            return memory;
        }
        list.misses += 1;
        list.high_water = list.high_water.max(list.misses - list.released);
        drop(list);
        vec![0; CLASS_BYTES[class]].into_boxed_slice()
    }

    fn give(&self, memory: Box<[u8]>) {
        let mut list = self.0[class_of(memory.len())].lock();
        list.returned += 1;
        if list.idle.len() < IDLE_MAX {
            list.idle.push(memory);
        } else {
            list.released += 1;
        }
    }
}

fn class_of(bytes: usize) -> usize {
    CLASS_BYTES.iter().position(|size| *size >= bytes).expect("no larger than the largest class")
}
