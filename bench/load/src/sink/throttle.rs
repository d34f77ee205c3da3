//! A bound on how fast the sink reads.

use std::time::{Duration, Instant};

/// Bytes that may be read, growing with time and never beyond one read's worth.
#[derive(Debug)]
pub struct Throttle {
    bytes_per_s: f64,
    allowed: f64,
    refilled: Instant,
}

impl Throttle {
    pub fn new(bytes_per_s: u64, now: Instant) -> Self {
        Self { bytes_per_s: bytes_per_s as f64, allowed: 0.0, refilled: now }
    }

    /// How many bytes may be read now.
    pub fn allowance(&mut self, now: Instant) -> usize {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.refilled = now;
        self.allowed = (self.allowed + elapsed * self.bytes_per_s).min(self.burst());
        self.allowed.max(0.0) as usize
    }

    pub fn spend(&mut self, bytes: usize) {
        self.allowed -= bytes as f64;
    }

    /// When it is worth to look again.
    pub fn wait(&self) -> Duration {
        let missing = (self.burst() / 2.0 - self.allowed).max(0.0);
        Duration::from_secs_f64((missing / self.bytes_per_s).max(0.000_5))
    }

    /// Twenty milliseconds' worth, and never less than a byte.
    fn burst(&self) -> f64 {
        (self.bytes_per_s / 50.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_the_rate_and_no_more() {
        let start = Instant::now();
        let mut throttle = Throttle::new(10_000, start);
        let mut read = 0;
        for tick in 0..=1000u64 {
            let allowed = throttle.allowance(start + Duration::from_millis(tick));
            throttle.spend(allowed);
            read += allowed;
        }
        assert!((9_900..=10_000).contains(&read), "{read} bytes in a second");
        assert!(throttle.allowance(start + Duration::from_secs(100)) <= 200);
    }
}
