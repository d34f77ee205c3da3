//! The generator's loop: one thread, one poller, all connections, one clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::time::{Duration, Instant};

use super::answer::{Answer, KnownHeads};
use super::connection::Connection;
use super::out::OutQueue;
use super::plan::Plan;
use super::report::Report;
use crate::cli::SendFlags;
use crate::net::{self, Poller, READ_BYTES, Received};
use crate::schedule::Schedule;

/// Everything that moves during a run.
pub struct Driver<'a> {
    flags: &'a SendFlags,
    plan: &'a Plan,
    pub report: Report,
    poller: Poller,
    connections: Vec<Connection>,
    streams: usize,
    start: Instant,
    now_ns: u64,
    pace: Pace,
    /// What is to happen at a time: parts of bodies that trickle, attempts to connect.
    alarms: BinaryHeap<Reverse<(u64, Alarm)>>,
    heads: KnownHeads,
    buffer: Vec<u8>,
    out: OutQueue,
    answers: Vec<Answer>,
    wire_bytes: u64,
    under_way: u64,
}

/// What decides when requests are sent.
enum Pace {
    /// Not yet.
    Idle,
    /// On a schedule, of which so much is due.
    Open { schedule: Schedule, due: u64 },
    /// As soon as others are answered, until the end of the window.
    Closed { requests: u64, ended: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Connect { connection: u32 },
    Trickle { connection: u32, generation: u32, ticket: u32, step: u32 },
}

impl<'a> Driver<'a> {
    pub fn new(flags: &'a SendFlags, plan: &'a Plan) -> io::Result<Self> {
        let connections = (0..flags.connections).map(|nth| Connection::new(flags.protocol, u64::from(nth)));
        Ok(Self {
            flags,
            plan,
            report: Report::new(flags),
            poller: Poller::new()?,
            connections: connections.collect(),
            streams: flags.streams(),
            start: Instant::now(),
            now_ns: 0,
            pace: Pace::Idle,
            alarms: BinaryHeap::new(),
            heads: KnownHeads::default(),
            buffer: vec![0; READ_BYTES],
            out: OutQueue::default(),
            answers: Vec::new(),
            wire_bytes: 0,
            under_way: 0,
        })
    }

    /// Connects everything, a few at a time so that the listener's queue holds them.
    pub fn connect(&mut self) -> Result<(), String> {
        let target = self.flags.target;
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        let (mut begun, mut ready) = (0, 0);
        while ready < self.connections.len() {
            while begun < self.connections.len() && begun < ready + CONNECTING_MAX {
                self.begin_connect(begun as u32).map_err(|error| format!("cannot connect to {target}: {error}"))?;
                begun += 1;
            }
            if Instant::now() > deadline {
                return Err(format!("cannot connect to {target}: {ready} of {begun} connections answered in time"));
            }
            self.wait(Some(Duration::from_millis(100)))?;
            if let Some(error) = self.handle_events() {
                return Err(format!("cannot connect to {target}: {error}"));
            }
            while ready < begun && self.connections[ready].is_ready() {
                ready += 1;
            }
        }
        Ok(())
    }

    /// Requests that the server takes at one time on a connection.
    pub fn streams_max(&self) -> u32 {
        self.connections.iter().map(Connection::streams_max).min().unwrap_or(u32::MAX)
    }

    /// Runs the schedule from `start`; answers with the number of requests that were due but never sent.
    pub fn run(&mut self, start: Instant) -> Result<u64, String> {
        self.start = start;
        let window = self.report.window();
        let give_up_ns = window.end + Duration::from_secs_f64(self.flags.drain).as_nanos() as u64;
        let open = self.flags.rate > 0.0;
        self.wait_for_start()?;
        self.tick();
        if open {
            self.pace = Pace::Open { schedule: Schedule::new(self.flags.rate, window.end), due: 0 };
        } else {
            self.pace = Pace::Closed { requests: 0, ended: false };
            for index in 0..self.connections.len() {
                self.serve(index);
            }
        }
        let mut edges = [window.start, window.end].into_iter().peekable();
        loop {
            self.tick();
            while let Some(edge_ns) = edges.next_if(|edge_ns| *edge_ns <= self.now_ns) {
                self.pass_edge(edge_ns == window.start);
            }
            self.send_due();
            self.ring_alarms();
            if edges.peek().is_none() && (self.now_ns >= give_up_ns || self.is_done()) {
                return Ok(self.unsent());
            }
            let next_ns = edges.peek().copied().unwrap_or(give_up_ns);
            let patience = self.patience(next_ns);
            self.wait(Some(patience))?;
            // A connection that breaks during the run is counted and built up again.
            let _ = self.handle_events();
        }
    }

