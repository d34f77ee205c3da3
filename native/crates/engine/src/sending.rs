//! What stands in front of the exporters and is one for all data-plane threads: the room of their queues, the number
//! of their parallel sends, the circuit breakers of their endpoints.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use teleferric_flow::{Delivery, DeliveryShared, EndpointBreaker, Exporter, Stage};
use teleferric_parts::component::{GuardedEndpoint, Shared, StartError};
use teleferric_wire::Signal;

use crate::plan::Plan;

/// The shared half of every exporter's delivery.
pub struct Senders(HashMap<(String, Signal), DeliveryShared>);

impl Senders {
    /// The shared halves for the exporters of `plan`.
    pub fn new(plan: &Plan, shared: &Arc<Shared>) -> Self {
        let mut breakers: HashMap<(&str, &str), EndpointBreaker> = HashMap::new();
        let senders = plan.exporters.iter().map(|((id, signal), part)| {
            let breaker = part.endpoint.as_ref().map(|GuardedEndpoint { address, breaker }| {
                let new = || EndpointBreaker::new(id, address, breaker.clone(), &shared.metrics);
                breakers.entry((id, address)).or_insert_with(new).clone()
            });
            let labels: Vec<_> = part.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let handles = shared.handles("exporter", id, *signal);
            let sender = DeliveryShared::new(id, *signal, &labels, part.delivery.clone(), breaker, handles);
            ((id.clone(), *signal), sender)
        });
        Senders(senders.collect())
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
