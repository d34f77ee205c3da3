//! The Collector's own metrics about sending queues, exporters and the batch processor, by the names and labels of
//! its scrape page, and ours about endpoints, circuit breakers and dead letters. One writer per data-plane thread and
//! stage.

mod plugin;
mod queue;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use teleferric_buf::metrics::{Counter, Desc, Gauge, Histogram, Kind, Metrics, Registration};
use teleferric_store::Gauges;
use teleferric_wire::Signal;

use crate::balancer::Counts;
use crate::breaker::BreakerShared;
use crate::credentials::Credentials;
use crate::fault::{Fault, FaultCode};
use crate::queue::Room;
pub(crate) use plugin::{PluginItems, PluginMetrics, plugin_restarts};
pub(crate) use queue::{QueueMetrics, register_stored};

/// What one thread's part of an exporter counts.
pub(crate) struct ExporterMetrics {
    pub(crate) sent: Counter,
    pub(crate) send_failed: SendFailed,
    pub(crate) enqueue_failed: Counter,
    pub(crate) in_flight: Gauge,
    /// Only with a queue in memory.
    pub(crate) queue: Option<QueueMetrics>,
    /// Only with telemetry level `detailed`.
    detailed: Option<ExporterSizes>,
}

/// Items of requests that failed for good; at telemetry level `detailed` told apart by what failed.
pub(crate) enum SendFailed {
    Together(Counter),
    ByError {
        metrics: Metrics,
        desc: &'static Desc,
        labels: Vec<(Box<str>, Box<str>)>,
        counters: RefCell<Vec<ByError>>,
    },
}

/// One kind of failure, of which there are few.
pub(crate) struct ByError {
    kind: &'static str,
    permanent: bool,
    counter: Counter,
}

impl SendFailed {
    fn new(metrics: &Metrics, desc: &'static Desc, labels: &[(&str, &str)], detailed: bool) -> Self {
        if !detailed {
            return SendFailed::Together(metrics.counter(desc, labels));
        }
        let labels = labels.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect();
        SendFailed::ByError { metrics: metrics.clone(), desc, labels, counters: RefCell::default() }
    }

    /// Counts the items of one request that ended with `fault`.
    pub(crate) fn add(&self, items: u64, fault: &Fault) {
        match self {
            SendFailed::Together(counter) => counter.add(items),
            SendFailed::ByError { metrics, desc, labels, counters } => {
                let (kind, permanent) = (error_type(fault), fault.is_permanent());
                let mut counters = counters.borrow_mut();
                if let Some(known) = counters.iter().find(|known| known.kind == kind && known.permanent == permanent) {
                    return known.counter.add(items);
                }
                let error = [("error_type", kind), ("error_permanent", if permanent { "true" } else { "false" })];
                let own = labels.iter().map(|(name, value)| (&**name, &**value));
                let all: Vec<(&str, &str)> = own.chain(error).collect();
                let counter = metrics.counter(desc, &all);
                counter.add(items);
                counters.push(ByError { kind, permanent, counter });
            }
        }
    }
}

/// The Collector's `error.type`: a shutdown, or the name of the gRPC status.
fn error_type(fault: &Fault) -> &'static str {
    match fault.code {
        FaultCode::Draining => "Shutdown",
        _ => fault.grpc_status().name(),
    }
}

struct ExporterSizes {
    enqueue_items: Histogram,
    enqueue_bytes: Histogram,
    batch_items: Histogram,
    batch_bytes: Histogram,
}

