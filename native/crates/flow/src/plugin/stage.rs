//! A processor whose work is done outside: a parcel waits here, with its memory and its sender, until its batch is
//! answered. What goes wrong outside costs at most that batch, by the processor's `on_error`.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use teleferric_buf::metrics::{Counter, Desc};
use teleferric_tasks::spawn_local;
use teleferric_wire::{Limits, Signal};
use tokio::time::Instant;

use super::port::{PluginPort, Ticket};
use super::{FailureReason, PluginAnswer, PluginFailure};
use crate::admission::busy;
use crate::contract::{Consumer, LocalFuture, Stage};
use crate::epochs::{Epoch, Epochs};
use crate::fault::{Fault, FaultCode};
use crate::handles::Handles;
use crate::log::Level;
use crate::metrics::{PluginItems, PluginMetrics};
use crate::parcel::Parcel;
use crate::payload::Payload;
use crate::reply::{Outcome, Reply, caller_gone};
use crate::stop::{self, Stop};
use crate::timer::passed;

/// What becomes of a batch on which the work failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Its sender is refused.
    Fail,
    /// It goes on as it came.
    Pass,
    /// It ends here, and is counted.
    Drop,
}

/// What a processor's parts on all threads share.
pub struct PluginProcessorShared {
    /// Where batches wait.
    pub port: Arc<PluginPort>,
    /// The processor's id.
    pub processor: Box<str>,
    /// What it works on.
    pub signal: Signal,
    /// Longest time for one batch, from when it is fetched.
    pub timeout: Duration,
    /// What happens when the work fails.
    pub on_error: OnError,
    /// What a request may contain.
    pub limits: Limits,
    /// Items in and items out, the series of all processors.
    pub traffic: [&'static Desc; 2],
    /// Where it logs and counts.
    pub handles: Handles,
    /// Told the seat that has not answered in time.
    pub on_stuck: Box<dyn Fn(u64) + Send + Sync>,
}

/// One thread's part of a processor. Made, called and dropped on that thread, inside its `LocalSet`.
pub struct PluginProcessor(Rc<Core>);

struct Core {
    shared: Arc<PluginProcessorShared>,
    next: Rc<dyn Consumer>,
    incoming: Counter,
    outgoing: Counter,
    items: PluginItems,
    metrics: PluginMetrics,
    stop: Stop,
    /// Parcels that wait for an answer.
    held: Epochs,
    successor: OnceCell<Rc<dyn Stage>>,
}

/// How the wait for an answer ends.
enum End {
    Answer(PluginAnswer),
    Refuse(Fault),
    /// The time for draining is over.
    Cut,
}

impl PluginProcessor {
    /// This thread's part, sending to `next`.
    pub fn new(shared: &Arc<PluginProcessorShared>, next: Rc<dyn Consumer>) -> Self {
        let PluginProcessorShared { processor, signal, handles, traffic: [incoming, outgoing], .. } = &**shared;
        let labels = [("processor", &**processor), ("otel_signal", signal.name())];
        PluginProcessor(Rc::new(Core {
            incoming: handles.metrics.counter(incoming, &labels),
            outgoing: handles.metrics.counter(outgoing, &labels),
            items: PluginItems::new(&handles.metrics, processor, *signal),
            metrics: PluginMetrics::new(&handles.metrics, "processor", processor, *signal),
            shared: Arc::clone(shared),
            next,
            stop: Stop::new(),
            held: Epochs::default(),
            successor: OnceCell::new(),
        }))
    }
}

impl Consumer for PluginProcessor {
    fn consume(&self, parcel: Parcel) {
        if parcel.items == 0 {
            return parcel.reply.settle(Outcome::Accepted);
        }
        let core = &self.0;
        if core.stop.is_at(stop::Level::Draining) {
            return core.give_up(parcel);
        }
        core.incoming.add(parcel.items);
        let Some(ticket) = core.shared.port.push(&parcel, core.shared.limits) else {
            return parcel.reply.refuse(full());
        };
        let held = Held::new(core);
        spawn_local("plugin.batch", async move {
            let core = &held.core;
            match core.wait(&parcel, ticket).await {
                End::Answer(answer) => core.go_on(parcel, answer),
                End::Refuse(fault) => parcel.reply.refuse(fault),
                End::Cut => core.give_up(parcel),
            }
        });
    }
}

impl Stage for PluginProcessor {
    fn leave_to(&self, successor: Rc<dyn Stage>) {
        // A second successor would be one of a graph that is gone.
        let _ = self.0.successor.set(successor);
    }

    fn flush(&self) -> LocalFuture<'_, ()> {
        Box::pin(self.0.held.passed())
    }

    /// Waits for what is outside. At the deadline it is refused, or left to the successor.
    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(async move {
            let core = &self.0;
            core.stop.raise(stop::Level::Draining);
            // Finishing wins over a deadline that passes at the same moment.
            if let Either::Right(_) = select(pin!(core.held.emptied()), pin!(passed(deadline))).await {
                core.stop.raise(stop::Level::Cut);
                core.held.emptied().await;
            }
        })
    }
}

