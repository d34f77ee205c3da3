//! What a run has seen, and the JSON document that tells it.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::plan::Plan;
use crate::cli::SendFlags;
use crate::cpu::own_cpu_s;
use crate::signal::GRPC_CODES;

/// Counters and histograms. Times are nanoseconds since the start of the run.
pub struct Report {
    window: std::ops::Range<u64>,
    items: u64,
    in_window: InWindow,
    total: Total,
    latency_ns: Histogram<u64>,
    lateness_ns: Histogram<u64>,
    edge: Option<Edge>,
}

#[derive(Debug, Default)]
struct InWindow {
    intended: u64,
    requests: u64,
    items: u64,
    body_bytes: u64,
    wire_bytes: u64,
    own_cpu_s: f64,
}

#[derive(Debug, Default)]
struct Total {
    sent: u64,
    accepted_requests: u64,
    accepted_items: u64,
    rejected_items: u64,
    refused: BTreeMap<Refusal, u64>,
    failed: u64,
    reconnects: u64,
}

/// Readings at the beginning of the window.
#[derive(Debug)]
struct Edge {
    wire_bytes: u64,
    own_cpu_s: f64,
}

impl Report {
    pub fn new(flags: &SendFlags) -> Self {
        let histogram = || Histogram::new_with_max(LATENCY_NS_MAX, 3).expect("bounds are valid");
        let start = Duration::from_secs_f64(flags.warmup).as_nanos() as u64;
        Self {
            window: start..start + Duration::from_secs_f64(flags.duration).as_nanos() as u64,
            items: u64::from(flags.items),
            in_window: InWindow::default(),
            total: Total::default(),
            latency_ns: histogram(),
            lateness_ns: histogram(),
            edge: None,
        }
    }

    pub fn window(&self) -> std::ops::Range<u64> {
        self.window.clone()
    }

    /// A request of the schedule was looked at.
    #[inline]
    pub fn looked_at(&mut self, intended_ns: u64, now_ns: u64) {
        if self.window.contains(&intended_ns) {
            self.in_window.intended += 1;
            self.lateness_ns.saturating_record(now_ns.saturating_sub(intended_ns));
        }
    }

    #[inline]
    pub fn sent(&mut self) {
        self.total.sent += 1;
    }

    pub fn reconnected(&mut self) {
        self.total.reconnects += 1;
    }

    /// A request is over.
    #[inline]
    pub fn answered(&mut self, answer: &Answer, plan: &Plan, now_ns: u64) {
        match answer.outcome {
            Outcome::Accepted { rejected_items } => {
                let accepted = self.items.saturating_sub(rejected_items);
                self.total.accepted_requests += 1;
                self.total.accepted_items += accepted;
                self.total.rejected_items += rejected_items;
                if self.window.contains(&now_ns) {
                    self.in_window.requests += 1;
                    self.in_window.items += accepted;
                    self.in_window.body_bytes += plan.ring.entry(answer.entry).body_bytes;
                }
            }
            Outcome::Refused(refusal) => *self.total.refused.entry(refusal).or_default() += 1,
            Outcome::Failed => {
                self.total.failed += 1;
                return;
            }
        }
        if self.window.contains(&answer.intended_ns) {
            self.latency_ns.saturating_record(now_ns.saturating_sub(answer.intended_ns));
        }
    }

    /// The window begins.
    pub fn open_window(&mut self, wire_bytes: u64) {
        self.edge = Some(Edge { wire_bytes, own_cpu_s: own_cpu_s() });
    }

    /// The window ends.
    pub fn close_window(&mut self, wire_bytes: u64) {
        if let Some(edge) = self.edge.take() {
            self.in_window.wire_bytes = wire_bytes - edge.wire_bytes;
            self.in_window.own_cpu_s = own_cpu_s() - edge.own_cpu_s;
        }
    }

    /// The document. `unsent` requests were due but found no free stream until the end.
    pub fn to_json(&self, flags: &SendFlags, ring: usize, unsent: u64, watch: Vec<Value>) -> Value {
        let (total, window) = (&self.total, &self.in_window);
        let refused: u64 = total.refused.values().sum();
        let late_ns_p99 = self.lateness_ns.value_at_quantile(0.99);
        json!({
            "flags": flags_json(flags, ring),
            "window": {
                "seconds": (self.window.end - self.window.start) as f64 * 1e-9,
                "requests": window.requests,
                "items": window.items,
                "body_bytes": window.body_bytes,
                "wire_bytes": window.wire_bytes,
            },
            "total": {
                "sent": total.sent,
                "accepted_requests": total.accepted_requests,
                "accepted_items": total.accepted_items,
                "rejected_items": total.rejected_items,
                "refused": total.refused.iter().map(|(refusal, count)| (name(*refusal), json!(count))).collect::<Value>(),
                "failed": total.failed,
                "unanswered": total.sent - total.accepted_requests - refused - total.failed,
                "unsent": unsent,
                "reconnects": total.reconnects,
            },
            "schedule": {
                "kept_up": late_ns_p99 <= LATE_NS_P99_MAX,
                "intended": window.intended,
                "late_us_p99": micros(late_ns_p99),
                "late_us_max": micros(self.lateness_ns.max()),
            },
            "latency_us": {
                "mean": micros(self.latency_ns.mean() as u64),
                "p50": micros(self.latency_ns.value_at_quantile(0.50)),
                "p95": micros(self.latency_ns.value_at_quantile(0.95)),
                "p99": micros(self.latency_ns.value_at_quantile(0.99)),
                "p999": micros(self.latency_ns.value_at_quantile(0.999)),
                "max": micros(self.latency_ns.max()),
                "count": self.latency_ns.len(),
            },
            "watch": watch,
            "own_cpu_s": window.own_cpu_s,
        })
    }
}

/// gRPC statuses by their names, others by their numbers.
fn name(refusal: Refusal) -> String {
    match refusal {
        Refusal::Grpc(code) => {
            GRPC_CODES.get(usize::from(code)).map_or(format!("GRPC_{code}"), |&name| name.to_owned())
        }
        Refusal::Http(status) => format!("HTTP_{status}"),
    }
}

fn flags_json(flags: &SendFlags, ring: usize) -> Value {
    let value = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    json!({
        "target": flags.target.to_string(),
        "protocol": value(&flags.protocol),
        "encoding": value(&flags.encoding),
        "compression": value(&flags.compression),
        "level": flags.level,
        "signal": value(&flags.signal),
        "items": flags.items,
        "connections": flags.connections,
        "streams": flags.streams(),
        "rate": flags.rate,
        "trickle_ms": flags.trickle_ms,
        "warmup": flags.warmup,
        "duration": flags.duration,
        "drain": flags.drain,
        "ring": ring,
        "seed": flags.seed,
        "watch_pid": flags.watch_pid,
    })
}

/// With one decimal.
fn micros(ns: u64) -> f64 {
    (ns as f64 / 100.0).round() / 10.0
}

/// Above this, what the generator reports is its own doing.
const LATE_NS_P99_MAX: u64 = 1_000_000;
const LATENCY_NS_MAX: u64 = 600_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_refusals() {
        assert_eq!(name(Refusal::Grpc(14)), "UNAVAILABLE");
        assert_eq!(name(Refusal::Grpc(99)), "GRPC_99");
        assert_eq!(name(Refusal::Http(503)), "HTTP_503");
        assert_eq!(micros(1_234_567), 1234.6);
    }
}
