//! What is counted about work that is done outside of the data plane.

use teleferric_buf::metrics::{Counter, Desc, Gauge, Histogram, Metrics};
use teleferric_wire::Signal;

use super::{counter, gauge, histogram};
use crate::plugin::FailureReason;

/// What one thread's part of a plugin counts about its batches.
pub(crate) struct PluginMetrics {
    done: Counter,
    failed: [(FailureReason, Counter); FailureReason::ALL.len()],
    in_flight: Gauge,
    duration: Histogram,
}

impl PluginMetrics {
    /// `kind` is `processor` or `exporter`, the label of the component's id.
    pub(crate) fn new(metrics: &Metrics, kind: &'static str, id: &str, signal: Signal) -> Self {
        let labels = [(kind, id), ("otel_signal", signal.name())];
        let outcome = |word| metrics.counter(&BATCHES, &[labels[0], labels[1], ("outcome", word)]);
        PluginMetrics {
            done: outcome("ok"),
            failed: FailureReason::ALL.map(|reason| (reason, outcome(reason.label()))),
            in_flight: metrics.gauge(&IN_FLIGHT, &labels),
            duration: metrics.histogram(&DURATION, &labels),
        }
    }

    pub(crate) fn done(&self) {
        self.done.add(1);
    }

    pub(crate) fn failed(&self, failed: FailureReason) {
        self.failed.iter().filter(|(reason, _)| *reason == failed).for_each(|(_, counter)| counter.add(1));
    }

    pub(crate) fn came(&self) {
        self.in_flight.add(1);
    }

    pub(crate) fn left(&self) {
        self.in_flight.sub(1);
    }

    pub(crate) fn took(&self, seconds: f64) {
        self.duration.record(seconds);
    }
}

/// Counts items that a processor was given, and those that it left out or lost.
pub(crate) struct PluginItems {
    pub(crate) filtered: Counter,
    pub(crate) dropped: Counter,
}

impl PluginItems {
    pub(crate) fn new(metrics: &Metrics, processor: &str, signal: Signal) -> Self {
        let labels = [("processor", processor), ("otel_signal", signal.name())];
        PluginItems { filtered: metrics.counter(&FILTERED, &labels), dropped: metrics.counter(&DROPPED, &labels) }
    }
}

/// Counts the workers of a component that were started in the place of others.
pub(crate) fn plugin_restarts(metrics: &Metrics, component: &str) -> Counter {
    metrics.counter(&RESTARTS, &[("component", component)])
}

static BATCHES: Desc = counter("teleferric_plugin_batches_total", "Batches given to plugins, by what became of them.");
static IN_FLIGHT: Desc = gauge("teleferric_plugin_in_flight_batches", "Batches that wait for a plugin or are with it.");
static DURATION: Desc = histogram(
    "teleferric_plugin_batch_duration_seconds",
    "Time from when a worker has fetched a batch until it has answered.",
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0],
);
static FILTERED: Desc = counter("teleferric_plugin_filtered_items_total", "Items that a plugin left out.");
static DROPPED: Desc =
    counter("teleferric_plugin_dropped_items_total", "Items dropped by on_error because a plugin failed.");
static RESTARTS: Desc = counter("teleferric_plugin_restarts_total", "Workers started in the place of others.");
