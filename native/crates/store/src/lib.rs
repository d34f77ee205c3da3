//! A log on disk with a cursor for each reader: what a sending queue holds, so that it survives the process.
//!
//! ```text
//! append ─ one vectored write, one sync ─▶ seg-0 │ seg-1 │ seg-2 …        meta.a, meta.b: how far each cursor is
//!                                          ▲ read, acknowledged in any order; a segment nobody needs is used again
//! ```
//! What was appended last stays in memory for a while, if its [`Memory`] is paid for, so that readers that keep up do not
//! ask the disk.
//!
//! Everything goes through [`Vfs`], so that tests can enumerate what a crash may leave behind. Nothing is mapped into
//! memory, a sync that failed is never tried again on the same file, and damage costs the records it touches.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a thread of its own, outside tokio and its clock")]

mod cursor;
mod log;
mod meta;
mod record;
mod seal;
mod segment;
#[cfg(test)]
mod sim;
mod tail;
mod totals;
mod vfs;
mod window;
mod writer;

pub use log::{
    CURSORS_MAX, CursorSurvey, Damage, GivenUp, LagPolicy, Log, LogError, LogSettings, Opened, Read, RecordSurvey,
    SegmentSurvey, Status, Survey, survey,
};
pub use record::{Memory, NewRecord, Record, Tally};
pub use seal::{KEY_BYTES, Key};
pub use totals::{End, Totals};
pub use vfs::{Disk, DiskError, Vfs, VfsFile};
pub use writer::{Entry, Gauges, Observer, Reader, Told, Upkeep, WhenFull, Writer};
