//! Header blocks as one side of a connection reads them. Peers say the same again and again: a block that repeats an
//! earlier one is not decoded a second time.

use std::cell::RefCell;

use http::{HeaderName, HeaderValue};

use super::frame::ErrorCode;
use super::hpack::{Decoder, Fields};

/// The decoder, and the last `KEPT` different blocks with what they meant.
pub(crate) struct Blocks<T, const KEPT: usize> {
    decoder: Decoder,
    kept: [Option<Kept<T>>; KEPT],
    oldest: usize,
    /// Bytes of fields that one block may have.
    fields_bytes_max: usize,
}

struct Kept<T> {
    block: Vec<u8>,
    version: u64,
    meaning: T,
}

impl<T: Clone, const KEPT: usize> Blocks<T, KEPT> {
    pub(crate) fn new(fields_bytes_max: usize) -> Blocks<T, KEPT> {
        Blocks { decoder: Decoder::new(), kept: [const { None }; KEPT], oldest: 0, fields_bytes_max }
    }

    /// What `block` means: as the last time, or what `make` finds in its fields.
    ///
    /// # Errors
    /// The outer one ends the connection, whose table is damaged; the inner one is that of `make`.
    pub(crate) fn read<E>(
        &mut self,
        block: &[u8],
        make: impl FnOnce(&Fields) -> Result<T, E>,
    ) -> Result<Result<T, E>, ErrorCode> {
        let version = self.decoder.version();
        if let Some(kept) = self.kept.iter().flatten().find(|kept| kept.version == version && kept.block == block) {
            return Ok(Ok(kept.meaning.clone()));
        }
        let mut fields = FIELDS.take().unwrap_or_else(|| Fields::new(0));
        fields.restart(self.fields_bytes_max);
        let decoded = self.decoder.decode(block, &mut fields);
        let meaning = make(&fields);
        FIELDS.set(Some(fields));
        decoded.map_err(|_| ErrorCode::Compression)?;
        if let Ok(meaning) = &meaning
            && block.len() <= KEPT_BLOCK_BYTES_MAX
            && let Some(place) = self.kept.get_mut(self.oldest)
        {
            let version = self.decoder.version();
            *place = Some(Kept { block: block.to_vec(), version, meaning: meaning.clone() });
            self.oldest = (self.oldest + 1) % KEPT;
        }
        Ok(meaning)
    }
}

/// A field that is no pseudo-header as a header; `None` if it may not be in a message (RFC 9113, section 8.2).
pub(crate) fn header(name: &[u8], value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    if name.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    let name = HeaderName::from_bytes(name).ok().filter(|name| !FORBIDDEN.contains(&name.as_str()))?;
    Some((name, HeaderValue::from_bytes(value).ok()?))
}

thread_local! {
    /// The fields being decoded.
    static FIELDS: RefCell<Option<Fields>> = const { RefCell::new(None) };
}

/// The longest block that is kept to compare others with.
const KEPT_BLOCK_BYTES_MAX: usize = 512;

/// Fields that belong to a connection of HTTP/1.1 (section 8.2.2).
const FORBIDDEN: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_decoded_again_only_when_it_may_mean_something_else() {
        let mut blocks: Blocks<usize, 2> = Blocks::new(1000);
        let mut made = 0;
        let mut read = |block: &[u8]| {
            let meaning = blocks.read(block, |fields| {
                made += 1;
                if fields.overflowed() { Err(()) } else { Ok(fields.iter().count()) }
            });
            (meaning, made)
        };
        let (head, tail): (&[u8], &[u8]) = (&[0x88], &[0x88, 0x88]);
        assert_eq!(read(head), (Ok(Ok(1)), 1));
        assert_eq!(read(tail), (Ok(Ok(2)), 2));
        assert_eq!(read(head), (Ok(Ok(1)), 2));
        assert_eq!(read(tail), (Ok(Ok(2)), 2));
        // A third takes the place of the first.
        assert_eq!(read(&[0x89]), (Ok(Ok(1)), 3));
        assert_eq!(read(tail), (Ok(Ok(2)), 3));
        assert_eq!(read(head), (Ok(Ok(1)), 4));
        // A change of the table makes all of them doubtful.
        assert_eq!(read(&[0x40, 1, b'a', 1, b'b']), (Ok(Ok(1)), 5));
        assert_eq!(read(head), (Ok(Ok(1)), 6));
        assert_eq!(read(&[0x80]), (Err(ErrorCode::Compression), 7));
    }
}
