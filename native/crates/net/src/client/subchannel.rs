//! The addresses behind a gRPC target: resolving them, the connections to each, and which one takes the next call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use teleferric_tasks::{spawn_local, spawn_local_or};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::age::Age;
use super::backoff::Backoff;
use super::connect::{Address, ConnectConfig, Dial, resolve};
use super::error::{ClientError, io_text};
use super::grpc::Balancer;
use super::http2::{Http2Config, Http2Connection};
use super::proxy::Proxy;

/// What every subchannel of a target is opened with.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) connect: ConnectConfig,
    pub(crate) http2: Http2Config,
    pub(crate) tls_name: Option<String>,
    pub(crate) proxy: Option<Proxy>,
}

/// A target and its connections.
pub(crate) struct Channel {
    resolver: Rc<Resolver>,
    balancer: Balancer,
    next: Cell<usize>,
}

impl Channel {
    pub(crate) fn new(opening: Opening, address: Address, balancer: Balancer) -> Self {
        let resolver = Resolver { opening: Rc::new(opening), address, state: RefCell::default() };
        Self { resolver: Rc::new(resolver), balancer, next: Cell::new(0) }
    }

    /// A connection for the next call. Makes at least one attempt even when every address failed a moment ago.
    pub(crate) async fn pick(&self) -> Result<Rc<Http2Connection>, ClientError> {
        let chosen = self.choose().await?;
        if chosen.in_flight() > 0 {
            return Ok(chosen);
        }
        // The runtime looks at its sockets before it comes back here, so that a connection which the peer has closed
        // while it was idle is known to be closed.
        tokio::task::yield_now().await;
        if chosen.is_usable() { Ok(chosen) } else { self.choose().await }
    }

    /// Until the first address may be tried again without hurry.
    pub(crate) async fn pause(&self) {
        let subchannels = self.resolver.state.borrow().subchannels.clone();
        let due = subchannels.iter().filter_map(|each| each.state.borrow().backoff.until()).min();
        sleep_until(due.unwrap_or_else(|| Instant::now() + RESOLVE_PAUSE)).await;
    }

    async fn choose(&self) -> Result<Rc<Http2Connection>, ClientError> {
        let mut refreshed = false;
        let subchannels = loop {
            let now = Instant::now();
            if let Some(known) = self.resolver.known(now, refreshed) {
                if let Some(connection) = self.connected(&known, now) {
                    return Ok(connection);
                }
                break known;
            }
            self.resolver.refresh().await?;
            refreshed = true;
        };
        match self.balancer {
            Balancer::RoundRobin => fastest(&subchannels).await,
            Balancer::PickFirst => first(&subchannels).await,
        }
    }

    /// The connection whose turn it is, if any is there. The others are opened meanwhile where calls go to all.
    fn connected(&self, subchannels: &[Rc<Subchannel>], now: Instant) -> Option<Rc<Http2Connection>> {
        if self.balancer == Balancer::PickFirst {
            return subchannels.iter().find_map(|each| each.connected(now));
        }
        let start = self.next.get();
        self.next.set(start.wrapping_add(1));
        let count = subchannels.len().max(1);
        let mut chosen = None;
        for subchannel in subchannels.iter().cycle().skip(start % count).take(subchannels.len()) {
            match subchannel.connected(now) {
                Some(connection) => chosen = chosen.or(Some(connection)),
                None => subchannel.connect_if_due(),
            }
        }
        chosen
    }
}

/// The addresses of a target, as far as they are known.
struct Resolver {
    opening: Rc<Opening>,
    address: Address,
    state: RefCell<Resolved>,
}

#[derive(Default)]
struct Resolved {
    subchannels: Rc<[Rc<Subchannel>]>,
    at: Option<Instant>,
}

impl Resolver {
    /// The subchannels, unless a call has to wait until they are resolved. They are resolved again when one of them is
    /// not connected, or from time to time if that is wanted, but not more often than DNS deserves, and not in the way of
    /// a call that can use another.
    fn known(self: &Rc<Self>, now: Instant, refreshed: bool) -> Option<Rc<[Rc<Subchannel>]>> {
        let refresh = self.opening.connect.dns_refresh;
        let (known, stale) = {
            let state = self.state.borrow();
            let stale = |at| now.saturating_duration_since(at) >= refresh.unwrap_or(RESOLVE_PERIOD_MIN);
            (state.subchannels.clone(), !refreshed && state.at.is_none_or(stale))
        };
        let connected = known.iter().filter(|each| each.connected(now).is_some()).count();
        if !refreshed && (known.is_empty() || (stale && connected == 0)) {
            return None;
        }
        if stale && (connected < known.len() || refresh.is_some()) {
            self.state.borrow_mut().at = Some(now);
            let resolver = Rc::clone(self);
            // With addresses known it cannot fail.
            spawn_local("client.refresh", async move { drop(resolver.refresh().await) });
        }
        Some(known)
    }

    /// Asks for the addresses and keeps the connections to those that are still there.
    async fn refresh(&self) -> Result<(), ClientError> {
        let found = self.resolve().await;
        let mut state = self.state.borrow_mut();
        match found {
            Ok(addresses) => {
                state.subchannels = addresses
                    .into_iter()
                    .map(|address| {
                        let known = state.subchannels.iter().find(|each| each.address == address);
                        known.cloned().unwrap_or_else(|| Subchannel::new(&self.opening, address))
                    })
                    .collect();
            }
            Err(error) if state.subchannels.is_empty() => return Err(error),
            // Old addresses are better than none.
            Err(_) => {}
        }
        state.at = Some(Instant::now());
        Ok(())
    }

