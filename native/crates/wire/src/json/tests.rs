//! The edges of the text itself: structure, strings, nesting. What OTLP says about values is tested in `tests/json_*`.

use super::*;

fn read(json: &str) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::new();
    to_proto(Signal::Logs, json.as_bytes(), &Limits::default(), &mut out).map(|_| out)
}

/// A log whose body is this JSON, through protobuf and back.
fn body(json: &str) -> Result<String, WireError> {
    let proto = read(&format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{json}}}]}}]}}]}}"#))?;
    let mut out = Vec::new();
    from_proto(Signal::Logs, &[proto], &mut out)?;
    let text = String::from_utf8(out).unwrap();
    let (_, body) = text.split_once(r#""body":"#).unwrap_or(("", ""));
    Ok(body.strip_suffix("}]}]}]}").unwrap_or(body).to_owned())
}

fn text(json: &str) -> Result<String, WireError> {
    body(&format!(r#"{{"stringValue":{json}}}"#))
}

fn refused(json: &str) -> (usize, String) {
    match read(json) {
        Err(WireError::Json { offset, reason }) => (offset, reason.into_owned()),
        other => panic!("{json}: {other:?}"),
    }
}

#[test]
fn empty_object_is_an_empty_request_both_ways() {
    assert_eq!(read("{}"), Ok(vec![]));
    assert_eq!(read(" \t\r\n{ } \n"), Ok(vec![]));
    let mut out = b"before".to_vec();
    from_proto(Signal::Traces, &[&[][..], &[]], &mut out).unwrap();
    assert_eq!(out, b"before{}");
    out.clear();
    from_proto(Signal::Traces, &[] as &[&[u8]], &mut out).unwrap();
    assert_eq!(out, b"{}");
}

#[test]
fn structure_is_strict_and_errors_say_where() {
    for (json, offset) in [
        ("", 0),
        ("  ", 2),
        ("[]", 0),
        ("null", 0),
        ("\u{feff}{}", 0),
        ("{", 1),
        ("{}{}", 2),
        ("{} x", 3),
        (r#"{"a":1,}"#, 7),
        (r#"{"a":1 "b":2}"#, 7),
        (r#"{,}"#, 1),
        (r#"{"a"}"#, 4),
        (r#"{a:1}"#, 1),
        (r#"{"a":}"#, 5),
        (r#"{"a":[1,]}"#, 8),
        (r#"{"a":[1 2]}"#, 8),
        (r#"{"a":[}]}"#, 6),
        (r#"{"a":{"b":[1}}"#, 12),
        (r#"{"a":[{]}"#, 7),
        (r#"{"a":tru}"#, 5),
        (r#"{"a":nul"#, 5),
        (r#"{"a":01}"#, 5),
        (r#"{"a":-}"#, 5),
        (r#"{"a":1.}"#, 5),
        (r#"{"a":.5}"#, 5),
        (r#"{"a":+1}"#, 5),
        (r#"{"a":1e}"#, 5),
        (r#"{"a":0x1}"#, 6),
        (r#"{"a":'b'}"#, 5),
        ("{\"a\":\"\n\"}", 6),
        (r#"{"a":"\x"}"#, 6),
        (r#"{"a":"\u12g4"}"#, 6),
        (r#"{"a":"\u123"}"#, 6),
        (r#"{"a":"b"#, 7),
        (r#"{"a":"\"#, 7),
        (r#"{"resourceLogs":{}}"#, 16),
        (r#"{"resourceLogs":[[]]}"#, 17),
        (r#"{"resourceLogs":[1]}"#, 17),
        (r#"{"resourceLogs":[{}, ]}"#, 21),
        (r#"{"resourceLogs":[{"schemaUrl":7}]}"#, 30),
        (r#"{"resourceLogs":[{"resource":[]}]}"#, 29),
    ] {
        assert_eq!(refused(json).0, offset, "{json}: {}", refused(json).1);
    }
    let mut out = Vec::new();
    let error = to_proto(Signal::Logs, b"{\"a\":\"\xff\"}", &Limits::default(), &mut out);
    assert_eq!(error, Err(WireError::json(6, "text is not utf-8")));
}

#[test]
fn a_refused_request_leaves_the_buffer_as_it_was() {
    let mut out = b"before".to_vec();
    let json = br#"{"resourceLogs":[{"schemaUrl":"x"},{"schemaUrl":1}]}"#;
    assert!(to_proto(Signal::Logs, json, &Limits::default(), &mut out).is_err());
    assert_eq!(out, b"before");
    assert!(from_proto(Signal::Logs, &[&[0x0a, 0x02, 0x1a, 0x05][..]], &mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn strings_keep_every_character() {
    for (json, expected) in [
        (r#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\u0008\u000c\n\r\t""#),
        (r#""\u0041\u00e9\u20AC""#, "\"Aé€\""),
        (r#""\ud83d\udea0""#, "\"\u{1f6a0}\""),
        ("\"\u{1f6a0} a longer text with no escapes at all\"", "\"\u{1f6a0} a longer text with no escapes at all\""),
        (r#""\u0000""#, r#""\u0000""#),
    ] {
        assert_eq!(text(json).unwrap(), format!(r#"{{"stringValue":{expected}}}"#), "{json}");
    }
}

#[test]
fn half_a_surrogate_pair_becomes_a_replacement_character() {
    for json in [r#""\ud83d""#, r#""\udea0""#] {
        assert_eq!(text(json).unwrap(), "{\"stringValue\":\"\u{fffd}\"}", "{json}");
    }
    assert_eq!(text(r#""\ud83dx\udea0""#).unwrap(), "{\"stringValue\":\"\u{fffd}x\u{fffd}\"}");
    assert_eq!(text(r#""\ud83d\ud83d\udea0""#).unwrap(), "{\"stringValue\":\"\u{fffd}\u{1f6a0}\"}");
    assert_eq!(text(r#""\ud83d\u0041""#).unwrap(), "{\"stringValue\":\"\u{fffd}A\"}");
}

#[test]
fn keys_may_be_escaped() {
    assert_eq!(body(r#"{"string\u0056alue":"x","\n":1}"#).unwrap(), r#"{"stringValue":"x"}"#);
}

#[test]
fn values_nest_up_to_the_limit_and_no_deeper() {
    let arrays = |levels: usize| {
        let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
        format!(r#"{}{{"intValue":"1"}}{}"#, open.repeat(levels - 1), close.repeat(levels - 1))
    };
    for levels in [1, 2, 64, 128] {
        assert_eq!(body(&arrays(levels)).unwrap(), arrays(levels));
    }
    assert_eq!(body(&arrays(129)), Err(WireError::TooDeep { limit: 128 }));
    assert_eq!(body(&arrays(100_000)), Err(WireError::TooDeep { limit: 128 }));
}

#[test]
fn deep_text_of_any_kind_fits_a_small_stack() {
    const LEVELS: usize = 1_000_000;
    let nested = move |open: &str, close: &str| format!("{}1{}", open.repeat(LEVELS), close.repeat(LEVELS));
    let work = move || {
        assert_eq!(read(&format!(r#"{{"unknown":{}}}"#, nested("[", "]"))), Ok(vec![]));
        assert_eq!(read(&format!(r#"{{"unknown":{}}}"#, nested(r#"{"a":"#, "}"))), Ok(vec![]));
        assert_eq!(read(&format!(r#"{{"unknown":{}}}"#, nested(r#"[{"a":"#, "}]"))), Ok(vec![]));
        assert!(read(&format!(r#"{{"unknown":{}}}"#, "[".repeat(LEVELS))).is_err());
        let known = r#"{"kvlistValue":{"values":[{"value":"#;
        assert_eq!(body(&nested(known, "}]}}")), Err(WireError::TooDeep { limit: 128 }));

        // Protobuf that `check` would refuse is still written without recursion.
        let mut value = Vec::new();
        let mut lengths = vec![0_usize];
        for _ in 0..20_000 {
            let array = lengths[lengths.len() - 1];
            let inner = crate::cursor::bytes_field_len(1, array);
            lengths.push(inner);
            lengths.push(crate::cursor::bytes_field_len(5, inner));
        }
        for (index, length) in lengths.iter().enumerate().rev().skip(1) {
            crate::cursor::put_tag(if index % 2 == 1 { 5 } else { 1 }, crate::cursor::WireType::Delimited, &mut value);
            crate::cursor::put_varint(*length as u64, &mut value);
        }
        let mut out = Vec::new();
        write::message(&crate::schema::ANY_VALUE, [value.as_slice()].into_iter(), &mut out).unwrap();
        assert!(out.starts_with(br#"{"arrayValue":{"values":[{"arrayValue":"#));
        assert_eq!(out.iter().filter(|byte| **byte == b'{').count(), 40_001);
    };
    std::thread::Builder::new().stack_size(128 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn a_key_given_twice_acts_as_a_field_given_twice() {
    let record = |members: &str| {
        let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{{members}}}]}}]}}]}}"#);
        let mut out = Vec::new();
        from_proto(Signal::Logs, &[read(&json).unwrap()], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.split_once(r#""logRecords":[{"#).unwrap().1.strip_suffix("}]}]}]}").unwrap().to_owned()
    };
    assert_eq!(record(r#""eventName":"a","eventName":"b""#), r#""eventName":"b""#);
    assert_eq!(record(r#""eventName":"a","eventName":"""#), "");
    assert_eq!(record(r#""eventName":"a","eventName":null"#), r#""eventName":"a""#);
    assert_eq!(record(r#""flags":1,"eventName":"a","flags":0"#), r#""eventName":"a""#);
    assert_eq!(
        record(r#""attributes":[{"key":"a"}],"flags":1,"attributes":[{"key":"b"}]"#),
        r#""attributes":[{"key":"a"},{"key":"b"}],"flags":1"#
    );
}

#[test]
fn two_members_of_a_oneof_are_refused_and_nulls_do_not_count() {
    for json in [
        r#"{"stringValue":"a","intValue":1}"#,
        r#"{"stringValue":"a","stringValue":"a"}"#,
        r#"{"arrayValue":{},"kvlistValue":{}}"#,
    ] {
        assert!(matches!(body(json), Err(WireError::Json { .. })), "{json}");
    }
    assert_eq!(body(r#"{"stringValue":null,"intValue":1,"boolValue":null}"#).unwrap(), r#"{"intValue":"1"}"#);
}
