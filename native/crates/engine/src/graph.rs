//! One data-plane thread's copy of the graph, built from the [`Plan`] on that thread and kept in its thread-local
//! memory: receivers find their consumers there, the drain finds its stages.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use teleferric_flow::{Consumer, Fanout, Parcel, Stage};
use teleferric_net::workers::report_panic;
use teleferric_parts::component::{LocalOutputs, StartError};
use teleferric_wire::Signal;
use tokio::time::Instant;

use crate::plan::Plan;
use crate::sending::Senders;

/// The nodes of one graph on one thread.
struct LocalGraph {
    generation: u64,
    /// By receiver id.
    outputs: HashMap<String, LocalOutputs>,
    /// Every node, upstream before downstream.
    stages: Vec<Rc<dyn Stage>>,
}

thread_local! {
    /// At most two: the running graph and, during a reload, the one being drained.
    static GRAPHS: RefCell<Vec<LocalGraph>> = const { RefCell::new(Vec::new()) };
}

/// Builds this thread's copy of the graph.
///
/// # Errors
/// What an exporter refuses when its instance is made.
pub fn build(plan: &Plan, sending: &Senders) -> Result<(), StartError> {
    let mut builder = Builder { plan, sending, nodes: HashMap::new(), heads: HashMap::new(), stages: Vec::new() };
    let mut outputs = HashMap::new();
    for receiver in &plan.receivers {
        let mut local = LocalOutputs::default();
        for signal in Signal::ALL {
            if let Some(consumer) = builder.pipelines_of(receiver, signal)? {
                local.set(signal, consumer);
            }
        }
        outputs.insert(receiver.clone(), local);
    }
    let mut stages = builder.stages;
    stages.reverse();
    GRAPHS.with_borrow_mut(|graphs| graphs.push(LocalGraph { generation: plan.generation, outputs, stages }));
    Ok(())
}

/// What `receiver` hands its data to in the graph of `generation`; nothing if that graph is gone.
pub fn outputs(generation: u64, receiver: &str) -> LocalOutputs {
    GRAPHS.with_borrow(|graphs| {
        let graph = graphs.iter().find(|graph| graph.generation == generation);
        graph.and_then(|graph| graph.outputs.get(receiver)).cloned().unwrap_or_default()
    })
}

/// What `receiver` hands its data to in the graph of `generation` or, if that is gone, in the newest one.
pub fn outputs_or_newest(generation: u64, receiver: &str) -> LocalOutputs {
    GRAPHS.with_borrow(|graphs| {
        let exact = graphs.iter().find(|graph| graph.generation == generation);
        let graph = exact.or_else(|| graphs.iter().max_by_key(|graph| graph.generation));
        graph.and_then(|graph| graph.outputs.get(receiver)).cloned().unwrap_or_default()
    })
}

/// Lets requests that still come to receivers of the graph of `old` flow into that of `new`.
pub fn supersede(old: u64, new: u64) {
    GRAPHS.with_borrow(|graphs| {
        let find = |generation| graphs.iter().find(|graph| graph.generation == generation);
        let (Some(old), Some(new)) = (find(old), find(new)) else { return };
        for (receiver, outputs) in &old.outputs {
            if let Some(successor) = new.outputs.get(receiver) {
                outputs.leave_to(successor.clone());
            }
        }
    });
}

/// Empties this thread's copy of the graph, upstream first, and lets go of it.
pub async fn drain(generation: u64, deadline: Option<Instant>) {
    let stages = GRAPHS.with_borrow(|graphs| {
        graphs.iter().find(|graph| graph.generation == generation).map_or_else(Vec::new, |graph| graph.stages.clone())
    });
    stages.iter().for_each(|stage| stage.hurry());
    for stage in stages {
        stage.drain(deadline).await;
    }
    forget(generation);
}

/// Lets go of this thread's copy of the graph without draining it.
pub fn forget(generation: u64) {
    let gone = GRAPHS.with_borrow_mut(|graphs| {
        let place = graphs.iter().position(|graph| graph.generation == generation);
        place.map(|place| graphs.remove(place))
    });
    drop(gone);
}

