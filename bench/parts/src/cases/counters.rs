//! Counting requests: a slot per thread, as the product does, against one atomic and a mutex that all threads share.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use teleferric_buf::metrics::{Counter, Desc, Kind, Metrics};

use super::contention::{clock, shared};
use super::{Built, Entry, Plan, same};
use crate::measure::Case;

static REQUESTS: Desc = Desc { name: "requests_total", help: "Requests.", kind: Kind::Counter, lazy: false };

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let entry = |threads: &usize| {
        let threads = *threads;
        Entry::new(format!("counters/{threads}-threads"), move || build(threads))
    };
    plan.threads.iter().map(entry).collect()
}

fn build(threads: usize) -> Built {
    let metrics = Metrics::new();
    let counters: Vec<Counter> = (0..threads).map(|_| metrics.counter(&REQUESTS, &[])).collect();
    counters.iter().for_each(|counter| counter.add(3));
    same("the sum over all slots", metrics.value(REQUESTS.name, &[]), Some(3.0 * threads as f64))?;

    let atomic = Arc::new(AtomicU64::new(0));
    let mutex = Arc::new(Mutex::new(0_u64));
    let contenders = vec![
        shared("slot per thread", counters, |counter: &mut Counter| counter.add(black_box(1))),
        shared("shared atomic", vec![atomic; threads], |total| {
            total.fetch_add(black_box(1), Ordering::Relaxed);
        }),
        shared("mutex", vec![mutex; threads], |total| {
            *total.lock() += black_box(1);
        }),
    ];
    Ok(Case { clock: clock(threads), unit: "addition", units_per_operation: 1, contenders })
}
