//! The streams of one connection: each a request that is being read or answered.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use foldhash::HashMap;
use http::HeaderMap;

use super::inflow::Feed;
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
    pub(super) trailers: Option<HeaderMap>,
    /// Until the protocol has taken all of the answer.
    pub(super) _writing: Option<Writing>,
}

/// All streams; each has a place, which another takes after it.
#[derive(Default)]
pub(super) struct Streams {
    places: Vec<Option<Stream>>,
    free: Vec<usize>,
    by_id: HashMap<u32, usize>,
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn find(&self, id: u32) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Stream> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(super) fn insert(&mut self, stream: Stream) -> usize {
        let place = self.free.pop().unwrap_or(self.places.len());
        self.by_id.insert(stream.id, place);
        match self.places.get_mut(place) {
            Some(free) => *free = Some(stream),
            None => {
                // Most connections have one stream at a time, and there are many connections.
                if self.places.len() == self.places.capacity() {
                    self.places.reserve_exact(self.places.len().max(1));
                }
                self.places.push(Some(stream));
            }
        }
        place
    }

    pub(super) fn remove(&mut self, place: usize) -> Option<Stream> {
        let stream = self.places.get_mut(place)?.take()?;
        self.by_id.remove(&stream.id);
        self.free.push(place);
        Some(stream)
    }

    /// The places that are taken.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + use<> {
        let taken: Vec<_> = self.by_id.values().copied().collect();
        taken.into_iter()
    }

    /// Gives back the memory of places that nobody needs at the moment.
    pub(super) fn rest(&mut self) {
        if self.by_id.is_empty() && self.places.capacity() > KEPT_PLACES_MAX {
            *self = Streams::default();
        }
    }
}

/// Places that an idle connection keeps.
const KEPT_PLACES_MAX: usize = 4;
