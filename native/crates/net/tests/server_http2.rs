//! HTTP/2 and gRPC over real sockets: independence of streams, refusals, pings, and ends that lose no request.

mod server_support;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use server_support::{Control, H2, Running, ask, ask_now, eventually, get, h2c};
use teleferric_net::{BodyLimits, ConnLimits, Enforcement, Keepalive, Protocol, ServerConfig};
use tokio::net::TcpStream;

fn http() -> ServerConfig {
    ServerConfig::new(Protocol::Http)
}

fn grpc() -> ServerConfig {
    ServerConfig::new(Protocol::Grpc)
}

fn kept(keepalive: Keepalive) -> ServerConfig {
    ServerConfig { keepalive, ..http() }
}

#[tokio::test]
async fn speaks_http2_by_prior_knowledge_beside_http1() {
    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    let (head, body) = ask(&mut send, "/echo", "hello").await.expect("answer");
    assert_eq!((head.status.as_u16(), &body[..]), (200, &b"hello"[..]));
    assert!(head.headers.contains_key(header::DATE));
    let mut raw = running.connect();
    raw.send(get("/name"));
    assert_eq!(raw.answer().1, b"first");
}

#[tokio::test]
async fn streams_of_one_connection_do_not_wait_for_each_other() {
    let running = Running::start(http());
    let (send, _connection) = h2c(running.addr()).await;
    let waiting: Vec<_> = (0..14)
        .map(|_| {
            let mut send = send.clone();
            tokio::spawn(async move { ask(&mut send, "/wait", "").await })
        })
        .collect();
    let control = running.control.clone();
    tokio::task::spawn_blocking(move || control.until_waiting(14)).await.expect("waiting");
    let (_, body) = ask(&mut send.clone(), "/echo", "fifteenth").await.expect("answer");
    assert_eq!(body, "fifteenth");
    running.control.gate.add_permits(14);
    for answer in join_all(waiting).await {
        assert_eq!(answer.expect("task").expect("answer").1, "waited");
    }
    assert_eq!(running.server.stats().accepted, 1);
}

#[tokio::test]
async fn refused_bodies_cost_neither_the_connection_nor_its_window() {
    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    // Together many times the connection's window.
    for _ in 0..10 {
        let (head, _) = ask(&mut send, "/refuse", vec![b'x'; 900_000]).await.expect("answer");
        assert_eq!(head.status, 403);
        let (head, _) = ask(&mut send, "/small", vec![b'x'; 900_000]).await.expect("answer");
        assert_eq!(head.status, 413);
    }
    let (_, body) = ask(&mut send, "/echo", vec![b'x'; 1 << 20]).await.expect("answer");
    assert_eq!(body.len(), 1 << 20);
    assert_eq!(running.server.stats().accepted, 1);
    drop(body);
    eventually("budget returned", || running.control.ledger.used() == 0);
}

#[tokio::test]
async fn a_panic_ends_its_stream_alone() {
    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    assert_eq!(ask(&mut send, "/panic", "").await.expect("answer").0.status, 500);
    assert_eq!(ask(&mut send, "/name", "").await.expect("answer").1, "first");
    let request = grpc_request("/panic", Bytes::new());
    let head = send.send_request(request).await.expect("answer").into_parts().0;
    assert_eq!(head.status, 200);
    assert_eq!(head.headers["grpc-status"], "13");
    assert_eq!(running.server.stats().panics, 2);
}

#[tokio::test]
async fn a_reset_stream_ends_its_request() {
    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    let request = tokio::spawn({
        let mut send = send.clone();
        async move { ask(&mut send, "/wait", "").await }
    });
    let control = running.control.clone();
    tokio::task::spawn_blocking(move || control.until_waiting(1)).await.expect("waiting");
    request.abort();
    let control = running.control.clone();
    tokio::task::spawn_blocking(move || eventually("dropped", || control.dropped.load(Ordering::SeqCst) == 1))
        .await
        .expect("dropped");
    assert_eq!(ask(&mut send, "/name", "").await.expect("answer").1, "first");
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_answered_431() {
    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    let mut request = Request::post("http://x/name");
    for index in 0..130 {
        request = request.header(format!("x-{index}"), "y");
    }
    let answer = send.send_request(request.body(Full::default()).expect("request")).await.expect("answer");
    assert_eq!(answer.status(), 431);
    let large = Request::post("http://x/name").header("x", "y".repeat(40 << 10));
    let answer = send.send_request(large.body(Full::default()).expect("request")).await.expect("answer");
    assert_eq!(answer.status(), 431);
    assert_eq!(ask(&mut send, "/name", "").await.expect("answer").1, "first");
}

fn grpc_request(path: &str, body: Bytes) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://x{path}")).header(header::CONTENT_TYPE, "application/grpc");
    request.body(Full::new(body)).expect("request")
}

