//! Tenants: who a request belongs to, and what each of them may send.
//!
//! A tenant has a name only where that is certain: by the certificate that its connection was verified with, or by a
//! header from a proxy that is trusted. Whatever else comes is of one tenant without a name. [`TenantTable`] remembers who
//! has used how much for as long as the collector runs; [`Tenants`] are the rules of one configuration. A request passes
//! as a [`Visit`]: asked for before anything is read, charged with what was read, held until its bytes are let go of.

mod bucket;
mod network;
mod series;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;
use teleferric_buf::metrics::{Metrics, OTHER};
use tokio::time::Instant;

use crate::fault::{Fault, FaultCode, Retry};
use crate::stagger::Stagger;
use bucket::{Bucket, Rate};
pub use network::Network;
use series::{Series, SeriesTable};

/// Who is who, and what each may send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantSettings {
    /// The header, in lower case, that names the tenant; none: no header does.
    pub header: Option<Box<str>>,
    /// Whose header is believed.
    pub trusted_proxies: Vec<Network>,
    /// What in a verified certificate names the tenant; none: nothing does.
    pub certificate: Option<CertificateName>,
    /// What each may send, and all without a name together.
    pub quota: Quota,
    /// What these may send instead.
    pub overrides: Vec<(Box<str>, Quota)>,
}

/// A name in a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateName {
    /// The common name of its subject.
    CommonName,
    /// The first DNS name among the subject's alternative names.
    DnsName,
    /// The first URI among them.
    Uri,
}

/// What one tenant may send; 0 is as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Uncompressed bytes a second.
    pub bytes_per_second: u64,
    /// Items a second.
    pub items_per_second: u64,
    /// How much of both rates may add up while it is not used.
    pub burst: Duration,
    /// Bytes of requests that are in the collector at one time.
    pub in_flight_bytes: u64,
}

/// What was used by whom, for all graphs of a collector.
pub struct TenantTable {
    /// Bucket time counts from here.
    epoch: Instant,
    /// Everybody without a name.
    nameless: Arc<Tenant>,
    known: Mutex<Known>,
    series: SeriesTable,
    stagger: Stagger,
}

#[derive(Default)]
struct Known {
    /// By name, with when they were last asked for.
    tenants: HashMap<Arc<str>, (Arc<Tenant>, u64)>,
    asked: u64,
}

/// Tenants that are remembered. Beyond that those not seen for longest are forgotten, half of all at once.
pub const TENANTS_MAX: usize = 10_000;

/// The longest name of a tenant, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// The rules of one configuration.
pub struct Tenants {
    settings: TenantSettings,
    table: Arc<TenantTable>,
    terms: Terms,
    own_terms: HashMap<Box<str>, Terms>,
}

/// What holds for one tenant, and where it is counted.
#[derive(Clone)]
struct Terms {
    bytes: Rate,
    items: Rate,
    in_flight_bytes: u64,
    series: Arc<Series>,
}

/// What one tenant has used.
#[derive(Debug, Default)]
struct Tenant {
    /// None for everybody without one.
    name: Option<Arc<str>>,
    bytes: Bucket,
    items: Bucket,
    in_flight_bytes: AtomicU64,
}

impl TenantTable {
    /// Nobody yet; series will be in `metrics`.
    pub fn new(metrics: &Metrics) -> Arc<Self> {
        Arc::new(TenantTable {
            epoch: Instant::now(),
            nameless: Arc::default(),
            known: Mutex::default(),
            series: SeriesTable::new(metrics),
            stagger: Stagger::default(),
        })
    }

    fn find(&self, name: Option<&str>) -> Arc<Tenant> {
        match name {
            Some(name) => self.known.lock().find(name),
            None => Arc::clone(&self.nameless),
        }
    }

    /// Nanoseconds since the epoch.
    fn now(&self) -> u64 {
        bucket::nanoseconds(self.epoch.elapsed())
    }
}

impl Known {
    fn find(&mut self, name: &str) -> Arc<Tenant> {
        self.asked += 1;
        if let Some((tenant, asked)) = self.tenants.get_mut(name) {
            *asked = self.asked;
            return Arc::clone(tenant);
        }
        if self.tenants.len() >= TENANTS_MAX {
            self.forget_half();
        }
        let name: Arc<str> = name.into();
        let tenant = Arc::new(Tenant { name: Some(Arc::clone(&name)), ..Tenant::default() });
        self.tenants.insert(name, (Arc::clone(&tenant), self.asked));
        tenant
    }

    fn forget_half(&mut self) {
        let mut asked: Vec<u64> = self.tenants.values().map(|(_, asked)| *asked).collect();
        let middle = asked.len() / 2;
        let (_, limit, _) = asked.select_nth_unstable(middle);
        let limit = *limit;
        self.tenants.retain(|_, (_, asked)| *asked >= limit);
    }
}

