//! Emptying what is in memory while data goes on coming: batches leave at once, and whoever asked learns when all that
//! was held is gone.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::join_all;
use serde_json::json;
use teleferric_flow::Stage;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::Done;
use crate::control::{Failure, Shown};
use crate::graph;
use crate::node::{Node, Serial};

/// Answers with the items that are left in stages which are not empty of what they held by `deadline`; none once all are.
pub fn start(shown: &Arc<Shown>, deadline: Option<Instant>, done: Done) {
    let mut answer = Answer { done: Some(done), shown: Arc::clone(shown), left: 0, is_whole: false };
    let Some(running) = shown.running() else { return };
    let shared = Arc::clone(running.shared());
    let workers = Arc::clone(&shared.workers);
    workers.spawn_on(0, "flush", move || async move {
        let threads: Vec<_> = (0..shared.workers.len())
            .map(|worker| shared.workers.run_on(worker, "flush.thread", move || on_thread(deadline)))
            .collect();
        for thread in threads {
            let Ok(left) = thread.await else { return };
            answer.add(left);
        }
        answer.complete();
    });
}

/// The duty to answer. A part that is lost is lost to a panic, or with a collector that ends and holds nothing any more.
struct Answer {
    done: Option<Done>,
    shown: Arc<Shown>,
    left: u64,
    /// Whether all threads have told what is left.
    is_whole: bool,
}

impl Answer {
    fn add(&mut self, left: u64) {
        self.left += left;
    }

    fn complete(mut self) {
        self.is_whole = true;
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let Some(done) = self.done.take() else { return };
        let answer = if self.is_whole || self.shown.running().is_none() {
            json!({ "ok": true, "remaining_items": self.left })
        } else {
            Failure::panicked().describe()
        };
        done(answer.to_string());
    }
}

async fn on_thread(deadline: Option<Instant>) -> u64 {
    let work = Work { stages: graph::all_stages(), done: RefCell::default(), more: Notify::new() };
    let all = join_all((0..work.stages.len()).map(|index| work.flush(index)));
    match deadline {
        None => drop(all.await),
        // It is polled once even if the deadline has passed, which sends what there is to send.
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
    async fn flush(&self, index: usize) {
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
