//! Which connection a request goes over: idle HTTP/1.1 connections, shared HTTP/2 ones, new ones within the limits.
//!
//! Dialling runs in its own task: a request that gives up does not take down the connection others wait for, and a
//! connection nobody waits for any more stays for the next request.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ops::{Deref, DerefMut};
use std::rc::{Rc, Weak};
use std::time::Duration;

use teleferric_tasks::{spawn_local, spawn_local_or, spawn_supervised};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::age::Age;
use super::connect::{Address, ConnectConfig, Dial};
use super::error::ClientError;
use super::http::Http2Mode;
use super::http1::Http1Connection;
use super::http2::{Http2Config, Http2Connection};
use super::io::MeteredIo;
use super::proxy::{Proxy, ProxyRule};

/// Limits and manners of a pool.
#[derive(Clone, Debug)]
pub(crate) struct PoolConfig {
    pub(crate) connect: ConnectConfig,
    pub(crate) proxy: ProxyRule,
    pub(crate) mode: Http2Mode,
    pub(crate) http2: Http2Config,
    /// Idle HTTP/1.1 connections in all, and per host; 0 in the first is no limit.
    pub(crate) max_idle: usize,
    pub(crate) max_idle_per_host: usize,
    /// Connections per host, dialling ones included; 0 is no limit.
    pub(crate) max_per_host: usize,
    /// After this long without a request a connection is closed; `None` is never.
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) keep_alive: bool,
}

impl PoolConfig {
    /// Whether a host with `open` HTTP/2 connections may have another.
    fn has_room_for_http2(&self, open: usize) -> bool {
        open < self.http2.connections_max && (self.max_per_host == 0 || open < self.max_per_host)
    }
}

/// One scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostKey {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The connections of one client.
pub(crate) struct Pool {
    config: PoolConfig,
    hosts: RefCell<HashMap<HostKey, Rc<Host>>>,
    sweeping: Cell<bool>,
}

/// A connection to send one request over.
pub(crate) enum Lease {
    Http1(Http1Lease),
    Http2(Rc<Http2Connection>),
}

impl Pool {
    pub(crate) fn new(config: PoolConfig) -> Rc<Self> {
        Rc::new(Self { config, hosts: RefCell::default(), sweeping: Cell::new(false) })
    }

    pub(crate) fn proxy(&self, key: &HostKey) -> Option<&Proxy> {
        self.config.proxy.choose(key.https, &key.host, key.port)
    }

    /// A connection to `key`, waiting for one if the limits ask for it. `fresh` excludes HTTP/1.1 connections that have
    /// been used before. Dropping the future gives up the place in the queue and nothing else.
    pub(crate) async fn acquire(self: &Rc<Self>, key: &HostKey, fresh: bool) -> Result<Lease, ClientError> {
        let host = self.host(key);
        if !fresh {
            // The runtime looks at its sockets before it comes back here, so that a connection which the peer has
            // closed in the meantime is known to be closed.
            tokio::task::yield_now().await;
        }
        if let Some(lease) = host.ready(fresh) {
            return Ok(lease);
        }
        let (reply, answer) = oneshot::channel();
        host.state.borrow_mut().waiters.push_back(Waiter { reply, fresh });
        host.dial_for_waiters();
        answer.await.unwrap_or_else(|_| Err(ClientError::connect("client was closed")))
    }

    fn host(self: &Rc<Self>, key: &HostKey) -> Rc<Host> {
        if let Some(host) = self.hosts.borrow().get(key) {
            return Rc::clone(host);
        }
        // Redirects may name any number of hosts; those without connections are forgotten.
        let mut hosts = self.hosts.borrow_mut();
        hosts.retain(|_, host| !host.is_vacant());
        let host = Rc::new(Host { pool: Rc::downgrade(self), key: key.clone(), state: RefCell::default() });
        hosts.insert(key.clone(), Rc::clone(&host));
        host
    }

