//! The account of a sending queue on the metrics page: items that were put in, that are there, and that left, by what
//! became of them. At each quiet moment the first is the sum of the others.

use std::cell::RefCell;
use std::sync::Arc;

use teleferric_buf::metrics::{Counter, Desc, Gauge, Metrics, Registration};
use teleferric_store::{End, Totals};
use teleferric_wire::Signal;

use super::{counter, gauge};
use crate::batch::Batch;
use crate::reply::{Outcome, drop_reason};

/// What one thread's part of a queue in memory counts.
pub(crate) struct QueueMetrics {
    enqueued: Counter,
    held: Gauge,
    delivered: Counter,
    /// Ends that are rarer, each from its first item on.
    others: RefCell<Vec<(End, Counter)>>,
    metrics: Metrics,
    exporter: Box<str>,
    signal: Signal,
}

impl QueueMetrics {
    pub(crate) fn new(metrics: &Metrics, exporter: &str, signal: Signal) -> Self {
        let labels = [("exporter", exporter), ("data_type", signal.name())];
        QueueMetrics {
            enqueued: metrics.counter(&ENQUEUED, &labels),
            held: metrics.gauge(&HELD, &labels),
            delivered: metrics.counter(&LEFT, &with_outcome(labels, End::Delivered)),
            others: RefCell::default(),
            metrics: metrics.clone(),
            exporter: exporter.into(),
            signal,
        }
    }

    pub(crate) fn enqueued(&self, items: u64) {
        self.enqueued.add(items);
        self.held.add(items as i64);
    }

    /// Counts a batch that was answered, before its senders are.
    pub(crate) fn settled(&self, batch: &Batch, outcome: &Outcome) {
        let items = batch.parcel.items;
        match outcome {
            Outcome::Accepted => self.left(End::Delivered, items),
            Outcome::Partial { rejected, .. } => {
                // Of several nobody can be told.
                let is_told = batch.requests() == 1 && !batch.is_detached();
                self.left(if is_told { End::Refused } else { End::Rejected }, *rejected);
                self.left(End::Delivered, items.saturating_sub(*rejected));
            }
            Outcome::Refused(fault) => {
                let told = batch.awaited_items();
                self.left(End::Refused, told);
                self.left(drop_reason(fault).end(), items.saturating_sub(told));
            }
        }
    }

    /// Counts items that leave the queue.
    pub(crate) fn left(&self, end: End, items: u64) {
        if items == 0 {
            return;
        }
        self.held.sub(items as i64);
        if end == End::Delivered {
            return self.delivered.add(items);
        }
        let mut others = self.others.borrow_mut();
        if let Some((_, counter)) = others.iter().find(|(known, _)| *known == end) {
            return counter.add(items);
        }
        let labels = [("exporter", &*self.exporter), ("data_type", self.signal.name())];
        let counter = self.metrics.counter(&LEFT, &with_outcome(labels, end));
        counter.add(items);
        others.push((end, counter));
    }
}

/// Ends that the items of a queue on disk may come to.
const STORED_ENDS: [End; 10] = [
    End::Delivered,
    End::Refused,
    End::DeadLettered,
    End::Permanent,
    End::Expired,
    End::Rejected,
    End::QueueFull,
    End::Damaged,
    End::Abandoned,
    End::Purged,
];

/// Puts the account of a queue on disk, which `read` tells with the items held, on the page for as long as the result
/// lives.
pub(crate) fn register_stored(
    metrics: &Metrics,
    exporter: &str,
    signal: Signal,
    read: impl Fn() -> (Totals, u64) + Send + Sync + 'static,
) -> Vec<Registration> {
    let labels = [("exporter", exporter), ("data_type", signal.name())];
    let read = Arc::new(read);
    let (enqueued, held) = (Arc::clone(&read), Arc::clone(&read));
    let mut registrations = vec![
        metrics.counter_fn(&ENQUEUED, &labels, move || enqueued().0.enqueued as f64),
        metrics.gauge_fn(&HELD, &labels, move || held().1 as f64),
    ];
    registrations.extend(STORED_ENDS.map(|end| {
        let read = Arc::clone(&read);
        metrics.counter_fn(&LEFT, &with_outcome(labels, end), move || read().0.left(end) as f64)
    }));
    registrations
}

fn with_outcome<'a>(labels: [(&'a str, &'a str); 2], end: End) -> [(&'a str, &'a str); 3] {
    [labels[0], labels[1], ("outcome", end.label())]
}

static ENQUEUED: Desc = counter(
    "teleferric_queue_enqueued_items_total",
    "Items ever put into the sending queue, on disk also before a restart.",
);
static HELD: Desc = gauge("teleferric_queue_held_items", "Items in the sending queue, including those being sent.");
static LEFT: Desc =
    counter("teleferric_queue_left_items_total", "Items that left the sending queue, by what became of them.");
