//! What stands in front of the exporters and is one for all data-plane threads: the room of their queues, the number
//! of their parallel sends, their endpoints, the storage of their queues, and the gates in front of the receivers.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use teleferric_flow::{
    Balancer, BalancerShared, Delivery, DeliveryShared, Destination, EndpointPool, Handles, Stage, Storage,
    StorageSettings,
};
use teleferric_parts::component::{DestinationPart, EndpointPart, ExporterPart, Shared, StartError};
use teleferric_wire::Signal;

use crate::balancing;
use crate::destinations::Destinations;
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

/// The shared half of one exporter's delivery of one signal.
#[derive(Clone)]
struct Sender {
    delivery: DeliveryShared,
    target: Target,
}

/// What the threads share of where a delivery sends to.
#[derive(Clone)]
enum Target {
    One,
    Pool(EndpointPool),
    Balanced(BalancerShared),
}

/// The shared half of every exporter's delivery, and the gates before them.
pub struct Senders {
    senders: HashMap<Serial, Sender>,
    destinations: Destinations,
    gates: Gates,
}

impl Senders {
    /// The shared halves for the exporters of `plan`; those that the graph before had are taken over from it.
    ///
    /// # Errors
    /// The storage of a queue cannot be opened.
    pub async fn new(plan: &Plan, shared: &Arc<Shared>, before: Option<&Senders>) -> Result<Self, StartError> {
        let mut new = Senders::kept(plan, before);
        for (node, part) in exporters(plan) {
            let Place::Exporter(id, signal) = &node.origin.place else { continue };
            if !new.senders.contains_key(&node.serial) {
                let sender = new.sender(id, *signal, part, shared).await?;
                new.senders.insert(node.serial, sender);
            }
        }
        let room = |serial| new.senders.get(&serial).and_then(|sender: &Sender| sender.delivery.room().cloned());
        new.gates = Gates::new(plan, room, shared);
        Ok(new)
    }

    /// What `plan` has in common with the graph before. Unchanged signals of an exporter keep where it sends to, and one
    /// that is added joins them.
    fn kept(plan: &Plan, before: Option<&Senders>) -> Self {
        let mut kept =
            Senders { senders: HashMap::new(), destinations: Destinations::default(), gates: Gates::default() };
        let Some(before) = before else { return kept };
        for node in &plan.nodes {
            if let Some(sender) = before.senders.get(&node.serial) {
                kept.senders.insert(node.serial, sender.clone());
                kept.destinations.keep(node.origin.place.id(), &before.destinations);
            }
        }
        kept
    }

    async fn sender(
        &mut self,
        id: &str,
        signal: Signal,
        part: &ExporterPart,
        shared: &Arc<Shared>,
    ) -> Result<Sender, StartError> {
        let (breaker, target) = match &part.destination {
            DestinationPart::One(endpoint) => (self.destinations.breaker(id, endpoint, &shared.metrics), Target::One),
            DestinationPart::Pool(endpoints, policy) => {
                (None, Target::Pool(self.destinations.pool(id, endpoints, policy, &shared.metrics)))
            }
            DestinationPart::Balanced(part) => {
                let balancer = balancing::open(id, signal, part, self.destinations.backends(id), shared).await?;
                (None, Target::Balanced(balancer))
            }
        };
        let labels: Vec<_> = part.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let handles = shared.handles("exporter", id, signal);
        let stored = match &part.delivery.storage {
            Some(settings) => Some(storage(id, signal, settings, shared, &handles).await?),
            None => None,
        };
        let delivery = DeliveryShared::new(id, signal, &labels, part.delivery.clone(), breaker, stored, handles);
        Ok(Sender { delivery, target })
    }

    /// The calling thread's half of the delivery to the exporter of this node, in front of new instances.
    ///
    /// # Errors
    /// What the exporter refuses when an instance is made.
    pub fn stage(&self, serial: Serial, part: &ExporterPart) -> Result<Rc<dyn Stage>, StartError> {
        let not_built = || StartError::new("not built");
        let Sender { delivery, target } = self.senders.get(&serial).ok_or_else(not_built)?;
        let instance = |endpoint: &EndpointPart| (endpoint.make)();
        let destination = match (&part.destination, target) {
            (DestinationPart::One(endpoint), _) => Destination::One(instance(endpoint)?),
            (DestinationPart::Pool(endpoints, _), Target::Pool(pool)) => {
                Destination::Pool(pool.clone(), endpoints.iter().map(instance).collect::<Result<_, _>>()?)
            }
            (DestinationPart::Balanced(_), Target::Balanced(shared)) => {
                return Ok(Rc::new(Balancer::new(shared, delivery).map_err(StartError::new)?));
            }
            (DestinationPart::Pool(..) | DestinationPart::Balanced(_), _) => return Err(not_built()),
        };
        Ok(Rc::new(Delivery::new(delivery, destination)))
    }

    /// The gates in front of the receivers.
    pub fn gates(&self) -> &Gates {
        &self.gates
    }
}
