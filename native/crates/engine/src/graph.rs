//! One data-plane thread's copy of the graph, built from the [`Plan`] on that thread and kept in its thread-local
//! memory: receivers find their consumers there, the drain finds its stages.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use teleferric_flow::{Consumer, Fanout, Parcel, Stage};
use teleferric_parts::component::{LocalOutputs, StartError};
use teleferric_tasks::{catch, fence, report_panic};
use tokio::time::Instant;

use crate::node::{Node, Part, Serial};
use crate::plan::{Plan, ReceiverPlan};
use crate::sending::Senders;

/// The nodes of one graph on one thread.
struct LocalGraph {
    generation: u64,
    /// By receiver id.
    outputs: HashMap<String, LocalOutputs>,
    /// Every stage with its node, downstream before upstream. Graphs may have some in common.
    stages: Vec<(Arc<Node>, Rc<dyn Stage>)>,
}

thread_local! {
    /// At most two: the running graph and, during a reload, the one before or after it.
    static GRAPHS: RefCell<Vec<LocalGraph>> = const { RefCell::new(Vec::new()) };
}

/// Builds this thread's copy of the graph around the nodes that a graph here has already. What an attempt that failed
/// leaves is drained like any other graph.
///
/// # Errors
/// What an exporter refuses when its instance is made.
pub fn build(plan: &Plan, sending: &Senders) -> Result<(), StartError> {
    let mut graph = LocalGraph { generation: plan.generation, outputs: HashMap::new(), stages: Vec::new() };
    let built = graph.fill(plan, sending);
    GRAPHS.with_borrow_mut(|graphs| graphs.push(graph));
    built
}

impl LocalGraph {
    fn fill(&mut self, plan: &Plan, sending: &Senders) -> Result<(), StartError> {
        for node in &plan.nodes {
            let stage = match instance(node.serial) {
                Some(kept) => kept,
                None => self.make(node, sending)?,
            };
            self.stages.push((Arc::clone(node), stage));
        }
        for ReceiverPlan { id, outputs, .. } in &plan.receivers {
            let mut local = LocalOutputs::default();
            for (signal, nodes) in outputs {
                local.set(*signal, self.to_all(nodes), sending.gates().get(id, *signal)?);
            }
            self.outputs.insert(id.clone(), local);
        }
        Ok(())
    }

    fn make(&self, node: &Node, sending: &Senders) -> Result<Rc<dyn Stage>, StartError> {
        match &node.part {
            Part::Exporter(part) => sending
                .stage(node.serial, part)
                .map_err(|error| StartError::new(format!("exporters::{}: {error}", node.origin.place.id()))),
            Part::Stage(part) => Ok(part.stage(self.fenced(&node.next))),
            Part::Levels(part, counts) => {
                let mut rest = &node.next[..];
                let levels = counts.iter().map(|count| {
                    let (level, others) = rest.split_at(rest.len().min(*count));
                    rest = others;
                    self.fenced(level)
                });
                Ok(part.stage(levels.collect()))
            }
        }
    }

    /// As [`to_all`](Self::to_all), for a stage that a panic behind it must not tear down.
    fn fenced(&self, nodes: &[Arc<Node>]) -> Rc<dyn Consumer> {
        Rc::new(Fence(self.to_all(nodes)))
    }

    /// One consumer that feeds all of `nodes`, which are built already.
    fn to_all(&self, nodes: &[Arc<Node>]) -> Rc<dyn Consumer> {
        let built = |node: &Arc<Node>| self.stages.iter().find(|(built, _)| built.serial == node.serial);
        let mut consumers: Vec<_> = nodes.iter().filter_map(built).map(|(_, stage)| Rc::clone(stage) as _).collect();
        match (consumers.pop(), consumers.is_empty()) {
            (Some(only), true) => only,
            (last, _) => Rc::new(Fanout::new(consumers.into_iter().chain(last).collect())),
        }
    }
}

