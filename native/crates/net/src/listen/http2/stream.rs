//! A stream as the server sees it: a request that is being read or answered.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;

use super::inflow::Feed;
use crate::http2::streams::AnyStream;
use crate::listen::state::{Active, Writing};
use crate::service::Response;

/// One request.
pub(super) struct Stream {
    pub(super) id: u32,
    /// The service at work; `None` once it has answered.
    pub(super) work: Option<Pin<Box<dyn Future<Output = Response>>>>,
    /// Counts the request as running until it is answered.
    pub(super) active: Option<Active>,
    /// Where the body goes, if there is one.
    pub(super) feed: Option<Feed>,
    /// More of the body is to come.
    pub(super) receiving: bool,
    pub(super) declared: Option<u64>,
    pub(super) received: u64,
    /// Whether the service has been asked once.
    pub(super) polled: bool,
    /// Bytes the peer may still send, and those to be given back to it.
    pub(super) receive_window: i64,
    pub(super) owed: i64,
    /// Credit of the connection that was granted for this body beyond the usual, to be taken in again.
    pub(super) extra: i64,
    /// Bytes the peer still takes.
    pub(super) send_window: i64,
    pub(super) answer: Option<Outgoing>,
    /// The answer waits for the client to take more.
    pub(super) waits: bool,
}

/// What is left to write of an answer.
pub(super) struct Outgoing {
    pub(super) body: Bytes,
    pub(super) trailers: Option<Cow<'static, HeaderMap>>,
    /// Until the protocol has taken all of the answer.
    pub(super) _writing: Option<Writing>,
}

impl AnyStream for Stream {
    fn id(&self) -> u32 {
        self.id
    }

    fn send_window(&mut self) -> &mut i64 {
        &mut self.send_window
    }
}