    /// Makes sure that idle and old connections are looked at from time to time.
    fn sweep_later(self: &Rc<Self>) {
        if self.sweeping.replace(true) {
            return;
        }
        let pool = Rc::downgrade(self);
        let limits = [self.config.idle_timeout, self.config.connect.age_max];
        let period = limits.into_iter().flatten().map(|limit| limit / 2).fold(SWEEP_PERIOD_MAX, Duration::min);
        spawn_supervised("client.sweep", async move || {
            loop {
                sleep(period.max(SWEEP_PERIOD_MIN)).await;
                let Some(pool) = pool.upgrade() else { return };
                if !pool.sweep() {
                    pool.sweeping.set(false);
                    return;
                }
            }
        });
    }

    /// Closes what has been idle for too long or was closed by the peer, and leaves what is old to the requests it has;
    /// whether anything is left.
    fn sweep(&self) -> bool {
        let hosts: Vec<_> = self.hosts.borrow().values().cloned().collect();
        hosts.iter().fold(false, |left, host| host.sweep(self.config.idle_timeout) | left)
    }

    /// Closes the longest idle connection if there are more than `max_idle`.
    fn evict_idle(&self) {
        let hosts = self.hosts.borrow();
        let total: usize = hosts.values().map(|host| host.state.borrow().idle.len()).sum();
        if self.config.max_idle == 0 || total <= self.config.max_idle {
            return;
        }
        let since = |host: &&Rc<Host>| host.state.borrow().idle.first().map(|idle| idle.since);
        let oldest = hosts.values().filter(|host| since(host).is_some()).min_by_key(|host| since(host)).cloned();
        drop(hosts);
        if let Some(host) = oldest {
            host.close_oldest_idle();
        }
    }
}

/// The connections to one host.
struct Host {
    pool: Weak<Pool>,
    key: HostKey,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    speaks: Speaks,
    waiters: VecDeque<Waiter>,
    /// Oldest first; the youngest is used first.
    idle: Vec<Idle>,
    http2: Vec<Rc<Http2Connection>>,
    dialling: usize,
    /// Open HTTP/1.1 connections, idle or not.
    open: usize,
}

/// What the last connection turned out to speak; with ALPN only a connection can tell.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Speaks {
    #[default]
    Unknown,
    Http1,
    Http2,
}

struct Waiter {
    reply: oneshot::Sender<Result<Lease, ClientError>>,
    fresh: bool,
}

struct Idle {
    connection: Http1Connection,
    since: Instant,
}

enum Opened {
    Http1(Http1Connection),
    Http2(Http2Connection),
}

impl Host {
    /// A connection that is there already.
    fn ready(self: &Rc<Self>, fresh: bool) -> Option<Lease> {
        let mut dead = Vec::new();
        let mut state = self.state.borrow_mut();
        state.http2.retain(|connection| connection.is_usable());
        if let Some(best) = state.http2.iter().min_by_key(|connection| connection.in_flight()).cloned() {
            let open = state.http2.len();
            let room = self.pool.upgrade().is_some_and(|pool| pool.config.has_room_for_http2(open));
            let more = room && state.dialling == 0 && best.is_full();
            drop(state);
            if more {
                self.dial_one();
            }
            return Some(Lease::Http2(best));
        }
        if fresh {
            return None;
        }
        let mut found = None;
        while let Some(idle) = state.idle.pop() {
            if idle.connection.is_ready() {
                found = Some(idle.connection);
                break;
            }
            dead.push(idle);
        }
        state.open = state.open.saturating_sub(dead.len());
        drop(state);
        found.map(|connection| Lease::Http1(Http1Lease::new(self, connection, true)))
    }

    /// Starts as many dials as waiters and limits ask for.
    fn dial_for_waiters(self: &Rc<Self>) {
        let Some(pool) = self.pool.upgrade() else { return };
        loop {
            let mut state = self.state.borrow_mut();
            state.waiters.retain(|waiter| !waiter.reply.is_closed());
            state.http2.retain(|connection| connection.is_usable());
            let shared = self.is_shared(&pool.config, state.speaks);
            let wanted = if shared { state.waiters.len().min(1) } else { state.waiters.len() };
            let open = state.open + state.http2.len() + state.dialling;
            if state.dialling >= wanted {
                return;
            }
            if pool.config.max_per_host != 0 && open >= pool.config.max_per_host {
                // Only a waiter for a fresh connection can be waiting while others are idle.
                let idle = (!state.idle.is_empty()).then(|| state.idle.remove(0));
                state.open = state.open.saturating_sub(usize::from(idle.is_some()));
                drop(state);
                if idle.is_some() {
                    continue;
                }
                return;
            }
            drop(state);
            self.dial_one();
        }
    }

