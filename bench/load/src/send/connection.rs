//! A connection of the generator: its socket, its protocol, and what the socket has not taken yet.

use std::io;
use std::os::fd::OwnedFd;

use super::answer::{Answer, KnownHeads};
use super::out::OutQueue;
use super::plan::Plan;
use super::{http1, http2};
use crate::cli::SendProtocol;
use crate::h2::Fault;

/// One of the run's connections, through all its sockets.
pub struct Connection {
    link: Link,
    /// Tells its sockets apart.
    pub generation: u32,
    protocol: SendProtocol,
    /// What the socket has not taken yet.
    unsent: Option<Box<OutQueue>>,
    /// The next request of the schedule that this connection is to send.
    pub next_request: u64,
    /// Attempts to connect since the last success.
    pub attempts: u32,
}

enum Link {
    Down,
    Connecting(OwnedFd),
    Up(OwnedFd, Client),
}

enum Client {
    Http1(http1::Client),
    Http2(Box<http2::Client>),
}

impl Connection {
    pub fn new(protocol: SendProtocol, next_request: u64) -> Self {
        Self { link: Link::Down, generation: 0, protocol, unsent: None, next_request, attempts: 0 }
    }

    /// A socket that has begun to connect.
    pub fn connecting(&mut self, socket: OwnedFd) {
        self.generation += 1;
        self.attempts += 1;
        self.link = Link::Connecting(socket);
    }

    pub fn is_connecting(&self) -> Option<&OwnedFd> {
        if let Link::Connecting(socket) = &self.link { Some(socket) } else { None }
    }

    /// The socket is connected. What the client says first goes to `out`.
    pub fn up(&mut self, out: &mut OutQueue) {
        if let Link::Connecting(socket) = std::mem::replace(&mut self.link, Link::Down) {
            let client = match self.protocol {
                SendProtocol::Http1 => Client::Http1(http1::Client::default()),
                SendProtocol::Http2 | SendProtocol::Grpc => Client::Http2(Box::new(http2::Client::new(out))),
            };
            self.attempts = 0;
            self.link = Link::Up(socket, client);
        }
    }

    /// The socket is lost, and with it the requests under way.
    pub fn down(&mut self, answers: &mut Vec<Answer>) {
        match &mut self.link {
            Link::Up(_, Client::Http1(client)) => client.abandon(answers),
            Link::Up(_, Client::Http2(client)) => client.abandon(answers),
            _ => {}
        }
        self.link = Link::Down;
        self.unsent = None;
    }

    pub fn socket(&self) -> Option<&OwnedFd> {
        if let Link::Up(socket, _) = &self.link { Some(socket) } else { None }
    }

    /// Requests can be sent, or could be if others were not under way.
    pub fn is_ready(&self) -> bool {
        match &self.link {
            Link::Up(_, Client::Http1(_)) => true,
            Link::Up(_, Client::Http2(client)) => client.is_ready(),
            _ => false,
        }
    }

    /// The server has said that it will close, and nothing is under way.
    pub fn is_over(&self) -> bool {
        match &self.link {
            Link::Up(_, Client::Http1(client)) => client.is_over(),
            Link::Up(_, Client::Http2(client)) => client.is_over(),
            _ => false,
        }
    }

    /// Requests that the server takes at one time.
    pub fn streams_max(&self) -> u32 {
        if let Link::Up(_, Client::Http2(client)) = &self.link { client.streams_max() } else { u32::MAX }
    }

    #[inline]
    pub fn has_room(&self, streams: usize) -> bool {
        match &self.link {
            Link::Up(_, Client::Http1(client)) => client.has_room(),
            Link::Up(_, Client::Http2(client)) => client.has_room(streams),
            _ => false,
        }
    }

    /// Begins a request, for which there must be room; answers with its ticket.
    #[inline]
    pub fn start(&mut self, entry: u32, intended_ns: u64, plan: &Plan, out: &mut OutQueue) -> u32 {
        let out = self.unsent.as_deref_mut().unwrap_or(out);
        match &mut self.link {
            Link::Up(_, Client::Http1(client)) => client.start(entry, intended_ns, plan, out),
            Link::Up(_, Client::Http2(client)) => client.start(entry, intended_ns, plan, out),
            _ => unreachable!("a connection that is down has no room"),
        }
    }

    /// Sends another part of a body that trickles. False if the request is over.
    pub fn release(&mut self, ticket: u32, step: usize, steps: usize, plan: &Plan, out: &mut OutQueue) -> bool {
        let out = self.unsent.as_deref_mut().unwrap_or(out);
        match &mut self.link {
            Link::Up(_, Client::Http1(client)) => client.release(ticket, step, steps, plan, out),
            Link::Up(_, Client::Http2(client)) => client.release(ticket, step, steps, plan, out),
            _ => false,
        }
    }

    /// Takes what has arrived.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        plan: &Plan,
        heads: &mut KnownHeads,
        out: &mut OutQueue,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Fault> {
        let out = self.unsent.as_deref_mut().unwrap_or(out);
        match &mut self.link {
            Link::Up(_, Client::Http1(client)) => client.receive(bytes, plan, heads, answers),
            Link::Up(_, Client::Http2(client)) => client.receive(bytes, plan, heads, out, answers),
            _ => Ok(()),
        }
    }

    /// Sends what is unsent, or else `out`, which is empty afterwards. `sent` grows by the bytes taken.
    #[inline]
    pub fn send(&mut self, plan: &Plan, out: &mut OutQueue, sent: &mut u64) -> io::Result<()> {
        let Link::Up(socket, _) = &self.link else { return Ok(()) };
        match &mut self.unsent {
            Some(unsent) => {
                if unsent.send(socket, &plan.ring, sent)? {
                    self.unsent = None;
                }
            }
            None if out.is_empty() => {}
            None => {
                if !out.send(socket, &plan.ring, sent)? {
                    self.unsent = Some(Box::new(std::mem::take(out)));
                }
            }
        }
        Ok(())
    }
}
