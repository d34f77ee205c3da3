//! One gRPC connection of the sink.
//!
//! Request headers are not decoded: what arrives on a stream is a call of the one method that the sink serves.

use super::count::{Body, Counted};
use super::desk::{Desk, Reply, Verdict};
use super::walk::Unreadable;
use crate::h2::{
    self, Deframer, Fault, FrameHead, Handler, PREFACE, PeerSettings, WINDOW_DEFAULT, flag, kind, setting,
};
use crate::hpack::{Field, HeaderBlock, encode_blocks};

/// The state of a connection. Without open streams it holds no buffers.
pub struct Connection {
    deframer: Deframer,
    state: State,
}

struct State {
    preface_left: usize,
    peer: PeerSettings,
    /// The peer's dynamic table has the fields of an accepting answer.
    answered: bool,
    streams: Vec<Stream>,
    /// Bytes received since the connection's window was last opened.
    unacknowledged: u32,
}

/// A request that is arriving.
struct Stream {
    id: u32,
    unacknowledged: u32,
    /// The prefix of the gRPC message, as far as it is there.
    prefix: [u8; PREFIX_BYTES],
    prefix_bytes: usize,
    received: u64,
    body: Body,
}

/// The answers, encoded once.
pub struct Answers {
    head: HeaderBlock,
    trailers: HeaderBlock,
}

impl Answers {
    pub fn new() -> Self {
        let [head, trailers] = encode_blocks([
            &[Field::Indexed(STATUS_200), Field::Value(CONTENT_TYPE, "application/grpc")],
            &[Field::Literal("grpc-status", "0")],
        ]);
        Self { head, trailers }
    }
}

impl Connection {
    /// Appends what the server says first to `out`.
    pub fn new(out: &mut Vec<u8>) -> Self {
        h2::write_settings(
            out,
            &[
                (setting::MAX_CONCURRENT_STREAMS, STREAMS_MAX),
                (setting::INITIAL_WINDOW_SIZE, WINDOW_BYTES),
                (setting::MAX_FRAME_SIZE, FRAME_BYTES_MAX),
            ],
        );
        h2::write_window_update(out, 0, WINDOW_BYTES - WINDOW_DEFAULT as u32);
        let state = State {
            preface_left: PREFACE.len(),
            peer: PeerSettings::default(),
            answered: false,
            streams: Vec::new(),
            unacknowledged: 0,
        };
        Self { deframer: Deframer::new(FRAME_BYTES_MAX as usize), state }
    }

    /// Takes what has arrived. Answers go to `out`, or to `late` if the desk delays them.
    pub fn receive(
        &mut self,
        mut bytes: &[u8],
        desk: &mut Desk,
        answers: &Answers,
        out: &mut Vec<u8>,
        late: &mut Vec<Reply>,
    ) -> Result<(), Fault> {
        if self.state.preface_left > 0 {
            let (preface, rest) = bytes.split_at(bytes.len().min(self.state.preface_left));
            if !PREFACE[PREFACE.len() - self.state.preface_left..].starts_with(preface) {
                return Err(Fault("not an HTTP/2 client"));
            }
            self.state.preface_left -= preface.len();
            bytes = rest;
        }
        self.deframer.feed(bytes, &mut Reader { state: &mut self.state, desk, answers, out, late })
    }

    /// Writes the answer to a request that was delayed.
    pub fn answer(&mut self, reply: Reply, answers: &Answers, out: &mut Vec<u8>) {
        self.state.answer(reply, answers, out);
    }
}

impl State {
    fn answer(&mut self, reply: Reply, answers: &Answers, out: &mut Vec<u8>) {
        let (stream, table) = (reply.stream, self.peer.keeps_table());
        match reply.verdict {
            Verdict::Accepted => {
                let head = answers.head.repeated(table, self.answered);
                let trailers = answers.trailers.repeated(table, self.answered);
                self.answered |= table;
                h2::write_frame(out, kind::HEADERS, flag::END_HEADERS, stream, head);
                h2::write_frame(out, kind::DATA, 0, stream, &[0; PREFIX_BYTES]);
                h2::write_frame(out, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, trailers);
            }
            Verdict::Refused(code) => {
                let [block] = encode_blocks([&[
                    Field::Indexed(STATUS_200),
                    Field::Value(CONTENT_TYPE, "application/grpc"),
                    Field::Literal("grpc-status", &code.to_string()),
                    Field::Literal("grpc-message", "refused by command"),
                ]]);
                h2::write_frame(out, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, block.single(table));
            }
        }
    }
}

/// A connection's state while bytes are being read.
struct Reader<'a> {
    state: &'a mut State,
    desk: &'a mut Desk,
    answers: &'a Answers,
    out: &'a mut Vec<u8>,
    late: &'a mut Vec<Reply>,
}

