//! HTTP requests with everything in memory: chunks out, one capped body back.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use tokio::time::{Instant, timeout_at};

use super::connect::ConnectConfig;
use super::error::ClientError;
use super::http2::{Answer, Http2Config, Http2Connection, Request, RequestHead, ResponseHead, Want};
use super::pool::{HostKey, Http1Lease, Lease, Pool, PoolConfig};
use super::proxy::ProxyRule;
use super::redirect::Redirects;
use super::rope::Rope;
use super::url::HttpUrl;
use crate::tls::client::Offer;

/// When HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http2Mode {
    /// Always, also in the clear; the peer is known to understand it.
    Prior,
    /// Over TLS if the peer agrees, as Go's client with `force_attempt_http2`.
    #[default]
    Alpn,
    /// Not at all.
    Never,
}

impl Http2Mode {
    /// What to offer in the TLS handshake of a client in this mode.
    pub fn offer(self) -> Offer {
        match self {
            Http2Mode::Prior => Offer::Http2,
            Http2Mode::Alpn => Offer::Http2OrHttp1,
            Http2Mode::Never => Offer::Http1,
        }
    }
}

/// Settings of a [`Client`]. Limits are per client, that is per worker.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Dialling and TLS.
    pub connect: ConnectConfig,
    /// Proxies.
    pub proxy: ProxyRule,
    /// HTTP/1.1 or HTTP/2.
    pub http2_mode: Http2Mode,
    /// Settings of HTTP/2 connections.
    pub http2: Http2Config,
    /// Idle HTTP/1.1 connections over all hosts; 0 is no limit.
    pub max_idle_conns: usize,
    /// Idle HTTP/1.1 connections per host; 0 is 2, as in Go.
    pub max_idle_conns_per_host: usize,
    /// Connections per host, those being dialled included; 0 is no limit. A request over the limit waits.
    pub max_conns_per_host: usize,
    /// A connection without requests is closed after this time; `None` and zero are never.
    pub idle_conn_timeout: Option<Duration>,
    /// One request per connection.
    pub disable_keep_alives: bool,
    /// How many redirects are followed; 0 hands redirects to the caller.
    pub redirects_max: usize,
}

impl Default for ClientConfig {
    /// The Collector's defaults; no proxy.
    fn default() -> Self {
        Self {
            connect: ConnectConfig::default(),
            proxy: ProxyRule::Never,
            http2_mode: Http2Mode::Alpn,
            http2: Http2Config::default(),
            max_idle_conns: 100,
            max_idle_conns_per_host: 0,
            max_conns_per_host: 0,
            idle_conn_timeout: Some(Duration::from_secs(90)),
            disable_keep_alives: false,
            redirects_max: 10,
        }
    }
}

/// A request. `content-length` is set here; a `host` header replaces the host of the URL.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: HttpUrl,
    /// Headers, sent as they are but for those that belong to the connection.
    pub headers: HeaderMap,
    /// The body, written in this order without being copied.
    pub body: Vec<Bytes>,
}

/// A complete response.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, as it was sent (a `content-encoding` is the caller's business).
    pub body: Bytes,
    /// Trailers, if there were any.
    pub trailers: Option<HeaderMap>,
    /// The protocol it came over.
    pub version: Version,
}

/// An HTTP client with its own connections. Belongs to one thread and needs a `LocalSet` around it.
///
/// # Examples
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, Method};
/// use teleferric_net::client::{Client, ClientConfig, ClientRequest, HttpUrl};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(ClientConfig::default());
/// let request = ClientRequest {
///     method: Method::POST,
///     url: HttpUrl::parse("http://127.0.0.1:4318/v1/traces")?,
///     headers: HeaderMap::new(),
///     body: vec![Bytes::from_static(b"first"), Bytes::from_static(b"second")],
/// };
/// let response = client.request(request, None, 64 * 1024).await?;
/// # Ok(())
/// # }
/// ```
pub struct Client {
    pool: Rc<Pool>,
    disable_keep_alives: bool,
    redirects_max: usize,
}