async fn call(send: &mut H2, length: u32, message: &[u8]) -> (String, String, Bytes) {
    let mut body = vec![0];
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(message);
    let (head, body) = send.send_request(grpc_request("/grpc", body.into())).await.expect("answer").into_parts();
    assert_eq!(head.status, 200);
    assert!(!head.headers.contains_key(header::CONTENT_LENGTH));
    let body = body.collect().await.expect("body");
    let trailers = body.trailers().cloned().unwrap_or(head.headers);
    let text = |name| trailers.get(name).map(|value| value.to_str().expect("text").to_owned()).unwrap_or_default();
    (text("grpc-status"), text("grpc-message"), body.to_bytes())
}

#[tokio::test]
async fn answers_grpc_calls_and_refuses_large_messages_unread() {
    let control = Control::with_limits("grpc", BodyLimits::new(100_000));
    let running = Running::with(grpc(), control.clone(), 1);
    let (mut send, _connection) = h2c(running.addr()).await;
    let (status, _, body) = call(&mut send, 5, b"hello").await;
    assert_eq!((&status[..], &body[..]), ("0", &b"\0\0\0\0\x05hello"[..]));
    let peak = control.ledger.peak();
    let (status, message, _) = call(&mut send, 2_000_000, &vec![b'x'; 2_000_000]).await;
    assert_eq!((&status[..], &message[..]), ("8", "grpc: received message larger than max (2000000 vs. 100000)"));
    assert_eq!(control.ledger.peak(), peak);
    assert_eq!(call(&mut send, 9, b"hello").await.0, "13");
    assert_eq!(call(&mut send, 100_000, &vec![b'x'; 100_000]).await.0, "0");
    assert_eq!(running.server.stats().accepted, 1);
}

#[tokio::test]
async fn refuses_what_is_not_grpc_on_a_grpc_port() {
    let running = Running::start(grpc());
    let (mut send, _connection) = h2c(running.addr()).await;
    assert_eq!(ask(&mut send, "/grpc", "{}").await.expect("answer").0.status, 415);
    let mut raw = running.connect();
    raw.send(get("/grpc"));
    let (head, body) = raw.answer();
    assert!(head.starts_with("http/1.1 505"), "{head}");
    assert_eq!(body, b"this port speaks gRPC, which needs HTTP/2 only\n");
    assert_eq!(raw.rest(), b"");
    assert_eq!(running.server.stats().greeting_failures, 1);
}

/// Sends requests one after another, each on a connection that takes it, until `enough`; any request that was sent
/// and not answered is a failure.
async fn insist(addr: std::net::SocketAddr, answered: Arc<AtomicUsize>, enough: impl Fn() -> bool) -> usize {
    let mut connections = 0;
    while !enough() {
        let Ok(stream) = TcpStream::connect(addr).await else { return connections };
        let mut builder = hyper::client::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
        let handshake =
            builder.timer(hyper_util::rt::TokioTimer::new()).handshake(hyper_util::rt::TokioIo::new(stream));
        // A connection that the closing listener never served carried no request.
        let Ok((mut send, connection)) = handshake.await else { continue };
        tokio::spawn(connection);
        connections += 1;
        let mut served = false;
        while !enough() && send.ready().await.is_ok() {
            match ask_now(&mut send, "/echo", "x").await {
                Ok((head, _)) => {
                    assert_eq!(head.status, 200);
                    answered.fetch_add(1, Ordering::SeqCst);
                    served = true;
                }
                // Queued at the very moment the port closed: the system resets it and nobody has seen it.
                Err(_) if !served => break,
                Err(error) if error.is_canceled() => break,
                Err(error) if is_refused(&error) => break,
                Err(error) => panic!("lost: {error:?}"),
            }
        }
    }
    connections
}