    fn pass_edge(&mut self, begins: bool) {
        if begins {
            self.report.open_window(self.wire_bytes);
        } else {
            self.report.close_window(self.wire_bytes);
            if let Pace::Closed { ended, .. } = &mut self.pace {
                *ended = true;
            }
        }
    }

    fn wait_for_start(&mut self) -> Result<(), String> {
        while let Some(left) = self.start.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.wait(Some(left))?;
            let _ = self.handle_events();
        }
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), String> {
        self.poller.wait(timeout).map_err(|error| format!("cannot wait for sockets: {error}"))
    }

    #[inline]
    fn tick(&mut self) {
        self.now_ns = self.start.elapsed().as_nanos() as u64;
    }

    /// Nothing is under way and nothing is waiting.
    fn is_done(&self) -> bool {
        self.under_way == 0 && self.unsent() == 0
    }

    /// Requests that are due and wait for a free stream.
    fn unsent(&self) -> u64 {
        let Pace::Open { due, .. } = &self.pace else { return 0 };
        let step = self.connections.len() as u64;
        self.connections.iter().map(|connection| due.saturating_sub(connection.next_request).div_ceil(step)).sum()
    }

    /// How long there is nothing to do unless something arrives.
    fn patience(&self, edge_ns: u64) -> Duration {
        let mut next_ns = edge_ns;
        if let Pace::Open { schedule, due } = &self.pace
            && *due < schedule.requests()
        {
            next_ns = next_ns.min(schedule.intended_ns(*due));
        }
        if let Some(Reverse((alarm_ns, _))) = self.alarms.peek() {
            next_ns = next_ns.min(*alarm_ns);
        }
        let now_ns = self.start.elapsed().as_nanos() as u64;
        match next_ns.saturating_sub(now_ns) {
            0 => Duration::ZERO,
            left_ns => Duration::from_nanos(left_ns.max(SLEEP_NS_MIN)),
        }
    }

    /// Sends the requests that have become due since the last time.
    fn send_due(&mut self) {
        let Pace::Open { schedule, due } = &mut self.pace else { return };
        let from = std::mem::replace(due, schedule.due(self.now_ns));
        let to = *due;
        for request in from..to {
            self.report.looked_at(schedule.intended_ns(request), self.now_ns);
        }
        // Each connection sends all that it owes at once, so no more need a look than there are connections.
        let connections = self.connections.len() as u64;
        for request in from..to.min(from + connections) {
            self.serve((request % connections) as usize);
        }
    }

    /// Starts the requests that a connection owes and has room for, and sends what it has to send.
    fn serve(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let step = self.flags.connections;
        while connection.has_room(self.streams) {
            let (request, intended_ns) = match &mut self.pace {
                Pace::Open { schedule, due } if connection.next_request < *due => {
                    let request = connection.next_request;
                    connection.next_request += u64::from(step);
                    (request, schedule.intended_ns(request))
                }
                Pace::Closed { requests, ended: false } => {
                    *requests += 1;
                    (*requests - 1, self.now_ns)
                }
                _ => break,
            };
            self.report.sent();
            self.under_way += 1;
            let entry = self.plan.ring.index(request);
            let ticket = connection.start(entry, intended_ns, self.plan, &mut self.out);
            if self.plan.trickles {
                let (connection_index, generation) = (index as u32, connection.generation);
                let alarm = Alarm::Trickle { connection: connection_index, generation, ticket, step: 1 };
                self.alarms.push(Reverse((self.now_ns, alarm)));
            }
        }
        if connection.send(self.plan, &mut self.out, &mut self.wire_bytes).is_err() {
            self.lose(index);
        }
    }

    fn ring_alarms(&mut self) {
        while let Some(&Reverse((due_ns, alarm))) = self.alarms.peek() {
            if due_ns > self.now_ns {
                return;
            }
            self.alarms.pop();
            match alarm {
                Alarm::Connect { connection } => {
                    self.report.reconnected();
                    if self.begin_connect(connection).is_err() {
                        self.lose(connection as usize);
                    }
                }
                Alarm::Trickle { connection, generation, ticket, step } => {
                    self.trickle(connection, generation, ticket, step);
                }
            }
        }
    }

