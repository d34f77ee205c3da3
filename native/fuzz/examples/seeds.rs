//! Writes the seeds of the corpus: `cargo run --example seeds`. They are small, one for each feature of a format; what
//! fuzzing finds beside them is not theirs.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use teleferric_buf::Pool;
use teleferric_codec::{Codec, compress};
use teleferric_testkit::Request;
use teleferric_wire::response::{self, Encoding, FieldViolation, Status};
use teleferric_wire::{Limits, Signal, json};

fn main() {
    for (signal, text) in REQUESTS {
        let index = Signal::ALL.iter().position(|one| one == signal).expect("a signal");
        let index = u8::try_from(index).expect("there are four");
        let name = format!("{}-{}", signal.name(), text.len());
        let mut proto = Vec::new();
        json::to_proto(*signal, text.as_bytes(), &Limits::default(), &mut proto).expect("a valid request");
        keep("json", &name, &[&[index], text.as_bytes()]);
        keep("json_write", &name, &[&[index, 255], &proto]);
        for (place, condition) in CONDITIONS.iter().enumerate() {
            let length = u8::try_from(condition.len()).expect("a short condition");
            keep("filter", &format!("{name}-{place}"), &[&[index, length], condition.as_bytes(), &proto]);
        }
        for way in 0..8 {
            keep("check", &format!("{name}-{way}"), &[&[index | way << 4 | way << 2, way << 2 | way], &proto]);
        }
    }
    for (index, signal) in (0_u8..).zip(Signal::ALL) {
        let many = Request { items: 12, first: 0, per_scope: 3, padding: 2 }.encode(signal);
        keep("check", &format!("{}-many", signal.name()), &[&[index, 4], &many]);
        keep("json_write", &format!("{}-many", signal.name()), &[&[index, 0], &many]);
    }
    compressed();
    framed();
    header_blocks();
    answers();
}

fn compressed() {
    let pool = Pool::new();
    let plain = Bytes::from("telemetry ".repeat(30));
    for (index, codec) in (0_u8..).zip(Codec::ALL) {
        let once = compress(codec, None, std::slice::from_ref(&plain), &pool).expect("memory");
        let empty = compress(codec, None, &[], &pool).expect("memory");
        keep("decompress", codec.name(), &[&[index, 2], &once]);
        keep("decompress", &format!("{}-twice", codec.name()), &[&[index, 15], &once, &once]);
        keep("decompress", &format!("{}-empty", codec.name()), &[&[index, 4], &empty]);
    }
}

fn framed() {
    keep("grpc_message", "empty", &[&[0, 0, 0, 0, 0]]);
    keep("grpc_message", "plain", &[&[0, 0, 0, 0, 3], b"abc"]);
    keep("grpc_message", "compressed", &[&[1, 0, 0, 0, 3], b"abc"]);
    keep("grpc_message", "two", &[&[0, 0, 0, 0, 1], b"a", &[0, 0, 0, 0, 1], b"b"]);
    keep("grpc_message", "huge", &[&[0, 255, 255, 255, 255], b"a"]);
    for text in ["10S", "99999999H", "250m", "gzip", "application/grpc+proto; charset=utf-8", "100% µ"] {
        keep("grpc_message", &format!("text-{}", text.len()), &[text.as_bytes()]);
    }
}

fn header_blocks() {
    // Two requests of RFC 7541, C.4: the second refers to what the first put into the table.
    let first = [0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
    let second = [0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];
    keep("hpack", "two", &[&[first.len() as u8], &first, &[second.len() as u8], &second]);
    keep("hpack", "timeout", &[&[16], b"\x00\x0cgrpc-timeout\x0210"]);
    keep("hpack", "resize", &[&[3, 0x20, 0x3f, 0xe1], &[1, 0x82]]);
}

fn answers() {
    let violations = vec![FieldViolation { field: "resource_spans[0]".to_owned(), description: "no".to_owned() }];
    let delay = Some(std::time::Duration::new(3, 500_000_000));
    let status = Status { retry_delay: delay, violations, ..Status::new(14, "sending queue is full") };
    for (encoding, bit) in [(Encoding::Proto, 0), (Encoding::Json, 4)] {
        let word = if bit == 0 { "proto" } else { "json" };
        keep("response", &format!("status-{word}"), &[&[bit], &status.encode(encoding)]);
        keep("response", &format!("success-{word}"), &[&[bit], response::success(encoding)]);
        for (index, signal) in (0_u8..).zip(Signal::ALL) {
            let body = response::write_partial_success(signal, encoding, 7, "too \"old\"");
            keep("response", &format!("partial-{}-{word}", signal.name()), &[&[bit | index], &body]);
        }
    }
}

fn keep(target: &str, name: &str, pieces: &[&[u8]]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), pieces.concat()).expect("a file");
}

