//! Where a listener listens: parsing the Collector's `endpoint` and `transport`, and binding the socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port.
    Tcp {
        /// Host name or address without brackets; empty is every address of the machine.
        host: String,
        /// The port; 0 lets the system choose.
        port: u16,
        /// Which addresses count.
        family: Family,
    },
    /// A unix domain socket.
    Unix(PathBuf),
}

/// Address families of an [`Endpoint::Tcp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6 (`tcp`).
    Any,
    /// IPv4 only (`tcp4`).
    V4,
    /// IPv6 only (`tcp6`).
    V6,
}

/// An endpoint or transport that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No `:port` at the end.
    #[error("address {0}: missing port in address")]
    MissingPort(String),
    /// An IPv6 address without brackets.
    #[error("address {0}: too many colons in address")]
    TooManyColons(String),
    /// An opening bracket without its end, or text after it.
    #[error("address {0}: missing ']' in address")]
    Bracket(String),
    /// The port is no number up to 65535.
    #[error("invalid port {0:?}")]
    Port(String),
    /// A transport that carries no stream of requests.
    #[error("unsupported transport type {0:?}")]
    Transport(String),
    /// An empty unix path.
    #[error("address: missing path for transport unix")]
    MissingPath,
}

/// A socket that listens but accepts nothing yet. A unix socket's file goes when the last clone is dropped.
#[derive(Debug)]
pub struct Bound {
    socket: Socket,
    addr: ListenAddr,
    file: Option<Arc<SocketFile>>,
}

/// Where a [`Bound`] really listens: with the port the system chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

/// Why the socket could not be bound, in the words a Collector user knows.
#[derive(Debug, thiserror::Error)]
#[error("listen {network} {address}: {step}: {}", reason(error))]
pub struct BindError {
    network: &'static str,
    address: String,
    step: &'static str,
    error: io::Error,
}

impl Endpoint {
    /// Reads `endpoint` as `transport` demands: `tcp` (also when empty), `tcp4`, `tcp6` want `host:port`, `unix` a path.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn parse(endpoint: &str, transport: &str) -> Result<Endpoint, EndpointError> {
        let family = match transport {
            "tcp" | "" => Family::Any,
            "tcp4" => Family::V4,
            "tcp6" => Family::V6,
            "unix" if endpoint.is_empty() => return Err(EndpointError::MissingPath),
            "unix" => return Ok(Endpoint::Unix(PathBuf::from(endpoint))),
            other => return Err(EndpointError::Transport(other.to_owned())),
        };
        let (host, port) = split_host_port(endpoint)?;
        let port = port.parse::<u16>().map_err(|_| EndpointError::Port(port.to_owned()))?;
        Ok(Endpoint::Tcp { host: host.to_owned(), port, family })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Endpoint::Unix(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenAddr::Tcp(addr) => addr.fmt(f),
            ListenAddr::Unix(path) => path.display().fmt(f),
        }
    }
}

impl ListenAddr {
    /// The TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            ListenAddr::Tcp(addr) => Some(*addr),
            ListenAddr::Unix(_) => None,
        }
    }
}

impl BindError {
    /// Whether the port or path is taken by somebody else.
    pub fn in_use(&self) -> bool {
        self.error.kind() == io::ErrorKind::AddrInUse
    }
}

