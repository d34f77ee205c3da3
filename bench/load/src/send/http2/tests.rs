//! The client against frames that a server could send.

use clap::Parser;

use super::*;
use crate::cli::{Command, Flags};
use crate::h2::write_frame;

fn plan(flags: &str) -> Plan {
    let words = ["teleferric-load", "send", "--target", "127.0.0.1:1", "--ring", "1"];
    match Flags::parse_from(words.into_iter().chain(flags.split_whitespace())).command {
        Command::Send(flags) => Plan::new(&flags),
        Command::Sink(_) => unreachable!(),
    }
}

/// Sums what a client has sent.
#[derive(Default)]
struct Sent {
    data: Vec<(u32, usize, bool)>,
    resets: Vec<u32>,
    heads: Vec<Vec<u8>>,
}

impl Handler for Sent {
    fn data_arrived(&mut self, _: u32, length: usize) {
        assert!(length <= 16_384, "frame of {length}");
    }
    fn data(&mut self, stream: u32, piece: &[u8], end: bool) -> Result<(), Fault> {
        match self.data.iter_mut().find(|(open, ..)| *open == stream) {
            Some((_, bytes, ended)) => (*bytes, *ended) = (*bytes + piece.len(), end),
            None => self.data.push((stream, piece.len(), end)),
        }
        Ok(())
    }
    fn headers(&mut self, _: u32, block: &[u8], end: bool) -> Result<(), Fault> {
        assert!(!end);
        self.heads.push(block.to_vec());
        Ok(())
    }
    fn control(&mut self, head: FrameHead, _: &[u8]) -> Result<(), Fault> {
        if head.kind == kind::RST_STREAM {
            self.resets.push(head.stream);
        }
        Ok(())
    }
}

struct Rig {
    plan: Plan,
    client: Client,
    out: OutQueue,
    answers: Vec<Answer>,
}

impl Rig {
    /// A client that has seen a server with these settings.
    fn new(flags: &str, settings: &[(u16, u32)]) -> Self {
        let mut out = OutQueue::default();
        let client = Client::new(&mut out);
        let mut rig = Self { plan: plan(flags), client, out, answers: Vec::new() };
        assert!(!rig.client.has_room(1));
        rig.feed(|wire| h2::write_settings(wire, settings)).expect("valid");
        rig
    }

