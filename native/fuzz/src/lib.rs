//! What is fuzzed: each module takes arbitrary bytes and panics if a promise about them is broken. libFuzzer drives
//! them from `targets/`, and `tests/corpus.rs` replays what is kept in `corpus/`.

#![forbid(unsafe_code)]

pub mod check;
pub mod decompress;
pub mod filter;
pub mod grpc_message;
pub mod hpack;
pub mod json;
pub mod json_write;
mod oracle;
pub mod response;

use teleferric_wire::Signal;

/// A target: its name and what it runs.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, each with a folder of its name in `corpus/`.
pub const TARGETS: [Target; 8] = [
    ("check", check::run),
    ("json", json::run),
    ("json_write", json_write::run),
    ("decompress", decompress::run),
    ("filter", filter::run),
    ("grpc_message", grpc_message::run),
    ("hpack", hpack::run),
    ("response", response::run),
];

/// The signal that a byte stands for.
fn signal(byte: u8) -> Signal {
    Signal::ALL[usize::from(byte) % Signal::ALL.len()]
}
