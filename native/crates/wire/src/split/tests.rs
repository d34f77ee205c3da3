use super::*;
use crate::cursor::put_bytes;
use crate::{Limits, check};

fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(number, bytes, &mut out);
    out
}

fn items(limit: u64) -> Max {
    Max { items: Some(limit), bytes: None }
}

fn bytes(limit: u64) -> Max {
    Max { items: None, bytes: Some(limit) }
}

/// Trace request: one resource with a header field and an unknown field, one scope likewise, these span names.
fn spans(names: &[&str]) -> Vec<u8> {
    let spans: Vec<u8> = names.iter().flat_map(|name| field(2, &field(5, name.as_bytes()))).collect();
    let scope = [field(1, &field(1, b"scope")), spans, field(77, b"unknown in scope"), field(3, b"url")].concat();
    let entry = [field(1, &[]), field(2, &scope), field(78, b"unknown in resource")].concat();
    [field(1, &entry), field(79, b"unknown in request")].concat()
}

#[test]
fn a_request_that_fits_comes_back_as_it_was() {
    let request = spans(&["a", "b"]);
    let whole = vec![Part { bytes: request.clone(), items: 2 }];
    assert_eq!(split(Signal::Traces, &request, Max::default(), items(1)), whole);
    assert_eq!(split(Signal::Traces, &request, bytes(request.len() as u64), items(1)), whole);
}

#[test]
fn headers_and_unknown_fields_stand_in_every_part() {
    let request = spans(&["a", "b", "c"]);
    let parts = split(Signal::Traces, &request, items(2), items(2));
    assert_eq!(parts.iter().map(|part| part.items).collect::<Vec<_>>(), [2, 1]);
    for part in &parts {
        for text in ["scope", "url", "unknown in scope", "unknown in resource", "unknown in request"] {
            assert_eq!(part.bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count(), {
                // "scope" occurs in "unknown in scope" too.
                if text == "scope" { 2 } else { 1 }
            });
        }
        assert!(check(Signal::Traces, &part.bytes, &Limits::default()).is_ok());
    }
}

#[test]
fn the_first_part_fills_a_batch_that_is_half_full() {
    let request = spans(&["a", "b", "c", "d", "e"]);
    let parts = split(Signal::Traces, &request, items(1), items(3));
    assert_eq!(parts.iter().map(|part| part.items).collect::<Vec<_>>(), [1, 3, 1]);
}

#[test]
fn a_first_limit_that_nothing_fits_gives_way_to_the_rest() {
    let request = spans(&["a", "b", "c"]);
    let parts = split(Signal::Traces, &request, items(0), items(2));
    assert_eq!(parts.iter().map(|part| part.items).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn an_item_above_the_byte_limit_travels_alone() {
    let long = "x".repeat(500);
    let request = spans(&["a", "b", &long, "c", "d"]);
    let parts = split(Signal::Traces, &request, bytes(200), bytes(200));
    assert_eq!(parts.iter().map(|part| part.items).collect::<Vec<_>>(), [2, 1, 2]);
    assert!(parts[0].bytes.len() <= 200 && parts[1].bytes.len() > 500 && parts[2].bytes.len() <= 200);
}

#[test]
fn entries_without_items_leave_no_envelope() {
    assert_eq!(split(Signal::Traces, &spans(&[]), Max::default(), Max::default()), []);
    let request = [spans(&[]), spans(&["a", "b"]), spans(&[])].concat();
    let parts = split(Signal::Traces, &request, items(1), items(1));
    assert_eq!(parts.len(), 2);
    for part in parts {
        let counts = check(Signal::Traces, &part.bytes, &Limits::default()).unwrap().counts();
        assert_eq!((counts.resources, counts.scopes, counts.items), (1, 1, 1));
    }
}

#[test]
fn a_metric_is_cut_between_its_points() {
    let points: Vec<u8> = (0..5_u8).flat_map(|point| field(1, &[0x19, point, 0, 0, 0, 0, 0, 0, 0])).collect();
    let metric = [field(1, b"name"), field(7, &[points, vec![0x10, 2]].concat()), field(3, b"unit")].concat();
    let request = field(1, &field(2, &field(2, &metric)));
    let parts = split(Signal::Metrics, &request, items(2), items(2));
    assert_eq!(parts.iter().map(|part| part.items).collect::<Vec<_>>(), [2, 2, 1]);
    for part in &parts {
        let request = crate::view::Request::new(Signal::Metrics, &part.bytes);
        let record = request.resources().flat_map(|entry| entry.scopes()).flat_map(|scope| scope.records()).next();
        let Some(crate::view::Record::Metric(metric)) = record else { panic!("a part without metric") };
        assert!(metric.name() == "name" && metric.unit() == "unit" && metric.temporality() == 2);
    }
}

#[test]
fn a_metric_with_two_data_fields_is_not_cut() {
    let points = field(1, &[]).repeat(3);
    let metric = [field(5, &points), field(7, &points)].concat();
    let request = field(1, &field(2, &field(2, &metric)));
    let parts = split(Signal::Metrics, &request, items(2), items(2));
    assert_eq!(parts, [Part { bytes: request, items: 6 }]);
}

#[test]
fn profiles_stay_whole() {
    let request = field(1, &field(2, &field(2, &field(2, &[]).repeat(4))));
    assert_eq!(split(Signal::Profiles, &request, items(1), items(1)), [Part { bytes: request, items: 4 }]);
}

#[test]
fn a_giant_header_is_not_repeated_for_ever() {
    let header = field(1, &field(1, &field(1, &vec![b'k'; 1 << 20])));
    let spans = field(2, &field(2, &[]).repeat(1_000));
    let request = field(1, &[header, spans].concat());
    let parts = split(Signal::Traces, &request, items(1), items(1));
    assert_eq!(parts.iter().map(|part| part.items).sum::<u64>(), 1_000);
    let total: usize = parts.iter().map(|part| part.bytes.len()).sum();
    assert!(total < 20 * request.len(), "{total} bytes from {}", request.len());
}