impl Bound {
    /// Binds and listens. A host name may resolve to several addresses: IPv4 ones are tried first, the first that
    /// binds is taken. Blocks on name resolution.
    ///
    /// A unix socket file that nobody answers on is replaced.
    ///
    /// # Errors
    /// [`BindError`], for instance `listen tcp 127.0.0.1:4317: bind: address already in use`.
    pub fn bind(endpoint: &Endpoint) -> Result<Bound, BindError> {
        match endpoint {
            Endpoint::Tcp { host, port, family } => bind_tcp(endpoint, host, *port, *family),
            Endpoint::Unix(path) => bind_unix(endpoint, path),
        }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> &ListenAddr {
        &self.addr
    }

    /// A second handle on the same socket and its queue of connections: while one lives the port stays open.
    ///
    /// # Errors
    /// When the system has no more file descriptors.
    pub fn try_clone(&self) -> io::Result<Bound> {
        Ok(Bound { socket: self.socket.try_clone()?, addr: self.addr.clone(), file: self.file.clone() })
    }

    pub(crate) fn into_parts(self) -> (Socket, ListenAddr, Option<Arc<SocketFile>>) {
        (self.socket, self.addr, self.file)
    }
}

/// The file of a unix socket, removed on drop unless somebody else has put another one there.
#[derive(Debug)]
pub(crate) struct SocketFile {
    #[cfg_attr(not(unix), allow(dead_code, reason = "there are no such files elsewhere"))]
    path: PathBuf,
    #[cfg(unix)]
    identity: Option<(u64, u64)>,
}

#[cfg(unix)]
impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && file_identity(&self.path) == self.identity {
            // Somebody may remove it at the same moment; then it is gone all the same.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn split_host_port(text: &str) -> Result<(&str, &str), EndpointError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| EndpointError::Bracket(text.to_owned()))?;
        let port = after.strip_prefix(':').ok_or_else(|| EndpointError::MissingPort(text.to_owned()))?;
        return Ok((host, port));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(|| EndpointError::MissingPort(text.to_owned()))?;
    if host.contains(':') {
        return Err(EndpointError::TooManyColons(text.to_owned()));
    }
    Ok((host, port))
}

fn bind_tcp(endpoint: &Endpoint, host: &str, port: u16, family: Family) -> Result<Bound, BindError> {
    let network = match family {
        Family::Any => "tcp",
        Family::V4 => "tcp4",
        Family::V6 => "tcp6",
    };
    let failed = |step, error| BindError { network, address: endpoint.to_string(), step, error };
    let mut last = failed("lookup", io::Error::new(io::ErrorKind::NotFound, "no suitable address found"));
    for addr in addresses(host, port, family).map_err(|error| failed("lookup", error))? {
        match listen_at(addr, family) {
            Ok((socket, addr)) => return Ok(Bound { socket, addr: ListenAddr::Tcp(addr), file: None }),
            Err(error) => last = failed("bind", error),
        }
    }
    Err(last)
}

fn addresses(host: &str, port: u16, family: Family) -> io::Result<Vec<SocketAddr>> {
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let mut found = match (host, family) {
        ("", Family::Any) => vec![v6, v4],
        ("", Family::V4) => vec![v4],
        ("", Family::V6) => vec![v6],
        _ => match host.parse::<IpAddr>() {
            Ok(ip) => vec![SocketAddr::from((ip, port))],
            Err(_) => {
                let mut found: Vec<_> = (host, port).to_socket_addrs()?.collect();
                found.sort_by_key(SocketAddr::is_ipv6);
                found
            }
        },
    };
    found.retain(|addr| match family {
        Family::Any => true,
        Family::V4 => addr.is_ipv4(),
        Family::V6 => addr.is_ipv6(),
    });
    Ok(found)
}

fn listen_at(addr: SocketAddr, family: Family) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(family == Family::V6 || !addr.ip().is_unspecified())?;
    }
    // Elsewhere the option would let a second process take the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    let addr = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, addr))
}

#[cfg(unix)]
fn bind_unix(endpoint: &Endpoint, path: &std::path::Path) -> Result<Bound, BindError> {
    let failed = |step, error| BindError { network: "unix", address: endpoint.to_string(), step, error };
    let attempt = || -> io::Result<Socket> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&socket2::SockAddr::unix(path)?)?;
        socket.listen(BACKLOG)?;
        Ok(socket)
    };
    let socket = match attempt() {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_stale(path) => {
            std::fs::remove_file(path).map_err(|error| failed("remove stale socket", error))?;
            attempt()
        }
        other => other,
    };
    let socket = socket.map_err(|error| failed("bind", error))?;
    let file = SocketFile { path: path.to_owned(), identity: file_identity(path) };
    Ok(Bound { socket, addr: ListenAddr::Unix(path.to_owned()), file: Some(Arc::new(file)) })
}

#[cfg(not(unix))]
fn bind_unix(endpoint: &Endpoint, _path: &std::path::Path) -> Result<Bound, BindError> {
    let error = io::Error::from(io::ErrorKind::Unsupported);
    Err(BindError { network: "unix", address: endpoint.to_string(), step: "bind", error })
}

/// A socket file left by a process that is gone: connecting to it is refused.
#[cfg(unix)]
fn is_stale(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    let answer = std::os::unix::net::UnixStream::connect(path);
    is_socket && answer.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(unix)]
fn file_identity(path: &std::path::Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// The system's words for an error, as Go prints them: lower case and without the number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "address already in use".into(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::NotFound if error.raw_os_error().is_some() => "no such file or directory".into(),
        _ => error.to_string(),
    }
}

/// Connections the system may queue before they are accepted; it lowers the number to its own bound.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests;
