//! Panics in the tasks of a server without a socket. Failpoints are one for the process, so these have it to themselves.

mod server_support;

use std::sync::{Arc, mpsc};

use http::StatusCode;
use teleferric_net::body::feed;
use teleferric_net::{Door, HostRequest, Protocol, ServerConfig, Workers, serve_host};
use teleferric_tasks::{failpoints, set_hook};

use server_support::{Control, PATIENCE, eventually};

fn ask(door: &Door) -> Option<StatusCode> {
    let (feed, body) = feed(Some(0));
    let (head, ()) = http::Request::post("/echo").body(()).expect("request").into_parts();
    let (tell, answer) = mpsc::channel();
    let _exchange = door.call(HostRequest { head, peer: None, body }, move |response| drop(tell.send(response)));
    feed.finish();
    answer.recv_timeout(PATIENCE).expect("told").map(|response| response.status)
}

#[test]
fn a_request_has_no_answer_and_a_server_ends() {
    // Threads tell of panics, and so have failpoints, if the one that begins them does.
    set_hook(Some(Arc::new(|_| ())));
    let control = Control::new();
    let workers = Workers::start(1, "door").expect("workers");
    let start = || serve_host(ServerConfig::new(Protocol::Http), &workers, control.make());
    let server = start();
    failpoints::arm("listen.exchange", 0, 1);
    assert_eq!(ask(&server.door()), None);
    assert_eq!(ask(&server.door()), Some(StatusCode::OK));
    for task in ["listen.serve", "listen.host"] {
        failpoints::arm(task, 0, 1);
        let lost = start();
        eventually("it is closed", || lost.is_closed());
    }
    assert!(!server.is_closed());
}
