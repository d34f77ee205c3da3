//! Exporter `debug`: shows what passes, for people. A line a batch, a line a record, or every field of every record.
//!
//! It writes nowhere itself: text goes to the host, which owns the streams. It is for looking, not for keeping: a host
//! that does not read costs text, never data.

mod detailed;
mod lines;
mod node;
mod normal;
mod printer;
mod profile;
mod summary;
mod text;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use teleferric_flow::{Exporter, LocalFuture, Outcome, Parcel};
use teleferric_wire::Signal;

use self::lines::Lines;
use self::node::Node;
use self::printer::Printer;
use self::summary::Summary;
use crate::component::{ExporterPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings::delivery::{SendingQueue, delivery};

/// Settings of the exporter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DebugConfig {
    /// How much is shown.
    pub verbosity: Verbosity,
    /// Batches shown at first in each second.
    pub sampling_initial: u64,
    /// After those, every n-th batch is shown; 0 and 1 show all.
    pub sampling_thereafter: u64,
    /// Whether the collector's own log is written to, and not `output_paths`.
    pub use_internal_logger: bool,
    /// `stdout`, `stderr` or files.
    pub output_paths: Vec<String>,
    /// The queue in front, if any.
    pub sending_queue: Option<SendingQueue>,
}

/// How much of a batch is shown.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verbosity {
    /// A line a batch.
    Basic,
    /// A line a record.
    Normal,
    /// Every field.
    Detailed,
}

/// Builds the exporter.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    let config: DebugConfig = component.settings()?;
    let delivery = delivery(Duration::ZERO, None, config.sending_queue.as_ref())?;
    let printer = Arc::new(Printer::new(&config, Arc::clone(&shared.host)));
    let verbosity = config.verbosity;
    let make = move || Ok(Rc::new(Debug { signal, verbosity, printer: Arc::clone(&printer) }) as Rc<dyn Exporter>);
    Ok(ExporterPart::local(Box::new(make), delivery))
}

struct Debug {
    signal: Signal,
    verbosity: Verbosity,
    printer: Arc<Printer>,
}

impl Exporter for Debug {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(async move {
            if self.printer.passes() {
                let chunks = parcel.payload.chunks();
                let summary = Summary::of(self.signal, chunks);
                self.printer.headline(summary.word, &summary.fields).await;
                if self.verbosity != Verbosity::Basic {
                    self.show(chunks).await;
                }
            }
            Outcome::Accepted
        })
    }
}

/// Text is handed over once it is this long, at the end of a record, bytes.
const PIECE_BYTES: usize = 256 << 10;

impl Debug {
    /// Shows records one after the other, so that the text of a large batch is never in memory as a whole.
    async fn show(&self, chunks: &[Bytes]) {
        let layout = Layout::of(self.signal);
        let mut out = Lines::default();
        let mut resource_index = 0;
        for chunk in chunks {
            let request = Node::new(self.signal.request(), chunk);
            for resource in request.list(layout.resources) {
                self.show_resource(&layout, resource_index, &resource, &mut out).await;
                resource_index += 1;
            }
            if self.signal == Signal::Profiles && self.verbosity == Verbosity::Detailed {
                profile::dictionary(&request, &mut out);
            }
        }
        self.printer.text(out.take()).await;
    }

    async fn show_resource(&self, layout: &Layout, index: usize, resource: &Node<'_>, out: &mut Lines) {
        match self.verbosity {
            Verbosity::Detailed => detailed::resource(layout, index, resource, out),
            Verbosity::Normal | Verbosity::Basic => normal::resource(layout, index, resource, out),
        }
        for (index, scope) in resource.list(layout.scopes).enumerate() {
            match self.verbosity {
                Verbosity::Detailed => detailed::scope(layout, index, &scope, out),
                Verbosity::Normal | Verbosity::Basic => normal::scope(layout, index, &scope, out),
            }
            for (index, record) in scope.list(layout.records).enumerate() {
                match self.verbosity {
                    Verbosity::Detailed => detailed::record(self.signal, index, &record, out),
                    Verbosity::Normal | Verbosity::Basic => normal::record(self.signal, &record, out),
                }
                if out.len() > PIECE_BYTES {
                    self.printer.text(out.take()).await;
                }
            }
        }
    }
}

/// How the messages around the records of a signal are called: on the wire, and in headings.
struct Layout {
    resources: &'static str,
    scopes: &'static str,
    records: &'static str,
    resource_heading: &'static str,
    scope_heading: &'static str,
    normal_headings: (&'static str, &'static str),
}

impl Layout {
    fn of(signal: Signal) -> Layout {
        let (resources, scopes, records, resource_heading, scope_heading, normal_headings) = match signal {
            Signal::Traces => (
                "resource_spans",
                "scope_spans",
                "spans",
                "ResourceSpans",
                "ScopeSpans",
                ("ResourceTraces", "ScopeTraces"),
            ),
            Signal::Metrics => (
                "resource_metrics",
                "scope_metrics",
                "metrics",
                "ResourceMetrics",
                "ScopeMetrics",
                ("ResourceMetrics", "ScopeMetrics"),
            ),
            Signal::Logs => {
                ("resource_logs", "scope_logs", "log_records", "ResourceLog", "ScopeLogs", ("ResourceLog", "ScopeLog"))
            }
            Signal::Profiles => (
                "resource_profiles",
                "scope_profiles",
                "profiles",
                "ResourceProfiles",
                "ScopeProfiles",
                ("ResourceProfiles", "ScopeProfiles"),
            ),
        };
        Layout { resources, scopes, records, resource_heading, scope_heading, normal_headings }
    }
}

#[cfg(test)]
mod tests;
