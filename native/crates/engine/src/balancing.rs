//! The ways to the backends of an exporter that balances load: each is an exporter like any other, made when its backend
//! comes.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use teleferric_flow::{BalancerSettings, BalancerShared, DeliveryShared, EndpointBreaker, Lane};
use teleferric_parts::component::{BalancedPart, DestinationPart, EndpointPart, ExporterPart, Shared, StartError};
use teleferric_wire::Signal;

/// The circuit breakers of an exporter's backends, which its signals share. Clones are the same ones.
#[derive(Clone, Default)]
pub struct BackendBreakers(Arc<Mutex<HashMap<String, EndpointBreaker>>>);

impl BackendBreakers {
    /// The breaker of the exporter `lane` to a backend, if it is to have one. Those of backends that are gone are
    /// forgotten.
    fn get(&self, lane: &str, endpoint: &EndpointPart, shared: &Shared) -> Option<EndpointBreaker> {
        let settings = endpoint.breaker.clone()?;
        let mut breakers = self.0.lock();
        breakers.retain(|_, breaker| breaker.is_shared());
        let new = || EndpointBreaker::new(lane, &endpoint.address, settings, &shared.metrics);
        Some(breakers.entry(lane.to_owned()).or_insert_with(new).clone())
    }
}

/// Prepares balancing of `signal` for the exporter `id`, and looks which backends there are.
///
/// # Errors
/// What is wrong with a backend that is configured.
pub async fn open(
    id: &str,
    signal: Signal,
    part: &BalancedPart,
    breakers: BackendBreakers,
    shared: &Arc<Shared>,
) -> Result<BalancerShared, StartError> {
    let (make, everything) = (Arc::clone(&part.lane), Arc::clone(shared));
    let lane = move |backend: &str| {
        let (lane, part) = make(backend).map_err(|error| error.to_string())?;
        to_backend(&lane, signal, part, &breakers, &everything)
    };
    let settings = BalancerSettings {
        key: part.key,
        backends: part.backends.clone(),
        resolver: part.resolver.clone(),
        lane: Box::new(lane),
        ledger: Arc::clone(&shared.ledger),
    };
    let balancer = BalancerShared::new(id, signal, settings, shared.handles("exporter", id, signal));
    let balancer = balancer.map_err(|error| StartError::new(format!("exporters::{id}: {error}")))?;
    balancer.resolve().await;
    Ok(balancer)
}

fn to_backend(
    lane: &str,
    signal: Signal,
    part: ExporterPart,
    breakers: &BackendBreakers,
    shared: &Arc<Shared>,
) -> Result<Lane, String> {
    let DestinationPart::One(endpoint) = part.destination else {
        return Err("a backend is one endpoint".to_owned());
    };
    let labels: Vec<_> = part.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let breaker = breakers.get(lane, &endpoint, shared);
    let handles = shared.handles("exporter", lane, signal);
    let delivery = DeliveryShared::new(lane, signal, &labels, part.delivery, breaker, None, handles);
    let make = endpoint.make;
    Ok(Lane { delivery, make: Box::new(move || make().map_err(|error| error.to_string())) })
}
