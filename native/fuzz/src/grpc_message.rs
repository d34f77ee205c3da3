//! The server's side of unary gRPC: framing of the message, and the headers and text around it.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use teleferric_buf::{Ledger, Pool};
use teleferric_net::grpc::{self, GrpcReadError};
use teleferric_net::{Body, BodyLimits};

const MAX: usize = 4096;
const LEDGER_BYTES: u64 = 2048;

/// The bytes are the body of a call, and then its headers.
pub fn run(data: &[u8]) {
    let ledger = Ledger::new(LEDGER_BYTES);
    let pool = Pool::new();
    let limits = BodyLimits::new(MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let body = Body::full(Bytes::copy_from_slice(data));
    match runtime.block_on(grpc::read_message(body, &limits, &ledger, &pool)) {
        Ok(message) => {
            let (prefix, content) = data.split_at(5);
            assert_eq!(prefix[0], u8::from(message.compressed));
            assert_eq!(prefix[1..], u32::try_from(content.len()).expect("it is small").to_be_bytes());
            assert_eq!(message.bytes, content);
            assert_eq!((message.permit.bytes(), ledger.used()), (content.len() as u64, content.len() as u64));
        }
        Err(GrpcReadError::Missing) => assert!(data.is_empty()),
        Err(GrpcReadError::BadFlag(flag)) => assert!(flag > 1 && data[0] == flag),
        Err(GrpcReadError::TooLarge { length, limit }) => assert!(limit == MAX && length > MAX as u64),
        Err(GrpcReadError::Exhausted(exhausted)) => assert!(exhausted.wanted > LEDGER_BYTES),
        Err(GrpcReadError::Extra | GrpcReadError::Truncated) => {}
        Err(other) => panic!("nothing is slow or broken off here: {other}"),
    }
    assert_eq!(ledger.used(), 0);
    headers(data);
}

fn headers(data: &[u8]) {
    let _ = grpc::parse_timeout(data);
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let mut headers = HeaderMap::new();
        for name in ["grpc-encoding", "content-type"] {
            headers.insert(name, value.clone());
        }
        let _ = (grpc::encoding(&headers), grpc::is_grpc(&headers));
    }
    let text = String::from_utf8_lossy(data);
    let answer = grpc::error(&grpc::Status::new(grpc::INTERNAL, text.clone().into_owned()));
    assert_eq!(answer.status, http::StatusCode::OK);
    let encoded = grpc::percent_encode(&text, 100);
    assert!(encoded.len() <= 100 && encoded.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}
