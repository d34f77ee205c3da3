//! Choosing among the endpoints of a pool. It reads what all threads know and one thread's random numbers, waits for
//! nothing and asks no breaker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Member, Shared, Subset};
use crate::moment::Moment;
use crate::retry::Jitter;

/// The endpoints of one priority.
pub(super) struct Group {
    pub(super) priority: u32,
    members: Subset,
    /// Whether too many of them were out, which only healthy time makes good again.
    left: AtomicBool,
    /// When it took over again.
    returned: Moment,
}

/// How the endpoints are doing at one moment.
struct Standing {
    healthy: Subset,
    /// Healthy for so long that a group which was left counts on them.
    settled: Subset,
    paused: Subset,
}

impl Shared {
    /// The endpoint for an attempt at `now`: a healthy one that is not in `except`, if possible one that has not asked
    /// for a pause.
    pub(super) fn choose(&self, except: Subset, now: Instant, random: &Jitter) -> Option<usize> {
        let standing = self.standing(now);
        let able = standing.healthy.without(except);
        let group = self.group(able.without(standing.paused), &standing, now, random);
        let group = group.or_else(|| self.group(able, &standing, now, random))?;
        self.emptier_of_two(group, now, random)
    }

    /// As [`choose`](Self::choose), but rather none than one that has asked for a pause.
    pub(super) fn choose_other(&self, except: Subset, now: Instant, random: &Jitter) -> Option<usize> {
        let standing = self.standing(now);
        let able = standing.healthy.without(standing.paused).without(except);
        self.emptier_of_two(self.group(able, &standing, now, random)?, now, random)
    }

    /// Endpoints that are out, best priority first, of priorities no worse than that of `place`.
    pub(super) fn out(&self, place: Option<usize>) -> impl Iterator<Item = usize> {
        let limit = place.and_then(|place| self.members.get(place)).map(|member| member.endpoint.priority);
        let groups = self.groups.iter().take_while(move |group| limit.is_none_or(|limit| group.priority <= limit));
        groups.flat_map(|group| group.members.places()).filter(|place| {
            let member = self.members.get(*place);
            member.is_some_and(|member| !member.is_healthy())
        })
    }

    /// How long all healthy endpoints want to be left alone.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        let waits = self.members.iter().filter(|member| member.is_healthy()).map(|member| {
            member.paused_until.get().map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
        });
        waits.min().unwrap_or_default()
    }

    fn standing(&self, now: Instant) -> Standing {
        let mut standing = Standing { healthy: Subset::EMPTY, settled: Subset::EMPTY, paused: Subset::EMPTY };
        for (place, member) in self.members.iter().enumerate() {
            if member.is_healthy() {
                standing.healthy.insert(place);
                let since = member.back_since();
                if since.is_none_or(|since| now.saturating_duration_since(since) >= self.policy.failback_after) {
                    standing.settled.insert(place);
                }
            }
            if member.is_paused(now) {
                standing.paused.insert(place);
            }
        }
        standing
    }

    /// Those of `able` that are of one priority: the best that stands, or else the best that has any. One that has just
    /// come back gets part of the attempts only, if a worse one can take the rest.
    fn group(&self, able: Subset, standing: &Standing, now: Instant, random: &Jitter) -> Option<Subset> {
        let mut second = None;
        for group in &self.groups {
            let stands = group.stands(standing, self.policy.max_ejected, now);
            let able = group.members.and(able);
            if able.is_empty() {
                continue;
            }
            if stands && self.ramped(group.returned.get(), now) > random.next() {
                return Some(able);
            }
            second = second.or(Some(able));
        }
        second
    }

    /// Draws two of `able` by weight and takes the one with less in flight for its weight.
    fn emptier_of_two(&self, able: Subset, now: Instant, random: &Jitter) -> Option<usize> {
        let first = self.draw(able, now, random)?;
        let Some(second) = self.draw(able.without(Subset::from_iter([first])), now, random) else { return Some(first) };
        Some(if self.load(second, now) < self.load(first, now) { second } else { first })
    }

    fn draw(&self, able: Subset, now: Instant, random: &Jitter) -> Option<usize> {
        let total: f64 = able.places().map(|place| self.share(place, now)).sum();
        let mut left = total * random.next();
        let mut last = None;
        for place in able.places() {
            last = Some(place);
            left -= self.share(place, now);
            if left < 0.0 {
                break;
            }
        }
        last
    }

    fn load(&self, place: usize, now: Instant) -> f64 {
        let bytes = self.members.get(place).map_or(0, |member| member.in_flight());
        bytes as f64 / self.share(place, now)
    }

    /// Its weight, less while it has not been back for long; never zero.
    fn share(&self, place: usize, now: Instant) -> f64 {
        let Some(member) = self.members.get(place) else { return RAMP_START };
        f64::from(member.endpoint.weight.max(1)) * self.ramped(member.back_since(), now)
    }

    /// How much of its share something gets that is back since then.
    fn ramped(&self, since: Option<Instant>, now: Instant) -> f64 {
        let ramp = self.policy.ramp;
        match since.map(|since| now.saturating_duration_since(since)) {
            Some(back) if back < ramp => (back.as_secs_f64() / ramp.as_secs_f64()).max(RAMP_START),
            _ => 1.0,
        }
    }
}

/// The share to begin with.
const RAMP_START: f64 = 0.1;

impl Group {
    pub(super) fn by_priority(members: &[Arc<Member>], epoch: Instant) -> Box<[Group]> {
        let mut priorities: Vec<u32> = members.iter().map(|member| member.endpoint.priority).collect();
        priorities.sort_unstable();
        priorities.dedup();
        let of = |priority: u32| {
            let places = members.iter().enumerate().filter(move |(_, member)| member.endpoint.priority == priority);
            places.map(|(place, _)| place).collect()
        };
        priorities
            .into_iter()
            .map(|priority| Group {
                priority,
                members: of(priority),
                left: AtomicBool::new(false),
                returned: Moment::new(epoch),
            })
            .collect()
    }

    /// Whether enough of its endpoints are healthy, and for long enough if it was left. Threads that disagree for a
    /// moment do no harm: each goes by what it saw, and the next look settles it.
    fn stands(&self, standing: &Standing, max_ejected: f64, now: Instant) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        let counted = if left { standing.settled } else { standing.healthy }.and(self.members);
        let out = self.members.count() - counted.count();
        let stands = !counted.is_empty() && f64::from(out) <= max_ejected * f64::from(self.members.count());
        if stands == left {
            if stands {
                self.returned.set(now);
            }
            self.left.store(!stands, Ordering::Relaxed);
        }
        stands
    }
}
