//! `send`: an open-loop generator of OTLP requests.

mod answer;
mod connection;
mod driver;
mod http1;
mod http2;
mod out;
mod plan;
mod report;
mod ring;

use std::io::Write;
use std::time::{Duration, Instant};

use crate::cli::SendFlags;
use crate::net;
use crate::watch::{self, Watch};

/// Sends, then prints the report.
pub fn run(flags: &SendFlags) -> Result<(), String> {
    if let Some(pid) = flags.watch_pid.iter().find(|pid| !watch::exists(**pid)) {
        return Err(format!("no process with id {pid} to watch"));
    }
    let files_wanted = u64::from(flags.connections) + OTHER_FILES;
    let files = net::allow_open_files(files_wanted);
    if files < files_wanted {
        return Err(format!(
            "{} connections need {files_wanted} open files, and {files} are allowed",
            flags.connections
        ));
    }
    net::sleep_precisely();
    let plan = plan::Plan::new(flags);
    let mut driver = driver::Driver::new(flags, &plan).map_err(|error| format!("cannot create a poller: {error}"))?;
    driver.connect()?;
    if (driver.streams_max() as usize) < flags.streams() {
        eprintln!("the server takes {} requests at one time on a connection", driver.streams_max());
    }
    let start = Instant::now();
    let window_start = start + Duration::from_secs_f64(flags.warmup);
    let watch = Watch::begin(&flags.watch_pid, window_start, Duration::from_secs_f64(flags.duration));
    let unsent = driver.run(start)?;
    let report = driver.report.to_json(flags, plan.ring.len(), unsent, watch.finish());
    let text = serde_json::to_string_pretty(&report).map_err(|error| format!("cannot write the report: {error}"))?;
    writeln!(std::io::stdout(), "{text}").map_err(|error| format!("cannot write the report: {error}"))
}

/// Descriptors that are not connections.
const OTHER_FILES: u64 = 16;
