//! HTTP proxies: which requests go through one (`proxy_url`, or `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` as Go reads
//! them), and the CONNECT tunnel.

use std::fmt;
use std::net::IpAddr;

use http::HeaderValue;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::connect::Address;
use super::error::{ClientError, io_text};
use super::io::Stream;
use super::url::{HttpUrl, UrlError, unbracket};

/// One proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: HttpUrl,
}

/// Which proxy a request uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyRule {
    /// None.
    #[default]
    Never,
    /// This one for every request: `proxy_url`.
    Always(Proxy),
    /// What the environment said when the rule was made.
    Environment {
        /// For `http://` targets.
        http: Option<Proxy>,
        /// For `https://` targets, and for gRPC.
        https: Option<Proxy>,
        /// Hosts that are reached directly.
        except: NoProxy,
    },
}

impl Proxy {
    /// Parses `http://[user:password@]host:port`, `https://…` or `host:port`.
    ///
    /// # Errors
    /// The text is no URL, or names another kind of proxy (SOCKS is not supported).
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.contains("://") { HttpUrl::parse(text) } else { HttpUrl::parse(&format!("http://{text}")) }
            .map(|url| Self { url })
    }

    pub(crate) fn https(&self) -> bool {
        self.url.is_https()
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host()
    }

    pub(crate) fn address(&self) -> Address {
        Address::Host(self.url.host().to_owned(), self.url.port())
    }

    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.url.authorization()
    }
}

/// Without credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.url)
    }
}

impl ProxyRule {
    /// The rule of the process's environment. Upper case wins over lower case; `HTTP_PROXY` is ignored in a CGI
    /// process, where a client could have set it.
    ///
    /// # Errors
    /// A variable holds no usable proxy.
    pub fn from_environment() -> Result<Self, UrlError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// As [`from_environment`](Self::from_environment), with the variables from `lookup`.
    ///
    /// # Errors
    /// A variable holds no usable proxy.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, UrlError> {
        let either = |upper: &str, lower: &str| {
            [upper, lower].into_iter().find_map(|name| lookup(name).filter(|value| !value.is_empty()))
        };
        let http = either("HTTP_PROXY", "http_proxy").filter(|_| lookup("REQUEST_METHOD").is_none());
        let https = either("HTTPS_PROXY", "https_proxy");
        if http.is_none() && https.is_none() {
            return Ok(Self::Never);
        }
        Ok(Self::Environment {
            http: http.as_deref().map(Proxy::parse).transpose()?,
            https: https.as_deref().map(Proxy::parse).transpose()?,
            except: NoProxy::parse(&either("NO_PROXY", "no_proxy").unwrap_or_default()),
        })
    }

    /// The proxy for a target, if any. Loopback targets never use one from the environment.
    pub(crate) fn choose(&self, https: bool, host: &str, port: u16) -> Option<&Proxy> {
        match self {
            Self::Never => None,
            Self::Always(proxy) => Some(proxy),
            Self::Environment { http, https: for_https, except } => {
                let proxy = if https { for_https } else { http };
                proxy.as_ref().filter(|_| !is_loopback(host) && !except.matches(host, port))
            }
        }
    }
}

/// The list in `NO_PROXY`: `*`, addresses, networks (`10.0.0.0/8`), domains (`example.com` with its subdomains,
/// `.example.com` the subdomains alone), each but networks with an optional `:port`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy {
    everything: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Network(IpAddr, u8),
    Address(IpAddr, Option<u16>),
    Domain { suffix: String, itself: bool, port: Option<u16> },
}

impl NoProxy {
    /// Parses the list; entries that mean nothing are left out.
    pub fn parse(text: &str) -> Self {
        let mut rules = Self::default();
        for word in text.split(',').map(|word| word.trim().to_ascii_lowercase()).filter(|word| !word.is_empty()) {
            if word == "*" {
                return Self { everything: true, entries: Vec::new() };
            }
            rules.entries.extend(Entry::parse(&word));
        }
        rules
    }

    fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let ip = host.parse::<IpAddr>().ok();
        self.everything || self.entries.iter().any(|entry| entry.matches(&host, ip, port))
    }
}

