//! The outgoing side: HTTP/1.1 over hyper, HTTP/2 and unary gRPC, one client per worker thread.
//!
//! A client belongs to the thread that made it (`!Send`) and runs its connections as tasks of that thread's
//! [`LocalSet`](tokio::task::LocalSet). Bodies are lists of [`Bytes`](bytes::Bytes) written as they are; nothing is
//! copied on the way to the socket. Responses are hostile input: headers, bodies and messages are capped while they are
//! read.
//!
//! What this is not for: knowing OTLP, compressing, retrying by policy. The only retry made here is of a request that
//! provably never reached the peer's application (see [`unprocessed`](ClientError::unprocessed)).

mod age;
mod backoff;
mod connect;
mod error;
mod grpc;
mod http;
mod http1;
mod http2;
mod io;
mod pool;
mod proxy;
mod redirect;
mod rope;
mod subchannel;
mod url;

pub use connect::{ConnectConfig, resolve};
pub use error::{ClientError, ErrorKind};
pub use grpc::{
    Balancer, GrpcCall, GrpcCallError, GrpcClient, GrpcConfig, GrpcMethod, GrpcReply, GrpcStatus, Pushback,
    grpc_timeout,
};
pub use http::{Client, ClientConfig, ClientRequest, ClientResponse, Http2Mode};
pub use http2::{Http2Config, Ping};
pub use proxy::{Proxy, ProxyRule};
pub use url::{GrpcTarget, HttpUrl, UrlError};
