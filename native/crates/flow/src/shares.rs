//! How much of a queue one tenant may hold while others want room there too. What names no tenant counts as one of them;
//! as long as nobody has named one, nothing is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Whose a request is; none: whoever has no name.
pub(crate) type Tenant = Option<Arc<str>>;

/// The shares of a queue, over all data-plane threads.
pub(crate) struct Shares {
    /// Units that one tenant may hold beside others.
    most: u64,
    /// Whether a tenant was ever named.
    named: AtomicBool,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    /// Units of those that hold any, so no more of them than there is room.
    units: HashMap<Tenant, u64>,
    /// The two that asked for room last, with when they did.
    asked: [Option<(Tenant, Instant)>; 2],
}

/// What one request holds of its tenant's share, free again when dropped.
pub(crate) struct Share {
    shares: Arc<Shares>,
    tenant: Tenant,
    units: u64,
}

/// How long a tenant that got no room counts as one that wants some: longer than any hint that it was refused with.
const WANTED: Duration = Duration::from_secs(60);

impl Shares {
    /// Lets a tenant hold `share`, 0 to 1, of a room of `capacity` units.
    pub(crate) fn new(share: f64, capacity: u64) -> Arc<Self> {
        let most = (capacity as f64 * share.clamp(0.0, 1.0)) as u64;
        Arc::new(Shares { most, named: AtomicBool::new(false), held: Mutex::default() })
    }

    /// Counts a request of `units` in, of a room of which `used` are taken; nothing if nobody has a name.
    ///
    /// # Errors
    /// The tenant would hold more than its share, while another holds or wants room. One request it may always have.
    pub(crate) fn take(self: &Arc<Self>, tenant: &Tenant, units: u64, used: u64) -> Result<Option<Share>, OverShare> {
        if !self.named.load(Ordering::Relaxed) {
            if tenant.is_none() {
                return Ok(None);
            }
            self.named.store(true, Ordering::Relaxed);
        }
        let held = &mut *self.held.lock();
        let mine = held.units.get(tenant).copied().unwrap_or(0);
        let is_contested = held.ask(tenant, Instant::now()) || used > mine;
        if is_contested && mine > 0 && mine.saturating_add(units) > self.most {
            return Err(OverShare);
        }
        *held.units.entry(tenant.clone()).or_default() += units;
        Ok(Some(Share { shares: Arc::clone(self), tenant: tenant.clone(), units }))
    }
}

/// A tenant holds its share already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OverShare;

impl Held {
    /// Notes that `tenant` asks, and whether another one did so lately.
    fn ask(&mut self, tenant: &Tenant, now: Instant) -> bool {
        let [last, other] = &mut self.asked;
        if last.as_ref().is_some_and(|(asked, _)| asked != tenant) {
            std::mem::swap(last, other);
        }
        match last {
            Some((asked, at)) if asked == tenant => *at = now,
            _ => *last = Some((tenant.clone(), now)),
        }
        other.as_ref().is_some_and(|(_, at)| now.duration_since(*at) < WANTED)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let units = &mut self.shares.held.lock().units;
        if let Some(held) = units.get_mut(&self.tenant) {
            *held = held.saturating_sub(self.units);
            if *held == 0 {
                units.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Tenant {
        Some(Arc::from(name))
    }

    /// Takes one unit after another, until there is no more room in `used` or the share is used up.
    fn fill(shares: &Arc<Shares>, name: &str, used: &mut u64, capacity: u64) -> Vec<Share> {
        let mut taken = Vec::new();
        while *used < capacity
            && let Ok(share) = shares.take(&tenant(name), 1, *used)
        {
            taken.extend(share);
            *used += 1;
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn one_tenant_may_have_everything_until_another_wants_room() {
        let shares = Shares::new(0.5, 10);
        let mut used = 0;
        let mut first = fill(&shares, "a", &mut used, 10);
        assert_eq!(first.len(), 10);
        // There is no room for another, who comes again.
        drop(shares.take(&tenant("b"), 1, used).unwrap());
        let go = |first: &mut Vec<Share>, used: &mut u64| {
            first.pop();
            *used -= 1;
        };
        for _ in 0..5 {
            go(&mut first, &mut used);
            assert_eq!(shares.take(&tenant("a"), 1, used).err(), Some(OverShare));
        }
        let second = fill(&shares, "b", &mut used, 10);
        assert_eq!((first.len(), second.len()), (5, 5));
        drop(second);
        used -= 5;
        assert_eq!(shares.take(&tenant("a"), 1, used).err(), Some(OverShare), "the other may be about to come back");
        tokio::time::advance(WANTED).await;
        assert_eq!(fill(&shares, "a", &mut used, 10).len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_larger_than_the_share_gets_in_alone() {
        let shares = Shares::new(0.1, 100);
        let _other = shares.take(&tenant("b"), 1, 0).unwrap();
        let large = shares.take(&tenant("a"), 50, 1).unwrap();
        assert_eq!(shares.take(&tenant("a"), 1, 51).err(), Some(OverShare));
        drop(large);
        assert!(shares.take(&tenant("a"), 50, 1).is_ok());
        assert_eq!(shares.held.lock().units.len(), 1, "who holds nothing is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn those_without_a_name_are_one_tenant_as_soon_as_another_has_one() {
        let shares = Shares::new(0.5, 10);
        assert!(shares.take(&None, 1, 0).unwrap().is_none() && shares.held.lock().units.is_empty());
        let named = shares.take(&tenant("a"), 1, 0).unwrap();
        let unnamed: Vec<_> = (1..=5).map(|used| shares.take(&None, 1, used).unwrap()).collect();
        assert_eq!(shares.take(&None, 1, 6).err(), Some(OverShare));
        drop((named, unnamed));
        assert!(shares.held.lock().units.is_empty());
    }
}
