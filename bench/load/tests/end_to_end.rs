//! The generator against the sink, as two processes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_teleferric-load");

struct Sink {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    address: String,
}

impl Sink {
    fn start(protocol: &str, signal: &str) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["sink", "--protocol", protocol, "--signal", signal])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sink starts");
        let commands = child.stdin.take().expect("standard input is a pipe");
        let answers = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut sink = Self { child, commands, answers, address: String::new() };
        sink.address = sink.answer()["listening"].as_str().expect("the sink tells its address").to_owned();
        sink
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the sink answers");
        serde_json::from_str(&line).expect("the answer is JSON")
    }

    fn command(&mut self, line: &str) -> Value {
        writeln!(self.commands, "{line}").expect("the sink listens");
        self.answer()
    }

    fn send(&self, flags: &str) -> Value {
        let output = send(&format!("--target {} {flags}", self.address));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("the report is JSON")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = writeln!(self.commands, "quit");
        let _ = self.child.wait();
    }
}

fn send(flags: &str) -> Output {
    Command::new(PROGRAM).arg("send").args(flags.split_whitespace()).output().expect("the generator runs")
}

const BRIEF: &str = "--warmup 0.1 --duration 0.3 --drain 5";

#[test]
fn everything_sent_is_counted_for_each_protocol_and_signal() {
    for (to, from) in [("grpc", "--protocol grpc --streams 4"), ("http", "--protocol http1")] {
        for signal in ["traces", "metrics", "logs"] {
            let mut sink = Sink::start(to, signal);
            for shape in [
                "--rate 2000",
                "--rate 100 --items 1000",
                "--items 30 --compression gzip --rate 500",
                "--compression zstd",
            ] {
                let report = sink.send(&format!("{from} --signal {signal} --connections 3 {shape} {BRIEF}"));
                let (total, stats) = (&report["total"], sink.command("stats"));
                let case = format!("{from} {signal} {shape}: {total} {stats}");
                assert!(total["sent"].as_u64() > Some(10), "{case}");
                assert_eq!(total["accepted_items"], stats["items"], "{case}");
                assert_eq!(total["accepted_requests"], total["sent"], "{case}");
                assert_eq!(stats["requests"], total["sent"], "{case}");
                assert_eq!((&stats["unreadable"], &stats["refused"]), (&0.into(), &0.into()), "{case}");
                sink.command("reset");
            }
        }
    }
}

#[test]
fn schedule_is_kept_from_first_to_last_request() {
    let sink = Sink::start("grpc", "traces");
    let report = sink.send(&format!("--rate 1000 --connections 2 {BRIEF}"));
    assert_eq!(report["total"]["sent"], 400);
    assert_eq!(report["schedule"]["intended"], 300);
    assert_eq!(report["latency_us"]["count"], 300);
}

#[test]
fn refusals_are_counted_on_both_sides() {
    for (to, from, name) in [("grpc", "grpc", "UNAVAILABLE"), ("http", "http1", "HTTP_503")] {
        let mut sink = Sink::start(to, "traces");
        sink.command("refuse UNAVAILABLE 0.5");
        let report = sink.send(&format!("--protocol {from} --rate 1000 {BRIEF}"));
        assert_eq!(report["total"]["refused"][name], 200);
        assert_eq!(report["total"]["accepted_requests"], 200);
        let stats = sink.command("stats");
        assert_eq!((&stats["refused"], &stats["requests"]), (&200.into(), &200.into()));
        sink.command("accept");
        let report = sink.send(&format!("--protocol {from} --rate 1000 {BRIEF}"));
        assert_eq!(report["total"]["refused"], serde_json::json!({}));
    }
}

#[test]
fn delay_and_waiting_for_a_stream_show_in_the_latency() {
    for (to, from) in [("grpc", "grpc"), ("http", "http1")] {
        let mut sink = Sink::start(to, "traces");
        sink.command("delay 20");
        // One request at a time takes 20 ms, so of 100 a second half are late, and ever later.
        let report = sink.send(&format!("--protocol {from} --rate 100 {BRIEF}"));
        let latency = |name: &str| report["latency_us"][name].as_f64().expect("a number");
        assert!(latency("p50") > 100_000.0 && latency("max") > 300_000.0, "{report}");
        assert_eq!(report["total"]["accepted_requests"], 40);
        let wide = sink.send(&format!("--protocol {from} --rate 100 --connections 10 {BRIEF}"));
        let p50 = wide["latency_us"]["p50"].as_f64().expect("a number");
        assert!((20_000.0..60_000.0).contains(&p50), "{wide}");
    }
}

