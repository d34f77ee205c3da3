//! Where batches wait until a thread of the host fetches them, and how it answers. Each such thread has a seat; one that
//! leaves its seat fails the batches it has in hand, so that none is ever waited for in vain.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use teleferric_buf::metrics::{Counter, Metrics};
use teleferric_wire::{Limits, Signal};
use tokio::sync::oneshot;

use super::{FailureReason, PluginAnswer, PluginFailure};
use crate::fault::Retry;
use crate::metrics::plugin_restarts;
use crate::parcel::{Context, Parcel};
use crate::payload::Payload;

/// Most batches that wait at one port.
pub const BATCHES_WAITING_MAX: usize = 1_000;

/// Tells a thread of the host that there is something to fetch.
type Wake = Box<dyn Fn() + Send>;

/// The ports of one collector by name. A port is there from when it is first asked for until it is closed.
pub struct PluginPorts {
    ports: Mutex<HashMap<Box<str>, Arc<PluginPort>>>,
    restarts: Mutex<HashMap<Box<str>, Counter>>,
    metrics: Metrics,
}

impl PluginPorts {
    /// No port yet. What is counted over all ports of a component goes to `metrics`.
    pub fn new(metrics: &Metrics) -> Self {
        PluginPorts { ports: Mutex::default(), restarts: Mutex::default(), metrics: metrics.clone() }
    }

    /// The port with this name.
    pub fn open(&self, name: &str) -> Arc<PluginPort> {
        Arc::clone(self.ports.lock().entry(name.into()).or_default())
    }

    /// Forgets the port with this name. Whoever has it goes on.
    pub fn close(&self, name: &str) {
        let port = self.ports.lock().remove(name);
        drop(port);
    }

    /// Counts a thread that took the place of another one.
    pub fn count_restart(&self, component: &str) {
        let mut restarts = self.restarts.lock();
        restarts.entry(component.into()).or_insert_with(|| plugin_restarts(&self.metrics, component)).add(1);
    }
}

/// One port: a queue in front of the threads that have a seat at it.
#[derive(Default)]
pub struct PluginPort(Mutex<Desk>);

#[derive(Default)]
struct Desk {
    /// The next number of a batch or seat.
    next: u64,
    /// By number, in this order.
    waiting: VecDeque<Waiting>,
    /// By number, so that which seat is woken does not hang on chance.
    seats: BTreeMap<u64, Seat>,
}

struct Waiting {
    number: u64,
    batch: PluginBatch,
    limits: Limits,
    fetched: oneshot::Sender<u64>,
    answer: oneshot::Sender<PluginAnswer>,
}

struct Seat {
    wake: Wake,
    /// Whether it found nothing when it last looked, and was not woken since.
    is_idle: bool,
    in_hand: Vec<InHand>,
}

struct InHand {
    number: u64,
    signal: Signal,
    limits: Limits,
    answer: oneshot::Sender<PluginAnswer>,
}

/// A batch as it is handed out.
pub struct PluginBatch {
    /// What it is.
    pub signal: Signal,
    /// Spans, data points, log records or samples in it.
    pub items: u64,
    /// The request.
    pub payload: Payload,
    /// Who sent it.
    pub context: Arc<Context>,
}

/// The wait for a batch. Dropping it takes the batch back if it was not fetched; else the answer is of no interest.
pub(super) struct Ticket {
    port: Arc<PluginPort>,
    number: u64,
    /// Resolves with the seat that has fetched the batch.
    pub(super) fetched: oneshot::Receiver<u64>,
    pub(super) answer: oneshot::Receiver<PluginAnswer>,
}

impl PluginPort {
    /// Lets the batch of `parcel` wait for a seat. None: too many wait already.
    pub(super) fn push(self: &Arc<Self>, parcel: &Parcel, limits: Limits) -> Option<Ticket> {
        let (fetched, is_fetched) = oneshot::channel();
        let (answer, is_answered) = oneshot::channel();
        let payload = parcel.payload.chunks().iter().cloned().collect();
        let context = Arc::clone(&parcel.context);
        let batch = PluginBatch { signal: parcel.signal, items: parcel.items, payload, context };
        let mut desk = self.0.lock();
        if desk.waiting.len() >= BATCHES_WAITING_MAX {
            return None;
        }
        let number = desk.number();
        desk.waiting.push_back(Waiting { number, batch, limits, fetched, answer });
        desk.wake_one();
        Some(Ticket { port: Arc::clone(self), number, fetched: is_fetched, answer: is_answered })
    }

