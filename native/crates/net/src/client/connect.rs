//! From a host name to a byte stream: resolve, dial, tunnel, TLS. Each step has its own time limit.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::error::{ClientError, ErrorKind, io_text};
use super::io::Stream;
use super::proxy::{self, Proxy};
use crate::tls::client::ClientTls;

/// How connections are opened, and for how long they are used.
#[derive(Clone, Debug)]
pub struct ConnectConfig {
    /// Resolving and the TCP handshake, over all addresses of the name together.
    pub connect_timeout: Duration,
    /// Each of: proxy tunnel, TLS handshake, HTTP/2 settings exchange.
    pub handshake_timeout: Duration,
    /// How long sent bytes may stay unacknowledged before the kernel gives the connection up (Linux `TCP_USER_TIMEOUT`).
    pub tcp_user_timeout: Option<Duration>,
    /// Idle time before the kernel probes the peer, and between its probes.
    pub tcp_keepalive: Option<Duration>,
    /// How long a connection is used, give or take a fifth; then another takes its place. `None` is without limit.
    pub age_max: Option<Duration>,
    /// How often a gRPC target's name is resolved again though all is well; `None` is never.
    pub dns_refresh: Option<Duration>,
    /// TLS settings; the URL or the target decides whether they are used.
    pub tls: Option<Arc<ClientTls>>,
}

impl Default for ConnectConfig {
    /// 3 s, 5 s, 20 s, 15 s, no age, no refresh, no TLS.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(5),
            tcp_user_timeout: Some(Duration::from_secs(20)),
            tcp_keepalive: Some(Duration::from_secs(15)),
            age_max: None,
            dns_refresh: None,
            tls: None,
        }
    }
}

/// Where to dial.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// A name (or address in text) and a port.
    Host(String, u16),
    /// One address of a name that was resolved before.
    Ip(SocketAddr),
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What to dial and what to negotiate on top.
#[derive(Clone, Debug)]
pub(crate) struct Dial<'a> {
    pub(crate) address: &'a Address,
    /// The name to verify, when the connection is to be encrypted.
    pub(crate) tls_name: Option<&'a str>,
    /// The proxy to go through; `tunnel` says whether by CONNECT or by absolute-form requests.
    pub(crate) proxy: Option<&'a Proxy>,
    pub(crate) tunnel: bool,
}

/// An open connection.
pub(crate) struct Connected {
    pub(crate) io: Box<dyn Stream>,
    /// The protocol that TLS agreed on.
    pub(crate) alpn: Option<Vec<u8>>,
}

impl ConnectConfig {
    /// Opens a connection. Dropping the future closes whatever was opened.
    pub(crate) async fn open(&self, dial: Dial<'_>) -> Result<Connected, ClientError> {
        let mut stream = match dial.proxy {
            None => self.dial(dial.address).await?,
            Some(proxy) => self.dial_proxy(proxy, dial.address, dial.tunnel).await?,
        };
        let mut alpn = None;
        if let Some(name) = dial.tls_name {
            let tls = self.tls.as_ref().ok_or_else(|| ClientError::tls("no tls settings for an encrypted target"))?;
            (stream, alpn) = self.encrypt(tls, name, stream).await?;
        }
        Ok(Connected { io: stream, alpn })
    }

    async fn dial(&self, address: &Address) -> Result<Box<dyn Stream>, ClientError> {
        let wrap = |error: ClientError| error.context(&format!("cannot connect to {address}"));
        match address {
            #[cfg(unix)]
            Address::Unix(path) => {
                let connecting = tokio::net::UnixStream::connect(path);
                Ok(Box::new(self.within(self.connect_timeout, connecting).await.map_err(wrap)?))
            }
            #[cfg(not(unix))]
            Address::Unix(_) => Err(wrap(ClientError::connect("unix sockets do not exist on this system"))),
            Address::Ip(ip) => Ok(Box::new(self.within(self.connect_timeout, self.tcp(*ip)).await.map_err(wrap)?)),
            Address::Host(host, port) => {
                let dialing = async { self.first_of(resolve(host, *port).await?).await };
                Ok(Box::new(self.within(self.connect_timeout, dialing).await.map_err(wrap)?))
            }
        }
    }