impl Core {
    async fn wait(&self, parcel: &Parcel, mut ticket: Ticket) -> End {
        let leaves_at = parcel.admission_ends();
        let seat = match select(&mut ticket.fetched, pin!(self.interruption(&parcel.reply, leaves_at))).await {
            Either::Left((Ok(seat), _)) => seat,
            Either::Left((Err(_), _)) => return End::Answer(PluginAnswer::lost()),
            Either::Right((Some(end), _)) => return end,
            Either::Right((None, _)) => return End::Refuse(full()),
        };
        let fetched_at = Instant::now();
        let due = fetched_at.checked_add(self.shared.timeout);
        let end = match select(&mut ticket.answer, pin!(self.interruption(&parcel.reply, due))).await {
            Either::Left((answer, _)) => End::Answer(answer.unwrap_or_else(|_| PluginAnswer::lost())),
            Either::Right((Some(end), _)) => end,
            Either::Right((None, _)) => {
                // Nothing else is to be fetched by a thread that may never look up again.
                self.shared.port.vacate(seat, "the worker did not answer in time");
                (self.shared.on_stuck)(seat);
                End::Answer(PluginAnswer::Failed(PluginFailure::late(self.shared.timeout)))
            }
        };
        self.metrics.took(fetched_at.elapsed().as_secs_f64());
        end
    }

    /// Why the wait ends early; none at `due`.
    async fn interruption(&self, reply: &Reply, due: Option<Instant>) -> Option<End> {
        let abandoned = poll_fn(|cx| reply.poll_abandoned(cx));
        let (is_over, is_cut) = (pin!(passed(due)), pin!(self.stop.reached(stop::Level::Cut)));
        match select(pin!(abandoned), select(is_over, is_cut)).await {
            Either::Left(_) => Some(End::Refuse(caller_gone())),
            Either::Right((Either::Left(_), _)) => None,
            Either::Right((Either::Right(_), _)) => Some(End::Cut),
        }
    }

    fn go_on(&self, parcel: Parcel, answer: PluginAnswer) {
        if !matches!(answer, PluginAnswer::Failed(_)) {
            self.metrics.done();
        }
        match answer {
            PluginAnswer::Unchanged => self.hand_on(parcel),
            PluginAnswer::Dropped | PluginAnswer::Edited { items: 0, .. } => self.end_filtered(parcel),
            PluginAnswer::Edited { request, items } => self.go_on_with(parcel, request, items),
            PluginAnswer::Failed(failure) => self.go_on_without(parcel, &failure),
        }
    }

    fn go_on_with(&self, mut parcel: Parcel, request: Bytes, items: u64) {
        let before = parcel.payload.bytes();
        parcel.payload.forget_packed();
        if let Err(exhausted) = parcel.permit.try_grow((request.len() as u64).saturating_sub(before)) {
            self.outgoing.add(0);
            return parcel.reply.refuse(Fault::new(FaultCode::MemoryPressure, exhausted.to_string()));
        }
        self.items.filtered.add(parcel.items.saturating_sub(items));
        parcel.items = items;
        parcel.payload = Payload::from(request);
        parcel.permit.shrink_to(parcel.payload.bytes());
        self.hand_on(parcel);
    }

    /// Ends a parcel of which the plugin has left nothing.
    fn end_filtered(&self, parcel: Parcel) {
        self.items.filtered.add(parcel.items);
        self.outgoing.add(0);
        parcel.reply.settle(Outcome::Accepted);
    }

    fn hand_on(&self, parcel: Parcel) {
        self.outgoing.add(parcel.items);
        self.next.consume(parcel);
    }

    fn go_on_without(&self, parcel: Parcel, failure: &PluginFailure) {
        self.metrics.failed(failure.reason);
        self.report(&parcel, failure);
        match self.shared.on_error {
            OnError::Pass => self.hand_on(parcel),
            OnError::Fail => {
                self.outgoing.add(0);
                parcel.reply.refuse(failure.fault());
            }
            OnError::Drop => {
                self.outgoing.add(0);
                self.items.dropped.add(parcel.items);
                parcel.reply.settle(Outcome::Accepted);
            }
        }
    }

    /// The end of a worker is told by the host, which knows why.
    fn report(&self, parcel: &Parcel, failure: &PluginFailure) {
        if failure.reason == FailureReason::WorkerExit {
            return;
        }
        let on_error = match self.shared.on_error {
            OnError::Fail => "fail",
            OnError::Pass => "pass",
            OnError::Drop => "drop",
        };
        let mut fields = vec![
            ("error", failure.message.as_str().into()),
            ("reason", failure.reason.label().into()),
            ("on_error", on_error.into()),
            ("items", parcel.items.into()),
        ];
        if let Some(stack) = &failure.stack {
            fields.push(("stacktrace", stack.as_str().into()));
        }
        self.shared.handles.log.emit(Level::Warn, "plugin failed", &fields);
    }

    /// Leaves the parcel to the successor, or refuses it.
    fn give_up(&self, parcel: Parcel) {
        match self.successor.get() {
            Some(successor) => successor.take_over(parcel),
            None => parcel.reply.refuse(busy(FaultCode::Draining, "the collector is shutting down")),
        }
    }
}

/// A parcel that is held, until this is dropped.
struct Held {
    core: Rc<Core>,
    epoch: Epoch,
}

impl Held {
    fn new(core: &Rc<Core>) -> Self {
        core.metrics.came();
        Held { core: Rc::clone(core), epoch: core.held.enter() }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.core.metrics.left();
        self.core.held.leave(self.epoch);
    }
}

fn full() -> Fault {
    busy(FaultCode::QueueFull, "no worker of the plugin is free")
}
