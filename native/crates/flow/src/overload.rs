//! What is refused while too much comes: the steps of degradation, and which requests they shed.
//!
//! A [`Gate`] stands where a receiver takes the requests of one signal. It looks at what can fill up behind it: the byte
//! ledger, the sending queues that the requests lead to, and the logs that those lie in. [`Overload::watch`] looks several times a second and sets
//! the gate's level. While that is 0, a request costs one load. Above, a level allows a class to be refused, and the fill
//! at that very moment decides: from the class's mark on it is, below it is not. So a destination that is slower than
//! its senders stays busy, and what is left of the room goes to what matters more.

mod class;
mod hint;
mod ladder;

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use teleferric_buf::Ledger;
use teleferric_buf::metrics::{Desc, Kind, Metrics, Registration};
use teleferric_wire::Signal;
use tokio::time::Instant;

pub use class::{Class, Priorities, PriorityRule};
use hint::{Drain, Hint};
use ladder::{Ladder, MARKS_PERCENT};

use crate::admission::busy;
use crate::fault::{Fault, FaultCode};
use crate::log::{Level, Log};
use crate::payload::Payload;
use crate::queue::Room;
use crate::tenant::Tenants;

/// What is shed, and by what measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverloadSettings {
    /// The memory that is all there is: what the ledger allows, or a limiter before that.
    pub memory_bytes: u64,
    /// What matters more than what; nothing is shed without.
    pub priorities: Option<Priorities>,
}

/// The overload control of a collector: all gates, and what they have in common.
pub struct Overload {
    ledger: Arc<Ledger>,
    log: Log,
    gates: Mutex<Gates>,
    state: Arc<State>,
    _series: Vec<Registration>,
}

#[derive(Default)]
struct Gates {
    all: Vec<Weak<Gate>>,
    memory: Drain,
}

#[derive(Default)]
struct State {
    /// The highest of all gates.
    level: AtomicU8,
    /// Requests refused, by class.
    shed: [AtomicU64; Class::ALL.len()],
    /// When memory will have room.
    hint: Hint,
}

/// How often the fill is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Overload {
    /// Control over what `ledger` counts, with its series in `metrics`.
    pub fn new(ledger: Arc<Ledger>, log: Log, metrics: &Metrics) -> Arc<Self> {
        let state = Arc::new(State::default());
        let level = Arc::clone(&state);
        let mut series = vec![metrics.gauge_fn(&LEVEL, &[], move || f64::from(level.level.load(Ordering::Relaxed)))];
        // Class 0 is never shed.
        series.extend(Class::ALL.into_iter().skip(1).map(|class| {
            let (state, number) = (Arc::clone(&state), class.number().to_string());
            let read =
                move || state.shed.get(usize::from(class.number())).map_or(0, |shed| shed.load(Ordering::Relaxed));
            metrics.counter_fn(&SHED, &[("class", &number)], move || read() as f64)
        }));
        Arc::new(Overload { ledger, log, gates: Mutex::default(), state, _series: series })
    }

    /// A gate for requests of `signal` that lead to the queues with `rooms`, from `tenants` if they have quotas.
    pub fn gate(
        &self,
        signal: Signal,
        rooms: Vec<Room>,
        settings: &Arc<OverloadSettings>,
        tenants: Option<Arc<Tenants>>,
    ) -> Arc<Gate> {
        let gate = Arc::new(Gate {
            signal,
            ledger: Arc::clone(&self.ledger),
            persistent: !rooms.is_empty() && rooms.iter().all(Room::is_stored),
            rooms,
            settings: Arc::clone(settings),
            tenants,
            ladder: Mutex::default(),
            level: AtomicU8::new(0),
            drains: Mutex::default(),
            hint: Hint::default(),
            state: Arc::clone(&self.state),
        });
        self.gates.lock().all.push(Arc::downgrade(&gate));
        gate
    }

    /// The highest level of all gates: 0 is normal, 4 is full.
    pub fn level(&self) -> u8 {
        self.state.level.load(Ordering::Relaxed)
    }

    /// When whoever was refused for want of memory should come again: 1 s to 30 s from now.
    pub fn hint(&self) -> Duration {
        self.state.hint.next()
    }

    /// Looks at the fill again and again, for as long as the control is held elsewhere. Cancel safe.
    pub async fn watch(control: Weak<Self>) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(control) = control.upgrade() else { return };
            control.look(Instant::now());
        }
    }

    /// Sets the levels of all gates by what they see at `now`.
    fn look(&self, now: Instant) {
        let mut level = 0;
        {
            let Gates { all, memory } = &mut *self.gates.lock();
            let ledger = &self.ledger;
            let looks = memory.observe(ledger.used(), ledger.limit(), ledger.released());
            self.state.hint.set(looks * LOOK_EVERY.as_secs_f64());
            all.retain(|gate| {
                let Some(gate) = gate.upgrade() else { return false };
                level = level.max(gate.look(now, looks));
                true
            });
        }
        let before = self.state.level.swap(level, Ordering::Relaxed);
        if level != before {
            let fields = [
                ("level", u64::from(level).into()),
                ("before", u64::from(before).into()),
                ("memory_used_bytes", self.ledger.used().into()),
            ];
            let (importance, message) = if level > before {
                (Level::Warn, "The collector is overloaded. Less important data is refused.")
            } else {
                (Level::Info, "The collector is less loaded.")
            };
            self.log.emit(importance, message, &fields);
        }
    }
}

