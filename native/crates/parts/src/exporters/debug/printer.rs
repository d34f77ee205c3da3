//! Hands text to the host, as much as it takes: sampling first, then a short wait for room, then the text is dropped
//! and the next one says so.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};

use super::DebugConfig;
use crate::component::Host;

/// What all data-plane threads print through.
pub(super) struct Printer {
    host: Arc<dyn Host>,
    /// Empty: the collector's log.
    paths: Vec<String>,
    sampler: Mutex<Sampler>,
    /// Texts that found no room since the last one that did.
    dropped: AtomicU64,
}

/// How often the host is asked for room, and how long apart: a quarter of a second in all.
const ATTEMPTS_MAX: u32 = 50;
const PAUSE: Duration = Duration::from_millis(5);

/// The target that stands for the collector's log.
const LOG: &str = "log";

impl Printer {
    pub(super) fn new(config: &DebugConfig, host: Arc<dyn Host>) -> Self {
        Printer {
            host,
            paths: if config.use_internal_logger { Vec::new() } else { config.output_paths.clone() },
            sampler: Mutex::new(Sampler::new(config.sampling_initial, config.sampling_thereafter)),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether the next batch is to be shown.
    pub(super) fn passes(&self) -> bool {
        self.sampler.lock().passes(Instant::now())
    }

    /// Prints the line of a batch.
    pub(super) async fn headline(&self, word: &str, fields: &[(&'static str, u64)]) {
        if self.paths.is_empty() {
            self.print(LOG, word, fields).await;
            return;
        }
        let mut line = format!("{word}\t{{");
        for (index, (name, count)) in fields.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(line, "{comma}\"{name}\": {count}");
        }
        line.push_str("}\n");
        self.text(line).await;
    }

    /// Prints whole lines.
    pub(super) async fn text(&self, text: String) {
        if text.is_empty() {
            return;
        }
        if self.paths.is_empty() {
            self.print(LOG, &text, &[]).await;
        }
        for path in &self.paths {
            self.print(path, &text, &[]).await;
        }
    }

    /// Cancel safe: a text that still waits for room is not printed.
    async fn print(&self, target: &str, text: &str, fields: &[(&'static str, u64)]) {
        // While the host does not read, one attempt a text is enough to learn that it does again.
        let attempts = if self.dropped.load(Ordering::Relaxed) == 0 { ATTEMPTS_MAX } else { 1 };
        for attempt in 1..=attempts {
            if self.host.print(target, text, fields) {
                self.tell_of_dropped(target);
                return;
            }
            if attempt < attempts {
                sleep(PAUSE).await;
            }
        }
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    fn tell_of_dropped(&self, target: &str) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text = format!("({dropped} texts dropped before this one: the reader is slow)\n");
            if !self.host.print(target, &text, &[]) {
                self.dropped.fetch_add(dropped, Ordering::Relaxed);
            }
        }
    }
}

/// In each second the first `initial` pass, then one in `thereafter`.
struct Sampler {
    initial: u64,
    thereafter: u64,
    since: Option<Instant>,
    count: u64,
}

const TICK: Duration = Duration::from_secs(1);

impl Sampler {
    fn new(initial: u64, thereafter: u64) -> Self {
        Sampler { initial, thereafter: thereafter.max(1), since: None, count: 0 }
    }

    fn passes(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= TICK) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
        self.count <= self.initial || (self.count - self.initial).is_multiple_of(self.thereafter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_first_of_a_second_and_then_every_nth() {
        let mut sampler = Sampler::new(2, 3);
        let start = Instant::now();
        let shown: Vec<bool> = (0..9).map(|_| sampler.passes(start)).collect();
        assert_eq!(shown, [true, true, false, false, true, false, false, true, false]);
        assert!(sampler.passes(start + TICK), "a new second begins anew");
    }

    #[test]
    fn zero_and_one_show_all() {
        for thereafter in [0, 1] {
            let mut sampler = Sampler::new(0, thereafter);
            let start = Instant::now();
            assert!((0..100).all(|_| sampler.passes(start)));
        }
    }
}
