//! How far each cursor is: two files written in turn, so that one of them is whole whatever happens.
//!
//! ```text
//! magic │ length u32 │ CRC-32C u32 │ state: what is needed, by sequences │ places: where that stands │ totals
//! ```
//! The places came later, and the totals after them. A version that does not know them reads what it knows and leaves it
//! at that. Without places the log is read from its start; without totals they begin with what is there.

use std::collections::BTreeMap;
use std::io;

use teleferric_codec::crc32c::crc32c;

use crate::record::Tally;
use crate::segment::Uuid;
use crate::totals::Totals;
use crate::vfs::{Vfs, VfsFile};

/// What is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) uuid: Uuid,
    /// No sequence from here on has been given out.
    pub(crate) next: u64,
    /// Where the record with that sequence goes.
    pub(crate) tail: Position,
    pub(crate) cursors: Vec<CursorState>,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
}

impl Position {
    /// No place at all.
    pub(crate) const UNKNOWN: Position = Position { segment: 0, offset: 0 };
}

/// One cursor: the bit in a record's targets is its place in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CursorState {
    pub(crate) name: String,
    /// All from here on are needed.
    pub(crate) from: u64,
    /// Where those begin, and whatever is pending and stands at an unknown place.
    pub(crate) read: Position,
    /// What is needed below that, read before and not acknowledged, and where it stands.
    pub(crate) pending: BTreeMap<u64, Position>,
    /// How much that is, up to the tail.
    pub(crate) held: Tally,
    /// What was ever there, up to the tail, and what became of what left.
    pub(crate) totals: Totals,
}

const NAMES: [&str; 2] = ["meta.a", "meta.b"];
const MAGIC: [u8; 8] = *b"TFCMETA1";
/// Room for sixty cursors, each with a hundred requests on their way; the file grows if it must.
const RESERVED_BYTES: u64 = 1 << 16;

/// The two files.
pub(crate) struct Meta<F> {
    files: [F; 2],
    /// Counts what was written; its parity says where the next goes.
    version: u64,
}

impl<F: VfsFile> Meta<F> {
    /// Opens or makes the files; with what the later whole one says.
    pub(crate) fn open<V: Vfs<File = F>>(vfs: &V) -> io::Result<(Meta<F>, Option<State>)> {
        let [a, b] = existing(vfs)?;
        let best = later(a.as_ref(), b.as_ref())?;
        let made = a.is_none() || b.is_none();
        let or_make = |file: Option<F>, name| file.map_or_else(|| vfs.create(name, RESERVED_BYTES), Ok);
        let files = [or_make(a, NAMES[0])?, or_make(b, NAMES[1])?];
        if made {
            vfs.sync_names()?;
        }
        let version = best.as_ref().map_or(0, |(version, _)| version + 1);
        Ok((Meta { files, version }, best.map(|(_, state)| state)))
    }

    /// What the later whole file says; nothing is made.
    pub(crate) fn peek<V: Vfs<File = F>>(vfs: &V) -> io::Result<Option<State>> {
        let [a, b] = existing(vfs)?;
        Ok(later(a.as_ref(), b.as_ref())?.map(|(_, state)| state))
    }

    /// Writes `state` down for good.
    pub(crate) fn write(&mut self, state: &State) -> io::Result<()> {
        let bytes = encode(self.version, state);
        let file = &mut self.files[(self.version % 2) as usize];
        file.write_at(&[&bytes], 0)?;
        file.sync()?;
        self.version += 1;
        Ok(())
    }
}

/// The files that are there.
fn existing<V: Vfs>(vfs: &V) -> io::Result<[Option<V::File>; 2]> {
    let open = |name| match vfs.open(name) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    Ok([open(NAMES[0])?, open(NAMES[1])?])
}

/// What the file with the higher version says, of those that are whole.
fn later<F: VfsFile>(a: Option<&F>, b: Option<&F>) -> io::Result<Option<(u64, State)>> {
    let whole = |file: Option<&F>| file.map_or(Ok(None), read);
    let found = [whole(a)?, whole(b)?];
    Ok(found.into_iter().flatten().max_by_key(|(version, _)| *version))
}

fn encode(version: u64, state: &State) -> Vec<u8> {
    let mut body = Vec::new();
    encode_state(version, state, &mut body);
    encode_places(state, &mut body);
    encode_totals(state, &mut body);
    framed(&body)
}

fn encode_state(version: u64, state: &State, body: &mut Vec<u8>) {
    put(body, &[version]);
    body.extend_from_slice(&state.uuid);
    put(body, &[state.next, state.tail.segment, state.tail.offset]);
    body.extend_from_slice(&(state.cursors.len() as u32).to_le_bytes());
    for cursor in &state.cursors {
        body.extend_from_slice(&(cursor.name.len() as u32).to_le_bytes());
        body.extend_from_slice(cursor.name.as_bytes());
        let Tally { records, items, bytes } = cursor.held;
        put(body, &[cursor.from, records, items, bytes]);
        body.extend_from_slice(&(cursor.pending.len() as u32).to_le_bytes());
        cursor.pending.keys().for_each(|sequence| put(body, &[*sequence]));
    }
}

/// For each cursor where it reads on, then where each of its pending records stands.
fn encode_places(state: &State, body: &mut Vec<u8>) {
    for cursor in &state.cursors {
        let places = std::iter::once(&cursor.read).chain(cursor.pending.values());
        places.for_each(|place| put(body, &[place.segment, place.offset]));
    }
}

