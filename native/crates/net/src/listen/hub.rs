//! A listener's share of one worker: its service, its connections and the phase they are in.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::config::ServerConfig;
use super::http2::Heads;
use super::state::ConnState;
use super::stats::Counters;
use crate::service::DynService;

/// One per listener and worker.
pub(crate) struct Hub {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) stats: Arc<Counters>,
    /// The heads of requests that HTTP/2 connections share.
    pub(crate) heads: Heads,
    service: RefCell<Rc<dyn DynService>>,
    phase: Cell<Phase>,
    draining_since: Cell<Option<Instant>>,
    conns: RefCell<HashMap<u64, Rc<ConnState>>>,
    next_id: Cell<u64>,
    emptied: Notify,
}

/// How far the end of the listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Requests are served.
    Serving,
    /// Running requests finish, connections close.
    Draining,
    /// Everything is broken off.
    Cutting,
}

impl Hub {
    pub(crate) fn new(config: Arc<ServerConfig>, stats: Arc<Counters>, service: Rc<dyn DynService>) -> Rc<Hub> {
        Rc::new(Hub {
            config,
            stats,
            heads: Heads::default(),
            service: RefCell::new(service),
            phase: Cell::new(Phase::Serving),
            draining_since: Cell::new(None),
            conns: RefCell::default(),
            next_id: Cell::new(0),
            emptied: Notify::new(),
        })
    }

    /// The service for a request that begins now.
    pub(crate) fn service(&self) -> Rc<dyn DynService> {
        self.service.borrow().clone()
    }

    pub(crate) fn replace_service(&self, service: Rc<dyn DynService>) {
        // The old one may run code of its own when dropped: not while the cell is borrowed.
        let old = self.service.replace(service);
        drop(old);
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    /// When the drain began, if it has.
    pub(crate) fn draining_since(&self) -> Option<Instant> {
        self.draining_since.get()
    }

    /// Moves on to `phase`, never back, and makes every connection see it.
    pub(crate) fn enter(&self, phase: Phase) {
        if phase <= self.phase.get() {
            return;
        }
        self.phase.set(phase);
        if phase == Phase::Draining {
            self.draining_since.set(Some(Instant::now()));
        }
        let conns: Vec<_> = self.conns.borrow().values().cloned().collect();
        conns.iter().for_each(|conn| conn.wake());
    }

    /// Closes the connection that has been idle for longest, of the address that holds most; none if none of it is idle.
    pub(crate) fn make_room(&self) {
        let conns = self.conns.borrow();
        let mut held: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for conn in conns.values() {
            *held.entry(conn.peer.map(|peer| peer.ip())).or_default() += 1;
        }
        let Some(most) = held.into_iter().max_by_key(|(_, count)| *count).map(|(address, _)| address) else { return };
        let of_most = conns.values().filter(|conn| conn.peer.map(|peer| peer.ip()) == most);
        let longest = of_most.filter_map(|conn| Some((conn.spare_since()?, conn))).min_by_key(|(since, _)| *since);
        if let Some((_, conn)) = longest {
            conn.evict();
        }
    }

    /// Counts a connection in until the guard is dropped.
    pub(crate) fn join(self: &Rc<Self>, conn: Rc<ConnState>) -> Member {
        let id = self.next_id.get();
        self.next_id.set(id.wrapping_add(1));
        self.conns.borrow_mut().insert(id, conn.clone());
        Member { hub: self.clone(), conn, id }
    }

    /// Connections open now.
    pub(crate) fn open(&self) -> usize {
        self.conns.borrow().len()
    }

    /// Resolves when no connection is left.
    pub(crate) async fn emptied(&self) {
        while !self.conns.borrow().is_empty() {
            self.emptied.notified().await;
        }
    }
}

/// A connection's place in the hub.
pub(crate) struct Member {
    hub: Rc<Hub>,
    conn: Rc<ConnState>,
    id: u64,
}

impl Drop for Member {
    fn drop(&mut self) {
        self.conn.close();
        self.hub.conns.borrow_mut().remove(&self.id);
        if self.hub.conns.borrow().is_empty() {
            self.hub.emptied.notify_one();
        }
    }
}
