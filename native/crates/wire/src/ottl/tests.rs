use proptest::prelude::*;

use super::*;
use crate::signal::Signal;
use crate::view::Request;

/// A log record: body "hello", severity 9 "INFO", trace id 0102…10, attributes text "v", int -3, double 2.5, flag true,
/// list [7], map {"in": "x"}, bytes 0xff, empty; its resource has service.name "s", its scope is "lib" 1.
const LOG: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"s"}}]},
    "scopeLogs":[{"scope":{"name":"lib","version":"1"},"logRecords":[{"severityNumber":9,"severityText":"INFO",
    "body":{"stringValue":"hello"},"traceId":"0102030405060708090a0b0c0d0e0f10","timeUnixNano":"5","attributes":[
    {"key":"text","value":{"stringValue":"v"}},{"key":"int","value":{"intValue":"-3"}},
    {"key":"double","value":{"doubleValue":2.5}},{"key":"flag","value":{"boolValue":true}},
    {"key":"list","value":{"arrayValue":{"values":[{"intValue":"7"}]}}},
    {"key":"map","value":{"kvlistValue":{"values":[{"key":"in","value":{"stringValue":"x"}}]}}},
    {"key":"bytes","value":{"bytesValue":"/w=="}},{"key":"empty","value":{}}]}]}]}]}"#;

fn holds(text: &str) -> Result<bool, EvalError> {
    let mut bytes = Vec::new();
    crate::json::to_proto(Signal::Logs, LOG.as_bytes(), &crate::Limits::default(), &mut bytes).unwrap();
    let resource = Request::new(Signal::Logs, &bytes).resources().next().unwrap();
    let scope = resource.scopes().next().unwrap();
    let record = scope.records().next().unwrap();
    let condition = Condition::parse(text, Context::Log).unwrap_or_else(|error| panic!("{text}: {error}"));
    condition.holds(&Scene::of(resource).scope(scope).record(record))
}