impl Tenants {
    /// The rules that `settings` ask for, over what `table` remembers.
    pub fn new(settings: TenantSettings, table: &Arc<TenantTable>) -> Arc<Self> {
        let terms = |quota: &Quota, label: &str| Terms {
            bytes: Rate::new(quota.bytes_per_second, quota.burst),
            items: Rate::new(quota.items_per_second, quota.burst),
            in_flight_bytes: quota.in_flight_bytes,
            series: table.series.of(label),
        };
        let own_terms = settings.overrides.iter().map(|(name, quota)| (name.clone(), terms(quota, name))).collect();
        Arc::new(Tenants { terms: terms(&settings.quota, OTHER), own_terms, table: Arc::clone(table), settings })
    }

    /// The header that names the tenant of what comes from `peer`, if it is believed.
    pub fn header_from(&self, peer: Option<std::net::SocketAddr>) -> Option<&str> {
        let (header, address) = (self.header()?, peer?.ip());
        self.settings.trusted_proxies.iter().any(|network| network.contains(address)).then_some(header)
    }

    /// The header that names the tenant, for whoever needs no proof.
    pub fn header(&self) -> Option<&str> {
        self.settings.header.as_deref()
    }

    /// What in a verified certificate names the tenant.
    pub fn certificate(&self) -> Option<CertificateName> {
        self.settings.certificate
    }

    /// Lets a request in that has not been read, of the tenant with this name or of those without.
    ///
    /// # Errors
    /// The tenant is over its quota; the refusal says for how long.
    pub fn admit(self: &Arc<Self>, name: Option<&str>) -> Result<Visit, Fault> {
        let own = name.and_then(|name| self.own_terms.get(name));
        let terms = own.unwrap_or(&self.terms).clone();
        let stay = Stay { tenant: self.table.find(name), rules: Arc::clone(self), terms, bytes: 0 };
        let visit = Visit(Box::new(stay));
        visit.check(0)?;
        Ok(visit)
    }
}

/// A request on its way in and, until this is dropped, inside: its bytes count as the tenant's.
///
/// In a box, so that requests carry no more where there are no tenants.
pub struct Visit(Box<Stay>);

struct Stay {
    rules: Arc<Tenants>,
    tenant: Arc<Tenant>,
    terms: Terms,
    bytes: u64,
}

impl Visit {
    /// The tenant's name; none if it has none.
    pub fn name(&self) -> Option<Arc<str>> {
        self.0.tenant.name.clone()
    }

    /// Charges `bytes` that are about to be read. A request that is larger than what is left of a rate passes and makes
    /// a debt, so that every size passes at some time.
    ///
    /// # Errors
    /// As [`Tenants::admit`]: others may have come first, or there are too many bytes inside.
    pub fn charge(&mut self, bytes: u64) -> Result<(), Fault> {
        self.check(bytes)?;
        self.take(bytes);
        Ok(())
    }

    /// Charges what is above what was charged, as the request turned out to be this large.
    pub fn cover(&mut self, bytes: u64) {
        self.take(bytes.saturating_sub(self.0.bytes));
    }

    /// Charges items.
    pub fn count(&self, items: u64) {
        self.0.tenant.items.take(items, &self.0.terms.items, self.0.rules.table.now());
        self.0.terms.series.items.fetch_add(items, Ordering::Relaxed);
    }

    fn take(&mut self, bytes: u64) {
        self.0.bytes += bytes;
        self.0.tenant.bytes.take(bytes, &self.0.terms.bytes, self.0.rules.table.now());
        self.0.tenant.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.terms.series.in_flight_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.0.terms.series.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether `bytes` more may come. What is inside is bounded where several requests are; one alone always passes.
    fn check(&self, bytes: u64) -> Result<(), Fault> {
        let (tenant, terms, now) = (&self.0.tenant, &self.0.terms, self.0.rules.table.now());
        let waits = [tenant.bytes.wait(&terms.bytes, now), tenant.items.wait(&terms.items, now)];
        if let Some(wait) = waits.into_iter().flatten().max() {
            let wait = self.0.rules.table.stagger.lengthen(wait.clamp(WAIT_MIN, WAIT_MAX));
            return Err(self.refusal("the tenant is over its rate", Retry::After(wait)));
        }
        let others = tenant.in_flight_bytes.load(Ordering::Relaxed).saturating_sub(self.0.bytes);
        let all = others.saturating_add(self.0.bytes).saturating_add(bytes);
        if terms.in_flight_bytes > 0 && others > 0 && all > terms.in_flight_bytes {
            return Err(self.refusal("the tenant has too many bytes in flight", Retry::Backoff));
        }
        Ok(())
    }

    #[cold]
    fn refusal(&self, message: &'static str, retry: Retry) -> Fault {
        self.0.terms.series.refused_requests.fetch_add(1, Ordering::Relaxed);
        Fault::new(FaultCode::OverQuota, message).with_retry(retry)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.tenant.in_flight_bytes.fetch_sub(self.0.bytes, Ordering::Relaxed);
        self.0.terms.series.in_flight_bytes.fetch_sub(self.0.bytes, Ordering::Relaxed);
    }
}

/// Bounds of what a tenant over its rate is told to wait, before it is lengthened.
const WAIT_MIN: Duration = Duration::from_millis(10);
const WAIT_MAX: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests;
