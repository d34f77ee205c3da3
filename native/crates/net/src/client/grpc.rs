//! Unary gRPC calls with raw message bytes.
//!
//! The five-byte prefix travels as a chunk of its own in front of the message's chunks; compressing the message and
//! decompressing the reply are the caller's business.

mod reply;
mod status;

use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::connect::{Address, ConnectConfig};
use super::error::ClientError;
use super::http::within;
use super::http2::{Http2Config, Http2Connection, Request, RequestHead, Want};
use super::proxy::ProxyRule;
use super::rope::Rope;
use super::subchannel::{Channel, Opening};
use super::url::GrpcTarget;

pub use reply::GrpcReply;
pub use status::{GrpcCallError, GrpcStatus, Pushback};

/// How calls are spread over the addresses of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balancer {
    /// Each call to the next address that is connected.
    #[default]
    RoundRobin,
    /// All calls to the first address that connects.
    PickFirst,
}

/// Settings of a [`GrpcClient`].
#[derive(Clone, Debug)]
pub struct GrpcConfig {
    /// Where to.
    pub target: GrpcTarget,
    /// Dialling; TLS is used exactly if `connect.tls` is set.
    pub connect: ConnectConfig,
    /// Proxies; gRPC uses the one for `https`.
    pub proxy: ProxyRule,
    /// Settings of the connections. `http2.ping.time` below 10 s is raised to 10 s, as gRPC demands.
    pub http2: Http2Config,
    /// How several addresses are used.
    pub balancer: Balancer,
    /// Replaces the `:authority` that follows from the target.
    pub authority: Option<String>,
    /// The `user-agent` header.
    pub user_agent: HeaderValue,
    /// The `grpc-accept-encoding` header: what the caller can decompress.
    pub accept_encoding: Option<HeaderValue>,
    /// Whether calls wait, until their deadline, for a connection instead of failing with the first attempt.
    pub wait_for_ready: bool,
}

/// A method of a channel's service, with all that its calls have in common. Clones are the same one.
#[derive(Clone, Debug)]
pub struct GrpcMethod {
    head: Rc<RequestHead>,
    compressed: bool,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct GrpcCall<'a> {
    /// What is called.
    pub method: &'a GrpcMethod,
    /// The message, compressed already if the method names an encoding; the chunks are sent without being copied.
    pub message: &'a [Bytes],
    /// One more header, which is another with each call; its name is lower case.
    pub metadata: Option<(&'static str, &'a HeaderValue)>,
    /// When to give up; also told to the peer.
    pub deadline: Option<Instant>,
    /// Largest reply message in bytes, as it is on the wire.
    pub max_response: usize,
}

/// A gRPC channel with its own connections. Belongs to one thread and needs a `LocalSet` around it.
pub struct GrpcClient {
    channel: Channel,
    scheme: &'static str,
    authority: String,
    user_agent: HeaderValue,
    accept_encoding: Option<HeaderValue>,
    wait_for_ready: bool,
}

