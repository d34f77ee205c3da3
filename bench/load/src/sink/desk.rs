//! Decides what each request is answered, and keeps the counters.

use std::time::Duration;

use super::count::{Counted, Counter};
use super::walk::Unreadable;
use crate::cpu::own_cpu_s;
use crate::signal::Signal;

/// What a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// With this gRPC status code.
    Refused(u8),
}

/// A request that has been read and is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The stream of HTTP/2.
    pub stream: u32,
    pub verdict: Verdict,
    /// HTTP only: the body of the answer is to be JSON.
    pub json: bool,
    /// HTTP/1.1 only: the connection ends with the answer.
    pub close: bool,
}

/// What all connections share.
pub struct Desk {
    pub counter: Counter,
    pub stats: Stats,
    pub delay: Duration,
    refusal: Option<Refusal>,
}

#[derive(Debug)]
struct Refusal {
    code: u8,
    fraction: f64,
    /// Share of a request that is still to be refused.
    due: f64,
}

/// Counters since the start or the last reset.
#[derive(Debug, Default)]
pub struct Stats {
    pub requests: u64,
    pub items: u64,
    pub body_bytes: u64,
    pub wire_bytes: u64,
    pub refused: u64,
    pub unreadable: u64,
    cpu_s_at_reset: f64,
}

impl Desk {
    pub fn new(signal: Signal) -> Self {
        Self { counter: Counter::new(signal), stats: Stats::default(), delay: Duration::ZERO, refusal: None }
    }

    /// Answers a request with this content, and counts it.
    #[inline]
    pub fn settle(&mut self, content: Result<Counted, Unreadable>) -> Verdict {
        if let Some(refusal) = &mut self.refusal {
            refusal.due += refusal.fraction;
            if refusal.due >= 1.0 {
                refusal.due -= 1.0;
                self.stats.refused += 1;
                return Verdict::Refused(refusal.code);
            }
        }
        self.stats.requests += 1;
        match content {
            Ok(counted) => {
                self.stats.items += counted.items;
                self.stats.body_bytes += counted.body_bytes;
            }
            // Accepted all the same: this sink measures, and a sender that repeats itself would measure something else.
            Err(Unreadable) => self.stats.unreadable += 1,
        }
        Verdict::Accepted
    }

    pub fn refuse(&mut self, code: u8, fraction: f64) {
        self.refusal = Some(Refusal { code, fraction, due: 0.0 });
    }

    pub fn accept(&mut self) {
        self.refusal = None;
        self.delay = Duration::ZERO;
    }
}

impl Stats {
    pub fn reset(&mut self) {
        *self = Self { cpu_s_at_reset: own_cpu_s(), ..Self::default() };
    }

    pub fn to_json(&self, connections: usize) -> serde_json::Value {
        serde_json::json!({
            "requests": self.requests,
            "items": self.items,
            "body_bytes": self.body_bytes,
            "wire_bytes": self.wire_bytes,
            "connections": connections,
            "refused": self.refused,
            "unreadable": self.unreadable,
            "own_cpu_s": own_cpu_s() - self.cpu_s_at_reset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_the_fraction_evenly() {
        let mut desk = Desk::new(Signal::Logs);
        desk.refuse(14, 0.25);
        let one = Ok(Counted { items: 1, body_bytes: 10 });
        let verdicts: Vec<_> = (0..8).map(|_| desk.settle(one)).collect();
        let refused: Vec<_> = (0..8).filter(|nth| verdicts[*nth] == Verdict::Refused(14)).collect();
        assert_eq!(refused, [3, 7]);
        assert_eq!((desk.stats.requests, desk.stats.items, desk.stats.refused), (6, 6, 2));
        desk.accept();
        assert_eq!(desk.settle(Err(Unreadable)), Verdict::Accepted);
        assert_eq!(desk.stats.unreadable, 1);
    }
}
