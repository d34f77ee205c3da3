//! What the command line may ask, on folders as a collector leaves them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use teleferric_buf::Ledger;
use teleferric_flow::{
    Consumer, Delivery, DeliverySettings, DeliveryShared, DropReason, Fault, FaultCode, GrpcCode, Handles, Key,
    LagPolicy, Order, Outcome, Parcel, QueueSettings, Reply, Sizer, Storage, StorageSettings, StoredLogs, WhenFull,
};
use teleferric_testkit::{ScriptedExporter, request};
use teleferric_wire::Signal;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::{Encryption, answer};

const QUEUE: &str = "exporter/otlp/logs";

/// A collector that takes requests with 1 to `sent` items and hands them, and what lay there, to an exporter that answers
/// with `outcome`. What was delivered, in items.
async fn life(directory: &Path, sent: u64, outcome: Outcome) -> u64 {
    encrypted_life(directory, None, sent, outcome).await
}

/// As [`life`], with a storage that is encrypted if there is a key.
async fn encrypted_life(directory: &Path, key: Option<Key>, sent: u64, outcome: Outcome) -> u64 {
    let storage = StorageSettings {
        directory: directory.to_owned(),
        create: Some(0o700),
        patience: Duration::from_secs(10),
        max_age: Duration::from_secs(3600),
        segment_bytes: 64 << 10,
        max_bytes: 1 << 20,
        reserve_free_percent: 0,
        sync: true,
        dead_letter_bytes: Some(256 << 10),
        lag_policy: LagPolicy::Block,
        when_full: WhenFull::Refuse,
        fail_on_damage: false,
        scrub_bytes_per_second: 0,
        key,
    };
    let (logs, handles, ledger) = (StoredLogs::default(), Handles::detached(), Ledger::new(1 << 20));
    let queue = QueueSettings {
        queue_size: 1000,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers: 4,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    };
    let settings = DeliverySettings {
        queue: Some(queue),
        batch: None,
        retry: None,
        timeout: Duration::ZERO,
        storage: Some(storage.clone()),
    };
    let size = || {
        let labels = [("exporter", "otlp"), ("data_type", "logs")];
        handles.metrics.value("otelcol_exporter_queue_size", &labels).unwrap_or_default()
    };
    let exporter = std::rc::Rc::new(ScriptedExporter::answering(outcome));
    LocalSet::new()
        .run_until(async {
            let queue = logs.queue(&storage, "otlp", Signal::Logs, &handles).await.unwrap();
            let stored = Storage { queue, max_age: storage.max_age, ledger: Arc::clone(&ledger) };
            let shared = DeliveryShared::new("otlp", Signal::Logs, &[], settings, None, Some(stored), handles.clone());
            let delivery = Delivery::new(&shared, exporter.clone());
            for items in 1..=sent {
                let bytes = request(Signal::Logs, 0, items);
                let permit = ledger.try_reserve(bytes.len() as u64).unwrap();
                let (tell, told) = tokio::sync::oneshot::channel();
                let reply = Reply::to(move |outcome| drop(tell.send(outcome)));
                delivery.consume(Parcel::new(Signal::Logs, bytes, items, permit, reply));
                assert_eq!(told.await, Ok(Outcome::Accepted));
            }
            while size() > 0.0 {
                sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
    drop(logs);
    // The threads of the logs may be the last to let go of them.
    for folder in [teleferric_flow::storage_folder(directory), teleferric_flow::dead_letter_folder(directory)] {
        drop(teleferric_store::Disk::open(&folder, Duration::from_secs(60)).unwrap());
    }
    assert_eq!(DropReason::ALL.map(|reason| handles.account.dropped(reason)), [0; 8]);
    exporter.delivered()
}

fn no() -> Outcome {
    let fault = Fault::new(FaultCode::DownstreamPermanent, "no such field");
    Outcome::Refused(fault.with_status(GrpcCode::InvalidArgument))
}

fn ask(request: &Value) -> Value {
    serde_json::from_str(&answer(&request.to_string())).unwrap()
}

fn survey(directory: &Path) -> Value {
    ask(&json!({ "action": "survey", "directory": directory, "encryption": null, "listed": 2 }))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => assert!(std::fs::copy(entry.path(), to).is_ok()),
        }
    }
}

#[tokio::test]
async fn dead_letters_are_shown_and_go_back_into_their_queue_each_once() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path();
    life(directory, 6, no()).await;
    let found = survey(directory);
    assert_eq!(found["queues"][0]["requests"], 0);
    let account = |log: &Value| [log["queues"][0]["enqueued_items"].clone(), log["queues"][0]["left_items"].clone()];
    assert_eq!(account(&found), [json!(21), json!({ "dead_lettered": 21 })]);
    assert_eq!(account(&found["dead_letters"]), [json!(21), json!({})]);
    let letters = &found["dead_letters"]["queues"][0];
    assert_eq!((&letters["name"], &letters["requests"], &letters["items"]), (&json!(QUEUE), &json!(6), &json!(21)));
    let oldest = &letters["oldest"][0];
    assert_eq!(
        (&oldest["items"], &oldest["status"], &oldest["message"]),
        (&json!(1), &json!(3), &json!("no such field"))
    );

    let replay = |limit: Value| {
        ask(&json!({ "action": "replay", "directory": directory, "encryption": null, "queue": QUEUE, "limit": limit }))
    };
    let first = replay(json!(2));
    assert_eq!((&first["requests"], &first["items"], &first["left"]), (&json!(2), &json!(3), &json!(4)));
    assert_eq!(life(directory, 0, Outcome::Accepted).await, 3);
    let rest = replay(Value::Null);
    assert_eq!((&rest["requests"], &rest["items"], &rest["left"]), (&json!(4), &json!(18), &json!(0)));
    assert_eq!(replay(Value::Null)["requests"], 0);
    assert_eq!(life(directory, 1, Outcome::Accepted).await, 18 + 1);
    let found = survey(directory);
    assert_eq!(found["dead_letters"]["queues"][0]["requests"], 0);
    assert_eq!(account(&found), [json!(21 + 3 + 18 + 1), json!({ "dead_lettered": 21, "delivered": 3 + 18 + 1 })]);
    assert_eq!(account(&found["dead_letters"]), [json!(21), json!({ "replayed": 21 })]);
}

