//! The client's side of one HTTP/2 connection, for gRPC and for OTLP/HTTP.

use super::answer::{Answer, Head, KnownHeads, Outcome, Refusal, rejected_items};
use super::out::OutQueue;
use super::plan::Plan;
use crate::h2::{
    self, Deframer, Fault, FrameHead, Handler, PREFACE, PeerSettings, WINDOW_DEFAULT, flag, kind, setting,
};

/// The state of a connection. Between requests it holds no buffers.
pub struct Client {
    deframer: Deframer,
    state: State,
}

struct State {
    peer: PeerSettings,
    /// The peer's settings are here: requests may begin.
    ready: bool,
    /// The peer's dynamic table has the fields of a request.
    indexed: bool,
    /// The peer takes no more requests.
    leaving: bool,
    next_stream: u32,
    /// What the peer lets this side send on the connection.
    window: i64,
    /// Bytes received since the peer's window was last opened.
    unacknowledged: u32,
    requests: Vec<Request>,
    /// Requests of which not everything is sent.
    uploads: usize,
}

/// A request that waits for its answer.
struct Request {
    stream: u32,
    entry: u32,
    intended_ns: u64,
    window: i64,
    sent: usize,
    /// How much may be sent; less than everything while it trickles.
    allowed: usize,
    http_status: u16,
    grpc_status: Option<u8>,
    response: Vec<u8>,
}

impl Client {
    /// Appends what the client says first to `out`.
    pub fn new(out: &mut OutQueue) -> Self {
        out.write(|out| {
            out.extend_from_slice(PREFACE);
            h2::write_settings(
                out,
                &[
                    (setting::HEADER_TABLE_SIZE, 0),
                    (setting::ENABLE_PUSH, 0),
                    (setting::INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES),
                ],
            );
            h2::write_window_update(out, 0, WINDOW_BYTES - WINDOW_DEFAULT as u32);
        });
        let state = State {
            peer: PeerSettings::default(),
            ready: false,
            indexed: false,
            leaving: false,
            next_stream: 1,
            window: WINDOW_DEFAULT,
            unacknowledged: 0,
            requests: Vec::new(),
            uploads: 0,
        };
        Self { deframer: Deframer::new(h2::FRAME_BYTES_DEFAULT), state }
    }

    pub fn is_ready(&self) -> bool {
        self.state.ready
    }

    /// Whether a request may begin now.
    #[inline]
    pub fn has_room(&self, streams: usize) -> bool {
        let state = &self.state;
        let room = state.requests.len() < streams.min(state.peer.streams_max as usize);
        room && state.ready && !state.leaving
    }

    /// The connection is of no more use.
    pub fn is_over(&self) -> bool {
        self.state.leaving && self.state.requests.is_empty()
    }

    pub fn streams_max(&self) -> u32 {
        self.state.peer.streams_max
    }

    /// Begins a request; answers with the stream.
    #[inline]
    pub fn start(&mut self, entry: u32, intended_ns: u64, plan: &Plan, out: &mut OutQueue) -> u32 {
        let state = &mut self.state;
        let stream = state.next_stream;
        state.next_stream += 2;
        state.leaving |= state.next_stream > STREAM_MAX;
        let table = state.peer.keeps_table();
        let block = plan.request_block.repeated(table, state.indexed);
        state.indexed |= table;
        out.write(|out| h2::write_frame(out, kind::HEADERS, flag::END_HEADERS, stream, block));
        let allowed = if plan.trickles { 0 } else { plan.ring.entry(entry).bytes.len() };
        let mut request = Request {
            stream,
            entry,
            intended_ns,
            window: state.peer.initial_window,
            sent: 0,
            allowed,
            http_status: 0,
            grpc_status: None,
            response: Vec::new(),
        };
        state.uploads += 1;
        if request.send(&mut state.window, state.peer.frame_bytes_max, plan, out) {
            state.uploads -= 1;
        }
        state.requests.push(request);
        stream
    }

    /// Lets the request on `stream` send the part `step` of `steps` of its body. False if it is over.
    pub fn release(&mut self, stream: u32, step: usize, steps: usize, plan: &Plan, out: &mut OutQueue) -> bool {
        let state = &mut self.state;
        let Some(request) = state.requests.iter_mut().find(|request| request.stream == stream) else { return false };
        request.allowed = plan.ring.entry(request.entry).bytes.len() * step / steps;
        if request.send(&mut state.window, state.peer.frame_bytes_max, plan, out) {
            state.uploads -= 1;
        }
        true
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
        self.deframer.feed(bytes, &mut Reader { state: &mut self.state, plan, heads, out, answers })
    }

    /// The connection is lost, and with it what was under way.
    pub fn abandon(&mut self, answers: &mut Vec<Answer>) {
        answers.extend(self.state.requests.drain(..).map(|request| request.answer(Outcome::Failed)));
    }
}

impl Request {
    /// Sends as much of the body as the windows and the trickle allow; true once everything is sent.
    #[inline]
    fn send(&mut self, window: &mut i64, frame_bytes_max: usize, plan: &Plan, out: &mut OutQueue) -> bool {
        let all = plan.ring.entry(self.entry).bytes.len();
        while self.sent < self.allowed {
            let credit = (*window).min(self.window).max(0) as usize;
            let length = (self.allowed - self.sent).min(credit).min(frame_bytes_max);
            if length == 0 {
                return false;
            }
            let end = self.sent + length;
            let flags = if end == all { flag::END_STREAM } else { 0 };
            let head = FrameHead { length, kind: kind::DATA, flags, stream: self.stream };
            out.write(|out| out.extend_from_slice(&head.encode()));
            out.entry(&plan.ring, self.entry, self.sent..end);
            *window -= length as i64;
            self.window -= length as i64;
            self.sent = end;
        }
        self.sent == all
    }

