//! The requests that are replayed, always the same bytes: as protobuf and as JSON, from one description.

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// S1: one span.
    OneSpan,
    /// S3: a thousand log records of one scope.
    ThousandLogs,
}

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Proto,
    /// OTLP's JSON.
    Json,
}

impl Payload {
    /// All of them.
    pub const ALL: [Payload; 2] = [Payload::OneSpan, Payload::ThousandLogs];

    /// The name in the list of scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Payload::OneSpan => "s1",
            Payload::ThousandLogs => "s3",
        }
    }

    /// The signal's name.
    pub fn signal(self) -> &'static str {
        match self {
            Payload::OneSpan => "traces",
            Payload::ThousandLogs => "logs",
        }
    }

    /// The path of the gRPC method.
    pub fn grpc_method(self) -> &'static str {
        match self {
            Payload::OneSpan => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Payload::ThousandLogs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    /// Spans or records in a request.
    pub fn items(self) -> u64 {
        match self {
            Payload::OneSpan => 1,
            Payload::ThousandLogs => 1000,
        }
    }

    /// The request's bytes.
    pub fn encode(self, encoding: Encoding) -> Vec<u8> {
        let request = match self {
            Payload::OneSpan => spans(self.items()),
            Payload::ThousandLogs => logs(self.items()),
        };
        match encoding {
            Encoding::Proto => {
                let mut bytes = Vec::new();
                write_proto(&request, &mut bytes);
                bytes
            }
            Encoding::Json => {
                let mut text = String::new();
                write_json(&request, &mut text);
                text.into_bytes()
            }
        }
    }
}

/// A message as its fields in order.
type Message = Vec<Field>;

/// A field by its number in protobuf and its name in JSON.
struct Field {
    number: u64,
    name: &'static str,
    /// A list in JSON; its elements stand side by side.
    repeated: bool,
    value: Value,
}

enum Value {
    Text(String),
    /// Hexadecimal in JSON.
    Id(Vec<u8>),
    /// A varint, a number in JSON.
    Enum(u64),
    /// A varint, a string in JSON.
    Int64(u64),
    Fixed64(u64),
    Fixed32(u32),
    Message(Message),
}

fn one(number: u64, name: &'static str, value: Value) -> Field {
    Field { number, name, repeated: false, value }
}

fn many(number: u64, name: &'static str, messages: impl IntoIterator<Item = Message>) -> Vec<Field> {
    let field = |message| Field { number, name, repeated: true, value: Value::Message(message) };
    messages.into_iter().map(field).collect()
}

fn text(value: &str) -> Value {
    Value::Message(vec![one(1, "stringValue", Value::Text(value.to_owned()))])
}

fn integer(value: u64) -> Value {
    Value::Message(vec![one(3, "intValue", Value::Int64(value))])
}

fn attribute(key: &str, value: Value) -> Message {
    vec![one(1, "key", Value::Text(key.to_owned())), one(2, "value", value)]
}

fn spans(count: u64) -> Message {
    let spans = many(2, "spans", (0..count).map(span));
    let scope_spans: Message = [scope()].into_iter().chain(spans).collect();
    let resource_spans = [resource()].into_iter().chain(many(2, "scopeSpans", [scope_spans])).collect();
    many(1, "resourceSpans", [resource_spans])
}

fn logs(count: u64) -> Message {
    let records = many(2, "logRecords", (0..count).map(log));
    let scope_logs: Message = [scope()].into_iter().chain(records).collect();
    let resource_logs = [resource()].into_iter().chain(many(2, "scopeLogs", [scope_logs])).collect();
    many(1, "resourceLogs", [resource_logs])
}

fn resource() -> Field {
    let attributes = many(
        1,
        "attributes",
        [
            attribute("service.name", text("checkout")),
            attribute("service.namespace", text("shop")),
            attribute("service.instance.id", text("627cc493-f310-47de-96bd-71410b7dec09")),
            attribute("service.version", text("2.14.3")),
            attribute("deployment.environment.name", text("production")),
            attribute("host.name", text("node-17.eu-west-1.example.com")),
            attribute("telemetry.sdk.language", text("nodejs")),
            attribute("telemetry.sdk.name", text("opentelemetry")),
        ],
    );
    one(1, "resource", Value::Message(attributes))
}

fn scope() -> Field {
    let scope =
        vec![one(1, "name", Value::Text("shop.orders".to_owned())), one(2, "version", Value::Text("1.9.0".to_owned()))];
    one(1, "scope", Value::Message(scope))
}

