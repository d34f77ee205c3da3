//! Listeners: a bound socket served by all workers until it is drained.
//!
//! ```text
//! Bound ─ Acceptor (one task) ─▶ least loaded worker's Hub ─▶ connection ─▶ dispatch ─▶ Service
//!                      Door, for requests without a socket ─▶ ┘
//! ```
//! A connection stays on its worker for life. The [`Server`] handle commands the hubs by messages.

mod accept;
mod config;
mod connection;
mod date;
mod dispatch;
mod door;
pub(crate) mod http2;
mod hub;
pub(crate) mod state;
mod stats;
mod wire;

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{Either, join_all, select, select_all};
use teleferric_tasks::{Restarts, catch, fence, report_panic, spawn_local, supervise};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub use config::{ConnLimits, Enforcement, Keepalive, Protocol, ServerConfig};
pub use door::{Door, Exchange, HostRequest};
pub use stats::ServerStats;

use crate::endpoint::{Bound, ListenAddr};
use crate::service::{DynService, Service};
use crate::workers::{WorkerGone, Workers};
use accept::{Acceptor, Arrival};
use hub::{Hub, Phase};
use stats::Counters;

/// Serves `bound` on all workers, at once. `make` is called on each worker, with its number, for that worker's own
/// instance of the service.
///
/// Callable from any thread. Dropping the [`Server`] breaks off everything; see [`Server::drain`].
///
/// ```
/// use std::rc::Rc;
/// use teleferric_net::{Bound, Endpoint, Protocol, Request, Response, ServerConfig, Service, Workers, serve};
///
/// struct Hello;
///
/// impl Service for Hello {
///     async fn call(&self, request: Request) -> Response {
///         Response::text(http::StatusCode::OK, format!("hello from {}", request.head.uri.path()))
///     }
/// }
///
/// let workers = Workers::start(2, "example")?;
/// let bound = Bound::bind(&Endpoint::parse("127.0.0.1:0", "tcp")?)?;
/// let server = serve(bound, ServerConfig::new(Protocol::Http), &workers, |_worker| Rc::new(Hello));
/// assert!(server.local_addr().and_then(|addr| addr.tcp()).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn serve<S, M>(bound: Bound, config: ServerConfig, workers: &Arc<Workers>, make: M) -> Server
where
    S: Service,
    M: Fn(usize) -> Rc<S> + Send + Sync + Clone + 'static,
{
    let (server, stopping, running) = open(config, Some(bound.local_addr().clone()), workers, make);
    let acceptor = {
        let (config, stats, hubs) = (server.config.clone(), server.stats.clone(), server.hubs.clone());
        let workers = Arc::downgrade(workers);
        move || async move {
            accept_until(stopping, bound, config, stats, workers, hubs).await;
            drop(running);
        }
    };
    workers.spawn_on(workers.least_loaded(), "listen", acceptor);
    server
}

/// As [`serve`], without a socket: all requests come through the [`Door`].
pub fn serve_host<S, M>(config: ServerConfig, workers: &Arc<Workers>, make: M) -> Server
where
    S: Service,
    M: Fn(usize) -> Rc<S> + Send + Sync + Clone + 'static,
{
    let (server, mut stopping, running) = open(config, None, workers, make);
    let hubs = server.hubs.clone();
    workers.spawn_on(workers.least_loaded(), "listen.host", move || async move {
        over(&mut stopping, &hubs).await;
        drop(running);
    });
    server
}

/// A server with a hub on each worker, and nothing yet that brings connections: whether it still wants some, and what is
/// dropped when there will be no more.
fn open<S, M>(
    config: ServerConfig,
    addr: Option<ListenAddr>,
    workers: &Arc<Workers>,
    make: M,
) -> (Server, watch::Receiver<Accepting>, watch::Sender<()>)
where
    S: Service,
    M: Fn(usize) -> Rc<S> + Send + Sync + Clone + 'static,
{
    let (config, stats) = (Arc::new(config), Arc::new(Counters::default()));
    let hubs: Arc<[_]> = (0..workers.len())
        .map(|worker| {
            let (commands, queue) = mpsc::unbounded_channel();
            let (config, stats, make) = (config.clone(), stats.clone(), make.clone());
            workers.spawn_on(worker, "listen.serve", move || async move {
                obey(queue, Hub::new(config, stats, make(worker))).await;
            });
            commands
        })
        .collect();
    let (stop, stopping) = watch::channel(Accepting::On);
    let (running, stopped) = watch::channel(());
    let workers = Arc::downgrade(workers);
    (Server { addr, config, stats, workers, hubs, stop, stopped }, stopping, running)
}