#[test]
fn conditions_that_hold() {
    for text in [
        r#"body == "hello""#,
        r#"body.string == "hello" and log.body == "hello""#,
        "severity_number == 9 and severity_number < SEVERITY_NUMBER_INFO2",
        "SEVERITY_NUMBER_WARN > severity_number",
        r#"severity_text != "WARN""#,
        r#"attributes["text"] == "v" and log.attributes["text"] != nil"#,
        r#"attributes["int"] == -3 and attributes["int"] < -2.5 and attributes["double"] > 2"#,
        r#"attributes["double"] == 2.5 and 2.5 >= attributes["double"]"#,
        r#"attributes["flag"] == true"#,
        r#"attributes["list"][0] == 7 and attributes["list"][1] == nil"#,
        r#"attributes["map"]["in"] == "x" and attributes["map"]["out"] == nil"#,
        r#"attributes["bytes"] == 0xff"#,
        r#"attributes["missing"] == nil and attributes["empty"] == nil"#,
        r#"attributes["text"] != 7"#,
        r#"not (attributes["text"] == 7 or attributes["text"] < 7)"#,
        "not (nil < nil) and nil == nil and nil <= nil",
        r#"attributes["map"] == attributes["map"] and attributes["list"] != attributes["map"]"#,
        r#"IsMatch(attributes["bytes"], "^ff$") and attributes["double"] == 25e-1"#,
        r#"resource.attributes["service.name"] == "s""#,
        r#"instrumentation_scope.name == "lib" and scope.version == "1""#,
        r#"trace_id.string == "0102030405060708090a0b0c0d0e0f10""#,
        "trace_id == 0x0102030405060708090a0b0c0d0e0f10 and span_id.string == \"0000000000000000\"",
        "time_unix_nano == 5 and observed_time_unix_nano == 0",
        r#"IsMatch(body, "^h.*o$") and IsMatch(attributes["int"], "-\d") and not IsMatch(attributes["missing"], ".*")"#,
        r#"IsString(body) and IsInt(attributes["int"]) and IsDouble(attributes["double"]) and IsBool(attributes["flag"])"#,
        r#"IsMap(attributes["map"]) and IsList(attributes["list"]) and IsMap(attributes) and not IsMap(body)"#,
        r#"Len(body) == 5 and Len(attributes["list"]) == 1 and Len(attributes) == 8"#,
        r#"HasPrefix(body, "he") and HasSuffix(body, "lo") and HasPrefix(body, "x") == false"#,
        "true or false and false",
        "true and(true)",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
}

#[test]
fn functions_that_cannot_take_a_value_say_so() {
    assert_eq!(holds("Len(severity_number) == 1").unwrap_err().to_string(), "Len cannot take an integer");
    assert_eq!(holds(r#"HasPrefix(attributes["missing"], "x")"#).unwrap_err().to_string(), "HasPrefix cannot take nil");
    assert_eq!(holds("true or Len(severity_number) == 1"), Ok(true), "not asked");
}

#[test]
fn what_cannot_be_used_is_told_with_its_column() {
    let bad = [
        ("", "condition ends where a value should be (column 1)"),
        ("body", "expected a comparison: this alone is neither true nor false (column 1)"),
        ("body ==", "condition ends where a value should be (column 8)"),
        (r#"body == "x" body"#, "unexpected \"body\" (column 13)"),
        ("(body == nil", "expected \")\", found the end (column 13)"),
        ("body = 1", "unexpected character '=' (column 6)"),
        (r#"body == "x"#, "text has no closing quote (column 9)"),
        ("body == 0x1", "bytes need an even number of digits (column 9)"),
        ("body == 1.2.3", "\"1.2.3\" is no number (column 9)"),
        ("body == 99999999999999999999", "\"99999999999999999999\" is no number (column 9)"),
        ("no.such == 1", "no path \"no.such\" in context \"log\" (column 1)"),
        ("span.name == 1", "conditions on log cannot see \"span\" (column 1)"),
        (r#"severity_text["x"] == 1"#, "\"severity_text\" has no keys (column 1)"),
        ("attributes[0] == 1", "attributes are read by name (column 1)"),
        ("attributes[body] == 1", "expected a name in quotes or an index (column 12)"),
        ("body. == 1", "path ends with \".\" (column 1)"),
        ("ParseJSON(body) == 1", "function ParseJSON is not supported in conditions (column 1)"),
        ("IsRootSpan()", "IsRootSpan cannot be asked in context \"log\" (column 1)"),
        (r#"IsMatch(body, "(")"#, "invalid pattern: error: unclosed group (column 15)"),
        ("IsMatch(body, body)", "expected a text in quotes (column 15)"),
        ("IsMatch(body)", "expected \",\", found \")\" (column 13)"),
        ("body + 1 == 2", "expected a comparison: this alone is neither true nor false (column 1)"),
        ("not and", "expected a value, found \"and\" (column 5)"),
        ("- body == 1", "\"-\" stands before numbers only (column 1)"),
    ];
    for (text, expected) in bad {
        assert_eq!(Condition::parse(text, Context::Log).unwrap_err().to_string(), expected, "{text}");
    }
    for nested in ["(", "not ", "- ", "Len(", "IsString("] {
        let error = Condition::parse(&nested.repeat(100_000), Context::Log).unwrap_err();
        assert_eq!(error.reason, "condition is nested too deep", "{nested}");
    }
}

#[test]
fn contexts_see_what_stands_above_them() {
    for (context, text) in [
        (Context::SpanEvent, r#"name == "x" and span.kind == SPAN_KIND_SERVER and spanevent.name != """#),
        (Context::DataPoint, r#"metric.name == "x" and value_int > 1 and resource.attributes["a"] == nil"#),
        (Context::Metric, r#"HasAttrKeyOnDatapoint("a") or HasAttrOnDatapoint("a", "b")"#),
        (Context::Span, "IsRootSpan() and status.code == STATUS_CODE_ERROR"),
        (Context::Scope, r#"name == "x" or resource.schema_url == "y""#),
        (Context::Resource, r#"attributes["a"] == "b""#),
        (Context::Profile, r#"profile_id.string == "x""#),
    ] {
        assert!(Condition::parse(text, context).is_ok(), "{text}");
    }
    assert!(Condition::parse(r#"scope.name == "x""#, Context::Resource).is_err());
    assert!(Condition::parse(r#"attributes["a"] == nil"#, Context::Metric).is_err());
}

#[test]
fn a_condition_is_about_the_innermost_that_it_names() {
    for (signal, text, context) in [
        (Signal::Traces, r#"resource.attributes["a"] == spanevent.name"#, Context::SpanEvent),
        (Signal::Traces, r#"span.name == "x" and resource.attributes["a"] == nil"#, Context::Span),
        (Signal::Metrics, r#"datapoint.attributes["a"] == nil and metric.name == "x""#, Context::DataPoint),
        (Signal::Logs, r#"resource.attributes["log.x"] == nil"#, Context::Resource),
        (Signal::Logs, r#"body == "x""#, Context::Log),
        (Signal::Metrics, r#"HasAttrKeyOnDatapoint("a")"#, Context::Metric),
    ] {
        assert_eq!(Context::of_paths([text], signal), context, "{text}");
    }
    let together = [r#"spanevent.name == "x""#, r#"resource.attributes["a"] == nil"#];
    assert_eq!(Context::of_paths(together, Signal::Traces), Context::SpanEvent);
    assert_eq!(Context::of_paths(["a ? b"], Signal::Logs), Context::Log);
}

proptest! {
    #[test]
    fn no_soup_of_words_is_a_panic(words in prop::collection::vec(prop::sample::select(vec![
        "body", "attributes", "[", "]", "(", ")", "\"a\"", "1", "2.5", "0xff", "==", "<", "and", "or", "not", "nil", ".",
        "IsMatch", "Len", ",", "-", "true", "resource", "é", "\\", "\"",
    ]), 0..20)) {
        let text = words.join(" ");
        if let Err(error) = Condition::parse(&text, Context::Log) {
            prop_assert!(error.column <= text.chars().count() + 1);
        }
    }
}
