//! When requests are to be sent: request k at k / rate, on one clock for all connections.

/// A fixed schedule. Times are nanoseconds since the start of the run.
#[derive(Clone, Debug)]
pub struct Schedule {
    ns_a_request: f64,
    requests: u64,
}

impl Schedule {
    /// Requests at `rate` a second, until `end_ns`.
    pub fn new(rate: f64, end_ns: u64) -> Self {
        let mut schedule = Self { ns_a_request: 1e9 / rate, requests: u64::MAX };
        schedule.requests = schedule.due(end_ns.saturating_sub(1));
        schedule
    }

    /// The time of request `k`.
    #[inline]
    pub fn intended_ns(&self, k: u64) -> u64 {
        (k as f64 * self.ns_a_request) as u64
    }

    /// How many requests are to be sent until `now_ns`, that time included.
    #[inline]
    pub fn due(&self, now_ns: u64) -> u64 {
        // The quotient may be off by one, in either direction.
        let mut due = (now_ns as f64 / self.ns_a_request) as u64;
        while self.intended_ns(due) <= now_ns {
            due += 1;
        }
        while due > 0 && self.intended_ns(due - 1) > now_ns {
            due -= 1;
        }
        due.min(self.requests)
    }

    /// How many requests there are in all.
    pub fn requests(&self) -> u64 {
        self.requests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_and_intended_agree_at_every_rate() {
        for rate in [0.5, 1.0, 3.0, 7.7, 1000.0, 99_999.0, 123_456.7] {
            let schedule = Schedule::new(rate, 10_000_000_000);
            for k in (0..schedule.requests()).step_by(1 + schedule.requests() as usize / 10_000) {
                let at = schedule.intended_ns(k);
                assert_eq!(schedule.due(at), k + 1, "rate {rate}, request {k}");
                assert!(at == 0 || schedule.due(at - 1) == k, "rate {rate}, before request {k}");
            }
        }
    }

    #[test]
    fn ends_before_the_end() {
        let schedule = Schedule::new(10.0, 1_000_000_000);
        assert_eq!(schedule.requests(), 10);
        assert_eq!(schedule.due(u64::MAX / 2), 10);
        assert_eq!(schedule.due(0), 1);
    }
}