/// The server said it has not touched the request.
fn is_refused(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    source.is_some_and(|error| {
        error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || (error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR))
    })
}

#[tokio::test]
async fn closing_for_age_loses_no_request() {
    let age = Some(Duration::from_millis(40));
    let running = Running::start(kept(Keepalive { max_connection_age: age, ..Keepalive::default() }));
    let answered = Arc::new(AtomicUsize::new(0));
    let stats = || running.server.stats();
    let connections = insist(running.addr(), answered.clone(), || stats().aged >= 3).await;
    assert!(connections >= 3 && answered.load(Ordering::SeqCst) > 3);
    assert_eq!(stats().age_cut, 0);
}

#[tokio::test]
async fn a_request_that_outlasts_age_and_grace_is_cut() {
    let short = Some(Duration::from_millis(30));
    let keepalive = Keepalive { max_connection_age: short, max_connection_age_grace: short, ..Keepalive::default() };
    let running = Running::start(kept(keepalive));
    let (mut send, _connection) = h2c(running.addr()).await;
    ask(&mut send, "/wait", "").await.expect_err("cut");
    assert_eq!((running.server.stats().aged, running.server.stats().age_cut), (1, 1));
}

#[tokio::test]
async fn a_connection_without_requests_is_told_to_go() {
    let idle = Some(Duration::from_millis(40));
    let running = Running::start(kept(Keepalive { max_connection_idle: idle, ..Keepalive::default() }));
    let (mut send, connection) = h2c(running.addr()).await;
    ask(&mut send, "/name", "").await.expect("answer");
    connection.await.expect("task").expect("closed in order");
    assert_eq!(running.server.stats().idle_closed, 1);
}

#[tokio::test]
async fn draining_under_load_loses_no_request() {
    let running = Arc::new(Running::start(http()));
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..4).map(|_| tokio::spawn(insist(running.addr(), answered.clone(), || false))).collect();
    while answered.load(Ordering::SeqCst) < 200 {
        tokio::task::yield_now().await;
    }
    let report = running.server.drain(server_support::PATIENCE).await;
    assert_eq!(report.cut, 0);
    assert_eq!(running.server.connections(), 0);
    for client in clients {
        client.await.expect("no request lost");
    }
    let stats = running.server.stats();
    assert_eq!(stats.requests, answered.load(Ordering::SeqCst) as u64);
}

#[tokio::test]
async fn a_drain_waits_for_running_requests_and_cuts_at_its_deadline() {
    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    let control = running.control.clone();
    let wait = tokio::spawn(async move { ask(&mut send, "/wait", "").await });
    tokio::task::spawn_blocking({
        let control = control.clone();
        move || control.until_waiting(1)
    })
    .await
    .expect("waits");
    let drain = running.server.drain(server_support::PATIENCE);
    let (report, answer) = tokio::join!(drain, async {
        eventually("refused", || std::net::TcpStream::connect(running.addr()).is_err());
        control.gate.add_permits(1);
        wait.await.expect("task")
    });
    assert_eq!(report.cut, 0);
    assert_eq!(answer.expect("answer").1, "waited");

    let running = Running::start(http());
    let (mut send, _connection) = h2c(running.addr()).await;
    let wait = tokio::spawn(async move { ask(&mut send, "/wait", "").await });
    let control = running.control.clone();
    tokio::task::spawn_blocking(move || control.until_waiting(1)).await.expect("waits");
    assert_eq!(running.server.drain(Duration::from_millis(30)).await.cut, 1);
    wait.await.expect("task").expect_err("cut");
    eventually("request dropped", || running.control.dropped.load(Ordering::SeqCst) == 1);
    assert_eq!(running.server.connections(), 0);
}

#[tokio::test]
async fn a_client_that_pings_too_often_is_told_to_calm_down() {
    let enforcement = Enforcement { min_time: Duration::from_secs(60), permit_without_stream: true };
    let keepalive = Keepalive { enforcement: Some(enforcement), ..Keepalive::default() };
    let running = Running::start(ServerConfig { keepalive, ..grpc() });
    let stream = TcpStream::connect(running.addr()).await.expect("connect");
    let (_send, mut connection) = h2::client::handshake(stream).await.expect("handshake");
    let mut pings = connection.ping_pong().expect("pings");
    let connection = tokio::spawn(connection);
    let mut answered = 0;
    while pings.ping(h2::Ping::opaque()).await.is_ok() {
        answered += 1;
    }
    assert_eq!(answered, 3);
    let error = connection.await.expect("task").expect_err("told");
    assert!(error.is_go_away() && error.is_remote(), "{error:?}");
    assert_eq!(error.reason(), Some(h2::Reason::ENHANCE_YOUR_CALM));
    assert_eq!(running.server.stats().ping_abuse, 1);
}