impl ExporterMetrics {
    /// `labels` are those of the counters beside `exporter`, such as the server's address. `queues` is whether there is a
    /// queue in memory.
    pub(crate) fn new(
        metrics: &Metrics,
        exporter: &str,
        signal: Signal,
        labels: &[(&str, &str)],
        queues: bool,
        detailed: bool,
    ) -> Self {
        let descs = &EXPORTER[signal.index()];
        let own = [("exporter", exporter)];
        let sent: Vec<(&str, &str)> = own.iter().chain(labels).copied().collect();
        let typed = [("exporter", exporter), ("data_type", signal.name())];
        ExporterMetrics {
            sent: metrics.counter(&descs.sent, &sent),
            send_failed: SendFailed::new(metrics, &descs.send_failed, &sent, detailed),
            enqueue_failed: metrics.counter(&descs.enqueue_failed, &own),
            in_flight: metrics.gauge(&IN_FLIGHT, &typed),
            queue: queues.then(|| QueueMetrics::new(metrics, exporter, signal)),
            detailed: detailed.then(|| ExporterSizes {
                enqueue_items: metrics.histogram(&ENQUEUE_SIZE, &own),
                enqueue_bytes: metrics.histogram(&ENQUEUE_BYTES, &own),
                batch_items: metrics.histogram(&BATCH_SEND_SIZE, &sent),
                batch_bytes: metrics.histogram(&BATCH_SEND_BYTES, &sent),
            }),
        }
    }

    pub(crate) fn enqueued(&self, items: u64, bytes: u64) {
        if let Some(sizes) = &self.detailed {
            sizes.enqueue_items.record(items as f64);
            sizes.enqueue_bytes.record(bytes as f64);
        }
    }

    pub(crate) fn batched(&self, items: u64, bytes: u64) {
        if let Some(sizes) = &self.detailed {
            sizes.batch_items.record(items as f64);
            sizes.batch_bytes.record(bytes as f64);
        }
    }
}

/// Puts a queue's level, size and parallel sends, and whether it is held up by refused credentials, on the page for as
/// long as the result lives.
pub(crate) fn register_queue(
    metrics: &Metrics,
    exporter: &str,
    signal: Signal,
    room: &Room,
    credentials: &Arc<Credentials>,
) -> [Registration; 4] {
    let labels = [("exporter", exporter), ("data_type", signal.name())];
    let (size, capacity, consumers) = (room.clone(), room.capacity(), room.consumers().clone());
    let credentials = Arc::clone(credentials);
    [
        metrics.gauge_fn(&QUEUE_SIZE, &labels, move || size.used() as f64),
        metrics.gauge_fn(&QUEUE_CAPACITY, &labels, move || capacity as f64),
        metrics.gauge_fn(&CONSUMERS_LIMIT, &labels, move || consumers.limit() as f64),
        metrics.gauge_fn(&AUTH_FAILED, &labels, move || f64::from(u8::from(credentials.are_refused()))),
    ]
}

/// Counts items that become dead letters.
pub(crate) fn dead_lettered(metrics: &Metrics, exporter: &str, signal: Signal) -> Counter {
    metrics.counter(&DEAD_LETTERED, &[("exporter", exporter), ("data_type", signal.name())])
}

/// Puts the state of the log in `directory` on the page for as long as the result lives.
pub(crate) fn register_log(metrics: &Metrics, directory: &str, gauges: &Gauges) -> [Registration; 2] {
    let labels = [("directory", directory)];
    let (fill, state) = (gauges.clone(), gauges.clone());
    [
        metrics.gauge_fn(&STORAGE_FILL, &labels, move || fill.fill_percent() as f64 / 100.0),
        metrics.gauge_fn(&STORAGE_READ_ONLY, &labels, move || f64::from(u8::from(state.is_read_only()))),
    ]
}

/// Puts the items that lie in a queue's dead letters on the page for as long as the result lives.
pub(crate) fn register_dead_letters(
    metrics: &Metrics,
    exporter: &str,
    signal: Signal,
    items: impl Fn() -> u64 + Send + Sync + 'static,
) -> Registration {
    let labels = [("exporter", exporter), ("data_type", signal.name())];
    metrics.gauge_fn(&DEAD_LETTER_ITEMS, &labels, move || items() as f64)
}

/// What one thread's part of a circuit breaker counts.
pub(crate) struct BreakerMetrics {
    pub(crate) to_closed: Counter,
    pub(crate) to_half_open: Counter,
    pub(crate) to_open: Counter,
    /// Attempts that were held back or refused.
    pub(crate) rejected: Counter,
}

