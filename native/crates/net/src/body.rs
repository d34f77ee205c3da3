//! Reading a request's body under limits: the budget is asked before the bytes are, and nothing above the limit is kept.

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use teleferric_buf::{Exhausted, Ledger, Permit, Pool};
use teleferric_tasks::spawn_local;
use tokio::time::{Instant, timeout_at};

pub use feed::{BodyFeed, FedBody, feed};

use crate::listen::http2::{Arrived, Inflow};
use crate::listen::state::ConnState;

mod feed;

/// A request's body that has not been read.
pub struct Body {
    source: Source,
    declared: Option<u64>,
}

/// What is asked for memory before any of a body is kept.
pub trait Admit {
    /// Reserves `bytes`.
    ///
    /// # Errors
    /// [`Exhausted`]: the body is then not read.
    fn try_reserve(&self, bytes: u64) -> Result<Permit, Exhausted>;
}

impl Admit for Arc<Ledger> {
    fn try_reserve(&self, bytes: u64) -> Result<Permit, Exhausted> {
        Ledger::try_reserve(self, bytes)
    }
}

/// Bounds on reading one body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyLimits {
    /// The most bytes a body may have.
    pub max: usize,
    /// The slowest pace, in bytes per second, that a sender must keep after `grace`; 0 asks for none.
    pub min_rate: u64,
    /// How long a body may be slower than `min_rate`.
    pub grace: Duration,
    /// The longest that a body may take however it comes; `None` is for ever.
    pub total: Option<Duration>,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// It has, or declares, more bytes than allowed; nothing of it is kept.
    #[error("body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// The declared length, when that alone decided.
        declared: Option<u64>,
    },
    /// The byte budget has no room for it.
    #[error("no room for the body: {0}")]
    Exhausted(Exhausted),
    /// It came too slowly.
    #[error("body came too slowly")]
    Timeout,
    /// The peer broke it off, or broke the protocol.
    #[error("body was broken off")]
    Aborted,
    /// It ended before its declared length.
    #[error("body has {received} bytes and declares {declared}")]
    LengthMismatch {
        /// Bytes that came.
        received: u64,
        /// Bytes declared.
        declared: u64,
    },
}

impl BodyLimits {
    /// At most `max` bytes, at a pace of 1 KiB/s after 5 s.
    pub fn new(max: usize) -> BodyLimits {
        BodyLimits { max, min_rate: 1024, grace: Duration::from_secs(5), total: None }
    }
}

impl Body {
    /// A body that is all there, for tests and for callers inside the process.
    pub fn full(bytes: Bytes) -> Body {
        Body { declared: Some(bytes.len() as u64), source: Source::Full(bytes) }
    }

    /// A request that says it has no body.
    pub(crate) fn empty() -> Body {
        Body::full(Bytes::new())
    }

    /// A body that the program around this one feeds.
    pub fn fed(fed: FedBody) -> Body {
        Body { declared: fed.declared, source: Source::Fed(fed) }
    }

    pub(crate) fn http2(inflow: Inflow, declared: Option<u64>) -> Body {
        Body { declared, source: Source::Http2(inflow) }
    }

    pub(crate) fn incoming(incoming: Incoming, conn: Rc<ConnState>, expect: bool) -> Body {
        let declared = incoming.size_hint().exact();
        Body { source: Source::Incoming(Stream { incoming: Some(incoming), conn, unasked: expect }), declared }
    }

    /// The length the sender declared; `None` when chunked or, over HTTP/2, not said.
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    /// Reads all of it into one pooled block.
    ///
    /// A declared length above the limit is refused, and the budget asked for it, before anything is read: until then
    /// a client that waits for `100-continue` has sent nothing. Without a declared length the permit grows with what
    /// has come, in steps of 64 KiB. The permit returned is for exactly the bytes returned.
    ///
    /// # Errors
    /// [`BodyError`]; nothing is kept and the permit is returned.
    ///
    /// # Cancellation
    /// Dropping the future is as an error: the rest of the body is discarded.
    pub async fn read(
        self,
        limits: &BodyLimits,
        admit: &impl Admit,
        pool: &Pool,
    ) -> Result<(Bytes, Permit), BodyError> {
        let declared = self.declared;
        if declared.is_some_and(|bytes| bytes > limits.max as u64) {
            return Err(BodyError::TooLarge { limit: limits.max, declared });
        }
        let mut permit = admit.try_reserve(declared.unwrap_or(0)).map_err(BodyError::Exhausted)?;
        let mut chunks = match self.split(limits) {
            Way::Flow(flow) => return flow.read(declared, limits, permit).await,
            Way::Chunks(chunks) => chunks,
        };
        let Some(first) = chunks.next().await? else { return Ok((Bytes::new(), permit)) };
        let expected = declared.map_or(first.len(), |bytes| bytes as usize);
        let mut block = pool.block(expected.min(FIRST_BLOCK_BYTES_MAX));
        let mut next = Some(first);
        while let Some(chunk) = next {
            let total = block.len().saturating_add(chunk.len());
            if total > limits.max {
                return Err(BodyError::TooLarge { limit: limits.max, declared: None });
            }
            cover(&mut permit, total, limits.max)?;
            block.extend_from_slice(&chunk);
            next = chunks.next().await?;
        }
        permit.shrink_to(block.len() as u64);
        Ok((block.freeze(), permit))
    }

