//! Receivers.

pub mod generator;
pub mod nop;
pub mod otlp;
pub mod ts;
