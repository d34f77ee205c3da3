//! Damaged text and damaged bytes: an error or a result, never a panic, never half a request.

#![allow(clippy::unwrap_used)] // helpers of tests are not tests to clippy

mod generate;

use proptest::prelude::*;
use teleferric_wire::json::{from_proto, to_proto};
use teleferric_wire::{Limits, Signal, WireError, check};

const EXAMPLES: [(Signal, &str); 4] = [
    (Signal::Traces, include_str!("data/traces.json")),
    (Signal::Metrics, include_str!("data/metrics.json")),
    (Signal::Logs, include_str!("data/logs.json")),
    (Signal::Logs, include_str!("data/events.json")),
];

#[test]
fn text_cut_anywhere_is_refused_near_the_cut() {
    for (signal, json) in EXAMPLES {
        let json = json.trim_end().as_bytes();
        for cut in 0..json.len() {
            match read(signal, &json[..cut]) {
                // A string or a number may look wrong from its start.
                Err(WireError::Json { offset, .. }) => assert!(offset <= cut, "{signal} {cut}"),
                other => panic!("{signal} {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn bytes_cut_anywhere_are_written_or_refused() {
    for (signal, json) in EXAMPLES {
        let proto = read(signal, json.as_bytes()).unwrap();
        for cut in 0..proto.len() {
            let mut out = Vec::new();
            let written = from_proto(signal, &[&proto[..cut]], &mut out);
            assert_eq!(written.is_ok(), check(signal, &proto[..cut], &Limits::default()).is_ok(), "{signal} {cut}");
            assert_eq!(written.is_err(), out.is_empty());
        }
    }
}

/// Each value of the examples in turn becomes a value of another type: refused, or read as JSON allows.
#[test]
fn values_of_the_wrong_type_do_no_harm() {
    const OTHERS: [&str; 10] =
        ["null", "true", "7", "-1e400", "\"\"", "\"text\"", "[]", "{}", "[[[]]]", "[{\"key\":{}}]"];
    let mut refusals = 0;
    for (signal, json) in EXAMPLES {
        for (at, _) in json.match_indices(':') {
            for other in OTHERS {
                let Some(length) = value_length(&json[at + 1..]) else { continue };
                let changed = format!("{}{other}{}", &json[..=at], &json[at + 1 + length..]);
                match read(signal, changed.as_bytes()) {
                    Ok(proto) => drop(check(signal, &proto, &Limits::default()).unwrap()),
                    Err(WireError::Json { offset, .. }) => {
                        assert!(offset > at && offset <= changed.len());
                        refusals += 1;
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }
    assert!(refusals > 500, "{refusals}");
}

#[test]
fn huge_numbers_take_no_time_and_no_memory() {
    let digits = "9".repeat(1_000_000);
    for number in [
        digits.clone(),
        format!("-{digits}"),
        format!("0.{digits}"),
        format!("1e{digits}"),
        format!("1e-{digits}"),
        format!("{}e-9999", &digits[..10_000]),
        format!("\"{digits}\""),
    ] {
        for field in ["timeUnixNano", "severityNumber", "flags"] {
            assert!(read(Signal::Logs, log(&format!(r#""{field}":{number}"#)).as_bytes()).is_err());
        }
        let double = read(Signal::Logs, log(&format!(r#""body":{{"doubleValue":{number}}}"#)).as_bytes());
        assert_eq!(double.is_ok(), number.starts_with("0.") || number.contains("e-"));
        // Unknown keys may hold any number of the grammar.
        assert!(read(Signal::Logs, log(&format!(r#""unknown":{number}"#)).as_bytes()).is_ok());
    }
}

#[test]
fn a_million_of_anything_is_linear() {
    let many = |element: &str| vec![element; 1_000_000].join(",");
    assert!(read(Signal::Logs, log(&format!(r#""unknown":[{}]"#, many("[]"))).as_bytes()).is_ok());
    assert!(read(Signal::Logs, log(&format!(r#""attributes":[{}]"#, many("{}"))).as_bytes()).is_ok());
    assert!(read(Signal::Logs, format!("{{{}}}", many("\"a\":1")).as_bytes()).is_ok());
    assert!(read(Signal::Logs, format!("{{{}}}", many("\"resourceLogs\":[{}]")).as_bytes()).is_ok());
    let text = format!("\"{}\"", "\\ud83d".repeat(1_000_000));
    assert!(read(Signal::Logs, log(&format!(r#""eventName":{text}"#)).as_bytes()).is_ok());
}

#[test]
fn errors_are_plain_lower_case_without_text_of_the_sender() {
    for json in ["", "{\"resourceLogs\":7}", "{\"SECRET\":SECRET}", "{\"a\":\"SECRET", "{\"a\":\"\\SECRET\"}"] {
        let error = read(Signal::Logs, json.as_bytes()).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("invalid json at offset "), "{text}");
        assert_eq!(text, text.to_lowercase());
        assert!(!error.is_limit());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_no_danger(signal in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let signal = Signal::ALL[signal];
        let _ = read(signal, &bytes);
        let _ = from_proto(signal, &[&bytes], &mut Vec::new());
    }

    /// Text made of the tokens that the reader knows gets further than random bytes.
    #[test]
    fn any_tokens_are_no_danger(signal in 0_usize..4, tokens in prop::collection::vec(0_usize..TOKENS.len(), 0..60)) {
        let text: String = tokens.into_iter().map(|index| TOKENS[index]).collect();
        let signal = Signal::ALL[signal];
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        if let Ok(proto) = read(signal, text.as_bytes()) {
            prop_assert!(valid, "{text}");
            check(signal, &proto, &Limits::default()).unwrap();
        }
    }

    #[test]
    fn one_wrong_byte_is_read_as_json_or_refused(
        (signal, bytes) in generate::any_request(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut json = Vec::new();
        from_proto(signal, &[&bytes], &mut json).unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(proto) = read(signal, &json) {
            check(signal, &proto, &Limits::default()).unwrap();
            serde_json::from_slice::<serde_json::Value>(&json).unwrap();
        }
    }
}

const TOKENS: [&str; 34] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "{\"",
    "\":",
    "\"",
    "\"resourceSpans\":[{",
    "\"resourceLogs\":[{",
    "\"scopeLogs\":[{",
    "\"logRecords\":[{",
    "\"body\":{",
    "\"kvlistValue\":{\"values\":[{",
    "\"value\":{",
    "\"arrayValue\":{\"values\":[",
    "\"stringValue\":",
    "\"intValue\":",
    "\"doubleValue\":",
    "\"traceId\":\"",
    "00",
    "1",
    "-",
    "1e5",
    ".",
    "null",
    "true",
    "\"NaN\"",
    "\\u00e9",
    "\\ud83d",
    " ",
    "\n",
    "é",
];

fn read(signal: Signal, json: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    let result = to_proto(signal, json, &Limits::default(), &mut out);
    assert!(result.is_ok() || out.is_empty());
    result.map(|_| out)
}

fn log(members: &str) -> String {
    format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{members}}}]}}]}}]}}"#)
}

/// Length of the JSON value at the start of the text, if a value starts there.
fn value_length(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}
