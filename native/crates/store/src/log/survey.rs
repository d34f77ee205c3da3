//! Looking at a log without opening it: nothing is changed, and another process may have it open meanwhile.

use bytes::Bytes;

use super::opening::Files;
use super::{LogError, Tally};
use crate::meta::{CursorState, Meta};
use crate::record::Record;
use crate::segment::{Found, HEADER_BYTES, Segment};
use crate::vfs::{Vfs, VfsFile};

/// What is in a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Its segments, oldest first.
    pub segments: Vec<SegmentSurvey>,
    /// Its readers.
    pub cursors: Vec<CursorSurvey>,
    /// Bytes of files that were put aside because nothing in them could be read.
    pub quarantined_bytes: u64,
}

/// One segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentSurvey {
    /// The file's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Records that can be read.
    pub records: u64,
    /// Bytes between them that cannot.
    pub damaged_bytes: u64,
}

/// One reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CursorSurvey {
    /// Its name.
    pub name: String,
    /// What there is for it.
    pub held: Tally,
    /// The oldest of that, as far as asked for.
    pub records: Vec<RecordSurvey>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSurvey {
    /// Its number in the log.
    pub sequence: u64,
    /// Milliseconds since 1970.
    pub time: u64,
    /// Items in its payload.
    pub items: u64,
    /// Bytes of its payload.
    pub bytes: u64,
    /// What is known about its payload, in the form of whoever appended it.
    pub head: Bytes,
}

/// Reads the log in `vfs` from end to end; of each reader's records the oldest `listed` are told one by one.
///
/// # Errors
/// The folder cannot be read, or a later version wrote it.
pub fn survey<V: Vfs>(vfs: &V, listed: usize) -> Result<Survey, LogError> {
    let mut files = Files::of(vfs)?;
    let state = Meta::peek(vfs)?;
    files.keep_only(state.as_ref().map(|state| state.uuid).or(files.oldest_uuid()).unwrap_or_default());
    let states = state.unwrap_or_default().cursors;
    let mut survey = Surveyor { states, listed, survey: Survey::default() };
    survey.survey.quarantined_bytes = files.quarantined_bytes;
    survey.survey.cursors = survey.states.iter().map(|state| named(&state.name)).collect();
    for (index, segment) in files.segments.iter().enumerate() {
        let below = files.segments.get(index + 1).map_or(u64::MAX, |next| next.header.first);
        survey.segment(segment, below)?;
    }
    Ok(survey.survey)
}

struct Surveyor {
    states: Vec<CursorState>,
    listed: usize,
    survey: Survey,
}

impl Surveyor {
    fn segment(&mut self, segment: &Segment<impl VfsFile>, below: u64) -> Result<(), LogError> {
        let mut found = SegmentSurvey { name: segment.name.clone(), bytes: segment.bytes, ..SegmentSurvey::default() };
        let mut at = HEADER_BYTES;
        loop {
            match segment.find(at, segment.header.first, below)? {
                Found::Record(record, next) => {
                    found.records += 1;
                    self.record(&record);
                    at = next;
                }
                Found::Gap { to } => {
                    found.damaged_bytes += to - at;
                    at = to;
                }
                Found::End => break,
            }
        }
        self.survey.segments.push(found);
        Ok(())
    }

    fn record(&mut self, record: &Record) {
        if let Some(names) = record.roster() {
            for name in names.skip(self.states.len()) {
                self.states.push(CursorState { name: name.to_owned(), ..CursorState::default() });
                self.survey.cursors.push(named(name));
            }
        }
        for (bit, (state, cursor)) in self.states.iter().zip(&mut self.survey.cursors).enumerate() {
            let addressed = record.targets >> bit & 1 == 1;
            if addressed && (record.sequence >= state.from || state.pending.contains_key(&record.sequence)) {
                let tally = record.tally();
                cursor.held.add(tally);
                if cursor.records.len() < self.listed {
                    let Record { sequence, time, items, ref head, .. } = *record;
                    // A copy, as a slice would keep the payload.
                    let head = Bytes::copy_from_slice(head);
                    cursor.records.push(RecordSurvey { sequence, time, items, bytes: tally.bytes, head });
                }
            }
        }
    }
}

fn named(name: &str) -> CursorSurvey {
    CursorSurvey { name: name.to_owned(), ..CursorSurvey::default() }
}
