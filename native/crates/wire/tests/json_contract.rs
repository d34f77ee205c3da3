//! What OTLP says about JSON, clause by clause; statements 35 to 44 of the conformance list are named in the tests.

#![allow(clippy::unwrap_used)] // helpers of tests are not tests to clippy

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint, metric};
use opentelemetry_proto::tonic::profiles::v1development::Profile;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use teleferric_wire::json::{from_proto, to_proto};
use teleferric_wire::{Limits, Signal, WireError, check};

const TRACE_ID: [u8; 16] = *b"\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c";

#[test]
fn s35_hex_ids_decode_in_any_case_and_a_wrong_length_is_refused() {
    for id in
        ["5b8efff798038103d269b633813fc60c", "5B8EFFF798038103D269B633813FC60C", "5b8eFFf798038103D269b633813fC60c"]
    {
        assert_eq!(span(&format!(r#""traceId":"{id}""#)).trace_id, TRACE_ID);
    }
    assert_eq!(span(r#""spanId":"EEE19b7ec3C1B174""#).span_id, b"\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74");
    for members in [
        r#""traceId":"5b8efff798038103d269b633813fc60""#,
        r#""traceId":"5b8efff798038103d269b633813fc60c0""#,
        r#""traceId":"5b8efff798038103d269b633813fc60g""#,
        r#""traceId":"eee19b7ec3c1b174""#,
        r#""traceId":"W47/95gDgQPSabYzgT/GDA==""#,
        r#""spanId":"eee19b7ec3c1b1""#,
        r#""parentSpanId":" eee19b7ec3c1b17""#,
        r#""parentSpanId":"5b8efff798038103d269b633813fc60c""#,
        r#""links":[{"traceId":"5b"}]"#,
        r#""links":[{"spanId":"5b"}]"#,
        r#""traceId":7"#,
    ] {
        assert!(refused_span(members), "{members}");
    }
}

#[test]
fn s35_ids_are_hexadecimal_in_every_message() {
    let hex = "5b8efff798038103d269b633813fc60c";
    let link = &span(&format!(r#""links":[{{"traceId":"{hex}"}}]"#)).links[0];
    assert_eq!(link.trace_id, TRACE_ID);
    let log = log(&format!(r#""traceId":"{hex}","spanId":"eee19b7ec3c1b174""#));
    assert_eq!((log.trace_id.as_slice(), log.span_id.len()), (&TRACE_ID[..], 8));
    let point = histogram_point(&format!(r#""exemplars":[{{"traceId":"{hex}","spanId":"eee19b7ec3c1b174"}}]"#));
    assert_eq!((point.exemplars[0].trace_id.as_slice(), point.exemplars[0].span_id.len()), (&TRACE_ID[..], 8));
    assert_eq!(profile(&format!(r#""profileId":"{hex}""#)).profile_id, TRACE_ID);
    let proto = read(Signal::Profiles, &format!(r#"{{"dictionary":{{"linkTable":[{{"traceId":"{hex}"}}]}}}}"#));
    let request = ExportProfilesServiceRequest::decode(proto.as_slice()).unwrap();
    assert_eq!(request.dictionary.unwrap().link_table[0].trace_id, TRACE_ID);
}

#[test]
fn ids_are_written_in_lower_case() {
    let written = rewritten_span(r#""traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174""#);
    assert_eq!(written, r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174""#);
}

#[test]
fn s36_base64_is_standard_and_padded_both_ways() {
    for (text, bytes) in
        [("", &b""[..]), ("/w==", b"\xff"), ("+/8=", b"\xfb\xff"), ("AAEC", b"\0\x01\x02"), ("/x==", b"\xff")]
    {
        let json = format!(r#"{{"bytesValue":"{text}"}}"#);
        assert_eq!(value(&json), Value::BytesValue(bytes.to_vec()), "{text}");
    }
    assert_eq!(rewritten_value(r#"{"bytesValue":"+/8="}"#), r#"{"bytesValue":"+/8="}"#);
    for text in ["_w==", "-_8=", "/w", "/w=", "/w===", "/", "AA=A", "A A=", "AAEC\\n"] {
        assert!(refused_value(&format!(r#"{{"bytesValue":"{text}"}}"#)), "{text}");
    }
    assert_eq!(profile(r#""originalPayload":"AAEC""#).original_payload, [0, 1, 2]);
}

#[test]
fn s37_64_bit_integers_are_exact_as_strings_and_as_numbers() {
    for number in ["0", "-1", "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808"] {
        let expected = Value::IntValue(number.parse().unwrap());
        assert_eq!(value(&format!(r#"{{"intValue":{number}}}"#)), expected);
        assert_eq!(value(&format!(r#"{{"intValue":"{number}"}}"#)), expected);
        assert_eq!(rewritten_value(&format!(r#"{{"intValue":{number}}}"#)), format!(r#"{{"intValue":"{number}"}}"#));
    }
    for number in [
        "9223372036854775808",
        "-9223372036854775809",
        "1.5",
        "\"1.5\"",
        "\"\"",
        "\" 1\"",
        "\"0x1\"",
        "true",
        "[]",
        "{}",
    ] {
        assert!(refused_value(&format!(r#"{{"intValue":{number}}}"#)), "{number}");
    }
    for number in ["1e3", "\"1e3\"", "1000.0", "10000E-1"] {
        assert_eq!(value(&format!(r#"{{"intValue":{number}}}"#)), Value::IntValue(1000), "{number}");
    }
}

#[test]
fn s38_timestamps_are_exact_and_written_as_strings() {
    for time in ["1544712660300000001", "18446744073709551615"] {
        let (quoted, bare) = (format!(r#""startTimeUnixNano":"{time}""#), format!(r#""startTimeUnixNano":{time}"#));
        assert_eq!(span(&quoted).start_time_unix_nano.to_string(), time);
        assert_eq!(span(&bare).start_time_unix_nano.to_string(), time);
        assert_eq!(rewritten_span(&bare), quoted);
    }
    for time in ["18446744073709551616", "-1", "\"-1\"", "\"now\""] {
        assert!(refused_span(&format!(r#""startTimeUnixNano":{time}"#)), "{time}");
    }
}

#[test]
fn all_64_bit_fields_are_written_as_strings_and_all_others_as_numbers() {
    let point = r#""timeUnixNano":"1","count":"2","scale":-3,"zeroCount":"4","positive":{"offset":-5,"bucketCounts":["6","0"]},"flags":1"#;
    assert_eq!(rewritten_exponential_point(point), point);
    let sample =
        r#""timeUnixNano":"1","durationNano":"2","period":"-3","droppedAttributesCount":4,"attributeIndices":[0,7]"#;
    assert_eq!(rewritten_profile(sample), sample);
    assert_eq!(rewritten_span(r#""flags":4294967295"#), r#""flags":4294967295"#);
}

#[test]
fn integers_of_32_bits_may_be_strings_and_must_fit() {
    assert_eq!(span(r#""flags":"257","droppedEventsCount":"3""#).flags, 257);
    let point = exponential_point(r#""scale":"-3","positive":{"offset":"-2147483648"}"#);
    assert_eq!((point.scale, point.positive.unwrap().offset), (-3, i32::MIN));
    for members in [r#""flags":4294967296"#, r#""flags":-1"#, r#""droppedEventsCount":"4294967296""#] {
        assert!(refused_span(members), "{members}");
    }
}

#[test]
fn s39_enums_are_integers_out_and_integers_or_names_in() {
    assert_eq!(span(r#""kind":2"#).kind, 2);
    assert_eq!(span(r#""kind":"SPAN_KIND_SERVER""#).kind, 2);
    assert_eq!(rewritten_span(r#""kind":"SPAN_KIND_SERVER""#), r#""kind":2"#);
    assert_eq!(log(r#""severityNumber":"SEVERITY_NUMBER_FATAL4""#).severity_number, 24);
    assert_eq!(span(r#""status":{"code":"STATUS_CODE_ERROR"}"#).status.unwrap().code, 2);
    // Numbers of newer peers pass.
    assert_eq!(span(r#""kind":99"#).kind, 99);
    assert_eq!(rewritten_span(r#""kind":-7"#), r#""kind":-7"#);
    for kind in [r#""SERVER""#, r#""span_kind_server""#, r#""""#, r#""2""#, "2147483648", "1.5", "true"] {
        assert!(refused_span(&format!(r#""kind":{kind}"#)), "{kind}");
    }
}

#[test]
fn s40_unknown_keys_are_skipped_at_every_depth() {
    let plain = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":{"arrayValue":{"values":[{"stringValue":"v"}]}}}]},"scopeSpans":[{"scope":{"name":"s"},"spans":[{"name":"n","events":[{"name":"e"}],"status":{"code":1}}]}]}]}"#;
    for unknown in [
        r#"{"traceId":1,"deep":{"er":[[],{},"}"]}}"#,
        r#"[1,[2,{"resourceSpans":[]}]]"#,
        r#""text \" with ] and }""#,
        "-1.5e300",
        "null",
        "true",
    ] {
        let with_first = plain.replace('{', &format!(r#"{{"unknown":{unknown},"#));
        let with_last = plain.replace('}', &format!(r#","unknown":{unknown}}}"#));
        for json in [with_first, with_last] {
            assert_eq!(read(Signal::Traces, &json), read(Signal::Traces, plain), "{json}");
        }
    }
}

#[test]
fn s41_snake_case_is_read_and_never_written() {
    let snake = r#"{"resource_spans":[{"scope_spans":[{"spans":[{"trace_id":"5b8efff798038103d269b633813fc60c","parent_span_id":"eee19b7ec3c1b174","start_time_unix_nano":7,"attributes":[{"key":"k","value":{"string_value":"v"}}]}],"schema_url":"u"}]}]}"#;
    let camel = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","parentSpanId":"eee19b7ec3c1b174","startTimeUnixNano":"7","attributes":[{"key":"k","value":{"stringValue":"v"}}]}],"schemaUrl":"u"}]}]}"#;
    assert_eq!(write(Signal::Traces, &read(Signal::Traces, snake)), camel);
    assert_eq!(read(Signal::Traces, snake), read(Signal::Traces, camel));
    // Other spellings are unknown keys.
    assert_eq!(span(r#""TraceId":1,"traceid":1,"trace-id":1,"NAME":1"#), Span::default());
}

#[test]
fn s42_doubles_know_nan_and_the_infinities() {
    for (text, expected) in [
        (r#""Infinity""#, f64::INFINITY),
        (r#""-Infinity""#, f64::NEG_INFINITY),
        ("1", 1.0),
        ("-1.5", -1.5),
        ("1e-7", 1e-7),
        ("1.7976931348623157E+308", f64::MAX),
        (r#""1.5e3""#, 1500.0),
        ("5e-324", 5e-324),
        ("0.1", 0.1),
    ] {
        let double = value(&format!(r#"{{"doubleValue":{text}}}"#));
        assert_eq!(double, Value::DoubleValue(expected), "{text}");
    }
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Value::DoubleValue(nan) if nan.is_nan()));
    for text in ["1e309", "NaN", r#""nan""#, r#""+Infinity""#, r#""inf""#, r#""""#, "true", "[1]"] {
        assert!(refused_value(&format!(r#"{{"doubleValue":{text}}}"#)), "{text}");
    }
}

#[test]
fn doubles_are_written_in_their_shortest_form() {
    for (text, expected) in [
        ("1", "1"),
        ("-0.0", "-0"),
        ("0.1000000000000000055511151231257827", "0.1"),
        ("1e21", "1e21"),
        ("1.5E-7", "1.5e-7"),
        (r#""NaN""#, r#""NaN""#),
        (r#""Infinity""#, r#""Infinity""#),
        (r#""-Infinity""#, r#""-Infinity""#),
    ] {
        let written = rewritten_value(&format!(r#"{{"doubleValue":{text}}}"#));
        assert_eq!(written, format!(r#"{{"doubleValue":{expected}}}"#), "{text}");
    }
}

#[test]
fn s43_an_empty_id_is_an_absent_one() {
    for members in [r#""parentSpanId":"""#, r#""parentSpanId":null"#, r#""traceId":"","spanId":"""#, ""] {
        assert_eq!(read(Signal::Traces, &spans(members)), read(Signal::Traces, &spans("")), "{members}");
    }
    assert_eq!(profile(r#""profileId":"""#), Profile::default());
}

#[test]
fn s44_example_requests_are_accepted_and_rewritten_to_the_same_bytes() {
    for (signal, json, items) in [
        (Signal::Traces, include_str!("data/traces.json"), 2),
        (Signal::Metrics, include_str!("data/metrics.json"), 6),
        (Signal::Logs, include_str!("data/logs.json"), 1),
        (Signal::Logs, include_str!("data/events.json"), 2),
    ] {
        let mut proto = Vec::new();
        let counts = to_proto(signal, json.as_bytes(), &Limits::default(), &mut proto).unwrap();
        assert_eq!(counts.items, items, "{json}");
        assert_eq!(check(signal, &proto, &Limits::default()).unwrap().counts(), counts);
        assert_eq!(read(signal, &write(signal, &proto)), proto);
    }
    let proto = read(Signal::Metrics, include_str!("data/metrics.json"));
    let request = ExportMetricsServiceRequest::decode(proto.as_slice()).unwrap();
    assert_eq!(request.resource_metrics[0].scope_metrics[0].metrics.len(), 5);
}

#[test]
fn absent_null_and_default_are_one_but_for_fields_with_presence() {
    let nothing = read(Signal::Traces, &spans(""));
    for members in [
        r#""name":"","kind":0,"startTimeUnixNano":"0","attributes":[],"droppedLinksCount":0,"flags":0,"events":[]"#,
        r#""name":null,"kind":null,"startTimeUnixNano":null,"attributes":null,"status":null,"flags":null,"links":null"#,
        r#""kind":"SPAN_KIND_UNSPECIFIED","traceState":"""#,
    ] {
        assert_eq!(read(Signal::Traces, &spans(members)), nothing, "{members}");
    }
    // A message that is there is not one that is absent.
    assert!(span(r#""status":{}"#).status.is_some());
    assert_eq!(rewritten_span(r#""status":{"code":0}"#), r#""status":{}"#);
}

#[test]
fn sum_min_and_max_keep_absent_apart_from_zero() {
    let point = histogram_point(r#""sum":0,"min":0.0"#);
    assert_eq!((point.sum, point.min, point.max), (Some(0.0), Some(0.0), None));
    assert_eq!(histogram_point(r#""sum":null"#).sum, None);
    for members in ["", r#""sum":0"#, r#""min":0,"max":0"#, r#""sum":-1.5,"min":0,"max":"NaN""#] {
        assert_eq!(rewritten_histogram_point(members), members);
        assert_eq!(rewritten_exponential_point(members), members);
    }
}

#[test]
fn packed_lists_hold_every_element() {
    let point =
        histogram_point(r#""bucketCounts":["1",0,"18446744073709551615"],"explicitBounds":[0,-1.5,"Infinity"]"#);
    assert_eq!(point.bucket_counts, [1, 0, u64::MAX]);
    assert_eq!(point.explicit_bounds, [0.0, -1.5, f64::INFINITY]);
    let point = exponential_point(r#""negative":{"bucketCounts":[0,"300"]}"#);
    assert_eq!(point.negative.unwrap().bucket_counts, [0, 300]);
    for list in ["[null]", "[1,]", "[[1]]", "1", "\"1\"", "{}"] {
        let json = histogram_points(&format!(r#""bucketCounts":{list}"#));
        assert!(to_proto(Signal::Metrics, json.as_bytes(), &Limits::default(), &mut Vec::new()).is_err(), "{list}");
    }
}

#[test]
fn any_value_holds_every_kind_or_nothing() {
    assert_eq!(value(r#"{"stringValue":""}"#), Value::StringValue(String::new()));
    assert_eq!(value(r#"{"boolValue":false}"#), Value::BoolValue(false));
    assert_eq!(value(r#"{"intValue":0}"#), Value::IntValue(0));
    for json in [
        r#"{"stringValue":""}"#,
        r#"{"boolValue":false}"#,
        r#"{"boolValue":true}"#,
        r#"{"intValue":"0"}"#,
        r#"{"doubleValue":0}"#,
        r#"{"arrayValue":{}}"#,
        r#"{"arrayValue":{"values":[{},{"intValue":"1"},{}]}}"#,
        r#"{"kvlistValue":{}}"#,
        r#"{"kvlistValue":{"values":[{"key":"k","value":{}},{"key":"k"}]}}"#,
        r#"{"bytesValue":""}"#,
        r#"{"stringValueStrindex":0}"#,
        "{}",
    ] {
        assert_eq!(rewritten_value(json), json);
    }
    assert_eq!(rewritten_value(r#"{"arrayValue":{"values":[]}}"#), r#"{"arrayValue":{}}"#);
    assert_eq!(
        rewritten_value(r#"{"arrayValue":{"values":[null,{"intValue":1}]}}"#),
        r#"{"arrayValue":{"values":[{},{"intValue":"1"}]}}"#
    );
    assert_eq!(log(r#""body":null"#).body, None);
    assert_eq!(log(r#""body":{}"#).body, Some(AnyValue { value: None }));
    for json in [
        r#"{"boolValue":"true"}"#,
        r#"{"boolValue":1}"#,
        r#"{"stringValue":1}"#,
        r#"{"arrayValue":[]}"#,
        r#""text""#,
        "[]",
    ] {
        assert!(refused_value(json), "{json}");
    }
}

#[test]
fn values_nested_64_deep_pass_and_the_limit_is_exact() {
    let nested = |levels: usize| {
        let open = r#"{"kvlistValue":{"values":[{"key":"k","value":"#.repeat(levels - 1);
        format!(r#"{open}{{"boolValue":true}}{}"#, "}]}}".repeat(levels - 1))
    };
    assert_eq!(rewritten_value(&nested(64)), nested(64));
    let limits = Limits { max_depth: 10, ..Limits::default() };
    let read =
        |json: &str| to_proto(Signal::Logs, logs(&format!(r#""body":{json}"#)).as_bytes(), &limits, &mut Vec::new());
    assert!(read(&nested(10)).is_ok());
    assert_eq!(read(&nested(11)), Err(WireError::TooDeep { limit: 10 }));
}

#[test]
fn item_and_attribute_limits_apply() {
    let limits = Limits { max_items: 2, max_attributes: 2, ..Limits::default() };
    let read = |signal, json: &str| to_proto(signal, json.as_bytes(), &limits, &mut Vec::new());
    assert!(read(Signal::Logs, r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},{}]}]}]}"#).is_ok());
    assert_eq!(
        read(Signal::Logs, r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{},null]},{"logRecords":[{}]}]}]}"#),
        Err(WireError::TooManyItems { limit: 2 })
    );
    let attributes = |count| vec!["{}"; count].join(",");
    let logs = |members: String| logs(&members);
    assert!(read(Signal::Logs, &logs(format!(r#""attributes":[{}]"#, attributes(2)))).is_ok());
    assert_eq!(
        read(Signal::Logs, &logs(format!(r#""attributes":[{}]"#, attributes(3)))),
        Err(WireError::TooManyAttributes { limit: 2 })
    );
    let map = format!(r#""body":{{"kvlistValue":{{"values":[{}]}}}}"#, attributes(3));
    assert!(read(Signal::Logs, &logs(map)).is_ok());
}

#[test]
fn unknown_protobuf_fields_are_left_out() {
    // Field 99 in each wire type around a schema URL.
    let unknown = b"\x98\x06\x01\x99\x06\x01\x02\x03\x04\x05\x06\x07\x08\x9d\x06\x01\x02\x03\x04\x9a\x06\x01x";
    let entry = [&unknown[..], b"\x1a\x01u", unknown].concat();
    let request = [&unknown[..], b"\x0a", &[entry.len() as u8], &entry, unknown].concat();
    assert_eq!(write(Signal::Traces, &request), r#"{"resourceSpans":[{"schemaUrl":"u"}]}"#);
}

#[test]
fn json_stays_below_four_times_its_size_in_protobuf() {
    let json = histogram_points(&format!(r#""explicitBounds":[{}]"#, vec!["0"; 10_000].join(",")));
    let proto = read(Signal::Metrics, &json);
    assert!(proto.len() > 3 * json.len() && proto.len() < 4 * json.len());
}

fn read(signal: Signal, json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    to_proto(signal, json.as_bytes(), &Limits::default(), &mut out).unwrap_or_else(|error| panic!("{json}: {error}"));
    out
}

fn write(signal: Signal, proto: &[u8]) -> String {
    let mut out = Vec::new();
    from_proto(signal, &[proto], &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn refused(signal: Signal, json: &str) -> bool {
    let result = to_proto(signal, json.as_bytes(), &Limits::default(), &mut Vec::new());
    matches!(result, Err(WireError::Json { offset, .. }) if offset > 0 && offset <= json.len())
}

const SPANS: (&str, &str) = (r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"#, "}]}]}]}");
const LOGS: (&str, &str) = (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"#, "}]}]}]}");
const BODY: (&str, &str) = (r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":"#, "}]}]}]}");
const HISTOGRAM: (&str, &str) =
    (r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"#, "}]}}]}]}]}");
const EXPONENTIAL: (&str, &str) =
    (r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"exponentialHistogram":{"dataPoints":[{"#, "}]}}]}]}]}");
const PROFILES: (&str, &str) = (r#"{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"#, "}]}]}]}");

fn within((before, after): (&str, &str), inner: &str) -> String {
    format!("{before}{inner}{after}")
}

/// What stands in the frame after JSON went to protobuf and back.
fn rewritten(signal: Signal, frame: (&str, &str), inner: &str) -> String {
    let text = write(signal, &read(signal, &within(frame, inner)));
    text.strip_prefix(frame.0)
        .and_then(|rest| rest.strip_suffix(frame.1))
        .unwrap_or_else(|| panic!("{text}"))
        .to_owned()
}

fn spans(members: &str) -> String {
    within(SPANS, members)
}

fn span(members: &str) -> Span {
    let proto = read(Signal::Traces, &spans(members));
    let request = ExportTraceServiceRequest::decode(proto.as_slice()).unwrap();
    request.resource_spans[0].scope_spans[0].spans[0].clone()
}

fn refused_span(members: &str) -> bool {
    refused(Signal::Traces, &spans(members))
}

fn rewritten_span(members: &str) -> String {
    rewritten(Signal::Traces, SPANS, members)
}

fn logs(members: &str) -> String {
    within(LOGS, members)
}

fn log(members: &str) -> opentelemetry_proto::tonic::logs::v1::LogRecord {
    let proto = read(Signal::Logs, &logs(members));
    let request = ExportLogsServiceRequest::decode(proto.as_slice()).unwrap();
    request.resource_logs[0].scope_logs[0].log_records[0].clone()
}

fn value(json: &str) -> Value {
    log(&format!(r#""body":{json}"#)).body.unwrap().value.unwrap()
}

fn refused_value(json: &str) -> bool {
    refused(Signal::Logs, &within(BODY, json))
}

fn rewritten_value(json: &str) -> String {
    rewritten(Signal::Logs, BODY, json)
}

fn histogram_points(members: &str) -> String {
    within(HISTOGRAM, members)
}

fn data(json: &str) -> metric::Data {
    let proto = read(Signal::Metrics, json);
    let request = ExportMetricsServiceRequest::decode(proto.as_slice()).unwrap();
    request.resource_metrics[0].scope_metrics[0].metrics[0].data.clone().unwrap()
}

fn histogram_point(members: &str) -> HistogramDataPoint {
    match data(&histogram_points(members)) {
        metric::Data::Histogram(histogram) => histogram.data_points[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn exponential_point(members: &str) -> ExponentialHistogramDataPoint {
    match data(&within(EXPONENTIAL, members)) {
        metric::Data::ExponentialHistogram(histogram) => histogram.data_points[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn rewritten_histogram_point(members: &str) -> String {
    rewritten(Signal::Metrics, HISTOGRAM, members)
}

fn rewritten_exponential_point(members: &str) -> String {
    rewritten(Signal::Metrics, EXPONENTIAL, members)
}

fn profile(members: &str) -> Profile {
    let proto = read(Signal::Profiles, &within(PROFILES, members));
    let request = ExportProfilesServiceRequest::decode(proto.as_slice()).unwrap();
    request.resource_profiles[0].scope_profiles[0].profiles[0].clone()
}

fn rewritten_profile(members: &str) -> String {
    rewritten(Signal::Profiles, PROFILES, members)
}