#[tokio::test]
async fn a_crash_while_dead_letters_are_replayed_loses_none() {
    let (before, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    life(folder.path(), 6, no()).await;
    copy(folder.path(), before.path());
    let replay =
        json!({ "action": "replay", "directory": folder.path(), "encryption": null, "queue": QUEUE, "limit": 4 });
    assert_eq!(ask(&replay)["requests"], 4);
    // As if it had ended when the queue had the requests, and before that was written down in the dead letters.
    let letters = |folder: &TempDir| teleferric_flow::dead_letter_folder(folder.path());
    std::fs::remove_dir_all(letters(&folder)).unwrap();
    copy(&letters(&before), &letters(&folder));
    assert_eq!(ask(&replay)["requests"], 4);
    assert_eq!(life(folder.path(), 0, Outcome::Accepted).await, 2 * 10);
    let left = survey(folder.path());
    assert_eq!(left["dead_letters"]["queues"][0]["items"], 11);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path();
    let replay = |queue: &str| {
        ask(&json!({ "action": "replay", "directory": directory, "encryption": null, "queue": queue, "limit": null }))
    };
    assert_eq!(replay(QUEUE)["error"]["message"], format!("there are no dead letters in {}", directory.display()));
    assert!(!directory.join("teleferric").exists());
    life(directory, 2, no()).await;
    assert_eq!(replay("other")["error"]["message"], "there is no queue \"other\"");
    let open = teleferric_store::Disk::open(&teleferric_flow::storage_folder(directory), Duration::ZERO).unwrap();
    let refusal = replay(QUEUE)["error"]["message"].as_str().unwrap().to_owned();
    assert!(refusal.ends_with("is in use by another process"), "{refusal}");
    drop(open);
    let purge =
        json!({ "action": "purge", "directory": directory, "encryption": null, "queue": QUEUE, "dead_letters": true });
    assert_eq!((&ask(&purge)["requests"], &ask(&purge)["requests"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn an_encrypted_storage_is_looked_into_by_all_and_changed_with_its_key_alone() {
    let folder = TempDir::new().unwrap();
    let (directory, file) = (folder.path(), folder.path().join("key"));
    std::fs::write(&file, "0123456789abcdef".repeat(4)).unwrap();
    let keyed = json!({ "key_file": file, "key_env": null });
    let key = serde_json::from_value::<Encryption>(keyed.clone()).unwrap().key().unwrap();
    encrypted_life(directory, Some(key.clone()), 4, no()).await;
    let survey = |encryption: &Value| {
        let survey = json!({ "action": "survey", "directory": directory, "encryption": encryption, "listed": 1 });
        let letters = ask(&survey)["dead_letters"]["queues"][0].clone();
        (letters["requests"].clone(), letters["oldest"][0]["message"].clone())
    };
    assert_eq!(survey(&keyed), (json!(4), json!("no such field")));
    assert_eq!(survey(&Value::Null), (json!(4), Value::Null));
    let replay = |encryption: &Value| {
        ask(
            &json!({ "action": "replay", "directory": directory, "encryption": encryption, "queue": QUEUE, "limit": null }),
        )
    };
    assert_eq!(replay(&Value::Null)["error"]["message"], "the log is encrypted, and there is no key");
    let missing = json!({ "key_file": null, "key_env": "TELEFERRIC_NO_SUCH_KEY" });
    assert_eq!(replay(&missing)["error"]["message"], "the environment has no key in TELEFERRIC_NO_SUCH_KEY");
    assert_eq!(replay(&keyed)["requests"], 4);
    assert_eq!(encrypted_life(directory, Some(key), 0, Outcome::Accepted).await, 10);
}
