//! Compressed requests that leave as they came: the same bytes where nothing changed them, the same content elsewhere.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json as value};
use support::document::{self as doc, MS};
use support::load::{self, Sender, Told};
use support::{Collector, PATIENCE, eventually};
use teleferric_buf::{Permit, Pool};
use teleferric_codec::{Caps, Codec, compress, decompress};
use teleferric_testkit::{item_labels, request};
use teleferric_wire::{Signal, json};

/// An HTTP/1.1 server that takes everything and hands over what came.
struct Sink {
    address: SocketAddr,
    bodies: mpsc::Receiver<(String, Bytes)>,
}

impl Sink {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (told, bodies) = mpsc::channel();
        // Ends with the process: nothing else ends an accept.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = told.clone();
                std::thread::spawn(move || serve(stream, &told));
            }
        });
        Sink { address, bodies }
    }

    /// The encoding and body of the next request.
    fn next(&self) -> (String, Bytes) {
        self.bodies.recv_timeout(PATIENCE).expect("a request comes")
    }
}

/// Answers requests until the other side leaves or the test is over.
fn serve(stream: TcpStream, told: &mpsc::Sender<(String, Bytes)>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut encoding, mut length) = (String::new(), 0);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            let (name, value) = line.trim_end().split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "content-encoding" => encoding = value.to_owned(),
                "content-length" => length = value.parse().expect("a number"),
                _ => {}
            }
            line.clear();
        }
        let mut body = vec![0; length];
        let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if length == 0
            || reader.read_exact(&mut body).is_err()
            || told.send((encoding, body.into())).is_err()
            || reader.get_mut().write_all(answer).is_err()
        {
            return;
        }
    }
}

/// A request of `items` spans, larger than what is copied into batches, plain and as no exporter here would write it.
fn sent(codec: Codec, items: u64) -> (Bytes, Bytes) {
    let plain = request(Signal::Traces, 0, items);
    let packed =
        compress(codec, Some(if codec == Codec::Gzip { 9 } else { 15 }), std::slice::from_ref(&plain), &Pool::new());
    (plain, packed.expect("compresses"))
}

fn inflated(codec: Codec, body: &[u8]) -> Bytes {
    let caps = Caps { max_output: 64 << 20, ratio: None };
    decompress(codec, body, &caps, &mut Permit::none(), &Pool::new()).expect("is whole")
}

fn post(to: SocketAddr, codec: &str, body: &Bytes) -> Told {
    load::run(async { Sender::http(to).send(body.clone(), &[("content-encoding", codec)]).await })
}

/// A collector with `processors` that sends to `sink` in `codec`, and its exporter's document for more settings.
fn document(sink: &Sink, codec: &str, processors: &[Value], exporter: impl FnOnce(&mut Value)) -> Value {
    let mut to = doc::otlp_http("otlp_http", sink.address, Value::Null, false);
    to["config"]["client"]["compression"] = value!(codec);
    exporter(&mut to["config"]);
    let ids: Vec<_> = processors.iter().filter_map(|processor| processor["id"].as_str()).collect();
    let document = doc::collector(&[doc::traces(&["otlp"], &ids, &["otlp_http"])]);
    doc::with(doc::with(document, "processors", processors), "exporters", &[to])
}

/// Processor `attributes` that does one thing to one attribute.
fn edit(action: &str, key: &str) -> Value {
    let action = value!({
        "key": key, "action": action, "value": { "string": "x" }, "from_attribute": null, "from_context": null,
        "pattern": null, "converted_type": null,
    });
    doc::component("attributes", value!({ "actions": [action], "include": null, "exclude": null }))
}

#[test]
fn unchanged_request_leaves_as_it_came() {
    for codec in [Codec::Gzip, Codec::Zstd] {
        let sink = Sink::new();
        // A batch that its timeout ends, and an edit that finds nothing to do.
        let processors = [edit("update", "no such attribute"), doc::batch(100_000, 20 * MS, &[])];
        for processors in [&processors[..0], &processors[..]] {
            let document = document(&sink, codec.name(), processors, |_| {});
            let (collector, ports) = Collector::running(&document);
            for items in [1, 2000] {
                let (_, packed) = sent(codec, items);
                assert_eq!(post(ports.http, codec.name(), &packed), Told::Taken);
                assert!(sink.next() == (codec.name().to_owned(), packed), "{codec:?}");
            }
            eventually("nothing is held", || collector.held_bytes() == 0);
            collector.drain(Duration::from_secs(5));
            assert_eq!(collector.sent(), 2001);
        }
    }
}