#[tokio::test]
async fn pings_between_answers_are_no_abuse() {
    let enforcement = Enforcement { min_time: Duration::from_secs(60), permit_without_stream: false };
    let keepalive = Keepalive { enforcement: Some(enforcement), ..Keepalive::default() };
    let running = Running::start(ServerConfig { keepalive, ..grpc() });
    let stream = TcpStream::connect(running.addr()).await.expect("connect");
    let (mut send, mut connection) = h2::client::handshake(stream).await.expect("handshake");
    let mut pings = connection.ping_pong().expect("pings");
    tokio::spawn(connection);
    for _ in 0..20 {
        poll_fn(|cx| send.poll_ready(cx)).await.expect("ready");
        let request = Request::post("http://x/name").body(()).expect("request");
        send.send_request(request, true).expect("sent").0.await.expect("answer");
        pings.ping(h2::Ping::opaque()).await.expect("pong");
    }
    assert_eq!(running.server.stats().ping_abuse, 0);
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_cut_when_it_does_not_answer() {
    let short = Some(Duration::from_millis(40));
    let running = Running::start(kept(Keepalive { time: short, timeout: short, ..Keepalive::default() }));
    let mut raw = running.connect();
    // A preface and empty settings, and then no word more, not even to a ping.
    raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    tokio::task::spawn_blocking(move || raw.rest()).await.expect("closed");
    eventually("gone", || running.server.connections() == 0);
}

#[tokio::test]
async fn no_more_streams_run_at_once_than_configured() {
    let limits = ConnLimits { max_concurrent_streams: Some(3), ..ConnLimits::default() };
    let running = Running::start(ServerConfig { limits, ..http() });
    let (mut send, _connection) = h2c(running.addr()).await;
    // The first answer comes after the settings.
    ask(&mut send, "/name", "").await.expect("answer");
    let requests: Vec<_> = (0..9)
        .map(|_| {
            let mut send = send.clone();
            tokio::spawn(async move { ask(&mut send, "/wait", "").await })
        })
        .collect();
    let control = running.control.clone();
    tokio::task::spawn_blocking(move || {
        for round in 1..=3 {
            control.until_waiting(3 * round);
            assert_eq!(control.waiting.load(Ordering::SeqCst), 3 * round);
            control.gate.add_permits(3);
        }
    })
    .await
    .expect("rounds");
    for answer in join_all(requests).await {
        answer.expect("task").expect("answer");
    }
}

#[tokio::test]
async fn a_client_that_reads_late_gets_every_answer() {
    // Answers beyond what the server keeps for a client that does not read: it stops reading requests, and goes on.
    let running = Running::start(http());
    let (send, _connection) = h2c(running.addr()).await;
    let requests = (0..60).map(|_| {
        let mut send = send.clone();
        async move { ask(&mut send, "/echo", vec![b'x'; 60_000]).await.expect("answer").1.len() }
    });
    assert_eq!(join_all(requests).await, vec![60_000; 60]);
}

#[tokio::test]
async fn more_requests_at_once_than_a_task_may_poll_are_all_answered() {
    let limits = ConnLimits { max_concurrent_streams: Some(1000), ..ConnLimits::default() };
    let running = Running::start(ServerConfig { limits, ..http() });
    let (mut send, _connection) = h2c(running.addr()).await;
    ask(&mut send, "/name", "").await.expect("answer");
    let waiting: Vec<_> = (0..800)
        .map(|_| {
            let mut send = send.clone();
            tokio::spawn(async move { ask(&mut send, "/wait", "").await })
        })
        .collect();
    let control = running.control.clone();
    tokio::task::spawn_blocking(move || control.until_waiting(800)).await.expect("waiting");
    running.control.gate.add_permits(800);
    for answer in join_all(waiting).await {
        assert_eq!(answer.expect("task").expect("answer").1, "waited");
    }
}
