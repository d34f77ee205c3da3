//! What the command line asks of storages: what is in them, and to give up what one of their queues holds.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use teleferric_flow::storage_folder;
use teleferric_store::{Disk, Log, LogSettings, Survey, survey};

/// A question about the storage in a directory.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// What is in it, with the oldest requests of each queue.
    Survey { directory: String, listed: usize },
    /// Gives up what a queue holds.
    Purge { directory: String, queue: String },
}

/// Carries out a request, which is JSON as is the answer: `{ok: true, …}` or `{ok: false, error: {code, message}}`.
/// Blocks while it reads the disk.
pub fn answer(request: &str) -> String {
    let answer = match serde_json::from_str(request) {
        Ok(Request::Survey { directory, listed }) => look(&storage_folder(Path::new(&directory)), listed),
        Ok(Request::Purge { directory, queue }) => purge(&storage_folder(Path::new(&directory)), &queue),
        Err(error) => Err(error.to_string()),
    };
    let answer = answer
        .unwrap_or_else(|message| json!({ "ok": false, "error": { "code": "STORAGE_FAILED", "message": message } }));
    answer.to_string()
}

fn look(folder: &Path, listed: usize) -> Result<Value, String> {
    let disk = Disk::peek(folder).map_err(|error| error.to_string())?;
    let Survey { segments, cursors, quarantined_bytes } = survey(&disk, listed).map_err(|error| error.to_string())?;
    let queues: Vec<Value> = cursors
        .iter()
        .map(|cursor| {
            let oldest: Vec<Value> = cursor
                .records
                .iter()
                .map(|record| {
                    json!({
                        "sequence": record.sequence,
                        "time_ms": record.time,
                        "items": record.items,
                        "bytes": record.bytes,
                    })
                })
                .collect();
            json!({
                "name": cursor.name,
                "requests": cursor.held.records,
                "items": cursor.held.items,
                "bytes": cursor.held.bytes,
                "oldest": oldest,
            })
        })
        .collect();
    Ok(json!({
        "ok": true,
        "queues": queues,
        "segments": segments.len(),
        "bytes": segments.iter().map(|segment| segment.bytes).sum::<u64>(),
        "records": segments.iter().map(|segment| segment.records).sum::<u64>(),
        "damaged_bytes": segments.iter().map(|segment| segment.damaged_bytes).sum::<u64>(),
        "quarantined_bytes": quarantined_bytes,
    }))
}

fn purge(folder: &Path, queue: &str) -> Result<Value, String> {
    // Not made: a name that is mistyped should not leave a folder behind.
    drop(Disk::peek(folder).map_err(|error| error.to_string())?);
    let disk = Disk::open(folder, Duration::ZERO).map_err(|error| error.to_string())?;
    let (mut log, _) = Log::open(disk, SETTINGS, [0; 16]).map_err(|error| error.to_string())?;
    if !log.status().cursors.iter().any(|(name, _)| name == queue) {
        return Err(format!("there is no queue \"{queue}\""));
    }
    let gone = log.cursor(queue).and_then(|cursor| log.purge(cursor)).map_err(|error| error.to_string())?;
    Ok(json!({ "ok": true, "requests": gone.records, "items": gone.items, "bytes": gone.bytes }))
}

/// Nothing is added to a log here, so its sizes do not matter.
const SETTINGS: LogSettings =
    LogSettings { segment_bytes: 1 << 16, max_bytes: 1 << 40, reserve_free_bytes: 0, sync: true };
