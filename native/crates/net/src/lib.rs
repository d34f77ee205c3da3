//! Listeners, clients, TLS and gRPC framing; knows no OTLP.
//!
//! Everything that carries a request runs on one of the [`workers`]; limits, permits and statuses come as arguments.

#![forbid(unsafe_code)]

pub mod tls;
pub mod workers;

pub use workers::Workers;
