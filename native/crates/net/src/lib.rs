//! Listeners, clients, TLS and gRPC framing; knows no OTLP.
//!
//! Everything that carries a request runs on one of the [`workers`]; limits, permits and statuses come as arguments.

#![forbid(unsafe_code)]

pub mod body;
pub mod client;
pub mod endpoint;
pub mod grpc;
pub mod http2;
pub mod listen;
pub mod service;
pub mod tls;
pub mod workers;

pub use body::{Admit, Body, BodyError, BodyFeed, BodyLimits, FedBody};
pub use endpoint::{BindError, Bound, Endpoint, EndpointError, ListenAddr};
pub use listen::{
    ConnLimits, Door, DrainReport, Enforcement, Exchange, HostRequest, Keepalive, Protocol, Server, ServerConfig,
    ServerStats, serve, serve_host,
};
pub use service::{Request, Response, Service, TlsInfo};
pub use workers::Workers;
