//! Requests that come again (`dedup` of the receiver): a sender that lost our answer sends the same request once more.
//! Within a window of time and number, one that was taken is answered OK and goes no further, and one that is under way
//! waits for what becomes of the first. If `status` is set, what has become of each can be asked.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use foldhash::{HashMap, HashMapExt};
use parking_lot::Mutex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use teleferric_buf::metrics::{Desc, Kind};
use teleferric_buf::{Ledger, Permit};
use teleferric_flow::{AckLevel, Context, Fate, FateState, Outcome, Payload};
use teleferric_wire::Signal;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::settings::nanoseconds;

/// `dedup`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DedupConfig {
    /// How long a request that was taken is remembered, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub window: Duration,
    /// How many are remembered; the oldest are forgotten first.
    pub max_ids: u64,
    /// Whether requests without an id are told apart by their bytes.
    pub body_hash: bool,
    /// Whether senders may ask what has become of a request, by its id.
    pub status: bool,
}

/// What tells a request from others: a digest of its id, or of its bytes.
type Key = [u8; 16];

/// What a request is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    key: Key,
    /// Whether its sender gave it, and may ask by it.
    is_given: bool,
}

/// What one request takes in both collections, their free room included.
const KEY_BYTES: u64 = 160;

/// The windows of all receivers, kept by the graphs that use them: a reload goes on with the window of the graph before.
#[derive(Default)]
pub struct DedupWindows(Mutex<HashMap<Box<str>, Weak<Window>>>);

/// The requests that one receiver remembers, over all data-plane threads.
struct Window(Mutex<State>);

struct State {
    known: HashMap<Key, Known>,
    /// Those that were taken, oldest first.
    taken: VecDeque<(Instant, Key)>,
    memory: Permit,
}

struct Known {
    /// As long as it is under way; the channel closes when it is over.
    under_way: Option<watch::Receiver<()>>,
    /// What has become of it, if that can be asked.
    fate: Option<Arc<Fate>>,
}

/// The window of one receiver, and the rules by which a graph uses it.
pub struct Dedup {
    config: DedupConfig,
    window: Arc<Window>,
}

/// What is to be done with a request.
pub enum Seen {
    /// It goes on, and whoever has the handle says what became of it; without one there was no room to remember it.
    First(Option<Pending>),
    /// It was taken before.
    Again,
}

/// A request on its way. Dropped without a word, it was not taken.
pub struct Pending {
    window: Arc<Window>,
    key: Key,
    taken: bool,
    /// What becomes of it, if that can be asked.
    pub fate: Option<Arc<Fate>>,
    /// Dropped with this, which wakes those who wait.
    _over: watch::Sender<()>,
}

/// What has become of a request.
pub struct Found {
    /// What it was.
    pub signal: Signal,
    /// How far it has come.
    pub state: FateState,
    /// What it, or some of it, has come to other than delivery.
    pub reasons: Vec<&'static str>,
}

impl DedupWindows {
    /// The window of a receiver, what it holds counted in `ledger`.
    fn of(&self, receiver: &str, ledger: &Arc<Ledger>) -> Arc<Window> {
        let mut windows = self.0.lock();
        if let Some(window) = windows.get(receiver).and_then(Weak::upgrade) {
            return window;
        }
        // Zero bytes always succeed.
        let memory = ledger.try_reserve(0).unwrap_or_default();
        let state = State { known: HashMap::new(), taken: VecDeque::new(), memory };
        let window = Arc::new(Window(Mutex::new(state)));
        windows.insert(receiver.into(), Arc::downgrade(&window));
        window
    }
}

impl Dedup {
    /// The window of `receiver`, used by these rules.
    pub fn new(config: DedupConfig, receiver: &str, windows: &DedupWindows, ledger: &Arc<Ledger>) -> Self {
        Dedup { config, window: windows.of(receiver, ledger) }
    }

    /// Whether senders may ask what has become of their requests.
    pub fn can_be_asked(&self) -> bool {
        self.config.status
    }

