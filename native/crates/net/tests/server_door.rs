//! Requests that come without a socket.

mod server_support;

use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use teleferric_net::body::feed;
use teleferric_net::{
    BodyFeed, Door, Exchange, HostRequest, Protocol, Response, Server, ServerConfig, Workers, serve_host,
};

use server_support::{Control, PATIENCE, block_on, eventually};

struct Sent {
    feed: BodyFeed,
    exchange: Exchange,
    answer: mpsc::Receiver<Option<Response>>,
}

impl Sent {
    fn answer(&self) -> Option<Response> {
        self.answer.recv_timeout(PATIENCE).expect("told")
    }
}

fn head(path: &str) -> http::request::Parts {
    http::Request::post(path).body(()).expect("request").into_parts().0
}

fn send(door: &Door, head: http::request::Parts, declared: Option<u64>) -> Sent {
    let (feed, body) = feed(declared);
    let (tell, answer) = mpsc::channel();
    let exchange = door.call(HostRequest { head, peer: None, body }, move |response| drop(tell.send(response)));
    Sent { feed, exchange, answer }
}

fn ask(door: &Door, path: &str) -> Option<Response> {
    let sent = send(door, head(path), Some(0));
    sent.feed.finish();
    sent.answer.recv_timeout(PATIENCE).expect("told")
}

fn start(control: &std::sync::Arc<Control>) -> (std::sync::Arc<Workers>, Server) {
    let workers = Workers::start(2, "door").expect("workers");
    let server = serve_host(ServerConfig::new(Protocol::Http), &workers, control.make());
    (workers, server)
}

#[test]
fn a_body_comes_in_pieces_and_is_answered() {
    let (_workers, server) = start(&Control::new());
    let sent = send(&server.door(), head("/echo"), None);
    for piece in ["one ", "", "two ", "three"] {
        assert!(sent.feed.push(Bytes::from_static(piece.as_bytes())));
    }
    let Sent { feed, answer, .. } = sent;
    feed.finish();
    let response = answer.recv_timeout(PATIENCE).expect("told").expect("answered");
    assert_eq!((response.status, &response.body[..]), (StatusCode::OK, &b"one two three"[..]));
    assert_eq!(server.local_addr(), None);
}

#[test]
fn bodies_that_lie_or_break_off_are_refused() {
    let control = Control::new();
    let (_workers, server) = start(&control);
    let door = server.door();
    let too_large = send(&door, head("/small"), Some(11));
    assert_eq!(too_large.answer().map(|response| response.status), Some(StatusCode::PAYLOAD_TOO_LARGE));
    // Nobody reads any more, so there is always room.
    assert!(too_large.feed.push(Bytes::from(vec![0; 1 << 20])));
    let grown = send(&door, head("/small"), None);
    grown.feed.push(Bytes::from_static(b"twelve bytes"));
    assert_eq!(grown.answer().map(|response| response.status), Some(StatusCode::PAYLOAD_TOO_LARGE));
    let Sent { feed, answer, exchange } = send(&door, head("/echo"), Some(5));
    feed.push(Bytes::from_static(b"four"));
    feed.finish();
    let short = answer.recv_timeout(PATIENCE).expect("told").expect("answered");
    assert_eq!(&short.body[..], b"body has 4 bytes and declares 5");
    drop(exchange);
    let Sent { feed, answer, exchange } = send(&door, head("/echo"), None);
    drop(feed);
    let broken = answer.recv_timeout(PATIENCE).expect("told").expect("answered");
    assert_eq!(&broken.body[..], b"body was broken off");
    drop(exchange);
    eventually("memory is given back", || control.ledger.used() == 0);
}

#[test]
fn a_sender_is_held_back_while_nobody_reads() {
    let control = Control::new();
    let (_workers, server) = start(&control);
    let sent = send(&server.door(), head("/wait"), None);
    let piece = Bytes::from(vec![7; 200 << 10]);
    assert!(sent.feed.push(piece.clone()));
    assert!(!sent.feed.push(piece));
    let (tell, told) = mpsc::channel();
    sent.feed.when_room(move || tell.send(()).expect("awaited"));
    assert!(told.try_recv().is_err());
    control.until_waiting(1);
    control.gate.add_permits(1);
    assert_eq!(sent.answer().map(|response| response.status), Some(StatusCode::OK));
    // The answer ended the wait: the rest is not wanted.
    told.recv_timeout(PATIENCE).expect("told");
}

#[test]
fn a_sender_that_asks_is_told_whether_its_body_is_wanted() {
    let control = Control::new();
    let (_workers, server) = start(&control);
    for (path, declared, wanted) in [("/echo", None, true), ("/small", Some(11), false)] {
        let sent = send(&server.door(), head(path), declared);
        let (tell, told) = mpsc::channel();
        sent.feed.when_wanted(move |wanted| tell.send(wanted).expect("awaited"));
        assert_eq!(told.recv_timeout(PATIENCE), Ok(wanted), "{path}");
    }
}

#[test]
fn a_dropped_exchange_ends_the_request() {
    let control = Control::new();
    let (_workers, server) = start(&control);
    let sent = send(&server.door(), head("/wait"), Some(0));
    control.until_waiting(1);
    drop(sent.exchange);
    assert!(sent.answer.recv_timeout(PATIENCE).expect("told").is_none());
    eventually("the service's future is dropped", || control.dropped.load(std::sync::atomic::Ordering::SeqCst) == 1);
}

#[test]
fn a_panic_costs_its_request_alone() {
    let (_workers, server) = start(&Control::new());
    let door = server.door();
    assert_eq!(ask(&door, "/panic").map(|response| response.status), Some(StatusCode::INTERNAL_SERVER_ERROR));
    assert_eq!(ask(&door, "/name").map(|response| response.body), Some(Bytes::from_static(b"first")));
    assert_eq!(server.stats().panics, 1);
}

#[test]
fn a_drain_answers_what_runs_refuses_what_comes_and_cuts_what_stays() {
    let control = Control::new();
    let (workers, server) = start(&control);
    let door = server.door();
    let (first, second) = (send(&door, head("/wait"), Some(0)), send(&door, head("/wait"), Some(0)));
    control.until_waiting(2);
    let drained = std::thread::scope(|scope| {
        let drain = scope.spawn(|| block_on(server.drain(Duration::from_millis(300))));
        eventually("it drains", || {
            ask(&door, "/name").is_some_and(|response| response.status == StatusCode::SERVICE_UNAVAILABLE)
        });
        control.gate.add_permits(1);
        drain.join().expect("drained")
    });
    let answers = [first.answer(), second.answer()];
    assert_eq!(answers.iter().flatten().count(), 1, "{answers:?}");
    assert_eq!(drained.cut, 1);
    drop(server);
    drop(workers);
    assert!(ask(&door, "/name").is_none());
}
