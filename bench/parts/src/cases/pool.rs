//! The buffer pool against plain allocation: take a block, write to each of its pages, let it go.

use std::hint::black_box;
use std::ops::DerefMut;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use teleferric_buf::{Block, Pool};

use super::{Built, Entry, Plan, same};
use crate::measure::{Case, Clock, Contender};

const SIZES: [(&str, usize); 3] = [("4KiB", 4 << 10), ("64KiB", 64 << 10), ("1MiB", 1 << 20)];
const PAGE_BYTES: usize = 4 << 10;

/// Bytes handed to the other thread at once, and how many such batches may be on their way; together they stay below
/// what the pool keeps for all threads.
const BATCH_BYTES: usize = 2 << 20;
const BATCH_BLOCKS_MAX: usize = 64;
const BATCHES_MAX: usize = 1;

pub(super) fn entries(_: &Plan) -> Vec<Entry> {
    SIZES
        .into_iter()
        .flat_map(|(name, bytes)| {
            [
                Entry::new(format!("pool/same-thread/{name}"), move || same_thread(bytes)),
                Entry::new(format!("pool/other-thread/{name}"), move || other_thread(bytes)),
            ]
        })
        .collect()
}

fn same_thread(bytes: usize) -> Built {
    let pool = checked_pool(bytes)?;
    let contenders = vec![
        Contender::new("pool", move || touch(pooled(&pool, bytes))),
        Contender::new("malloc", move || malloced(bytes)),
        Contender::new("calloc", move || touch(vec![0_u8; bytes])),
    ];
    Ok(Case { clock: Clock::Cpu, unit: "block", units_per_operation: 1, contenders })
}

fn other_thread(bytes: usize) -> Built {
    let pool = checked_pool(bytes)?;
    let batch = (BATCH_BYTES / bytes).min(BATCH_BLOCKS_MAX);
    let contenders = vec![
        across("pool", batch, move || touch(pooled(&pool, bytes))),
        across("malloc", batch, move || malloced(bytes)),
        across("calloc", batch, move || touch(vec![0_u8; bytes])),
    ];
    Ok(Case { clock: Clock::Wall, unit: "block", units_per_operation: batch as u64, contenders })
}

/// A pool that was seen to use a block again.
fn checked_pool(bytes: usize) -> Result<Pool, Box<dyn std::error::Error>> {
    let pool = Pool::new();
    drop(touch(pooled(&pool, bytes)));
    drop(touch(pooled(&pool, bytes)));
    same("blocks taken from the pool twice", pool.stats().classes.iter().map(|class| class.hits).sum(), 1)?;
    Ok(pool)
}

fn pooled(pool: &Pool, bytes: usize) -> Block {
    let mut block = pool.block(bytes);
    block.advance(bytes);
    block
}

/// Writes to each page.
fn touch<M: DerefMut<Target = [u8]>>(mut memory: M) -> M {
    memory.iter_mut().step_by(PAGE_BYTES).for_each(|byte| *byte = 1);
    black_box(&mut memory[..]);
    memory
}

/// A `Vec` as whoever fills it takes it: its memory is not initialised, and each page is written to here.
fn malloced(bytes: usize) -> Vec<u8> {
    let mut memory = Vec::with_capacity(bytes);
    memory.spare_capacity_mut().iter_mut().step_by(PAGE_BYTES).for_each(|byte| {
        byte.write(1);
    });
    black_box(memory.spare_capacity_mut());
    memory
}

/// A contender whose blocks are dropped by another thread, some at a time, so that waking it up weighs little.
fn across<M: Send + 'static>(name: &'static str, batch: usize, take: impl Fn() -> M + 'static) -> Contender {
    let (send, receive) = sync_channel::<Vec<M>>(BATCHES_MAX);
    let (done, finished) = sync_channel::<()>(BATCHES_MAX);
    thread::spawn(move || dropper(&receive, &done));
    Contender::timed(name, move |count| run(&send, &finished, batch, count, &take))
}

fn run<M>(
    send: &SyncSender<Vec<M>>,
    finished: &Receiver<()>,
    batch: usize,
    count: u64,
    take: &impl Fn() -> M,
) -> Duration {
    let start = Instant::now();
    for _ in 0..count {
        let blocks = (0..batch).map(|_| take()).collect();
        send.send(blocks).expect("the other thread lives as long as this one");
    }
    // An empty batch asks for an answer: all before it has been dropped.
    send.send(Vec::new()).expect("the other thread lives as long as this one");
    finished.recv().expect("the other thread lives as long as this one");
    start.elapsed()
}

/// Drops what it is sent, until the sender is gone.
fn dropper<M>(receive: &Receiver<Vec<M>>, done: &SyncSender<()>) {
    for blocks in receive {
        if blocks.is_empty() && done.send(()).is_err() {
            return;
        }
    }
}