/// For each cursor what was ever put in, how many numbers follow, and these: what left, by how it ended.
fn encode_totals(state: &State, body: &mut Vec<u8>) {
    for CursorState { totals, .. } in &state.cursors {
        put(body, &[totals.enqueued, totals.numbers().len() as u64]);
        put(body, totals.numbers());
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c(0, body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn put(body: &mut Vec<u8>, numbers: &[u64]) {
    numbers.iter().for_each(|number| body.extend_from_slice(&number.to_le_bytes()));
}

fn read(file: &impl VfsFile) -> io::Result<Option<(u64, State)>> {
    let mut front = [0; 16];
    if file.read_at(&mut front, 0)? < front.len() || front[..8] != MAGIC {
        return Ok(None);
    }
    let mut rest = &front[8..];
    let (Some(length), Some(checksum)) = (take_u32(&mut rest), take_u32(&mut rest)) else { return Ok(None) };
    // What claims more is damaged.
    if u64::from(length) > file.bytes()? {
        return Ok(None);
    }
    let mut body = vec![0; length as usize];
    if file.read_at(&mut body, 16)? < body.len() || crc32c(0, &body) != checksum {
        return Ok(None);
    }
    Ok(decode(&body))
}

fn decode(mut body: &[u8]) -> Option<(u64, State)> {
    let body = &mut body;
    let version = take_u64(body)?;
    let (uuid, rest) = body.split_first_chunk::<16>()?;
    *body = rest;
    let next = take_u64(body)?;
    let tail = take_position(body)?;
    let mut state = State { uuid: *uuid, next, tail, cursors: Vec::new() };
    for _ in 0..take_u32(body)? {
        let length = take_u32(body)? as usize;
        let (name, rest) = body.split_at_checked(length)?;
        *body = rest;
        let mut cursor = CursorState { name: String::from_utf8(name.to_vec()).ok()?, ..CursorState::default() };
        cursor.from = take_u64(body)?;
        cursor.held = Tally { records: take_u64(body)?, items: take_u64(body)?, bytes: take_u64(body)? };
        for _ in 0..take_u32(body)? {
            cursor.pending.insert(take_u64(body)?, Position::UNKNOWN);
        }
        state.cursors.push(cursor);
    }
    if !body.is_empty() {
        decode_places(body, &mut state.cursors)?;
    }
    if body.is_empty() {
        state.cursors.iter_mut().for_each(|cursor| cursor.totals = Totals::begun_with(cursor.held.items));
    } else {
        decode_totals(body, &mut state.cursors)?;
    }
    Some((version, state))
}

fn decode_places(body: &mut &[u8], cursors: &mut [CursorState]) -> Option<()> {
    for cursor in cursors {
        cursor.read = take_position(body)?;
        for place in cursor.pending.values_mut() {
            *place = take_position(body)?;
        }
    }
    Some(())
}

fn decode_totals(body: &mut &[u8], cursors: &mut [CursorState]) -> Option<()> {
    for cursor in cursors {
        let (enqueued, count) = (take_u64(body)?, take_u64(body)?);
        let numbers: Option<Vec<u64>> = (0..count).map(|_| take_u64(body)).collect();
        cursor.totals = Totals::of_numbers(enqueued, &numbers?);
    }
    Some(())
}

fn take_position(bytes: &mut &[u8]) -> Option<Position> {
    Some(Position { segment: take_u64(bytes)?, offset: take_u64(bytes)? })
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    let (four, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*four))
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    let (eight, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*eight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let at = |segment, offset| Position { segment, offset };
        let cursor = |name: &str, from, pending: &[(u64, Position)]| CursorState {
            name: name.to_owned(),
            from,
            read: at(9, 8 * from),
            pending: pending.iter().copied().collect(),
            held: Tally { records: 1, items: 2, bytes: 3 },
            totals: Totals::of_numbers(9, &[4, 0, 3]),
        };
        let cursors = vec![cursor("a", 7, &[(3, at(1, 64)), (5, Position::UNKNOWN)]), cursor("b", 9, &[])];
        State { uuid: [7; 16], next: 12, tail: at(9, 640), cursors }
    }

    fn written(bytes: &[u8]) -> Option<(u64, State)> {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        read(&file).unwrap()
    }

    #[test]
    fn what_is_written_is_read_and_nothing_that_was_cut_or_bent_is() {
        let bytes = encode(4, &state());
        assert_eq!(written(&bytes), Some((4, state())));
        for end in 0..bytes.len() {
            assert_eq!(written(&bytes[..end]), None, "{end}");
            let mut bent = bytes.clone();
            bent[end] ^= 1;
            assert_eq!(written(&bent), None, "{end}");
        }
    }

    #[test]
    fn what_earlier_versions_wrote_is_read_without_places_or_totals() {
        let mut body = Vec::new();
        encode_state(4, &state(), &mut body);
        let (_, earliest) = written(&framed(&body)).unwrap();
        encode_places(&state(), &mut body);
        let (_, earlier) = written(&framed(&body)).unwrap();
        let mut expected = state();
        expected.cursors.iter_mut().for_each(|cursor| cursor.totals = Totals::begun_with(2));
        assert_eq!(earlier, expected);
        for cursor in &mut expected.cursors {
            cursor.read = Position::UNKNOWN;
            cursor.pending.values_mut().for_each(|place| *place = Position::UNKNOWN);
        }
        assert_eq!(earliest, expected);
        // Those versions read what is written now up to where that begins which they do not know.
        assert!(encode(4, &state())[16..].starts_with(&body));
    }
}
