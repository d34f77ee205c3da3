//! Sockets and readiness: non-blocking loopback TCP over edge-triggered epoll, on one thread.

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use rustix::process::{Resource, Rlimit};

/// What one `read` can take. One such buffer serves all connections of a thread.
pub const READ_BYTES: usize = 1 << 20;

/// Finds the loopback address that `text` names, and refuses any other.
pub fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let candidates: Vec<SocketAddr> = match text.rsplit_once(':') {
        Some(("localhost", port)) => {
            let port = port.parse().map_err(|_| format!("{text}: port is not a number below 65536"))?;
            vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
        }
        _ => text.to_socket_addrs().map_err(|error| format!("{text}: not an address host:port: {error}"))?.collect(),
    };
    match candidates.first() {
        None => Err(format!("{text}: no such address")),
        Some(_) if candidates.iter().any(|address| !address.ip().is_loopback()) => {
            Err(format!("{text}: only loopback addresses are allowed"))
        }
        Some(address) => Ok(*address),
    }
}

/// Lets the process open `files` descriptors, or as many as it may; answers with how many.
pub fn allow_open_files(files: u64) -> u64 {
    let now = rustix::process::getrlimit(Resource::Nofile);
    // Only a privileged process may raise the maximum.
    for maximum in [now.maximum.map(|maximum| maximum.max(files)), now.maximum] {
        let current = maximum.map_or(files, |maximum| maximum.min(files)).max(now.current.unwrap_or(u64::MAX));
        if rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).is_ok() {
            return current;
        }
    }
    now.current.unwrap_or(u64::MAX)
}

/// Makes short sleeps of this thread end on time; the kernel rounds them up by 50 us otherwise.
pub fn sleep_precisely() {
    // A kernel that cannot do it leaves sleeps coarser, which the report of lateness shows.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Begins to connect; readiness to write tells the end of it.
pub fn connect(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = socket(address)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}

/// How a connection attempt ended.
pub fn connected(socket: &OwnedFd) -> io::Result<()> {
    Ok(sockopt::socket_error(socket)??)
}

/// Listens on `address`, which may be in use by connections that are closing.
pub fn listen(address: SocketAddr) -> io::Result<(OwnedFd, SocketAddr)> {
    let socket = socket(address)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, LISTEN_BACKLOG)?;
    let bound = SocketAddr::try_from(rustix::net::getsockname(&socket)?)?;
    Ok((socket, bound))
}

/// The next connection that waits on a listener.
pub fn accept(listener: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    match rustix::net::accept_with(listener, SOCKET_FLAGS) {
        Ok(socket) => {
            sockopt::set_tcp_nodelay(&socket, true)?;
            Ok(Some(socket))
        }
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// So many bytes; `drained` if there is nothing more for now.
    Bytes { count: usize, drained: bool },
    /// Nothing for now.
    Nothing,
    /// The peer has closed, or the connection is broken.
    Closed,
}

/// Reads once.
pub fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> Received {
    match rustix::net::recv(socket, &mut *buffer, RecvFlags::empty()) {
        Ok((0, _)) => Received::Closed,
        Ok((count, _)) => Received::Bytes { count, drained: count < buffer.len() },
        Err(Errno::AGAIN | Errno::INTR) => Received::Nothing,
        Err(_) => Received::Closed,
    }
}

/// Writes once; answers with how much was taken, which is 0 when the socket is full.
pub fn send(socket: &OwnedFd, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    let result = match pieces {
        [piece] => rustix::net::send(socket, piece, SendFlags::empty()),
        _ => rustix::io::writev(socket, pieces),
    };
    match result {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// What happened to a descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The number under which it was added.
    pub token: u64,
    pub readable: bool,
    pub writable: bool,
    /// The peer will send nothing more, so reads must go on until they say so.
    pub closing: bool,
}

/// Waits for descriptors.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches `source` from now until it is closed. Events are edges: what is not used up is not told again.
    pub fn add(&self, source: &impl AsFd, token: u64) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        Ok(epoll::add(&self.epoll, source, epoll::EventData::new_u64(token), flags)?)
    }

    /// Waits until something happens or `timeout` is over.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout
            .map(|timeout| Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() });
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub fn events_count(&self) -> usize {
        self.events.len()
    }

    pub fn event(&self, index: usize) -> Event {
        let (flags, data) = (self.events[index].flags, self.events[index].data);
        let closing = flags.intersects(epoll::EventFlags::RDHUP | epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        Event {
            token: data.u64(),
            readable: closing || flags.contains(epoll::EventFlags::IN),
            writable: flags.contains(epoll::EventFlags::OUT),
            closing,
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    Ok(rustix::net::socket_with(family, SocketType::STREAM, SOCKET_FLAGS, None)?)
}

const SOCKET_FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);
/// The kernel lowers it to its own maximum.
const LISTEN_BACKLOG: i32 = 4096;
/// Few enough that whoever handles them soon looks at the clock again.
const EVENTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_loopback_addresses_only() {
        assert!(loopback_address("127.0.0.1:4317").is_ok());
        assert!(loopback_address("localhost:4317").is_ok());
        assert!(loopback_address("[::1]:4317").is_ok());
        for text in ["192.0.2.1:4317", "0.0.0.0:4317", "127.0.0.1", "localhost:x", ":4317", ""] {
            assert!(loopback_address(text).is_err(), "{text}");
        }
    }
}
