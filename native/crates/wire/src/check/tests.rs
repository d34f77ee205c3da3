use super::*;
use crate::cursor::{put_bytes, put_tag, put_varint};

fn limits() -> Limits {
    Limits::default()
}

/// Wraps bytes in length-delimited fields, innermost number last.
fn wrap(numbers: &[u32], inner: &[u8]) -> Vec<u8> {
    numbers.iter().rev().fold(inner.to_vec(), |inner, number| {
        let mut out = Vec::new();
        put_bytes(*number, &inner, &mut out);
        out
    })
}

/// A trace request with one span made of these bytes.
fn with_span(span: &[u8]) -> Vec<u8> {
    wrap(&[1, 2, 2], span)
}

#[test]
fn an_empty_request_is_valid_and_holds_nothing() {
    for signal in Signal::ALL {
        let request = check(signal, &[], &limits()).unwrap();
        assert_eq!(request.counts(), Counts::default());
    }
}

#[test]
fn ids_have_their_length_or_none() {
    for (number, good, name) in [(1, 16, "trace_id"), (2, 8, "span_id"), (4, 8, "parent_span_id")] {
        for length in 0..33 {
            let request = with_span(&wrap(&[number], &vec![7; length]));
            let result = check(Signal::Traces, &request, &limits());
            if length == 0 || length == good {
                assert_eq!(result.unwrap().counts().items, 1);
            } else {
                let offset = request.len() - length;
                assert_eq!(result.unwrap_err(), WireError::IdLength { field: name, length, offset });
            }
        }
    }
}

#[test]
fn a_known_field_keeps_its_wire_type() {
    let mut name_as_varint = Vec::new();
    put_tag(5, WireType::Varint, &mut name_as_varint);
    put_varint(1, &mut name_as_varint);
    let error = check(Signal::Traces, &with_span(&name_as_varint), &limits()).unwrap_err();
    assert!(matches!(error, WireError::WrongWireType { field: "name", .. }), "{error}");
    let error = check(Signal::Traces, &wrap(&[1, 2, 2, 7], &[0; 8]), &limits()).unwrap_err();
    assert!(matches!(error, WireError::WrongWireType { field: "start_time_unix_nano", .. }), "{error}");
    assert!(!error.is_limit());
}

#[test]
fn unknown_fields_are_stepped_over_at_every_level() {
    let mut span = wrap(&[400], &[0xff; 9]);
    put_tag(401, WireType::Fixed32, &mut span);
    span.extend([1, 2, 3, 4]);
    let mut request = with_span(&span);
    put_tag(99, WireType::Varint, &mut request);
    put_varint(u64::MAX, &mut request);
    assert_eq!(check(Signal::Traces, &request, &limits()).unwrap().counts().items, 1);
    request.pop();
    assert!(check(Signal::Traces, &request, &limits()).is_err());
}

#[test]
fn repeated_numbers_come_packed_or_single() {
    let point = [wrap(&[6], &[0; 16]), vec![0x31, 1, 2, 3, 4, 5, 6, 7, 8]].concat();
    let request = wrap(&[1, 2, 2, 9, 1], &point);
    let counts = check(Signal::Metrics, &request, &limits()).unwrap().counts();
    assert_eq!(counts, Counts { items: 1, resources: 1, scopes: 1, records: 1 });
    let lie = wrap(&[1, 2, 2, 9, 1, 6], &[0; 15]);
    assert!(matches!(check(Signal::Metrics, &lie, &limits()), Err(WireError::Truncated { .. })));
}

#[test]
fn the_attribute_limit_counts_each_list_alone() {
    let attribute = wrap(&[9], &[]);
    let ten = with_span(&attribute.repeat(10));
    let two_spans = [ten.clone(), ten.clone()].concat();
    let limits = Limits { max_attributes: 10, ..limits() };
    assert_eq!(check(Signal::Traces, &two_spans, &limits).unwrap().counts().items, 2);
    let eleven = with_span(&attribute.repeat(11));
    let error = check(Signal::Traces, &eleven, &limits).unwrap_err();
    assert_eq!(error, WireError::TooManyAttributes { limit: 10 });
    assert!(error.is_limit());
    // Members of a value are not attributes.
    let members = wrap(&[1, 2, 2, 9, 2, 6], &wrap(&[1], &[]).repeat(11));
    assert!(check(Signal::Traces, &members, &limits).is_ok());
}

#[test]
fn levels_are_counted_in_values() {
    let limits = Limits { max_depth: 3, ..limits() };
    // A log body that is an array of arrays: field 5, then value -> array (5) -> values (1) per further level.
    let nested = |levels: usize| {
        let mut path = vec![1, 2, 2, 5];
        path.extend([5, 1].repeat(levels - 1));
        wrap(&path, &[])
    };
    assert!(check(Signal::Logs, &nested(3), &limits).is_ok());
    assert_eq!(check(Signal::Logs, &nested(4), &limits).unwrap_err(), WireError::TooDeep { limit: 3 });
}
