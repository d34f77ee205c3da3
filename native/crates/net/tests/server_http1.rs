//! HTTP/1.1 over real sockets: framing, limits, and what becomes of a connection after a refusal.

mod server_support;

use std::io::Write;
use std::time::Duration;

use server_support::{Control, Raw, Running, eventually, get, post};
use teleferric_net::{BodyLimits, ConnLimits, Protocol, ServerConfig};

fn http() -> ServerConfig {
    ServerConfig::new(Protocol::Http)
}

fn limited(limits: ConnLimits) -> ServerConfig {
    ServerConfig { limits, ..http() }
}

/// Serves a second request on the connection: it survived.
fn still_serves(raw: &mut Raw) {
    raw.send(post("/echo", "again"));
    let (head, body) = raw.answer();
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_eq!(body, b"again");
}

#[test]
fn serves_requests_one_after_another_on_one_connection() {
    let running = Running::start(http());
    let mut raw = running.connect();
    for text in ["a", "", "ccc"] {
        raw.send(post("/echo", text));
        let (head, body) = raw.answer();
        assert!(head.starts_with("http/1.1 200 ok") && head.contains("\r\ndate: "), "{head}");
        assert_eq!(body, text.as_bytes());
    }
    assert_eq!(running.server.stats().accepted, 1);
    assert_eq!(running.server.stats().requests, 3);
    assert_eq!(running.control.ledger.used(), 0);
}

#[test]
fn answers_pipelined_requests_in_order() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send(format!("{}{}{}", post("/echo", "one"), get("/name"), post("/echo", "three")));
    let bodies: Vec<_> = (0..3).map(|_| raw.answer().1).collect();
    assert_eq!(bodies, [&b"one"[..], b"first", b"three"]);
}

#[test]
fn closes_after_one_request_when_keep_alives_are_off() {
    let running = Running::start(ServerConfig { keep_alives_enabled: false, ..http() });
    let mut raw = running.connect();
    raw.send(get("/name"));
    assert!(raw.answer().0.contains("\r\nconnection: close\r\n"));
    assert_eq!(raw.rest(), b"");
}

#[test]
fn reads_chunked_bodies() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    raw.send("4\r\ndefg\r\n0\r\n\r\n");
    assert_eq!(raw.answer().1, b"abcdefg");
    still_serves(&mut raw);
}

#[test]
fn asks_for_the_body_of_a_client_that_expects_to_be_asked() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send("POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
    assert!(raw.answer().0.starts_with("http/1.1 100 continue"));
    raw.send("hello");
    assert_eq!(raw.answer().1, b"hello");
    still_serves(&mut raw);
}

#[test]
fn refuses_a_declared_length_without_asking_for_the_body() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send("POST /small HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n");
    let (head, body) = raw.answer();
    assert!(head.starts_with("http/1.1 413"), "{head}");
    assert_eq!(body, b"body is larger than 10 bytes");
    assert_eq!(running.control.ledger.peak(), 0);
    assert_eq!(raw.rest(), b"");
}

#[test]
fn a_refused_body_of_modest_size_costs_no_connection() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send(post("/small", &"x".repeat(100_000)));
    assert!(raw.answer().0.starts_with("http/1.1 413"));
    still_serves(&mut raw);
    raw.send(post("/refuse", &"x".repeat(100_000)));
    assert!(raw.answer().0.starts_with("http/1.1 403"));
    still_serves(&mut raw);
    assert_eq!(running.server.stats().accepted, 1);
}

#[test]
fn a_chunked_body_over_the_limit_is_refused_where_it_passes_it() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send("POST /small HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n");
    raw.send("6\r\nghijkl\r\n");
    assert!(raw.answer().0.starts_with("http/1.1 413"));
    raw.send("0\r\n\r\n");
    still_serves(&mut raw);
    assert_eq!(running.control.ledger.used(), 0);
}

#[test]
fn the_answer_to_a_huge_refused_body_arrives_before_the_close() {
    let running = Running::start(http());
    let mut raw = running.connect();
    let declared = 900_000;
    raw.send(format!("POST /refuse HTTP/1.1\r\nhost: x\r\ncontent-length: {declared}\r\n\r\n"));
    raw.send(vec![b'x'; declared]);
    assert!(raw.answer().0.starts_with("http/1.1 403"));
    assert_eq!(raw.rest(), b"");
}

#[test]
fn refuses_a_body_that_the_budget_has_no_room_for_before_reading_it() {
    let running = Running::start(http());
    running.control.ledger.set_limit(1000);
    let mut raw = running.connect();
    raw.send(post("/echo", &"x".repeat(2000)));
    assert!(raw.answer().0.starts_with("http/1.1 503"));
    assert_eq!(running.control.ledger.peak(), 0);
    still_serves(&mut raw);
}

#[test]
fn a_body_that_ends_early_is_an_error_of_that_connection_alone() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc");
    raw.0.shutdown(std::net::Shutdown::Write).expect("shutdown");
    raw.rest();
    eventually("connection gone", || running.server.connections() == 0);
    assert_eq!(running.control.ledger.used(), 0);
    still_serves(&mut running.connect());
}

