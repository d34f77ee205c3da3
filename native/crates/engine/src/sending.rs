//! What stands in front of the exporters and is one for all data-plane threads: the room of their queues, the number
//! of their parallel sends, the circuit breakers of their endpoints, the storage
//! of their queues.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use teleferric_flow::{Delivery, DeliveryShared, EndpointBreaker, Exporter, Handles, Stage, Storage, StorageSettings};
use teleferric_parts::component::{GuardedEndpoint, Shared, StartError};
use teleferric_wire::Signal;

use crate::plan::Plan;

/// Where the queue of an exporter lies on disk.
async fn storage(
    id: &str,
    signal: Signal,
    settings: &StorageSettings,
    shared: &Arc<Shared>,
    handles: &Handles,
) -> Result<Storage, StartError> {
    let name = format!("exporter/{id}/{signal}");
    let queue = shared.storages.queue(settings, &name, &handles.log).await;
    let queue = queue.map_err(|error| StartError::new(format!("exporters::{id}: {error}")))?;
    Ok(Storage { queue, max_age: settings.max_age, ledger: Arc::clone(&shared.ledger) })
}

/// The shared half of every exporter's delivery.
pub struct Senders(HashMap<(String, Signal), DeliveryShared>);

impl Senders {
    /// The shared halves for the exporters of `plan`.
    ///
    /// # Errors
    /// The storage of a queue cannot be opened.
    pub async fn new(plan: &Plan, shared: &Arc<Shared>) -> Result<Self, StartError> {
        let mut breakers: HashMap<(&str, &str), EndpointBreaker> = HashMap::new();
        let mut senders = HashMap::new();
        for ((id, signal), part) in &plan.exporters {
            let breaker = part.endpoint.as_ref().map(|GuardedEndpoint { address, breaker }| {
                let new = || EndpointBreaker::new(id, address, breaker.clone(), &shared.metrics);
                breakers.entry((id, address)).or_insert_with(new).clone()
            });
            let labels: Vec<_> = part.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let handles = shared.handles("exporter", id, *signal);
            let stored = match &part.delivery.storage {
                Some(settings) => Some(storage(id, *signal, settings, shared, &handles).await?),
                None => None,
            };
            let sender = DeliveryShared::new(id, *signal, &labels, part.delivery.clone(), breaker, stored, handles);
            senders.insert((id.clone(), *signal), sender);
        }
        Ok(Senders(senders))
    }

    /// The calling thread's half, in front of its instance of the exporter.
    ///
    /// # Errors
    /// When the plan has no such exporter.
    pub fn stage(&self, id: &str, signal: Signal, exporter: Rc<dyn Exporter>) -> Result<Rc<dyn Stage>, StartError> {
        let sender = self.0.get(&(id.to_owned(), signal));
        let sender = sender.ok_or_else(|| StartError::new(format!("exporters::{id}: not built for {signal}")))?;
        Ok(Rc::new(Delivery::new(sender, exporter)))
    }
}
