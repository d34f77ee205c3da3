//! Doubles and builders for tests of the data plane: OTLP requests of every signal, a consumer that records, an
//! exporter that follows a script, replies that can be asked, and the verifier every stage goes through.
//!
//! Nothing here sleeps on the real clock: delays are for tests that run with tokio's clock paused.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

pub mod answer;
pub mod balance;
pub mod consumer;
pub mod exporter;
pub mod otlp;
pub mod verify;

pub use answer::{Answer, asked};
pub use balance::{Balance, QueueAccount};
pub use consumer::RecordingConsumer;
pub use exporter::ScriptedExporter;
pub use otlp::{Request, item_labels, request};
pub use verify::{Bench, verify_stage};
