//! The peers at both ends of the collector: a sender with one request at a time and a destination that takes everything.
//! They know just enough of their protocols, and nobody counts what they do.

pub mod http1;
pub mod http2;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::scenario::Protocol;

/// What has come to the destination.
#[derive(Default)]
pub struct Arrivals {
    requests: Cell<u64>,
    more: Notify,
}

impl Arrivals {
    /// Notes a request that has been answered.
    fn add(&self) {
        self.requests.set(self.requests.get() + 1);
        self.more.notify_one();
    }

    /// Waits until there are so many.
    pub async fn reach(&self, requests: u64) {
        while self.requests.get() < requests {
            self.more.notified().await;
        }
    }

    /// How many there are.
    pub fn requests(&self) -> u64 {
        self.requests.get()
    }
}

/// A connection to the collector with one request at a time on it.
pub enum Sender {
    /// HTTP/1.1.
    Http(http1::Sender),
    /// HTTP/2 and gRPC.
    Grpc(Box<http2::Sender>),
}

impl Sender {
    /// Opens the connection. Every request will be to `path` with `body`.
    pub async fn connect(
        protocol: Protocol,
        to: SocketAddr,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> io::Result<Sender> {
        let socket = TcpStream::connect(to).await?;
        socket.set_nodelay(true)?;
        Ok(match protocol {
            Protocol::Http => Sender::Http(http1::Sender::new(socket, path, media_type, body)),
            Protocol::Grpc => Sender::Grpc(Box::new(http2::Sender::new(socket, path, body).await?)),
        })
    }

    /// Sends the request once more and waits for the end of its answer.
    ///
    /// # Errors
    /// When the connection fails or the answer is a refusal.
    pub async fn exchange(&mut self) -> io::Result<()> {
        match self {
            Sender::Http(sender) => sender.exchange().await,
            Sender::Grpc(sender) => sender.exchange().await,
        }
    }
}

/// Takes the collector's connections, one after the other, until dropped.
pub async fn receive(protocol: Protocol, listener: TcpListener, arrivals: Rc<Arrivals>) -> io::Result<()> {
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        match protocol {
            Protocol::Http => http1::receive(socket, &arrivals).await?,
            Protocol::Grpc => http2::receive(socket, &arrivals).await?,
        }
    }
}

fn broken(what: impl Into<String>) -> io::Error {
    io::Error::other(what.into())
}
