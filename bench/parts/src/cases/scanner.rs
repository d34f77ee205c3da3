//! Checking and counting a request: the one pass over its bytes against decoding it into structs.

use std::hint::black_box;

use teleferric_wire::{Limits, Signal, check};

use super::{Built, Entry, Plan, same};
use crate::measure::{Case, Clock, Contender};
use crate::payload;
use crate::request::{Request, SIGNALS};

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let sizes = plan.sizes(&[1, 50, 1000]);
    let each = |signal: Signal| {
        let entry = move |records| Entry::new(format!("scanner/{signal}/{records}"), move || build(signal, records));
        sizes.iter().copied().map(entry)
    };
    SIGNALS.into_iter().flat_map(each).collect()
}

fn build(signal: Signal, records: usize) -> Built {
    let bytes = payload::bytes(signal, records, 1);
    let limits = Limits::default();
    let counted = check(signal, &bytes, &limits)?.counts().items;
    same("records", counted, Request::decode(signal, &bytes)?.records() as u64)?;
    let cut = &bytes[..bytes.len() - 1];
    same("whether a cut is found", check(signal, cut, &limits).is_err(), Request::decode(signal, cut).is_err())?;

    let ours = bytes.clone();
    let note = format!("{} B a record", bytes.len() / records);
    let contenders = vec![
        Contender::new("check", move || check(signal, black_box(&ours), &limits).map(|request| request.counts()))
            .note(note),
        Contender::new("prost", move || Request::decode(signal, black_box(&bytes))),
    ];
    Ok(Case { clock: Clock::Cpu, unit: "record", units_per_operation: records as u64, contenders })
}
