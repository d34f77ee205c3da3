//! Exporters.

mod answer;
mod compression;
pub mod debug;
pub mod file;
pub mod load_balancing;
pub mod nop;
pub mod otlp_grpc;
pub mod otlp_http;
pub mod ts;