    fn outcome(&self, plan: &Plan) -> Outcome {
        let body = match (plan.is_grpc, self.http_status, self.grpc_status) {
            (true, 200, Some(0)) => self.response.get(GRPC_PREFIX_BYTES..).unwrap_or_default(),
            (true, 200, Some(code)) => return Outcome::Refused(Refusal::Grpc(code)),
            (false, 200..=299, _) => &self.response,
            (_, 0 | 200, _) => return Outcome::Failed,
            (_, status, _) => return Outcome::Refused(Refusal::Http(status)),
        };
        Outcome::Accepted { rejected_items: rejected_items(body, plan.encoding, plan.signal) }
    }

    fn answer(&self, outcome: Outcome) -> Answer {
        Answer { intended_ns: self.intended_ns, entry: self.entry, outcome }
    }
}

/// A connection's state while bytes are being read.
struct Reader<'a> {
    state: &'a mut State,
    plan: &'a Plan,
    heads: &'a mut KnownHeads,
    out: &'a mut OutQueue,
    answers: &'a mut Vec<Answer>,
}

impl Reader<'_> {
    fn position(&self, stream: u32) -> Option<usize> {
        self.state.requests.iter().position(|request| request.stream == stream)
    }

    /// The request is over. What is not sent of it will not be.
    fn end(&mut self, at: usize, outcome: Option<Outcome>) {
        let request = self.state.requests.remove(at);
        if request.sent < self.plan.ring.entry(request.entry).bytes.len() {
            self.state.uploads -= 1;
            let code = h2::code::CANCEL.to_be_bytes();
            self.out.write(|out| h2::write_frame(out, kind::RST_STREAM, 0, request.stream, &code));
        }
        self.answers.push(request.answer(outcome.unwrap_or_else(|| request.outcome(self.plan))));
    }

    /// The windows have grown, or what the peer takes has.
    fn resume(&mut self) {
        if self.state.uploads == 0 {
            return;
        }
        let state = &mut *self.state;
        for request in &mut state.requests {
            let all = self.plan.ring.entry(request.entry).bytes.len();
            if request.sent < all && request.send(&mut state.window, state.peer.frame_bytes_max, self.plan, self.out) {
                state.uploads -= 1;
            }
        }
    }

    fn apply_settings(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let before = self.state.peer.initial_window;
        self.state.peer.apply(payload)?;
        for request in &mut self.state.requests {
            request.window += self.state.peer.initial_window - before;
        }
        self.state.ready = true;
        self.resume();
        Ok(())
    }

    fn open_window(&mut self, stream: u32, payload: &[u8]) -> Result<(), Fault> {
        let increment = i64::from(h2::number(payload)?);
        if stream == 0 {
            self.state.window += increment;
        } else if let Some(at) = self.position(stream) {
            self.state.requests[at].window += increment;
        }
        self.resume();
        Ok(())
    }

    /// The peer will answer the streams up to the one it names, and no others.
    fn leave(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let last = h2::number(payload)?;
        self.state.leaving = true;
        while let Some(at) = self.state.requests.iter().position(|request| request.stream > last) {
            self.end(at, Some(Outcome::Failed));
        }
        Ok(())
    }
}

impl Handler for Reader<'_> {
    fn data_arrived(&mut self, _stream: u32, length: usize) {
        self.state.unacknowledged += length as u32;
        if self.state.unacknowledged > WINDOW_BYTES / 2 {
            let increment = std::mem::take(&mut self.state.unacknowledged);
            self.out.write(|out| h2::write_window_update(out, 0, increment));
        }
    }

    fn data(&mut self, stream: u32, piece: &[u8], end: bool) -> Result<(), Fault> {
        let Some(at) = self.position(stream) else { return Ok(()) };
        let response = &mut self.state.requests[at].response;
        // The usual answer is an empty message, which needs no memory.
        if !(response.is_empty() && piece == [0; GRPC_PREFIX_BYTES] && self.plan.is_grpc) {
            if response.len() + piece.len() > STREAM_WINDOW_BYTES as usize {
                return Err(Fault("answer is too large"));
            }
            response.extend_from_slice(piece);
        }
        if end {
            self.end(at, None);
        }
        Ok(())
    }

    fn headers(&mut self, stream: u32, block: &[u8], end: bool) -> Result<(), Fault> {
        let head = self.heads.read(block, Head::from_block)?;
        let Some(at) = self.position(stream) else { return Ok(()) };
        let request = &mut self.state.requests[at];
        if head.http_status != 0 {
            request.http_status = head.http_status;
        }
        request.grpc_status = head.grpc_status.or(request.grpc_status);
        if end {
            self.end(at, None);
        }
        Ok(())
    }

    fn control(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        if matches!(head.kind, kind::PING | kind::SETTINGS) {
            self.out.write(|out| h2::write_acknowledgement(out, head, payload));
        }
        match head.kind {
            kind::SETTINGS if !head.has(flag::ACK) => self.apply_settings(payload),
            kind::WINDOW_UPDATE => self.open_window(head.stream, payload),
            kind::GOAWAY => self.leave(payload),
            kind::PUSH_PROMISE => Err(Fault("push was not enabled")),
            kind::RST_STREAM => {
                if let Some(at) = self.position(head.stream) {
                    self.state.requests[at].sent = self.plan.ring.entry(self.state.requests[at].entry).bytes.len();
                    self.end(at, Some(Outcome::Failed));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

const GRPC_PREFIX_BYTES: usize = 5;
const STREAM_MAX: u32 = 0x7fff_fff0;
/// Answers are small; these windows never bind.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const WINDOW_BYTES: u32 = 16 << 20;

#[cfg(test)]
mod tests;
