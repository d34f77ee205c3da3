//! The state of a breaker in one word, changed by compare-and-swap only. It knows no settings and no clock: what
//! counts as enough, and when it is, comes in. `native/crates/models` runs this file under loom.

use super::atomic::{AtomicU64, Ordering};

/// What a breaker does with attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Lets all through.
    Closed = 0,
    /// Lets a few through as probes.
    HalfOpen = 1,
    /// Lets none through.
    Open = 2,
}

/// One reading of the gate: state 2 bits, generation 30, probes that are out 16, probes that succeeded 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(u64);

impl Word {
    fn new(state: State, generation: u32) -> Word {
        Word(state as u64 | u64::from(generation & GENERATION_MAX) << GENERATION)
    }

    pub(crate) fn state(self) -> State {
        match self.0 & 0b11 {
            0 => State::Closed,
            1 => State::HalfOpen,
            _ => State::Open,
        }
    }

    /// Changes with the state, so that results of attempts from before are told apart.
    pub(crate) fn generation(self) -> u32 {
        (self.0 >> GENERATION) as u32 & GENERATION_MAX
    }

    /// Probes without a result.
    pub(crate) fn probes(self) -> u16 {
        (self.0 >> PROBES) as u16
    }

    /// Probes of this generation that succeeded.
    pub(crate) fn successes(self) -> u16 {
        (self.0 >> SUCCESSES) as u16
    }

    fn is(self, state: State, generation: u32) -> bool {
        self.state() == state && self.generation() == generation
    }

    fn next(self, state: State) -> Word {
        Word::new(state, self.generation().wrapping_add(1))
    }
}

const GENERATION: u32 = 2;
const GENERATION_MAX: u32 = (1 << 30) - 1;
const PROBES: u32 = 32;
const SUCCESSES: u32 = 48;
const ONE_PROBE: u64 = 1 << PROBES;
const ONE_SUCCESS: u64 = 1 << SUCCESSES;

/// What asking for a probe comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// No probe is needed.
    Closed(u32),
    /// The caller is a probe of this generation; `first` if it turned the gate from open to half-open.
    Probe { generation: u32, first: bool },
    /// Not before this time.
    Wait(u64),
    /// All probes of this generation are out, and the last of them longer than they may be.
    Overdue(u32),
}

/// The gate. Times are nanoseconds since any one moment; they only guard transitions, so each may be raised before the
/// transition it belongs to: an early or lost one leaves a time that has passed or is about to be overtaken.
#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
    /// When the open gate takes a first probe.
    open_until: AtomicU64,
    /// When probes that are out are taken for lost.
    probe_until: AtomicU64,
}

impl Gate {
    pub(crate) fn new() -> Gate {
        let word = AtomicU64::new(Word::new(State::Closed, 0).0);
        Gate { word, open_until: AtomicU64::new(0), probe_until: AtomicU64::new(0) }
    }

    pub(crate) fn read(&self) -> Word {
        Word(self.word.load(Ordering::Acquire))
    }

    /// From `state` of `generation` to open until `until`; whether this call did it.
    pub(crate) fn open(&self, state: State, generation: u32, until: u64) -> bool {
        let word = self.read();
        if !word.is(state, generation) {
            return false;
        }
        self.open_until.fetch_max(until, Ordering::AcqRel);
        self.update(|word| word.is(state, generation).then(|| word.next(State::Open))).is_some()
    }

    /// Asks for one of `permits` probes, which then has until `overdue` to end.
    pub(crate) fn probe(&self, now: u64, permits: u16, overdue: u64) -> Ask {
        loop {
            let word = self.read();
            let (next, first) = match word.state() {
                State::Closed => return Ask::Closed(word.generation()),
                State::Open => match self.open_until.load(Ordering::Acquire) {
                    until if now < until => return Ask::Wait(until),
                    _ => (Word(word.next(State::HalfOpen).0 + ONE_PROBE), true),
                },
                State::HalfOpen if word.probes() < permits => (Word(word.0 + ONE_PROBE), false),
                State::HalfOpen => match self.probe_until.load(Ordering::Acquire) {
                    until if now < until => return Ask::Wait(until),
                    _ => return Ask::Overdue(word.generation()),
                },
            };
            self.probe_until.fetch_max(overdue, Ordering::AcqRel);
            if self.swap(word, next) {
                return Ask::Probe { generation: next.generation(), first };
            }
        }
    }

    /// A probe of `generation` succeeded. The one that makes `enough` closes the gate and is told so.
    pub(crate) fn succeed(&self, generation: u32, enough: u16) -> bool {
        let before = self.update(|word| {
            if !word.is(State::HalfOpen, generation) {
                return None;
            }
            let closes = word.successes().saturating_add(1) >= enough;
            Some(if closes { word.next(State::Closed) } else { Word(less_one_probe(word).0 + ONE_SUCCESS) })
        });
        before.is_some_and(|word| word.successes().saturating_add(1) >= enough)
    }

    /// A probe of `generation` ended without a result: its permit is free again.
    pub(crate) fn give_back(&self, generation: u32) {
        self.update(|word| word.is(State::HalfOpen, generation).then(|| less_one_probe(word)));
    }

    /// Puts `change` of the word in its place; the word before, or none if `change` wants none.
    fn update(&self, change: impl Fn(Word) -> Option<Word>) -> Option<Word> {
        loop {
            let word = self.read();
            let next = change(word)?;
            if self.swap(word, next) {
                return Some(word);
            }
        }
    }

    fn swap(&self, word: Word, next: Word) -> bool {
        self.word.compare_exchange(word.0, next.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

fn less_one_probe(word: Word) -> Word {
    if word.probes() == 0 { word } else { Word(word.0 - ONE_PROBE) }
}
