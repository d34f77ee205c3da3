//! What the generator makes: a small shop of services that call one another, now and then fail, and measure
//! themselves. Written straight as protobuf; field numbers are those of `proto/`.

use std::time::{SystemTime, UNIX_EPOCH};

use teleferric_wire::Signal;
use teleferric_wire::cursor::{WireType, put_bytes, put_tag, put_varint};

/// Makes the requests of one sender.
pub struct Content {
    random: Random,
    error_ratio: f64,
    started_ns: u64,
    /// Requests served so far, for the cumulative sums.
    served: u64,
}

/// One hop of a trace.
struct Hop {
    service: &'static str,
    name: &'static str,
    kind: u64,
    /// Share of the parent's time that this hop takes.
    share: f64,
    attributes: &'static [(&'static str, &'static str)],
}

const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;

/// A purchase, from the front end to the database and the event bus; every hop is the child of the one before.
const HOPS: [Hop; 8] = [
    Hop {
        service: "frontend",
        name: "POST /cart/checkout",
        kind: SERVER,
        share: 1.0,
        attributes: &[("http.request.method", "POST"), ("http.route", "/cart/checkout"), ("url.scheme", "https")],
    },
    Hop {
        service: "frontend",
        name: "checkout.PlaceOrder",
        kind: CLIENT,
        share: 0.9,
        attributes: &[("rpc.system", "grpc"), ("rpc.method", "PlaceOrder"), ("server.address", "checkout")],
    },
    Hop {
        service: "checkout",
        name: "checkout.PlaceOrder",
        kind: SERVER,
        share: 0.95,
        attributes: &[("rpc.system", "grpc"), ("rpc.method", "PlaceOrder")],
    },
    Hop {
        service: "checkout",
        name: "payment.Charge",
        kind: CLIENT,
        share: 0.6,
        attributes: &[("rpc.system", "grpc"), ("rpc.method", "Charge"), ("server.address", "payment")],
    },
    Hop {
        service: "payment",
        name: "payment.Charge",
        kind: SERVER,
        share: 0.9,
        attributes: &[("rpc.system", "grpc"), ("rpc.method", "Charge")],
    },
    Hop {
        service: "payment",
        name: "validate card",
        kind: INTERNAL,
        share: 0.2,
        attributes: &[("card.type", "debit")],
    },
    Hop {
        service: "payment",
        name: "INSERT payments",
        kind: CLIENT,
        share: 0.8,
        attributes: &[
            ("db.system.name", "postgresql"),
            ("db.namespace", "payments"),
            ("db.query.text", "INSERT INTO payments (order_id, amount, currency) VALUES ($1, $2, $3)"),
        ],
    },
    Hop {
        service: "payment",
        name: "publish payment.settled",
        kind: PRODUCER,
        share: 0.3,
        attributes: &[("messaging.system", "kafka"), ("messaging.destination.name", "payment.settled")],
    },
];

const SERVICES: [&str; 3] = ["frontend", "checkout", "payment"];
const SCOPE: &str = "teleferric.generator";
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";
const ROUTES: [&str; 4] = ["/", "/product/{id}", "/cart", "/cart/checkout"];
const LATENCY_BOUNDS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

impl Content {
    /// Content that follows from `seed` alone, but for its times.
    pub fn new(seed: u64, error_ratio: f64) -> Self {
        Content { random: Random(seed ^ 0x9e37_79b9_7f4a_7c15), error_ratio, started_ns: now_ns(), served: 0 }
    }

    /// A request with exactly `items` spans, data points or log records.
    pub fn request(&mut self, signal: Signal, items: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(usize::try_from(items).unwrap_or(0).saturating_mul(320).min(8 << 20));
        match signal {
            Signal::Traces => self.traces(items, &mut out),
            Signal::Logs => self.logs(items, &mut out),
            Signal::Metrics | Signal::Profiles => self.metrics(items, &mut out),
        }
        out
    }

