//! CPU time and memory of other processes, from /proc.

use std::fs;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Reads some processes on a thread of its own, which keeps the sender's loop free of it.
#[derive(Debug)]
pub struct Watch {
    thread: JoinHandle<Vec<Value>>,
    /// Dropped to end the watch.
    stop: Sender<()>,
}

impl Watch {
    /// Watches `pids` from `start` for `duration`.
    pub fn begin(pids: &[u32], start: Instant, duration: Duration) -> Self {
        let (stop, stopped) = channel();
        let pids = pids.to_vec();
        let thread = std::thread::spawn(move || watch(&pids, start, start + duration, &stopped));
        Self { thread, stop }
    }

    /// What was seen. Waits for the end of the window.
    pub fn finish(self) -> Vec<Value> {
        let Self { thread, stop } = self;
        let seen = thread.join().unwrap_or_default();
        drop(stop);
        seen
    }
}

/// Whether there is such a process.
pub fn exists(pid: u32) -> bool {
    CpuTime::read(pid).is_some()
}

fn watch(pids: &[u32], start: Instant, end: Instant, stopped: &Receiver<()>) -> Vec<Value> {
    if pids.is_empty() || !sleep_until(start, stopped) {
        return Vec::new();
    }
    let begun: Vec<_> = pids.iter().map(|pid| CpuTime::read(*pid)).collect();
    let mut resident: Vec<Vec<(f64, f64)>> = vec![Vec::new(); pids.len()];
    let mut next = start;
    while next < end {
        for (pid, samples) in pids.iter().zip(&mut resident) {
            samples.extend(resident_mib(*pid).map(|mib| (start.elapsed().as_secs_f64(), mib)));
        }
        next += SAMPLE_INTERVAL;
        if !sleep_until(next.min(end), stopped) {
            return Vec::new();
        }
    }
    let ended: Vec<_> = pids.iter().map(|pid| CpuTime::read(*pid)).collect();
    let seen = pids.iter().zip(begun).zip(ended).zip(&resident);
    seen.map(|(((pid, begun), ended), resident)| report(*pid, begun, ended, resident)).collect()
}

/// False if the watch is to end.
fn sleep_until(time: Instant, stopped: &Receiver<()>) -> bool {
    let timeout = time.saturating_duration_since(Instant::now());
    stopped.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout)
}

/// A process that has gone is reported with `null` for what cannot be known.
fn report(pid: u32, begun: Option<CpuTime>, ended: Option<CpuTime>, resident: &[(f64, f64)]) -> Value {
    let spent = |of: fn(&CpuTime) -> f64| Some(of(ended.as_ref()?) - of(begun.as_ref()?));
    let mib: Vec<f64> = resident.iter().map(|(_, mib)| *mib).collect();
    json!({
        "pid": pid,
        "cpu_s": spent(|time| time.run_s),
        "user_s": spent(|time| time.user_s),
        "system_s": spent(|time| time.system_s),
        "rss_mib": {
            "avg": (!mib.is_empty()).then(|| mib.iter().sum::<f64>() / mib.len() as f64),
            "max": mib.iter().copied().reduce(f64::max),
            "end": mib.last(),
            "slope_per_minute": slope(resident).map(|mib_per_s| mib_per_s * 60.0),
        },
        "threads": ended.map(|time| time.threads),
    })
}

/// CPU time of a process.
#[derive(Clone, Copy, Debug)]
struct CpuTime {
    /// From the scheduler's counters of each thread, which are exact but forget threads that have ended.
    run_s: f64,
    /// From ticks, which cover ended threads.
    user_s: f64,
    system_s: f64,
    threads: usize,
}

impl CpuTime {
    fn read(pid: u32) -> Option<Self> {
        let mut run_ns = 0u64;
        let mut threads = 0;
        for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
            let Ok(text) = fs::read_to_string(task.ok()?.path().join("schedstat")) else { continue };
            run_ns += text.split_whitespace().next()?.parse::<u64>().ok()?;
            threads += 1;
        }
        let (user_s, system_s) = ticks(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        Some(Self { run_s: run_ns as f64 * 1e-9, user_s, system_s, threads })
    }
}

/// Fields 14 and 15 of /proc/PID/stat. The second, a name in parentheses, may contain anything.
fn ticks(stat: &str) -> Option<(f64, f64)> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    let mut seconds = || Some(fields.next()?.parse::<u64>().ok()? as f64 / TICKS_A_SECOND);
    Some((seconds()?, seconds()?))
}

fn resident_mib(pid: u32) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((pages * rustix::param::page_size() as u64) as f64 / f64::from(1 << 20))
}

/// Slope of the line of least squares.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let product: f64 = points.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    (spread > 0.0).then(|| product / spread)
}

const SAMPLE_INTERVAL: Duration = Duration::from_millis(100);
/// Of /proc, on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_process() {
        let pid = std::process::id();
        let watch = Watch::begin(&[pid], Instant::now(), Duration::from_millis(250));
        while !watch.thread.is_finished() {
            std::hint::spin_loop();
        }
        let seen = watch.finish();
        assert_eq!(seen[0]["pid"], pid);
        assert!(seen[0]["cpu_s"].as_f64().is_some_and(|cpu_s| cpu_s > 0.01), "{seen:?}");
        assert!(seen[0]["rss_mib"]["avg"].as_f64().is_some_and(|mib| mib > 0.5), "{seen:?}");
        assert!(seen[0]["threads"].as_u64().is_some_and(|threads| threads > 0));
    }

    #[test]
    fn reads_ticks_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 150 25 0 0 20 0 1 0 1";
        assert_eq!(ticks(stat), Some((1.5, 0.25)));
    }

    #[test]
    fn slope_is_that_of_the_line() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(slope(&[(0.0, 1.0)]), None);
        assert!(!exists(u32::MAX));
    }
}
