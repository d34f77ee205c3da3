//! Files as they are read back: formats, sharing, rotation, groups, flushing and failing.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use teleferric_buf::Permit;
use teleferric_codec::{Caps, decompress};
use teleferric_flow::{DropReason, Reply, Retry};
use teleferric_wire::Limits;
use tempfile::TempDir;

use super::*;

fn config(path: &Path) -> FileConfig {
    FileConfig {
        path: path.to_str().unwrap().to_owned(),
        format: Format::Json,
        compression: String::new(),
        compression_params: CompressionParams { level: 0 },
        append: false,
        rotation: None,
        flush_interval: Duration::from_secs(1),
        group_by: None,
        create_directory: false,
        directory_permissions: "0755".into(),
    }
}

/// An instance as `build` and `make` give it, and the account of what it loses.
fn start(config: &FileConfig, signal: Signal) -> Result<(File, Arc<Account>), StartError> {
    let account = Arc::new(Account::default());
    let part = Part::open(config, signal, Pool::new(), &Log::none(), &account)?;
    if let Destination::One(file) = &part.destination {
        files::begin(file, !config.append && config.rotation.is_none()).unwrap();
    }
    Ok((File { template: part.template, destination: part.destination }, account))
}

fn open(config: &FileConfig, signal: Signal) -> File {
    start(config, signal).unwrap().0
}

/// A request of one log record.
fn log_request(service: &str, body: &str) -> Vec<u8> {
    let json = json!({ "resourceLogs": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": service } }] },
        "scopeLogs": [{ "logRecords": [{ "body": { "stringValue": body } }] }],
    }] });
    proto(Signal::Logs, json.to_string().as_bytes())
}

fn proto(signal: Signal, text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    json::to_proto(signal, text, &Limits::default(), &mut bytes).unwrap();
    bytes
}

fn parcel(signal: Signal, chunks: &[&[u8]]) -> Parcel {
    let payload: teleferric_flow::Payload = chunks.iter().map(|chunk| Bytes::copy_from_slice(chunk)).collect();
    Parcel::new(signal, payload, chunks.len() as u64, Permit::none(), Reply::to(|_| {}))
}

async fn send(file: &File, signal: Signal, chunks: &[&[u8]]) -> Outcome {
    file.send(&parcel(signal, chunks)).await
}

async fn send_log(file: &File, service: &str, body: &str) {
    assert_eq!(send(file, Signal::Logs, &[&log_request(service, body)]).await, Outcome::Accepted);
}

/// Records behind their lengths.
fn frames(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((prefix, rest)) = bytes.split_first_chunk::<4>() {
        let (record, rest) = rest.split_at(u32::from_be_bytes(*prefix) as usize);
        found.push(record);
        bytes = rest;
    }
    assert!(bytes.is_empty());
    found
}

fn unzstd(bytes: &[u8]) -> Vec<u8> {
    let caps = Caps { max_output: 1 << 20, ratio: None };
    decompress(Codec::Zstd, bytes, &caps, &mut Permit::none(), &Pool::new()).unwrap().to_vec()
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn json_lines_read_back_as_the_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let file = open(&config(&path), Signal::Logs);
    let (first, second) = (log_request("a", "line\nbreak"), log_request("b", "two"));
    send(&file, Signal::Logs, &[&first]).await;
    send(&file, Signal::Logs, &[&first, &second]).await;
    send(&file, Signal::Logs, &[]).await;
    file.close(None).await;
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().map(|line| proto(Signal::Logs, line.as_bytes())).collect();
    assert_eq!(lines, [first.clone(), [first, second].concat()]);
    assert!(text.ends_with('\n') && text.starts_with("{\"resourceLogs\":["));
}

#[tokio::test]
async fn records_of_protobuf_stand_behind_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.bin");
    let file = open(&FileConfig { format: Format::Proto, ..config(&path) }, Signal::Logs);
    let (first, second) = (log_request("a", "one"), log_request("b", "two"));
    send(&file, Signal::Logs, &[&first]).await;
    send(&file, Signal::Logs, &[&first, &second]).await;
    file.close(None).await;
    let bytes = fs::read(&path).unwrap();
    assert_eq!(frames(&bytes), [&first[..], &[first.clone(), second].concat()[..]]);
}

#[tokio::test]
async fn compressed_records_stand_behind_their_length_in_both_formats() {
    let request = log_request("a", &"again ".repeat(100));
    for format in [Format::Json, Format::Proto] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.zst");
        let params = CompressionParams { level: 3 };
        let config = FileConfig { format, compression: "zstd".into(), compression_params: params, ..config(&path) };
        let file = open(&config, Signal::Logs);
        send(&file, Signal::Logs, &[&request]).await;
        send(&file, Signal::Logs, &[&request]).await;
        file.close(None).await;
        let bytes = fs::read(&path).unwrap();
        assert!(bytes.len() < request.len());
        let records = frames(&bytes);
        assert_eq!(records.len(), 2);
        for record in records.into_iter().map(unzstd) {
            match format {
                Format::Json => assert_eq!(proto(Signal::Logs, &record), request),
                Format::Proto => assert_eq!(record, request),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn records_are_flushed_when_the_interval_has_passed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let file = open(&config(&path), Signal::Logs);
    for round in 1..=3 {
        send_log(&file, "a", "x").await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        send_log(&file, "a", "y").await;
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2 * round - 2);
        tokio::time::sleep(Duration::from_millis(501)).await;
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 2 * round);
    }
}

