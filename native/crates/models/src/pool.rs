//! The buffer pool between threads: blocks in the stocks, and the numbers of what was done with them.

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use crate::counts::Counts;
use crate::stocks::{Stocked, Stocks};

/// A block's memory that knows when it is freed: loom ends a model that leaks one.
type Memory = Arc<()>;
type Pool = Stocks<Memory, 1>;

/// A pool with room for so many idle blocks, of which there are some.
fn pool(room: usize, idle: usize) -> Arc<Pool> {
    let pool = Pool::new([room]);
    for _ in 0..idle {
        pool.note_allocated(0);
        assert!(pool.push(0, Arc::new(())).is_ok());
    }
    Arc::new(pool)
}

/// A block, idle or new.
fn take(pool: &Pool) -> Memory {
    pool.pop(0).unwrap_or_else(|| {
        pool.note_allocated(0);
        Arc::new(())
    })
}

fn give(pool: &Pool, memory: Memory) {
    if let Err(memory) = pool.push(0, memory) {
        pool.free(0, memory);
    }
}

/// Runs `work` on another thread.
fn there<T: 'static>(pool: &Arc<Pool>, work: fn(&Pool) -> T) -> JoinHandle<T> {
    let pool = Arc::clone(pool);
    thread::spawn(move || work(&pool))
}

fn joined<T>(handle: JoinHandle<T>) -> T {
    handle.join().unwrap_or_else(|_| panic!("the other thread panicked"))
}

#[test]
fn an_idle_block_goes_to_one_of_two_and_what_has_no_room_is_freed() {
    loom::model(|| {
        let pool = pool(1, 1);
        let work = |pool: &Pool| {
            let memory = take(pool);
            assert_eq!(Arc::strong_count(&memory), 1, "nobody else has it");
            give(pool, memory);
        };
        let other = there(&pool, work);
        work(&pool);
        joined(other);
        let Stocked { idle, high_water, released } = pool.numbers(0);
        assert_eq!(idle, 1);
        assert_eq!(high_water, released + 1, "what exists is what lies idle");
    });
}

/// What comes while the pool is closed is freed by the one or the other, and counted once.
#[test]
fn nothing_stays_after_the_close() {
    loom::model(|| {
        let pool = pool(2, 1);
        let memory = take(&pool);
        let other = there(&pool, Pool::close);
        give(&pool, memory);
        joined(other);
        assert!(pool.is_closed());
        assert_eq!(pool.numbers(0), Stocked { idle: 0, high_water: 1, released: 1 });
        let late = Arc::new(());
        assert!(pool.push(0, late).is_err());
    });
}

/// A block that was needed since the last decay is not freed by the next, whenever it was taken.
#[test]
fn a_decay_frees_nothing_that_is_taken_during_it() {
    loom::model(|| {
        let pool = pool(1, 1);
        let other = there(&pool, Pool::decay);
        let memory = pool.pop(0);
        assert!(memory.is_some());
        joined(other);
        memory.into_iter().for_each(|memory| give(&pool, memory));
        pool.decay();
        assert_eq!(pool.numbers(0), Stocked { idle: 1, high_water: 1, released: 0 });
    });
}

/// Each thread writes its own numbers, all write those of strays, and the sum loses no step when a thread ends.
#[test]
fn every_step_is_counted_once() {
    loom::model(|| {
        let (own, strays, ended) = (Arc::new(Counts::default()), Arc::new(Counts::default()), Counts::default());
        let theirs = (Arc::clone(&own), Arc::clone(&strays));
        let other = thread::spawn(move || {
            theirs.0.own_take(0, true);
            theirs.0.own_take(0, false);
            theirs.0.own_keep(0);
            theirs.0.own_reuse(0);
            theirs.0.own_pass(0);
            theirs.0.own_flush(0, 0);
            theirs.1.shared_take(0, false);
        });
        strays.shared_return(0);
        assert!(own.returned(0) <= 2 && own.hits(0) <= 2 && own.cached(0) <= 1);
        joined(other);
        ended.absorb(&own);
        assert_eq!((ended.hits(0), ended.misses(0), ended.returned(0)), (2, 1, 2));
        assert_eq!((strays.misses(0), strays.returned(0)), (1, 1));
    });
}
