//! Golden text, completeness against the schema, hostile text, sampling and hosts without room.

use std::sync::Mutex;

use serde_json::{Value, json};
use teleferric_buf::Permit;
use teleferric_flow::Reply;
use teleferric_wire::schema::{Kind, Message};
use teleferric_wire::{Limits, json as otlp_json};
use tokio::time::Instant;

use super::*;
use crate::component::Host;

type Counts = Vec<(&'static str, u64)>;

/// Keeps what is printed; takes no more than `room` texts.
struct Pages {
    printed: Mutex<Vec<(String, String, Counts)>>,
    room: Mutex<usize>,
}

impl Pages {
    fn with_room(room: usize) -> Arc<Self> {
        Arc::new(Pages { printed: Mutex::default(), room: Mutex::new(room) })
    }

    fn texts(&self) -> Vec<String> {
        self.printed.lock().unwrap().iter().map(|(_, text, _)| text.clone()).collect()
    }
}

impl Host for Pages {
    fn print(&self, target: &str, text: &str, fields: &[(&'static str, u64)]) -> bool {
        let mut room = self.room.lock().unwrap();
        if *room == 0 {
            return false;
        }
        *room -= 1;
        self.printed.lock().unwrap().push((target.to_owned(), text.to_owned(), fields.to_vec()));
        true
    }

    fn tell(&self, _kind: &'static str, _facts: Value) {}
}

fn config(verbosity: Verbosity) -> DebugConfig {
    DebugConfig {
        verbosity,
        sampling_initial: 2,
        sampling_thereafter: 1,
        use_internal_logger: true,
        output_paths: vec!["stdout".into()],
        sending_queue: None,
    }
}

fn exporter(config: &DebugConfig, signal: Signal, host: &Arc<Pages>) -> Debug {
    let host: Arc<dyn Host> = host.clone();
    Debug { signal, verbosity: config.verbosity, printer: Arc::new(Printer::new(config, host)) }
}

fn parcel(signal: Signal, requests: &[Vec<u8>]) -> Parcel {
    let payload = requests.iter().map(|request| Bytes::from(request.clone())).collect::<teleferric_flow::Payload>();
    Parcel::new(signal, payload, 1, Permit::none(), Reply::to(|_| {}))
}

fn request(signal: Signal, json: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    otlp_json::to_proto(signal, json, &Limits::default(), &mut bytes).unwrap();
    bytes
}

/// What the exporter prints for one request.
async fn printed(signal: Signal, verbosity: Verbosity, requests: &[Vec<u8>]) -> String {
    let host = Pages::with_room(usize::MAX);
    let outcome = exporter(&config(verbosity), signal, &host).send(&parcel(signal, requests)).await;
    assert_eq!(outcome, Outcome::Accepted);
    host.texts().into_iter().skip(1).collect()
}

fn golden(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/debug").join(name)
}

/// Compares with the file, which `UPDATE_GOLDEN=1` writes anew.
fn assert_golden(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "{name} differs; got:\n{text}");
}

#[tokio::test]
async fn text_is_as_in_the_golden_files() {
    for signal in Signal::ALL {
        let json = std::fs::read(golden(&format!("{signal}.json"))).unwrap();
        let bytes = request(signal, &json);
        for (verbosity, word) in [(Verbosity::Normal, "normal"), (Verbosity::Detailed, "detailed")] {
            let text = printed(signal, verbosity, std::slice::from_ref(&bytes)).await;
            assert_golden(&format!("{signal}-{word}.txt"), &text);
        }
    }
}

#[tokio::test]
async fn basic_prints_a_line_with_counts() {
    let expected: [(Signal, &str, Counts); 4] = [
        (Signal::Traces, "Traces", vec![("resource spans", 1), ("spans", 2)]),
        (Signal::Metrics, "Metrics", vec![("resource metrics", 1), ("metrics", 6), ("data points", 6)]),
        (Signal::Logs, "Logs", vec![("resource logs", 1), ("log records", 2)]),
        (Signal::Profiles, "Profiles", vec![("resource profiles", 1), ("profiles", 1), ("sample records", 1)]),
    ];
    for (signal, word, fields) in expected {
        let json = std::fs::read(golden(&format!("{signal}.json"))).unwrap();
        let host = Pages::with_room(usize::MAX);
        exporter(&config(Verbosity::Basic), signal, &host).send(&parcel(signal, &[request(signal, &json)])).await;
        let printed = host.printed.lock().unwrap();
        assert_eq!(*printed, [("log".to_owned(), word.to_owned(), fields)]);
    }
}

#[tokio::test]
async fn paths_get_the_line_as_text() {
    let config = DebugConfig {
        use_internal_logger: false,
        output_paths: vec!["stderr".into(), "/tmp/x".into()],
        ..config(Verbosity::Basic)
    };
    let host = Pages::with_room(usize::MAX);
    exporter(&config, Signal::Traces, &host).send(&parcel(Signal::Traces, &[Vec::new()])).await;
    let printed = host.printed.lock().unwrap();
    let targets: Vec<_> = printed.iter().map(|(target, text, _)| (target.as_str(), text.as_str())).collect();
    let line = "Traces\t{\"resource spans\": 0, \"spans\": 0}\n";
    assert_eq!(targets, [("stderr", line), ("/tmp/x", line)]);
}

/// A JSON object with every field of a message, each with a value of its own, which `seen` collects as it must show.
fn every_field(message: &'static Message, depth: usize, count: &mut u64, seen: &mut Vec<String>) -> Value {
    let mut object = serde_json::Map::new();
    let mut oneofs = Vec::new();
    for field in message.fields {
        // A oneof holds one member: which one differs from call to call. AnyValues are short at the bottom.
        if let Some(oneof) = field.oneof {
            let members = message.fields.iter().filter(|other| other.oneof == Some(oneof)).count();
            let turn = if message.name.ends_with("AnyValue") && depth > 8 { 0 } else { *count as usize % members };
            if oneofs.contains(&oneof) {
                continue;
            }
            let member = message.fields.iter().filter(|other| other.oneof == Some(oneof)).nth(turn).unwrap();
            oneofs.push(oneof);
            object.insert(member.json_name.into(), field_value(member, depth, count, seen));
            continue;
        }
        // An index into a string table stands instead of a key.
        if field.name == "key_strindex" {
            continue;
        }
        object.insert(field.json_name.into(), field_value(field, depth, count, seen));
    }
    Value::Object(object)
}

fn field_value(
    field: &'static teleferric_wire::schema::Field,
    depth: usize,
    count: &mut u64,
    seen: &mut Vec<String>,
) -> Value {
    // Metrics come once with each kind of data.
    let times = if field.name == "metrics" { 5 } else { 1 };
    let mut one = || {
        *count += 1;
        let n = 100_000 + *count;
        let (value, shown) = match field.kind {
            Kind::Message(inner) => return every_field(inner, depth + 1, count, seen),
            Kind::String => (json!(format!("text{n}")), format!("text{n}")),
            Kind::Bytes => (json!("AQID"), String::new()),
            Kind::TraceId | Kind::ProfileId => (json!(format!("{n:032x}")), format!("{n:032x}")),
            Kind::SpanId => (json!(format!("{n:016x}")), format!("{n:016x}")),
            Kind::Double => (json!(n as f64 + 0.5), format!("{n}.5")),
            Kind::Bool => (json!(true), "true".into()),
            Kind::Enum(_) => (json!(n), n.to_string()),
            Kind::Fixed64 if field.name.ends_with("unix_nano") => (json!(n.to_string()), format!("00.000{n}")),
            _ => (json!(n), n.to_string()),
        };
        seen.push(shown);
        value
    };
    if field.repeated { Value::Array((0..times).map(|_| one()).collect()) } else { one() }
}

#[tokio::test]
async fn detailed_prints_every_field_of_the_schema() {
    for signal in Signal::ALL {
        // Starting at different counts turns every member of every oneof up.
        for start in 0..8 {
            let (mut count, mut seen) = (start, Vec::new());
            let json = every_field(signal.request(), 0, &mut count, &mut seen);
            let bytes = request(signal, json.to_string().as_bytes());
            let text = printed(signal, Verbosity::Detailed, &[bytes]).await;
            assert!(seen.len() > 10);
            for value in seen {
                // Times in lists of numbers are not dates.
                let digits = value.trim_start_matches("00.000");
                assert!(
                    text.contains(&value) || text.contains(&format!("[{digits}]")),
                    "{signal}: {value} of {json} is not in\n{text}"
                );
            }
        }
    }
}

#[tokio::test]
async fn text_from_data_neither_breaks_lines_nor_steers_terminals() {
    let evil = "a\u{1b}[2J\nSpan #7\r\u{9b}x\u{202e}\u{7f}";
    let json = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{
        "body": { "stringValue": evil },
        "attributes": [{ "key": evil, "value": { "arrayValue": { "values": [{ "stringValue": evil }] } } }],
    }] }] }] });
    let bytes = request(Signal::Logs, json.to_string().as_bytes());
    for verbosity in [Verbosity::Normal, Verbosity::Detailed] {
        let text = printed(Signal::Logs, verbosity, std::slice::from_ref(&bytes)).await;
        assert!(text.chars().all(|character| character == '\n' || !character.is_control()), "{text:?}");
        assert!(!text.contains('\u{202e}') && !text.contains("\nSpan #7"));
        assert!(text.contains("a\\u001b[2J\\nSpan #7\\r\\u009bx\\u202e\\u007f"), "{text}");
    }
}