impl GrpcClient {
    /// A channel without connections; see [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// The authority cannot be one, or the target asks for TLS (`https://`) and there are no TLS settings.
    pub fn new(config: GrpcConfig) -> Result<Self, ClientError> {
        let tls = config.connect.tls.as_ref();
        let default = config.target.authority();
        let renamed = config.authority.or_else(|| tls.and_then(|tls| tls.server_name_override().map(str::to_owned)));
        let authority: http::uri::Authority = renamed
            .as_deref()
            .unwrap_or(&default)
            .parse()
            .map_err(|_| ClientError::protocol("authority cannot be used as such"))?;
        let tls_name = tls.is_some().then(|| super::url::unbracket(authority.host()).to_owned());
        let (address, proxy) = match config.target {
            GrpcTarget::Host { force_tls: true, .. } if tls.is_none() => {
                return Err(ClientError::tls("target asks for tls and there are no tls settings"));
            }
            GrpcTarget::Host { host, port, .. } => {
                let proxy = config.proxy.choose(true, &host, port).cloned();
                (Address::Host(host, port), proxy)
            }
            GrpcTarget::Unix(path) => (Address::Unix(path), None),
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut http2 = config.http2;
        if let Some(ping) = &mut http2.ping {
            ping.time = ping.time.max(PING_TIME_MIN);
        }
        let opening = Opening { connect: config.connect, http2, tls_name, proxy };
        Ok(Self {
            channel: Channel::new(opening, address, config.balancer),
            scheme,
            authority: authority.to_string(),
            user_agent: config.user_agent,
            accept_encoding: config.accept_encoding,
            wait_for_ready: config.wait_for_ready,
        })
    }

    /// Connects ahead of the first call.
    ///
    /// # Errors
    ///
    /// As the first call would fail.
    pub async fn connect(&self) -> Result<(), ClientError> {
        self.channel.pick().await.map(drop)
    }

    /// Prepares calls of `path`, which is `/package.Service/Method`.
    ///
    /// `encoding` goes into `grpc-encoding` and says that messages come compressed. `metadata` are further headers;
    /// binary ones (`-bin`) in base64. Names that belong to gRPC itself are replaced.
    ///
    /// # Errors
    ///
    /// The path or the encoding cannot be sent as what they are.
    pub fn method(&self, path: &str, encoding: Option<&str>, metadata: &HeaderMap) -> Result<GrpcMethod, ClientError> {
        let uri = Uri::builder().scheme(self.scheme).authority(self.authority.as_str()).path_and_query(path);
        let mut head = http::Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri.build().map_err(|_| ClientError::protocol("method path cannot be used as such"))?;
        let headers = head.headers_mut();
        *headers = metadata.clone();
        for name in OWN_HEADERS {
            headers.remove(name);
        }
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(USER_AGENT, self.user_agent.clone());
        if let Some(encoding) = encoding {
            let value = HeaderValue::from_str(encoding);
            headers.insert(GRPC_ENCODING, value.map_err(|_| ClientError::protocol("encoding cannot be a header"))?);
        }
        if let Some(accepted) = &self.accept_encoding {
            headers.insert(GRPC_ACCEPT_ENCODING, accepted.clone());
        }
        Ok(GrpcMethod { head: Rc::new(RequestHead::new(&head)), compressed: encoding.is_some() })
    }

    /// Makes one unary call.
    ///
    /// A call that provably was not processed is made again by itself.
    ///
    /// # Errors
    ///
    /// The status of the peer if it is not OK, or what kept the peer from answering.
    ///
    /// # Cancellation
    ///
    /// Dropping the future resets the stream; the connection stays in use.
    pub async fn unary(&self, call: GrpcCall<'_>) -> Result<GrpcReply, GrpcCallError> {
        let phase = Cell::new("waiting for a connection");
        let refused = RefCell::new(None);
        let result =
            within(call.deadline, &phase, pin!(async { Ok(self.attempts(&call, &phase, &refused).await) })).await;
        match result {
            Ok(result) => result,
            Err(mut error) => {
                if let Some(refusal) = refused.take() {
                    error.cause = format!("{}: {refusal}", error.cause);
                }
                Err(GrpcCallError::Transport(error))
            }
        }
    }

    async fn attempts(
        &self,
        call: &GrpcCall<'_>,
        phase: &Cell<&str>,
        refused: &RefCell<Option<ClientError>>,
    ) -> Result<GrpcReply, GrpcCallError> {
        let body = body(call)?;
        let mut attempt = 1;
        loop {
            phase.set("waiting for a connection");
            let connection = self.connection(refused).await?;
            phase.set("waiting for the response");
            match self.exchange(&connection, call, body.clone()).await {
                Err(GrpcCallError::Transport(error)) if error.unprocessed && attempt < ATTEMPTS_MAX => attempt += 1,
                result => return result,
            }
        }
    }

    async fn connection(&self, refused: &RefCell<Option<ClientError>>) -> Result<Rc<Http2Connection>, ClientError> {
        loop {
            match self.channel.pick().await {
                Err(error) if self.wait_for_ready => {
                    refused.replace(Some(error));
                    self.channel.pause().await;
                }
                result => return result,
            }
        }
    }

    async fn exchange(
        &self,
        connection: &Http2Connection,
        call: &GrpcCall<'_>,
        body: Rope,
    ) -> Result<GrpcReply, GrpcCallError> {
        let timeout = call.deadline.map(|deadline| grpc_timeout(deadline.saturating_duration_since(Instant::now())));
        let extra = call.metadata.map(|(name, value)| Box::new((name, value.clone())));
        let want = Want::Message(call.max_response);
        let head = Rc::clone(&call.method.head);
        let answer = connection.send(Request { head, timeout, extra, body, want }).await?;
        reply::read(answer, call.max_response)
    }
}

/// The length-prefixed message.
fn body(call: &GrpcCall<'_>) -> Result<Rope, ClientError> {
    let length: usize = call.message.iter().map(Bytes::len).sum();
    let length = u32::try_from(length).map_err(|_| ClientError::protocol("message is larger than 4 GiB"))?;
    let [a, b, c, d] = length.to_be_bytes();
    Ok(Rope::framed([u8::from(call.method.compressed), a, b, c, d], call.message.iter().cloned()))
}

/// A duration as the `grpc-timeout` header: digits and a unit, rounded up to the coarsest unit that has a thousand of
/// it, so that the timeouts of requests made alike are written alike. At most eight digits, as gRPC demands.
pub fn grpc_timeout(left: Duration) -> SmallVec<[u8; 12]> {
    const DIGITS: u128 = 99_999_999;
    const UNITS: [(u128, u8); 6] = [
        (3_600_000_000_000, b'H'),
        (60_000_000_000, b'M'),
        (1_000_000_000, b'S'),
        (1_000_000, b'm'),
        (1_000, b'u'),
        (1, b'n'),
    ];
    let nanos = left.as_nanos().max(1);
    let fine = UNITS.into_iter().find(|(size, _)| nanos >= size * TIMEOUT_STEPS_MIN);
    let (size, unit) = fine.unwrap_or((1, b'n'));
    let mut text = SmallVec::new();
    // Writing to memory cannot fail.
    let _ = write!(text, "{}", nanos.div_ceil(size).min(DIGITS));
    text.push(unit);
    text
}

/// A timeout is rounded up by less than one in so many.
const TIMEOUT_STEPS_MIN: u128 = 1_000;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// Headers that gRPC or HTTP/2 says itself.
const OWN_HEADERS: [HeaderName; 6] =
    [HOST, CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, GRPC_ENCODING, HeaderName::from_static("grpc-timeout")];
/// How often one call may be made, when every attempt but the last provably was not processed.
const ATTEMPTS_MAX: usize = 3;
/// gRPC's lower bound for client pings.
const PING_TIME_MIN: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_timeouts_in_at_most_eight_digits() {
        let text = |left| String::from_utf8(grpc_timeout(left).to_vec()).unwrap();
        assert_eq!(text(Duration::ZERO), "1n");
        assert_eq!(text(Duration::from_nanos(999_999)), "999999n");
        assert_eq!(text(Duration::from_nanos(1_000_001)), "1001u");
        assert_eq!(text(Duration::from_millis(50)), "50000u");
        assert_eq!(text(Duration::from_nanos(4_999_000_001)), "5000m");
        assert_eq!(text(Duration::from_secs(5)), "5000m");
        assert_eq!(text(Duration::from_secs(99_999)), "1667M");
        assert_eq!(text(Duration::from_secs(u64::MAX)), "99999999H");
    }
}
