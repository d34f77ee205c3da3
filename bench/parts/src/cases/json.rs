//! From OTLP/JSON to protobuf: straight, against parsing into structs and encoding those.

use std::error::Error;
use std::hint::black_box;

use bytes::Bytes;
use regex::bytes::Regex;
use teleferric_wire::json::{from_proto, to_proto};
use teleferric_wire::{Limits, Signal};

use super::{Built, Entry, Plan};
use crate::measure::{Case, Clock, Contender};
use crate::payload;
use crate::request::{Request, SIGNALS, equal_in_meaning};

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let sizes = plan.sizes(&[1, 1000]);
    let each = |signal: Signal| {
        let entry = move |records| Entry::new(format!("json/{signal}/{records}"), move || build(signal, records));
        sizes.iter().copied().map(entry)
    };
    SIGNALS.into_iter().flat_map(each).collect()
}

fn build(signal: Signal, records: usize) -> Built {
    let source = payload::bytes(signal, records, 1);
    let json = both_read(signal, &source)?;
    equal_in_meaning(signal, &straight(signal, &json)?, &source)?;
    equal_in_meaning(signal, &by_structs(signal, &json)?, &source)?;

    let ours = json.clone();
    let note = format!("{} B of JSON a record", json.len() / records);
    let contenders = vec![
        Contender::new("to_proto", move || straight(signal, black_box(&ours)).expect("was read before")).note(note),
        Contender::new("serde_json, prost", move || by_structs(signal, black_box(&json)).expect("was read before")),
    ];
    Ok(Case { clock: Clock::Cpu, unit: "record", units_per_operation: records as u64, contenders })
}

/// OTLP/JSON of a request. The structs read the integer of a data point only as a number, where the specification has a
/// string and the product reads both.
fn both_read(signal: Signal, source: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut json = Vec::new();
    from_proto(signal, &[source], &mut json)?;
    Ok(Regex::new(r#""asInt":"(-?\d+)""#)?.replace_all(&json, &br#""asInt":$1"#[..]).into_owned())
}

fn straight(signal: Signal, json: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut proto = Vec::new();
    to_proto(signal, json, &Limits::default(), &mut proto)?;
    Ok(proto)
}

fn by_structs(signal: Signal, json: &[u8]) -> Result<Bytes, Box<dyn Error>> {
    Ok(Request::from_json(signal, json)?.encode())
}
