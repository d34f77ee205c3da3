//! The client's side of one HTTP/1.1 connection: one request at a time.

use super::answer::{Answer, Head, KnownHeads, Outcome, Refusal, rejected_items};
use super::out::OutQueue;
use super::plan::Plan;
use crate::h2::Fault;
use crate::http1::{Deframer, Handler, Length};

/// The state of a connection. Between requests it holds no buffers.
#[derive(Default)]
pub struct Client {
    deframer: Deframer,
    state: State,
}

#[derive(Default)]
struct State {
    request: Option<Request>,
    /// Counts requests, to tell them apart.
    number: u32,
    /// The server closes the connection.
    leaving: bool,
}

struct Request {
    entry: u32,
    intended_ns: u64,
    sent: usize,
    http_status: u16,
    response: Vec<u8>,
}

impl Client {
    #[inline]
    pub fn has_room(&self) -> bool {
        self.state.request.is_none() && !self.state.leaving
    }

    /// The connection is of no more use.
    pub fn is_over(&self) -> bool {
        self.state.leaving && self.state.request.is_none()
    }

    /// Begins a request; answers with its number.
    #[inline]
    pub fn start(&mut self, entry: u32, intended_ns: u64, plan: &Plan, out: &mut OutQueue) -> u32 {
        let content = plan.ring.entry(entry);
        let sent = if plan.trickles { content.head_bytes } else { content.bytes.len() };
        out.entry(&plan.ring, entry, 0..sent);
        self.state.request = Some(Request { entry, intended_ns, sent, http_status: 0, response: Vec::new() });
        self.state.number = self.state.number.wrapping_add(1);
        self.state.number
    }

    /// Sends the part `step` of `steps` of the body of request `number`. False if it is over.
    pub fn release(&mut self, number: u32, step: usize, steps: usize, plan: &Plan, out: &mut OutQueue) -> bool {
        let Some(request) = self.state.request.as_mut().filter(|_| self.state.number == number) else { return false };
        let content = plan.ring.entry(request.entry);
        let end = content.head_bytes + (content.bytes.len() - content.head_bytes) * step / steps;
        out.entry(&plan.ring, request.entry, request.sent..end);
        request.sent = end;
        true
    }

    /// Takes what has arrived.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        plan: &Plan,
        heads: &mut KnownHeads,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Fault> {
        self.deframer.feed(bytes, &mut Reader { state: &mut self.state, plan, heads, answers })
    }

    /// The connection is lost, and with it what was under way.
    pub fn abandon(&mut self, answers: &mut Vec<Answer>) {
        answers.extend(self.state.request.take().map(|request| request.answer(Outcome::Failed)));
    }
}

impl Request {
    fn answer(&self, outcome: Outcome) -> Answer {
        Answer { intended_ns: self.intended_ns, entry: self.entry, outcome }
    }
}

/// A connection's state while bytes are being read.
struct Reader<'a> {
    state: &'a mut State,
    plan: &'a Plan,
    heads: &'a mut KnownHeads,
    answers: &'a mut Vec<Answer>,
}

impl Handler for Reader<'_> {
    fn head(&mut self, text: &[u8]) -> Result<Length, Fault> {
        let head = self.heads.read(text, Head::from_text)?;
        let request = self.state.request.as_mut().ok_or(Fault("answer to nothing"))?;
        request.http_status = head.http_status;
        self.state.leaving |= head.close;
        Ok(head.length)
    }

    fn body(&mut self, piece: &[u8], end: bool) -> Result<(), Fault> {
        let request = self.state.request.as_mut().ok_or(Fault("answer to nothing"))?;
        if request.response.len() + piece.len() > RESPONSE_BYTES_MAX {
            return Err(Fault("answer is too large"));
        }
        if !piece.is_empty() {
            request.response.extend_from_slice(piece);
        }
        if end {
            // A server that answers before it has read everything would take the rest for the next request.
            self.state.leaving |= request.sent < self.plan.ring.entry(request.entry).bytes.len();
            let outcome = match request.http_status {
                200..=299 => Outcome::Accepted {
                    rejected_items: rejected_items(&request.response, self.plan.encoding, self.plan.signal),
                },
                status => Outcome::Refused(Refusal::Http(status)),
            };
            self.answers.push(request.answer(outcome));
            self.state.request = None;
        }
        Ok(())
    }
}

const RESPONSE_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Command, Flags};

    fn plan(flags: &str) -> Plan {
        let words = ["teleferric-load", "send", "--target", "127.0.0.1:1", "--ring", "1", "--protocol", "http1"];
        match Flags::parse_from(words.into_iter().chain(flags.split_whitespace())).command {
            Command::Send(flags) => Plan::new(&flags),
            Command::Sink(_) => unreachable!(),
        }
    }

    /// The outcome of one request, and whether the connection is over, for a response that comes byte by byte.
    fn outcome(flags: &str, response: &str) -> (Option<Outcome>, bool) {
        let (plan, mut client, mut out) = (plan(flags), Client::default(), OutQueue::default());
        assert!(client.has_room());
        client.start(0, 0, &plan, &mut out);
        assert!(!client.has_room());
        let (mut answers, mut heads) = (Vec::new(), KnownHeads::default());
        for byte in response.as_bytes() {
            if client.receive(&[*byte], &plan, &mut heads, &mut answers).is_err() {
                client.abandon(&mut answers);
            }
        }
        (answers.first().map(|answer| answer.outcome), client.is_over())
    }

    const ACCEPTED: Outcome = Outcome::Accepted { rejected_items: 0 };

    #[test]
    fn reads_answers_of_every_form() {
        let fixed = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\x0a\x02\x08\x05";
        assert_eq!(outcome("", fixed), (Some(Outcome::Accepted { rejected_items: 5 }), false));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        assert_eq!(outcome("--encoding json", chunked), (Some(ACCEPTED), false));
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(outcome("", interim), (Some(ACCEPTED), false));
        let last = "HTTP/1.1 503 No\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";
        assert_eq!(outcome("", last), (Some(Outcome::Refused(Refusal::Http(503))), true));
    }

    #[test]
    fn fails_on_what_is_not_http() {
        assert_eq!(outcome("", "SSH-2.0-x\r\n\r\n").0, Some(Outcome::Failed));
        assert_eq!(outcome("", "HTTP/1.1 200 OK\r\n\r\n").0, Some(Outcome::Failed));
    }

    #[test]
    fn leaves_a_server_that_answers_before_the_end_of_the_request() {
        let early = "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(outcome("--trickle-ms 5", early), (Some(Outcome::Refused(Refusal::Http(413))), true));
    }

    #[test]
    fn sends_the_head_at_once_and_the_body_part_by_part() {
        let (plan, mut client, mut out) = (plan("--trickle-ms 5"), Client::default(), OutQueue::default());
        let number = client.start(0, 0, &plan, &mut out);
        assert!(out.bytes(&plan.ring).ends_with(b"\r\n\r\n"));
        for step in 1..=3 {
            assert!(client.release(number, step, 3, &plan, &mut out));
        }
        assert_eq!(out.bytes(&plan.ring), plan.ring.entry(0).bytes);
        assert!(!client.release(number + 1, 1, 3, &plan, &mut out));
    }
}
