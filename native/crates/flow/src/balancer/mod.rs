//! Sends what belongs together to one of several backends, each behind a delivery of its own.
//!
//! What all threads share is the list of backends, which a resolver may change, and the shared half of each delivery:
//! [`BalancerShared`]. A thread's part is a [`Balancer`]: a [`Router`] that deals each request out, and a delivery in
//! front of it if the exporter as a whole has a queue or retries.

mod ring;
mod router;
mod shared;

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{join_all, select};
use teleferric_tasks::spawn_supervised;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::contract::{Consumer, LocalFuture, Stage};
use crate::delivery::{Delivery, DeliveryShared, StoredBranch};
use crate::parcel::Parcel;
use crate::timer::passed;
use router::Router;

pub(crate) use shared::Counts;
pub use shared::{BalancerSettings, BalancerShared, Lane, MakeExporter, MakeLane, Resolve, Resolver};

/// One thread's part of an exporter that balances load. Made, called and dropped on that thread, inside its `LocalSet`.
pub struct Balancer {
    front: Option<Delivery>,
    router: Rc<Router>,
    /// The tasks that follow the list of backends.
    tasks: [AbortHandle; 2],
}

impl Balancer {
    /// This thread's part; `front` is the delivery of the exporter as a whole.
    ///
    /// # Errors
    /// What an exporter refuses when its instance is made.
    pub fn new(shared: &BalancerShared, front: &DeliveryShared) -> Result<Self, String> {
        let waits = front.keeps_or_retries();
        let router = Router::new(shared, front.timeout(), waits)?;
        let front = waits.then(|| Delivery::new(front, Rc::clone(&router)));
        let (mut backends, following) = (shared.backends(), Rc::downgrade(&router));
        let resolving = shared.clone();
        let tasks = [
            spawn_supervised("balancer.follow", async move || Router::follow(&following, &mut backends).await),
            spawn_supervised("balancer.resolve", async move || resolving.keep_resolved().await),
        ];
        Ok(Balancer { front, router, tasks: tasks.map(|task| task.abort_handle()) })
    }

    fn entrance(&self) -> &dyn Stage {
        match &self.front {
            Some(front) => front,
            None => &*self.router,
        }
    }
}

impl Consumer for Balancer {
    fn consume(&self, parcel: Parcel) {
        self.entrance().consume(parcel);
    }

    fn stored(&self) -> Vec<StoredBranch> {
        self.entrance().stored()
    }
}

impl Stage for Balancer {
    fn hurry(&self) {
        // Backends that come now would miss what is said here.
        self.tasks.iter().for_each(AbortHandle::abort);
        self.front.iter().for_each(Stage::hurry);
        self.router.lanes().iter().for_each(|lane| lane.hurry());
    }

    fn leave_to(&self, successor: Rc<dyn Stage>) {
        self.front.iter().for_each(|front| front.leave_to(Rc::clone(&successor)));
        self.router.leave_to(successor);
    }

    fn take_over(&self, parcel: Parcel) {
        self.entrance().take_over(parcel);
    }

    fn flush(&self) -> LocalFuture<'_, ()> {
        Box::pin(async {
            if let Some(front) = &self.front {
                front.flush().await;
            }
            self.router.all_left().await;
            let lanes = self.router.lanes();
            join_all(lanes.iter().map(|lane| lane.flush())).await;
        })
    }

    fn held_items(&self) -> u64 {
        let lanes = self.router.lanes();
        self.front.iter().map(Stage::held_items).chain(lanes.iter().map(|lane| Stage::held_items(&**lane))).sum()
    }

    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        Box::pin(async move {
            self.tasks.iter().for_each(AbortHandle::abort);
            if let Some(front) = &self.front {
                front.drain(deadline).await;
            }
            select(pin!(self.router.all_left()), pin!(passed(deadline))).await;
            let lanes = self.router.lanes();
            join_all(lanes.iter().map(|lane| lane.drain(deadline))).await;
        })
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}
