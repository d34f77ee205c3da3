//! A configuration document turned into parts: what every data-plane thread builds its own copy of the graph from. Nodes
//! that the graph before had are taken over from its plan; see `node`.

use std::collections::HashMap;
use std::sync::Arc;

use teleferric_flow::{OverloadSettings, Tenants};
use teleferric_parts::component::{ConnectorPart, ReceiverPart, Shared, StartError};
use teleferric_parts::receivers::otlp::ingest::IntakeRules;
use teleferric_parts::registry;
use teleferric_wire::Signal;

use crate::document::{Component, Document, Pipeline, TenantControl};
use crate::node::{Node, Origin, Part, Place, Serial};

/// The parts of one graph, shared by the data-plane threads.
pub struct Plan {
    /// Tells this graph from the one before and the one after it.
    pub generation: u64,
    /// All stages, downstream before upstream.
    pub nodes: Vec<Arc<Node>>,
    /// What the receivers hand their data to.
    pub receivers: Vec<ReceiverPlan>,
    /// What is refused while too much comes.
    pub overload: Arc<OverloadSettings>,
    /// Whose requests are whose and what each may send, if that matters.
    pub tenants: Option<Arc<Tenants>>,
}

/// One receiver.
pub struct ReceiverPlan {
    /// Its id.
    pub id: String,
    /// What takes its data.
    pub outputs: Outputs,
    /// The rules for its requests.
    pub rules: Arc<IntakeRules>,
}

/// Nodes that take the data of each signal that a pipeline carries.
pub type Outputs = Vec<(Signal, Vec<Arc<Node>>)>;

/// A configured receiver before it is started.
pub type Receiver = (String, Box<dyn ReceiverPart>);

impl Plan {
    /// Builds the parts of all nodes that `before` does not have. Nothing is started: no port is bound.
    ///
    /// # Errors
    /// The first setting that a component refuses, with the component's place in the configuration.
    pub fn build(
        document: &Document,
        generation: u64,
        shared: &Arc<Shared>,
        before: Option<&Plan>,
    ) -> Result<(Plan, Vec<Receiver>), StartError> {
        let known = before.map_or(&[][..], |before| &before.nodes);
        let mut planner = Planner {
            document,
            pipelines: document.pipelines_checked()?,
            generation,
            shared,
            known: known.iter().map(|node| (&node.origin, node)).collect(),
            nodes: Vec::new(),
            heads: HashMap::new(),
        };
        for index in 0..planner.pipelines.len() {
            planner.head(index)?;
        }
        let mut receivers = Vec::new();
        let mut parts = Vec::new();
        for component in &document.receivers {
            let part = registry::receiver(component.configured(), shared).map_err(at("receivers", component))?;
            let (id, rules) = (component.id.clone(), part.intake_rules());
            receivers.push(ReceiverPlan { id, outputs: planner.outputs(&component.id)?, rules });
            parts.push((component.id.clone(), part));
        }
        let overload = Arc::new(document.service.overload.settings()?);
        let tenants = document.service.tenants.as_ref().map(TenantControl::settings).transpose()?;
        let tenants = tenants.map(|settings| Tenants::new(settings, &shared.tenants));
        Ok((Plan { generation, nodes: planner.nodes, receivers, overload, tenants }, parts))
    }
}

/// A plan in the making.
struct Planner<'a> {
    document: &'a Document,
    pipelines: Vec<(&'a Pipeline, Signal)>,
    generation: u64,
    shared: &'a Arc<Shared>,
    /// The nodes of the graph before.
    known: HashMap<&'a Origin, &'a Arc<Node>>,
    /// A node is added after everything it hands on to.
    nodes: Vec<Arc<Node>>,
    /// What takes the data of each pipeline that is planned, by its index.
    heads: HashMap<usize, Vec<Arc<Node>>>,
}

