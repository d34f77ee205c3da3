//! One scenario through a real collector: engine, listener, pipeline, exporter and both peers on one thread.
//!
//! The engine's data-plane thread is entered by the answer of an `ingest` call, which the engine gives on that thread;
//! from there the peers are spawned beside the collector's own tasks. With everything on one thread and one request at a
//! time, the order of events is the same in every run.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use teleferric_engine::{Engine, Ingest};
use teleferric_tasks::spawn_local;

use crate::allocations::{self, Allocations};
use crate::document;
use crate::meter::{self, Peer};
use crate::payload::Encoding;
use crate::peer::{self, Arrivals, Sender};
use crate::scenario::{Protocol, Scenario};

/// Replays `warm_up` requests uncounted and then `requests` counted ones, and returns what these allocated.
///
/// # Errors
/// A sentence about what went wrong: numbers that are no whole rounds, a collector that does not start, a request that
/// is refused or never arrives.
pub fn run(scenario: &Scenario, warm_up: u64, requests: u64) -> Result<Allocations, String> {
    let round = scenario.requests_per_round();
    if requests == 0 || !warm_up.is_multiple_of(round) || !requests.is_multiple_of(round) {
        return Err(format!("{} counts whole rounds of {round} requests", scenario.name()));
    }
    let sink = TcpListener::bind(("127.0.0.1", 0)).and_then(|sink| sink.set_nonblocking(true).map(|()| sink));
    let sink = sink.map_err(|error| format!("no port for the destination: {error}"))?;
    let sink_address = sink.local_addr().map_err(|error| error.to_string())?;

    let engine = Engine::new(Arc::new(|| {})).map_err(|error| error.to_string())?;
    let started = answer(|done| engine.start(document::of(scenario, sink_address), done))?;
    let collector = listener(&started, scenario.protocol)?;
    let body = scenario.body();

    let (told, result) = mpsc::channel();
    let plan = Plan { scenario: *scenario, warm_up, requests, body, collector, sink };
    let head = json!({ "signal": scenario.payload.signal(), "encoding": "proto", "metadata": [] });
    let enter = Ingest::parse(&head.to_string())?;
    engine.ingest(
        enter,
        &[],
        Box::new(move |_| {
            spawn_local("client", async move {
                let outcome = plan.carry_out().await.map_err(|error| error.to_string());
                // Nobody waits any more if this took too long.
                let _ = told.send(outcome);
            });
        }),
    );
    let counted = result.recv_timeout(PATIENCE).map_err(|_| "the replay did not end".to_owned())??;
    engine.stop();
    Ok(counted)
}

/// A replay on its way to the data-plane thread.
struct Plan {
    scenario: Scenario,
    warm_up: u64,
    requests: u64,
    body: Vec<u8>,
    collector: SocketAddr,
    sink: TcpListener,
}

impl Plan {
    async fn carry_out(self) -> io::Result<Allocations> {
        let arrivals = Rc::new(Arrivals::default());
        let failure = Rc::new(RefCell::new(None));
        let receiving = {
            let sink = tokio::net::TcpListener::from_std(self.sink.try_clone()?)?;
            let (protocol, arrivals, failure) = (self.scenario.protocol, Rc::clone(&arrivals), Rc::clone(&failure));
            spawn_local(
                "peer",
                Peer::new(async move {
                    *failure.borrow_mut() = peer::receive(protocol, sink, arrivals).await.err();
                }),
            )
        };
        let outcome = Peer::new(self.send(&arrivals)).await;
        receiving.abort();
        match failure.take() {
            Some(error) => Err(io::Error::other(format!("the destination failed: {error}"))),
            None => outcome,
        }
    }

    async fn send(&self, arrivals: &Arrivals) -> io::Result<Allocations> {
        let payload = self.scenario.payload;
        let path = match self.scenario.protocol {
            Protocol::Http => format!("/v1/{}", payload.signal()),
            Protocol::Grpc => payload.grpc_method().to_owned(),
        };
        let media_type = match self.scenario.encoding() {
            Encoding::Proto => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        let mut sender = Sender::connect(self.scenario.protocol, self.collector, &path, media_type, &self.body).await?;
        self.rounds(self.warm_up, &mut sender, arrivals).await?;
        come_to_rest().await;
        meter::open();
        self.rounds(self.requests, &mut sender, arrivals).await?;
        come_to_rest().await;
        meter::close();
        let expected = (self.warm_up + self.requests) / self.scenario.requests_per_round();
        if arrivals.requests() != expected {
            return Err(io::Error::other(format!("{} of {expected} requests arrived", arrivals.requests())));
        }
        Ok(allocations::of_this_thread())
    }

    /// Sends so many requests; after each round, waits until the destination has what came of it.
    async fn rounds(&self, requests: u64, sender: &mut Sender, arrivals: &Arrivals) -> io::Result<()> {
        for _ in 0..requests / self.scenario.requests_per_round() {
            let arrived = arrivals.requests();
            for _ in 0..self.scenario.requests_per_round() {
                sender.exchange().await?;
            }
            arrivals.reach(arrived + 1).await;
        }
        Ok(())
    }
}

/// Lets the collector finish what follows a request: its destination's answer, frames that give windows back.
async fn come_to_rest() {
    tokio::time::sleep(REST).await;
}

/// The address that the started collector takes the protocol at.
fn listener(started: &Value, protocol: Protocol) -> Result<SocketAddr, String> {
    let protocol = match protocol {
        Protocol::Http => "http",
        Protocol::Grpc => "grpc",
    };
    let listeners = started["listeners"].as_array().map(Vec::as_slice).unwrap_or_default();
    let address = listeners.iter().find(|listener| listener["protocol"] == protocol);
    let address = address.and_then(|listener| listener["address"].as_str());
    address.and_then(|address| address.parse().ok()).ok_or_else(|| format!("the collector did not start: {started}"))
}

/// Waits for the answer of one command.
fn answer(command: impl FnOnce(teleferric_engine::Done)) -> Result<Value, String> {
    let (done, answered) = mpsc::channel();
    // Who gave the command may have stopped waiting.
    command(Box::new(move |text| done.send(text).unwrap_or(())));
    let text = answered.recv_timeout(PATIENCE).map_err(|_| "the collector did not answer".to_owned())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Long enough for what follows a request, under callgrind too.
const REST: Duration = Duration::from_millis(50);

/// Longer than any replay takes.
const PATIENCE: Duration = Duration::from_secs(240);
