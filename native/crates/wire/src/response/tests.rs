use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse};
use prost::Message;

use super::*;

const BOTH: [Encoding; 2] = [Encoding::Proto, Encoding::Json];

fn partial(rejected: u64, message: &str) -> PartialSuccess {
    PartialSuccess { rejected, message: message.to_owned() }
}

#[test]
fn success_is_an_empty_partial_success() {
    assert_eq!(success(Encoding::Proto), [0x0a, 0x00]);
    assert_eq!(success(Encoding::Json), br#"{"partialSuccess":{}}"#);
    for signal in Signal::ALL {
        for encoding in BOTH {
            assert_eq!(write_partial_success(signal, encoding, 0, ""), success(encoding));
            assert_eq!(PartialSuccess::decode(signal, encoding, success(encoding)), Ok(None));
        }
    }
}

#[test]
fn full_success_has_many_forms() {
    for body in
        ["", " \n", "{}", "{\"partialSuccess\":null}", r#"{"partialSuccess":{"rejectedSpans":"0","errorMessage":""}}"#]
    {
        assert_eq!(PartialSuccess::decode(Signal::Traces, Encoding::Json, body.as_bytes()), Ok(None), "{body}");
    }
    for body in [&b""[..], b"\x0a\x00", b"\x0a\x04\x08\x00\x12\x00", b"\x10\x07\x1a\x01x"] {
        assert_eq!(PartialSuccess::decode(Signal::Traces, Encoding::Proto, body), Ok(None), "{body:?}");
    }
}

#[test]
fn partial_success_names_the_count_of_its_signal() {
    for (signal, key) in [
        (Signal::Traces, "rejectedSpans"),
        (Signal::Metrics, "rejectedDataPoints"),
        (Signal::Logs, "rejectedLogRecords"),
        (Signal::Profiles, "rejectedProfiles"),
    ] {
        let json = write_partial_success(signal, Encoding::Json, 3, "too \"old\"");
        let expected = format!(r#"{{"partialSuccess":{{"{key}":"3","errorMessage":"too \"old\""}}}}"#);
        assert_eq!(String::from_utf8(json).unwrap(), expected);
    }
    let proto = write_partial_success(Signal::Metrics, Encoding::Proto, 3, "why");
    let partial_success = ExportMetricsPartialSuccess { rejected_data_points: 3, error_message: "why".to_owned() };
    let response = ExportMetricsServiceResponse { partial_success: Some(partial_success) };
    assert_eq!(ExportMetricsServiceResponse::decode(proto.as_slice()).unwrap(), response);
}

#[test]
fn partial_success_is_read_back() {
    for partial in [partial(1, ""), partial(0, "a warning"), partial(u64::from(u32::MAX) * 7, "ж\n")] {
        for signal in Signal::ALL {
            for encoding in BOTH {
                let body = write_partial_success(signal, encoding, partial.rejected, &partial.message);
                assert_eq!(PartialSuccess::decode(signal, encoding, &body), Ok(Some(partial.clone())));
            }
        }
    }
}

#[test]
fn reading_is_lenient_but_not_blind() {
    let json = |body: &str| PartialSuccess::decode(Signal::Logs, Encoding::Json, body.as_bytes());
    assert_eq!(json(r#"{"partialSuccess":{"rejectedLogRecords":2,"new":[1]},"x":{}}"#), Ok(Some(partial(2, ""))));
    assert_eq!(json(r#"{"partial_success":{"rejected_log_records":"2"}}"#), Ok(Some(partial(2, ""))));
    // The count of another signal says nothing.
    assert_eq!(json(r#"{"partialSuccess":{"rejectedSpans":2}}"#), Ok(None));
    assert!(json("<html>").is_err());
    assert!(json(r#"{"partialSuccess":{"rejectedLogRecords":"many"}}"#).is_err());

    let proto = |body: &[u8]| PartialSuccess::decode(Signal::Logs, Encoding::Proto, body);
    assert_eq!(proto(b"\x0a\x05\x12\x03a\xffb"), Ok(Some(partial(0, "a\u{fffd}b"))));
    assert_eq!(proto(b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Ok(None), "a negative count");
    assert!(proto(b"\x0a\x05\x12").is_err());
    assert!(proto(b"<html>").is_err());
    assert_eq!(partial_success(Signal::Logs, Encoding::Proto, b"<html>"), None);
    assert_eq!(partial_success(Signal::Logs, Encoding::Json, b"<html>"), None);
}

#[test]
fn a_response_stays_within_four_mebibytes() {
    for character in ["x", "\"", "\u{1}", "ж", "\u{1f6a0}"] {
        let message = character.repeat((5 << 20) / character.len());
        for encoding in BOTH {
            let body = write_partial_success(Signal::Logs, encoding, 7, &message);
            assert!(body.len() <= RESPONSE_BYTES_MAX && body.len() > RESPONSE_BYTES_MAX - 2048, "{}", body.len());
            let found = PartialSuccess::decode(Signal::Logs, encoding, &body).unwrap().unwrap();
            assert_eq!(found.rejected, 7);
            assert!(message.starts_with(&found.message));
            assert!(Status::new(8, message.clone()).encode(encoding).len() <= RESPONSE_BYTES_MAX);
        }
    }
    let body = write_partial_success(Signal::Logs, Encoding::Proto, 7, &"x".repeat(5 << 20));
    assert!(ExportLogsServiceResponse::decode(body.as_slice()).is_ok());
}

#[test]
fn status_has_the_published_form() {
    let status = Status {
        retry_delay: Some(Duration::from_millis(1500)),
        violations: vec![FieldViolation { field: "spans[0]".to_owned(), description: "no \"id\"".to_owned() }],
        ..Status::new(14, "busy")
    };
    assert_eq!(
        String::from_utf8(status.encode(Encoding::Json)).unwrap(),
        concat!(
            r#"{"code":14,"message":"busy","details":["#,
            r#"{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"1.500s"},"#,
            r#"{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"spans[0]","description":"no \"id\""}]}]}"#
        )
    );
    assert_eq!(Status::new(3, "no").encode(Encoding::Json), br#"{"code":3,"message":"no"}"#);
    assert_eq!(Status::new(3, "no").encode(Encoding::Proto), b"\x08\x03\x12\x02no");
    let retry = Status { retry_delay: Some(Duration::new(2, 5)), ..Status::new(8, "") }.encode(Encoding::Proto);
    let any = [&b"\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x06\x0a\x04\x08\x02\x10\x05"[..]].concat();
    assert_eq!(retry, [&b"\x08\x08\x1a"[..], &[any.len() as u8], &any].concat());
    for encoding in BOTH {
        assert_eq!(Status::decode(encoding, &status.encode(encoding)), Ok(status.clone()));
    }
}

#[test]
fn retry_delays_are_read_back_exactly() {
    for delay in [
        Duration::ZERO,
        Duration::from_secs(1),
        Duration::from_millis(1),
        Duration::from_micros(2_000_001),
        Duration::new(315_576_000_000, 999_999_999),
    ] {
        for encoding in BOTH {
            let status = Status { retry_delay: Some(delay), ..Status::new(14, "later") };
            assert_eq!(Status::decode(encoding, &status.encode(encoding)).unwrap().retry_delay, Some(delay));
        }
    }
    for (text, delay) in [
        ("2s", 2_000),
        ("2.5s", 2_500),
        ("0.000s", 0),
        ("-1s", 0),
        ("2", 0),
        ("1.s", 0),
        ("", 0),
        ("99999999999999999999s", 0),
    ] {
        let body = format!(
            r#"{{"code":14,"details":[{{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"{text}"}}]}}"#
        );
        let status = Status::decode(Encoding::Json, body.as_bytes()).unwrap();
        assert_eq!(status.retry_delay, Some(Duration::from_millis(delay)), "{text}");
    }
}

#[test]
fn status_of_any_peer_is_read() {
    let json = |body: &str| Status::decode(Encoding::Json, body.as_bytes());
    assert_eq!(json("{}"), Ok(Status::default()));
    assert_eq!(
        json(r#"{"code":"13","message":"x","details":[7,{},{"@type":"a/b"}],"more":1}"#),
        Ok(Status::new(13, "x"))
    );
    for body in ["", "[]", "busy", "<html>", "{"] {
        assert!(json(body).is_err(), "{body}");
    }
    let proto = |body: &[u8]| Status::decode(Encoding::Proto, body);
    assert_eq!(proto(b""), Ok(Status::default()));
    assert_eq!(proto(b"\x08\x0d\x12\x02\xffx\x1a\x00\x20\x01"), Ok(Status::new(13, "\u{fffd}x")));
    assert!(proto(b"\x12\x7f").is_err());
    let deep = format!(r#"{{"details":{}"#, "[".repeat(1_000_000));
    assert!(json(&deep).is_err());
}

#[test]
fn message_and_delay_of_an_error_are_read_alone() {
    let delay = Some(Duration::from_secs(7));
    for encoding in BOTH {
        let body = write_status(encoding, 14, "busy", delay);
        assert_eq!(retry_delay(encoding, &body), delay);
        assert_eq!(status_message(encoding, &body).as_deref(), Some("busy"));
        assert_eq!(retry_delay(encoding, &write_status(encoding, 14, "busy", None)), None);
        assert_eq!(status_message(encoding, b"<html>"), None);
    }
}

#[test]
fn damaged_status_is_no_danger() {
    let violations = vec![FieldViolation { field: "a".to_owned(), description: "b".to_owned() }];
    let status = Status { retry_delay: Some(Duration::new(3, 4)), violations, ..Status::new(14, "busy") };
    for encoding in BOTH {
        let body = status.encode(encoding);
        for at in 0..body.len() {
            let _ = Status::decode(encoding, &body[..at]);
            for byte in [0, 0x7f, 0x80, 0xff, b'"'] {
                let mut damaged = body.clone();
                damaged[at] = byte;
                let _ = Status::decode(encoding, &damaged);
            }
        }
    }
}

#[test]
fn waits_longer_than_protobuf_allows_are_read_and_written_as_the_longest() {
    let longest = Duration::new(315_576_000_000, 999_999_999);
    let json = br#"{"details":[{"@type":"/google.rpc.RetryInfo","retryDelay":"18446744073709551615.5s"}]}"#;
    assert_eq!(retry_delay(Encoding::Json, json), Some(longest));
    for encoding in [Encoding::Proto, Encoding::Json] {
        let written = write_status(encoding, 14, "", Some(Duration::MAX));
        assert_eq!(retry_delay(encoding, &written), Some(longest), "{encoding:?}");
    }
}
