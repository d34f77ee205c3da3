//! The same work against itself: how far the measurement may be trusted. Its ratio has to be 1 within a few percent.

use std::hint::black_box;

use teleferric_wire::{Limits, Signal, check};

use super::{Built, Entry, Plan};
use crate::measure::{Case, Clock, Contender};
use crate::payload;

pub(super) fn entries(_: &Plan) -> Vec<Entry> {
    vec![Entry::new("control/same-work", build)]
}

fn build() -> Built {
    let contender = |name| {
        let bytes = payload::bytes(Signal::Traces, 50, 1);
        let limits = Limits::default();
        Contender::new(name, move || check(Signal::Traces, black_box(&bytes), &limits).map(|request| request.counts()))
    };
    Ok(Case {
        clock: Clock::Cpu,
        unit: "record",
        units_per_operation: 50,
        contenders: vec![contender("check"), contender("check again")],
    })
}
