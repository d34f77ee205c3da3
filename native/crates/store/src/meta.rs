//! How far each cursor is: two files written in turn, so that one of them is whole whatever happens.

use std::collections::BTreeSet;
use std::io;

use teleferric_codec::crc32c::crc32c;

use crate::record::Tally;
use crate::segment::Uuid;
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

/// One cursor: the bit in a record's targets is its place in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CursorState {
    pub(crate) name: String,
    /// All from here on are needed.
    pub(crate) from: u64,
    /// What is needed below that: read before and not acknowledged.
    pub(crate) pending: BTreeSet<u64>,
    /// How much that is, up to the tail.
    pub(crate) held: Tally,
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
    body.extend_from_slice(&version.to_le_bytes());
    body.extend_from_slice(&state.uuid);
    for number in [state.next, state.tail.segment, state.tail.offset] {
        body.extend_from_slice(&number.to_le_bytes());
    }
    body.extend_from_slice(&(state.cursors.len() as u32).to_le_bytes());
    for cursor in &state.cursors {
        body.extend_from_slice(&(cursor.name.len() as u32).to_le_bytes());
        body.extend_from_slice(cursor.name.as_bytes());
        let Tally { records, items, bytes } = cursor.held;
        for number in [cursor.from, records, items, bytes] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.extend_from_slice(&(cursor.pending.len() as u32).to_le_bytes());
        cursor.pending.iter().for_each(|sequence| body.extend_from_slice(&sequence.to_le_bytes()));
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c(0, &body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

fn read(file: &impl VfsFile) -> io::Result<Option<(u64, State)>> {
    let mut front = [0; 16];
    if file.read_at(&mut front, 0)? < front.len() || front[..8] != MAGIC {
        return Ok(None);
    }
    let mut rest = &front[8..];
    let (Some(length), Some(checksum)) = (take_u32(&mut rest), take_u32(&mut rest)) else { return Ok(None) };
    if length > BODY_BYTES_MAX {
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
    let tail = Position { segment: take_u64(body)?, offset: take_u64(body)? };
    let mut state = State { uuid: *uuid, next, tail, cursors: Vec::new() };
    for _ in 0..take_u32(body)? {
        let length = take_u32(body)? as usize;
        let (name, rest) = body.split_at_checked(length)?;
        *body = rest;
        let mut cursor = CursorState { name: String::from_utf8(name.to_vec()).ok()?, ..CursorState::default() };
        cursor.from = take_u64(body)?;
        cursor.held = Tally { records: take_u64(body)?, items: take_u64(body)?, bytes: take_u64(body)? };
        for _ in 0..take_u32(body)? {
            cursor.pending.insert(take_u64(body)?);
        }
        state.cursors.push(cursor);
    }
    Some((version, state))
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

/// More than any number of cursors writes; what claims more is damaged.
const BODY_BYTES_MAX: u32 = 64 << 20;