#[test]
fn compressed_bytes_pass_through_grpc_and_through_several_exporters() {
    let (sink, other_sink) = (Sink::new(), Sink::new());
    let (last, last_ports) = Collector::running(&document(&sink, "zstd", &[], |_| {}));
    let exporters = [
        doc::otlp_grpc("otlp_grpc", last_ports.grpc, doc::queue(10, 1), true),
        doc::otlp_http("otlp_http", other_sink.address, doc::queue(10, 1), true),
    ];
    let pipelines = [doc::traces(&["otlp"], &[], &["otlp_grpc", "otlp_http"])];
    let (first, first_ports) = Collector::running(&doc::with(doc::collector(&pipelines), "exporters", &exporters));
    let (plain, packed) = sent(Codec::Zstd, 2000);
    assert_eq!(post(first_ports.http, "zstd", &packed), Told::Taken);
    assert!(sink.next() == ("zstd".to_owned(), packed));
    let (encoding, other) = other_sink.next();
    assert!(encoding == "gzip" && inflated(Codec::Gzip, &other) == plain);
    for collector in [first, last] {
        eventually("nothing is held", || collector.held_bytes() == 0);
        collector.drain(Duration::from_secs(5));
    }
}

/// What it is, the exporter's codec, the processors, and the exporter's other settings.
type Case<'a> = (&'a str, Codec, &'a [Value], fn(&mut Value));

#[test]
fn request_is_compressed_again_where_it_must_be() {
    let (plain, packed) = sent(Codec::Gzip, 2000);
    let no_processors: [Value; 0] = [];
    let cases: [Case<'_>; 4] = [
        ("off", Codec::Gzip, &no_processors, |exporter| exporter["compressed_passthrough"] = value!("off")),
        ("a level", Codec::Gzip, &no_processors, |exporter| {
            exporter["client"]["compression_params"]["level"] = value!(1)
        }),
        ("another codec", Codec::Zstd, &no_processors, |_| {}),
        (
            "a split",
            Codec::Gzip,
            &[doc::component(
                "batch",
                value!({
                    "timeout": 20 * MS, "send_batch_size": 1000, "send_batch_max_size": 1000, "metadata_keys": [],
                    "metadata_cardinality_limit": 0,
                }),
            )],
            |_| {},
        ),
    ];
    for (what, codec, processors, exporter) in cases {
        let sink = Sink::new();
        let (collector, ports) = Collector::running(&document(&sink, codec.name(), processors, exporter));
        assert_eq!(post(ports.http, "gzip", &packed), Told::Taken, "{what}");
        let mut labels = Vec::new();
        while labels.len() < 2000 {
            let (encoding, body) = sink.next();
            assert!(encoding == codec.name() && body != packed, "{what}");
            let content = inflated(codec, &body);
            assert!(content == plain || processors.len() == 1, "{what}");
            labels.extend(item_labels(Signal::Traces, &[content]));
        }
        assert_eq!(labels, (0..2000).collect::<Vec<_>>(), "{what}");
        eventually("nothing is held", || collector.held_bytes() == 0);
        collector.drain(Duration::from_secs(5));
    }
}

#[test]
fn joined_requests_are_compressed_anew() {
    let (plain, packed) = sent(Codec::Gzip, 1000);
    let sink = Sink::new();
    let mut document = document(&sink, "gzip", &[doc::batch(2000, 60_000 * MS, &[])], |_| {});
    // Each thread has batches of its own.
    document["service"]["threads"] = value!(1);
    let (collector, ports) = Collector::running(&document);
    for _ in 0..3 {
        assert_eq!(post(ports.http, "gzip", &packed), Told::Taken);
    }
    let (_, joined) = sink.next();
    assert!(inflated(Codec::Gzip, &joined) == plain.repeat(2));
    // The third is alone when the drain ends its batch.
    collector.drain(Duration::from_secs(5));
    assert!(sink.next().1 == packed);
    assert_eq!((collector.sent(), collector.held_bytes()), (3000, 0));
}

#[test]
fn edited_request_is_compressed_anew() {
    let (plain, packed) = sent(Codec::Gzip, 1000);
    let sink = Sink::new();
    let (collector, ports) = Collector::running(&document(&sink, "gzip", &[edit("insert", "added")], |_| {}));
    assert_eq!(post(ports.http, "gzip", &packed), Told::Taken);
    let edited = inflated(Codec::Gzip, &sink.next().1);
    assert!(edited.len() > plain.len());
    assert_eq!(item_labels(Signal::Traces, &[edited]), (0..1000).collect::<Vec<_>>());
    eventually("nothing is held", || collector.held_bytes() == 0);
    collector.drain(Duration::from_secs(5));
}

#[test]
fn compressed_json_leaves_as_protobuf() {
    let plain = request(Signal::Traces, 0, 100);
    let mut text = Vec::new();
    json::from_proto(Signal::Traces, &[plain], &mut text).expect("is valid");
    let body = compress(Codec::Gzip, None, &[text.into()], &Pool::new()).expect("compresses");
    let sink = Sink::new();
    let (collector, ports) = Collector::running(&document(&sink, "gzip", &[], |_| {}));
    let mut stream = TcpStream::connect(ports.http).expect("connects");
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let sent = inflated(Codec::Gzip, &sink.next().1);
    assert_eq!(item_labels(Signal::Traces, &[sent]), (0..100).collect::<Vec<_>>());
    assert_eq!(collector.held_bytes(), 0);
    collector.drain(Duration::from_secs(5));
}
