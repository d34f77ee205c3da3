//! The streams of one connection. Each has a place, which another takes after it.

use foldhash::HashMap;

use super::frame::{ErrorCode, WINDOW_MAX};

/// What a stream has on either side of a connection.
pub(crate) trait AnyStream {
    /// Its number; 0 while it has none.
    fn id(&self) -> u32;

    /// Bytes that the peer still takes on it.
    fn send_window(&mut self) -> &mut i64;
}

/// All streams of a connection.
pub(crate) struct Streams<S> {
    places: Vec<Option<S>>,
    free: Vec<usize>,
    by_id: HashMap<u32, usize>,
}

impl<S: AnyStream> Streams<S> {
    pub(crate) fn new() -> Streams<S> {
        Streams { places: Vec::new(), free: Vec::new(), by_id: HashMap::default() }
    }

    /// Streams with a number.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, id: u32) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut S> {
        self.places.get_mut(place)?.as_mut()
    }

    pub(crate) fn insert(&mut self, stream: S) -> usize {
        let place = self.free.pop().unwrap_or(self.places.len());
        self.enter(stream.id(), place);
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

    /// Makes the stream at `place`, which was given the number `id`, known by it.
    pub(crate) fn enter(&mut self, id: u32, place: usize) {
        if id > 0 {
            self.by_id.insert(id, place);
        }
    }

    /// Makes the number `id` unknown; the stream keeps its place.
    pub(crate) fn leave(&mut self, id: u32) {
        self.by_id.remove(&id);
    }

    pub(crate) fn remove(&mut self, place: usize) -> Option<S> {
        let stream = self.places.get_mut(place)?.take()?;
        if stream.id() > 0 {
            self.leave(stream.id());
        }
        self.free.push(place);
        Some(stream)
    }

    /// The places of streams that have a number.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> + use<S> {
        let taken: Vec<_> = self.by_id.values().copied().collect();
        taken.into_iter()
    }

    /// Changes the window of every stream by `more`, as the peer takes more or less on a new one.
    pub(crate) fn widen_all(&mut self, more: i64) -> Result<(), ErrorCode> {
        for place in self.places() {
            let Some(stream) = self.get_mut(place) else { continue };
            let window = stream.send_window();
            *window += more;
            if *window > WINDOW_MAX {
                return Err(ErrorCode::FlowControl);
            }
        }
        Ok(())
    }

    /// Gives back the memory of places that nobody needs at the moment.
    pub(crate) fn rest(&mut self) {
        if self.places.capacity() > KEPT_PLACES_MAX && self.free.len() == self.places.len() {
            *self = Streams::new();
        }
    }
}

/// Places that an idle connection keeps.
const KEPT_PLACES_MAX: usize = 4;