    /// The requests of a tenant that are known by `id`, one for each signal and level that it was sent with.
    pub fn find(&self, tenant: Option<&str>, id: &[u8]) -> Vec<Found> {
        let levels = || [None].into_iter().chain(AckLevel::ALL.map(Some));
        let keys = Signal::ALL.into_iter().flat_map(|signal| levels().map(move |level| (signal, level)));
        let keys: Vec<(Signal, Option<Key>)> =
            keys.map(|(signal, level)| (signal, digest(signal, level, tenant, Some(id), &[]))).collect();
        let mut state = self.window.0.lock();
        state.forget_before(Instant::now().checked_sub(self.config.window));
        let found = |(signal, key): (Signal, Option<Key>)| {
            let known = state.known.get(&key?)?;
            let fate = known.fate.as_ref()?;
            // Its sender's answer may still be on the way back when all else has ended.
            let is_open = known.under_way.is_some() && fate.state() != FateState::Stored;
            let state = if is_open { FateState::Pending } else { fate.state() };
            Some(Found { signal, state, reasons: fate.reasons().collect() })
        };
        keys.into_iter().filter_map(found).collect()
    }

    /// What a request is known by: the id that its sender gave or, if that is set, its bytes; none if by neither. That of
    /// another tenant is another, and so is one that asks for another level of acknowledgement, because what was said of
    /// the first does not answer it.
    pub fn name(&self, signal: Signal, context: &Context, id: Option<&[u8]>, payload: &Payload) -> Option<Name> {
        let id = id.filter(|id| !id.is_empty());
        if id.is_none() && !self.config.body_hash {
            return None;
        }
        let key = digest(signal, context.ack, context.tenant.as_deref(), id, payload.chunks())?;
        Some(Name { key, is_given: id.is_some() })
    }

    /// Remembers a request and says whether it is the first; waits as long as the same one is under way. Cancel safe.
    pub async fn see(&self, name: Name) -> Seen {
        loop {
            match self.window.claim(name, &self.config) {
                Ok(seen) => return seen,
                // The channel only ever closes.
                Err(mut under_way) => drop(under_way.changed().await),
            }
        }
    }
}

/// A digest of an id, or of bytes, with all that makes the same one another's.
fn digest(
    signal: Signal,
    ack: Option<AckLevel>,
    tenant: Option<&str>,
    id: Option<&[u8]>,
    bytes: &[Bytes],
) -> Option<Key> {
    let mut digest = Sha256::new();
    digest.update([signal.index() as u8, ack.map_or(0, |level| level as u8 + 1), u8::from(id.is_some())]);
    // With its length in front nothing of a name can be taken for the beginning of an id.
    digest.update(tenant.map_or(u64::MAX, |tenant| tenant.len() as u64).to_le_bytes());
    digest.update(tenant.unwrap_or_default());
    match id {
        Some(id) => digest.update(id),
        None => bytes.iter().for_each(|chunk| digest.update(chunk)),
    }
    digest.finalize().first_chunk().copied()
}

impl Window {
    /// # Errors
    /// The same one is under way.
    fn claim(self: &Arc<Self>, name: Name, config: &DedupConfig) -> Result<Seen, watch::Receiver<()>> {
        let Name { key, is_given } = name;
        let mut state = self.0.lock();
        state.forget_before(Instant::now().checked_sub(config.window));
        match state.known.get(&key) {
            Some(Known { under_way: None, .. }) => return Ok(Seen::Again),
            Some(Known { under_way: Some(over), .. }) => return Err(over.clone()),
            None => {}
        }
        if !state.make_room(usize::try_from(config.max_ids).unwrap_or(usize::MAX)) {
            return Ok(Seen::First(None));
        }
        let (over, under_way) = watch::channel(());
        // Where memory is short it cannot be asked about, and goes on all the same.
        let fate = (config.status && is_given).then(|| Fate::new(state.memory.beside()).ok()).flatten();
        state.known.insert(key, Known { under_way: Some(under_way), fate: fate.clone() });
        Ok(Seen::First(Some(Pending { window: Arc::clone(self), key, taken: false, fate, _over: over })))
    }
}

impl State {
    /// Makes room for one more, at the cost of the oldest that were taken; whether there is some.
    fn make_room(&mut self, most: usize) -> bool {
        while self.known.len() >= most {
            if !self.forget_oldest() {
                return false;
            }
        }
        self.memory.try_grow(KEY_BYTES).is_ok() || (self.forget_oldest() && self.memory.try_grow(KEY_BYTES).is_ok())
    }

