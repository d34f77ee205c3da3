//! Receiver `generator`: makes realistic traces, metrics and logs at a rate. Behind `teleferric send`, which puts it in
//! front of an OTLP exporter; of use wherever a pipeline wants something to carry.

mod content;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use teleferric_buf::Permit;
use teleferric_flow::{LocalFuture, Outcome};
use teleferric_wire::Signal;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::component::{Host, Listening, Outputs, ReceiverPart, Shared, StartError};
use crate::listeners::Listeners;
use crate::receivers::otlp::ingest::{Arrival, Encoding, Intake};
use crate::registry::Configured;
use content::Content;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GeneratorConfig {
    /// Signals to make, taken in turn.
    pub signals: Vec<String>,
    /// Items a second over all signals; none: as many as are taken.
    pub rate: Option<f64>,
    /// Items to make before ending; none: without limit.
    pub count: Option<u64>,
    /// Time to run before ending, nanoseconds; none: without limit.
    pub duration: Option<u64>,
    /// Items in one request.
    pub batch: u64,
    /// Requests under way at once.
    pub workers: u64,
    /// Start of the random numbers, for repeatable content; none: a new one each time.
    pub seed: Option<u64>,
    /// Share of spans and logs that are errors, 0 to 1.
    pub error_ratio: f64,
}

/// Builds the receiver.
pub fn build(component: Configured<'_>, shared: &Arc<Shared>) -> Result<Box<dyn ReceiverPart>, StartError> {
    let config: GeneratorConfig = component.settings()?;
    let mut signals = Vec::new();
    for name in &config.signals {
        let signal: Signal = name.parse().map_err(|_| StartError::new(format!("unknown signal \"{name}\"")))?;
        if signal == Signal::Profiles {
            return Err(StartError::new("profiles are not generated"));
        }
        signals.push(signal);
    }
    if signals.is_empty() || config.batch == 0 || config.workers == 0 {
        return Err(StartError::new("signals, batch and workers must not be empty or zero"));
    }
    if config.rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(StartError::new("rate must be greater than zero"));
    }
    let run = Run::new(config, signals);
    Ok(Box::new(Generator { id: component.id.to_owned(), shared: Arc::clone(shared), run: Arc::new(run) }))
}

struct Generator {
    id: String,
    shared: Arc<Shared>,
    run: Arc<Run>,
}

impl ReceiverPart for Generator {
    fn start(&self, outputs: Outputs, _listeners: &mut Listeners) -> Result<Vec<Listening>, StartError> {
        self.run.active.store(usize::try_from(self.run.config.workers).unwrap_or(usize::MAX), Ordering::Release);
        for sender in 0..self.run.config.workers {
            let (run, shared, outputs, id) =
                (Arc::clone(&self.run), Arc::clone(&self.shared), Arc::clone(&outputs), self.id.clone());
            let worker = usize::try_from(sender).unwrap_or(0) % self.shared.workers.len();
            let ending = Ending { run: Arc::clone(&run), host: Arc::clone(&shared.host) };
            self.shared.workers.spawn_on(worker, "generator", move || async move {
                let _ending = ending;
                let intake = Intake::new(&shared, &id, "generator", outputs(), Arc::default());
                run.send(sender, &intake, &shared).await;
            });
        }
        Ok(Vec::new())
    }

    fn stop(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        self.run.items_left.store(0, Ordering::Release);
        self.run.stopped.send_replace(true);
        Box::pin(async move {
            let head_start = Instant::now() + HEAD_START;
            let until = deadline.map_or(head_start, |deadline| deadline.min(head_start));
            // Either way the stages behind are stopped next.
            let _ = tokio::time::timeout_at(until, self.run.idle.subscribe().wait_for(|idle| *idle)).await;
        })
    }
}

/// One run, shared by its senders.
struct Run {
    config: GeneratorConfig,
    signals: Vec<Signal>,
    started: Instant,
    next_request: AtomicU64,
    items_left: AtomicU64,
    active: AtomicUsize,
    /// Whether nothing more shall be made.
    stopped: watch::Sender<bool>,
    /// Whether every answer has been heard.
    idle: watch::Sender<bool>,
    tally: Mutex<Tally>,
}

/// The end of a sender, however it comes. The last one tells.
struct Ending {
    run: Arc<Run>,
    host: Arc<dyn Host>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Run { active, tally, started, idle, .. } = &*self.run;
        if active.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.host.tell("generator_done", tally.lock().facts(*started));
            idle.send_replace(true);
        }
    }
}