    async fn dial_proxy(&self, proxy: &Proxy, to: &Address, tunnel: bool) -> Result<Box<dyn Stream>, ClientError> {
        let via = |error: ClientError| error.context("proxy");
        let mut stream = self.dial(&proxy.address()).await.map_err(via)?;
        if proxy.https() {
            let tls = ClientTls::for_proxy().map_err(|error| ClientError::tls(error.to_string()))?;
            (stream, _) = self.encrypt(&tls, proxy.host(), stream).await.map_err(via)?;
        }
        if !tunnel {
            return Ok(stream);
        }
        match timeout(self.handshake_timeout, proxy::tunnel(stream, proxy, &to.to_string())).await {
            Ok(stream) => stream.map_err(via),
            Err(_) => Err(ClientError::connect("proxy: no answer to the tunnel request in time")),
        }
    }

    async fn encrypt(
        &self,
        tls: &ClientTls,
        name: &str,
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Option<Vec<u8>>), ClientError> {
        let handshake = tls.connect(name, stream).map_err(|error| ClientError::tls(error.to_string()))?;
        match timeout(self.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => {
                let alpn = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                Ok((Box::new(stream), alpn))
            }
            Ok(Err(error)) => Err(ClientError { kind: ErrorKind::Tls, ..ClientError::from_io(&error) }
                .or_unprocessed(true)
                .context("tls handshake failed")),
            Err(_) => Err(ClientError::tls("tls handshake timed out").or_unprocessed(true)),
        }
    }

    /// Tries the addresses one after the other, starting the next when the last is slow or failed (RFC 8305).
    async fn first_of(&self, addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
        let mut waiting = interleave(addresses).into_iter();
        let mut running = FuturesUnordered::new();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "name has no addresses");
        loop {
            match waiting.next() {
                Some(address) => running.push(self.tcp(address)),
                None if running.is_empty() => return Err(last),
                None => {}
            }
            let more = waiting.len() > 0;
            tokio::select! {
                // A finished attempt counts before the clock does.
                biased;
                Some(result) = running.next() => match result {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                },
                () = sleep(ATTEMPT_DELAY), if more => {}
            }
        }
    }

    async fn tcp(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_nodelay(true)?;
        let options = socket2::SockRef::from(&socket);
        if let Some(idle) = self.tcp_keepalive {
            options.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(idle).with_interval(idle))?;
        }
        #[cfg(target_os = "linux")]
        options.set_tcp_user_timeout(self.tcp_user_timeout)?;
        socket.connect(address).await
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = io::Result<T>>) -> Result<T, ClientError> {
        match timeout(limit, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(ClientError::connect(io_text(&error))),
            Err(_) => Err(ClientError::connect(format!("no answer within {limit:?}"))),
        }
    }
}

/// All addresses of a name, in the resolver's order; at least one.
///
/// # Errors
/// The name cannot be resolved, or has no address.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // An empty host means this machine, as it does for Go's dialer.
    let host = if host.is_empty() { "localhost" } else { host };
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> =
        found.map_err(|_| io::Error::other(format!("name \"{host}\" cannot be resolved")))?.collect();
    if found.is_empty() {
        return Err(io::Error::other(format!("name \"{host}\" has no addresses")));
    }
    Ok(found)
}

/// Alternates the address families, beginning with the resolver's first choice.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut preferred, mut other) = (Vec::new(), Vec::new());
    for address in addresses {
        if address.is_ipv6() == first_is_v6 { preferred.push(address) } else { other.push(address) }
    }
    let mut mixed = Vec::with_capacity(preferred.len() + other.len());
    let mut others = other.into_iter();
    for address in preferred {
        mixed.push(address);
        mixed.extend(others.next());
    }
    mixed.extend(others);
    mixed
}

/// How long one address may keep the next one waiting.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternates_address_families() {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let mixed = interleave(parse(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]));
        assert_eq!(mixed, parse(&["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]));
    }
}