#[tokio::test]
async fn records_are_flushed_when_the_file_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let file = open(&config(&path), Signal::Logs);
    send_log(&file, "a", "x").await;
    drop(file);
    assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_path_is_emptied_once_in_a_process_and_shared_after_that() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    fs::write(&path, "old\n").unwrap();
    let first = open(&config(&path), Signal::Logs);
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    send_log(&first, "a", "one").await;
    // Another signal, or the graph after a reload; under another name of the folder.
    let again = open(&config(&folder.path().join(".").join("out.json")), Signal::Traces);
    let request = proto(Signal::Traces, br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"x"}]}]}]}"#);
    send(&again, Signal::Traces, &[&request]).await;
    send_log(&first, "a", "two").await;
    drop((first, again));
    let later = open(&config(&path), Signal::Logs);
    send_log(&later, "a", "three").await;
    drop(later);
    let text = fs::read_to_string(&path).unwrap();
    let kinds: Vec<_> = text.lines().map(|line| line.contains("resourceSpans")).collect();
    assert_eq!(kinds, [false, true, false, false]);
}

#[tokio::test]
async fn append_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    fs::write(&path, "old\n").unwrap();
    let file = open(&FileConfig { append: true, ..config(&path) }, Signal::Logs);
    send_log(&file, "a", "x").await;
    file.close(None).await;
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("old\n{") && text.lines().count() == 2);
}

#[tokio::test]
async fn rotation_begins_new_files_by_size_and_keeps_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let rotation = RotationConfig { max_megabytes: 1, max_days: 0, max_backups: 2, localtime: false };
    let file = open(&FileConfig { rotation: Some(rotation), ..config(&path) }, Signal::Logs);
    let body = "x".repeat(300 << 10);
    // Three fit in a file.
    for _ in 0..13 {
        send_log(&file, "a", &body).await;
    }
    file.close(None).await;
    let names = names(&folder);
    let lines: Vec<_> =
        names.iter().map(|name| fs::read_to_string(folder.path().join(name)).unwrap().lines().count()).collect();
    assert_eq!(lines, [3, 3, 1], "{names:?}");
    assert!(names.iter().take(2).all(|name| name.starts_with("out-2") && name.ends_with(".json")));
}

#[tokio::test]
async fn groups_write_a_file_each_and_none_leaves_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    let group = GroupBy { resource_attribute: "service.name".into(), max_open_files: 2 };
    let config = FileConfig { group_by: Some(group), create_directory: true, ..config(&inner.join("x-*.json")) };
    let file = open(&config, Signal::Logs);
    let (shop, evil, none) = (log_request("shop", "1"), log_request("../../evil\0", "2"), log_request("", "3"));
    // One request with resources of all groups; files in excess are closed and come back.
    for _ in 0..3 {
        assert_eq!(send(&file, Signal::Logs, &[&shop, &evil, &none, &shop]).await, Outcome::Accepted);
    }
    file.close(None).await;
    let mut found: Vec<_> =
        fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    found.sort();
    assert_eq!(found, ["x-..%2F..%2Fevil%00.json", "x-MISSING.json", "x-shop.json"]);
    assert_eq!(names(&folder), ["inner"]);
    let text = fs::read_to_string(inner.join("x-shop.json")).unwrap();
    let records: Vec<_> = text.lines().map(|line| proto(Signal::Logs, line.as_bytes())).collect();
    assert_eq!(records, vec![[shop.clone(), shop].concat(); 3]);
}

#[tokio::test]
async fn groups_may_be_folders_and_profiles_take_their_dictionary_along() {
    let folder = tempfile::tempdir().unwrap();
    let group = GroupBy { resource_attribute: "service.name".into(), max_open_files: 9 };
    let path = folder.path().join("*").join("out.json");
    let config = FileConfig { group_by: Some(group), create_directory: true, ..config(&path) };
    let file = open(&config, Signal::Profiles);
    let resource = |name: &str| {
        json!({
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": name } }] },
            "scopeProfiles": [{ "profiles": [{ "samples": [{ "stackIndex": 1 }] }] }],
        })
    };
    let request =
        json!({ "resourceProfiles": [resource("a"), resource("..")], "dictionary": { "stringTable": ["", "x"] } });
    let request = proto(Signal::Profiles, request.to_string().as_bytes());
    assert_eq!(send(&file, Signal::Profiles, &[&request]).await, Outcome::Accepted);
    file.close(None).await;
    assert_eq!(names(&folder), ["%2E%2E", "a"]);
    let text = fs::read_to_string(folder.path().join("a/out.json")).unwrap();
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["dictionary"]["stringTable"], json!(["", "x"]));
    assert_eq!(line["resourceProfiles"].as_array().unwrap().len(), 1);
}