    fn feed(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Fault> {
        let mut wire = Vec::new();
        write(&mut wire);
        let heads = &mut KnownHeads::default();
        self.client.receive(&wire, &self.plan, heads, &mut self.out, &mut self.answers)
    }

    fn start(&mut self) -> u32 {
        self.client.start(0, 7, &self.plan, &mut self.out)
    }

    fn sent(&self) -> Sent {
        let mut sent = Sent::default();
        let bytes = self.out.bytes(&self.plan.ring);
        Deframer::new(1 << 24).feed(&bytes[PREFACE.len()..], &mut sent).expect("own frames");
        sent
    }

    fn body_bytes(&self) -> usize {
        self.plan.ring.entry(0).bytes.len()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.answers.iter().map(|answer| answer.outcome).collect()
    }
}

fn answer(wire: &mut Vec<u8>, stream: u32, message: &[u8], status: &str) {
    write_frame(wire, kind::HEADERS, flag::END_HEADERS, stream, b"\x88");
    write_frame(wire, kind::DATA, 0, stream, &[&[0, 0, 0, 0, message.len() as u8], message].concat());
    let trailers = [b"\x00\x0bgrpc-status", &[status.len() as u8][..], status.as_bytes()].concat();
    write_frame(wire, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, &trailers);
}

const ACCEPTED: Outcome = Outcome::Accepted { rejected_items: 0 };

#[test]
fn body_waits_for_the_windows() {
    let mut rig = Rig::new("--items 500", &[(setting::INITIAL_WINDOW_SIZE, 1000)]);
    let all = rig.body_bytes();
    assert!(all > 100_000);
    assert_eq!(rig.start(), 1);
    assert_eq!(rig.sent().data, [(1, 1000, false)]);
    // The stream's window opens: the connection's binds.
    rig.feed(|wire| h2::write_window_update(wire, 1, 1 << 20)).expect("valid");
    assert_eq!(rig.sent().data, [(1, 65_535, false)]);
    rig.feed(|wire| h2::write_window_update(wire, 0, 1 << 20)).expect("valid");
    assert_eq!(rig.sent().data, [(1, all, true)]);
    assert_eq!(rig.client.state.uploads, 0);
}

#[test]
fn later_settings_change_the_windows_of_open_streams() {
    let mut rig = Rig::new("--items 50", &[(setting::INITIAL_WINDOW_SIZE, 100)]);
    rig.start();
    rig.feed(|wire| h2::write_settings(wire, &[(setting::INITIAL_WINDOW_SIZE, 50)])).expect("valid");
    rig.feed(|wire| h2::write_window_update(wire, 1, 60)).expect("valid");
    assert_eq!(rig.sent().data, [(1, 110, false)]);
}

#[test]
fn keeps_to_the_streams_that_the_server_takes() {
    let mut rig = Rig::new("", &[(setting::MAX_CONCURRENT_STREAMS, 2)]);
    rig.start();
    assert!(rig.client.has_room(8) && !rig.client.has_room(1));
    rig.start();
    assert!(!rig.client.has_room(8));
    rig.feed(|wire| answer(wire, 1, b"", "0")).expect("valid");
    assert!(rig.client.has_room(8));
    assert_eq!(rig.outcomes(), [ACCEPTED]);
    assert_eq!(rig.answers[0].intended_ns, 7);
}

#[test]
fn tells_acceptance_rejection_refusal_and_failure_apart() {
    let mut rig = Rig::new("", &[]);
    for _ in 0..6 {
        rig.start();
    }
    rig.feed(|wire| {
        answer(wire, 1, b"", "0");
        answer(wire, 3, b"\x0a\x02\x08\x05", "0");
        answer(wire, 5, b"", "8");
        // Trailers only, and an answer that is not gRPC at all.
        let block = b"\x88\x00\x0bgrpc-status\x0214";
        write_frame(wire, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 7, block);
        write_frame(wire, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 9, b"\x8d");
        write_frame(wire, kind::RST_STREAM, 0, 11, &[0, 0, 0, 7]);
    })
    .expect("valid");
    let refused = |code| Outcome::Refused(Refusal::Grpc(code));
    let expected = [
        ACCEPTED,
        Outcome::Accepted { rejected_items: 5 },
        refused(8),
        refused(14),
        Outcome::Refused(Refusal::Http(404)),
        Outcome::Failed,
    ];
    assert_eq!(rig.outcomes(), expected);
    assert!(rig.sent().resets.is_empty());
}

#[test]
fn stops_an_upload_that_is_answered_early() {
    let mut rig = Rig::new("--items 50", &[(setting::INITIAL_WINDOW_SIZE, 100)]);
    rig.start();
    rig.feed(|wire| answer(wire, 1, b"", "8")).expect("valid");
    assert_eq!(rig.sent().resets, [1]);
    assert_eq!((rig.client.state.uploads, rig.outcomes().len()), (0, 1));
}

#[test]
fn goaway_fails_what_the_server_will_not_answer() {
    let mut rig = Rig::new("", &[]);
    rig.start();
    rig.start();
    rig.feed(|wire| write_frame(wire, kind::GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])).expect("valid");
    assert_eq!(rig.outcomes(), [Outcome::Failed]);
    assert!(!rig.client.has_room(8) && !rig.client.is_over());
    rig.feed(|wire| answer(wire, 1, b"", "0")).expect("valid");
    assert!(rig.client.is_over());
}

#[test]
fn trickles_a_body_part_by_part() {
    let mut rig = Rig::new("--items 10 --trickle-ms 9", &[]);
    let all = rig.body_bytes();
    assert_eq!(rig.start(), 1);
    assert!(rig.sent().data.is_empty());
    for step in 1..=4 {
        assert!(rig.client.release(1, step, 4, &rig.plan, &mut rig.out));
        assert_eq!(rig.sent().data, [(1, all * step / 4, step == 4)]);
    }
    rig.feed(|wire| answer(wire, 1, b"", "0")).expect("valid");
    assert!(!rig.client.release(1, 4, 4, &rig.plan, &mut rig.out));
}

#[test]
fn names_fields_by_index_only_where_the_server_keeps_a_table() {
    let mut rig = Rig::new("", &[]);
    rig.start();
    rig.start();
    let heads = rig.sent().heads;
    assert!(heads[0].len() > 100 && heads[1].len() < 10);
    let mut rig = Rig::new("", &[(setting::HEADER_TABLE_SIZE, 0)]);
    rig.start();
    rig.start();
    let heads = rig.sent().heads;
    assert!(heads[0] == heads[1] && heads[0][0] == 0x20);
}