    fn traces(&mut self, items: u64, out: &mut Vec<u8>) {
        let mut spans: [Vec<u8>; SERVICES.len()] = Default::default();
        let mut left = items;
        while left > 0 {
            left -= self.trace(left, &mut spans);
        }
        for (service, spans) in SERVICES.into_iter().zip(spans) {
            if !spans.is_empty() {
                entry(service, out, |out| out.extend_from_slice(&spans));
            }
        }
    }

    /// Appends one trace of at most `most` spans, each to its service; returns how many.
    fn trace(&mut self, most: u64, spans: &mut [Vec<u8>; SERVICES.len()]) -> u64 {
        let trace_id = [self.random.next().to_be_bytes(), self.random.next().to_be_bytes()].concat();
        let failed = self.random.unit() < self.error_ratio;
        let mut parent = Vec::new();
        let mut duration_ns = 20_000_000.0 + self.random.unit() * 180_000_000.0;
        let mut start_ns = now_ns() - duration_ns as u64;
        let mut written = 0;
        for hop in HOPS.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            duration_ns *= hop.share;
            start_ns += (duration_ns * 0.02) as u64;
            let id = self.random.next().to_be_bytes();
            let span =
                Span { trace_id: &trace_id, id: &id, parent: &parent, start_ns, duration_ns: duration_ns as u64 };
            if let Some(out) = position(hop.service).and_then(|service| spans.get_mut(service)) {
                nested(2, out, |out| write_span(&span, hop, failed, &mut self.random, out));
            }
            parent = id.to_vec();
            written += 1;
        }
        written
    }

    fn logs(&mut self, items: u64, out: &mut Vec<u8>) {
        let service = SERVICES[self.random.below(SERVICES.len() as u64) as usize % SERVICES.len()];
        entry(service, out, |out| (0..items).for_each(|_| nested(2, out, |out| self.log(out))));
    }

    fn log(&mut self, out: &mut Vec<u8>) {
        let failed = self.random.unit() < self.error_ratio;
        let (severity, word, body) = if failed {
            (17, "ERROR", "payment refused by the card issuer")
        } else if self.random.below(4) == 0 {
            (5, "DEBUG", "cache miss, reading from the database")
        } else {
            (9, "INFO", "order accepted")
        };
        fixed64(1, now_ns(), out);
        varint(2, severity, out);
        put_bytes(3, word.as_bytes(), out);
        nested(5, out, |out| put_bytes(1, body.as_bytes(), out));
        nested(6, out, |out| int_attribute("order.id", self.random.below(1_000_000), out));
        nested(6, out, |out| text_attribute("thread.name", "worker-3", out));
        fixed32(8, 1, out);
        put_bytes(9, &[self.random.next().to_be_bytes(), self.random.next().to_be_bytes()].concat(), out);
        put_bytes(10, &self.random.next().to_be_bytes(), out);
        fixed64(11, now_ns(), out);
    }

    /// Metrics with `items` data points in all, in rounds of a gauge, a sum, a histogram, an exponential histogram.
    fn metrics(&mut self, items: u64, out: &mut Vec<u8>) {
        let service = SERVICES[self.random.below(SERVICES.len() as u64) as usize % SERVICES.len()];
        let share = |kind: u64| items / 4 + u64::from(items % 4 > kind);
        entry(service, out, |out| {
            self.metric("process.memory.usage", "By", 5, share(0), out, Content::gauge_point);
            self.metric("http.server.requests", "{request}", 7, share(1), out, Content::sum_point);
            self.metric("http.server.request.duration", "s", 9, share(2), out, Content::histogram_point);
            self.metric("rpc.server.call.duration", "ms", 10, share(3), out, Content::exponential_point);
        });
    }

    /// One metric with its data in field `data` (gauge 5, sum 7, histogram 9, exponential histogram 10).
    fn metric(
        &mut self,
        name: &str,
        unit: &str,
        data: u32,
        points: u64,
        out: &mut Vec<u8>,
        point: fn(&mut Content, &mut Vec<u8>),
    ) {
        const GAUGE: u32 = 5;
        const SUM: u32 = 7;
        const CUMULATIVE: u64 = 2;
        if points == 0 {
            return;
        }
        nested(2, out, |out| {
            put_bytes(1, name.as_bytes(), out);
            put_bytes(3, unit.as_bytes(), out);
            nested(data, out, |out| {
                (0..points).for_each(|_| nested(1, out, |out| point(self, out)));
                if data != GAUGE {
                    varint(2, CUMULATIVE, out);
                }
                if data == SUM {
                    varint(3, 1, out);
                }
            });
        });
    }

    fn gauge_point(&mut self, out: &mut Vec<u8>) {
        fixed64(3, now_ns(), out);
        fixed64(6, 50_000_000 + self.random.below(10_000_000), out);
        nested(7, out, |out| text_attribute("process.runtime.name", "nodejs", out));
    }

    fn sum_point(&mut self, out: &mut Vec<u8>) {
        self.served += 1 + self.random.below(10);
        fixed64(2, self.started_ns, out);
        fixed64(3, now_ns(), out);
        fixed64(6, self.served, out);
        nested(7, out, |out| text_attribute("http.route", self.route(), out));
    }

    fn histogram_point(&mut self, out: &mut Vec<u8>) {
        let mut counts = [0_u64; LATENCY_BOUNDS.len() + 1];
        let (mut sum, mut least, mut most) = (0.0, f64::MAX, 0.0_f64);
        for _ in 0..20 {
            let seconds = self.random.unit() * self.random.unit() * 1.2;
            let bucket = LATENCY_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(LATENCY_BOUNDS.len());
            counts.iter_mut().skip(bucket).take(1).for_each(|count| *count += 1);
            sum += seconds;
            least = least.min(seconds);
            most = most.max(seconds);
        }
        fixed64(2, self.started_ns, out);
        fixed64(3, now_ns(), out);
        fixed64(4, counts.iter().sum(), out);
        fixed64(5, sum.to_bits(), out);
        put_bytes(6, &counts.map(u64::to_le_bytes).concat(), out);
        put_bytes(7, &LATENCY_BOUNDS.map(f64::to_le_bytes).concat(), out);
        nested(8, out, |out| {
            fixed64(2, now_ns(), out);
            fixed64(3, most.to_bits(), out);
            put_bytes(4, &self.random.next().to_be_bytes(), out);
            put_bytes(5, &[self.random.next().to_be_bytes(), self.random.next().to_be_bytes()].concat(), out);
        });
        nested(9, out, |out| text_attribute("http.route", self.route(), out));
        fixed64(11, least.to_bits(), out);
        fixed64(12, most.to_bits(), out);
    }

    fn exponential_point(&mut self, out: &mut Vec<u8>) {
        let counts: Vec<u64> = (0..6).map(|_| self.random.below(9)).collect();
        nested(1, out, |out| text_attribute("rpc.method", "PlaceOrder", out));
        fixed64(2, self.started_ns, out);
        fixed64(3, now_ns(), out);
        fixed64(4, counts.iter().sum::<u64>() + 1, out);
        fixed64(5, (counts.iter().sum::<u64>() as f64 * 12.5).to_bits(), out);
        put_tag(6, WireType::Varint, out);
        put_varint(4, out); // scale 2, zigzag
        fixed64(7, 1, out);
        nested(8, out, |out| {
            put_tag(1, WireType::Varint, out);
            put_varint(8, out); // offset 4, zigzag
            let mut packed = Vec::new();
            counts.iter().for_each(|count| put_varint(*count, &mut packed));
            put_bytes(2, &packed, out);
        });
    }

    fn route(&mut self) -> &'static str {
        ROUTES.get(self.random.below(ROUTES.len() as u64) as usize).copied().unwrap_or("/")
    }
}