#[test]
fn a_body_that_drips_is_cut_off() {
    let limits = BodyLimits { grace: Duration::from_millis(50), ..BodyLimits::new(1000) };
    let running = Running::with(http(), Control::with_limits("drip", limits), 1);
    let mut raw = running.connect();
    raw.send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc");
    assert!(raw.answer().0.starts_with("http/1.1 408"));
    assert_eq!(running.control.ledger.used(), 0);
}

#[test]
fn a_head_that_drips_is_cut_off() {
    let limits = ConnLimits { header_timeout: Some(Duration::from_millis(80)), ..ConnLimits::default() };
    let running = Running::start(limited(limits));
    let mut raw = running.connect();
    raw.send("GET /name HTTP/1.1\r\nhost:");
    assert_eq!(raw.rest(), b"");
    eventually("counted", || running.server.stats().slow_heads == 1);
    // The same on a connection that has served before, and on one that never speaks.
    let mut raw = running.connect();
    raw.send(get("/name"));
    raw.answer();
    raw.send("GET");
    assert_eq!(raw.rest(), b"");
    assert_eq!(running.connect().rest(), b"");
    eventually("all counted", || running.server.stats().slow_heads == 3);
}

#[test]
fn a_connection_may_be_idle_between_requests_for_longer_than_a_head_may_take() {
    let limits = ConnLimits { header_timeout: Some(Duration::from_millis(60)), ..ConnLimits::default() };
    let running = Running::start(limited(limits));
    let mut raw = running.connect();
    raw.send(get("/name"));
    raw.answer();
    // Longer than the limit: nothing to wait for, the point is that nothing happens.
    std::thread::sleep(Duration::from_millis(200));
    still_serves(&mut raw);
    assert_eq!(running.server.stats().slow_heads, 0);
}

#[test]
fn closes_idle_connections_after_the_idle_timeout() {
    let limits = ConnLimits { idle_timeout: Some(Duration::from_millis(60)), ..ConnLimits::default() };
    let running = Running::start(limited(limits));
    let mut raw = running.connect();
    raw.send(get("/name"));
    raw.answer();
    assert_eq!(raw.rest(), b"");
    eventually("counted", || running.server.stats().idle_closed == 1);
}

#[test]
fn refuses_huge_heads_and_too_many_headers() {
    let running = Running::start(http());
    let mut raw = running.connect();
    let huge = format!("GET /name HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(40 << 10));
    // The server may close before it has all been sent.
    let _ = raw.0.write_all(huge.as_bytes());
    assert!(raw.answer().0.starts_with("http/1.1 431"));
    let many: String = (0..100).map(|index| format!("x-{index}: y\r\n")).collect();
    let mut raw = running.connect();
    raw.send(format!("GET /name HTTP/1.1\r\nhost: x\r\n{many}\r\n"));
    assert!(raw.answer().0.starts_with("http/1.1 431"));
    let enough: String = (0..99).map(|index| format!("x-{index}: y\r\n")).collect();
    let mut raw = running.connect();
    raw.send(
        format!("GET /name HTTP/1.1\r\nhost: x\r\nx: {}\r\n{enough}\r\n", "y".repeat(16 << 10))
            .replace("x-0: y\r\n", ""),
    );
    assert!(raw.answer().0.starts_with("http/1.1 200"));
}

#[test]
fn a_peer_that_reads_nothing_is_cut_off() {
    let limits = ConnLimits { write_stall_timeout: Some(Duration::from_millis(100)), ..ConnLimits::default() };
    let running = Running::start(limited(limits));
    let mut raw = running.connect();
    raw.send(get("/large"));
    eventually("counted", || running.server.stats().write_stalls == 1);
    eventually("closed", || running.server.connections() == 0);
}

#[test]
fn a_panic_in_the_service_is_an_answer_and_the_connection_lives() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send(get("/panic"));
    let (head, body) = raw.answer();
    assert!(head.starts_with("http/1.1 500"), "{head}");
    assert_eq!(body, b"internal error");
    still_serves(&mut raw);
    assert_eq!(running.server.stats().panics, 1);
}

#[test]
fn a_client_that_leaves_ends_its_request() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send(get("/wait"));
    running.control.until_waiting(1);
    drop(raw);
    eventually("dropped", || running.control.dropped.load(std::sync::atomic::Ordering::SeqCst) == 1);
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let limits = ConnLimits { answer_timeout: Some(Duration::from_millis(40)), ..ConnLimits::default() };
    let running = Running::start(limited(limits));
    let mut raw = running.connect();
    raw.send(get("/wait"));
    assert!(raw.answer().0.starts_with("http/1.1 503"));
    assert_eq!(running.control.dropped.load(std::sync::atomic::Ordering::SeqCst), 1);
    still_serves(&mut raw);
}

#[test]
fn rubbish_is_answered_400() {
    let running = Running::start(http());
    let mut raw = running.connect();
    raw.send("\x16\x03\x01 what is this\r\n\r\n");
    assert!(raw.answer().0.starts_with("http/1.1 400"));
}
