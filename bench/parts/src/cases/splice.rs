//! Editing one attribute of every record: splicing bytes, against decoding, editing structs and encoding.

use std::error::Error;
use std::hint::black_box;

use bytes::Bytes;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use teleferric_wire::Signal;
use teleferric_wire::edit::{Action, Edits, Everything, Literal, Source, Target};

use super::{Built, Entry, Plan, same};
use crate::measure::{Case, Clock, Contender};
use crate::payload::{self, COMMON_KEY};
use crate::request::{Request, SIGNALS, equal_in_meaning};

const ABSENT_KEY: &str = "deployment.environment.name";
const VALUE: &str = "production";

/// An edit in both worlds.
#[derive(Clone, Copy)]
enum Edit {
    Insert,
    Upsert,
    Delete,
    Rename,
}

pub(super) fn entries(plan: &Plan) -> Vec<Entry> {
    let sizes = plan.sizes(&[1000]);
    let edits =
        [("insert", Edit::Insert), ("upsert", Edit::Upsert), ("delete", Edit::Delete), ("rename", Edit::Rename)];
    let mut entries = Vec::new();
    for (name, edit) in edits {
        for signal in SIGNALS {
            for records in sizes.iter().copied() {
                let build = move || build(edit, signal, records);
                entries.push(Entry::new(format!("splice/{name}/{signal}/{records}"), build));
            }
        }
    }
    entries
}

fn build(edit: Edit, signal: Signal, records: usize) -> Built {
    let bytes = payload::bytes(signal, records, 1);
    let edits = Edits::compile(Target::Record, vec![edit.action()])?;
    let spliced = splice(&edits, signal, &bytes).ok_or("nothing was edited")?;
    equal_in_meaning(signal, &spliced, &rewrite(edit, signal, &bytes)?)?;
    same("whether the edit changed anything", equal_in_meaning(signal, &spliced, &bytes).is_err(), true)?;

    let ours = bytes.clone();
    let contenders = vec![
        Contender::new("splice", move || splice(&edits, signal, black_box(&ours))),
        Contender::new("decode, edit, encode", move || {
            rewrite(edit, signal, black_box(&bytes)).expect("was edited before")
        }),
    ];
    Ok(Case { clock: Clock::Cpu, unit: "record", units_per_operation: records as u64, contenders })
}

fn splice(edits: &Edits, signal: Signal, bytes: &[u8]) -> Option<Vec<u8>> {
    edits.apply(signal, bytes, &Everything, &|_| None).map(|edited| edited.to_vec())
}

fn rewrite(edit: Edit, signal: Signal, bytes: &[u8]) -> Result<Bytes, Box<dyn Error>> {
    let mut request = Request::decode(signal, bytes)?;
    request.each_record(|attributes| edit.apply(attributes));
    Ok(request.encode())
}

impl Edit {
    fn action(self) -> Action {
        let from = Source::Literal(Literal::Text(VALUE.into()));
        match self {
            Edit::Insert => Action::Insert { key: ABSENT_KEY.into(), from },
            Edit::Upsert => Action::Upsert { key: COMMON_KEY.into(), from },
            Edit::Delete => Action::Delete { key: COMMON_KEY.into() },
            Edit::Rename => Action::Rename { key: COMMON_KEY.into(), to: ABSENT_KEY.into() },
        }
    }

    fn apply(self, attributes: &mut Vec<KeyValue>) {
        let position = |attributes: &[KeyValue], key| attributes.iter().position(|attribute| attribute.key == key);
        match (self, position(attributes, COMMON_KEY)) {
            (Edit::Insert, _) if position(attributes, ABSENT_KEY).is_none() => attributes.push(attribute(ABSENT_KEY)),
            (Edit::Upsert, Some(index)) => attributes[index] = attribute(COMMON_KEY),
            (Edit::Upsert, None) => attributes.push(attribute(COMMON_KEY)),
            (Edit::Delete, Some(index)) => drop(attributes.remove(index)),
            (Edit::Rename, Some(index)) => {
                attributes[index].key = ABSENT_KEY.into();
                let mut at = 0..;
                attributes.retain(|other| at.next() == Some(index) || other.key != ABSENT_KEY);
            }
            _ => {}
        }
    }
}

fn attribute(key: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(VALUE.into())) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}