/// The door for requests of one signal at one receiver, shared by the data-plane threads.
pub struct Gate {
    signal: Signal,
    ledger: Arc<Ledger>,
    rooms: Vec<Room>,
    /// Whether every queue behind it lies on disk.
    persistent: bool,
    settings: Arc<OverloadSettings>,
    tenants: Option<Arc<Tenants>>,
    ladder: Mutex<Ladder>,
    level: AtomicU8,
    /// How the queues empty, in the order of `rooms`.
    drains: Mutex<Vec<Drain>>,
    hint: Hint,
    state: Arc<State>,
}

impl Gate {
    /// Whether a request may come in that has not been read: refuses if its class is not taken, or, where that is not
    /// `known`, no class it can have.
    ///
    /// # Errors
    /// The retryable refusal `overloaded`.
    #[inline]
    pub fn admit_unread(&self, known: Option<Class>) -> Result<(), Fault> {
        if self.is_calm() { Ok(()) } else { self.check(known, |priorities| priorities.range(self.signal).0) }
    }

    /// Whether a request may come in that has been read and checked, by its class if that is `known`.
    ///
    /// # Errors
    /// As [`Gate::admit_unread`].
    #[inline]
    pub fn admit(&self, known: Option<Class>, payload: &Payload) -> Result<(), Fault> {
        if self.is_calm() { Ok(()) } else { self.check(known, |priorities| priorities.class(self.signal, payload)) }
    }

    /// What tells whose a request is and what it may send, if anything does.
    #[inline]
    pub fn tenants(&self) -> Option<&Arc<Tenants>> {
        self.tenants.as_ref()
    }

    #[inline]
    fn is_calm(&self) -> bool {
        self.level.load(Ordering::Relaxed) == 0
    }

    #[cold]
    fn check(&self, known: Option<Class>, class: impl FnOnce(&Priorities) -> Class) -> Result<(), Fault> {
        let Some(priorities) = &self.settings.priorities else { return Ok(()) };
        let fill = self.fill_percent();
        if !self.sheds(known.unwrap_or_else(|| priorities.range(self.signal).1), fill) {
            return Ok(());
        }
        let class = known.unwrap_or_else(|| class(priorities));
        if !self.sheds(class, fill) {
            return Ok(());
        }
        if let Some(shed) = self.state.shed.get(usize::from(class.number())) {
            shed.fetch_add(1, Ordering::Relaxed);
        }
        let message = format!("the collector is overloaded and refuses class {}", class.number());
        Err(busy(FaultCode::Overloaded, "").with_message(message))
    }

    /// Whether requests of `class` are refused at this fill. What is kept on disk needs no room in memory, so there
    /// class 1 has all there is.
    fn sheds(&self, class: Class, fill_percent: u64) -> bool {
        let level = match class.number() {
            3 => 1,
            2 => 2,
            1 if self.persistent => 4,
            1 => 3,
            _ => return false,
        };
        let mark = MARKS_PERCENT.get(usize::from(level - 1)).copied().unwrap_or(u64::MAX);
        self.level.load(Ordering::Relaxed) >= level && fill_percent >= mark
    }

    /// How full the fullest of what is behind the gate is.
    fn fill_percent(&self) -> u64 {
        let memory = percent(self.ledger.used(), self.settings.memory_bytes);
        let queues = self.rooms.iter().filter_map(Room::fill_percent);
        queues.chain(self.logs_percent()).fold(memory, u64::max)
    }

    fn logs_percent(&self) -> Option<u64> {
        self.rooms.iter().filter_map(Room::log_fill_percent).max()
    }

    /// When whoever was refused here should come again: 1 s to 30 s from now.
    pub fn hint(&self) -> Duration {
        self.hint.next()
    }

    /// Sets the level, and the hint from what the fullest queue takes, or memory in its `memory_looks`.
    fn look(&self, now: Instant, memory_looks: f64) -> u8 {
        let mut drains = self.drains.lock();
        drains.resize_with(self.rooms.len(), Drain::default);
        let looks = self
            .rooms
            .iter()
            .zip(&mut *drains)
            .map(|(room, drain)| drain.observe(room.used(), room.capacity(), room.left()));
        // When a log that is full has room again is not known; it takes a whole file of it to be done.
        let is_full = self.logs_percent().is_some_and(|percent| percent >= 100);
        let log_looks = if is_full { f64::INFINITY } else { 0.0 };
        self.hint.set(looks.fold(memory_looks.max(log_looks), f64::max) * LOOK_EVERY.as_secs_f64());
        let level = self.ladder.lock().observe(self.fill_percent(), now);
        self.level.store(level, Ordering::Relaxed);
        level
    }
}

/// `part` of `whole`, rounded down.
pub(crate) fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(100)
}

static LEVEL: Desc = Desc {
    name: "teleferric_degradation_level",
    help: "How far the collector sheds load: 0 not at all, 4 all but the most important data.",
    kind: Kind::Gauge,
    lazy: false,
};

static SHED: Desc = Desc {
    name: "teleferric_shed_requests_total",
    help: "Requests refused because of overload, by their class.",
    kind: Kind::Counter,
    lazy: false,
};

#[cfg(test)]
mod tests;
