//! Senders: single requests, and threads that send without a pause and keep account of the answers.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use teleferric_net::client::{
    Balancer, Client, ClientConfig, ClientRequest, ConnectConfig, GrpcCall, GrpcCallError, GrpcClient, GrpcConfig,
    GrpcTarget, Http2Config, HttpUrl, ProxyRule,
};
use teleferric_testkit::request;
use teleferric_wire::Signal;
use tokio::task::spawn_local;

use super::{PATIENCE, Ports, eventually};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Taken.
    Taken,
    /// HTTP or gRPC status, and whether it came with a wait.
    Refused { status: u32, hinted: bool },
    /// No answer. If `unsent`, the collector cannot have got it.
    Broken { unsent: bool, cause: String },
}

/// Sends over one transport, from the thread and `LocalSet` it was made on.
pub enum Sender {
    Http { client: Client, url: HttpUrl },
    Grpc { client: GrpcClient },
}

impl Sender {
    pub fn http(to: SocketAddr) -> Self {
        Sender::http_with(to, ClientConfig::default())
    }

    fn http_with(to: SocketAddr, config: ClientConfig) -> Self {
        let url = HttpUrl::parse(&format!("http://{to}/v1/traces")).expect("a url");
        Sender::Http { client: Client::new(config), url }
    }

    pub fn grpc(to: SocketAddr) -> Self {
        let config = GrpcConfig {
            target: GrpcTarget::parse(&to.to_string()).expect("a target"),
            connect: ConnectConfig::default(),
            proxy: ProxyRule::Never,
            http2: Http2Config::default(),
            balancer: Balancer::RoundRobin,
            authority: None,
            user_agent: HeaderValue::from_static("test"),
            accept_encoding: None,
            wait_for_ready: false,
        };
        Sender::Grpc { client: GrpcClient::new(config).expect("a client") }
    }