    /// Whether one dial may serve all waiters: the connection is going to be HTTP/2, or nobody knows yet.
    fn is_shared(&self, config: &PoolConfig, speaks: Speaks) -> bool {
        match config.mode {
            Http2Mode::Never => false,
            Http2Mode::Alpn => self.key.https && speaks != Speaks::Http1,
            Http2Mode::Prior => true,
        }
    }

    fn dial_one(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.dialling += 1;
        drop(state);
        let (host, waited_for) = (Rc::clone(self), Rc::clone(self));
        let dial = async move {
            let result = match host.pool.upgrade() {
                Some(pool) => open(&pool, &host.key).await,
                None => Err(ClientError::connect("client was closed")),
            };
            host.dialled(result);
        };
        spawn_local_or("client.dial", dial, move || waited_for.dialled(Err(ClientError::panicked())));
    }

    fn dialled(self: &Rc<Self>, result: Result<Opened, ClientError>) {
        let mut state = self.state.borrow_mut();
        state.dialling = state.dialling.saturating_sub(1);
        match result {
            Ok(Opened::Http1(connection)) => {
                state.speaks = Speaks::Http1;
                state.open += 1;
                drop(state);
                self.give(Http1Lease::new(self, connection, false));
            }
            Ok(Opened::Http2(connection)) => {
                state.speaks = Speaks::Http2;
                let connection = Rc::new(connection);
                let keep = self.pool.upgrade().is_some_and(|pool| pool.config.keep_alive);
                let served = if keep { state.waiters.len() } else { state.waiters.len().min(1) };
                let waiters: Vec<_> = state.waiters.drain(..served).collect();
                if keep {
                    state.http2.push(Rc::clone(&connection));
                }
                drop(state);
                for waiter in waiters {
                    let _ = waiter.reply.send(Ok(Lease::Http2(Rc::clone(&connection))));
                }
                if let Some(pool) = self.pool.upgrade() {
                    pool.sweep_later();
                }
            }
            Err(error) => {
                let shared = self.pool.upgrade().is_some_and(|pool| self.is_shared(&pool.config, state.speaks));
                let count = if shared { state.waiters.len() } else { state.waiters.len().min(1) };
                let failed: Vec<_> = state.waiters.drain(..count).collect();
                drop(state);
                for waiter in failed {
                    let _ = waiter.reply.send(Err(error.clone()));
                }
            }
        }
        self.dial_for_waiters();
    }

    /// Hands a clean connection to the first waiter that takes it, or keeps it idle.
    fn give(self: &Rc<Self>, mut lease: Http1Lease) {
        loop {
            let mut state = self.state.borrow_mut();
            let next = state.waiters.iter().position(|waiter| !(waiter.fresh && lease.reused));
            let Some(waiter) = next.and_then(|index| state.waiters.remove(index)) else { break };
            drop(state);
            match waiter.reply.send(Ok(Lease::Http1(lease))) {
                Ok(()) => return,
                Err(Ok(Lease::Http1(back))) => lease = back,
                Err(_) => return,
            }
        }
        let Some(connection) = lease.connection.take() else { return };
        self.keep(connection);
    }

    fn keep(self: &Rc<Self>, connection: Http1Connection) {
        let Some(pool) = self.pool.upgrade() else { return };
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        let full = state.idle.len() >= pool.config.max_idle_per_host;
        if full || !connection.is_ready() || connection.is_old(now) {
            drop(state);
            drop(connection);
            self.closed();
            return;
        }
        state.idle.push(Idle { connection, since: now });
        drop(state);
        pool.evict_idle();
        pool.sweep_later();
    }

    /// One HTTP/1.1 connection less.
    fn closed(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.open = state.open.saturating_sub(1);
        drop(state);
        self.dial_for_waiters();
    }

    fn close_oldest_idle(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let idle = (!state.idle.is_empty()).then(|| state.idle.remove(0));
        drop(state);
        if idle.is_some() {
            self.closed();
        }
    }