    fn forget_before(&mut self, since: Option<Instant>) {
        let Some(since) = since else { return };
        while self.taken.front().is_some_and(|(at, _)| *at < since) {
            self.forget_oldest();
        }
        // What a burst has left is not counted any more.
        if self.known.capacity() > CAPACITY_KEPT && self.known.capacity() / 8 > self.known.len() {
            self.known.shrink_to(2 * self.known.len());
            self.taken.shrink_to(2 * self.known.len());
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some((_, key)) = self.taken.pop_front() else { return false };
        self.forget(&key);
        true
    }

    fn forget(&mut self, key: &Key) {
        self.known.remove(key);
        self.memory.shrink_to(self.known.len() as u64 * KEY_BYTES);
    }
}

/// Room for so many is not worth giving back.
const CAPACITY_KEPT: usize = 1024;

impl Pending {
    /// Says what became of the request.
    pub fn settle(mut self, outcome: &Outcome) {
        self.taken = outcome.is_taken();
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut state = self.window.0.lock();
        if self.taken {
            state.known.insert(self.key, Known { under_way: None, fate: self.fate.take() });
            state.taken.push_back((Instant::now(), self.key));
        } else {
            state.forget(&self.key);
        }
    }
}

/// Counts items of requests that came again.
pub static DEDUPLICATED: Desc = Desc {
    name: "teleferric_deduplicated_items_total",
    help: "Items of requests that had been taken before and went no further.",
    kind: Kind::Counter,
    lazy: true,
};

#[cfg(test)]
mod tests {
    use super::*;
    use teleferric_flow::{AckLevel, Fault, FaultCode};

    const SECOND: Duration = Duration::from_secs(1);

    fn config(max_ids: u64) -> DedupConfig {
        DedupConfig { window: 10 * SECOND, max_ids, body_hash: false, status: false }
    }

    fn dedup(max_ids: u64, ledger: &Arc<Ledger>) -> Dedup {
        Dedup::new(config(max_ids), "otlp", &DedupWindows::default(), ledger)
    }

    fn name(dedup: &Dedup, id: &str) -> Name {
        dedup.name(Signal::Logs, &Context::default(), Some(id.as_bytes()), &Payload::default()).unwrap()
    }

    async fn first(dedup: &Dedup, id: &str) -> Option<Pending> {
        match dedup.see(name(dedup, id)).await {
            Seen::First(pending) => pending,
            Seen::Again => panic!("{id} is new"),
        }
    }

