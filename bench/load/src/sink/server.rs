//! The sink's loop: one thread, one poller, all connections.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use rustix::event::EventfdFlags;

use super::connection::Connection;
use super::control::Command;
use super::desk::{Desk, Reply};
use super::http2::Answers;
use super::throttle::Throttle;
use crate::cli::{SinkFlags, SinkProtocol};
use crate::net::{self, Poller, READ_BYTES, Received};

/// The listener and everything behind it.
pub struct Server {
    poller: Poller,
    protocol: SinkProtocol,
    address: SocketAddr,
    listener: Option<OwnedFd>,
    waker: OwnedFd,
    connections: Vec<Option<Connection>>,
    vacant: Vec<u32>,
    generation: u32,
    desk: Desk,
    answers: Answers,
    throttle: Option<Throttle>,
    /// Connections that have more to read than one read took.
    line: VecDeque<u64>,
    /// Answers that are put off.
    late: BinaryHeap<Reverse<LateReply>>,
    late_count: u64,
    buffer: Vec<u8>,
    out: Vec<u8>,
    replies: Vec<Reply>,
}

/// An answer that is put off; in the order in which the answers are due, and among equals that in which they came.
struct LateReply {
    due: Instant,
    nth: u64,
    token: u64,
    reply: Reply,
}

impl Server {
    pub fn listen(flags: &SinkFlags) -> io::Result<Self> {
        let poller = Poller::new()?;
        let (listener, address) = net::listen(flags.listen)?;
        poller.add(&listener, LISTENER)?;
        let waker = rustix::event::eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        poller.add(&waker, WAKER)?;
        Ok(Self {
            poller,
            protocol: flags.protocol,
            address,
            listener: Some(listener),
            waker,
            connections: Vec::new(),
            vacant: Vec::new(),
            generation: 0,
            desk: Desk::new(flags.signal),
            answers: Answers::new(),
            throttle: None,
            line: VecDeque::new(),
            late: BinaryHeap::new(),
            late_count: 0,
            buffer: vec![0; READ_BYTES],
            out: Vec::new(),
            replies: Vec::new(),
        })
    }

    /// A descriptor that wakes the server when a number is written to it.
    pub fn waker(&self) -> io::Result<OwnedFd> {
        self.waker.try_clone()
    }

    /// Serves connections and commands until `quit`.
    pub fn run(&mut self, commands: &Receiver<Result<Command, String>>) -> io::Result<()> {
        print_line(&serde_json::json!({ "listening": self.address.to_string() }))?;
        loop {
            self.poller.wait(self.patience())?;
            for index in 0..self.poller.events_count() {
                let event = self.poller.event(index);
                match event.token {
                    LISTENER => self.accept()?,
                    WAKER => {
                        let _ = rustix::io::read(&self.waker, &mut [0u8; 8]);
                        for command in commands.try_iter() {
                            if matches!(command, Ok(Command::Quit)) {
                                return print_line(&serde_json::json!({ "ok": true }));
                            }
                            let answer = command.and_then(|command| self.obey(command));
                            print_line(&answer.unwrap_or_else(|error| serde_json::json!({ "error": error })))?;
                        }
                    }
                    token => {
                        if event.writable {
                            self.send_unsent(token);
                        }
                        if event.readable {
                            self.read(token, event.closing);
                        }
                    }
                }
            }
            for _ in 0..self.line.len() {
                let Some(token) = self.line.pop_front() else { break };
                if let Some(connection) = self.connection(token) {
                    connection.waits = false;
                    self.read(token, true);
                }
            }
            self.send_late();
        }
    }

    /// How long there is nothing to do unless something happens.
    fn patience(&self) -> Option<Duration> {
        let line = match &self.throttle {
            _ if self.line.is_empty() => None,
            None => Some(Duration::ZERO),
            Some(throttle) => Some(throttle.wait()),
        };
        let late = self.late.peek().map(|Reverse(late)| late.due.saturating_duration_since(Instant::now()));
        line.into_iter().chain(late).min()
    }

    fn obey(&mut self, command: Command) -> Result<serde_json::Value, String> {
        match command {
            Command::Stats => return Ok(self.desk.stats.to_json(self.connections.iter().flatten().count())),
            Command::Reset => self.desk.stats.reset(),
            Command::Delay(delay) => self.desk.delay = delay,
            Command::Refuse { code, fraction } => self.desk.refuse(code, fraction),
            Command::Accept => {
                self.desk.accept();
                self.throttle = None;
            }
            Command::Throttle { bytes_per_s } => self.throttle = Some(Throttle::new(bytes_per_s, Instant::now())),
            Command::Close => {
                self.listener = None;
                self.connections.clear();
                self.vacant.clear();
            }
            Command::Open if self.listener.is_none() => {
                let failed = |error| format!("cannot listen on {} again: {error}", self.address);
                let (listener, _) = net::listen(self.address).map_err(failed)?;
                self.poller.add(&listener, LISTENER).map_err(failed)?;
                self.listener = Some(listener);
            }
            Command::Open | Command::Quit => {}
        }
        Ok(serde_json::json!({ "ok": true }))
    }

