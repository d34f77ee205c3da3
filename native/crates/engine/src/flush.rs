//! Emptying what is in memory while data goes on coming: batches leave at once, and whoever asked learns when all that
//! was held is gone.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::json;
use teleferric_flow::Stage;
use tokio::sync::Notify;
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, timeout_at};

use crate::Done;
use crate::graph;
use crate::node::{Node, Serial};
use crate::running::Running;

/// Answers with the items that are left in stages which are not empty of what they held by `deadline`; none once all are.
pub fn start(running: Option<Arc<Running>>, deadline: Option<Instant>, done: Done) {
    let mut answer = Answer { done: Some(done), left: 0 };
    let Some(running) = running else { return };
    let shared = Arc::clone(running.shared());
    let workers = Arc::clone(&shared.workers);
    workers.spawn_on(0, "flush", move || async move {
        let threads: Vec<_> = (0..shared.workers.len())
            .map(|worker| shared.workers.run_on(worker, "flush.thread", move || on_thread(deadline)))
            .collect();
        for thread in threads {
            // A thread that is gone holds nothing.
            answer.add(thread.await.unwrap_or_default());
        }
    });
}

/// The duty to answer: a collector that ends meanwhile holds nothing any more.
struct Answer {
    done: Option<Done>,
    left: u64,
}

impl Answer {
    fn add(&mut self, left: u64) {
        self.left += left;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done(json!({ "ok": true, "remaining_items": self.left }).to_string());
        }
    }
}

async fn on_thread(deadline: Option<Instant>) -> u64 {
    let work = Rc::new(Work { stages: graph::all_stages(), done: RefCell::default(), more: Notify::new() });
    let mut tasks = JoinSet::new();
    for index in 0..work.stages.len() {
        tasks.spawn_local(Rc::clone(&work).flush(index));
    }
    // A deadline that has passed ends the wait, not what there is to send.
    yield_now().await;
    let all = async { while tasks.join_next().await.is_some() {} };
    match deadline {
        None => all.await,
        Some(deadline) => drop(timeout_at(deadline, all).await),
    }
    work.left()
}

/// The stages of a thread. What stands behind a stage is flushed after it; what stands beside it does not wait for it.
struct Work {
    stages: Vec<(Arc<Node>, Rc<dyn Stage>)>,
    done: RefCell<Vec<Serial>>,
    /// Told whenever one more is done.
    more: Notify,
}

impl Work {
    async fn flush(self: Rc<Self>, index: usize) {
        let Some((node, stage)) = self.stages.get(index) else { return };
        while !self.is_next(node) {
            self.more.notified().await;
        }
        stage.flush().await;
        self.done.borrow_mut().push(node.serial);
        self.more.notify_waiters();
    }

    /// Whether everything that hands on to `node` is done.
    fn is_next(&self, node: &Node) -> bool {
        let feeds = |other: &Node| other.next.iter().any(|next| next.serial == node.serial);
        self.stages.iter().all(|(other, _)| !feeds(other) || self.is_done(other))
    }

    fn is_done(&self, node: &Node) -> bool {
        self.done.borrow().contains(&node.serial)
    }

    fn left(&self) -> u64 {
        self.stages.iter().filter(|(node, _)| !self.is_done(node)).map(|(_, stage)| stage.held_items()).sum()
    }
}
