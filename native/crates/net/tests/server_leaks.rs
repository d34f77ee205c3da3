//! Starting and stopping again and again leaves no thread and no descriptor. Alone in its file: it counts those of the
//! whole process.

#![cfg(target_os = "linux")]

mod server_support;

use std::time::Duration;

use server_support::{Control, Running, eventually, get};
use teleferric_net::{Protocol, ServerConfig};

fn count(of: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{of}")).expect("proc").count()
}

fn once() {
    let running = Running::with(ServerConfig::new(Protocol::Http), Control::new(), 2);
    let mut raw = running.connect();
    raw.send(get("/name"));
    raw.answer();
    assert_eq!(running.workers.shutdown(Duration::ZERO).joined, 2);
}

#[test]
fn two_hundred_starts_and_stops_leave_nothing() {
    once();
    let before = (count("task"), count("fd"));
    for _ in 0..200 {
        once();
    }
    // The system may list a thread for a moment after it was joined.
    eventually("back to the start", || count("task") <= before.0 && count("fd") <= before.1);
}
