//! Connectors: an exporter to one pipeline and a receiver to another.

pub mod failover;
pub mod forward;
