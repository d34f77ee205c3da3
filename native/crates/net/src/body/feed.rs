//! A body that comes from this process, piece by piece: the program around the collector has received it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::BodyError;

/// The end that the pieces are given to. Dropping it before [`BodyFeed::finish`] breaks the body off.
#[derive(Debug)]
pub struct BodyFeed {
    pieces: mpsc::UnboundedSender<Piece>,
    unread: Arc<Unread>,
}

/// The end that [`Body::fed`](super::Body::fed) reads.
#[derive(Debug)]
pub struct FedBody {
    pub(super) declared: Option<u64>,
    pieces: mpsc::UnboundedReceiver<Piece>,
    unread: Arc<Unread>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    End,
}

/// Told whether the body begins to be read.
type Told = Box<dyn FnOnce(bool) + Send>;

/// What was fed and not read yet.
#[derive(Default)]
struct Unread {
    bytes: AtomicUsize,
    /// Who waits for less of it.
    waiting: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// Whether the reader has begun.
    begun: AtomicBool,
    /// Who wants to know whether it does.
    asking: Mutex<Option<Told>>,
}

impl Unread {
    fn begin(&self) {
        if !self.begun.load(Ordering::Relaxed) {
            self.begun.store(true, Ordering::Release);
            self.tell_begun(true);
        }
    }

    fn tell_begun(&self, begun: bool) {
        let asking = self.asking.lock().take();
        if let Some(asking) = asking {
            asking(begun);
        }
    }

    fn tell(&self) {
        let waiting = self.waiting.lock().take();
        if let Some(waiting) = waiting {
            waiting();
        }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unread").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// The two ends of a body of `declared` bytes, if that is known.
pub fn feed(declared: Option<u64>) -> (BodyFeed, FedBody) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Arc::<Unread>::default();
    (BodyFeed { pieces: sender, unread: Arc::clone(&unread) }, FedBody { declared, pieces: receiver, unread })
}

impl BodyFeed {
    /// Adds a piece and tells whether there is room for more: if not, [`BodyFeed::when_room`] tells when there is. Pieces
    /// that nobody will read are dropped.
    pub fn push(&self, piece: Bytes) -> bool {
        let bytes = piece.len();
        if bytes == 0 {
            return true;
        }
        let before = self.unread.bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.pieces.send(Piece::Bytes(piece)).is_err() {
            self.unread.bytes.store(0, Ordering::Relaxed);
            return true;
        }
        before + bytes < UNREAD_BYTES_MAX
    }

    /// The body is complete.
    pub fn finish(self) {
        // Who does not read it any more needs no end either.
        let _ = self.pieces.send(Piece::End);
    }

    /// Calls `then`, on any thread, once there is room for more or nobody reads. One at a time waits: another call takes
    /// the place of the one before.
    pub fn when_room(&self, then: impl FnOnce() + Send + 'static) {
        *self.unread.waiting.lock() = Some(Box::new(then));
        // It may have become less before there was anybody to tell.
        if self.pieces.is_closed() || self.unread.bytes.load(Ordering::Acquire) < UNREAD_BYTES_MAX {
            self.unread.tell();
        }
    }

    /// Calls `then`, on any thread, with true when the body begins to be read, and with false if it never is. One at a
    /// time asks, as with [`BodyFeed::when_room`].
    pub fn when_wanted(&self, then: impl FnOnce(bool) + Send + 'static) {
        *self.unread.asking.lock() = Some(Box::new(then));
        // Either may have come before there was anybody to tell.
        if self.unread.begun.load(Ordering::Acquire) {
            self.unread.tell_begun(true);
        } else if self.pieces.is_closed() {
            self.unread.tell_begun(false);
        }
    }
}

impl FedBody {
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.unread.begin();
        match self.pieces.recv().await {
            Some(Piece::Bytes(bytes)) => {
                let before = self.unread.bytes.fetch_sub(bytes.len(), Ordering::AcqRel);
                if before.saturating_sub(bytes.len()) < UNREAD_BYTES_MAX {
                    self.unread.tell();
                }
                Ok(Some(bytes))
            }
            Some(Piece::End) => {
                // Nothing comes after it.
                self.pieces.close();
                Ok(None)
            }
            None => Err(BodyError::Aborted),
        }
    }
}

impl Drop for FedBody {
    fn drop(&mut self) {
        self.pieces.close();
        self.unread.tell();
        self.unread.tell_begun(false);
    }
}

/// How much of a body may wait to be read before its sender is held back.
const UNREAD_BYTES_MAX: usize = 256 << 10;