    /// Sends one request with these headers beside its own.
    pub async fn send(&self, body: Bytes, headers: &[(&'static str, &str)]) -> Told {
        self.send_within(body, headers, PATIENCE).await
    }

    /// As [`Sender::send`], waiting no longer than `patience`.
    pub async fn send_within(&self, body: Bytes, headers: &[(&'static str, &str)], patience: Duration) -> Told {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a value"));
        }
        let deadline = Some(tokio::time::Instant::now() + patience);
        match self {
            Sender::Http { client, url } => {
                map.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
                let request = ClientRequest { method: Method::POST, url: url.clone(), headers: map, body: vec![body] };
                match client.request(request, deadline, 1 << 20).await {
                    Ok(response) if response.status.is_success() => Told::Taken,
                    Ok(response) => Told::Refused {
                        status: u32::from(response.status.as_u16()),
                        hinted: response.headers.contains_key(RETRY_AFTER),
                    },
                    Err(error) => Told::Broken { unsent: error.unprocessed, cause: error.to_string() },
                }
            }
            Sender::Grpc { client } => {
                let method = client.method(Signal::Traces.grpc_method(), None, &map).expect("a method");
                let call =
                    GrpcCall { method: &method, message: &[body], metadata: None, deadline, max_response: 1 << 20 };
                match client.unary(call).await {
                    Ok(_) => Told::Taken,
                    Err(GrpcCallError::Status(status)) => {
                        Told::Refused { status: status.code, hinted: !status.details.is_empty() }
                    }
                    Err(GrpcCallError::Transport(error)) => {
                        Told::Broken { unsent: error.unprocessed, cause: error.to_string() }
                    }
                    Err(GrpcCallError::TooLarge { .. }) => panic!("a reply larger than a mebibyte"),
                }
            }
        }
    }
}

/// Runs `work` on a runtime of its own, as senders need it.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, work)
}

/// Sends one request of `items` spans over HTTP.
pub fn post(to: SocketAddr, items: u64) -> Told {
    post_with(to, items, &[])
}

/// Sends one request of `items` spans over HTTP with these headers.
pub fn post_with(to: SocketAddr, items: u64, headers: &[(&'static str, &str)]) -> Told {
    run(async { Sender::http(to).send(request(Signal::Traces, 0, items), headers).await })
}

/// Sends one request of `items` spans over gRPC.
pub fn call(to: SocketAddr, items: u64) -> Told {
    run(async { Sender::grpc(to).send(request(Signal::Traces, 0, items), &[]).await })
}

/// Threads that send without a pause.
pub struct Load {
    stop: Arc<AtomicBool>,
    tally: Arc<Tally>,
    threads: Vec<JoinHandle<()>>,
}

/// What senders were told.
#[derive(Default)]
pub struct Tally {
    /// Spans taken.
    pub taken: AtomicU64,
    /// Spans refused.
    pub refused: AtomicU64,
    /// Spans in requests without an answer that may have arrived.
    pub unknown: AtomicU64,
    /// What refusals and failures said; the first few.
    pub words: Mutex<Vec<String>>,
}

/// Spans in each request.
pub const ITEMS: u64 = 20;

/// Requests that each thread has under way at once.
const AT_ONCE: usize = 3;

impl Load {
    /// One thread over HTTP and one over gRPC, of which some were taken already.
    pub fn start(ports: Ports) -> Self {
        Load::start_with(ports, ClientConfig::default())
    }

    /// As [`Load::start`], with a connection of its own for every HTTP request.
    pub fn start_without_keep_alive(ports: Ports) -> Self {
        Load::start_with(ports, ClientConfig { disable_keep_alives: true, ..ClientConfig::default() })
    }

    fn start_with(ports: Ports, config: ClientConfig) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tally = Arc::new(Tally::default());
        let threads = [false, true].map(|grpc| {
            let (stop, tally, config) = (Arc::clone(&stop), Arc::clone(&tally), config.clone());
            std::thread::spawn(move || {
                run(async {
                    let sender =
                        Rc::new(if grpc { Sender::grpc(ports.grpc) } else { Sender::http_with(ports.http, config) });
                    let one = |_| {
                        let (sender, stop, tally) = (Rc::clone(&sender), Arc::clone(&stop), Arc::clone(&tally));
                        spawn_local(async move { send_until_told_to_stop(&sender, &stop, &tally).await })
                    };
                    for sending in (0..AT_ONCE).map(one).collect::<Vec<_>>() {
                        sending.await.expect("senders do not panic");
                    }
                });
            })
        });
        let load = Load { stop, tally, threads: threads.into() };
        load.flows();
        load
    }

    /// Waits until more has been taken.
    pub fn flows(&self) {
        let before = self.taken();
        eventually("the load flows", || self.taken() >= before + 20 * ITEMS);
    }

    pub fn taken(&self) -> u64 {
        self.tally.taken.load(Ordering::Relaxed)
    }

    /// Ends the senders, each after its last answer.
    pub fn end(self) -> Totals {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("senders do not panic");
        }
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let words = self.tally.words.lock().expect("no panic").clone();
        Totals {
            taken: read(&self.tally.taken),
            refused: read(&self.tally.refused),
            unknown: read(&self.tally.unknown),
            words,
        }
    }
}

/// [`Tally`] in the end.
#[derive(Debug)]
pub struct Totals {
    pub taken: u64,
    pub refused: u64,
    pub unknown: u64,
    pub words: Vec<String>,
}

async fn send_until_told_to_stop(sender: &Sender, stop: &AtomicBool, tally: &Tally) {
    let body = request(Signal::Traces, 0, ITEMS);
    while !stop.load(Ordering::Relaxed) {
        let told = sender.send(body.clone(), &[]).await;
        let counter = match &told {
            Told::Taken => &tally.taken,
            Told::Refused { .. } => &tally.refused,
            Told::Broken { unsent: false, .. } => &tally.unknown,
            Told::Broken { unsent: true, .. } => {
                // Nobody listens any more; the refusal of a connection counts as one.
                tokio::time::sleep(Duration::from_millis(2)).await;
                &tally.refused
            }
        };
        counter.fetch_add(ITEMS, Ordering::Relaxed);
        if told != Told::Taken {
            let mut words = tally.words.lock().expect("no panic");
            if words.len() < 20 {
                words.push(format!("{told:?}"));
            }
        }
    }
}
