//! JSON against two other implementations: prost reads what `to_proto` writes, and prost-reflect, which speaks proto3 JSON
//! for any descriptor, agrees on the JSON in both directions once OTLP's hexadecimal identifiers are translated.

#![allow(clippy::unwrap_used)] // helpers of tests are not tests to clippy

#[path = "../examples/generate-schema/generator.rs"]
#[allow(dead_code)]
mod definitions;
mod generate;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::{Map, Value};
use teleferric_wire::json::{from_proto, to_proto};
use teleferric_wire::{Limits, Signal, check};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn bytes_survive_json((signal, bytes) in generate::any_request()) {
        let back = read(signal, &write(signal, &[&bytes]));
        prop_assert_eq!(shown(signal, &back), shown(signal, &bytes));
        // prost writes minimal lengths, packed lists and no defaults; we do too if the sizes are equal.
        prop_assert_eq!(back.len(), normal(signal, &back).len());
    }

    #[test]
    fn counts_are_those_of_the_check((signal, bytes) in generate::any_request()) {
        let mut out = Vec::new();
        let counts = to_proto(signal, &write(signal, &[&bytes]), &Limits::default(), &mut out).unwrap();
        prop_assert_eq!(counts, check(signal, &out, &Limits::default()).unwrap().counts());
    }

    #[test]
    fn written_json_is_what_prost_reflect_writes((signal, bytes) in generate::any_request()) {
        let ours: Value = serde_json::from_slice(&write(signal, &[&bytes])).unwrap();
        prop_assert_eq!(plain_numbers(ours), plain_numbers(reflected_json(signal, &bytes)));
    }

    #[test]
    fn json_of_prost_reflect_is_read((signal, bytes) in generate::any_request()) {
        let text = reflected_json(signal, &bytes).to_string();
        let back = read(signal, text.as_bytes());
        prop_assert_eq!(shown(signal, &back), shown(signal, &bytes));
    }

    #[test]
    fn prost_reflect_reads_written_json((signal, bytes) in generate::any_request()) {
        let mut json: Value = serde_json::from_slice(&write(signal, &[&bytes])).unwrap();
        map_ids(&mut json, &|hex| STANDARD.encode(unhex(hex)));
        let back = DynamicMessage::deserialize(descriptor(signal), json).unwrap().encode_to_vec();
        prop_assert_eq!(shown(signal, &back), shown(signal, &bytes));
    }

    #[test]
    fn spaces_and_order_of_keys_mean_nothing((signal, bytes) in generate::any_request()) {
        let json: Value = serde_json::from_slice(&write(signal, &[&bytes])).unwrap();
        let mut text = String::new();
        reversed(&json, &mut text);
        let back = read(signal, text.as_bytes());
        prop_assert_eq!(shown(signal, &back), shown(signal, &bytes));
    }

    #[test]
    fn chunks_become_one_object(first in generate::request(Signal::Metrics), second in generate::request(Signal::Metrics)) {
        let joined = [first.as_slice(), second.as_slice()].concat();
        prop_assert_eq!(write(Signal::Metrics, &[&first, &second]), write(Signal::Metrics, &[&joined]));
    }

    /// Shuffled fields, split messages and repeated scalars are legal protobuf that no JSON writer may pass through.
    #[test]
    fn fields_in_any_order_are_gathered(
        (signal, first) in generate::any_request(),
        second_seed in any::<u64>(),
        second in generate::request(Signal::Profiles),
    ) {
        let mut wild = Vec::new();
        shuffle(signal.request(), &first, second_seed, &mut wild);
        prop_assert_eq!(shown(signal, &wild), shown(signal, &first), "the shuffle itself");
        let json = write(signal, &[&wild]);
        prop_assert_eq!(shown(signal, &read(signal, &json)), shown(signal, &wild));
        // Two profile requests in one merge their dictionaries field by field.
        if signal == Signal::Profiles {
            let both = [first, second].concat();
            let json = write(signal, &[&both]);
            prop_assert_eq!(shown(signal, &read(signal, &json)), shown(signal, &both));
        }
    }

    /// Whatever `check` accepts can be written, read back and means the same to prost.
    #[test]
    fn damaged_requests_fail_or_survive(
        (signal, mut bytes) in generate::any_request(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut json = Vec::new();
        let written = from_proto(signal, &[&bytes], &mut json);
        if check(signal, &bytes, &Limits::default()).is_ok() {
            written.unwrap();
            let back = read(signal, &json);
            // prost refuses text that is not UTF-8, which we repair.
            if accepted_by_prost(signal, &bytes) {
                prop_assert_eq!(shown(signal, &back), shown(signal, &bytes));
            }
        } else if written.is_ok() {
            serde_json::from_slice::<serde::de::IgnoredAny>(&json).unwrap();
        }
    }
}

fn write(signal: Signal, chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    from_proto(signal, chunks, &mut out).unwrap();
    out
}

fn read(signal: Signal, json: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    to_proto(signal, json, &Limits::default(), &mut out).unwrap();
    out
}

/// The request as prost sees it. All NaN are alike in this form.
fn shown(signal: Signal, bytes: &[u8]) -> String {
    match signal {
        Signal::Traces => format!("{:?}", ExportTraceServiceRequest::decode(bytes).unwrap()),
        Signal::Metrics => format!("{:?}", ExportMetricsServiceRequest::decode(bytes).unwrap()),
        Signal::Logs => format!("{:?}", ExportLogsServiceRequest::decode(bytes).unwrap()),
        Signal::Profiles => format!("{:?}", ExportProfilesServiceRequest::decode(bytes).unwrap()),
    }
}