#[test]
fn bodies_trickle_over_the_given_time() {
    for (to, from) in [("grpc", "grpc"), ("http", "http1")] {
        let mut sink = Sink::start(to, "logs");
        let report = sink.send(&format!(
            "--protocol {from} --signal logs --items 20 --trickle-ms 50 --rate 200 --connections 40 {BRIEF}"
        ));
        assert_eq!(report["total"]["accepted_requests"], 80);
        assert!(report["latency_us"]["p50"].as_f64() >= Some(50_000.0), "{report}");
        assert_eq!(sink.command("stats")["items"], 1600);
    }
}

#[test]
fn lost_connections_are_built_up_again() {
    for (to, from) in [("grpc", "grpc"), ("http", "http1")] {
        let mut sink = Sink::start(to, "traces");
        let address = sink.address.clone();
        let run = std::thread::spawn(move || {
            send(&format!(
                "--target {address} --protocol {from} --rate 500 --connections 4 --warmup 0.1 --duration 1.5"
            ))
        });
        std::thread::sleep(std::time::Duration::from_millis(500));
        assert_eq!(sink.command("close")["ok"], true);
        assert_eq!(sink.command("stats")["connections"], 0);
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert_eq!(sink.command("open")["ok"], true);
        let output = run.join().expect("the thread ends");
        let report: Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
        let total = |name: &str| report["total"][name].as_u64().expect("a number");
        assert_eq!((total("sent"), total("unsent"), total("unanswered")), (800, 0, 0), "{report}");
        assert_eq!(total("accepted_requests") + total("failed"), 800);
        assert!(total("failed") <= 4 && total("reconnects") >= 4, "{report}");
        assert_eq!(sink.command("stats")["connections"], 0);
    }
}

#[test]
fn throttle_slows_the_sender_down() {
    let mut sink = Sink::start("http", "logs");
    sink.command("throttle 2000000");
    let report = sink.send("--protocol http1 --signal logs --items 100 --warmup 0 --duration 1");
    let wire_bytes = sink.command("stats")["wire_bytes"].as_u64().expect("a number");
    // The last request is read after the window.
    assert!((1_000_000..2_400_000).contains(&wire_bytes), "{wire_bytes} {report}");
}

#[test]
fn watches_processes() {
    let sink = Sink::start("grpc", "traces");
    let report = sink.send(&format!("--watch-pid {} {BRIEF}", sink.child.id()));
    let watch = &report["watch"][0];
    assert_eq!(watch["pid"], sink.child.id());
    assert!(watch["cpu_s"].as_f64() > Some(0.0) && watch["rss_mib"]["max"].as_f64() > Some(0.5), "{report}");
}

#[test]
fn json_bodies_are_well_received() {
    let mut sink = Sink::start("http", "logs");
    let report = sink.send(&format!("--protocol http1 --encoding json --signal logs --rate 100 {BRIEF}"));
    assert_eq!(report["total"]["accepted_requests"], 40);
    // The sink counts protobuf only, and says so.
    assert_eq!(sink.command("stats")["unreadable"], 40);
}

#[test]
fn mistakes_are_explained() {
    let fails = |flags: &str, status: i32, text: &str| {
        let output = send(flags);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{flags}: {message}");
        assert!(message.contains(text), "{flags}: {message}");
    };
    fails("", 2, "--target");
    fails("--target 192.0.2.1:4317", 2, "only loopback addresses are allowed");
    fails("--target 127.0.0.1:1 --connections 20001", 2, "20001");
    fails("--target 127.0.0.1:1 --encoding json", 2, "--encoding json needs");
    fails("--target 127.0.0.1:1 --rate=-1", 2, "--rate");
    fails("--target 127.0.0.1:1 --compression gzip --level 13", 2, "--level must be between 0 and 12");
    fails("--target 127.0.0.1:1", 1, "cannot connect to 127.0.0.1:1");
    let mut sink = Sink::start("http", "traces");
    fails(&format!("--target {}", sink.address), 1, "cannot connect");
    assert!(sink.command("sing")["error"].as_str().is_some_and(|error| error.contains("no such command")));
}
