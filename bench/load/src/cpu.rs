//! CPU time of this process.

use rustix::time::{ClockId, clock_gettime};

/// CPU time this process has used, in seconds.
pub fn own_cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