    /// Whether it was new, and is taken now.
    async fn take(dedup: &Dedup, id: &str) -> bool {
        match dedup.see(name(dedup, id)).await {
            Seen::First(pending) => {
                pending.into_iter().for_each(|pending| pending.settle(&Outcome::Accepted));
                true
            }
            Seen::Again => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_taken_is_known_for_the_window_and_what_was_refused_is_new() {
        let ledger = Ledger::new(1 << 20);
        let dedup = dedup(100, &ledger);
        let refused = Outcome::Refused(Fault::new(FaultCode::QueueFull, "no"));
        first(&dedup, "a").await.unwrap().settle(&refused);
        assert_eq!(ledger.used(), 0);
        assert!(take(&dedup, "a").await, "a refusal makes no repeat OK");
        assert!(!take(&dedup, "a").await);
        assert_eq!(ledger.used(), KEY_BYTES);
        tokio::time::sleep(11 * SECOND).await;
        assert!(take(&dedup, "a").await);
        assert_eq!(ledger.used(), KEY_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn repeats_wait_for_the_first_and_one_of_them_goes_on_if_that_failed() {
        let ledger = Ledger::new(1 << 20);
        let dedup = dedup(100, &ledger);
        for fails in [true, false] {
            let id = if fails { "a" } else { "b" };
            let pending = first(&dedup, id).await.unwrap();
            let repeats = async { tokio::join!(take(&dedup, id), take(&dedup, id)) };
            let end = async {
                tokio::time::sleep(SECOND).await;
                if fails { drop(pending) } else { pending.settle(&Outcome::Accepted) }
            };
            let ((one, other), ()) = tokio::join!(repeats, end);
            assert_eq!(u8::from(one) + u8::from(other), u8::from(fails));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_are_remembered_as_may_be_and_as_memory_allows() {
        let ledger = Ledger::new(3 * KEY_BYTES);
        let dedup = dedup(2, &ledger);
        for id in ["a", "b", "c", "d"] {
            assert!(take(&dedup, id).await);
        }
        assert!(!take(&dedup, "d").await && !take(&dedup, "c").await && take(&dedup, "a").await);
        let _other = ledger.try_reserve(ledger.limit() - ledger.used()).unwrap();
        assert!(take(&dedup, "e").await && !take(&dedup, "e").await);
        assert_eq!(ledger.used(), ledger.limit());
        let (_f, _g) = (first(&dedup, "f").await.unwrap(), first(&dedup, "g").await.unwrap());
        assert!(first(&dedup, "h").await.is_none(), "what is under way is not forgotten for another");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_can_be_asked_for_as_long_as_it_is_and_as_memory_allows() {
        let ledger = Ledger::new(1 << 20);
        let config = DedupConfig { status: true, body_hash: true, ..config(2) };
        let dedup = Dedup::new(config, "otlp", &DedupWindows::default(), &ledger);
        let states = |id: &str| dedup.find(None, id.as_bytes()).iter().map(|it| it.state.name()).collect::<Vec<_>>();
        let pending = first(&dedup, "a").await.unwrap();
        assert_eq!(states("a"), ["pending"]);
        pending.settle(&Outcome::Accepted);
        assert_eq!(states("a"), ["delivered"]);
        assert!(dedup.find(Some("a"), b"a").is_empty(), "another tenant's");
        first(&dedup, "b").await.unwrap().settle(&Outcome::Refused(Fault::new(FaultCode::QueueFull, "no")));
        assert!(states("b").is_empty());
        let used = ledger.used();
        let by_bytes = dedup.name(Signal::Logs, &Context::default(), None, &Payload::default()).unwrap();
        let Seen::First(Some(by_bytes)) = dedup.see(by_bytes).await else { panic!("it is new") };
        assert_eq!((by_bytes.fate.is_none(), ledger.used()), (true, used + KEY_BYTES), "nobody can ask for it");
        drop(by_bytes);
        let other = ledger.try_reserve(ledger.limit() - ledger.used() - KEY_BYTES).unwrap();
        assert!(take(&dedup, "c").await && !take(&dedup, "c").await);
        assert!(states("c").is_empty(), "it is remembered, and there was no room for more");
        drop(other);
        tokio::time::sleep(11 * SECOND).await;
        assert_eq!((states("a"), ledger.used()), (Vec::new(), 0));
    }

    #[tokio::test]
    async fn a_reload_goes_on_with_the_window_of_the_graph_before() {
        let (ledger, windows) = (Ledger::new(1 << 20), DedupWindows::default());
        let old = Dedup::new(config(100), "otlp", &windows, &ledger);
        assert!(take(&old, "a").await);
        let new = Dedup::new(config(50), "otlp", &windows, &ledger);
        drop(old);
        assert!(!take(&new, "a").await);
        assert!(take(&Dedup::new(config(50), "otlp/2", &windows, &ledger), "a").await, "another receiver");
        drop(new);
        assert_eq!(ledger.used(), 0);
        assert!(take(&Dedup::new(config(50), "otlp", &windows, &ledger), "a").await);
    }

    #[test]
    fn a_key_is_of_signal_tenant_level_and_id_and_of_bytes_where_that_is_set() {
        let ledger = Ledger::new(1 << 20);
        let by_id = dedup(1, &ledger);
        let config = DedupConfig { body_hash: true, ..config(1) };
        let by_bytes = Dedup::new(config, "otlp", &DedupWindows::default(), &ledger);
        let a = Payload::from(Bytes::from_static(b"a"));
        let nobody = Context::default();
        let tenant = |name: &str| Context { tenant: Some(name.into()), ..Context::default() };
        let delivered = Context { ack: Some(AckLevel::Delivered), ..Context::default() };
        let keys = [
            by_bytes.name(Signal::Logs, &nobody, Some(b"a"), &a),
            by_bytes.name(Signal::Traces, &nobody, Some(b"a"), &a),
            by_bytes.name(Signal::Logs, &delivered, Some(b"a"), &a),
            by_bytes.name(Signal::Logs, &nobody, None, &a),
            by_bytes.name(Signal::Logs, &nobody, None, &Payload::default()),
            by_bytes.name(Signal::Logs, &tenant(""), Some(b"a"), &a),
            by_bytes.name(Signal::Logs, &tenant("b"), Some(b"a"), &a),
            by_bytes.name(Signal::Logs, &tenant(""), Some(b"ba"), &a),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(key.is_some() && !keys[..place].contains(key), "{place}");
        }
        assert_eq!(by_bytes.name(Signal::Logs, &nobody, Some(b""), &a), keys[3], "nothing is no id");
        assert_eq!(by_id.name(Signal::Logs, &nobody, Some(b""), &a), None);
    }
}
