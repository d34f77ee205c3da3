//! One HTTP/1.1 connection of the sink.

use super::count::{Body, Counted};
use super::desk::{Desk, Reply, Verdict};
use super::walk::Unreadable;
use crate::h2::Fault;
use crate::http1::{self, Deframer, Handler, Length};

/// The state of a connection.
#[derive(Default)]
pub struct Connection {
    deframer: Deframer,
    request: Request,
}

/// The request that is arriving.
#[derive(Default)]
struct Request {
    close: bool,
    json: bool,
    body: Body,
}

impl Connection {
    /// Takes what has arrived. Answers go to `out`, or to `late` if they have to wait.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        desk: &mut Desk,
        out: &mut Vec<u8>,
        late: &mut Vec<Reply>,
    ) -> Result<(), Fault> {
        self.deframer.feed(bytes, &mut Reader { request: &mut self.request, desk, out, late })
    }
}

/// Writes the answer to a request.
pub fn answer(reply: Reply, out: &mut Vec<u8>) {
    let text = match reply.verdict {
        Verdict::Accepted if reply.json => {
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        }
        Verdict::Accepted => "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        Verdict::Refused(code) => match code {
            3 | 9 | 11 => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            16 => "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            7 => "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n",
            5 | 12 => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            8 => "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",
            14 => "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            4 => "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n",
            _ => "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
        },
    };
    out.extend_from_slice(text.as_bytes());
}

/// A connection's state while bytes are being read.
struct Reader<'a> {
    request: &'a mut Request,
    desk: &'a mut Desk,
    out: &'a mut Vec<u8>,
    late: &'a mut Vec<Reply>,
}

impl Reader<'_> {
    fn settle(&mut self, content: Result<Counted, Unreadable>) {
        let verdict = self.desk.settle(content);
        let reply = Reply { stream: 0, verdict, json: self.request.json, close: self.request.close };
        // Whoever answers late knows how to close as well.
        if self.desk.delay.is_zero() && !reply.close {
            answer(reply, self.out);
        } else {
            self.late.push(reply);
        }
    }
}

impl Handler for Reader<'_> {
    fn head(&mut self, head: &[u8]) -> Result<Length, Fault> {
        let line_bytes = memchr::memchr(b'\n', head).unwrap_or(head.len());
        if !head[..line_bytes].trim_ascii_end().ends_with(b"HTTP/1.1") {
            return Err(Fault("not an HTTP/1.1 request"));
        }
        let mut length = Ok(Length::Fixed(0));
        let mut expects_continue = false;
        let request = &mut *self.request;
        (request.close, request.json) = (false, false);
        // The lengths of the names that matter differ, which spares most comparisons.
        http1::fields(head, |name, value| match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => length = http1::decimal(value).map(Length::Fixed),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => length = Ok(Length::Chunked),
            12 if name.eq_ignore_ascii_case(b"content-type") => request.json = value.starts_with(b"application/json"),
            10 if name.eq_ignore_ascii_case(b"connection") => request.close = value.eq_ignore_ascii_case(b"close"),
            6 if name.eq_ignore_ascii_case(b"expect") => expects_continue = true,
            _ => {}
        });
        if expects_continue {
            self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        length
    }

    fn body(&mut self, piece: &[u8], end: bool) -> Result<(), Fault> {
        if end && matches!(self.request.body, Body::Empty) {
            let content = self.desk.counter.count(piece);
            self.settle(content);
            return Ok(());
        }
        self.desk.counter.feed(&mut self.request.body, piece);
        if end {
            let content = self.desk.counter.finish(std::mem::take(&mut self.request.body));
            self.settle(content);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::{Encoding, PayloadSpec, generate};
    use crate::signal::Signal;

    fn fed(wire: &[u8], size: usize) -> (Desk, String, Vec<Reply>) {
        let mut connection = Connection::default();
        let (mut desk, mut out, mut late) = (Desk::new(Signal::Logs), Vec::new(), Vec::new());
        for piece in wire.chunks(size) {
            connection.receive(piece, &mut desk, &mut out, &mut late).expect("requests are valid");
        }
        (desk, String::from_utf8(out).expect("answers are text"), late)
    }

    #[test]
    fn counts_fixed_and_chunked_bodies_whatever_the_size_of_the_reads() {
        let body = generate(&PayloadSpec { signal: Signal::Logs, encoding: Encoding::Proto, items: 3, seed: 1 }, 0);
        let mut wire =
            format!("POST /v1/logs HTTP/1.1\r\nhost: x\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        wire.extend_from_slice(&body);
        wire.extend_from_slice(b"POST /v1/logs HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
        for piece in body.chunks(100) {
            wire.extend_from_slice(&[format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        wire.extend_from_slice(b"0\r\n\r\n");
        for size in [1, 50, wire.len()] {
            let (desk, out, _) = fed(&wire, size);
            assert_eq!((desk.stats.requests, desk.stats.items, desk.stats.unreadable), (2, 6, 0), "reads of {size}");
            assert_eq!(out.matches("200 OK").count(), 2);
        }
    }

    #[test]
    fn answers_to_expectations_json_and_close() {
        let (_, out, _) = fed(b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n", 1000);
        assert_eq!(out, "HTTP/1.1 100 Continue\r\n\r\n");
        let (_, out, _) =
            fed(b"POST / HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}", 1000);
        assert!(out.ends_with("\r\n\r\n{}"), "{out}");
        let (_, out, late) = fed(b"POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 1000);
        assert!(out.is_empty() && late.len() == 1 && late[0].close);
    }

    #[test]
    fn refuses_what_is_not_http() {
        let (mut desk, mut out, mut late) = (Desk::new(Signal::Logs), Vec::new(), Vec::new());
        let wire = b"PRI * HTTP/2.0\r\n\r\n";
        assert!(Connection::default().receive(wire, &mut desk, &mut out, &mut late).is_err());
    }
}