impl Reader<'_> {
    fn settle(&mut self, stream: u32, content: Result<Counted, Unreadable>) {
        let reply = Reply { stream, verdict: self.desk.settle(content), json: false, close: false };
        if self.desk.delay.is_zero() {
            self.state.answer(reply, self.answers, self.out);
        } else {
            self.late.push(reply);
        }
    }

    /// The most recent stream is the likeliest.
    fn position(&self, stream: u32) -> Option<usize> {
        self.state.streams.iter().rposition(|open| open.id == stream)
    }
}

impl Handler for Reader<'_> {
    fn data_arrived(&mut self, stream: u32, length: usize) {
        let length = length as u32;
        self.state.unacknowledged += length;
        if self.state.unacknowledged > WINDOW_BYTES / 2 {
            h2::write_window_update(self.out, 0, self.state.unacknowledged);
            self.state.unacknowledged = 0;
        }
        if let Some(at) = self.position(stream) {
            let open = &mut self.state.streams[at];
            open.unacknowledged += length;
            if open.unacknowledged > WINDOW_BYTES / 2 {
                h2::write_window_update(self.out, stream, open.unacknowledged);
                open.unacknowledged = 0;
            }
        }
    }

    fn data(&mut self, stream: u32, piece: &[u8], end: bool) -> Result<(), Fault> {
        // A stream that the peer has reset, or that is answered already.
        let Some(at) = self.position(stream) else { return Ok(()) };
        let open = &mut self.state.streams[at];
        if end && open.received == 0 {
            let content = whole_message(piece).and_then(|message| self.desk.counter.count(message));
            self.state.streams.swap_remove(at);
            self.settle(stream, content);
            return Ok(());
        }
        open.feed(piece, self.desk);
        if end {
            let open = self.state.streams.swap_remove(at);
            let content = open.finish(self.desk);
            self.settle(stream, content);
        }
        Ok(())
    }

    fn headers(&mut self, stream: u32, _block: &[u8], end: bool) -> Result<(), Fault> {
        if let Some(at) = self.position(stream) {
            // Trailers of a request, which gRPC clients do not send.
            let open = self.state.streams.swap_remove(at);
            let content = open.finish(self.desk);
            self.settle(stream, content);
            return Ok(());
        }
        if end {
            self.settle(stream, Err(Unreadable));
        } else if self.state.streams.len() < STREAMS_MAX as usize {
            self.state.streams.push(Stream {
                id: stream,
                unacknowledged: 0,
                prefix: [0; PREFIX_BYTES],
                prefix_bytes: 0,
                received: 0,
                body: Body::default(),
            });
        } else {
            return Err(Fault("too many streams"));
        }
        Ok(())
    }

    fn control(&mut self, head: FrameHead, payload: &[u8]) -> Result<(), Fault> {
        match head.kind {
            kind::SETTINGS if !head.has(flag::ACK) => self.state.peer.apply(payload)?,
            kind::RST_STREAM => self.state.streams.retain(|open| open.id != head.stream),
            _ => {}
        }
        h2::write_acknowledgement(self.out, head, payload);
        Ok(())
    }
}

impl Stream {
    fn feed(&mut self, piece: &[u8], desk: &Desk) {
        self.received += piece.len() as u64;
        let (prefix, message) = piece.split_at(piece.len().min(PREFIX_BYTES - self.prefix_bytes));
        self.prefix[self.prefix_bytes..self.prefix_bytes + prefix.len()].copy_from_slice(prefix);
        self.prefix_bytes += prefix.len();
        desk.counter.feed(&mut self.body, message);
    }

    fn finish(self, desk: &mut Desk) -> Result<Counted, Unreadable> {
        let [_, length @ ..] = self.prefix;
        if self.received != PREFIX_BYTES as u64 + u64::from(u32::from_be_bytes(length)) {
            return Err(Unreadable);
        }
        desk.counter.finish(self.body)
    }
}

/// The message in a body that arrived in one piece.
fn whole_message(body: &[u8]) -> Result<&[u8], Unreadable> {
    let ([_, length @ ..], message) = body.split_first_chunk::<PREFIX_BYTES>().ok_or(Unreadable)?;
    if message.len() as u64 == u64::from(u32::from_be_bytes(*length)) { Ok(message) } else { Err(Unreadable) }
}

/// gRPC puts a flag and the length before a message.
const PREFIX_BYTES: usize = 5;
/// Indices of the static table.
const STATUS_200: u8 = 8;
const CONTENT_TYPE: u8 = 31;

