//! The values that requests are filled with: varied as in the field, and repeatable.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;

/// A source of values; one for each request, so that any request can be made without those before it.
pub struct Content {
    random: Random,
    /// Goes forward from record to record.
    pub time_unix_nano: u64,
}

impl Content {
    pub fn new(seed: u64, nth: u64) -> Self {
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ nth.wrapping_mul(0xd1b5_4a32_d192_ed03));
        Self { random, time_unix_nano: FIRST_TIME_UNIX_NANO + nth * 5_000_000 }
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.random.next() % limit
    }

    pub fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    pub fn id(&mut self, bytes: usize) -> Vec<u8> {
        let mut id = Vec::with_capacity(bytes);
        while id.len() < bytes {
            id.extend_from_slice(&self.random.next().to_le_bytes());
        }
        id
    }

    /// Moves the clock on a little and reads it.
    pub fn next_time(&mut self) -> u64 {
        self.time_unix_nano += self.below(2_000_000);
        self.time_unix_nano
    }

    pub fn resource(&mut self) -> Option<Resource> {
        let host = self.below(40);
        let attributes = vec![
            text("service.name", self.pick(&SERVICES)),
            text("service.version", "2.14.3"),
            text("host.name", format!("ip-10-0-{}-{}.eu-west-1", host / 8, 17 + host)),
            text("telemetry.sdk.language", "nodejs"),
        ];
        Some(Resource { attributes, ..Resource::default() })
    }

    pub fn scope(&mut self) -> Option<InstrumentationScope> {
        let (name, version) = ("instrumentation-http".to_owned(), "0.57.2".to_owned());
        Some(InstrumentationScope { name, version, ..InstrumentationScope::default() })
    }

    /// What every record has, of whatever signal; processors under test edit some of it.
    pub fn attributes(&mut self, route: &str) -> Vec<KeyValue> {
        let user = self.below(20_000);
        let name = NAMES[(user % NAMES.len() as u64) as usize];
        let status = if self.below(20) == 0 { [400, 404, 429, 500, 503][self.below(5) as usize] } else { 200 };
        vec![
            text("http.request.method", self.pick(&METHODS)),
            text("http.route", route),
            number("http.response.status_code", status),
            text("user.email", format!("{name}{user}@example.com")),
            text("enduser.id", format!("u-{user}")),
            text("client.address", self.address()),
            number("http.response.body.size", self.below(40_000) as i64),
        ]
    }

    fn address(&mut self) -> String {
        let bits = self.random.next();
        format!("{}.{}.{}.{}", 1 + bits % 223, bits >> 8 & 255, bits >> 16 & 255, bits >> 24 & 255)
    }

    pub fn route(&mut self) -> &'static str {
        self.pick(&ROUTES)
    }
}

pub fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// SplitMix64: small, fast enough, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// 2026-01-01T00:00:00Z. Fixed, so that the bytes are.
const FIRST_TIME_UNIX_NANO: u64 = 1_767_225_600_000_000_000;

const SERVICES: [&str; 6] = ["checkout", "cart", "catalogue", "payment", "shipping", "recommendation"];
const METHODS: [&str; 4] = ["GET", "GET", "POST", "PUT"];
const ROUTES: [&str; 8] = [
    "/api/v1/carts/{cartId}",
    "/api/v1/carts/{cartId}/items",
    "/api/v1/products",
    "/api/v1/products/{productId}",
    "/api/v1/orders",
    "/api/v1/orders/{orderId}",
    "/api/v1/payments/{paymentId}",
    "/api/v1/shipping/quotes",
];
const NAMES: [&str; 12] =
    ["ana", "bjorn", "chidi", "dolores", "emeka", "fatima", "goran", "hana", "ines", "jonas", "kofi", "leila"];