struct Span<'a> {
    trace_id: &'a [u8],
    id: &'a [u8],
    parent: &'a [u8],
    start_ns: u64,
    duration_ns: u64,
}

fn write_span(span: &Span<'_>, hop: &Hop, failed: bool, random: &mut Random, out: &mut Vec<u8>) {
    let end_ns = span.start_ns + span.duration_ns;
    put_bytes(1, span.trace_id, out);
    put_bytes(2, span.id, out);
    if !span.parent.is_empty() {
        put_bytes(4, span.parent, out);
    }
    put_bytes(5, hop.name.as_bytes(), out);
    varint(6, hop.kind, out);
    fixed64(7, span.start_ns, out);
    fixed64(8, end_ns, out);
    for (key, value) in hop.attributes {
        nested(9, out, |out| text_attribute(key, value, out));
    }
    nested(9, out, |out| int_attribute("network.peer.port", 1024 + random.below(60_000), out));
    if failed {
        nested(11, out, |out| {
            fixed64(1, end_ns, out);
            put_bytes(2, b"exception", out);
            nested(3, out, |out| text_attribute("exception.type", "CardRefused", out));
            nested(3, out, |out| text_attribute("exception.message", "the card issuer refused the charge", out));
        });
        nested(15, out, |out| {
            put_bytes(2, b"the card issuer refused the charge", out);
            varint(3, 2, out);
        });
    }
    fixed32(16, 0x101, out); // sampled; whether the parent is remote is known
}