/// What became of the requests.
#[derive(Default)]
struct Tally {
    requests: u64,
    accepted: u64,
    partial_rejected: u64,
    refused: u64,
    errors: BTreeMap<String, u64>,
    told: Option<Instant>,
}

impl Run {
    fn new(config: GeneratorConfig, signals: Vec<Signal>) -> Self {
        let items_left = AtomicU64::new(config.count.unwrap_or(u64::MAX));
        Run {
            config,
            signals,
            started: Instant::now(),
            next_request: AtomicU64::new(0),
            items_left,
            active: AtomicUsize::new(0),
            stopped: watch::Sender::new(false),
            idle: watch::Sender::new(false),
            tally: Mutex::default(),
        }
    }

    /// Makes and sends requests, one after another, until the run is over.
    async fn send(&self, sender: u64, intake: &Intake, shared: &Shared) {
        let seed = self.config.seed.unwrap_or_else(|| std::process::id().into());
        let mut content = Content::new(seed.wrapping_add(sender), self.config.error_ratio);
        while let Some((signal, items)) = self.next().await {
            let body = Bytes::from(content.request(signal, items));
            let arrival = Arrival {
                signal,
                encoding: Encoding::Proto,
                body: body.into(),
                permit: Permit::none(),
                visit: None,
                context: Arc::default(),
                deadline: None,
                batch_id: None,
            };
            self.note(items, &intake.take(arrival).await, shared);
            // A destination that answers at once must not keep this thread from its other work.
            tokio::task::yield_now().await;
        }
    }

    /// The next request to make, once its time has come; nothing when the run is over.
    async fn next(&self) -> Option<(Signal, u64)> {
        let batch = self.config.batch;
        let limit = self.config.duration.map(Duration::from_nanos);
        let take = |left: u64| (left > 0).then(|| left - batch.min(left));
        let left = self.items_left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).ok()?;
        let number = self.next_request.fetch_add(1, Ordering::Relaxed);
        if let Some(rate) = self.config.rate {
            let wait = Duration::try_from_secs_f64(number as f64 * batch as f64 / rate).unwrap_or(Duration::MAX);
            if limit.is_some_and(|limit| wait >= limit) || self.stopped_within(wait).await {
                return None;
            }
        }
        if limit.is_some_and(|limit| self.started.elapsed() >= limit) {
            return None;
        }
        let turn = usize::try_from(number).unwrap_or(0) % self.signals.len();
        self.signals.get(turn).map(|signal| (*signal, batch.min(left)))
    }

    /// Waits until `wait` after the start. True when the run is stopped before that.
    async fn stopped_within(&self, wait: Duration) -> bool {
        let due = self.started.checked_add(wait);
        let mut stopped = self.stopped.subscribe();
        let stop = stopped.wait_for(|stopped| *stopped);
        match due {
            Some(due) => tokio::time::timeout_at(due, stop).await.is_ok(),
            None => stop.await.is_ok(),
        }
    }

    fn note(&self, items: u64, outcome: &Outcome, shared: &Shared) {
        let mut tally = self.tally.lock();
        tally.requests += 1;
        match outcome {
            Outcome::Accepted => tally.accepted += items,
            Outcome::Partial { rejected, message } => {
                tally.accepted += items.saturating_sub(*rejected);
                tally.partial_rejected += rejected;
                tally.error(message);
            }
            Outcome::Refused(fault) => {
                tally.refused += items;
                tally.error(&fault.message);
            }
        }
        let now = Instant::now();
        if tally.told.is_none_or(|told| now.duration_since(told) >= PROGRESS_INTERVAL) {
            tally.told = Some(now);
            shared.host.tell("generator_progress", tally.facts(self.started));
        }
    }
}

impl Tally {
    fn error(&mut self, message: &str) {
        if let Some(count) = self.errors.get_mut(message) {
            *count += 1;
        } else if self.errors.len() < DISTINCT_ERRORS_MAX {
            self.errors.insert(message.to_owned(), 1);
        }
    }

    fn facts(&self, started: Instant) -> serde_json::Value {
        let errors: Vec<_> =
            self.errors.iter().map(|(message, count)| json!({ "message": message, "count": count })).collect();
        json!({
            "requests": self.requests,
            "accepted": self.accepted,
            "partial_rejected": self.partial_rejected,
            "refused": self.refused,
            "errors": errors,
            "elapsed_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// How long a stop waits for the answers under way before the stages behind are stopped too.
const HEAD_START: Duration = Duration::from_millis(500);

/// How often the host hears how it goes.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Different reasons kept for the report.
const DISTINCT_ERRORS_MAX: usize = 8;
