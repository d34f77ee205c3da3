//! What a component is. All of it is called on the data-plane thread that owns the instance.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use tokio::time::Instant;

use crate::delivery::StoredBranch;
use crate::parcel::Parcel;
use crate::reply::Outcome;

/// A boxed future of one data-plane thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Something that parcels flow into.
pub trait Consumer {
    /// Takes the parcel and returns at once. The sender learns the outcome through the parcel's reply, now or
    /// later; dropping the parcel unsettled refuses it.
    fn consume(&self, parcel: Parcel);

    /// The deliveries with a queue on disk that every parcel goes to as it is, if that is all that consuming means. A
    /// fan-out puts those of the same log together.
    fn stored(&self) -> Vec<StoredBranch> {
        Vec::new()
    }
}

/// A node of the graph: a consumer that may hold parcels and can be emptied.
pub trait Stage: Consumer {
    /// Tells that a drain is about to begin upstream: parcels still come, but none should wait longer than it must.
    /// Retry waits end, and each request gets one attempt more.
    fn hurry(&self) {}

    /// Names the stage that takes this one's place in the graph. Whatever a drain would make this one refuse or drop
    /// goes there. The first call counts.
    fn leave_to(&self, successor: Rc<dyn Stage>) {
        let _ = successor;
    }

    /// Takes a parcel from the stage whose place this one took. It was let in there, so no room is asked for.
    fn take_over(&self, parcel: Parcel) {
        self.consume(parcel);
    }

    /// Hands on at once what it collects, and ends when everything has left it that it held when this was called, for
    /// better or worse; parcels go on coming meanwhile. What lies in a storage has left. Cancel safe.
    fn flush(&self) -> LocalFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Items that it holds in memory and has taken responsibility for.
    fn held_items(&self) -> u64 {
        0
    }

    /// Hands on or settles everything held, no later than `deadline` (none: no limit). Called once, after
    /// everything upstream is drained; parcels still held at the deadline are refused as draining.
    fn drain(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        let _ = deadline;
        Box::pin(async {})
    }
}

/// Changes parcels on the way: synchronous, a parcel in, any number of parcels out to `next`.
pub trait Processor {
    /// Handles one parcel. A parcel that ends here is settled here.
    fn process(&self, parcel: Parcel, next: &dyn Consumer);
}

/// Sends parcels to one destination. It holds no queue, timer or retry: those stand in front of it.
pub trait Exporter {
    /// Sends the parcel once. The outcome says what the destination answered; the caller settles the parcel.
    ///
    /// Cancel safe: dropping the future abandons the attempt, whose result is then unknown.
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome>;

    /// Writes out what is buffered of parcels that were sent, on a data-plane thread.
    fn flush(&self) {}

    /// Writes out whatever is buffered and lets go of connections and files, no later than `deadline`.
    fn close(&self, deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        let _ = deadline;
        Box::pin(async {})
    }
}