/// The request as prost writes it.
fn normal(signal: Signal, bytes: &[u8]) -> Vec<u8> {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes).unwrap().encode_to_vec(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).unwrap().encode_to_vec(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).unwrap().encode_to_vec(),
        Signal::Profiles => ExportProfilesServiceRequest::decode(bytes).unwrap().encode_to_vec(),
    }
}

fn accepted_by_prost(signal: Signal, bytes: &[u8]) -> bool {
    match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes).is_ok(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).is_ok(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).is_ok(),
        Signal::Profiles => ExportProfilesServiceRequest::decode(bytes).is_ok(),
    }
}

fn descriptor(signal: Signal) -> prost_reflect::MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::from_file_descriptor_set(definitions::project_definitions()).unwrap());
    POOL.get_message_by_name(signal.request().name).unwrap()
}

/// What prost-reflect makes of a request, with hexadecimal identifiers.
fn reflected_json(signal: Signal, bytes: &[u8]) -> Value {
    let message = DynamicMessage::decode(descriptor(signal), bytes).unwrap();
    let options = SerializeOptions::new().use_enum_numbers(true);
    let mut json = message.serialize_with_options(serde_json::value::Serializer, &options).unwrap();
    map_ids(&mut json, &|text| STANDARD.decode(text).unwrap().iter().map(|byte| format!("{byte:02x}")).collect());
    json
}

/// Rewrites every identifier. No attribute is in danger: keys of attributes are values here.
fn map_ids(json: &mut Value, change: &dyn Fn(&str) -> String) {
    match json {
        Value::Array(elements) => elements.iter_mut().for_each(|element| map_ids(element, change)),
        Value::Object(members) => {
            for (key, value) in members {
                if matches!(key.as_str(), "traceId" | "spanId" | "parentSpanId" | "profileId") {
                    *value = Value::String(change(value.as_str().unwrap()));
                } else {
                    map_ids(value, change);
                }
            }
        }
        _ => {}
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// `1` and `1.0` are one number to JSON and two to serde_json.
fn plain_numbers(json: Value) -> Value {
    match json {
        Value::Number(number) => Value::String(format!("number {:?}", number.as_f64().unwrap())),
        Value::Array(elements) => elements.into_iter().map(plain_numbers).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(key, value)| (key, plain_numbers(value))).collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Writes with the members of each object in reverse, spaces everywhere and unknown members in between.
fn reversed(json: &Value, text: &mut String) {
    match json {
        Value::Array(elements) => {
            text.push_str(" [\n");
            for (index, element) in elements.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "\t, " });
                reversed(element, text);
            }
            text.push_str("\r] ");
        }
        Value::Object(members) => {
            text.push_str(" { \"x-unknown\" : [ { \"traceId\" : [ ] } , null ]");
            for (key, value) in members.iter().rev() {
                text.push_str(" ,\n");
                text.push_str(&Value::String(key.clone()).to_string());
                text.push_str(" : ");
                reversed(value, text);
            }
            text.push_str(", \"x-last\":{} } ");
        }
        scalar => text.push_str(&scalar.to_string()),
    }
}

/// Rewrites a message with its fields interleaved, keeping the order within each list, and with scalars that are
/// overwritten and messages that come in two pieces.
fn shuffle(message: &'static teleferric_wire::schema::Message, bytes: &[u8], seed: u64, out: &mut Vec<u8>) {
    use teleferric_wire::cursor::{Fields, Payload, put_bytes};
    use teleferric_wire::schema::Kind;

    let mut queues: Vec<(u32, Vec<Vec<u8>>)> = Vec::new();
    for field in Fields::new(bytes) {
        let known = message.field(field.number).unwrap();
        let mut pieces = Vec::new();
        match (known.kind, field.payload) {
            (Kind::Message(inner), Payload::Bytes(body)) => {
                let mut changed = Vec::new();
                shuffle(inner, body, seed.rotate_left(7), &mut changed);
                let fields: Vec<_> = Fields::new(&changed).map(|field| field.raw).collect();
                let (first, second) = fields.split_at(if known.repeated { fields.len() } else { fields.len() / 2 });
                for part in [first, second].into_iter().take(if known.repeated { 1 } else { 2 }) {
                    let mut piece = Vec::new();
                    put_bytes(field.number, &part.concat(), &mut piece);
                    pieces.push(piece);
                }
            }
            (_, _) if known.repeated => pieces.push(field.raw.to_vec()),
            // First the value that loses: the same field with its low bits changed, or no text.
            (_, Payload::Bytes(_)) => {
                let mut losing = Vec::new();
                put_bytes(field.number, &[], &mut losing);
                pieces.extend([losing, field.raw.to_vec()]);
            }
            _ => pieces.extend([field.raw.to_vec(), field.raw.to_vec()]),
        }
        match queues.iter_mut().find(|(number, _)| *number == field.number) {
            Some((_, queue)) => queue.extend(pieces),
            None => queues.push((field.number, pieces)),
        }
    }
    let mut random = seed | 1;
    while !queues.is_empty() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (random >> 33) as usize % queues.len();
        out.extend(queues[at].1.remove(0));
        if queues[at].1.is_empty() {
            queues.remove(at);
        }
    }
}