/// This thread's instance of a node, if a graph has it.
fn instance(serial: Serial) -> Option<Rc<dyn Stage>> {
    GRAPHS.with_borrow(|graphs| {
        let mut stages = graphs.iter().flat_map(|graph| &graph.stages);
        stages.find(|(node, _)| node.serial == serial).map(|(_, stage)| Rc::clone(stage))
    })
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

/// Lets requests that still come to receivers of the graph of `old` flow into that of `new`, and names to each stage
/// the one that has its place there.
pub fn supersede(old: u64, new: u64) {
    GRAPHS.with_borrow(|graphs| {
        let find = |generation| graphs.iter().find(|graph| graph.generation == generation);
        let (Some(old), Some(new)) = (find(old), find(new)) else { return };
        for (receiver, outputs) in &old.outputs {
            if let Some(successor) = new.outputs.get(receiver) {
                outputs.leave_to(successor.clone());
            }
        }
        for (node, stage) in &old.stages {
            let takes_place = |(other, _): &&(Arc<Node>, _)| other.origin.place == node.origin.place;
            match new.stages.iter().find(takes_place) {
                Some((other, successor)) if other.serial != node.serial => stage.leave_to(Rc::clone(successor)),
                _ => {}
            }
        }
    });
}

/// Empties what no other graph has of this thread's copy of the graph, upstream first, and lets go of the copy.
pub async fn drain(generation: u64, deadline: Option<Instant>) {
    let stages = own_stages(generation);
    stages.iter().for_each(|stage| stage.hurry());
    for stage in stages {
        // A panic ends the one; the others still have theirs to deliver.
        if let Err(payload) = catch("stage.drain", stage.drain(deadline)).await {
            report_panic("stage.drain", &payload);
        }
    }
    forget(generation);
}

/// As [`drain`], of all graphs of this thread: the oldest first, if a panic has left more than one.
pub async fn drain_all(deadline: Option<Instant>) {
    let oldest = || GRAPHS.with_borrow(|graphs| graphs.iter().map(|graph| graph.generation).min());
    while let Some(generation) = oldest() {
        drain(generation, deadline).await;
    }
}

/// All stages of this thread, each once; those of older graphs first, upstream before downstream.
pub fn all_stages() -> Vec<(Arc<Node>, Rc<dyn Stage>)> {
    let mut all: Vec<(Arc<Node>, Rc<dyn Stage>)> = Vec::new();
    GRAPHS.with_borrow(|graphs| {
        for (node, stage) in graphs.iter().flat_map(|graph| graph.stages.iter().rev()) {
            if !all.iter().any(|(known, _)| known.serial == node.serial) {
                all.push((Arc::clone(node), Rc::clone(stage)));
            }
        }
    });
    all
}

/// The nodes of a graph that no other graph has, upstream before downstream.
fn own_stages(generation: u64) -> Vec<Rc<dyn Stage>> {
    GRAPHS.with_borrow(|graphs| {
        let (own, others): (Vec<_>, Vec<_>) = graphs.iter().partition(|graph| graph.generation == generation);
        let shared = |serial| others.iter().flat_map(|graph| &graph.stages).any(|(other, _)| other.serial == serial);
        let stages = own.into_iter().flat_map(|graph| graph.stages.iter().rev());
        stages.filter(|(node, _)| !shared(node.serial)).map(|(_, stage)| Rc::clone(stage)).collect()
    })
}

/// Lets go of this thread's copy of the graph without draining it.
pub fn forget(generation: u64) {
    let gone = GRAPHS.with_borrow_mut(|graphs| {
        let place = graphs.iter().position(|graph| graph.generation == generation);
        place.map(|place| graphs.remove(place))
    });
    drop(gone);
}

/// Keeps a panic behind a stage from tearing down the stage: the request that met it is refused as it is dropped.
struct Fence(Rc<dyn Consumer>);

impl Consumer for Fence {
    fn consume(&self, parcel: Parcel) {
        fence("stage", || self.0.consume(parcel));
    }
}
