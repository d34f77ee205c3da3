use super::*;
use teleferric_wire::{Limits, json};

fn request(signal: Signal, text: &str) -> Payload {
    let mut proto = Vec::new();
    json::to_proto(signal, text.as_bytes(), &Limits::default(), &mut proto).unwrap();
    Payload::from(bytes::Bytes::from(proto))
}

/// A request of one resource with this service name and records of these severities.
fn logs(service: &str, severities: &[i32]) -> Payload {
    let records: Vec<_> = severities.iter().map(|number| format!(r#"{{"severityNumber":{number}}}"#)).collect();
    let resource = format!(r#"{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}}"#);
    let scopes = format!(r#"[{{"logRecords":[{}]}}]"#, records.join(","));
    request(Signal::Logs, &format!(r#"{{"resourceLogs":[{{"resource":{resource},"scopeLogs":{scopes}}}]}}"#))
}

fn spans(codes: &[i32]) -> Payload {
    let spans: Vec<_> = codes.iter().map(|code| format!(r#"{{"status":{{"code":{code}}}}}"#)).collect();
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    request(Signal::Traces, &text)
}

fn metrics() -> Payload {
    let point = r#"{"name":"m","gauge":{"dataPoints":[{"asInt":"1"}]}}"#;
    request(Signal::Metrics, &format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{point}]}}]}}]}}"#))
}

fn class(priorities: &Priorities, signal: Signal, payload: &Payload) -> u8 {
    let class = priorities.class(signal, payload);
    let (best, worst) = priorities.range(signal);
    assert!((best..=worst).contains(&class), "{class:?} is not in {best:?}..={worst:?}");
    class.number()
}

fn rule(number: u8, signals: &[Signal], severity: i32, resource_attributes: &[(&str, &str)]) -> PriorityRule {
    let resource_attributes = resource_attributes.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    PriorityRule { class: Class::new(number).unwrap(), signals: signals.to_vec(), severity, resource_attributes }
}

#[test]
fn metrics_and_errors_matter_most_and_debugging_least() {
    let defaults = Priorities::default();
    assert_eq!(class(&defaults, Signal::Metrics, &metrics()), 1);
    for (codes, expected) in [(&[0, 1][..], 2), (&[0, 2, 0], 1)] {
        assert_eq!(class(&defaults, Signal::Traces, &spans(codes)), expected, "{codes:?}");
    }
    for (severities, expected) in [(&[1, 8][..], 3), (&[9], 2), (&[0], 2), (&[5, 16], 2), (&[5, 17], 1), (&[24], 1)] {
        assert_eq!(class(&defaults, Signal::Logs, &logs("a", severities)), expected, "{severities:?}");
    }
}

#[test]
fn the_most_important_resource_decides() {
    let mut payload = logs("a", &[1]);
    payload.append(logs("b", &[20]));
    payload.append(logs("c", &[9]));
    assert_eq!(class(&Priorities::default(), Signal::Logs, &payload), 1);
}

#[test]
fn the_first_rule_that_fits_wins_over_the_defaults() {
    let priorities = Priorities::new(vec![
        rule(0, &[Signal::Logs], 17, &[("service.name", "pay")]),
        rule(3, &[], 1, &[("service.name", "batch")]),
        rule(1, &[Signal::Logs], 13, &[]),
    ]);
    for (service, severities, expected) in [
        ("pay", &[17][..], 0),
        ("pay", &[13], 1),
        ("pay", &[9], 2),
        ("batch", &[24], 3),
        ("other", &[24], 1),
        ("other", &[5], 3),
    ] {
        assert_eq!(class(&priorities, Signal::Logs, &logs(service, severities)), expected, "{service} {severities:?}");
    }
}

#[test]
fn a_rule_for_a_whole_signal_decides_before_anything_is_read() {
    let priorities = Priorities::new(vec![rule(2, &[Signal::Metrics], 1, &[])]);
    assert_eq!(priorities.range(Signal::Metrics), (Class(2), Class(2)));
    assert_eq!(priorities.range(Signal::Logs), (Class(1), Class(3)));
    assert_eq!(priorities.range(Signal::Profiles), (Class(2), Class(2)));
    assert_eq!(class(&priorities, Signal::Metrics, &metrics()), 2);
}