impl Client {
    /// A client without connections.
    pub fn new(config: ClientConfig) -> Self {
        let per_host = if config.max_idle_conns_per_host == 0 { 2 } else { config.max_idle_conns_per_host };
        let pool = Pool::new(PoolConfig {
            connect: config.connect,
            proxy: config.proxy,
            mode: config.http2_mode,
            http2: config.http2,
            max_idle: config.max_idle_conns,
            max_idle_per_host: per_host,
            max_per_host: config.max_conns_per_host,
            idle_timeout: config.idle_conn_timeout.filter(|timeout| !timeout.is_zero()),
            keep_alive: !config.disable_keep_alives,
        });
        Self { pool, disable_keep_alives: config.disable_keep_alives, redirects_max: config.redirects_max }
    }

    /// Sends `request` and reads the whole response, at most `max_response` bytes of body.
    ///
    /// Any status is a response. `deadline` covers everything: waiting for a connection, dialling, redirects, the body.
    /// A request that provably was not processed is sent again on another connection.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](super::ErrorKind).
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the request: over HTTP/2 with RST_STREAM, over HTTP/1.1 by closing its connection. Other
    /// requests are not affected.
    pub async fn request(
        &self,
        request: ClientRequest,
        deadline: Option<Instant>,
        max_response: usize,
    ) -> Result<ClientResponse, ClientError> {
        let phase = Cell::new("waiting for a connection");
        within(deadline, &phase, pin!(self.follow(request, max_response, &phase))).await
    }

    async fn follow(
        &self,
        request: ClientRequest,
        max_response: usize,
        phase: &Cell<&str>,
    ) -> Result<ClientResponse, ClientError> {
        let ClientRequest { method, url, mut headers, body } = request;
        let host = headers.remove(HOST);
        let mut next = Outgoing { method, url, host, headers, body: Rope::new(body) };
        let mut redirects = Redirects::new(&next.url, self.redirects_max);
        loop {
            let response = self.send(&next, max_response, phase).await?;
            match redirects.next(next, &response)? {
                Ok(redirected) => next = redirected,
                Err(_done) => return Ok(response),
            }
        }
    }

    /// Sends until an attempt may have reached the peer.
    async fn send(
        &self,
        request: &Outgoing,
        max_response: usize,
        phase: &Cell<&str>,
    ) -> Result<ClientResponse, ClientError> {
        let key = request.host_key();
        let mut attempt = 1;
        loop {
            phase.set("waiting for a connection");
            // Not from dialling: what fails to connect is not tried again here.
            let lease = self.pool.acquire(&key, attempt > 1).await?;
            phase.set("waiting for the response");
            let result = match lease {
                Lease::Http1(lease) => self.over_http1(lease, request, &key, max_response).await,
                Lease::Http2(connection) => over_http2(&connection, request, max_response).await,
            };
            match result {
                Err(error) if error.unprocessed && attempt < ATTEMPTS_MAX => attempt += 1,
                result => return result,
            }
        }
    }

    async fn over_http1(
        &self,
        mut lease: Http1Lease,
        request: &Outgoing,
        key: &HostKey,
        max_response: usize,
    ) -> Result<ClientResponse, ClientError> {
        let through = if key.https { None } else { self.pool.proxy(key) };
        let uri = match through {
            Some(_) => request.url.to_uri(),
            None => Uri::from(request.url.path().clone()),
        };
        let mut head = request.head(uri, Version::HTTP_11);
        let headers = head.headers_mut();
        headers.insert(HOST, request.host_header()?);
        if self.disable_keep_alives {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(credential) = through.and_then(|proxy| proxy.authorization()) {
            headers.insert(PROXY_AUTHORIZATION, credential.clone());
        }
        lease.begin();
        let response = lease.exchange(head, request.body.clone(), max_response).await?;
        lease.finish();
        Ok(response)
    }
}

/// A request on its way, after redirects so far.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: HttpUrl,
    /// Replaces the host of the URL.
    pub(crate) host: Option<HeaderValue>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Rope,
}

impl Outgoing {
    fn host_key(&self) -> HostKey {
        HostKey { https: self.url.is_https(), host: self.url.host().to_owned(), port: self.url.port() }
    }

    fn host_header(&self) -> Result<HeaderValue, ClientError> {
        match &self.host {
            Some(host) => Ok(host.clone()),
            None => HeaderValue::from_str(self.url.authority().as_str())
                .map_err(|_| ClientError::protocol("host of the url cannot be a header")),
        }
    }