/// A handle on a listener and its connections. Usable from any thread and under any runtime.
#[derive(Debug)]
pub struct Server {
    addr: Option<ListenAddr>,
    config: Arc<ServerConfig>,
    stats: Arc<Counters>,
    workers: Weak<Workers>,
    hubs: Arc<[mpsc::UnboundedSender<Command>]>,
    stop: watch::Sender<Accepting>,
    stopped: watch::Receiver<()>,
}

/// Whether new connections are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    On,
    /// Those that wait already are taken, no others.
    Off,
    /// Another listener on the same socket takes them.
    HandedOver,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainReport {
    /// Connections that were still open at the deadline and were broken off.
    pub cut: usize,
}

impl Server {
    /// Where it listens; nowhere if it has no socket.
    pub fn local_addr(&self) -> Option<&ListenAddr> {
        self.addr.as_ref()
    }

    /// The way in for requests that the program around this one has received.
    pub fn door(&self) -> Door {
        Door::new(self.hubs.clone(), self.workers.clone())
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.stats.open.get() as usize
    }

    /// Counts so far.
    pub fn stats(&self) -> ServerStats {
        self.stats.read()
    }

    /// Takes no new connections; those that are open go on. The port is free once [`Server::closed`] resolves, unless
    /// a clone of the [`Bound`] keeps it.
    pub fn stop_accepting(&self) {
        self.stop_as(Accepting::Off);
    }

    /// As [`Server::stop_accepting`] where another server listens on a clone of the same [`Bound`]: connections that
    /// wait to be accepted are left to it.
    pub fn hand_over(&self) {
        self.stop_as(Accepting::HandedOver);
    }

    /// The first word counts.
    fn stop_as(&self, how: Accepting) {
        self.stop.send_if_modified(|now| {
            let running = *now == Accepting::On;
            if running {
                *now = how;
            }
            running
        });
    }

    /// Resolves when the listening socket has been given up.
    pub async fn closed(&self) {
        // Nothing is ever sent: the channel closes with the acceptor.
        while self.stopped.clone().changed().await.is_ok() {}
    }

    /// Resolves when the listening socket has been given up: whether nobody had asked for that. It outlives the handle,
    /// and may be dropped at any time.
    pub fn given_up(&self) -> impl Future<Output = bool> + 'static {
        let (mut stopped, asked) = (self.stopped.clone(), self.stop.subscribe());
        async move {
            while stopped.changed().await.is_ok() {}
            // An error is the handle's end, which stops as well.
            asked.has_changed().is_ok() && *asked.borrow() == Accepting::On
        }
    }

    /// Whether the listening socket has been given up.
    pub fn is_closed(&self) -> bool {
        self.stopped.has_changed().is_err()
    }

    /// Stops accepting and lets the connections end: HTTP/2 peers get GOAWAY, HTTP/1 ones `connection: close`,
    /// requests that are running or already sent are answered. After `grace` the rest is broken off. Resolves when no
    /// connection is left and the listening socket is closed.
    ///
    /// # Cancellation
    /// Dropped before its end, it has stopped accepting, and what it has told the connections stays said.
    pub async fn drain(&self, grace: Duration) -> DrainReport {
        self.stop_accepting();
        // First, so that no connection arrives behind the drain.
        self.closed().await;
        let waits: Vec<_> = self
            .hubs
            .iter()
            .map(|hub| {
                let (done, wait) = oneshot::channel();
                // A hub that is gone has no connections.
                let _ = hub.send(Command::Drain { grace, done });
                wait
            })
            .collect();
        let reports = join_all(waits).await;
        DrainReport { cut: reports.into_iter().flatten().map(|report| report.cut).sum() }
    }

    /// Puts another service in place on every worker. Requests that begin after the future resolves go to it; those
    /// that run end with the service they began with.
    ///
    /// # Errors
    /// [`WorkerGone`] when a worker has stopped or `make` panicked there; that worker keeps what it had.
    pub async fn replace_service<S, M>(&self, make: M) -> Result<(), WorkerGone>
    where
        S: Service,
        M: Fn(usize) -> Rc<S> + Send + Sync + Clone + 'static,
    {
        let waits: Vec<_> = self
            .hubs
            .iter()
            .enumerate()
            .map(|(worker, hub)| {
                let (done, wait) = oneshot::channel();
                let make = make.clone();
                let make: MakeService = Box::new(move || make(worker));
                let _ = hub.send(Command::Replace { make, done });
                wait
            })
            .collect();
        join_all(waits).await.into_iter().collect::<Result<(), _>>().map_err(|_| WorkerGone)
    }
}

