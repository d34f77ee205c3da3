//! The addresses behind a gRPC target: resolving them, one connection to each, and which one takes the next call.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

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
        let subchannels = self.resolver.subchannels().await?;
        match self.balancer {
            Balancer::RoundRobin => self.round_robin(&subchannels).await,
            Balancer::PickFirst => first(&subchannels).await,
        }
    }

    async fn round_robin(&self, subchannels: &[Rc<Subchannel>]) -> Result<Rc<Http2Connection>, ClientError> {
        let start = self.next.get();
        self.next.set(start.wrapping_add(1));
        let count = subchannels.len().max(1);
        let mut chosen = None;
        for subchannel in subchannels.iter().cycle().skip(start % count).take(subchannels.len()) {
            match subchannel.connected() {
                Some(connection) => chosen = chosen.or(Some(connection)),
                None => subchannel.connect_if_due(),
            }
        }
        if let Some(connection) = chosen {
            return Ok(connection);
        }
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
    /// The subchannels. They are resolved again when one of them is not connected, but not more often than DNS deserves,
    /// and not in the way of a call that can use another.
    async fn subchannels(self: &Rc<Self>) -> Result<Rc<[Rc<Subchannel>]>, ClientError> {
        let (known, stale) = {
            let state = self.state.borrow();
            let stale = state.at.is_none_or(|at| at.elapsed() >= RESOLVE_PERIOD_MIN);
            (state.subchannels.clone(), stale)
        };
        let connected = known.iter().filter(|each| each.connected().is_some()).count();
        if known.is_empty() || (stale && connected == 0) {
            self.refresh().await?;
            return Ok(self.state.borrow().subchannels.clone());
        }
        if stale && connected < known.len() {
            self.state.borrow_mut().at = Some(Instant::now());
            let resolver = Rc::clone(self);
            // With addresses known it cannot fail.
            tokio::task::spawn_local(async move { resolver.refresh().await.is_ok() });
        }
        Ok(known)
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

/// The first address that connects, in the resolver's order.
async fn first(subchannels: &[Rc<Subchannel>]) -> Result<Rc<Http2Connection>, ClientError> {
    if let Some(connection) = subchannels.iter().find_map(|each| each.connected()) {
        return Ok(connection);
    }
    let mut last = ClientError::connect("target has no addresses");
    for subchannel in subchannels {
        match subchannel.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// One address and its connection.
struct Subchannel {
    opening: Rc<Opening>,
    address: Address,
    state: RefCell<Link>,
}

#[derive(Default)]
struct Link {
    connection: Option<Rc<Http2Connection>>,
    backoff: Backoff,
    dialling: bool,
    waiters: Vec<oneshot::Sender<Result<Rc<Http2Connection>, ClientError>>>,
}

impl Subchannel {
    fn new(opening: &Rc<Opening>, address: Address) -> Rc<Self> {
        Rc::new(Self { opening: Rc::clone(opening), address, state: RefCell::default() })
    }

    fn connected(&self) -> Option<Rc<Http2Connection>> {
        let mut state = self.state.borrow_mut();
        state.connection = state.connection.take().filter(|connection| connection.is_usable());
        state.connection.clone()
    }

    /// Starts an attempt unless one runs or the last failure is too recent.
    fn connect_if_due(self: &Rc<Self>) {
        if self.state.borrow().backoff.until().is_none() {
            self.dial();
        }
    }

    /// Joins the running attempt or starts one.
    async fn connect(self: &Rc<Self>) -> Result<Rc<Http2Connection>, ClientError> {
        if let Some(connection) = self.connected() {
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
        let subchannel = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let result = subchannel.open().await.map(Rc::new);
            let mut state = subchannel.state.borrow_mut();
            state.dialling = false;
            match &result {
                Ok(connection) => {
                    state.connection = Some(Rc::clone(connection));
                    state.backoff.succeeded();
                }
                Err(_) => state.backoff.failed(),
            }
            let waiters = std::mem::take(&mut state.waiters);
            drop(state);
            for waiter in waiters {
                let _ = waiter.send(result.clone());
            }
        });
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
        Http2Connection::handshake(connected.io, &opening.http2, opening.connect.handshake_timeout).await
    }
}

/// DNS is asked again at most this often.
const RESOLVE_PERIOD_MIN: Duration = Duration::from_secs(30);
/// Between attempts to resolve a name that does not resolve.
const RESOLVE_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
