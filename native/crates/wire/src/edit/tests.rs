use super::*;
use crate::cursor::put_bytes;
use crate::{Limits, check};

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(number, bytes, &mut out);
    out
}

fn text(value: &str) -> Vec<u8> {
    field(1, value.as_bytes())
}

fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, value)].concat()
}

fn literal(value: &str) -> Source {
    Source::Literal(Literal::Text(value.into()))
}

/// A log request with one record: unknown fields on every level, these attribute lists.
fn log(resource: &[Vec<u8>], record: &[Vec<u8>]) -> Vec<u8> {
    let list = |number: u32, list: &[Vec<u8>]| list.iter().flat_map(|member| field(number, member)).collect::<Vec<_>>();
    let record = [field(90, b"unknown"), list(6, record), field(3, b"INFO")].concat();
    let scope = [field(2, &record), field(91, b"unknown"), field(3, b"url")].concat();
    let resource = [list(1, resource), field(92, b"unknown")].concat();
    let entry = [field(2, &scope), field(1, &resource), field(93, b"unknown")].concat();
    [field(94, b"unknown"), field(1, &entry)].concat()
}

fn apply(target: Target, action: Action, request: &[u8]) -> Option<Vec<u8>> {
    let edits = Edits::compile(target, vec![action]).unwrap();
    let edited = edits.apply(Signal::Logs, request, &Everything, &|key| (key == "tenant").then(|| "t1".to_owned()));
    edited.map(|edited| {
        let bytes = edited.to_vec();
        assert_eq!(edited.len(), bytes.len());
        check(Signal::Logs, &bytes, &Limits::default()).unwrap();
        bytes
    })
}

#[test]
fn only_the_edited_attribute_and_prefixes_change() {
    let long = "x".repeat(300);
    let keep = [attribute("keep", &text("1")), field(1, b"no value"), b"\x0a\x01u\x55\x01\x02\x03\x04".to_vec()];
    let with = |value: &str| {
        let mut list = keep.to_vec();
        list.insert(1, attribute("k", &text(value)));
        log(&keep, &list)
    };
    let upsert = Action::Upsert { key: "k".into(), from: literal(&long) };
    assert_eq!(apply(Target::Record, upsert.clone(), &with("short")), Some(with(&long)));
    assert_eq!(apply(Target::Record, upsert, &with(&long)), None, "the same value is no change");
    let shrink = Action::Update { key: "k".into(), from: literal("") };
    assert_eq!(apply(Target::Record, shrink, &with(&long)), Some(with("")));
    let delete = Action::Delete { key: "keep".into() };
    assert_eq!(apply(Target::Resource, delete, &log(&keep, &[])), Some(log(&keep[1..], &[])));
}

#[test]
fn insert_update_and_upsert_look_at_presence() {
    let present = log(&[], &[attribute("k", &text("old"))]);
    let absent = log(&[], &[attribute("other", &text("v"))]);
    let insert = Action::Insert { key: "k".into(), from: literal("new") };
    let update = Action::Update { key: "k".into(), from: literal("new") };
    assert_eq!(apply(Target::Record, insert.clone(), &present), None);
    assert_eq!(apply(Target::Record, update.clone(), &absent), None);
    assert!(apply(Target::Record, insert, &absent).is_some());
    assert_eq!(apply(Target::Record, update, &present), Some(log(&[], &[attribute("k", &text("new"))])));
}

#[test]
fn a_source_without_value_does_nothing() {
    let request = log(&[], &[attribute("k", &text("v"))]);
    let upsert = |from: Source| Action::Upsert { key: "new".into(), from };
    assert_eq!(apply(Target::Record, upsert(Source::Attribute("missing".into())), &request), None);
    assert_eq!(apply(Target::Record, upsert(Source::Context("missing".into())), &request), None);
    let edited = apply(Target::Record, upsert(Source::Context("tenant".into())), &request).unwrap();
    assert!(edited.windows(2).any(|window| window == b"t1"));
}

#[test]
fn a_missing_resource_is_made() {
    let request = field(1, &field(2, &field(2, &[])));
    let insert = Action::Insert { key: "k".into(), from: literal("v") };
    let resource = field(1, &field(1, &attribute("k", &text("v"))));
    let expected = field(1, &[resource, field(2, &field(2, &[]))].concat());
    assert_eq!(apply(Target::Resource, insert, &request), Some(expected));
    let delete = Action::Delete { key: "k".into() };
    assert_eq!(apply(Target::Resource, delete, &request), None);
}

#[test]
fn a_resource_in_pieces_is_one_list() {
    let piece = |key: &str, value: &str| field(1, &field(1, &attribute(key, &text(value))));
    let request = field(1, &[piece("a", "1"), piece("b", "2")].concat());
    let insert = Action::Insert { key: "a".into(), from: literal("3") };
    assert_eq!(apply(Target::Resource, insert, &request), None);
    let upsert = Action::Upsert { key: "b".into(), from: Source::Attribute("a".into()) };
    assert_eq!(apply(Target::Resource, upsert, &request), Some(field(1, &[piece("a", "1"), piece("b", "1")].concat())));
}

