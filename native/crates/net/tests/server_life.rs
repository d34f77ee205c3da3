//! A listener's life: ports and sockets, caps, replacing the service, and leaving nothing behind.

mod server_support;

use std::io::{Read, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use server_support::{Control, Raw, Running, block_on, eventually, get, post};
use teleferric_net::{Bound, ConnLimits, Endpoint, Protocol, Request, Response, ServerConfig, Service, Workers, serve};

fn http() -> ServerConfig {
    ServerConfig::new(Protocol::Http)
}

fn loopback() -> Endpoint {
    Endpoint::parse("127.0.0.1:0", "tcp").expect("endpoint")
}

#[test]
fn connections_are_spread_over_the_workers() {
    let running = Running::with(http(), Control::new(), 4);
    let mut kept = Vec::new();
    let mut workers = Vec::new();
    for _ in 0..8 {
        let mut raw = running.connect();
        raw.send(get("/worker"));
        workers.push(String::from_utf8(raw.answer().1).expect("text"));
        kept.push(raw);
    }
    workers.sort();
    assert_eq!(workers, ["0", "0", "1", "1", "2", "2", "3", "3"]);
    assert_eq!(running.server.connections(), 8);
}

fn capped(most: usize) -> ServerConfig {
    ServerConfig { limits: ConnLimits { max_connections: Some(most), ..ConnLimits::default() }, ..http() }
}

#[test]
fn connections_over_the_cap_are_closed_at_once_and_others_live() {
    let running = Running::start(capped(2));
    let mut kept: Vec<_> = (0..2).map(|_| running.connect()).collect();
    kept.iter_mut().for_each(|raw| raw.send(get("/wait")));
    running.control.until_waiting(2);
    assert_eq!(running.connect().rest(), b"");
    let stats = running.server.stats();
    assert_eq!((stats.accepted, stats.refused, stats.open), (3, 1, 2));
    running.control.gate.add_permits(2);
    kept.iter_mut().for_each(|raw| assert_eq!(raw.answer().1, b"waited"));
    drop(kept);
    eventually("room again", || running.server.connections() == 0);
    let mut raw = running.connect();
    raw.send(get("/name"));
    assert_eq!(raw.answer().1, b"first");
}

#[test]
fn near_the_cap_idle_connections_make_room_and_busy_ones_stay() {
    let running = Running::with(capped(4), Control::new(), 1);
    let mut busy = running.connect();
    busy.send(get("/wait"));
    running.control.until_waiting(1);
    let mut silent = running.connect();
    let mut idle: Vec<_> = (0..2).map(|_| running.connect()).collect();
    for raw in &mut idle {
        raw.send(get("/name"));
        raw.answer();
    }
    // Refused, but the connection that was idle for longest goes.
    assert_eq!(running.connect().rest(), b"");
    assert_eq!(silent.rest(), b"");
    eventually("room", || running.server.connections() == 3);
    let mut raw = running.connect();
    raw.send(get("/name"));
    assert_eq!(raw.answer().1, b"first");
    running.control.gate.add_permits(1);
    assert_eq!(busy.answer().1, b"waited");
}

#[cfg(unix)]
#[test]
fn serves_a_unix_socket_and_removes_its_file() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("otlp.sock");
    let workers = Workers::start(1, "unix").expect("workers");
    let bound = Bound::bind(&Endpoint::Unix(path.clone())).expect("bound");
    let server = serve(bound, http(), &workers, Control::new().make());
    let mut stream = std::os::unix::net::UnixStream::connect(&path).expect("connect");
    stream.write_all(b"GET /name HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    assert!(answer.ends_with("\r\n\r\nfirst"), "{answer}");
    block_on(server.drain(server_support::PATIENCE));
    assert!(!path.exists());
}

#[test]
fn the_port_is_free_when_the_drain_is_over() {
    let running = Running::start(http());
    let addr = running.addr();
    let again = || Bound::bind(&Endpoint::parse(&addr.to_string(), "tcp").expect("endpoint"));
    assert!(again().expect_err("taken").in_use());
    block_on(running.server.drain(server_support::PATIENCE));
    again().expect("free");
}

#[test]
fn a_clone_of_the_socket_keeps_the_queue_for_the_next_server() {
    let workers = Workers::start(2, "clone").expect("workers");
    let bound = Bound::bind(&loopback()).expect("bound");
    let addr = bound.local_addr().tcp().expect("tcp");
    let kept = bound.try_clone().expect("clone");
    let first = serve(bound, http(), &workers, Control::named("first").make());
    block_on(first.drain(server_support::PATIENCE));
    // Queued while nobody serves.
    let mut raw = Raw::connect(addr);
    raw.send(get("/name"));
    let _second = serve(kept, http(), &workers, Control::named("second").make());
    assert_eq!(raw.answer().1, b"second");
}

#[test]
fn a_replaced_service_gets_the_next_request_of_every_connection() {
    let running = Running::start(http());
    let mut raws: Vec<_> = (0..4).map(|_| running.connect()).collect();
    for raw in &mut raws {
        raw.send(get("/name"));
        assert_eq!(raw.answer().1, b"first");
    }
    let mut waiting = running.connect();
    waiting.send(get("/wait"));
    running.control.until_waiting(1);
    let second = Control::named("second");
    block_on(running.server.replace_service(second.make())).expect("replaced");
    for raw in &mut raws {
        raw.send(get("/name"));
        assert_eq!(raw.answer().1, b"second");
    }
    // The request that began before still belongs to the first.
    running.control.gate.add_permits(1);
    assert_eq!(waiting.answer().1, b"waited");
    assert_eq!(running.server.stats().accepted, 5);
}

#[test]
fn a_service_that_cannot_be_made_leaves_the_old_one() {
    let running = Running::start(http());
    let broken = |_| -> Rc<Plain> { panic!("no service") };
    assert!(block_on(running.server.replace_service(broken)).is_err());
    let mut raw = running.connect();
    raw.send(get("/name"));
    assert_eq!(raw.answer().1, b"first");
}

#[test]
fn an_http1_drain_finishes_running_requests_and_closes_idle_connections() {
    // One worker: the drain has reached all connections when it has reached one.
    let running = Running::with(http(), Control::new(), 1);
    let mut idle = running.connect();
    idle.send(get("/name"));
    idle.answer();
    let mut busy = running.connect();
    busy.send(get("/wait"));
    running.control.until_waiting(1);
    let unspoken = running.connect();
    eventually("accepted", || running.server.stats().open == 3);
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| block_on(running.server.drain(server_support::PATIENCE)));
        assert_eq!(idle.rest(), b"");
        running.control.gate.add_permits(1);
        let (head, body) = busy.answer();
        assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
        assert_eq!(body, b"waited");
        assert_eq!(drain.join().expect("drain").cut, 0);
    });
    drop(unspoken);
}

