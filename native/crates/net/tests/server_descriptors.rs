//! When the process has no descriptor left for a connection, the listener waits and goes on. The test runs itself
//! again under a lowered limit, since limits belong to the whole process.

#![cfg(target_os = "linux")]

mod server_support;

use std::fs::File;
use std::process::Command;

use server_support::{Control, Running, eventually, get};
use teleferric_net::{Protocol, ServerConfig};

const LIMIT: usize = 64;

#[test]
fn out_of_descriptors_is_a_pause_and_not_the_end() {
    let own = std::env::current_exe().expect("own path");
    let script = format!("ulimit -n {LIMIT} && exec \"$0\" --exact --ignored inner --test-threads 1");
    let status = Command::new("sh").arg("-c").arg(script).arg(own).status().expect("sh");
    assert!(status.success());
}

#[test]
#[ignore = "run by the other test, with few descriptors"]
fn inner() {
    let running = Running::with(ServerConfig::new(Protocol::Http), Control::new(), 1);
    let mut first = running.connect();
    first.send(get("/name"));
    assert_eq!(first.answer().1, b"first");
    let mut kept = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        kept.push(file);
    }
    // The last descriptor goes to the client; the server has none for its end.
    kept.pop();
    let mut queued = running.connect();
    eventually("refused by the system", || running.server.stats().accept_errors > 0);
    first.send(get("/name"));
    assert_eq!(first.answer().1, b"first");
    // Pauses grow from 10 ms: a loop without them would make thousands.
    assert!(running.server.stats().accept_errors < 100);
    drop(kept);
    queued.send(get("/name"));
    assert_eq!(queued.answer().1, b"first");
}
