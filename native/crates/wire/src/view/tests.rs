use super::*;
use crate::cursor::put_bytes;

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(number, bytes, &mut out);
    out
}

fn attribute(key: &str, value: &str) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
}

#[test]
fn a_resource_in_two_pieces_reads_as_one() {
    let first = field(1, &field(1, &attribute("a", "1")));
    let second = field(1, &field(1, &attribute("b", "2")));
    let request = field(1, &[first, second].concat());
    let entry = Request::new(Signal::Logs, &request).resources().next().unwrap();
    let keys: Vec<_> = entry.attributes().iter().map(|attribute| attribute.key()).collect();
    assert_eq!(keys, [Text(b"a"), Text(b"b")]);
    assert_eq!(entry.attributes().get("b").unwrap().as_text().unwrap(), "2");
    assert!(entry.attributes().get("c").is_none());
}

#[test]
fn the_last_value_of_a_oneof_counts() {
    let bytes = [field(1, b"text"), vec![0x18, 0x05]].concat();
    assert!(matches!(Value::of(&bytes), Value::Int(5)));
}

#[test]
fn unchecked_bytes_show_less_and_do_not_panic() {
    let request = field(1, &[field(2, &field(2, b"\x2a\x03abc\x2a\xff")), vec![0x12, 0x7f]].concat());
    let names: Vec<_> = Request::new(Signal::Traces, &request)
        .resources()
        .flat_map(|entry| entry.scopes())
        .flat_map(|entry| entry.records())
        .filter_map(|record| match record {
            Record::Span(span) => Some(span.name()),
            _ => None,
        })
        .collect();
    assert_eq!(names, [Text(b"abc")]);
}

#[test]
fn packed_and_single_numbers_read_alike() {
    let packed = field(2, &[1, 0x80, 0x01, 3]);
    let single = [0x10, 1, 0x10, 0x80, 0x01, 0x10, 3];
    for bytes in [&packed[..], &single] {
        let point = field(8, bytes);
        let metric = field(10, &field(1, &point));
        let counts: Vec<_> = Metric::new(&metric).points().flat_map(|point| point.positive().counts()).collect();
        assert_eq!(counts, [1, 128, 3]);
    }
}

#[test]
fn values_read_as_text_the_way_the_collector_writes_them() {
    use crate::edit::Literal::{self, *};
    let say = |literal: Literal| Value::of(&literal.encode()).to_text().into_owned();
    for (double, expected) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-2.5e-10, "-2.5e-10"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (f64::NAN, "json: unsupported value: NaN"),
        (f64::INFINITY, "json: unsupported value: +Inf"),
        (f64::NEG_INFINITY, "json: unsupported value: -Inf"),
    ] {
        assert_eq!(say(Double(double)), expected);
    }
    assert_eq!(say(Empty), "");
    assert_eq!(say(Bool(true)), "true");
    assert_eq!(say(Int(i64::MIN)), "-9223372036854775808");
    assert_eq!(say(Bytes(vec![0xff, 0])), "/wA=");
    let member = |key: &str, value: Literal| (key.to_owned(), value);
    let inner = Array(vec![Empty, Double(1.5), Bytes(vec![1]), Text("<\"\n\u{1}>".into())]);
    let map = Map(vec![member("b", inner), member("a", Int(1)), member("a", Int(2))]);
    assert_eq!(say(map), r#"{"a":2,"b":[null,1.5,"AQ==","\u003c\"\n\u0001\u003e"]}"#);
    assert_eq!(say(Array(vec![Double(f64::NAN)])), "");
}