impl Entry {
    fn parse(word: &str) -> Option<Self> {
        if let Some((network, bits)) = word.split_once('/') {
            let network: IpAddr = network.parse().ok()?;
            let width = if network.is_ipv4() { 32 } else { 128 };
            return bits.parse().ok().filter(|bits| *bits <= width).map(|bits| Self::Network(network, bits));
        }
        if let Ok(ip) = unbracket(word).parse() {
            return Some(Self::Address(ip, None));
        }
        let (name, port) = match word.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (word, None),
        };
        if let Ok(ip) = unbracket(name).parse() {
            return Some(Self::Address(ip, port));
        }
        let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(name);
        let itself = !name.starts_with('.');
        let suffix = if itself { format!(".{name}") } else { name.to_owned() };
        Some(Self::Domain { suffix, itself, port })
    }

    fn matches(&self, host: &str, ip: Option<IpAddr>, port: u16) -> bool {
        let same_port = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Self::Network(network, bits) => ip.is_some_and(|ip| in_network(ip, *network, *bits)),
            Self::Address(address, wanted) => ip == Some(*address) && same_port(wanted),
            Self::Domain { suffix, itself, port: wanted } => {
                let exact = *itself && suffix.strip_prefix('.') == Some(host);
                (exact || host.ends_with(suffix.as_str())) && same_port(wanted)
            }
        }
    }
}

fn in_network(ip: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (ip, network, width) = match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => (u128::from(ip.to_bits()), u128::from(network.to_bits()), 32),
        (IpAddr::V6(ip), IpAddr::V6(network)) => (ip.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let shift = width - u32::from(bits);
    (ip ^ network).checked_shr(shift).unwrap_or(0) == 0
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Asks the proxy at the other end of `stream` for a connection to `target` (`host:port`).
pub(crate) async fn tunnel(
    mut stream: Box<dyn Stream>,
    proxy: &Proxy,
    target: &str,
) -> Result<Box<dyn Stream>, ClientError> {
    let io = |error: std::io::Error| ClientError::connect(io_text(&error));
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
    if let Some(value) = proxy.authorization() {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(io)?;
    stream.flush().await.map_err(io)?;

    // The buffer stays in the way afterwards: it may hold the first bytes of the target already.
    let mut stream = BufReader::with_capacity(4 * 1024, stream);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let line_start = head.len();
        let left = HEAD_BYTES_MAX.saturating_sub(line_start) as u64;
        (&mut stream).take(left).read_until(b'\n', &mut head).await.map_err(io)?;
        if head.len() == line_start {
            return Err(ClientError::connect("proxy closed the connection or sent too long an answer"));
        }
    }
    let status = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let status = String::from_utf8_lossy(status.get(..status.len().min(128)).unwrap_or_default());
    match status.split(' ').nth(1) {
        Some(code) if code.len() == 3 && code.starts_with('2') => Ok(Box::new(stream)),
        _ => Err(ClientError::connect(format!("proxy refused the tunnel: {}", status.escape_default()))),
    }
}

/// What a proxy may answer to CONNECT, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pairs: &[(&str, &str)]) -> ProxyRule {
        let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        ProxyRule::from_lookup(find).unwrap()
    }

    #[test]
    fn reads_the_environment_as_go_does() {
        assert_eq!(rule(&[("NO_PROXY", "x")]), ProxyRule::Never);
        let both = rule(&[("HTTP_PROXY", "p:1"), ("http_proxy", "q:2"), ("https_proxy", "https://s:3")]);
        assert_eq!(both.choose(false, "h", 80), Some(&Proxy::parse("http://p:1").unwrap()));
        assert_eq!(both.choose(true, "h", 443), Some(&Proxy::parse("https://s:3").unwrap()));
        for local in ["localhost", "127.0.0.2", "::1"] {
            assert_eq!(both.choose(true, local, 1), None);
        }
        let cgi = rule(&[("HTTP_PROXY", "p:1"), ("HTTPS_PROXY", "p:1"), ("REQUEST_METHOD", "POST")]);
        assert_eq!(cgi.choose(false, "h", 80), None);
        assert!(ProxyRule::from_lookup(|name| (name == "HTTP_PROXY").then(|| "socks5://p:1".to_owned())).is_err());
    }

    #[test]
    fn leaves_out_what_no_proxy_lists() {
        let list = NoProxy::parse(
            "example.com, .inner.net,*.star.org:8080, 10.0.0.0/8,192.168.1.1:4318,[2001:db8::1], fe80::/10,",
        );
        for (host, port) in [
            ("example.com", 1),
            ("a.EXAMPLE.com", 1),
            ("a.inner.net", 1),
            ("x.star.org", 8080),
            ("10.255.0.1", 1),
            ("192.168.1.1", 4318),
            ("2001:db8::1", 9),
            ("fe90::1", 9),
        ] {
            assert!(list.matches(host, port), "{host}:{port}");
        }
        for (host, port) in [
            ("notexample.com", 1),
            ("inner.net", 1),
            ("x.star.org", 80),
            ("11.0.0.1", 1),
            ("192.168.1.1", 80),
            ("2001:db8::2", 9),
            ("fec0::1", 9),
        ] {
            assert!(!list.matches(host, port), "{host}:{port}");
        }
        assert!(NoProxy::parse("a,*").matches("anything", 1));
        assert!(NoProxy::parse("0.0.0.0/0").matches("8.8.8.8", 1));
    }
}
