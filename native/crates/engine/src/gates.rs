//! The gate in front of each receiver and signal: which queues its requests lead to, found along the stages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use teleferric_flow::{Gate, Room};
use teleferric_parts::component::{Shared, StartError};
use teleferric_wire::Signal;

use crate::node::{Node, Serial};
use crate::plan::Plan;

/// The gates of a graph, shared by the data-plane threads.
#[derive(Default)]
pub struct Gates(HashMap<(String, Signal), Arc<Gate>>);

impl Gates {
    /// The gates for the receivers of `plan`; `room` is that of an exporter's queue, if it has one.
    pub fn new(plan: &Plan, room: impl Fn(Serial) -> Option<Room>, shared: &Shared) -> Self {
        let mut gates = HashMap::new();
        for receiver in &plan.receivers {
            for (signal, nodes) in &receiver.outputs {
                let mut ahead = HashSet::new();
                follow(nodes, &mut ahead);
                let rooms = ahead.into_iter().filter_map(&room).collect();
                let gate = shared.overload.gate(*signal, rooms, &plan.overload, plan.tenants.clone());
                gates.insert((receiver.id.clone(), *signal), gate);
            }
        }
        Gates(gates)
    }

    /// The gate for `signal` at `receiver`.
    ///
    /// # Errors
    /// When the plan has no such receiver.
    pub fn get(&self, receiver: &str, signal: Signal) -> Result<Arc<Gate>, StartError> {
        let gate = self.0.get(&(receiver.to_owned(), signal)).map(Arc::clone);
        gate.ok_or_else(|| StartError::new(format!("receivers::{receiver}: not built for {signal}")))
    }
}

/// Adds `nodes` and everything behind them.
fn follow(nodes: &[Arc<Node>], ahead: &mut HashSet<Serial>) {
    for node in nodes {
        if ahead.insert(node.serial) {
            follow(&node.next, ahead);
        }
    }
}
