//! What a listener calls for each request, and what travels in and out.

use std::borrow::Cow;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rustls_pki_types::CertificateDer;

use crate::body::Body;
use crate::grpc::BadTimeout;
use crate::tls::CertificateNames;

/// Answers requests; one instance per worker, so it may keep unshared state.
///
/// The returned future is dropped at an await point when the peer gives up (stream reset, connection lost) or the
/// drain deadline passes. A panic in it becomes an internal error for that request alone.
pub trait Service: 'static {
    /// Answers one request. Calls overlap: requests of one connection are independent of each other.
    fn call(&self, request: Request) -> impl Future<Output = Response>;
}

/// One request.
#[derive(Debug)]
pub struct Request {
    /// Method, target, headers. Shared with other requests that said the same.
    pub head: Rc<http::request::Parts>,
    /// How long the client waits, as `grpc-timeout` says; over HTTP/2 only, where that header is not among the others.
    pub timeout: Result<Option<Duration>, BadTimeout>,
    /// The peer's address; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// What the handshake found; `None` without TLS.
    pub tls: Option<Rc<TlsInfo>>,
    /// The body, not read yet. Dropping it unread is allowed: the connection then stays usable where the protocol lets
    /// it.
    pub body: Body,
}

/// What is known about a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// "1.2" or "1.3".
    pub version: &'static str,
    /// The name the client asked for.
    pub server_name: Option<String>,
    /// The client's certificate chain, verified, leaf first; empty when none was asked for.
    pub client_chain: Vec<CertificateDer<'static>>,
    /// The names in the first of it.
    pub client_names: CertificateNames,
}

/// One answer, whole.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// Headers; `content-length` and `date` are added where they belong. Those that are always the same are borrowed.
    pub headers: Cow<'static, HeaderMap>,
    /// The body.
    pub body: Bytes,
    /// Trailers, sent after the body over HTTP/2.
    pub trailers: Option<Cow<'static, HeaderMap>>,
}

impl Response {
    /// An answer without headers or body.
    pub fn empty(status: StatusCode) -> Response {
        Response { status, ..Response::default() }
    }

    /// An answer in plain text.
    pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Response {
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Response { status, headers: Cow::Owned(headers), body: text.into(), trailers: None }
    }
}

/// [`Service`] behind a pointer, so that a listener can change its service for another type's.
pub(crate) trait DynService {
    fn call<'a>(&'a self, request: Request) -> Pin<Box<dyn Future<Output = Response> + 'a>>;
}

impl<S: Service> DynService for S {
    fn call<'a>(&'a self, request: Request) -> Pin<Box<dyn Future<Output = Response> + 'a>> {
        Box::pin(Service::call(self, request))
    }
}