/// Conditions that between them use every form.
const CONDITIONS: &[&str] = &[
    r#"attributes["a"] == "x" or not (attributes["b"] >= -7 and true)"#,
    r#"resource.attributes["a"] != nil and IsMatch(resource.attributes["a"], "^x\d?")"#,
    r#"datapoint.attributes["a"] == nil and datapoint.value_double < 1.5e3"#,
    r#"span.kind == SPAN_KIND_SERVER and IsRootSpan() == false"#,
    r#"spanevent.attributes["a"] == 0x000102 or Len(spanevent.name) > 0"#,
    r#"log.body["a"][0] == 1 or HasPrefix(log.severity_text, "I")"#,
];

/// Requests that between them use every field.
const REQUESTS: &[(Signal, &str)] = &[
    (Signal::Traces, "{}"),
    (
        Signal::Traces,
        r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"x"}},{"key":"b","value":{"intValue":"-7"}}],"droppedAttributesCount":1},"schemaUrl":"u","scopeSpans":[{"scope":{"name":"n","version":"1","attributes":[{"key":"a","value":{"boolValue":true}}]},"schemaUrl":"s","spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","traceState":"k=v","flags":257,"name":"GET /","kind":2,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":1544712661000000000,"attributes":[{"key":"a","value":{"doubleValue":1.5}},{"key":"b","value":{"stringValue":"true"}}],"droppedAttributesCount":2,"events":[{"timeUnixNano":"1","name":"e","attributes":[{"key":"a","value":{"bytesValue":"AAEC"}}]}],"droppedEventsCount":1,"links":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","attributes":[],"flags":1}],"droppedLinksCount":1,"status":{"message":"bad","code":2}},{"name":"second"},{"name":"third","kind":"SPAN_KIND_CLIENT"}]}]}]}"#,
    ),
    (
        Signal::Metrics,
        r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":{"stringValue":"x"}}]},"scopeMetrics":[{"scope":{"name":"n"},"metrics":[{"name":"g","unit":"1","description":"d","gauge":{"dataPoints":[{"attributes":[{"key":"a","value":{"intValue":3}}],"timeUnixNano":"1","asDouble":"NaN"},{"asInt":"-5","flags":1}]}},{"name":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"asInt":9,"exemplars":[{"timeUnixNano":"1","asDouble":0.1,"spanId":"eee19b7ec3c1b174","filteredAttributes":[{"key":"b","value":{"intValue":1}}]}]}]}}]}]}]}"#,
    ),
    (
        Signal::Metrics,
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","metadata":[{"key":"m","value":{"stringValue":"v"}}],"histogram":{"aggregationTemporality":1,"dataPoints":[{"attributes":[{"key":"b","value":{"stringValue":"z"}}],"startTimeUnixNano":"1","count":"3","sum":2.5,"bucketCounts":["1","2"],"explicitBounds":[1.5],"min":-1,"max":"Infinity"}]}},{"name":"e","exponentialHistogram":{"dataPoints":[{"count":4,"scale":-2,"zeroCount":"1","zeroThreshold":0.5,"positive":{"offset":-1,"bucketCounts":[1,2]},"negative":{"bucketCounts":["0"]}}]}},{"name":"q","summary":{"dataPoints":[{"count":2,"sum":1,"quantileValues":[{"quantile":0.99,"value":3}]}]}}]}]}]}"#,
    ),
    (
        Signal::Logs,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","observedTimeUnixNano":"2","severityNumber":9,"severityText":"INFO","body":{"kvlistValue":{"values":[{"key":"a","value":{"arrayValue":{"values":[{"stringValue":"\ud83d\ude00"},{"intValue":1},{},null]}}}]}},"attributes":[{"key":"a","value":{"arrayValue":{"values":[{"doubleValue":-0.0}]}}},{"key":"b","value":{}}],"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"","flags":1,"eventName":"e"},{"body":{"stringValue":"\u0000\u001f\"\\/"},"unknown":{"x":[1,{"y":null}]}}]}]},{"scope_logs":[{"log_records":[{"severity_text":"snake"}]}]}]}"#,
    ),
    (
        Signal::Profiles,
        r#"{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"profileId":"5b8efff798038103d269b633813fc60c","timeUnixNano":"1","durationNano":"2","samples":[{"stackIndex":1,"values":["1","2"],"timestampsUnixNano":["3"]},{}]}]}]}],"dictionary":{"stringTable":["","a"],"locationTable":[{"lines":[{"functionIndex":1,"line":"7"}]}]}}"#,
    ),
];
