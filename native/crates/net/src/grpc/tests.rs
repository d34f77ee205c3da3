use crate::client::Pushback;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use teleferric_buf::{Ledger, Pool};

use super::*;
use crate::body::{Body, BodyLimits};

fn with(name: &'static str, value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(name, HeaderValue::from_str(value).expect("value"));
    headers
}

fn framed(flag: u8, length: u32, message: &[u8]) -> Body {
    let mut body = vec![flag];
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(message);
    Body::full(body.into())
}

async fn read(body: Body) -> Result<Message, GrpcReadError> {
    let ledger = Ledger::new(100);
    let read = read_message(body, &BodyLimits::new(8), &ledger, &Pool::new()).await;
    let held = read.as_ref().map_or(0, |message| message.permit.bytes());
    assert_eq!(ledger.used(), held);
    read
}

#[tokio::test]
async fn reads_exactly_one_message() {
    let message = read(framed(1, 3, b"abc")).await.expect("message");
    assert_eq!((message.compressed, &message.bytes[..], message.permit.bytes()), (true, &b"abc"[..], 3));
    let empty = read(framed(0, 0, b"")).await.expect("message");
    assert_eq!((empty.compressed, &empty.bytes[..]), (false, &b""[..]));
}

#[tokio::test]
async fn refuses_what_is_not_one_message() {
    let error = |body| async { read(body).await.expect_err("refused") };
    assert_eq!(error(Body::full(Bytes::new())).await, GrpcReadError::Missing);
    assert_eq!(error(Body::full(Bytes::from_static(b"\0\0"))).await, GrpcReadError::Truncated);
    assert_eq!(error(framed(0, 5, b"abc")).await, GrpcReadError::Truncated);
    assert_eq!(error(framed(0, 3, b"abcd")).await, GrpcReadError::Extra);
    assert_eq!(error(framed(2, 3, b"abc")).await, GrpcReadError::BadFlag(2));
    let large = error(framed(0, 9, b"abc")).await;
    assert_eq!(large.to_string(), "grpc: received message larger than max (9 vs. 8)");
    assert_eq!(large.code(), RESOURCE_EXHAUSTED);
}

#[tokio::test]
async fn refuses_when_the_budget_is_spent() {
    let ledger = Ledger::new(2);
    let refused = read_message(framed(0, 3, b"abc"), &BodyLimits::new(8), &ledger, &Pool::new()).await;
    assert_eq!(refused.expect_err("refused").code(), UNAVAILABLE);
    assert_eq!(ledger.used(), 0);
}

#[test]
fn knows_grpc_by_its_content_type() {
    for good in ["application/grpc", "application/grpc+proto", "Application/GRPC; charset=utf-8"] {
        assert!(is_grpc(&with("content-type", good)), "{good}");
    }
    for bad in ["application/grpc+json", "application/grpc-web", "application/json", ""] {
        assert!(!is_grpc(&with("content-type", bad)), "{bad}");
    }
    assert!(!is_grpc(&HeaderMap::new()));
}

#[test]
fn parses_timeouts() {
    let parse = |text: &str| parse_timeout(text.as_bytes()).map(Some);
    assert_eq!(parse("5S"), Ok(Some(Duration::from_secs(5))));
    assert_eq!(parse("250m"), Ok(Some(Duration::from_millis(250))));
    assert_eq!(parse("99999999H"), Ok(Some(Duration::from_secs(99_999_999 * 3600))));
    assert_eq!(parse("7u"), Ok(Some(Duration::from_micros(7))));
    assert_eq!(parse("7n"), Ok(Some(Duration::from_nanos(7))));
    assert_eq!(parse("2M"), Ok(Some(Duration::from_secs(120))));
    for bad in ["", "S", "5", "5s", "-1S", "123456789S", "1.5S"] {
        assert_eq!(parse(bad), Err(BadTimeout), "{bad}");
    }
}

#[test]
fn names_compressions() {
    assert_eq!(encoding(&HeaderMap::new()), Ok(None));
    assert_eq!(encoding(&with("grpc-encoding", "identity")), Ok(None));
    assert_eq!(encoding(&with("grpc-encoding", "gzip")), Ok(Some("gzip")));
    let mut odd = HeaderMap::new();
    odd.insert(ENCODING, HeaderValue::from_bytes(b"\xff").expect("value"));
    assert_eq!(encoding(&odd), Err(BadEncoding));
}

#[test]
fn percent_encodes_messages_and_cuts_between_characters() {
    assert_eq!(percent_encode("a b~%\n", 100), "a b~%25%0A");
    assert_eq!(percent_encode("aäb", 100), "a%C3%A4b");
    assert_eq!(percent_encode("aäb", 6), "a");
    assert_eq!(percent_encode("abc", 2), "ab");
}

#[test]
fn an_ok_answer_has_its_status_behind_the_message() {
    let plain = ok(Bytes::from_static(b"xy"), None);
    assert_eq!(&plain.body[..], b"\0\0\0\0\x02xy");
    assert_eq!(plain.trailers.expect("trailers")["grpc-status"], "0");
    let zipped = ok(Bytes::new(), Some(HeaderValue::from_static("gzip")));
    assert_eq!(&zipped.body[..], b"\x01\0\0\0\0");
    assert_eq!(zipped.headers[ENCODING], "gzip");
    assert_eq!(zipped.headers[header::CONTENT_TYPE], "application/grpc");
}

#[test]
fn an_error_is_all_headers() {
    let status = Status {
        details: Some(Bytes::from_static(&[1, 2])),
        pushback: Some(Pushback::After(Duration::from_millis(1500))),
        ..Status::new(RESOURCE_EXHAUSTED, "zu groß")
    };
    let answer = error(&status);
    assert!(answer.body.is_empty() && answer.trailers.is_none());
    assert_eq!(answer.headers["grpc-status"], "8");
    assert_eq!(answer.headers["grpc-message"], "zu gro%C3%9F");
    assert_eq!(answer.headers["grpc-status-details-bin"], "AQI");
    assert_eq!(answer.headers["grpc-retry-pushback-ms"], "1500");
    let never = error(&Status { pushback: Some(Pushback::Never), ..Status::new(RESOURCE_EXHAUSTED, "too large") });
    assert_eq!(never.headers["grpc-retry-pushback-ms"], "-1");
}
