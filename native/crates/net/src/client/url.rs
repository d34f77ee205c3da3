//! Where requests go: HTTP URLs and gRPC targets, parsed once when a component is built.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

/// An absolute `http` or `https` URL, ready to be sent to.
///
/// Cloning is cheap. The fragment is dropped; user information becomes an `authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    https: bool,
    host: String,
    port: u16,
    /// `host` or `host:port`, as it goes into the `host` header: without user information.
    authority: Authority,
    path: PathAndQuery,
    authorization: Option<HeaderValue>,
}

/// Text that is no usable URL or target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

impl HttpUrl {
    /// Parses an absolute URL.
    ///
    /// # Errors
    ///
    /// A scheme other than `http` and `https`, no host, a port that is none.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.split('#').next().unwrap_or_default();
        let uri: Uri = text.parse().map_err(|error| UrlError(format!("invalid url \"{}\": {error}", redact(text))))?;
        Self::from_uri(&uri)
    }

    /// Resolves a `location` header against this URL (RFC 3986 section 5, without the rarer forms of dot segments).
    pub(crate) fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.split('#').next().unwrap_or_default();
        let scheme = if self.https { "https" } else { "http" };
        let absolute = if location.contains("://") {
            location.to_owned()
        } else if let Some(rest) = location.strip_prefix("//") {
            format!("{scheme}://{rest}")
        } else if location.starts_with('/') {
            format!("{scheme}://{}{location}", self.authority)
        } else if location.starts_with('?') {
            format!("{scheme}://{}{}{location}", self.authority, self.path.path())
        } else {
            let base = self.path.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{scheme}://{}{base}/{location}", self.authority)
        };
        Self::parse(&absolute)
    }

    fn from_uri(uri: &Uri) -> Result<Self, UrlError> {
        let https = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) => return Err(UrlError(format!("unsupported protocol scheme \"{scheme}\""))),
            None => return Err(UrlError("url has no scheme, expected http:// or https://".to_owned())),
        };
        let full = uri.authority().ok_or_else(|| UrlError("url has no host".to_owned()))?;
        let (user, bare) = match full.as_str().rsplit_once('@') {
            Some((user, bare)) => (Some(user), bare),
            None => (None, full.as_str()),
        };
        let bare = bare.strip_suffix(':').unwrap_or(bare);
        let authority: Authority = bare.parse().map_err(|_| UrlError("url has no usable host".to_owned()))?;
        let host = unbracket(authority.host()).to_owned();
        if host.is_empty() {
            return Err(UrlError("url has no host".to_owned()));
        }
        let port = match bare.strip_prefix(authority.host()).and_then(|rest| rest.strip_prefix(':')) {
            Some(text) => port(text)?,
            None if https => 443,
            None => 80,
        };
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { https, host, port, authority, path, authorization: user.and_then(basic) })
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, IPv6 addresses without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, 80 or 443 when the URL has none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host[:port]` as written.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The path with its query.
    pub fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// `Basic` credentials from the user information of the URL.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// The same server with another path.
    ///
    /// # Errors
    ///
    /// `path` is not a path.
    pub fn with_path(&self, path: &str) -> Result<Self, UrlError> {
        let path = path.parse().map_err(|_| UrlError(format!("invalid path \"{path}\"")))?;
        Ok(Self { path, ..self.clone() })
    }

    /// The absolute form, without user information.
    pub(crate) fn to_uri(&self) -> Uri {
        let scheme = if self.https { Scheme::HTTPS } else { Scheme::HTTP };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(scheme);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(self.path.clone());
        Uri::from_parts(parts).unwrap_or_default()
    }
}

/// Without user information.
impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", if self.https { "https" } else { "http" }, self.authority, self.path)
    }
}

/// What a gRPC exporter's `endpoint` means.
///
/// | text | meaning |
/// |---|---|
/// | `host:port`, `passthrough:///host:port` | the host, resolved when connecting |
/// | `dns:///host:port`, `dns://host:port` | the same; the resolver's authority part is not supported |
/// | `http://host:port` | the prefix is dropped |
/// | `https://host:port` | the prefix is dropped and TLS is on whatever `tls.insecure` says |
/// | `unix:path`, `unix:///path` | a Unix socket |
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcTarget {
    /// A host (name or address) and port; `force_tls` if the text began with `https://`.
    Host {
        /// Name or address, IPv6 without brackets.
        host: String,
        /// Port.
        port: u16,
        /// The text asked for TLS.
        force_tls: bool,
    },
    /// A Unix socket.
    Unix(PathBuf),
}

impl GrpcTarget {
    /// Parses a target.
    ///
    /// # Errors
    ///
    /// The texts of Go's address parser: `address x: missing port in address`, `invalid port "x"`.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if let Some(path) = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:")) {
            if path.is_empty() {
                return Err(UrlError(format!("no path in \"{text}\"")));
            }
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let force_tls = text.starts_with("https://");
        let mut rest = text;
        for prefix in ["https://", "http://", "dns:///", "dns://", "passthrough:///"] {
            if let Some(stripped) = text.strip_prefix(prefix) {
                rest = stripped;
                break;
            }
        }
        let (host, port_text) = split_host_port(rest)?;
        Ok(Self::Host { host: host.to_owned(), port: port(port_text)?, force_tls })
    }

    /// What goes into `:authority` when nothing overrides it.
    pub fn authority(&self) -> String {
        match self {
            Self::Host { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Host { host, port, .. } => format!("{host}:{port}"),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// Go's `net.SplitHostPort`, with its error texts.
fn split_host_port(text: &str) -> Result<(&str, &str), UrlError> {
    let error = |what: &str| UrlError(format!("address {text}: {what}"));
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| error("missing ']' in address"))?;
        let port = after.strip_prefix(':').ok_or_else(|| error("missing port in address"))?;
        return Ok((host, port));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| error("missing port in address"))?;
    if host.contains(':') {
        return Err(error("too many colons in address"));
    }
    Ok((host, port))
}

fn port(text: &str) -> Result<u16, UrlError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| UrlError(format!("invalid port \"{text}\"")))
}

pub(crate) fn unbracket(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// Passwords do not belong into error messages.
fn redact(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://[REDACTED]{}", text.get(..scheme).unwrap_or_default(), text.get(at..).unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

/// `user:password`, percent-encoded as in a URL, as a `Basic` credential.
pub(crate) fn basic(user: &str) -> Option<HeaderValue> {
    let decoded = percent_decode(user.as_bytes());
    let with_colon = if user.contains(':') { decoded } else { [decoded, b":".to_vec()].concat() };
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(with_colon))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Percent-decoding that leaves broken escapes as they are, as gRPC asks for `grpc-message`.
pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                out.push(high << 4 | low);
                rest = rest.get(2..).unwrap_or_default();
            }
            None => out.push(first),
        }
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