/// What a node is known by while a graph is built.
#[derive(PartialEq, Eq, Hash)]
enum NodeId<'a> {
    Exporter(&'a str, Signal),
    Connector(&'a str, Signal, Signal),
}

struct Builder<'a> {
    plan: &'a Plan,
    sending: &'a Senders,
    nodes: HashMap<NodeId<'a>, Rc<dyn Stage>>,
    heads: HashMap<&'a str, Rc<dyn Consumer>>,
    /// Downstream before upstream: a node is added after everything it hands on to.
    stages: Vec<Rc<dyn Stage>>,
}

impl<'a> Builder<'a> {
    /// The consumer that feeds every pipeline of `signal` which takes from `source`.
    fn pipelines_of(&mut self, source: &str, signal: Signal) -> Result<Option<Rc<dyn Consumer>>, StartError> {
        let plan = self.plan;
        let mut heads = Vec::new();
        for (index, pipeline) in plan.pipelines.iter().enumerate() {
            if pipeline.signal == signal && pipeline.receivers.iter().any(|receiver| receiver == source) {
                heads.push(self.head(index)?);
            }
        }
        Ok((!heads.is_empty()).then(|| to_all(heads)))
    }

    /// The first consumer of a pipeline: its processors in front of its exporters.
    fn head(&mut self, index: usize) -> Result<Rc<dyn Consumer>, StartError> {
        let plan = self.plan;
        let Some(pipeline) = plan.pipelines.get(index) else { return Err(StartError::new("no such pipeline")) };
        if let Some(head) = self.heads.get(pipeline.id.as_str()) {
            return Ok(Rc::clone(head));
        }
        let mut targets = Vec::new();
        for id in &pipeline.exporters {
            if plan.exporters.contains_key(&(id.clone(), pipeline.signal)) {
                targets.push(self.exporter(id, pipeline.signal)?);
            } else {
                self.connectors(id, pipeline.signal, &mut targets)?;
            }
        }
        let mut head = to_all(targets);
        for (_, part) in pipeline.processors.iter().rev() {
            let stage = part.stage(Rc::new(Fence(head)));
            self.stages.push(Rc::clone(&stage));
            head = stage;
        }
        self.heads.insert(&pipeline.id, Rc::clone(&head));
        Ok(head)
    }

    fn exporter(&mut self, id: &'a str, signal: Signal) -> Result<Rc<dyn Consumer>, StartError> {
        if let Some(node) = self.nodes.get(&NodeId::Exporter(id, signal)) {
            return Ok(Rc::clone(node) as Rc<dyn Consumer>);
        }
        let part = self.plan.exporters.get(&(id.to_owned(), signal));
        let Some(part) = part else { return Err(StartError::new(format!("exporters::{id}: not built"))) };
        let exporter = (part.make)().map_err(|error| StartError::new(format!("exporters::{id}: {error}")))?;
        let stage = self.sending.stage(id, signal, exporter)?;
        self.stages.push(Rc::clone(&stage));
        self.nodes.insert(NodeId::Exporter(id, signal), Rc::clone(&stage));
        Ok(stage)
    }

    fn connectors(&mut self, id: &'a str, from: Signal, targets: &mut Vec<Rc<dyn Consumer>>) -> Result<(), StartError> {
        for to in Signal::ALL {
            let Some(part) = self.plan.connectors.get(&(id.to_owned(), from, to)) else { continue };
            if let Some(node) = self.nodes.get(&NodeId::Connector(id, from, to)) {
                targets.push(Rc::clone(node) as Rc<dyn Consumer>);
                continue;
            }
            let Some(next) = self.pipelines_of(id, to)? else { continue };
            let stage = part.stage(Rc::new(Fence(next)));
            self.stages.push(Rc::clone(&stage));
            self.nodes.insert(NodeId::Connector(id, from, to), Rc::clone(&stage));
            targets.push(stage);
        }
        Ok(())
    }
}

/// Keeps a panic behind a stage from tearing down the stage: the request that met it is refused as it is dropped.
struct Fence(Rc<dyn Consumer>);

impl Consumer for Fence {
    fn consume(&self, parcel: Parcel) {
        if let Err(payload) = std::panic::catch_unwind(AssertUnwindSafe(|| self.0.consume(parcel))) {
            report_panic(&*payload);
        }
    }
}

/// One consumer that feeds all of `consumers`.
fn to_all(mut consumers: Vec<Rc<dyn Consumer>>) -> Rc<dyn Consumer> {
    match (consumers.pop(), consumers.is_empty()) {
        (Some(only), true) => only,
        (last, _) => Rc::new(Fanout::new(consumers.into_iter().chain(last).collect())),
    }
}
