//! What the signals of an exporter share of where they send to: the circuit breaker of each address or backend, and the
//! pool of several endpoints.

use std::collections::HashMap;

use teleferric_buf::metrics::Metrics;
use teleferric_flow::{EndpointBreaker, EndpointPolicy, EndpointPool, PooledEndpoint};
use teleferric_parts::component::EndpointPart;

use crate::balancing::BackendBreakers;

/// The destinations of all exporters of a graph.
#[derive(Default)]
pub struct Destinations {
    /// By exporter and address.
    breakers: HashMap<(String, String), EndpointBreaker>,
    /// By exporter and the addresses of its endpoints.
    pools: HashMap<(String, Vec<String>), EndpointPool>,
    /// Those of the backends of an exporter that balances load, by exporter.
    backends: HashMap<String, BackendBreakers>,
}

impl Destinations {
    /// Takes over those of the exporter `id` from `before`.
    pub fn keep(&mut self, id: &str, before: &Destinations) {
        let breakers = before.breakers.iter().filter(|((exporter, _), _)| exporter == id);
        self.breakers.extend(breakers.map(|(place, breaker)| (place.clone(), breaker.clone())));
        let pools = before.pools.iter().filter(|((exporter, _), _)| exporter == id);
        self.pools.extend(pools.map(|(place, pool)| (place.clone(), pool.clone())));
        if let Some(backends) = before.backends.get(id) {
            self.backends.insert(id.to_owned(), backends.clone());
        }
    }

    /// The breaker of an endpoint of the exporter `id`, if it is to have one.
    pub fn breaker(&mut self, id: &str, endpoint: &EndpointPart, metrics: &Metrics) -> Option<EndpointBreaker> {
        let EndpointPart { address, breaker, .. } = endpoint;
        let settings = breaker.clone()?;
        let new = || EndpointBreaker::new(id, address, settings, metrics);
        Some(self.breakers.entry((id.to_owned(), address.clone())).or_insert_with(new).clone())
    }

    /// The breakers of the backends of the exporter `id`.
    pub fn backends(&mut self, id: &str) -> BackendBreakers {
        self.backends.entry(id.to_owned()).or_default().clone()
    }

    /// The pool of these endpoints of the exporter `id`.
    pub fn pool(
        &mut self,
        id: &str,
        endpoints: &[EndpointPart],
        policy: &EndpointPolicy,
        metrics: &Metrics,
    ) -> EndpointPool {
        let addresses = endpoints.iter().map(|endpoint| endpoint.address.clone()).collect();
        let place = (id.to_owned(), addresses);
        if let Some(known) = self.pools.get(&place) {
            return known.clone();
        }
        let pooled = endpoints.iter().map(|endpoint| PooledEndpoint {
            address: endpoint.address.clone(),
            priority: endpoint.priority,
            weight: endpoint.weight,
            breaker: self.breaker(id, endpoint, metrics),
        });
        let pool = EndpointPool::new(id, pooled.collect(), policy.clone(), metrics);
        self.pools.insert(place, pool.clone());
        pool
    }
}