    /// Takes a seat; `wake` is called, on any thread, when there is something to fetch after nothing was.
    pub fn sit(self: &Arc<Self>, wake: impl Fn() + Send + 'static) -> PluginSeat {
        let seat = Seat { wake: Box::new(wake), is_idle: false, in_hand: Vec::new() };
        let mut desk = self.0.lock();
        let number = desk.number();
        desk.seats.insert(number, seat);
        drop(desk);
        PluginSeat { port: Arc::clone(self), number }
    }

    /// Takes a seat away: what is in hand there fails with this message, and nothing is fetched from there any more.
    pub fn vacate(&self, seat: u64, message: &str) {
        let left = {
            let mut desk = self.0.lock();
            let left = desk.seats.remove(&seat);
            if left.is_some() && !desk.waiting.is_empty() {
                desk.wake_one();
            }
            left
        };
        for in_hand in left.into_iter().flat_map(|seat| seat.in_hand) {
            let failure = PluginFailure::new(FailureReason::WorkerExit, message);
            // Whoever waited may have gone away.
            let _ = in_hand.answer.send(PluginAnswer::Failed(failure));
        }
    }

    /// Batches that wait to be fetched.
    pub fn waiting(&self) -> usize {
        self.0.lock().waiting.len()
    }

    fn fetch(&self, seat: u64) -> Option<(u64, PluginBatch)> {
        let mut desk = self.0.lock();
        let Desk { waiting, seats, .. } = &mut *desk;
        let seat_state = seats.get_mut(&seat)?;
        loop {
            let Some(Waiting { number, batch, limits, fetched, answer }) = waiting.pop_front() else {
                seat_state.is_idle = true;
                return None;
            };
            if fetched.send(seat).is_ok() {
                seat_state.in_hand.push(InHand { number, signal: batch.signal, limits, answer });
                return Some((number, batch));
            }
        }
    }

    fn hand_in(&self, seat: u64, number: u64) -> Option<InHand> {
        let mut desk = self.0.lock();
        let in_hand = &mut desk.seats.get_mut(&seat)?.in_hand;
        let place = in_hand.iter().position(|in_hand| in_hand.number == number)?;
        Some(in_hand.swap_remove(place))
    }
}

impl Desk {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Wakes one of those who found nothing. The call is short and takes no lock of ours.
    fn wake_one(&mut self) {
        if let Some(seat) = self.seats.values_mut().find(|seat| seat.is_idle) {
            seat.is_idle = false;
            (seat.wake)();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut desk = self.port.0.lock();
        if let Ok(place) = desk.waiting.binary_search_by_key(&self.number, |waiting| waiting.number) {
            let taken_back = desk.waiting.remove(place);
            drop(desk);
            drop(taken_back);
        }
    }
}

/// A seat at a port: one thread of the host. Dropping it fails what it has in hand.
pub struct PluginSeat {
    port: Arc<PluginPort>,
    number: u64,
}

impl PluginSeat {
    /// Tells it from all other seats at the port.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The next batch, with the number to answer it by; none if nothing waits, until the seat is woken.
    pub fn fetch(&self) -> Option<(u64, PluginBatch)> {
        self.port.fetch(self.number)
    }

    /// Answers that the batch is well as it is.
    pub fn keep(&self, number: u64) {
        self.settle(number, PluginAnswer::Unchanged);
    }

    /// Answers that nothing of the batch is left.
    pub fn drop_batch(&self, number: u64) {
        self.settle(number, PluginAnswer::Dropped);
    }

    /// Answers with another request, which is trusted as little as one from a socket; the check is made here, on the
    /// calling thread.
    pub fn replace(&self, number: u64, request: &[u8]) {
        let Some(in_hand) = self.port.hand_in(self.number, number) else { return };
        let answer = match teleferric_wire::check(in_hand.signal, request, &in_hand.limits) {
            Ok(checked) => {
                let items = checked.counts().items;
                PluginAnswer::Edited { request: bytes::Bytes::copy_from_slice(request), items }
            }
            Err(error) => {
                let message = format!("the answer is no request of {}: {error}", in_hand.signal);
                PluginAnswer::Failed(PluginFailure::new(FailureReason::Malformed, message))
            }
        };
        // Whoever waited may have gone away.
        let _ = in_hand.answer.send(answer);
    }

    /// Answers that the work failed, with `retry` for the sender.
    pub fn fail(&self, number: u64, reason: FailureReason, message: String, stack: Option<String>, retry: Retry) {
        self.settle(number, PluginAnswer::Failed(PluginFailure { reason, message, stack, retry }));
    }

    fn settle(&self, number: u64, answer: PluginAnswer) {
        if let Some(in_hand) = self.port.hand_in(self.number, number) {
            // Whoever waited may have gone away.
            let _ = in_hand.answer.send(answer);
        }
    }
}

impl Drop for PluginSeat {
    fn drop(&mut self) {
        self.port.vacate(self.number, "the worker has ended");
    }
}
