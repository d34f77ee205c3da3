//! What the command line asks of storages: what is in them, to give up what one of their queues holds, and to send dead
//! letters again.

mod replay;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use teleferric_flow::{Key, Letter, dead_letter_folder, storage_folder};
use teleferric_parts::settings::encryption::Encryption;
use teleferric_store::{CursorSurvey, Disk, End, Log, LogSettings, RecordSurvey, Survey, survey};

/// A question about the storage in a directory.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// What is in it, with the oldest requests of each queue.
    Survey { directory: String, encryption: Option<Encryption>, listed: usize },
    /// Gives up what a queue holds, or its dead letters.
    Purge { directory: String, encryption: Option<Encryption>, queue: String, dead_letters: bool },
    /// Puts the oldest dead letters of a queue back into it, at most `limit`.
    Replay { directory: String, encryption: Option<Encryption>, queue: String, limit: Option<u64> },
}

/// Carries out a request, which is JSON as is the answer: `{ok: true, …}` or `{ok: false, error: {code, message}}`.
/// Blocks while it reads the disk.
pub fn answer(request: &str) -> String {
    let answer = serde_json::from_str(request).map_err(|error| error.to_string()).and_then(carry_out);
    let answer = answer
        .unwrap_or_else(|message| json!({ "ok": false, "error": { "code": "STORAGE_FAILED", "message": message } }));
    answer.to_string()
}

fn carry_out(request: Request) -> Result<Value, String> {
    let key = |encryption: Option<Encryption>| encryption.as_ref().map(Encryption::key).transpose();
    match request {
        Request::Survey { directory, encryption, listed } => {
            look(Path::new(&directory), key(encryption)?.as_ref(), listed)
        }
        Request::Purge { directory, encryption, queue, dead_letters } => {
            let folder = if dead_letters { dead_letter_folder } else { storage_folder };
            purge(&folder(Path::new(&directory)), key(encryption)?, &queue)
        }
        Request::Replay { directory, encryption, queue, limit } => {
            replay::replay(Path::new(&directory), key(encryption)?.as_ref(), &queue, limit)
        }
    }
}

fn look(directory: &Path, key: Option<&Key>, listed: usize) -> Result<Value, String> {
    let mut answer = look_into(&storage_folder(directory), key, listed, request)?;
    let letters = dead_letter_folder(directory);
    let letters = if letters.is_dir() { look_into(&letters, key, listed, dead_letter)? } else { Value::Null };
    answer["ok"] = true.into();
    answer["dead_letters"] = letters;
    Ok(answer)
}

/// What is in one log, with what `tell` says of each request that is listed.
fn look_into(
    folder: &Path,
    key: Option<&Key>,
    listed: usize,
    tell: fn(&RecordSurvey) -> Value,
) -> Result<Value, String> {
    let disk = Disk::peek(folder).map_err(|error| error.to_string())?;
    let Survey { segments, cursors, quarantined_bytes } =
        survey(&disk, listed, key).map_err(|error| error.to_string())?;
    let queue = |CursorSurvey { name, held, totals, records }: &CursorSurvey| {
        let left = End::ALL.into_iter().filter(|end| totals.left(*end) > 0);
        json!({
            "name": name,
            "requests": held.records,
            "items": held.items,
            "bytes": held.bytes,
            "enqueued_items": totals.enqueued,
            "left_items": left.map(|end| (end.label(), totals.left(end))).collect::<BTreeMap<_, _>>(),
            "oldest": records.iter().map(tell).collect::<Vec<_>>(),
        })
    };
    Ok(json!({
        "queues": cursors.iter().map(queue).collect::<Vec<_>>(),
        "segments": segments.len(),
        "bytes": segments.iter().map(|segment| segment.bytes).sum::<u64>(),
        "records": segments.iter().map(|segment| segment.records).sum::<u64>(),
        "damaged_bytes": segments.iter().map(|segment| segment.damaged_bytes).sum::<u64>(),
        "quarantined_bytes": quarantined_bytes,
    }))
}

fn request(record: &RecordSurvey) -> Value {
    json!({
        "sequence": record.sequence,
        "time_ms": record.time,
        "items": record.items,
        "bytes": record.bytes,
    })
}

fn dead_letter(record: &RecordSurvey) -> Value {
    let letter = Letter::decode(&record.head);
    let mut told = request(record);
    told["taken_ms"] = letter.map(|letter| letter.taken_ms).into();
    told["status"] = letter.map(|letter| letter.status).into();
    told["message"] = letter.map(|letter| letter.message).into();
    told
}

fn purge(folder: &Path, key: Option<Key>, queue: &str) -> Result<Value, String> {
    let mut log = open(folder, LogSettings { key, ..SETTINGS })?;
    let cursor = cursor(&mut log, queue)?;
    let gone = log.purge(cursor).map_err(|error| error.to_string())?;
    Ok(json!({ "ok": true, "requests": gone.records, "items": gone.items, "bytes": gone.bytes }))
}

/// The log in a folder, which must be there and be open nowhere else.
fn open(folder: &Path, settings: LogSettings) -> Result<Log<Disk>, String> {
    // Not made: a name that is mistyped should not leave a folder behind.
    drop(Disk::peek(folder).map_err(|error| error.to_string())?);
    let disk = Disk::open(folder, Duration::ZERO).map_err(|error| error.to_string())?;
    let (log, _) = Log::open(disk, settings, [0; 16]).map_err(|error| error.to_string())?;
    Ok(log)
}

/// The bit of a queue that is there.
fn cursor(log: &mut Log<Disk>, queue: &str) -> Result<u32, String> {
    if !log.status().cursors.iter().any(|(name, _)| name == queue) {
        return Err(format!("there is no queue \"{queue}\""));
    }
    log.cursor(queue).map_err(|error| error.to_string())
}

/// Where nothing is added to a log, so that its sizes do not matter.
const SETTINGS: LogSettings = LogSettings {
    segment_bytes: 1 << 16,
    max_bytes: 1 << 40,
    reserve_free_bytes: 0,
    sync: true,
    given_up_as: End::QueueFull,
    fail_on_damage: false,
    key: None,
};

#[cfg(test)]
mod tests;