#[tokio::test]
async fn chunks_of_one_batch_are_numbered_through() {
    let json = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [{ "name": "x" }] }] }] });
    let bytes = request(Signal::Traces, json.to_string().as_bytes());
    let text = printed(Signal::Traces, Verbosity::Detailed, &[bytes.clone(), bytes]).await;
    assert!(text.contains("ResourceSpans #0") && text.contains("ResourceSpans #1"));
}

#[tokio::test]
async fn a_large_batch_is_handed_over_in_pieces() {
    let record = json!({ "body": { "stringValue": "x".repeat(1000) } });
    let json = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": vec![record; 1000] }] }] });
    let host = Pages::with_room(usize::MAX);
    let bytes = request(Signal::Logs, json.to_string().as_bytes());
    exporter(&config(Verbosity::Detailed), Signal::Logs, &host).send(&parcel(Signal::Logs, &[bytes])).await;
    let texts = host.texts();
    assert!(texts.len() > 4 && texts.iter().all(|text| text.len() < 2 * PIECE_BYTES));
    assert_eq!(texts.concat().matches("LogRecord #").count(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_host_without_room_costs_text_and_a_moment_but_no_data() {
    let host = Pages::with_room(0);
    let exporter = exporter(&config(Verbosity::Basic), Signal::Traces, &host);
    let start = Instant::now();
    for _ in 0..3 {
        assert_eq!(exporter.send(&parcel(Signal::Traces, &[])).await, Outcome::Accepted);
    }
    assert!(start.elapsed() < Duration::from_secs(1), "waits once, not for every text");
    *host.room.lock().unwrap() = 2;
    exporter.send(&parcel(Signal::Traces, &[])).await;
    assert_eq!(host.texts(), ["Traces", "(3 texts dropped before this one: the reader is slow)\n"]);
}

#[tokio::test(start_paused = true)]
async fn text_waits_a_moment_for_room() {
    let host = Pages::with_room(0);
    let exporter = exporter(&config(Verbosity::Basic), Signal::Traces, &host);
    let parcel = parcel(Signal::Traces, &[]);
    let send = exporter.send(&parcel);
    let open = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        *host.room.lock().unwrap() = 9;
    };
    tokio::join!(send, open);
    assert_eq!(host.texts(), ["Traces"]);
}

#[tokio::test(start_paused = true)]
async fn batches_beyond_the_sampling_are_not_shown() {
    let config = DebugConfig { sampling_initial: 2, sampling_thereafter: 10, ..config(Verbosity::Basic) };
    let host = Pages::with_room(usize::MAX);
    let exporter = exporter(&config, Signal::Traces, &host);
    for _ in 0..22 {
        exporter.send(&parcel(Signal::Traces, &[])).await;
    }
    assert_eq!(host.texts().len(), 4);
}
