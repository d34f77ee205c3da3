//! A value built from files and built again when they change: certificates, keys, authorities.
//!
//! There is no task and no timer: whoever asks for the value (a handshake) causes the look, at most once per interval,
//! so mounted secrets that change by symlink swap are seen with the next connection. What cannot be built keeps the
//! old value and is counted.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Source, TlsError};

/// A value of `T` that follows its files.
pub struct Reloading<T> {
    current: ArcSwap<T>,
    build: Box<dyn Fn() -> Result<T, TlsError> + Send + Sync>,
    sources: Vec<Source>,
    interval: Option<Duration>,
    watch: Mutex<Watch>,
    reloads: AtomicU64,
    failures: AtomicU64,
}

/// How often the files were found changed, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReloadStats {
    /// New values taken.
    pub reloads: u64,
    /// Changed files that could not be read or used; the old value stayed.
    pub failures: u64,
}

impl<T> Reloading<T> {
    /// Builds the first value. `sources` are what `build` reads; texts among them never change and are ignored.
    /// `interval` `None` or zero is never again.
    ///
    /// # Errors
    /// Whatever `build` answers.
    pub fn new(
        sources: Vec<Source>,
        interval: Option<Duration>,
        build: impl Fn() -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Reloading<T>, TlsError> {
        let sources: Vec<_> = sources.into_iter().filter(|source| source.path().is_some()).collect();
        // The print comes first: a file that changes in between is then looked at once more.
        let watch = Watch { looked: Instant::now(), print: fingerprint(&sources), failed: None };
        Ok(Reloading {
            current: ArcSwap::from_pointee(build()?),
            build: Box::new(build),
            interval: interval.filter(|interval| !interval.is_zero() && !sources.is_empty()),
            sources,
            watch: Mutex::new(watch),
            reloads: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// The value, after a look at the files if one is due. The look reads them, blocking; two callers never look at
    /// the same time, the second gets the present value.
    pub fn get(&self) -> Arc<T> {
        if let Some(interval) = self.interval
            && let Some(mut watch) = self.watch.try_lock()
            && watch.looked.elapsed() >= interval
        {
            watch.looked = Instant::now();
            self.look(&mut watch);
        }
        self.current.load_full()
    }

    /// Counts so far.
    pub fn stats(&self) -> ReloadStats {
        ReloadStats { reloads: self.reloads.load(Ordering::Relaxed), failures: self.failures.load(Ordering::Relaxed) }
    }

    /// Why the files as they are now were not taken; `None` when the value is up to date.
    pub fn failure(&self) -> Option<TlsError> {
        self.watch.lock().failed.clone()
    }

    fn look(&self, watch: &mut Watch) {
        let print = fingerprint(&self.sources);
        if print == watch.print {
            return;
        }
        watch.print = print;
        match (self.build)() {
            Ok(value) => {
                self.current.store(Arc::new(value));
                self.reloads.fetch_add(1, Ordering::Relaxed);
                watch.failed = None;
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                watch.failed = Some(error);
            }
        }
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading")
            .field("sources", &self.sources)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

struct Watch {
    looked: Instant,
    print: u64,
    failed: Option<TlsError>,
}

/// Changes when the content of a source changes, or whether it can be read. Times are not asked: two writes within one
/// tick of the file system's clock leave equal ones, and the files are small.
fn fingerprint(sources: &[Source]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in sources {
        match source.read("file") {
            Ok(content) => {
                hasher.write_usize(content.len());
                hasher.write(&content);
            }
            Err(_) => hasher.write_u8(1),
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