type MakeService = Box<dyn FnOnce() -> Rc<dyn DynService> + Send>;

/// What a hub is told.
enum Command {
    Arrival(Arrival),
    MakeRoom,
    Request(Box<door::Call>),
    Replace { make: MakeService, done: oneshot::Sender<()> },
    Drain { grace: Duration, done: oneshot::Sender<DrainReport> },
}

/// A hub's life on its worker; when the handle and the acceptor are gone, whatever is left is broken off.
async fn obey(mut queue: mpsc::UnboundedReceiver<Command>, hub: Rc<Hub>) {
    supervise("listen.hub", async || {
        while let Some(command) = queue.recv().await {
            // A panic costs the command it came with; the hub goes on.
            fence("listen.command", || carry_out(command, &hub));
        }
    })
    .await;
    hub.enter(Phase::Cutting);
}

fn carry_out(command: Command, hub: &Rc<Hub>) {
    match command {
        Command::Arrival(arrival) => arrival.settle(hub),
        Command::MakeRoom => hub.make_room(),
        Command::Request(call) => drop(spawn_local("listen.exchange", call.answer(hub.clone()))),
        Command::Replace { make, done } => {
            hub.replace_service(make());
            // Nobody may be waiting any more; the same below.
            let _ = done.send(());
        }
        Command::Drain { grace, done } => {
            let hub = hub.clone();
            spawn_local("listen.drain", async move {
                let _ = done.send(drain(&hub, grace).await);
            });
        }
    }
}

async fn drain(hub: &Hub, grace: Duration) -> DrainReport {
    hub.enter(Phase::Draining);
    if tokio::time::timeout(grace, hub.emptied()).await.is_ok() {
        return DrainReport::default();
    }
    let cut = hub.open();
    hub.enter(Phase::Cutting);
    hub.emptied().await;
    DrainReport { cut }
}

/// Resolves when no more connections are wanted, or when some worker could not serve them as its hub is gone.
async fn over(stopping: &mut watch::Receiver<Accepting>, hubs: &[mpsc::UnboundedSender<Command>]) {
    let gone = select_all(hubs.iter().map(|hub| Box::pin(hub.closed())));
    // An error is the handle's end, which stops as well.
    let stop = stopping.wait_for(|accepting| *accepting != Accepting::On);
    select(pin!(stop), gone).await;
}

async fn accept_until(
    mut stopping: watch::Receiver<Accepting>,
    bound: Bound,
    config: Arc<ServerConfig>,
    stats: Arc<Counters>,
    workers: Weak<Workers>,
    hubs: Arc<[mpsc::UnboundedSender<Command>]>,
) {
    match Acceptor::new(bound, config, stats.clone(), workers, hubs) {
        Ok(acceptor) => {
            // A panic costs the connection it came with; accepting goes on, unless it does nothing but panic.
            let mut restarts = Restarts::default();
            loop {
                let accepting = catch("listen.accept", acceptor.run());
                match select(pin!(over(&mut stopping, &acceptor.hubs)), pin!(accepting)).await {
                    Either::Right((Err(payload), _)) => {
                        report_panic("listen.accept", &payload);
                        if !restarts.allow(Instant::now()) {
                            break;
                        }
                    }
                    _ => break,
                }
            }
            if *stopping.borrow() != Accepting::HandedOver {
                acceptor.finish();
            }
        }
        Err(_) => stats.accept_errors.add(),
    }
}