    /// Sends a part of a body and sets the alarm for the next.
    fn trickle(&mut self, index: u32, generation: u32, ticket: u32, step: u32) {
        let connection = &mut self.connections[index as usize];
        if connection.generation != generation
            || !connection.release(ticket, step as usize, TRICKLE_STEPS as usize, self.plan, &mut self.out)
        {
            return;
        }
        if step < TRICKLE_STEPS {
            let pause_ns = self.flags.trickle_ms * 1e6 / f64::from(TRICKLE_STEPS - 1);
            let alarm = Alarm::Trickle { connection: index, generation, ticket, step: step + 1 };
            self.alarms.push(Reverse((self.now_ns + pause_ns as u64, alarm)));
        }
        if connection.send(self.plan, &mut self.out, &mut self.wire_bytes).is_err() {
            self.lose(index as usize);
        }
    }

    /// Handles what the poller has told; answers with the last error of a connection.
    fn handle_events(&mut self) -> Option<String> {
        let mut failure = None;
        for nth in 0..self.poller.events_count() {
            let event = self.poller.event(nth);
            let index = event.token as u32 as usize;
            if self.connections[index].generation != (event.token >> 32) as u32 {
                continue;
            }
            self.tick();
            if let Some(socket) = self.connections[index].is_connecting() {
                match net::connected(socket) {
                    Ok(()) if !event.writable => continue,
                    Ok(()) => self.connections[index].up(&mut self.out),
                    Err(error) => {
                        failure = Some(error.to_string());
                        self.lose(index);
                        continue;
                    }
                }
            }
            if event.readable && !self.read(index, event.closing) {
                failure = Some("connection was closed or is not of this protocol".to_owned());
                self.lose(index);
            } else {
                self.serve(index);
            }
        }
        failure
    }

    /// Reads all there is; false if the connection is over.
    fn read(&mut self, index: usize, closing: bool) -> bool {
        loop {
            let connection = &mut self.connections[index];
            let Some(socket) = connection.socket() else { return true };
            let (count, drained) = match net::receive(socket, &mut self.buffer) {
                Received::Bytes { count, drained } => (count, drained),
                Received::Nothing => return true,
                Received::Closed => return false,
            };
            let bytes = &self.buffer[..count];
            let received = connection.receive(bytes, self.plan, &mut self.heads, &mut self.out, &mut self.answers);
            self.record_answers();
            if received.is_err() || self.connections[index].is_over() {
                return false;
            }
            if drained && !closing {
                return true;
            }
        }
    }

    fn record_answers(&mut self) {
        for answer in self.answers.drain(..) {
            self.under_way -= 1;
            self.report.answered(&answer, self.plan, self.now_ns);
        }
    }

    /// A connection is lost: what was under way has failed, and it is built up again after a pause.
    fn lose(&mut self, index: usize) {
        self.out = OutQueue::default();
        let connection = &mut self.connections[index];
        connection.down(&mut self.answers);
        let pause_ns = (RECONNECT_NS_MIN << connection.attempts.min(16)).min(RECONNECT_NS_MAX);
        if !matches!(self.pace, Pace::Idle) {
            self.alarms.push(Reverse((self.now_ns + pause_ns, Alarm::Connect { connection: index as u32 })));
        }
        self.record_answers();
    }

    fn begin_connect(&mut self, index: u32) -> io::Result<()> {
        let socket = net::connect(self.flags.target)?;
        let connection = &mut self.connections[index as usize];
        let token = u64::from(connection.generation + 1) << 32 | u64::from(index);
        self.poller.add(&socket, token)?;
        connection.connecting(socket);
        Ok(())
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
const CONNECTING_MAX: usize = 64;
/// Pauses before a connection is built up again.
const RECONNECT_NS_MIN: u64 = 10_000_000;
const RECONNECT_NS_MAX: u64 = 1_000_000_000;
/// Shortest sleep: at high rates what becomes due in this time leaves together, which saves most of the writes.
const SLEEP_NS_MIN: u64 = 50_000;
/// Parts into which a body is cut that trickles.
const TRICKLE_STEPS: u32 = 10;