impl BreakerMetrics {
    pub(crate) fn new(metrics: &Metrics, exporter: &str, endpoint: &str) -> Self {
        let labels = [("exporter", exporter), ("endpoint", endpoint)];
        let to = |state| metrics.counter(&BREAKER_TRANSITIONS, &[labels[0], labels[1], ("to", state)]);
        BreakerMetrics {
            to_closed: to("closed"),
            to_half_open: to("half_open"),
            to_open: to("open"),
            rejected: metrics.counter(&BREAKER_REJECTED, &labels),
        }
    }
}

/// Puts a breaker's state on the page for as long as the result lives.
pub(crate) fn register_breaker(
    metrics: &Metrics,
    exporter: &str,
    endpoint: &str,
    breaker: Arc<BreakerShared>,
) -> Registration {
    let labels = [("exporter", exporter), ("endpoint", endpoint)];
    metrics.gauge_fn(&BREAKER_STATE, &labels, move || f64::from(breaker.state() as u8))
}

/// Puts one of several endpoints on the page for as long as the result lives: its bytes in flight, and whether it is
/// out.
pub(crate) fn register_endpoint(
    metrics: &Metrics,
    exporter: &str,
    endpoint: &str,
    in_flight_bytes: impl Fn() -> u64 + Send + Sync + 'static,
    is_ejected: impl Fn() -> bool + Send + Sync + 'static,
) -> [Registration; 2] {
    let labels = [("exporter", exporter), ("endpoint", endpoint)];
    [
        metrics.gauge_fn(&ENDPOINT_IN_FLIGHT_BYTES, &labels, move || in_flight_bytes() as f64),
        metrics.gauge_fn(&ENDPOINT_EJECTED, &labels, move || f64::from(u8::from(is_ejected()))),
    ]
}

/// One thread's count of the attempts that went to one of several endpoints.
pub(crate) fn endpoint_picks(metrics: &Metrics, exporter: &str, endpoint: &str) -> Counter {
    metrics.counter(&ENDPOINT_PICKS, &[("exporter", exporter), ("endpoint", endpoint)])
}

/// Puts what is known of the backends of an exporter that balances load on the page for as long as the result lives.
pub(crate) fn register_balancer(
    metrics: &Metrics,
    exporter: &str,
    signal: Signal,
    resolver: &str,
    counts: &Arc<Counts>,
) -> [Registration; 4] {
    let labels = [("exporter", exporter), ("data_type", signal.name()), ("resolver", resolver)];
    let resolved = |success| [labels[0], labels[1], labels[2], ("success", success)];
    let read = |count: fn(&Counts) -> &AtomicU64| {
        let counts = Arc::clone(counts);
        move || count(&counts).load(Ordering::Relaxed) as f64
    };
    [
        metrics.gauge_fn(&BACKENDS, &labels, read(|counts| &counts.backends)),
        metrics.counter_fn(&BACKEND_UPDATES, &labels, read(|counts| &counts.updates)),
        metrics.counter_fn(&RESOLUTIONS, &resolved("true"), read(|counts| &counts.resolved)),
        metrics.counter_fn(&RESOLUTIONS, &resolved("false"), read(|counts| &counts.failed)),
    ]
}

/// Puts the level that a failover connector uses on the page for as long as the result lives.
pub(crate) fn register_failover(
    metrics: &Metrics,
    connector: &str,
    signal: Signal,
    level: Arc<AtomicUsize>,
) -> Registration {
    let labels = [("connector", connector), ("data_type", signal.name())];
    metrics.gauge_fn(&FAILOVER_LEVEL, &labels, move || level.load(Ordering::Relaxed) as f64)
}

/// What one thread's part of a batch processor counts.
pub(crate) struct BatchMetrics {
    pub(crate) size_triggers: Counter,
    pub(crate) timeout_triggers: Counter,
    pub(crate) cardinality: Gauge,
    send_items: Histogram,
    send_bytes: Option<Histogram>,
}

