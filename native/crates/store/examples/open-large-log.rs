//! Writes a log of 1 GiB and says how long it takes to open: as an orderly end leaves it, as a kill leaves it after a
//! second of appends that no checkpoint knows of, and without any checkpoint, when all of it has to be read.
//!
//!   cargo run --release -p teleferric-store --example open-large-log -- FOLDER
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program for people, about the time on the clock"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use teleferric_store::{Disk, End, Log, LogSettings, NewRecord};

const LOG_BYTES: u64 = 1 << 30;
const PAYLOAD_BYTES: u64 = 4 << 10;
/// Records of one write, as requests that come together make it.
const GROUP: u64 = 256;
/// Bytes that are appended in the second between two checkpoints.
const UNTOLD_BYTES: u64 = 200 << 20;
const SETTINGS: LogSettings = LogSettings {
    segment_bytes: 64 << 20,
    max_bytes: 2 * LOG_BYTES,
    reserve_free_bytes: 0,
    sync: false,
    given_up_as: End::QueueFull,
    fail_on_damage: false,
    key: None,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("which folder?")?.join("open-large-log");
    let mut log = open(&folder)?;
    let cursor = log.cursor("reader")?;
    append(&mut log, LOG_BYTES - UNTOLD_BYTES)?;
    log.checkpoint()?;
    append(&mut log, UNTOLD_BYTES)?;
    drop(log);
    let mut log = timed("after a kill, 200 MiB behind the last checkpoint", || open(&folder))?;
    log.checkpoint()?;
    drop(log);
    let log = timed("after an orderly end", || open(&folder))?;
    let held = log.held(cursor).bytes;
    drop(log);
    for name in ["meta.a", "meta.b"] {
        std::fs::remove_file(folder.join(name))?;
    }
    let log = timed("without checkpoints", || open(&folder))?;
    if log.held(cursor).bytes != held {
        return Err("it does not hold what was written".into());
    }
    timed("reading the files, for comparison", || read_files(&folder))?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

fn open(folder: &Path) -> Result<Log<Disk>, Box<dyn Error>> {
    Ok(Log::open(Disk::open(folder, Duration::ZERO)?, SETTINGS, [7; 16])?.0)
}

fn append(log: &mut Log<Disk>, bytes: u64) -> Result<(), Box<dyn Error>> {
    let payload = [Bytes::from(vec![7; PAYLOAD_BYTES as usize])];
    let record = NewRecord { time: 0, targets: 1, items: 10, head: b"head", payload: &payload, memory: None };
    for _ in 0..bytes / PAYLOAD_BYTES / GROUP {
        log.append(&[record; GROUP as usize])?;
    }
    Ok(())
}

fn read_files(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += std::io::copy(&mut std::fs::File::open(entry?.path())?, &mut std::io::sink())?;
    }
    Ok(bytes)
}

fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    let start = Instant::now();
    let done = work()?;
    println!("{what}: {:.3} s", start.elapsed().as_secs_f64());
    Ok(done)
}