    fn head(&self, uri: Uri, version: Version) -> http::Request<()> {
        let mut head = http::Request::new(());
        *head.method_mut() = self.method.clone();
        *head.uri_mut() = uri;
        *head.version_mut() = version;
        *head.headers_mut() = self.headers.clone();
        let headers = head.headers_mut();
        for name in CONNECTION_HEADERS {
            headers.remove(name);
        }
        if !self.body.is_empty() || matches!(self.method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        if let Some(credential) = self.url.authorization()
            && !headers.contains_key(AUTHORIZATION)
        {
            headers.insert(AUTHORIZATION, credential.clone());
        }
        head
    }
}

async fn over_http2(
    connection: &Http2Connection,
    request: &Outgoing,
    max_response: usize,
) -> Result<ClientResponse, ClientError> {
    let mut uri = request.url.to_uri().into_parts();
    if let Some(host) = &request.host {
        let authority = host.as_bytes().try_into();
        uri.authority = Some(authority.map_err(|_| ClientError::protocol("host header is no authority"))?);
    }
    let uri = Uri::from_parts(uri).map_err(|_| ClientError::protocol("request has no usable uri"))?;
    let head = Rc::new(RequestHead::new(&request.head(uri, Version::HTTP_2)));
    let want = Want::Body(max_response);
    let Answer { head, body, trailers } =
        connection.send(Request { head, timeout: None, extra: None, body: request.body.clone(), want }).await?;
    let ResponseHead { status, headers, .. } = Rc::unwrap_or_clone(head);
    let status = status.ok_or_else(|| ClientError::protocol("http2: response has no status"))?;
    let mut collected = Collector::new(status, Version::HTTP_2, headers, max_response)?;
    collected.push(Bytes::from(body.into_vec()))?;
    if let Some(trailers) = trailers {
        collected.trailers(Rc::unwrap_or_clone(trailers).headers);
    }
    Ok(collected.finish())
}

/// Runs `work` until `deadline`; `phase` names what it was doing then. Large work is best pinned, so as not to be moved.
pub(crate) async fn within<T>(
    deadline: Option<Instant>,
    phase: &Cell<&str>,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, ClientError> {
    match deadline {
        None => work.await,
        // A passed deadline must not start anything; the timer alone would let the work begin.
        Some(deadline) if deadline <= Instant::now() => Err(ClientError::timeout(phase.get())),
        Some(deadline) => match timeout_at(deadline, work).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::timeout(phase.get())),
        },
    }
}

/// A response body growing under its limit. One chunk, the usual case, is kept as it came.
pub(crate) struct Collector {
    response: ClientResponse,
    more: BytesMut,
    limit: usize,
}

impl Collector {
    /// Refuses at once what announces itself as too large.
    pub(crate) fn new(
        status: StatusCode,
        version: Version,
        headers: HeaderMap,
        limit: usize,
    ) -> Result<Self, ClientError> {
        let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|declared| declared > limit as u64) {
            return Err(ClientError::too_large(limit));
        }
        let response = ClientResponse { status, headers, body: Bytes::new(), trailers: None, version };
        Ok(Self { response, more: BytesMut::new(), limit })
    }

    pub(crate) fn push(&mut self, bytes: Bytes) -> Result<(), ClientError> {
        let total = self.response.body.len().max(self.more.len()).saturating_add(bytes.len());
        if total > self.limit {
            return Err(ClientError::too_large(self.limit));
        }
        if self.response.body.is_empty() && self.more.is_empty() {
            self.response.body = bytes;
        } else {
            let first = std::mem::take(&mut self.response.body);
            self.more.extend_from_slice(&first);
            self.more.extend_from_slice(&bytes);
        }
        Ok(())
    }

    pub(crate) fn trailers(&mut self, trailers: HeaderMap) {
        self.response.trailers = Some(trailers);
    }

    pub(crate) fn finish(mut self) -> ClientResponse {
        if !self.more.is_empty() {
            self.response.body = self.more.freeze();
        }
        self.response
    }
}

/// How often one request may be sent, when every attempt but the last provably was not processed.
const ATTEMPTS_MAX: usize = 3;
/// Headers that belong to the connection and its framing, not to the caller (RFC 9110 section 7.6.1).
const CONNECTION_HEADERS: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];
