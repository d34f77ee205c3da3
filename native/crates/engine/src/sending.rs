//! What stands in front of the exporters and is one for all data-plane threads: the room of their queues, the number
//! of their parallel sends, the circuit breakers of their endpoints, the storage of their queues, and the gates in
//! front of the receivers.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use teleferric_flow::{Delivery, DeliveryShared, EndpointBreaker, Handles, Stage, Storage, StorageSettings};
use teleferric_parts::component::{ExporterPart, GuardedEndpoint, Shared, StartError};
use teleferric_wire::Signal;

use crate::gates::Gates;
use crate::node::{Node, Part, Place, Serial};
use crate::plan::Plan;

/// Where the queue of an exporter lies on disk.
async fn storage(
    id: &str,
    signal: Signal,
    settings: &StorageSettings,
    shared: &Arc<Shared>,
    handles: &Handles,
) -> Result<Storage, StartError> {
    let queue = shared.storages.queue(settings, id, signal, handles).await;
    let queue = queue.map_err(|error| StartError::new(format!("exporters::{id}: {error}")))?;
    Ok(Storage { queue, max_age: settings.max_age, ledger: Arc::clone(&shared.ledger) })
}

/// The exporters of `plan`. The first queue of a folder opens its log, so the one with the most room for dead letters
/// comes first.
fn exporters(plan: &Plan) -> Vec<(&Node, &ExporterPart)> {
    let mut exporters = Vec::new();
    for node in &plan.nodes {
        if let Part::Exporter(part) = &node.part {
            exporters.push((&**node, &**part));
        }
    }
    exporters.sort_by_key(|(_, part)| Reverse(part.delivery.storage.as_ref().map(|storage| storage.dead_letter_bytes)));
    exporters
}

/// The shared half of every exporter's delivery, and the gates before them.
pub struct Senders {
    deliveries: HashMap<Serial, DeliveryShared>,
    /// By exporter and address.
    breakers: HashMap<(String, String), EndpointBreaker>,
    gates: Gates,
}

impl Senders {
    /// The shared halves for the exporters of `plan`; those that the graph before had are taken over from it.
    ///
    /// # Errors
    /// The storage of a queue cannot be opened.
    pub async fn new(plan: &Plan, shared: &Arc<Shared>, before: Option<&Senders>) -> Result<Self, StartError> {
        let mut senders = Senders { deliveries: HashMap::new(), breakers: HashMap::new(), gates: Gates::default() };
        for (serial, kept) in before.iter().flat_map(|before| &before.deliveries) {
            if plan.nodes.iter().any(|node| node.serial == *serial) {
                senders.deliveries.insert(*serial, kept.clone());
            }
        }
        // Unchanged signals of an exporter keep its breakers, and one that is added joins them.
        for (place, breaker) in before.iter().flat_map(|before| &before.breakers) {
            if plan.nodes.iter().any(|node| senders.keeps(node, &place.0)) {
                senders.breakers.insert(place.clone(), breaker.clone());
            }
        }
        for (node, part) in exporters(plan) {
            let Place::Exporter(id, signal) = &node.origin.place else { continue };
            if !senders.deliveries.contains_key(&node.serial) {
                let delivery = senders.delivery(id, *signal, part, shared).await?;
                senders.deliveries.insert(node.serial, delivery);
            }
        }
        senders.gates = Gates::new(plan, &senders.deliveries, shared);
        Ok(senders)
    }

    /// Whether `node` is of the exporter `id` and was taken over.
    fn keeps(&self, node: &Node, id: &str) -> bool {
        node.origin.place.id() == id && self.deliveries.contains_key(&node.serial)
    }

    async fn delivery(
        &mut self,
        id: &str,
        signal: Signal,
        part: &ExporterPart,
        shared: &Arc<Shared>,
    ) -> Result<DeliveryShared, StartError> {
        let breaker = part.endpoint.as_ref().map(|GuardedEndpoint { address, breaker }| {
            let new = || EndpointBreaker::new(id, address, breaker.clone(), &shared.metrics);
            self.breakers.entry((id.to_owned(), address.clone())).or_insert_with(new).clone()
        });
        let labels: Vec<_> = part.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let handles = shared.handles("exporter", id, signal);
        let stored = match &part.delivery.storage {
            Some(settings) => Some(storage(id, signal, settings, shared, &handles).await?),
            None => None,
        };
        Ok(DeliveryShared::new(id, signal, &labels, part.delivery.clone(), breaker, stored, handles))
    }

    /// The calling thread's half of the delivery to the exporter of this node, in front of a new instance.
    ///
    /// # Errors
    /// What the exporter refuses when its instance is made.
    pub fn stage(&self, serial: Serial, part: &ExporterPart) -> Result<Rc<dyn Stage>, StartError> {
        let sender = self.deliveries.get(&serial).ok_or_else(|| StartError::new("not built"))?;
        Ok(Rc::new(Delivery::new(sender, (part.make)()?)))
    }

    /// The gates in front of the receivers.
    pub fn gates(&self) -> &Gates {
        &self.gates
    }
}
