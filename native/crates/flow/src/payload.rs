//! Request bytes as they move, and the compressed bytes they came as while those still say the same.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;
use teleferric_buf::Permit;

/// Request bytes as a rope. Every chunk is by itself a whole, valid request message of the parcel's signal, so
/// chunks laid side by side are one too (a repeated field merges), and each can be edited or sent alone.
///
/// A payload that is exactly one received request may carry its packed form too. There is no way to put one on a payload
/// that exists: [`Payload::received`] makes both together, clones share it, and whatever adds to the payload or builds
/// another from its chunks leaves it behind.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    chunks: SmallVec<[Bytes; 1]>,
    bytes: u64,
    packed: Option<Arc<Packed>>,
}

/// A request as its sender compressed it, with the memory it holds, which is given back when the last payload that
/// carries it lets go of it.
#[derive(Debug)]
pub struct Packed {
    coding: &'static str,
    bytes: Bytes,
    _permit: Permit,
}

impl Packed {
    /// The compressed `bytes` in `coding`, any name that says the same thing on every transport. `permit` covers them.
    pub fn new(coding: &'static str, bytes: Bytes, permit: Permit) -> Self {
        Packed { coding, bytes, _permit: permit }
    }
}

impl Payload {
    /// One whole request message and, if there is one, its packed form, which must stand for exactly `chunk`.
    pub fn received(chunk: Bytes, packed: Option<Packed>) -> Self {
        let mut payload = Payload::from(chunk);
        payload.packed = packed.filter(|_| !payload.is_empty()).map(Arc::new);
        payload
    }

    /// The chunks in order.
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Bytes over all chunks.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the request was received as, if that was in `coding` and the payload is still that one request, unchanged.
    pub fn packed(&self, coding: &str) -> Option<&Bytes> {
        self.packed.as_deref().filter(|packed| packed.coding == coding).map(|packed| &packed.bytes)
    }

    /// Whether there is a packed form.
    pub(crate) fn has_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// Lets go of the packed form, for whoever is about to replace or join the payload and has a use for the memory.
    pub fn forget_packed(&mut self) {
        self.packed = None;
    }

    /// Adds one whole request message; an empty one adds nothing.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.packed = None;
            self.bytes += chunk.len() as u64;
            self.chunks.push(chunk);
        }
    }

    /// Moves all chunks of `other` behind these. An empty payload becomes the other.
    pub fn append(&mut self, other: Payload) {
        if self.is_empty() {
            *self = other;
        } else {
            other.chunks.into_iter().for_each(|chunk| self.push(chunk));
        }
    }

    /// The chunks by value.
    pub fn into_chunks(self) -> SmallVec<[Bytes; 1]> {
        self.chunks
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

/// Payloads are equal if their chunks are; how they came does not matter.
impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.chunks == other.chunks
    }
}

impl Eq for Payload {}

impl From<Bytes> for Payload {
    fn from(chunk: Bytes) -> Self {
        let mut payload = Payload::default();
        payload.push(chunk);
        payload
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut payload = Payload::default();
        chunks.into_iter().for_each(|chunk| payload.push(chunk));
        payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use teleferric_buf::Ledger;

    fn received(ledger: &Arc<Ledger>, chunk: &'static str) -> Payload {
        let permit = ledger.try_reserve(3).expect("fits");
        Payload::received(Bytes::from(chunk), Some(Packed::new("gzip", Bytes::from("zip"), permit)))
    }

    #[test]
    fn packed_form_is_found_by_its_own_coding_only() {
        let ledger = Ledger::new(10);
        let payload = received(&ledger, "request");
        assert_eq!(payload.packed("gzip"), Some(&Bytes::from("zip")));
        assert_eq!(payload.packed("zstd"), None);
        assert_eq!(Payload::from(Bytes::from("request")).packed("gzip"), None);
        assert_eq!(received(&ledger, "").packed("gzip"), None, "nothing was received");
        assert_eq!(ledger.used(), 3);
    }

    #[test]
    fn clones_share_the_packed_form_and_the_last_gives_its_memory_back() {
        let ledger = Ledger::new(10);
        let mut payload = received(&ledger, "request");
        let clone = payload.clone();
        payload.push(Bytes::from("more"));
        assert_eq!((payload.packed("gzip"), clone.packed("gzip").is_some(), ledger.used()), (None, true, 3));
        drop(clone);
        assert_eq!(ledger.used(), 0);
        let mut payload = received(&ledger, "request");
        payload.forget_packed();
        assert_eq!((payload.chunks().len(), payload.packed("gzip"), ledger.used()), (1, None, 0));
    }

    proptest! {
        /// Whatever is done to payloads, a packed form is there only with exactly the request it stands for.
        #[test]
        fn packed_form_never_outlives_its_request(steps in prop::collection::vec((0_u8..6, any::<bool>()), 0..12)) {
            let ledger = Ledger::new(1 << 10);
            let mut payload = Payload::default();
            for (step, packed) in steps {
                {
                    let other = if packed { received(&ledger, "request") } else { Payload::from(Bytes::from("other")) };
                    match step {
                        0 => payload.append(other),
                        1 => other.chunks().iter().for_each(|chunk| payload.push(chunk.clone())),
                        2 => payload = other,
                        3 => payload = payload.chunks().iter().cloned().collect(),
                        4 => payload.append(Payload::default()),
                        _ => payload.push(Bytes::new()),
                    }
                }
                let whole: usize = payload.chunks().iter().map(Bytes::len).sum();
                prop_assert_eq!(payload.bytes(), whole as u64);
                if payload.packed("gzip").is_some() {
                    prop_assert_eq!(payload.chunks(), &[Bytes::from("request")]);
                }
                let held = if payload.packed("gzip").is_some() { 3 } else { 0 };
                prop_assert_eq!(ledger.used(), held);
            }
        }
    }
}
