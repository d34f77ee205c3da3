//! Sends dead letters again: each goes back into the queue it came from, and leaves the dead letters when it lasts there.

use std::path::Path;

use serde_json::{Value, json};
use teleferric_flow::{Key, Letter, dead_letter_folder, storage_folder};
use teleferric_store::{Disk, End, Log, LogError, LogSettings, NewRecord, Tally, survey};

use super::{SETTINGS, cursor, open};
use crate::events::now_ms;

/// Letters that are moved at once.
const MOVED_MAX: usize = 256;
const MOVED_BYTES_MAX: u64 = 4 << 20;

/// Puts the oldest dead letters of `queue` back into it, at most `limit`: how many that were, and how many there are left.
/// After a crash the last of them may be in both places.
pub(super) fn replay(directory: &Path, key: Option<&Key>, queue: &str, limit: Option<u64>) -> Result<Value, String> {
    let (folder, letters) = (storage_folder(directory), dead_letter_folder(directory));
    if !letters.is_dir() {
        return Err(format!("there are no dead letters in {}", directory.display()));
    }
    // The queues first: it is them that a running collector has open.
    let settings = LogSettings { key: key.cloned(), ..SETTINGS };
    let mut to = open(&folder, LogSettings { segment_bytes: segment_bytes(&folder)?, ..settings.clone() })?;
    let mut from = open(&letters, settings)?;
    let letters = cursor(&mut from, queue)?;
    let (mut moved, mut unreadable) = (Tally::default(), Vec::new());
    let outcome = loop {
        let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(moved.records));
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(MOVED_MAX);
        match step(&mut to, &mut from, queue, letters, count, &mut unreadable) {
            Ok(None) => break Ok(()),
            Ok(Some(tally)) => moved.add(tally),
            Err(error) => break Err(error),
        }
    };
    unreadable.iter().for_each(|sequence| drop(from.release(letters, *sequence)));
    outcome.and_then(|()| to.checkpoint()).map_err(|error| match moved.records {
        0 => error.to_string(),
        records => format!("after {records} requests: {error}"),
    })?;
    Ok(json!({
        "ok": true,
        "requests": moved.records,
        "items": moved.items,
        "bytes": moved.bytes,
        "left": from.held(letters).records,
        "unreadable": unreadable.len(),
    }))
}

/// Moves the next `count` letters; nothing if there are none. Those that cannot be read stay out of the way.
fn step(
    to: &mut Log<Disk>,
    from: &mut Log<Disk>,
    queue: &str,
    letters: u32,
    count: usize,
    unreadable: &mut Vec<u64>,
) -> Result<Option<Tally>, LogError> {
    let targets = 1 << to.cursor(queue)?;
    let read = from.read(letters, count, MOVED_BYTES_MAX)?.records;
    if read.is_empty() {
        return Ok(None);
    }
    // Their age counts anew, or a queue would drop them at once.
    let time = now_ms();
    let (mut records, mut payloads, mut tally) = (Vec::new(), Vec::new(), Tally::default());
    for record in &read {
        match Letter::decode(&record.head) {
            Some(letter) => {
                payloads.push([record.payload.clone()]);
                records.push((record, letter));
                tally.add(record.tally());
            }
            None => unreadable.push(record.sequence),
        }
    }
    let again: Vec<_> = records
        .iter()
        .zip(&payloads)
        .map(|((record, letter), payload)| NewRecord {
            time,
            targets,
            items: record.items,
            head: letter.head,
            payload,
            memory: None,
        })
        .collect();
    to.append(&again)?;
    for (record, _) in &records {
        from.settle(letters, record.sequence, &[(End::Replayed, record.items)]);
    }
    from.checkpoint()?;
    Ok(Some(tally))
}

/// The size of the files of a log, which those to come have too.
fn segment_bytes(folder: &Path) -> Result<u64, String> {
    let disk = Disk::peek(folder).map_err(|error| error.to_string())?;
    let found = survey(&disk, 0, None).map_err(|error| error.to_string())?;
    Ok(found.segments.iter().map(|segment| segment.bytes).fold(SETTINGS.segment_bytes, u64::max))
}