    async fn resolve(&self) -> Result<Vec<Address>, ClientError> {
        let Address::Host(host, port) = &self.address else { return Ok(vec![self.address.clone()]) };
        if self.opening.proxy.is_some() {
            return Ok(vec![self.address.clone()]);
        }
        let limit = self.opening.connect.connect_timeout;
        match tokio::time::timeout(limit, resolve(host, *port)).await {
            Ok(Ok(found)) => {
                let mut unique = Vec::with_capacity(found.len());
                for address in found.into_iter().map(Address::Ip) {
                    if !unique.contains(&address) {
                        unique.push(address);
                    }
                }
                Ok(unique)
            }
            Ok(Err(error)) => Err(ClientError::connect(io_text(&error))),
            Err(_) => Err(ClientError::connect(format!("name \"{host}\" was not resolved within {limit:?}"))),
        }
    }
}

/// The address that connects first.
async fn fastest(subchannels: &[Rc<Subchannel>]) -> Result<Rc<Http2Connection>, ClientError> {
    let mut attempts: FuturesUnordered<_> = subchannels.iter().map(|each| each.connect()).collect();
    let mut last = ClientError::connect("target has no addresses");
    while let Some(result) = attempts.next().await {
        match result {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The first address that connects, in the resolver's order.
async fn first(subchannels: &[Rc<Subchannel>]) -> Result<Rc<Http2Connection>, ClientError> {
    let mut last = ClientError::connect("target has no addresses");
    for subchannel in subchannels {
        match subchannel.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// One address and its connections.
struct Subchannel {
    opening: Rc<Opening>,
    address: Address,
    state: RefCell<Link>,
}

#[derive(Default)]
struct Link {
    /// Few, and usable when last looked at.
    connections: Vec<Rc<Http2Connection>>,
    backoff: Backoff,
    dialling: bool,
    waiters: Vec<oneshot::Sender<Result<Rc<Http2Connection>, ClientError>>>,
}

impl Subchannel {
    fn new(opening: &Rc<Opening>, address: Address) -> Rc<Self> {
        Rc::new(Self { opening: Rc::clone(opening), address, state: RefCell::default() })
    }

    /// The connection with the fewest calls. If that has as many as it should, or is old, another one is opened for later
    /// calls, in its place if it is old.
    fn connected(self: &Rc<Self>, now: Instant) -> Option<Rc<Http2Connection>> {
        let mut state = self.state.borrow_mut();
        state.connections.retain(|connection| connection.is_usable());
        let best = state.connections.iter().min_by_key(|connection| connection.in_flight()).cloned()?;
        let more = best.is_full() && state.connections.len() < self.opening.http2.connections_max;
        drop(state);
        if more || best.is_old(now) {
            self.connect_if_due();
        }
        Some(best)
    }

    /// Starts an attempt unless one runs or the last failure is too recent.
    fn connect_if_due(self: &Rc<Self>) {
        if self.state.borrow().backoff.until().is_none() {
            self.dial();
        }
    }

    /// Joins the running attempt or starts one.
    async fn connect(self: &Rc<Self>) -> Result<Rc<Http2Connection>, ClientError> {
        if let Some(connection) = self.connected(Instant::now()) {
            return Ok(connection);
        }
        let (reply, answer) = oneshot::channel();
        self.state.borrow_mut().waiters.push(reply);
        self.dial();
        answer.await.unwrap_or_else(|_| Err(ClientError::connect("client was closed")))
    }

    fn dial(self: &Rc<Self>) {
        if std::mem::replace(&mut self.state.borrow_mut().dialling, true) {
            return;
        }
        let (subchannel, waited_for) = (Rc::clone(self), Rc::clone(self));
        let dial = async move { subchannel.dialled(&subchannel.open().await.map(Rc::new)) };
        spawn_local_or("client.subchannel", dial, move || waited_for.dialled(&Err(ClientError::panicked())));
    }

    fn dialled(&self, result: &Result<Rc<Http2Connection>, ClientError>) {
        let mut state = self.state.borrow_mut();
        state.dialling = false;
        match result {
            Ok(connection) => {
                let now = Instant::now();
                state.connections.retain(|each| !each.is_old(now));
                state.connections.push(Rc::clone(connection));
                state.backoff.succeeded();
            }
            Err(_) => state.backoff.failed(),
        }
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        for waiter in waiters {
            let _ = waiter.send(result.clone());
        }
    }

    async fn open(&self) -> Result<Http2Connection, ClientError> {
        let opening = &self.opening;
        let dial = Dial {
            address: &self.address,
            tls_name: opening.tls_name.as_deref(),
            proxy: opening.proxy.as_ref(),
            tunnel: true,
        };
        let connected = opening.connect.open(dial).await?;
        if let Some(other) = connected.alpn.filter(|protocol| protocol != b"h2") {
            let other = String::from_utf8_lossy(&other).into_owned();
            return Err(ClientError::tls(format!("peer negotiated {other} instead of h2")));
        }
        let connection =
            Http2Connection::handshake(connected.io, &opening.http2, opening.connect.handshake_timeout).await?;
        Ok(connection.aging(Age::new(opening.connect.age_max)))
    }
}

/// DNS is asked again at most this often, unless told otherwise.
const RESOLVE_PERIOD_MIN: Duration = Duration::from_secs(30);
/// Between attempts to resolve a name that does not resolve.
const RESOLVE_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
