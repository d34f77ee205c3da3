use super::*;

fn filter(signal: Signal, rules: &[(Context, &str)], on_error: OnError) -> Filter {
    let rules = rules.iter().map(|(context, text)| {
        let condition = Condition::parse(text, *context).unwrap();
        Rule { context: *context, condition, on_error }
    });
    Filter::new(signal, rules.collect())
}

fn proto(signal: Signal, json: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::json::to_proto(signal, json.as_bytes(), &crate::Limits::default(), &mut bytes).unwrap();
    bytes
}

fn json(signal: Signal, bytes: &[u8]) -> String {
    let mut text = Vec::new();
    crate::json::from_proto(signal, &[bytes::Bytes::copy_from_slice(bytes)], &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// What a filter leaves of a request, and how many items.
fn left(filter: &Filter, bytes: &[u8]) -> (Option<Vec<u8>>, u64) {
    let filtered = filter.apply(bytes).unwrap();
    (filtered.edited.map(|edited| edited.to_vec()), filtered.items)
}

const LOGS: &str = r#"{"resourceLogs":[
    {"scopeLogs":[{"logRecords":[{"severityNumber":5},{"severityNumber":9}]},{"logRecords":[{"severityNumber":5}]}]},
    {"scopeLogs":[{"logRecords":[{"severityNumber":5}]}]}]}"#;

#[test]
fn what_is_empty_without_them_goes_too() {
    let debug = filter(Signal::Logs, &[(Context::Log, "severity_number < SEVERITY_NUMBER_INFO")], OnError::Propagate);
    let (left, items) = left(&debug, &proto(Signal::Logs, LOGS));
    assert_eq!(items, 1);
    assert_eq!(
        json(Signal::Logs, &left.unwrap()),
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9}]}]}]}"#
    );
}

#[test]
fn nothing_left_out_is_nothing_changed_and_all_left_out_is_empty() {
    let none = filter(Signal::Logs, &[(Context::Log, "false")], OnError::Propagate);
    let bytes = proto(Signal::Logs, LOGS);
    assert_eq!(left(&none, &bytes), (None, 4));
    let all = filter(Signal::Logs, &[(Context::Resource, "true")], OnError::Propagate);
    assert_eq!(left(&all, &bytes), (Some(Vec::new()), 0));
    let others = filter(Signal::Logs, &[(Context::Span, "true")], OnError::Propagate);
    assert!(others.is_idle() && !all.is_idle());
}

#[test]
fn what_was_empty_before_stays() {
    let logs = r#"{"resourceLogs":[{},{"scopeLogs":[{}]},{"scopeLogs":[{},{"logRecords":[{"severityNumber":5}]}]}]}"#;
    let bytes = proto(Signal::Logs, logs);
    let none = filter(Signal::Logs, &[(Context::Log, "severity_number > 5")], OnError::Propagate);
    assert_eq!(left(&none, &bytes).0, None);
    let all = filter(Signal::Logs, &[(Context::Log, "severity_number == 5")], OnError::Propagate);
    assert_eq!(
        json(Signal::Logs, &left(&all, &bytes).0.unwrap()),
        r#"{"resourceLogs":[{},{"scopeLogs":[{}]},{"scopeLogs":[{}]}]}"#
    );
}

#[test]
fn span_events_go_and_their_span_stays() {
    let spans = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","events":[{"name":"x"},{"name":"y"}]}]}]}]}"#;
    let rules = [(Context::SpanEvent, r#"name == "x" and span.name == "a""#), (Context::Scope, r#"name == "z""#)];
    let filter = filter(Signal::Traces, &rules, OnError::Propagate);
    let (left, items) = left(&filter, &proto(Signal::Traces, spans));
    assert_eq!(items, 1);
    assert_eq!(
        json(Signal::Traces, &left.unwrap()),
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","events":[{"name":"y"}]}]}]}]}"#
    );
}

#[test]
fn a_metric_goes_with_its_last_point() {
    let metrics = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"a","sum":{"dataPoints":[{"asInt":"1"},{"asInt":"2"}]}},{"name":"b","gauge":{"dataPoints":[{"asInt":"1"}]}},
        {"name":"c","summary":{"dataPoints":[{"count":"3"}]}},{"name":"d"}]}]}]}"#;
    let bytes = proto(Signal::Metrics, metrics);
    let ones = filter(Signal::Metrics, &[(Context::DataPoint, "value_int == 1")], OnError::Propagate);
    let (left, items) = left(&ones, &bytes);
    assert_eq!(items, 2);
    let expected = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","sum":{"dataPoints":[{"asInt":"2"}]}},{"name":"c","summary":{"dataPoints":[{"count":"3"}]}},{"name":"d"}]}]}]}"#;
    assert_eq!(json(Signal::Metrics, &left.unwrap()), expected);
    let sums = filter(Signal::Metrics, &[(Context::Metric, "type == METRIC_DATA_TYPE_SUM")], OnError::Propagate);
    assert_eq!(sums.apply(&bytes).unwrap().items, 2);
}

#[test]
fn errors_are_told_kept_quiet_or_passed_on() {
    let bytes = proto(Signal::Logs, LOGS);
    let rules = [(Context::Log, "Len(severity_number) == 1"), (Context::Log, "severity_number == 9")];
    let [pass_on, tell, keep_quiet] =
        [OnError::Propagate, OnError::Ignore, OnError::Silent].map(|on_error| filter(Signal::Logs, &rules, on_error));
    let error = pass_on.apply(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "condition \"Len(severity_number) == 1\": Len cannot take an integer");
    let (told, quiet) = (tell.apply(&bytes).unwrap(), keep_quiet.apply(&bytes).unwrap());
    assert_eq!((told.items, told.error.unwrap().condition), (3, "Len(severity_number) == 1"));
    assert_eq!((quiet.items, quiet.error), (3, None));
}

#[test]
fn unchecked_bytes_do_no_harm() {
    let bytes = proto(Signal::Logs, LOGS);
    let all = filter(Signal::Logs, &[(Context::Log, "severity_number == 5")], OnError::Propagate);
    for end in 0..bytes.len() {
        let _ = all.apply(&bytes[..end]);
        let mut bent = bytes.clone();
        bent[end] ^= 0x55;
        let _ = all.apply(&bent);
    }
}
