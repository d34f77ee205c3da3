//! The gate in front of each receiver and signal: which queues its requests lead to, found along the stages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use teleferric_flow::{DeliveryShared, Gate, Room};
use teleferric_parts::component::{Shared, StartError};
use teleferric_wire::Signal;

use crate::node::{Node, Serial};
use crate::plan::Plan;

/// The gates of a graph, shared by the data-plane threads.
#[derive(Default)]
pub struct Gates(HashMap<(String, Signal), Arc<Gate>>);

impl Gates {
    /// The gates for the receivers of `plan`, whose exporters are behind `deliveries`.
    pub fn new(plan: &Plan, deliveries: &HashMap<Serial, DeliveryShared>, shared: &Shared) -> Self {
        let mut gates = HashMap::new();
        for receiver in &plan.receivers {
            for (signal, nodes) in &receiver.outputs {
                let mut way = Way { deliveries, rooms: Vec::new(), seen: HashSet::new() };
                way.follow(nodes);
                let gate = shared.overload.gate(*signal, way.rooms, &plan.overload);
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

/// What is found on the way from a receiver.
struct Way<'a> {
    deliveries: &'a HashMap<Serial, DeliveryShared>,
    rooms: Vec<Room>,
    seen: HashSet<Serial>,
}

impl Way<'_> {
    fn follow(&mut self, nodes: &[Arc<Node>]) {
        for node in nodes {
            if self.seen.insert(node.serial) {
                let room = self.deliveries.get(&node.serial).and_then(DeliveryShared::room);
                self.rooms.extend(room.cloned());
                self.follow(&node.next);
            }
        }
    }
}