    /// The two ways to read, under the clock of `limits`, which starts.
    pub(crate) fn split(self, limits: &BodyLimits) -> Way {
        let pace = Pace::new(limits);
        match self.source {
            Source::Http2(inflow) => Way::Flow(Flow { inflow, pace }),
            Source::Full(bytes) => Way::Chunks(Chunks::new(Chunked::Full(bytes), self.declared, pace)),
            Source::Incoming(stream) => Way::Chunks(Chunks::new(Chunked::Incoming(stream), self.declared, pace)),
            Source::Fed(fed) => Way::Chunks(Chunks::new(Chunked::Fed(fed), self.declared, pace)),
        }
    }
}

/// How a body is read.
pub(crate) enum Way {
    /// It gathers in a block by itself.
    Flow(Flow),
    /// It comes in chunks, to be put into a block.
    Chunks(Chunks),
}

/// How slow a sender may be.
struct Pace {
    started: Instant,
    min_rate: u64,
    grace: Duration,
    end: Option<Instant>,
}

impl Pace {
    fn new(limits: &BodyLimits) -> Pace {
        let started = Instant::now();
        let end = limits.total.map(|total| started + total);
        Pace { started, min_rate: limits.min_rate, grace: limits.grace, end }
    }

    /// When more than `received` bytes must have come.
    fn deadline(&self, received: u64) -> Option<Instant> {
        let earned = received.checked_div(self.min_rate).map(Duration::from_secs);
        let pace = earned.and_then(|earned| self.started.checked_add(self.grace)?.checked_add(earned));
        [pace, self.end].into_iter().flatten().min()
    }

    /// `None` when the sender is too slow.
    async fn hold<T>(&self, received: u64, work: impl Future<Output = T>) -> Option<T> {
        match self.deadline(received) {
            None => Some(work.await),
            Some(deadline) => timeout_at(deadline, work).await.ok(),
        }
    }
}

/// A body that its connection gathers.
pub(crate) struct Flow {
    inflow: Inflow,
    pace: Pace,
}

impl Flow {
    /// What is there, once it is more than `have` bytes or all.
    pub(crate) async fn beyond(&self, have: usize) -> Result<Arrived, BodyError> {
        let arrived = self.pace.hold(have as u64, poll_fn(|cx| self.inflow.poll_beyond(have, cx))).await;
        arrived.ok_or(BodyError::Timeout)?.map_err(|_| BodyError::Aborted)
    }

    /// Says that `bytes` will be there in all, and that there is memory for them.
    pub(crate) fn expect(&self, bytes: usize) {
        self.inflow.expect(bytes, FIRST_BLOCK_BYTES_MAX);
    }