impl Planner<'_> {
    /// What takes the data of a receiver, by signal.
    fn outputs(&mut self, receiver: &str) -> Result<Outputs, StartError> {
        let mut outputs = Vec::new();
        for signal in Signal::ALL {
            let heads = self.heads_from(receiver, signal)?;
            if !heads.is_empty() {
                outputs.push((signal, heads));
            }
        }
        Ok(outputs)
    }

    /// What takes the data of `signal` that the receiver or connector `source` hands on.
    fn heads_from(&mut self, source: &str, signal: Signal) -> Result<Vec<Arc<Node>>, StartError> {
        let mut heads = Vec::new();
        for index in 0..self.pipelines.len() {
            let (pipeline, carried) = self.pipelines[index];
            if carried == signal && pipeline.receivers.iter().any(|receiver| receiver == source) {
                heads.extend(self.head(index)?);
            }
        }
        Ok(heads)
    }

    /// What takes the data of a pipeline: its first processor, or its exporters and connectors if it has none.
    fn head(&mut self, index: usize) -> Result<Vec<Arc<Node>>, StartError> {
        if let Some(head) = self.heads.get(&index) {
            return Ok(head.clone());
        }
        let (document, (pipeline, signal)) = (self.document, self.pipelines[index]);
        let mut head = Vec::new();
        for id in &pipeline.exporters {
            match document.exporters.iter().find(|component| component.id == *id) {
                Some(component) => head.push(self.exporter(component, signal)?),
                None => head.extend(self.connectors(find("connectors", &document.connectors, id)?, signal)?),
            }
        }
        for id in pipeline.processors.iter().rev() {
            let component = find("processors", &document.processors, id)?;
            let place = Place::Processor(pipeline.id.clone(), id.clone());
            let node = self.node(place, component, head, |shared| {
                registry::processor(component.configured(), signal, shared)
                    .map(Part::Stage)
                    .map_err(at("processors", component))
            });
            head = vec![node?];
        }
        self.heads.insert(index, head.clone());
        Ok(head)
    }

    fn exporter(&mut self, component: &Component, signal: Signal) -> Result<Arc<Node>, StartError> {
        self.node(Place::Exporter(component.id.clone(), signal), component, Vec::new(), |shared| {
            registry::exporter(component.configured(), signal, shared)
                .map(|part| Part::Exporter(Box::new(part)))
                .map_err(at("exporters", component))
        })
    }

    /// The nodes of a connector at the end of a pipeline of signal `from`.
    fn connectors(&mut self, component: &Component, from: Signal) -> Result<Vec<Arc<Node>>, StartError> {
        let mut nodes = Vec::new();
        for to in Signal::ALL {
            let all = self.heads_from(&component.id, to)?;
            if all.is_empty() {
                continue;
            }
            let Some(part) = registry::connector(component.configured(), from, to, self.shared) else { continue };
            let place = Place::Connector(component.id.clone(), from, to);
            let (part, next) = match part.map_err(at("connectors", component))? {
                ConnectorPart::All(part) => (Part::Stage(part), all),
                ConnectorPart::Levels(levels, part) => {
                    let levels = self.levels(component, &levels, to)?;
                    (Part::Levels(part, levels.iter().map(Vec::len).collect()), levels.concat())
                }
            };
            nodes.push(self.node(place, component, next, |_| Ok(part))?);
        }
        Ok(nodes)
    }

    /// What takes the data of each level of pipelines behind a connector.
    fn levels(
        &mut self,
        component: &Component,
        levels: &[Vec<String>],
        signal: Signal,
    ) -> Result<Vec<Vec<Arc<Node>>>, StartError> {
        let mut planned = Vec::new();
        for level in levels {
            let mut heads = Vec::new();
            for id in level {
                let is_behind = |(pipeline, carried): &(&Pipeline, Signal)| {
                    pipeline.id == *id && *carried == signal && pipeline.receivers.contains(&component.id)
                };
                let index = self.pipelines.iter().position(is_behind).ok_or_else(|| {
                    let what = format!("pipeline \"{id}\" does not receive {signal} from it");
                    at("connectors", component)(StartError::new(what))
                })?;
                heads.extend(self.head(index)?);
            }
            planned.push(heads);
        }
        Ok(planned)
    }

    /// The node of this origin: the one planned already, that of the graph before, or a new one.
    fn node(
        &mut self,
        place: Place,
        component: &Component,
        next: Vec<Arc<Node>>,
        build: impl FnOnce(&Arc<Shared>) -> Result<Part, StartError>,
    ) -> Result<Arc<Node>, StartError> {
        let serials: Vec<Serial> = next.iter().map(|node| node.serial).collect();
        let planned = self.nodes.iter().find(|node| node.origin.place == place && node.origin.next == serials);
        if let Some(planned) = planned {
            return Ok(Arc::clone(planned));
        }
        let origin = Origin::new(place, component, serials);
        let node = match self.known.get(&origin) {
            Some(known) => Arc::clone(known),
            None => {
                let serial = (self.generation, self.nodes.len());
                Arc::new(Node { serial, part: build(self.shared)?, next, origin })
            }
        };
        self.nodes.push(Arc::clone(&node));
        Ok(node)
    }
}

impl Document {
    /// The pipelines with their signals; every id they name is configured.
    fn pipelines_checked(&self) -> Result<Vec<(&Pipeline, Signal)>, StartError> {
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
                Ok((pipeline, signal))
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