/// Its answers come at once, so that it is idle whenever somebody looks. A close without a word would meet a request.
#[test]
fn a_busy_http1_connection_learns_of_the_drain_with_an_answer() {
    let running = Running::start(http());
    let mut busy = running.connect();
    std::thread::scope(|scope| {
        let drain = scope.spawn(|| block_on(running.server.drain(server_support::PATIENCE)));
        loop {
            busy.send(get("/name"));
            let (head, body) = busy.answer();
            assert_eq!(body, b"first");
            if head.contains("\r\nconnection: close\r\n") {
                break;
            }
        }
        assert_eq!(busy.rest(), b"");
        assert_eq!(drain.join().expect("drain").cut, 0);
    });
}

#[test]
fn connections_made_before_the_drain_are_served_though_nobody_has_accepted_them() {
    for _ in 0..20 {
        let running = Running::start(http());
        let mut raws: Vec<_> = (0..20).map(|_| running.connect()).collect();
        raws.iter_mut().for_each(|raw| raw.send(get("/name")));
        let report = block_on(running.server.drain(server_support::PATIENCE));
        assert_eq!((report.cut, running.server.stats().requests), (0, 20));
        raws.iter_mut().for_each(|raw| assert_eq!(raw.answer().1, b"first"));
    }
}

#[test]
fn dropping_the_server_ends_its_connections() {
    let Running { workers, server, control } = Running::start(http());
    let mut raw = Raw::connect(server.local_addr().and_then(|addr| addr.tcp()).expect("tcp"));
    raw.send(get("/wait"));
    control.until_waiting(1);
    drop(server);
    raw.rest();
    eventually("dropped", || control.dropped.load(std::sync::atomic::Ordering::SeqCst) == 1);
    assert_eq!(workers.shutdown(Duration::from_secs(5)).joined, 2);
}

#[test]
fn panics_of_services_reach_the_workers_hook() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let hook = {
        let seen = seen.clone();
        Arc::new(move |report: teleferric_tasks::PanicReport| seen.lock().expect("lock").push(report.message))
    };
    teleferric_tasks::set_hook(Some(hook));
    let workers = Workers::start(1, "hook").expect("workers");
    let server = serve(Bound::bind(&loopback()).expect("bound"), http(), &workers, |_| Rc::new(Plain));
    let mut raw = Raw::connect(server.local_addr().and_then(|addr| addr.tcp()).expect("tcp"));
    raw.send(post("/x", "body"));
    assert!(raw.answer().0.starts_with("http/1.1 500"));
    raw.send(post("/x", "body"));
    assert!(raw.answer().0.starts_with("http/1.1 500"));
    assert_eq!(*seen.lock().expect("lock"), ["plain", "plain"]);
}

struct Plain;

impl Service for Plain {
    async fn call(&self, request: Request) -> Response {
        if request.head.uri.path() == "/x" {
            panic!("plain");
        }
        Response::empty(StatusCode::OK)
    }
}

#[test]
fn tells_a_socket_given_up_from_one_that_was_lost() {
    let stopped = Running::start(http());
    let given_up = stopped.server.given_up();
    stopped.server.stop_accepting();
    assert!(!block_on(given_up));
    assert!(stopped.server.is_closed());

    let lost = Running::start(http());
    let given_up = lost.server.given_up();
    assert!(!lost.server.is_closed());
    lost.workers.shutdown(Duration::ZERO);
    assert!(block_on(given_up));
    assert!(lost.server.is_closed());
}
