//! Hostile HTTP/2, frame by frame: each attack ends its own connection and nobody else's.

mod server_support;

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use server_support::{Control, Raw, Running, ask, eventually, get, h2c};
use teleferric_net::{BodyLimits, ConnLimits, Protocol, ServerConfig};

const ENHANCE_YOUR_CALM: u32 = 11;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

fn hello(settings: &[u8]) -> Vec<u8> {
    let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    hello.extend(frame(SETTINGS, 0, 0, settings));
    hello
}

/// POST http://x{path}, without compression beyond the static table.
fn request(path: &str) -> Vec<u8> {
    let mut block = vec![0x83, 0x86, 0x04, path.len() as u8];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(&[0x01, 1, b'x']);
    block
}

/// The error of the GOAWAY that ends the connection, if one was sent before it ended.
fn goaway(bytes: &[u8]) -> Option<u32> {
    let mut rest = bytes;
    let mut last = None;
    while let [a, b, c, kind, _, _, _, _, _, payload @ ..] = rest {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        if *kind == GOAWAY {
            last = payload.get(4..8).map(|code| u32::from_be_bytes(code.try_into().expect("four bytes")));
        }
        rest = payload.get(length..).unwrap_or_default();
    }
    last
}

/// Sends for as long as the server takes it, and returns what it had to say.
fn attack(running: &Running, settings: &[u8], frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut raw = running.connect();
    raw.send(hello(settings));
    for frame in frames {
        match raw.0.write_all(&frame) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => break,
            Err(error) => panic!("not closed: {error}"),
        }
    }
    raw.rest()
}

fn still_serves(running: &Running) {
    let mut raw = Raw::connect(running.addr());
    raw.send(get("/name"));
    assert_eq!(raw.answer().1, b"first");
    drop(raw);
    eventually("attackers gone", || running.server.connections() == 0);
}

fn start() -> Running {
    Running::start(ServerConfig::new(Protocol::Http))
}

#[test]
fn floods_of_empty_frames_are_cut() {
    let running = start();
    let said = attack(&running, &[], (0..100_000).map(|_| frame(SETTINGS, 0, 0, &[])));
    assert_eq!(goaway(&said), Some(ENHANCE_YOUR_CALM));
    let open = frame(HEADERS, END_HEADERS, 1, &request("/echo"));
    let empty = (0..100_000).map(|_| frame(DATA, 0, 1, &[]));
    let said = attack(&running, &[], std::iter::once(open).chain(empty));
    assert_eq!(goaway(&said), Some(ENHANCE_YOUR_CALM));
    still_serves(&running);
}

#[test]
fn rapid_resets_are_cut() {
    let running = start();
    let waves = (0..50_000_u32).map(|index| {
        let stream = 2 * index + 1;
        let mut wave = frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("/wait"));
        wave.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        wave
    });
    let waves: Vec<_> = waves.collect();
    // In one write: so many are reset before the server looks.
    attack(&running, &[], waves.chunks(1000).map(<[_]>::concat));
    still_serves(&running);
    assert!(running.server.stats().requests < 50_000);
}

#[test]
fn endless_header_blocks_are_cut() {
    let running = start();
    let open = frame(HEADERS, 0, 1, &request("/name"));
    let more = (0..100_000).map(|_| frame(CONTINUATION, 0, 1, &[0x00, 1, b'a', 1, b'b']));
    attack(&running, &[], std::iter::once(open).chain(more));
    still_serves(&running);
    assert_eq!(running.server.stats().requests, 1);
}

#[test]
fn broken_frames_are_errors_of_their_connection() {
    let running = start();
    let too_large = frame(DATA, 0, 1, &vec![0; 100_000]);
    let reserved = frame(DATA, 0, 0, b"x");
    let bad_block = frame(HEADERS, END_HEADERS, 1, &[0xff; 20]);
    for bad in [too_large, reserved, bad_block] {
        let said = attack(&running, &[], std::iter::once(bad));
        assert!(goaway(&said).is_some_and(|code| code != 0));
    }
    still_serves(&running);
}

#[test]
fn an_answer_that_the_window_never_lets_out_ends_the_connection() {
    let limits = ConnLimits { write_stall_timeout: Some(Duration::from_millis(100)), ..ConnLimits::default() };
    let running = Running::start(ServerConfig { limits, ..ServerConfig::new(Protocol::Http) });
    // SETTINGS_INITIAL_WINDOW_SIZE 0.
    let shut = [0, 4, 0, 0, 0, 0];
    attack(&running, &shut, std::iter::once(frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("/name"))));
    assert_eq!(running.server.stats().write_stalls, 1);
    still_serves(&running);
}

#[test]
fn a_stream_that_sends_no_body_is_answered_and_the_others_live() {
    let limits = BodyLimits { grace: Duration::from_millis(50), ..BodyLimits::new(1000) };
    let running = Running::with(ServerConfig::new(Protocol::Http), Control::with_limits("first", limits), 1);
    let mut raw = running.connect();
    raw.send(hello(&[]));
    raw.send(frame(HEADERS, END_HEADERS, 1, &request("/echo")));
    raw.send(frame(HEADERS, END_HEADERS, 3, &request("/echo")));
    raw.send(frame(DATA, END_STREAM, 3, b"whole"));
    let mut answered = vec![next_answer(&mut raw), next_answer(&mut raw)];
    answered.sort_unstable();
    assert_eq!(answered, [1, 3]);
    assert_eq!(running.control.ledger.used(), 0);
    raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 5, &request("/name")));
    assert_eq!(next_answer(&mut raw), 5);
}

/// The stream of the next HEADERS frame that comes.
fn next_answer(raw: &mut Raw) -> u32 {
    loop {
        let mut header = [0; 9];
        raw.0.read_exact(&mut header).expect("frame");
        let [a, b, c, kind, _, stream @ ..] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        raw.0.read_exact(&mut payload).expect("payload");
        if kind == HEADERS {
            return u32::from_be_bytes(stream);
        }
    }
}

#[tokio::test]
async fn honest_traffic_is_never_cut() {
    let running = Running::start(ServerConfig::new(Protocol::Http));
    let (send, _connection) = h2c(running.addr()).await;
    for _ in 0..10 {
        let requests = (0..300).map(|index| {
            let mut send = send.clone();
            async move { ask(&mut send, "/echo", Bytes::from(vec![b'x'; index])).await.expect("answer").1.len() }
        });
        let lengths = join_all(requests).await;
        assert_eq!(lengths, (0..300).collect::<Vec<_>>());
    }
    let stats = running.server.stats();
    assert_eq!((stats.accepted, stats.requests, stats.frame_abuse), (1, 3000, 0));
}
