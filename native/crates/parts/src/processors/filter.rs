//! Processor `filter`: leaves out items for which an OTTL condition holds.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_buf::metrics::{Counter, Desc, Kind};
use teleferric_flow::log::{Level, Log};
use teleferric_flow::{Consumer, Fault, FaultCode, Outcome, Parcel, Payload, Processor, Stage};
use teleferric_wire::Signal;
use teleferric_wire::filter::{Filter, OnError, Rule};
use teleferric_wire::ottl::{Condition, Context};

use super::traffic::{INCOMING, OUTGOING};
use super::{Inline, rewrite};
use crate::component::{Shared, StagePart, StartError};
use crate::registry::Configured;

/// Settings.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FilterConfig {
    /// Any of whose conditions leaves an item out.
    pub groups: Vec<GroupSettings>,
}

/// Conditions that are written together.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupSettings {
    /// Where they are written, for error texts.
    pub at: String,
    /// traces, metrics, logs or profiles.
    pub signal: String,
    /// What they are about; none: what their paths say.
    pub context: Option<String>,
    /// ignore, silent or propagate.
    pub error_mode: String,
    /// The conditions.
    pub conditions: Vec<String>,
}

impl GroupSettings {
    /// The group's rules for requests of `signal`, which is its own.
    fn to_wire(&self, signal: Signal) -> Result<Vec<Rule>, StartError> {
        let context = match &self.context {
            Some(name) => Context::named(name).filter(|context| context.signal().is_none_or(|of| of == signal)),
            None => Some(Context::of_paths(self.conditions.iter().map(String::as_str), signal)),
        };
        let unknown = || StartError::new(format!("{}: unknown context {:?} for {signal}", self.at, self.context));
        let context = context.ok_or_else(unknown)?;
        let on_error = match self.error_mode.as_str() {
            "ignore" => OnError::Ignore,
            "silent" => OnError::Silent,
            "propagate" => OnError::Propagate,
            other => return Err(StartError::new(format!("{}: unknown error mode {other}", self.at))),
        };
        let rule = |text: &String| match Condition::parse(text, context) {
            Ok(condition) => Ok(Rule { context, condition, on_error }),
            Err(error) => {
                Err(StartError::new(format!("{}: unable to parse OTTL condition {text:?}: {error}", self.at)))
            }
        };
        self.conditions.iter().map(rule).collect()
    }
}

/// Builds the processor.
pub fn build(
    component: Configured<'_>,
    signal: Signal,
    shared: &Arc<Shared>,
) -> Result<Box<dyn StagePart>, StartError> {
    let config: FilterConfig = component.settings()?;
    // All are read, so that a mistake is found whichever pipelines use the component.
    let mut rules = Vec::new();
    for group in &config.groups {
        let of = Signal::ALL.into_iter().find(|signal| signal.name() == group.signal);
        let of = of.ok_or_else(|| StartError::new(format!("unknown signal {}", group.signal)))?;
        let group = group.to_wire(of)?;
        if of == signal {
            rules.extend(group);
        }
    }
    Ok(Box::new(FilterPart {
        id: component.id.to_owned(),
        signal,
        filter: Arc::new(Filter::new(signal, rules)),
        shared: Arc::clone(shared),
    }))
}

struct FilterPart {
    id: String,
    signal: Signal,
    filter: Arc<Filter>,
    shared: Arc<Shared>,
}

impl StagePart for FilterPart {
    fn stage(&self, next: Rc<dyn Consumer>) -> Rc<dyn Stage> {
        let labels = [("processor", self.id.as_str()), ("otel_signal", self.signal.name())];
        let metrics = &self.shared.metrics;
        let removed = FILTERED.get(self.signal.index());
        let items = Items {
            filter: Arc::clone(&self.filter),
            incoming: metrics.counter(&INCOMING, &labels),
            outgoing: metrics.counter(&OUTGOING, &labels),
            filtered: removed.map(|desc| metrics.counter(desc, &[("filter", self.id.as_str())])),
            log: self.shared.handles("processor", &self.id, self.signal).log,
            pool: self.shared.pool.clone(),
        };
        Inline::stage(items, next)
    }
}

struct Items {
    filter: Arc<Filter>,
    incoming: Counter,
    outgoing: Counter,
    filtered: Option<Counter>,
    log: Log,
    pool: Pool,
}

impl Processor for Items {
    fn process(&self, mut parcel: Parcel, next: &dyn Consumer) {
        self.incoming.add(parcel.items);
        let before = parcel.items;
        if !self.filter.is_idle()
            && let Err(fault) = self.filter(&mut parcel)
        {
            self.outgoing.add(0);
            parcel.reply.refuse(fault);
            return;
        }
        if let Some(filtered) = &self.filtered {
            filtered.add(before.saturating_sub(parcel.items));
        }
        self.outgoing.add(parcel.items);
        // Of profiles, a dictionary may be left.
        if parcel.items == 0 {
            parcel.reply.settle(Outcome::Accepted);
        } else {
            next.consume(parcel);
        }
    }
}

impl Items {
    /// Leaves out of the parcel what is to go. A parcel that keeps everything stays as it came.
    fn filter(&self, parcel: &mut Parcel) -> Result<(), Fault> {
        let mut payload = Payload::default();
        let (mut items, mut changed) = (0, false);
        for chunk in parcel.payload.chunks() {
            let filtered = self.filter.apply(chunk).map_err(|failed| {
                // The condition will not fare better with the same data another time.
                Fault::new(FaultCode::DownstreamPermanent, format!("filter: {failed}"))
            })?;
            if let Some(error) = filtered.error {
                self.log.emit(Level::Warn, "failed to eval condition", &[("error", error.to_string().as_str().into())]);
            }
            items += filtered.items;
            changed |= filtered.edited.is_some();
            payload.push(match &filtered.edited {
                None => chunk.clone(),
                Some(edited) => rewrite::write(edited, &self.pool)?,
            });
        }
        if changed {
            parcel.payload = payload;
            parcel.items = items;
            parcel.permit.shrink_to(parcel.payload.bytes());
        }
        Ok(())
    }
}

static FILTERED: [Desc; Signal::ALL.len()] = [
    filtered("otelcol_processor_filter_spans.filtered", "Number of spans dropped by the filter processor."),
    filtered(
        "otelcol_processor_filter_datapoints.filtered",
        "Number of metric data points dropped by the filter processor.",
    ),
    filtered("otelcol_processor_filter_logs.filtered", "Number of logs dropped by the filter processor."),
    filtered("otelcol_processor_filter_profiles.filtered", "Number of profiles dropped by the filter processor."),
];

const fn filtered(name: &'static str, help: &'static str) -> Desc {
    Desc { name, help, kind: Kind::Counter, lazy: true }
}

#[cfg(test)]
mod tests;
