//! HTTP/2 frames in any order with any content: whatever a client sends, no service panics, nothing of a request stays
//! behind, and the next client is served.

mod server_support;

use std::io::{Read, Write};
use std::time::Duration;

use proptest::prelude::*;
use server_support::{Control, Raw, Running, eventually, get};
use teleferric_net::{BodyLimits, ConnLimits, Protocol, ServerConfig};

/// A frame that may or may not make sense.
#[derive(Clone, Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = (self.payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend_from_slice(&[self.kind, self.flags]);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }
}

/// POST to one of the test service's paths; the static table alone.
fn head(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, path.len() as u8];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(&[0x01, 1, b'x']);
    block
}

fn frames() -> impl Strategy<Value = Vec<Frame>> {
    let stream = prop_oneof![4 => (0_u32..8).prop_map(|index| 2 * index + 1), 1 => 0_u32..20];
    let path = prop::sample::select(vec!["/echo", "/small", "/refuse", "/grpc", "/name", "/large"]);
    let payload = prop_oneof![
        3 => path.prop_map(head),
        2 => prop::collection::vec(any::<u8>(), 0..40),
        1 => prop::collection::vec(any::<u8>(), 4..=4),
        1 => (0_usize..3000).prop_map(|length| vec![0; length]),
    ];
    let frame = (prop_oneof![4 => 0_u8..2, 2 => 0_u8..10, 1 => any::<u8>()], any::<u8>(), stream, payload);
    let frame = frame.prop_map(|(kind, flags, stream, payload)| {
        // Mostly whole header blocks: a block that goes on allows nothing but its continuation.
        let flags = if kind == 1 && flags % 4 != 0 { (flags | 4) & !(8 | 32) } else { flags };
        Frame { kind, flags, stream, payload }
    });
    prop::collection::vec(frame, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_soup_of_frames_harms_the_server(frames in frames(), cut in 1_usize..200) {
        RUNNING.with(|running| {
            let mut raw = running.connect();
            raw.0.set_read_timeout(Some(Duration::from_millis(5))).expect("timeout");
            let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
            frames.iter().for_each(|frame| bytes.extend(frame.bytes()));
            for part in bytes.chunks(cut * 16) {
                if raw.0.write_all(part).is_err() {
                    break;
                }
            }
            let mut some = [0; 4096];
            let _ = raw.0.read(&mut some);
            drop(raw);
            let mut honest = Raw::connect(running.addr());
            honest.send(get("/name"));
            assert_eq!(honest.answer().1, b"first");
            drop(honest);
            eventually("all gone", || running.server.connections() == 0);
            assert_eq!(running.control.ledger.used(), 0);
            assert_eq!(running.server.stats().panics, 0);
        });
    }
}

thread_local! {
    static RUNNING: Running = {
        let limits = ConnLimits { max_concurrent_streams: Some(5), ..ConnLimits::default() };
        let config = ServerConfig { limits, ..ServerConfig::new(Protocol::Http) };
        Running::with(config, Control::with_limits("first", BodyLimits::new(2000)), 1)
    };
}
