//! A connection of the sink: its socket, its protocol, and what the socket has not taken yet.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use super::desk::{Desk, Reply};
use super::{http1, http2};
use crate::cli::SinkProtocol;
use crate::h2::Fault;
use crate::net;

/// A connection that has been accepted.
pub struct Connection {
    pub socket: OwnedFd,
    /// Tells it from earlier connections in the same place.
    pub generation: u32,
    /// It stands in the line of those that have more to read.
    pub waits: bool,
    protocol: Protocol,
    unsent: Vec<u8>,
    /// It ends when everything is sent.
    ending: bool,
}

enum Protocol {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

impl Connection {
    /// What the server says first is appended to `out`.
    pub fn new(socket: OwnedFd, generation: u32, protocol: SinkProtocol, out: &mut Vec<u8>) -> Self {
        let protocol = match protocol {
            SinkProtocol::Http => Protocol::Http1(http1::Connection::default()),
            SinkProtocol::Grpc => Protocol::Http2(http2::Connection::new(out)),
        };
        Self { socket, generation, waits: false, protocol, unsent: Vec::new(), ending: false }
    }

    pub fn receive(
        &mut self,
        bytes: &[u8],
        desk: &mut Desk,
        answers: &http2::Answers,
        out: &mut Vec<u8>,
        late: &mut Vec<Reply>,
    ) -> Result<(), Fault> {
        match &mut self.protocol {
            Protocol::Http1(connection) => connection.receive(bytes, desk, out, late),
            Protocol::Http2(connection) => connection.receive(bytes, desk, answers, out, late),
        }
    }

    /// Answers a request that was put off.
    pub fn answer(&mut self, reply: Reply, answers: &http2::Answers, out: &mut Vec<u8>) {
        self.ending |= reply.close;
        match &mut self.protocol {
            Protocol::Http1(_) => http1::answer(reply, out),
            Protocol::Http2(connection) => connection.answer(reply, answers, out),
        }
    }

    /// Sends `out`, behind what is unsent. False if the connection is over.
    pub fn send(&mut self, out: &[u8]) -> bool {
        let result = if self.unsent.is_empty() {
            self.write(out).map(|sent| self.unsent.extend_from_slice(&out[sent..]))
        } else {
            self.unsent.extend_from_slice(out);
            self.write(&self.unsent).map(|sent| {
                self.unsent.drain(..sent);
                if self.unsent.is_empty() {
                    self.unsent = Vec::new();
                }
            })
        };
        result.is_ok() && self.unsent.len() <= UNSENT_BYTES_MAX && !(self.ending && self.unsent.is_empty())
    }

    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() { Ok(0) } else { net::send(&self.socket, &[IoSlice::new(bytes)]) }
    }
}

/// Answers are small: a peer that leaves so many of them unread is broken.
const UNSENT_BYTES_MAX: usize = 64 << 20;