#[test]
fn concurrent_workers_never_interleave_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let config = config(&path);
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let config = config.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    let file = open(&config, Signal::Logs);
                    for index in 0..200 {
                        send_log(&file, &format!("w{worker}"), &"x".repeat(index * 10)).await;
                    }
                    file.close(None).await;
                });
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let text = fs::read_to_string(&path).unwrap();
    let mut seen = [0; 4];
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let entry = &line["resourceLogs"][0];
        let worker = entry["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap();
        let worker: usize = worker[1..].parse().unwrap();
        let length = entry["scopeLogs"][0]["logRecords"][0]["body"]["stringValue"].as_str().unwrap().len();
        assert_eq!(length, seen[worker] * 10, "in the order of each worker");
        seen[worker] += 1;
    }
    assert_eq!(seen, [200; 4]);
}

#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_for_now_and_counts_what_it_took_before() {
    let (file, account) = start(&config(Path::new("/dev/full")), Signal::Logs).unwrap();
    send_log(&file, "a", "taken before anybody knew").await;
    // Long enough for several attempts.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let outcome = send(&file, Signal::Logs, &[&log_request("a", "x")]).await;
    let Outcome::Refused(fault) = outcome else { panic!("{outcome:?}") };
    assert_eq!(fault.retry, Retry::Backoff);
    assert!(fault.message.starts_with("cannot write /dev/full: No space left"), "{fault}");
    file.close(None).await;
    drop(file);
    assert_eq!(account.dropped(DropReason::Shutdown), 1);
}

#[tokio::test]
async fn start_names_what_is_in_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no/such/out.json");
    let error = start(&config(&missing), Signal::Logs).err().unwrap();
    assert!(error.0.contains("cannot open directory") && error.0.contains("no/such"), "{error}");
    let group = GroupBy { resource_attribute: "a".into(), max_open_files: 1 };
    let grouped = FileConfig { group_by: Some(group.clone()), ..config(&folder.path().join("no/*.json")) };
    assert!(start(&grouped, Signal::Logs).err().unwrap().0.contains("cannot open directory"));
    let error = start(&config(folder.path()), Signal::Logs).err().unwrap();
    assert!(error.0.starts_with("cannot open "), "{error}");
    let stars = FileConfig { group_by: Some(group), ..config(Path::new("/x/*/*.json")) };
    assert!(start(&stars, Signal::Logs).err().unwrap().0.contains("exactly one *"));
    let made = FileConfig { create_directory: true, ..config(&missing) };
    send_log(&open(&made, Signal::Logs), "a", "x").await;
    assert!(missing.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn directories_get_their_permissions_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/out.json");
    let config = FileConfig { create_directory: true, directory_permissions: "0700".into(), ..config(&path) };
    send_log(&open(&config, Signal::Logs), "a", "x").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
    let config = FileConfig { directory_permissions: "9".into(), ..config };
    assert!(start(&config, Signal::Logs).err().unwrap().0.contains("octal"));
}

#[tokio::test]
async fn a_reload_changes_how_an_open_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let before = open(&config(&path), Signal::Logs);
    let body = "x".repeat(700 << 10);
    send_log(&before, "a", &body).await;
    send_log(&before, "a", &body).await;
    assert_eq!(names(&folder), ["out.json"]);
    let rotation = RotationConfig { max_megabytes: 1, max_days: 0, max_backups: 0, localtime: false };
    let after = open(&FileConfig { rotation: Some(rotation), ..config(&path) }, Signal::Logs);
    send_log(&after, "a", &body).await;
    assert_eq!(names(&folder).len(), 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_rotated_refuses_and_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let rotation = RotationConfig { max_megabytes: 1, max_days: 0, max_backups: 0, localtime: false };
    let file = open(&FileConfig { rotation: Some(rotation), ..config(&inner.join("out.json")) }, Signal::Logs);
    let body = "x".repeat(700 << 10);
    send_log(&file, "a", &body).await;
    fs::rename(&inner, folder.path().join("away")).unwrap();
    let outcome = send(&file, Signal::Logs, &[&log_request("a", &body)]).await;
    assert!(matches!(outcome, Outcome::Refused(fault) if fault.retry == Retry::Backoff));
    fs::rename(folder.path().join("away"), &inner).unwrap();
    send_log(&file, "a", &body).await;
    assert_eq!(fs::read_dir(&inner).unwrap().count(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_without_a_reader_does_not_hold_up_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let file = open(&config(&path), Signal::Logs);
    send_log(&file, "a", "x").await;
    let read = std::thread::spawn(move || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(fs::File::open(path).unwrap()), &mut line).unwrap();
        line
    });
    file.close(None).await;
    assert!(read.join().unwrap().starts_with("{\"resourceLogs\""));
}
