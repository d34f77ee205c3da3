//! Exporters.

mod answer;
pub mod debug;
pub mod nop;
pub mod otlp_grpc;
pub mod otlp_http;