fn span(number: u64) -> Message {
    let attributes = many(
        9,
        "attributes",
        [
            attribute("http.request.method", text("POST")),
            attribute("url.path", text("/api/v2/orders")),
            attribute("url.scheme", text("https")),
            attribute("server.address", text("orders.example.com")),
            attribute("server.port", integer(443)),
            attribute("http.route", text("/api/v2/orders")),
            attribute("http.response.status_code", integer(201)),
            attribute("user_agent.original", text("Mozilla/5.0 (X11; Linux x86_64; rv:128.0)")),
        ],
    );
    let start = START_NANOS + number * 1_000_000;
    let head = [
        one(1, "traceId", Value::Id(id(number, 16))),
        one(2, "spanId", Value::Id(id(number + 1, 8))),
        one(4, "parentSpanId", Value::Id(id(number + 2, 8))),
        one(5, "name", Value::Text("POST /api/v2/orders".to_owned())),
        one(6, "kind", Value::Enum(2)),
        one(7, "startTimeUnixNano", Value::Fixed64(start)),
        one(8, "endTimeUnixNano", Value::Fixed64(start + 18_250_000)),
    ];
    head.into_iter().chain(attributes).collect()
}

fn log(number: u64) -> Message {
    let attributes = many(
        6,
        "attributes",
        [
            attribute("http.request.method", text("GET")),
            attribute("url.path", text(&format!("/api/v2/orders/{number:06}"))),
            attribute("http.response.status_code", integer(200)),
            attribute("enduser.id", text(&format!("u-{:08}", number * 7919))),
            attribute("thread.name", text("http-nio-8080-exec-7")),
        ],
    );
    let time = START_NANOS + number * 1_000_000;
    let body = text(&format!("order {number:06} was read from the cache in {} us", 40 + number % 60));
    let head = [
        one(1, "timeUnixNano", Value::Fixed64(time)),
        one(2, "severityNumber", Value::Enum(9)),
        one(3, "severityText", Value::Text("INFO".to_owned())),
        one(5, "body", body),
    ];
    let tail = [
        one(8, "flags", Value::Fixed32(1)),
        one(9, "traceId", Value::Id(id(number, 16))),
        one(10, "spanId", Value::Id(id(number + 1, 8))),
        one(11, "observedTimeUnixNano", Value::Fixed64(time + 1500)),
    ];
    head.into_iter().chain(attributes).chain(tail).collect()
}

/// An id of so many bytes that looks random and is not.
fn id(number: u64, bytes: usize) -> Vec<u8> {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    mixed.iter().cycle().take(bytes).copied().collect()
}

fn write_proto(message: &[Field], out: &mut Vec<u8>) {
    for field in message {
        let mut key = |wire_type: u64| write_varint(field.number << 3 | wire_type, out);
        match &field.value {
            Value::Enum(value) | Value::Int64(value) => {
                key(VARINT);
                write_varint(*value, out);
            }
            Value::Fixed64(value) => {
                key(FIXED64);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Value::Fixed32(value) => {
                key(FIXED32);
                out.extend_from_slice(&value.to_le_bytes());
            }
            Value::Text(text) => {
                key(LENGTH);
                write_bytes(text.as_bytes(), out);
            }
            Value::Id(id) => {
                key(LENGTH);
                write_bytes(id, out);
            }
            Value::Message(inner) => {
                key(LENGTH);
                let mut bytes = Vec::new();
                write_proto(inner, &mut bytes);
                write_bytes(&bytes, out);
            }
        }
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn write_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write_json(message: &[Field], out: &mut String) {
    let mut previous: Option<&Field> = None;
    out.push('{');
    for field in message {
        match previous {
            Some(last) if field.repeated && last.number == field.number => out.push(','),
            _ => {
                close_list(previous, out);
                out.push_str(if previous.is_some() { ",\"" } else { "\"" });
                out.push_str(field.name);
                out.push_str(if field.repeated { "\":[" } else { "\":" });
            }
        }
        match &field.value {
            // No text here needs escapes.
            Value::Text(text) => out.extend(["\"", text, "\""]),
            Value::Id(id) => out.extend(["\"", &hexadecimal(id), "\""]),
            Value::Enum(value) => out.push_str(&value.to_string()),
            Value::Fixed32(value) => out.push_str(&value.to_string()),
            Value::Int64(value) | Value::Fixed64(value) => out.extend(["\"", &value.to_string(), "\""]),
            Value::Message(inner) => write_json(inner, out),
        }
        previous = Some(field);
    }
    close_list(previous, out);
    out.push('}');
}

fn close_list(last: Option<&Field>, out: &mut String) {
    if last.is_some_and(|field| field.repeated) {
        out.push(']');
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const START_NANOS: u64 = 1_760_000_000_000_000_000;

/// Wire types of protobuf.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

#[cfg(test)]
mod tests {
    use teleferric_wire::{Limits, Signal, check, json};

    use super::*;

    #[test]
    fn requests_hold_their_items_and_say_the_same_in_both_encodings() {
        for payload in Payload::ALL {
            let signal: Signal = payload.signal().parse().expect("a signal");
            let proto = payload.encode(Encoding::Proto);
            let checked = check(signal, &proto, &Limits::default()).expect("a valid request");
            assert_eq!(checked.counts().items, payload.items());
            let mut read = Vec::new();
            json::to_proto(signal, &payload.encode(Encoding::Json), &Limits::default(), &mut read).expect("valid json");
            assert!(read == proto);
        }
    }
}
