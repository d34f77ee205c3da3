//! Accepting connections and giving each to the worker with the fewest.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::Socket;
use teleferric_tasks::spawn_local;
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::config::ServerConfig;
use super::hub::Hub;
use super::stats::Counters;
use super::wire::Plain;
use super::{Command, connection};
use crate::endpoint::{Bound, SocketFile};
use crate::workers::{Occupied, Workers};

/// A listener's accepting half; it ends when it is dropped.
pub(crate) struct Acceptor {
    /// Until [`Acceptor::finish`].
    listener: Option<Listener>,
    _file: Option<Arc<SocketFile>>,
    config: Arc<ServerConfig>,
    stats: Arc<Counters>,
    workers: std::sync::Weak<Workers>,
    pub(super) hubs: Arc<[mpsc::UnboundedSender<Command>]>,
    made_room: Cell<Option<Instant>>,
}

/// An accepted connection on its way to a worker.
pub(crate) struct Arrival {
    socket: Accepted,
    peer: Option<SocketAddr>,
    place: Place,
}

impl Acceptor {
    /// Takes the socket over; must be called on a worker.
    ///
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub(crate) fn new(
        bound: Bound,
        config: Arc<ServerConfig>,
        stats: Arc<Counters>,
        workers: std::sync::Weak<Workers>,
        hubs: Arc<[mpsc::UnboundedSender<Command>]>,
    ) -> io::Result<Acceptor> {
        let (socket, addr, file) = bound.into_parts();
        let listener = Listener::new(socket, addr.tcp().is_some())?;
        Ok(Acceptor { listener: Some(listener), _file: file, config, stats, workers, hubs, made_room: Cell::new(None) })
    }

    /// Accepts until dropped.
    pub(crate) async fn run(&self) {
        let mut pause = ACCEPT_PAUSE_MIN;
        while let Some(listener) = &self.listener {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    pause = ACCEPT_PAUSE_MIN;
                    if !self.hand_over(socket, peer) {
                        return;
                    }
                }
                Err(error) => {
                    self.stats.accept_errors.add();
                    if !is_about_one_connection(&error) {
                        // Out of descriptors or memory: the queue would answer the same at once.
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(ACCEPT_PAUSE_MAX);
                    }
                }
            }
        }
    }

    /// Accepts what is queued already and closes the socket: closing alone would reset it, requests and all.
    pub(crate) fn finish(mut self) {
        let Some(listener) = self.listener.take() else { return };
        let Ok(queue) = listener.into_queue() else { return };
        for _ in 0..SWEEP_MAX {
            // The socket does not block: an error is most likely the end of the queue.
            let Ok((socket, peer)) = queue.accept() else { return };
            if !self.hand_over(socket, peer) {
                return;
            }
        }
    }

    fn hand_over(&self, socket: Accepted, peer: Option<SocketAddr>) -> bool {
        let Some(workers) = self.workers.upgrade() else { return false };
        self.stats.accepted.add();
        self.make_room();
        if self.config.limits.max_connections.is_some_and(|most| self.stats.open.get() >= most as u64) {
            // Closing is the whole answer: anything more would cost what the limit protects.
            self.stats.refused.add();
            return true;
        }
        let worker = workers.least_loaded();
        self.stats.open.add();
        let place = Place { _occupied: workers.occupy(worker), stats: self.stats.clone() };
        let Some(hub) = self.hubs.get(worker) else { return false };
        hub.send(Command::Arrival(Arrival { socket, peer, place })).is_ok()
    }

    /// Near the limit arrivals cost idle connections, on every worker one of the address that holds most there.
    fn make_room(&self) {
        let Some(most) = self.config.limits.max_connections else { return };
        if self.stats.open.get() < (most - most / NEAR_FRACTION) as u64 {
            return;
        }
        // Looking through all connections must not become the cost of being flooded.
        let now = Instant::now();
        if self.made_room.get().is_none_or(|last| now.duration_since(last) >= MAKE_ROOM_INTERVAL) {
            self.made_room.set(Some(now));
            for hub in self.hubs.iter() {
                // A hub that is gone has no connections.
                let _ = hub.send(Command::MakeRoom);
            }
        }
    }
}

impl Arrival {
    /// Begins to serve it on the worker that runs this.
    pub(crate) fn settle(self, hub: &std::rc::Rc<Hub>) {
        let Arrival { socket, peer, place } = self;
        let Ok(plain) = socket.into_plain() else {
            hub.stats.connection_errors.add();
            return;
        };
        let hub = hub.clone();
        spawn_local("listen.connection", async move {
            connection::run(plain, peer, hub).await;
            drop(place);
        });
    }
}

/// A connection counted on its listener and its worker.
struct Place {
    _occupied: Occupied,
    stats: Arc<Counters>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stats.open.sub();
    }
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A listening socket that belongs to no runtime.
enum Queue {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// A connection that belongs to no runtime.
enum Accepted {
    Tcp(std::net::TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

impl Listener {
    fn new(socket: Socket, tcp: bool) -> io::Result<Listener> {
        #[cfg(unix)]
        if !tcp {
            return Ok(Listener::Unix(UnixListener::from_std(socket.into())?));
        }
        let _ = tcp;
        Ok(Listener::Tcp(TcpListener::from_std(socket.into())?))
    }

    async fn accept(&self) -> io::Result<(Accepted, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Accepted::Tcp(stream.into_std()?), Some(peer)))
            }
            #[cfg(unix)]
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream.into_std()?), None))
            }
        }
    }

    fn into_queue(self) -> io::Result<Queue> {
        match self {
            Listener::Tcp(listener) => listener.into_std().map(Queue::Tcp),
            #[cfg(unix)]
            Listener::Unix(listener) => listener.into_std().map(Queue::Unix),
        }
    }
}

impl Queue {
    fn accept(&self) -> io::Result<(Accepted, Option<SocketAddr>)> {
        match self {
            Queue::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Accepted::Tcp(stream), Some(peer)))
            }
            #[cfg(unix)]
            Queue::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Accepted::Unix(stream), None))
            }
        }
    }
}

impl Accepted {
    fn into_plain(self) -> io::Result<Plain> {
        match self {
            Accepted::Tcp(stream) => {
                stream.set_nodelay(true)?;
                Ok(Plain::Tcp(TcpStream::from_std(stream)?))
            }
            #[cfg(unix)]
            Accepted::Unix(stream) => Ok(Plain::Unix(UnixStream::from_std(stream)?)),
        }
    }
}

/// Whether the error belongs to the connection that was to be accepted, so that the next one may do better.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | TimedOut)
}

/// How long to wait after the system refused to accept.
const ACCEPT_PAUSE_MIN: Duration = Duration::from_millis(10);
const ACCEPT_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Near the limit is within this part of it.
const NEAR_FRACTION: usize = 20;

/// How often connections are looked through for one to close.
const MAKE_ROOM_INTERVAL: Duration = Duration::from_millis(20);

/// How many queued connections are taken over at the end.
const SWEEP_MAX: usize = 4096;