/// One resource entry with one scope entry whose records `records` writes as field 2.
fn entry(service: &str, out: &mut Vec<u8>, records: impl FnOnce(&mut Vec<u8>)) {
    nested(1, out, |out| {
        nested(1, out, |out| {
            nested(1, out, |out| text_attribute("service.name", service, out));
            nested(1, out, |out| text_attribute("service.namespace", "shop", out));
            nested(1, out, |out| text_attribute("service.version", "1.4.2", out));
            nested(1, out, |out| text_attribute("deployment.environment.name", "demo", out));
        });
        nested(2, out, |out| {
            nested(1, out, |out| {
                put_bytes(1, SCOPE.as_bytes(), out);
                put_bytes(2, env!("CARGO_PKG_VERSION").as_bytes(), out);
            });
            records(out);
            put_bytes(3, SCHEMA_URL.as_bytes(), out);
        });
        put_bytes(3, SCHEMA_URL.as_bytes(), out);
    });
}

fn text_attribute(key: &str, value: &str, out: &mut Vec<u8>) {
    put_bytes(1, key.as_bytes(), out);
    nested(2, out, |out| put_bytes(1, value.as_bytes(), out));
}

fn int_attribute(key: &str, value: u64, out: &mut Vec<u8>) {
    put_bytes(1, key.as_bytes(), out);
    nested(2, out, |out| varint(3, value, out));
}

/// A nested message; its length is put in front once it is known.
fn nested(number: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    put_tag(number, WireType::Delimited, out);
    let start = out.len();
    write(out);
    let mut length = Vec::with_capacity(5);
    put_varint((out.len() - start) as u64, &mut length);
    out.splice(start..start, length);
}

fn varint(number: u32, value: u64, out: &mut Vec<u8>) {
    put_tag(number, WireType::Varint, out);
    put_varint(value, out);
}

fn fixed64(number: u32, value: u64, out: &mut Vec<u8>) {
    put_tag(number, WireType::Fixed64, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn fixed32(number: u32, value: u32, out: &mut Vec<u8>) {
    put_tag(number, WireType::Fixed32, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn position(service: &str) -> Option<usize> {
    SERVICES.iter().position(|name| *name == service)
}

fn now_ns() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): small, seedable, good enough for made-up data.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `limit`, which is small beside 2^64.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use teleferric_wire::{Limits, check};

    #[test]
    fn every_request_is_valid_and_has_exactly_the_items_asked_for() {
        let mut content = Content::new(1, 0.5);
        for signal in [Signal::Traces, Signal::Metrics, Signal::Logs] {
            for items in [1, 2, 3, 7, 8, 9, 100, 1000] {
                let request = content.request(signal, items);
                let counts = check(signal, &request, &Limits::default()).expect("valid").counts();
                assert_eq!(counts.items, items, "{signal}");
            }
        }
    }
}