impl BatchMetrics {
    pub(crate) fn new(metrics: &Metrics, processor: &str, detailed: bool) -> Self {
        let labels = [("processor", processor)];
        BatchMetrics {
            size_triggers: metrics.counter(&BATCH_SIZE_TRIGGER, &labels),
            timeout_triggers: metrics.counter(&BATCH_TIMEOUT_TRIGGER, &labels),
            cardinality: metrics.gauge(&BATCH_CARDINALITY, &labels),
            send_items: metrics.histogram(&PROCESSOR_SEND_SIZE, &labels),
            send_bytes: detailed.then(|| metrics.histogram(&PROCESSOR_SEND_BYTES, &labels)),
        }
    }

    pub(crate) fn sent(&self, items: u64, bytes: u64) {
        self.send_items.record(items as f64);
        if let Some(histogram) = &self.send_bytes {
            histogram.record(bytes as f64);
        }
    }
}

struct ExporterDescs {
    sent: Desc,
    send_failed: Desc,
    enqueue_failed: Desc,
}

/// One row per signal, at [`Signal::index`]. A macro only because metric names are made of literals.
macro_rules! exporter_rows {
    ($(($unit:literal, $words:literal)),*) => {
        [$(ExporterDescs {
            sent: counter(
                concat!("otelcol_exporter_sent_", $unit),
                concat!("Number of ", $words, " successfully sent to destination. [Alpha]"),
            ),
            send_failed: counter(
                concat!("otelcol_exporter_send_failed_", $unit),
                concat!("Number of ", $words, " in failed attempts to send to destination. [Alpha]"),
            ),
            enqueue_failed: counter(
                concat!("otelcol_exporter_enqueue_failed_", $unit),
                concat!("Number of ", $words, " failed to be added to the sending queue. [Alpha]"),
            ),
        }),*]
    };
}

static EXPORTER: [ExporterDescs; Signal::ALL.len()] = exporter_rows![
    ("spans", "spans"),
    ("metric_points", "metric points"),
    ("log_records", "log records"),
    ("profile_samples", "profile samples")
];

static IN_FLIGHT: Desc = gauge(
    "otelcol_exporter_in_flight_requests",
    "Number of requests being sent, including those waiting to be sent again. [Development]",
);
static QUEUE_SIZE: Desc =
    gauge("otelcol_exporter_queue_size", "Current size of the sending queue, in units of its sizer. [Alpha]");
static QUEUE_CAPACITY: Desc =
    gauge("otelcol_exporter_queue_capacity", "Fixed capacity of the sending queue, in units of its sizer. [Alpha]");
static CONSUMERS_LIMIT: Desc =
    gauge("teleferric_exporter_consumers_limit", "Sends that may run at the same time now, at most num_consumers.");
static ENQUEUE_SIZE: Desc =
    histogram("otelcol_exporter_enqueue_size", "Items in a request added to the sending queue. [Development]", &SIZES);
static ENQUEUE_BYTES: Desc = histogram(
    "otelcol_exporter_enqueue_size_bytes",
    "Bytes in a request added to the sending queue. [Development]",
    &BYTES,
);
static BATCH_SEND_SIZE: Desc =
    histogram("otelcol_exporter_queue_batch_send_size", "Items in a batch sent. [Development]", &SIZES);
static BATCH_SEND_BYTES: Desc =
    histogram("otelcol_exporter_queue_batch_send_size_bytes", "Bytes in a batch sent. [Development]", &BYTES);

static DEAD_LETTERED: Desc = counter(
    "teleferric_dead_lettered_items_total",
    "Items that a destination refused for good and that were kept as dead letters.",
);
static STORAGE_FILL: Desc =
    gauge("teleferric_storage_fill_ratio", "How full a storage is of what only delivery removes, from 0 to 1.");