#[test]
fn rename_keeps_place_value_and_unknown_fields() {
    let odd = |key: &str| [field(1, key.as_bytes()), field(2, &text("v")), field(80, b"odd")].concat();
    let request = log(&[], &[attribute("x", &text("1")), odd("old"), attribute("new", &text("gone"))]);
    let rename = Action::Rename { key: "old".into(), to: "new".into() };
    assert_eq!(apply(Target::Record, rename, &request), Some(log(&[], &[attribute("x", &text("1")), odd("new")])));
}

#[test]
fn hash_takes_the_bytes_the_collector_takes() {
    let hashed = |value: &[u8]| {
        let hash = Action::Hash { key: "k".into() };
        let request = log(&[], &[attribute("k", value)]);
        apply(Target::Record, hash, &request).expect("a hash differs from its value")
    };
    let expect = |hex: &str| log(&[], &[attribute("k", &text(hex))]);
    // Digests by sha256sum of: abc; 01; 00; eight little-endian bytes of 1; eight little-endian bytes of 1.5.
    assert_eq!(hashed(&text("abc")), expect("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(hashed(&[0x10, 1]), expect("4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"));
    assert_eq!(hashed(&[0x10, 0]), expect("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"));
    assert_eq!(hashed(&[0x18, 1]), expect("7c9fa136d4413fa6173637e883b6998d32e1d675f88cddff9dcbcf331820f4b8"));
    let double = Literal::Double(1.5).encode();
    assert_eq!(hashed(&double), expect("e163f8cb0f7067a7fc78ca859a77f849aea3214f38fb75b884e4a16be725c905"));
    assert_eq!(hashed(&field(7, b"bytes")), expect(""));
}

#[test]
fn conversions_that_fail_leave_the_value() {
    let converted = |value: Literal, to: ConvertTo| {
        let request = log(&[], &[attribute("k", &value.encode())]);
        let edited = apply(Target::Record, Action::Convert { key: "k".into(), to }, &request)?;
        let record = crate::view::Request::new(Signal::Logs, &edited).resources().next()?.scopes().next()?;
        let value = record.records().next()?.attributes().get("k")?;
        Some(format!("{value:?}"))
    };
    let text = |text: &str| Literal::Text(text.into());
    for (from, to, expected) in [
        (text("42"), ConvertTo::Int, Some("Int(42)")),
        (text("4.2"), ConvertTo::Int, None),
        (text("99999999999999999999"), ConvertTo::Int, None),
        (Literal::Double(-2.9), ConvertTo::Int, Some("Int(-2)")),
        (Literal::Bool(true), ConvertTo::Int, Some("Int(1)")),
        (Literal::Int(7), ConvertTo::Int, None),
        (text("1e3"), ConvertTo::Double, Some("Double(1000.0)")),
        (text("1e999"), ConvertTo::Double, None),
        (text("inf"), ConvertTo::Double, Some("Double(inf)")),
        (Literal::Int(-3), ConvertTo::Double, Some("Double(-3.0)")),
        (Literal::Array(vec![]), ConvertTo::Double, None),
        (Literal::Int(0), ConvertTo::Bool, Some("Bool(false)")),
        (text("TRUE"), ConvertTo::Bool, Some("Bool(true)")),
        (text("yes"), ConvertTo::Bool, None),
        (Literal::Int(-7), ConvertTo::Text, Some("Text(\"-7\")")),
        (text("same"), ConvertTo::Text, None),
    ] {
        assert_eq!(converted(from.clone(), to).as_deref(), expected, "{from:?} to {to:?}");
    }
}

#[test]
fn actions_that_cannot_work_are_named() {
    let compile = |action: Action| Edits::compile(Target::Record, vec![action]).unwrap_err();
    let extract = |pattern: &str| Action::Extract { key: "k".into(), pattern: pattern.into() };
    assert_eq!(compile(Action::Delete { key: String::new() }), EditError::MissingKey { action: 0 });
    assert_eq!(compile(extract("abc")), EditError::NoGroups { action: 0 });
    assert_eq!(compile(extract("(?P<a>b)(c)")), EditError::UnnamedGroup { action: 0 });
    assert!(matches!(compile(extract("(")), EditError::Pattern { action: 0, .. }));
}

#[test]
fn selection_sees_resource_scope_and_record() {
    struct Named;
    impl Select for Named {
        fn record(&self, _: &ResourceEntry<'_>, _: &ScopeEntry<'_>, record: &Record<'_>) -> bool {
            matches!(record, Record::Metric(metric) if metric.name() == "chosen")
        }
    }
    let point = |attributes: &[u8]| [field(1, attributes), field(1, attributes)].concat();
    let metric =
        |name: &str, attributes: &[u8]| field(2, &[field(1, name.as_bytes()), field(9, &point(attributes))].concat());
    let stamp = field(9, &attribute("k", &text("v")));
    let request = |chosen: &[u8]| field(1, &field(2, &[metric("other", &[]), metric("chosen", chosen)].concat()));
    let edits = Edits::compile(Target::Record, vec![Action::Insert { key: "k".into(), from: literal("v") }]).unwrap();
    let before = request(&[]);
    let edited = edits.apply(Signal::Metrics, &before, &Named, &|_| None).unwrap();
    assert_eq!(edited.to_vec(), request(&stamp));
}