    fn accept(&mut self) -> io::Result<()> {
        let Some(listener) = &self.listener else { return Ok(()) };
        while let Some(socket) = net::accept(listener)? {
            self.generation += 1;
            let index = self.vacant.pop().unwrap_or(self.connections.len() as u32);
            self.poller.add(&socket, token(self.generation, index))?;
            self.out.clear();
            let mut connection = Connection::new(socket, self.generation, self.protocol, &mut self.out);
            if !connection.send(&self.out) {
                self.vacant.push(index);
                continue;
            }
            if index as usize == self.connections.len() {
                self.connections.push(None);
            }
            self.connections[index as usize] = Some(connection);
        }
        Ok(())
    }

    fn connection(&mut self, token: u64) -> Option<&mut Connection> {
        let place = self.connections.get_mut(token as u32 as usize)?;
        place.as_mut().filter(|connection| connection.generation == (token >> 32) as u32)
    }

    fn drop_connection(&mut self, token: u64) {
        self.connections[token as u32 as usize] = None;
        self.vacant.push(token as u32);
    }

    /// Reads once, or more often if `until_empty`, and sends the answers.
    fn read(&mut self, token: u64, until_empty: bool) {
        let index = token as u32 as usize;
        let Some(Some(connection)) = self.connections.get_mut(index) else { return };
        if connection.generation != (token >> 32) as u32 {
            return;
        }
        let mut limit = READ_BYTES;
        if let Some(throttle) = &mut self.throttle {
            limit = throttle.allowance(Instant::now()).min(READ_BYTES);
            if limit == 0 {
                if !std::mem::replace(&mut connection.waits, true) {
                    self.line.push_back(token);
                }
                return;
            }
        }
        let (count, drained) = match net::receive(&connection.socket, &mut self.buffer[..limit]) {
            Received::Bytes { count, drained } => (count, drained),
            Received::Nothing => return,
            Received::Closed => return self.drop_connection(token),
        };
        if let Some(throttle) = &mut self.throttle {
            throttle.spend(count);
        }
        self.desk.stats.wire_bytes += count as u64;
        self.out.clear();
        let bytes = &self.buffer[..count];
        let result = connection.receive(bytes, &mut self.desk, &self.answers, &mut self.out, &mut self.replies);
        if result.is_err() || !connection.send(&self.out) {
            return self.drop_connection(token);
        }
        // The end of the stream is not told again, so reads go on until they find it.
        if (!drained || until_empty) && !std::mem::replace(&mut connection.waits, true) {
            self.line.push_back(token);
        }
        if !self.replies.is_empty() {
            let due = Instant::now() + self.desk.delay;
            for reply in self.replies.drain(..) {
                self.late_count += 1;
                self.late.push(Reverse(LateReply { due, nth: self.late_count, token, reply }));
            }
        }
    }

    fn send_unsent(&mut self, token: u64) {
        if self.connection(token).is_some_and(|connection| connection.has_unsent() && !connection.send(&[])) {
            self.drop_connection(token);
        }
    }

    /// Sends the answers that are due, those of one connection together if they stand together.
    fn send_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(token) = self.late.peek().filter(|Reverse(late)| late.due <= now).map(|Reverse(late)| late.token)
        {
            self.out.clear();
            let mut out = std::mem::take(&mut self.out);
            while let Some(Reverse(late)) =
                self.late.peek().filter(|Reverse(late)| late.due <= now && late.token == token)
            {
                let reply = late.reply;
                self.late.pop();
                let index = token as u32 as usize;
                let connection = self.connections.get_mut(index).and_then(Option::as_mut);
                if let Some(connection) = connection.filter(|found| found.generation == (token >> 32) as u32) {
                    connection.answer(reply, &self.answers, &mut out);
                }
            }
            if self.connection(token).is_some_and(|connection| !connection.send(&out)) {
                self.drop_connection(token);
            }
            self.out = out;
        }
    }
}

impl PartialEq for LateReply {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for LateReply {}

impl PartialOrd for LateReply {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LateReply {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.nth).cmp(&(other.due, other.nth))
    }
}

fn print_line(value: &serde_json::Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

fn token(generation: u32, index: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;
