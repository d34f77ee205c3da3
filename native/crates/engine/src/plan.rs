//! A configuration document turned into parts: what every data-plane thread builds its own copy of the graph from.
//!
//! Instances follow the Collector: one exporter per id and signal, one processor per id and pipeline, one connector
//! per id and pair of signals, one receiver per id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use teleferric_parts::component::{ExporterPart, ReceiverPart, Shared, StagePart, StartError};
use teleferric_parts::registry;
use teleferric_wire::Signal;

use crate::document::{Component, Document, Pipeline};

/// The parts of one graph, shared by the data-plane threads.
pub struct Plan {
    /// Tells this graph from the one before and the one after it.
    pub generation: u64,
    /// The pipelines with what leads into and out of them.
    pub pipelines: Vec<PipelinePlan>,
    /// Exporters by id and signal.
    pub exporters: HashMap<(String, Signal), ExporterPart>,
    /// Connectors by id and the signals they lead from and to.
    pub connectors: HashMap<(String, Signal, Signal), Box<dyn StagePart>>,
    /// Ids of the receivers.
    pub receivers: Vec<String>,
}

/// One pipeline.
pub struct PipelinePlan {
    /// Its id.
    pub id: String,
    /// What flows through it.
    pub signal: Signal,
    /// Ids of receivers or connectors.
    pub receivers: Vec<String>,
    /// Processors in order, with their ids.
    pub processors: Vec<(String, Box<dyn StagePart>)>,
    /// Ids of exporters or connectors.
    pub exporters: Vec<String>,
}

/// A configured receiver before it is started.
pub type Receiver = (String, Box<dyn ReceiverPart>);

impl Plan {
    /// Builds all parts. Nothing is started: no port is bound, no file opened.
    ///
    /// # Errors
    /// The first setting that a component refuses, with the component's place in the configuration.
    pub fn build(
        document: &Document,
        generation: u64,
        shared: &Arc<Shared>,
    ) -> Result<(Plan, Vec<Receiver>), StartError> {
        let mut plan = Plan {
            generation,
            pipelines: Vec::new(),
            exporters: HashMap::new(),
            connectors: HashMap::new(),
            receivers: Vec::new(),
        };
        for pipeline in &document.pipelines_checked()? {
            plan.add_pipeline(document, pipeline, shared)?;
        }
        plan.add_connectors(document, shared)?;
        let mut receivers = Vec::new();
        for component in &document.receivers {
            let part = registry::receiver(component.configured(), shared).map_err(at("receivers", component))?;
            plan.receivers.push(component.id.clone());
            receivers.push((component.id.clone(), part));
        }
        Ok((plan, receivers))
    }

    fn add_pipeline(
        &mut self,
        document: &Document,
        (pipeline, signal): &(Pipeline, Signal),
        shared: &Arc<Shared>,
    ) -> Result<(), StartError> {
        let mut processors = Vec::new();
        for id in &pipeline.processors {
            let component = find("processors", &document.processors, id)?;
            let part =
                registry::processor(component.configured(), *signal, shared).map_err(at("processors", component))?;
            processors.push((id.clone(), part));
        }
        for id in &pipeline.exporters {
            let Some(component) = document.exporters.iter().find(|component| component.id == *id) else { continue };
            if let Entry::Vacant(vacant) = self.exporters.entry((id.clone(), *signal)) {
                let part = registry::exporter(component.configured(), *signal, shared);
                vacant.insert(part.map_err(at("exporters", component))?);
            }
        }
        self.pipelines.push(PipelinePlan {
            id: pipeline.id.clone(),
            signal: *signal,
            receivers: pipeline.receivers.clone(),
            processors,
            exporters: pipeline.exporters.clone(),
        });
        Ok(())
    }

    fn add_connectors(&mut self, document: &Document, shared: &Arc<Shared>) -> Result<(), StartError> {
        for component in &document.connectors {
            let pairs: Vec<(Signal, Signal)> = self
                .pipelines
                .iter()
                .filter(|from| from.exporters.contains(&component.id))
                .flat_map(|from| self.ends(&component.id).map(move |to| (from.signal, to.signal)))
                .collect();
            for (from, to) in pairs {
                let Some(part) = registry::connector(component.configured(), from, to, shared) else { continue };
                let part = part.map_err(at("connectors", component))?;
                self.connectors.insert((component.id.clone(), from, to), part);
            }
        }
        Ok(())
    }

    /// Pipelines that take from the receiver or connector `id`.
    pub fn ends<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a PipelinePlan> {
        self.pipelines.iter().filter(move |pipeline| pipeline.receivers.iter().any(|receiver| receiver == id))
    }
}

impl Document {
    /// The pipelines with their signals; every id they name is configured.
    fn pipelines_checked(&self) -> Result<Vec<(Pipeline, Signal)>, StartError> {
        let known = |lists: [&[Component]; 2], id: &String| lists.iter().any(|list| list.iter().any(|c| c.id == *id));
        self.service
            .pipelines
            .iter()
            .map(|pipeline| {
                let refuse =
                    |what: String| Err(StartError::new(format!("service::pipelines::{}: {what}", pipeline.id)));
                let Some(signal) = pipeline.signal() else {
                    return refuse(format!("unknown pipeline signal: \"{}\"", pipeline.signal));
                };
                let sources = [&self.receivers[..], &self.connectors[..]];
                let targets = [&self.exporters[..], &self.connectors[..]];
                for (word, lists, ids) in
                    [("receiver", sources, &pipeline.receivers), ("exporter", targets, &pipeline.exporters)]
                {
                    if let Some(id) = ids.iter().find(|id| !known(lists, id)) {
                        return refuse(format!("references {word} \"{id}\" which is not configured"));
                    }
                }
                Ok((pipeline.clone(), signal))
            })
            .collect()
    }
}

fn find<'a>(section: &str, components: &'a [Component], id: &str) -> Result<&'a Component, StartError> {
    components
        .iter()
        .find(|component| component.id == id)
        .ok_or_else(|| StartError::new(format!("{section}::{id}: referenced but not configured")))
}

/// Puts the component's place in front of its error.
fn at<'a>(section: &'a str, component: &'a Component) -> impl Fn(StartError) -> StartError + 'a {
    move |error| StartError::new(format!("{section}::{}: {error}", component.id))
}