static STORAGE_READ_ONLY: Desc =
    gauge("teleferric_storage_read_only", "1 if a storage takes nothing until the next start, as its disk has failed.");

static DEAD_LETTER_ITEMS: Desc = gauge("teleferric_dead_letter_items", "Items in dead letters.");

static AUTH_FAILED: Desc =
    gauge("teleferric_auth_failed", "Whether a queue is held up because its destination refuses the credentials.");

static BREAKER_STATE: Desc =
    gauge("teleferric_breaker_state", "State of a circuit breaker: 0 closed, 1 half-open, 2 open.");
static BREAKER_TRANSITIONS: Desc =
    counter("teleferric_breaker_transitions_total", "Changes of state of a circuit breaker, by the state after.");
static BREAKER_REJECTED: Desc =
    counter("teleferric_breaker_rejected_total", "Attempts that a circuit breaker held back or refused.");

static ENDPOINT_IN_FLIGHT_BYTES: Desc =
    gauge("teleferric_endpoint_in_flight_bytes", "Bytes of requests sent to an endpoint and not yet answered.");
static ENDPOINT_EJECTED: Desc =
    gauge("teleferric_endpoint_ejected", "Whether an endpoint is left out because its circuit breaker is not closed.");
static ENDPOINT_PICKS: Desc =
    counter("teleferric_endpoint_picks_total", "Attempts that went to an endpoint, first ones and others.");

static BACKENDS: Desc = gauge("otelcol_loadbalancer_num_backends", "Current number of backends in use. [Beta]");
static BACKEND_UPDATES: Desc = counter(
    "otelcol_loadbalancer_num_backend_updates",
    "Number of times the list of backends was set or changed. [Beta]",
);
static RESOLUTIONS: Desc =
    counter("otelcol_loadbalancer_num_resolutions", "Number of times the backends were looked up. [Beta]");

static FAILOVER_LEVEL: Desc =
    gauge("teleferric_failover_level", "Priority level that a failover connector uses, 0 the best.");

static BATCH_SIZE_TRIGGER: Desc =
    counter("otelcol_processor_batch_batch_size_trigger_send", "Batches sent because of their size. [Development]");
static BATCH_TIMEOUT_TRIGGER: Desc =
    counter("otelcol_processor_batch_timeout_trigger_send", "Batches sent because of the timeout. [Development]");
static BATCH_CARDINALITY: Desc = gauge(
    "otelcol_processor_batch_metadata_cardinality",
    "Distinct metadata value combinations being processed. [Development]",
);
static PROCESSOR_SEND_SIZE: Desc =
    histogram("otelcol_processor_batch_batch_send_size", "Items in a batch sent. [Development]", &SIZES);
static PROCESSOR_SEND_BYTES: Desc =
    histogram("otelcol_processor_batch_batch_send_size_bytes", "Bytes in a batch sent. [Development]", &BYTES);

const fn counter(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Counter, lazy: true }
}

const fn gauge(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Gauge, lazy: false }
}

const fn histogram(name: &'static str, help: &'static str, bounds: &'static [f64]) -> Desc {
    Desc { name, help, kind: Kind::Histogram { bounds }, lazy: true }
}

static SIZES: [f64; 22] = [
    10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1000.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0, 7000.0, 8000.0,
    9000.0, 10000.0, 20000.0, 30000.0, 50000.0, 100_000.0,
];

static BYTES: [f64; 18] = [
    128.0,
    256.0,
    512.0,
    1024.0,
    2048.0,
    4096.0,
    8192.0,
    16384.0,
    32768.0,
    65536.0,
    131_072.0,
    262_144.0,
    524_288.0,
    1_048_576.0,
    2_097_152.0,
    4_194_304.0,
    8_388_608.0,
    16_777_216.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_has_the_row_of_its_unit() {
        for signal in Signal::ALL {
            let row = &EXPORTER[signal.index()];
            assert!(
                row.sent.name.ends_with(signal.item_unit()) && row.enqueue_failed.name.ends_with(signal.item_unit())
            );
        }
    }
}
