//! A stream as the client sees it: a request, and what has come of its response.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use http::{HeaderValue, StatusCode};
use smallvec::SmallVec;

use super::connection::State;
use super::head::{RequestHead, ResponseHead};
use crate::client::error::{ClientError, ErrorKind};
use crate::client::rope::{PREFIX_BYTES, Rope};
use crate::http2::frame::{ErrorCode, error_name};
use crate::http2::streams::AnyStream;

/// What to send, and how much of the response is wanted.
pub(crate) struct Request {
    pub(crate) head: Rc<RequestHead>,
    /// `grpc-timeout`, which is another with each request.
    pub(crate) timeout: Option<SmallVec<[u8; 12]>>,
    /// A field that is another with each request, and stays out of the table.
    pub(crate) extra: Option<Box<(&'static str, HeaderValue)>>,
    pub(crate) body: Rope,
    pub(crate) want: Want,
}

/// How much of a response is wanted. What is more is not waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    /// A body of at most so many bytes.
    Body(usize),
    /// One gRPC message of at most so many bytes beside its prefix, if the status is 200.
    Message(usize),
}

impl Want {
    /// Whether `head` alone says that a body is not wanted.
    pub(super) fn refuses(self, head: &ResponseHead) -> bool {
        match self {
            Want::Body(most) => head.declared.is_some_and(|bytes| bytes > most as u64),
            Want::Message(_) => head.status != Some(StatusCode::OK),
        }
    }

    /// Whether `body`, which is not complete, is more than is wanted.
    fn is_exceeded(self, body: &[u8]) -> bool {
        match self {
            Want::Body(most) => body.len() > most,
            Want::Message(most) => {
                let length = body.get(1..).and_then(<[u8]>::first_chunk);
                let declared = length.map_or(0, |length| u32::from_be_bytes(*length) as usize);
                declared > most || body.len() - body.len().min(PREFIX_BYTES) > declared
            }
        }
    }
}

/// A response, complete or as far as it was wanted.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Rc<ResponseHead>,
    pub(crate) body: SmallVec<[u8; BODY_BYTES]>,
    pub(crate) trailers: Option<Rc<ResponseHead>>,
}

/// One request.
pub(super) struct Stream {
    /// 0 until it is begun, and after it is over.
    pub(super) id: u32,
    pub(super) request: Request,
    /// Some of the request is still to be sent.
    pub(super) sending: bool,
    /// The request waits for the peer to take more.
    pub(super) blocked: bool,
    /// Where in all that the connection has sent its first byte is.
    pub(super) begun_at: u64,
    /// Bytes the peer still takes.
    pub(super) send_window: i64,
    /// Bytes the peer may still send, and those to be given back to it.
    pub(super) receive_window: i64,
    pub(super) owed: i64,
    pub(super) head: Option<Rc<ResponseHead>>,
    pub(super) body: SmallVec<[u8; BODY_BYTES]>,
    pub(super) trailers: Option<Rc<ResponseHead>>,
    /// How it ended.
    pub(super) outcome: Option<Result<(), ClientError>>,
    waker: Option<Waker>,
}

impl AnyStream for Stream {
    fn id(&self) -> u32 {
        self.id
    }

    fn send_window(&mut self) -> &mut i64 {
        &mut self.send_window
    }
}

impl Stream {
    pub(super) fn new(request: Request) -> Stream {
        Stream {
            id: 0,
            sending: true,
            request,
            blocked: false,
            begun_at: 0,
            send_window: 0,
            receive_window: 0,
            owed: 0,
            head: None,
            body: SmallVec::new(),
            trailers: None,
            outcome: None,
            waker: None,
        }
    }

    pub(super) fn settle(&mut self, outcome: Result<(), ClientError>) {
        self.outcome = Some(outcome);
        self.request.body = Rope::default();
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Adds `bytes` to the body; whether more of it is wanted.
    pub(super) fn take_in(&mut self, bytes: &[u8]) -> bool {
        self.body.extend_from_slice(bytes);
        !self.request.want.is_exceeded(&self.body)
    }

    /// Whether the response, which has ended, is all that its head promised.
    pub(super) fn is_complete(&self) -> bool {
        let Some(head) = &self.head else { return false };
        let bodiless = self.request.head.bodiless || head.status == Some(StatusCode::NOT_MODIFIED);
        bodiless || head.declared.is_none_or(|declared| declared == self.body.len() as u64)
    }
}

impl State {
    /// The response at `place`, once it is there.
    pub(super) fn poll_outcome(&mut self, place: usize, cx: &mut Context<'_>) -> Poll<Result<Answer, ClientError>> {
        let Some(stream) = self.streams.get_mut(place) else {
            return Poll::Ready(Err(ClientError::protocol("http2: exchange was polled after its end")));
        };
        match stream.outcome.take() {
            None => {
                if !stream.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    stream.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(())) => {
                let head = stream.head.take().unwrap_or_default();
                let body = std::mem::take(&mut stream.body);
                Poll::Ready(Ok(Answer { head, body, trailers: stream.trailers.take() }))
            }
        }
    }

    /// Ends the stream at `place`. Unless the peer knows, it is told so with `reset`.
    pub(super) fn finish(&mut self, place: usize, outcome: Result<(), ClientError>, reset: Option<ErrorCode>) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        let id = std::mem::take(&mut stream.id);
        let blocked = std::mem::take(&mut stream.blocked);
        stream.sending = false;
        stream.settle(outcome);
        if id > 0 {
            self.streams.leave(id);
            if let Some(error) = reset {
                self.output.reset(id, error);
            }
        }
        if blocked {
            self.blocked.retain(|each| *each != place);
        }
    }

    /// The response is complete: a request that is not, is not wanted any more.
    pub(super) fn complete(&mut self, place: usize) {
        let Some(stream) = self.streams.get_mut(place) else { return };
        if stream.is_complete() {
            let reset = stream.sending.then_some(ErrorCode::Cancel);
            self.finish(place, Ok(()), reset);
        } else {
            self.refuse(place, "response is shorter or longer than its content-length", ErrorCode::Protocol);
        }
    }

    /// Ends a stream for the peer's fault.
    pub(super) fn refuse(&mut self, place: usize, why: &str, error: ErrorCode) {
        let fault = ClientError::protocol(format!("http2 error: {why}"));
        self.finish(place, Err(ClientError { http2_code: Some(error as u32), ..fault }), Some(error));
    }
}

/// What a stream that the peer reset has come to.
pub(super) fn was_reset(code: u32) -> ClientError {
    let error = ClientError::new(ErrorKind::Reset, format!("peer reset the stream ({})", error_name(code)));
    ClientError { http2_code: Some(code), unprocessed: code == ErrorCode::RefusedStream as u32, ..error }
}

/// A response's body that needs no memory of its own: that of an OTLP answer in which nothing is rejected.
const BODY_BYTES: usize = 32;
