//! Looking at a log without opening it: nothing is changed, and another process may have it open meanwhile.

use bytes::Bytes;

use super::opening::Files;
use super::{LogError, Tally};
use crate::meta::{CursorState, Meta, State};
use crate::record::{Outline, Record};
use crate::seal::Key;
use crate::segment::{Found, HEADER_BYTES, Segment};
use crate::totals::Totals;
use crate::vfs::{Vfs, VfsFile};
use crate::window::Window;

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
    /// Items that were ever there for it, and what became of those that had left by the last checkpoint.
    pub totals: Totals,
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
/// Without the `key` of what is encrypted the records have no heads.
///
/// # Errors
/// The folder cannot be read, or a later version wrote it.
pub fn survey<V: Vfs>(vfs: &V, listed: usize, key: Option<&Key>) -> Result<Survey, LogError> {
    let mut files = Files::of(vfs, key)?;
    let state = Meta::peek(vfs)?;
    files.keep_only(state.as_ref().map(|state| state.uuid).or(files.oldest_uuid()).unwrap_or_default());
    let states = state.unwrap_or_default().cursors;
    let mut survey = Surveyor::new(states, listed);
    survey.survey.quarantined_bytes = files.quarantined_bytes;
    for (index, segment) in files.segments.iter().enumerate() {
        let below = files.segments.get(index + 1).map_or(u64::MAX, |next| next.header.first);
        survey.segment(segment, below)?;
    }
    for cursor in &mut survey.survey.cursors {
        cursor.totals.enqueued = cursor.totals.left_in_all() + cursor.held.items;
    }
    Ok(survey.survey)
}

/// Whether everything is there that its last checkpoint tells of.
pub(super) fn is_whole<F: VfsFile>(files: &Files<F>, state: Option<&State>) -> Result<bool, LogError> {
    let (states, next) = state.map_or((&[][..], u64::MAX), |state| (&state.cursors[..], state.next));
    let mut survey = Surveyor::new(states.to_vec(), 0);
    for (index, segment) in files.segments.iter().enumerate() {
        // What was written later may have been cut short by a crash.
        let below = files.segments.get(index + 1).map_or(next, |successor| successor.header.first.min(next));
        survey.segment(segment, below)?;
    }
    // A log without a checkpoint has no records yet.
    let told = states.iter().map(|state| state.held).chain(std::iter::repeat(Tally::default()));
    Ok(!files.has_foreign && told.zip(&survey.survey.cursors).all(|(told, found)| told == found.held))
}

struct Surveyor {
    states: Vec<CursorState>,
    listed: usize,
    survey: Survey,
    window: Window,
}

impl Surveyor {
    fn new(states: Vec<CursorState>, listed: usize) -> Self {
        let begun = |state: &CursorState| CursorSurvey { totals: state.totals, ..named(&state.name) };
        let cursors = states.iter().map(begun).collect();
        Surveyor { states, listed, survey: Survey { cursors, ..Survey::default() }, window: Window::default() }
    }

    fn segment(&mut self, segment: &Segment<impl VfsFile>, below: u64) -> Result<(), LogError> {
        let mut found = SegmentSurvey { name: segment.name.clone(), bytes: segment.bytes, ..SegmentSurvey::default() };
        let mut at = HEADER_BYTES;
        loop {
            match segment.find(at, segment.header.first, below, &mut self.window)? {
                Found::Record(front, next) => {
                    found.records += 1;
                    if front.outline().targets == 0
                        && let Some(roster) = segment.load(at, &front, &mut self.window)?
                    {
                        self.enroll(&roster);
                    }
                    let outline = front.outline();
                    let listed = self.is_listed(&outline).then(|| segment.load(at, &front, &mut self.window));
                    // A copy, as a slice would keep the payload.
                    let head = listed.transpose()?.flatten().map(|record| Bytes::copy_from_slice(&record.head));
                    self.record(&outline, &head.unwrap_or_default());
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

    /// Adds the readers that a segment's first record names and nothing else told of.
    fn enroll(&mut self, roster: &Record) {
        for name in roster.roster().into_iter().flatten().skip(self.states.len()) {
            self.states.push(CursorState { name: name.to_owned(), ..CursorState::default() });
            self.survey.cursors.push(named(name));
        }
    }

    /// Whether some reader's list is to have the record.
    fn is_listed(&self, record: &Outline) -> bool {
        let mut readers = self.states.iter().zip(&self.survey.cursors).enumerate();
        readers.any(|(bit, (state, cursor))| cursor.records.len() < self.listed && is_for(record, bit, state))
    }

    fn record(&mut self, record: &Outline, head: &Bytes) {
        for (bit, (state, cursor)) in self.states.iter().zip(&mut self.survey.cursors).enumerate() {
            if !is_for(record, bit, state) {
                continue;
            }
            let Outline { sequence, time, tally, .. } = *record;
            cursor.held.add(tally);
            if cursor.records.len() < self.listed {
                let (items, bytes, head) = (tally.items, tally.bytes, head.clone());
                cursor.records.push(RecordSurvey { sequence, time, items, bytes, head });
            }
        }
    }
}

/// Whether the reader with this bit needs the record.
fn is_for(record: &Outline, bit: usize, state: &CursorState) -> bool {
    let addressed = record.targets >> bit & 1 == 1;
    addressed && (record.sequence >= state.from || state.pending.contains_key(&record.sequence))
}

fn named(name: &str) -> CursorSurvey {
    CursorSurvey { name: name.to_owned(), ..CursorSurvey::default() }
}