    /// A look at what is there.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&[u8]) -> T) -> T {
        self.inflow.peek(look)
    }

    /// What is there.
    pub(crate) fn take(self) -> Bytes {
        self.inflow.take()
    }

    async fn read(
        self,
        declared: Option<u64>,
        limits: &BodyLimits,
        mut permit: Permit,
    ) -> Result<(Bytes, Permit), BodyError> {
        if let Some(declared) = declared {
            self.expect(declared as usize);
        }
        let mut have = 0;
        loop {
            let arrived = self.beyond(have).await?;
            have = arrived.bytes;
            if have > limits.max {
                return Err(BodyError::TooLarge { limit: limits.max, declared: None });
            }
            cover(&mut permit, have, limits.max)?;
            if arrived.ended {
                permit.shrink_to(have as u64);
                return Ok((self.take(), permit));
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("declared", &self.declared).finish_non_exhaustive()
    }
}

/// A body's chunks in the order they come, no slower than the limits allow.
pub(crate) struct Chunks {
    source: Chunked,
    declared: Option<u64>,
    received: u64,
    pace: Pace,
}

impl Chunks {
    fn new(source: Chunked, declared: Option<u64>, pace: Pace) -> Chunks {
        Chunks { source, declared, received: 0, pace }
    }

    /// The next chunk, never empty; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        let chunk = match &mut self.source {
            Chunked::Full(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
            Chunked::Incoming(stream) => match self.pace.hold(self.received, stream.next()).await {
                Some(chunk) => chunk?,
                None => {
                    stream.abandon();
                    return Err(BodyError::Timeout);
                }
            },
            Chunked::Fed(fed) => self.pace.hold(self.received, fed.next()).await.ok_or(BodyError::Timeout)??,
        };
        match (&chunk, self.declared) {
            (Some(chunk), _) => self.received = self.received.saturating_add(chunk.len() as u64),
            (None, Some(declared)) if self.received < declared => {
                return Err(BodyError::LengthMismatch { received: self.received, declared });
            }
            (None, _) => {}
        }
        Ok(chunk)
    }
}

/// Makes `permit` cover `total` bytes, growing it by steps but never past `max`.
pub(crate) fn cover(permit: &mut Permit, total: usize, max: usize) -> Result<(), BodyError> {
    let (held, total) = (permit.bytes(), total as u64);
    if total <= held {
        return Ok(());
    }
    let wanted = total.max(held.saturating_add(PERMIT_STEP_BYTES)).min(max as u64).max(total);
    permit.try_grow(wanted - held).map_err(BodyError::Exhausted)
}

enum Source {
    Full(Bytes),
    Incoming(Stream),
    Http2(Inflow),
    Fed(FedBody),
}

enum Chunked {
    Full(Bytes),
    Incoming(Stream),
    Fed(FedBody),
}

/// A body on an HTTP/1 connection. What is left of it when this is dropped is discarded, within bounds, so that the
/// connection can serve its next request.
struct Stream {
    incoming: Option<Incoming>,
    conn: Rc<ConnState>,
    /// The client waits for `100-continue` and has not been asked for the body.
    unasked: bool,
}

impl Stream {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.unasked = false;
        loop {
            let Some(incoming) = &mut self.incoming else { return Ok(None) };
            match incoming.frame().await {
                None => {
                    self.incoming = None;
                    return Ok(None);
                }
                Some(Err(_)) => {
                    self.incoming = None;
                    return Err(BodyError::Aborted);
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    // Empty frames and trailers carry nothing that a request needs.
                    _ => {}
                },
            }
        }
    }

    /// Leaves the rest on the wire: who was too slow gets no more time to save an HTTP/1 connection.
    fn abandon(&mut self) {
        if self.incoming.take().is_some() {
            self.conn.note_unread_body();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some(incoming) = self.incoming.take().filter(|incoming| !incoming.is_end_stream()) else { return };
        if self.conn.is_closed() {
            return;
        }
        let left = incoming.size_hint().lower();
        if self.unasked || left > DISCARD_BYTES_MAX {
            // hyper closes the connection after the answer; the unread bytes are taken off it then.
            self.conn.note_unread_body();
            return;
        }
        // Counts as a running request: what comes in is no new head yet.
        let active = self.conn.begin();
        let conn = self.conn.clone();
        spawn_local("listen.discard", async move {
            discard(incoming, conn).await;
            drop(active);
        });
    }
}

async fn discard(mut incoming: Incoming, conn: Rc<ConnState>) {
    let mut room = DISCARD_BYTES_MAX;
    let all = async {
        while let Some(Ok(frame)) = incoming.frame().await {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            match room.checked_sub(bytes) {
                Some(rest) => room = rest,
                None => return false,
            }
        }
        true
    };
    if tokio::time::timeout(DISCARD_TIME_MAX, all).await != Ok(true) {
        conn.note_unread_body();
    }
}

/// A block starts no larger than this however much is declared, and grows with what really comes.
pub(crate) const FIRST_BLOCK_BYTES_MAX: usize = 1 << 20;

/// How far a permit without a declared length grows at once.
const PERMIT_STEP_BYTES: u64 = 64 << 10;

/// How much of a refused body is read and thrown away to save the connection, and how long that may take.
const DISCARD_BYTES_MAX: u64 = 256 << 10;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
