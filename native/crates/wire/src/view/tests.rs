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