    fn sweep(self: &Rc<Self>, limit: Option<Duration>) -> bool {
        let now = Instant::now();
        let expired = |since: Instant| limit.is_some_and(|limit| now.saturating_duration_since(since) >= limit);
        let mut state = self.state.borrow_mut();
        let before = state.idle.len();
        let (keep, close) = std::mem::take(&mut state.idle).into_iter().partition::<Vec<_>, _>(|idle| {
            !expired(idle.since) && !idle.connection.is_closed() && !idle.connection.is_old(now)
        });
        state.idle = keep;
        state.open = state.open.saturating_sub(before - state.idle.len());
        let (keep, retired) = std::mem::take(&mut state.http2).into_iter().partition::<Vec<_>, _>(|each| {
            each.is_usable() && !each.idle_since().is_some_and(expired) && !each.is_old(now)
        });
        state.http2 = keep;
        let left = !state.idle.is_empty() || !state.http2.is_empty();
        drop(state);
        drop((close, retired));
        self.dial_for_waiters();
        left
    }

    fn is_vacant(&self) -> bool {
        let state = self.state.borrow();
        state.open == 0 && state.http2.is_empty() && state.dialling == 0 && state.waiters.is_empty()
    }
}

/// The exclusive use of one HTTP/1.1 connection. Dropped in the middle of an exchange it closes the connection; dropped
/// before or after one it returns it.
pub(crate) struct Http1Lease {
    host: Rc<Host>,
    connection: Option<Http1Connection>,
    reused: bool,
    clean: bool,
}

impl Http1Lease {
    fn new(host: &Rc<Host>, connection: Http1Connection, reused: bool) -> Self {
        Self { host: Rc::clone(host), connection: Some(connection), reused, clean: true }
    }

    /// Says that an exchange begins.
    pub(crate) fn begin(&mut self) {
        self.clean = false;
        self.reused = true;
    }

    /// Says that the exchange ended well.
    pub(crate) fn finish(mut self) {
        let keep_alive = self.host.pool.upgrade().is_some_and(|pool| pool.config.keep_alive);
        if !keep_alive || self.is_closed() {
            return;
        }
        if self.is_ready() {
            self.clean = true;
            return;
        }
        let mut lease = self;
        spawn_local("client.settle", async move {
            let clean = lease.settle().await;
            lease.clean = clean;
            drop(lease);
        });
    }
}

impl Deref for Http1Lease {
    type Target = Http1Connection;

    fn deref(&self) -> &Http1Connection {
        self.connection.as_ref().expect("a lease holds its connection until it is dropped")
    }
}

impl DerefMut for Http1Lease {
    fn deref_mut(&mut self) -> &mut Http1Connection {
        self.connection.as_mut().expect("a lease holds its connection until it is dropped")
    }
}

impl Drop for Http1Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let host = Rc::clone(&self.host);
        if self.clean {
            host.give(Self { host: Rc::clone(&host), connection: Some(connection), reused: self.reused, clean: true });
        } else {
            drop(connection);
            host.closed();
        }
    }
}

async fn open(pool: &Rc<Pool>, key: &HostKey) -> Result<Opened, ClientError> {
    let config = &pool.config;
    let proxy = pool.proxy(key);
    let address = Address::Host(key.host.clone(), key.port);
    let prior = config.mode == Http2Mode::Prior;
    let dial =
        Dial { address: &address, tls_name: key.https.then_some(key.host.as_str()), proxy, tunnel: key.https || prior };
    let connected = config.connect.open(dial).await?;
    let age = Age::new(config.connect.age_max);
    if prior || connected.alpn.as_deref() == Some(b"h2") {
        let limit = config.connect.handshake_timeout;
        let connection = Http2Connection::handshake(connected.io, &config.http2, limit).await?;
        return Ok(Opened::Http2(connection.aging(age)));
    }
    let connection = Http1Connection::handshake(MeteredIo::new(connected.io)).await?;
    Ok(Opened::Http1(connection.aging(age)))
}

/// How often idle and old connections are looked at: half of what they may be, within these bounds.
const SWEEP_PERIOD_MAX: Duration = Duration::from_secs(30);
const SWEEP_PERIOD_MIN: Duration = Duration::from_millis(5);