const STREAMS_MAX: u32 = 4096;
/// Of each stream and of the connection.
const WINDOW_BYTES: u32 = 16 << 20;
const FRAME_BYTES_MAX: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack;
    use crate::payload::{Encoding, PayloadSpec, generate};
    use crate::signal::Signal;

    struct Rig {
        connection: Connection,
        desk: Desk,
        answers: Answers,
        out: Vec<u8>,
        late: Vec<Reply>,
    }

    impl Rig {
        fn new() -> Self {
            let mut out = Vec::new();
            let connection = Connection::new(&mut out);
            Self { connection, desk: Desk::new(Signal::Traces), answers: Answers::new(), out, late: Vec::new() }
        }

        fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
            self.connection.receive(bytes, &mut self.desk, &self.answers, &mut self.out, &mut self.late)
        }
    }

    fn message(items: usize) -> Vec<u8> {
        let body = generate(&PayloadSpec { signal: Signal::Traces, encoding: Encoding::Proto, items, seed: 3 }, 0);
        [&[0][..], &(body.len() as u32).to_be_bytes(), &body].concat()
    }

    /// Two calls whose frames are mixed, one of them in small frames.
    fn calls() -> Vec<u8> {
        let mut wire = PREFACE.to_vec();
        h2::write_settings(&mut wire, &[]);
        h2::write_frame(&mut wire, kind::HEADERS, flag::END_HEADERS, 1, b"\x83");
        h2::write_frame(&mut wire, kind::HEADERS, flag::END_HEADERS, 3, b"\x83");
        let message = message(4);
        for piece in message.chunks(3) {
            h2::write_frame(&mut wire, kind::DATA, 0, 1, piece);
        }
        h2::write_frame(&mut wire, kind::DATA, flag::END_STREAM, 3, &message);
        h2::write_frame(&mut wire, kind::DATA, flag::END_STREAM, 1, b"");
        wire
    }

    /// Status of each answered stream, in order.
    fn statuses(out: &[u8]) -> Vec<(u32, String)> {
        struct Statuses(Vec<(u32, String)>);
        impl Handler for Statuses {
            fn data_arrived(&mut self, _: u32, _: usize) {}
            fn data(&mut self, _: u32, _: &[u8], _: bool) -> Result<(), Fault> {
                Ok(())
            }
            fn headers(&mut self, stream: u32, block: &[u8], _: bool) -> Result<(), Fault> {
                hpack::decode(block, |name, value| {
                    if name == b"grpc-status" {
                        self.0.push((stream, String::from_utf8_lossy(value).into_owned()));
                    }
                })
                .map_err(|malformed| Fault(malformed.0))
            }
            fn control(&mut self, _: FrameHead, _: &[u8]) -> Result<(), Fault> {
                Ok(())
            }
        }
        let mut seen = Statuses(Vec::new());
        Deframer::new(1 << 20).feed(out, &mut seen).expect("own frames");
        seen.0
    }

    #[test]
    fn answers_and_counts_whatever_the_size_of_the_reads() {
        let wire = calls();
        for size in [1, 7, 100, wire.len()] {
            let mut rig = Rig::new();
            // Without a table the answers can be read by a decoder without one.
            rig.connection.state.peer.header_table_bytes = 0;
            for piece in wire.chunks(size) {
                rig.feed(piece).expect("calls are valid");
            }
            assert_eq!((rig.desk.stats.requests, rig.desk.stats.items, rig.desk.stats.unreadable), (2, 8, 0));
            assert_eq!(statuses(&rig.out), [(3, "0".to_owned()), (1, "0".to_owned())]);
            assert!(rig.connection.state.streams.is_empty());
        }
    }

    #[test]
    fn refuses_by_command_and_delays() {
        let mut rig = Rig::new();
        rig.desk.refuse(14, 1.0);
        rig.desk.delay = std::time::Duration::from_millis(1);
        rig.feed(&calls()).expect("calls are valid");
        assert!(statuses(&rig.out).is_empty());
        for reply in rig.late.clone() {
            rig.connection.answer(reply, &rig.answers, &mut rig.out);
        }
        assert_eq!(statuses(&rig.out), [(3, "14".to_owned()), (1, "14".to_owned())]);
        assert_eq!((rig.desk.stats.requests, rig.desk.stats.refused), (0, 2));
    }

    #[test]
    fn counts_messages_of_the_wrong_length_as_unreadable() {
        let mut rig = Rig::new();
        let mut wire = PREFACE.to_vec();
        h2::write_frame(&mut wire, kind::HEADERS, flag::END_HEADERS, 1, b"\x83");
        h2::write_frame(&mut wire, kind::DATA, flag::END_STREAM, 1, &message(1)[..50]);
        rig.feed(&wire).expect("frames are valid");
        assert_eq!((rig.desk.stats.requests, rig.desk.stats.items, rig.desk.stats.unreadable), (1, 0, 1));
    }

    #[test]
    fn refuses_other_protocols() {
        assert!(Rig::new().feed(b"POST /v1/traces HTTP/1.1\r\n").is_err());
    }
}
