//! What the core has to say to its host: log lines, output of the `debug` exporter, failures. A bounded ring that
//! the host empties; what does not fit is counted, never waited for.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use teleferric_flow::log::{Level, Record, Sink, Value as Fact};
use teleferric_parts::component::Host;

/// The ring between the data plane and the host.
pub struct Events {
    ring: Mutex<Ring>,
    wake: Mutex<Option<Wake>>,
}

/// Tells the host that there is something to take.
type Wake = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct Ring {
    events: Vec<Value>,
    bytes: usize,
    lost: u64,
}

/// Bytes of text the ring holds before it drops.
const RING_BYTES_MAX: usize = 4 << 20;

/// What an event weighs beside its text.
const EVENT_OVERHEAD_BYTES: usize = 128;

impl Events {
    /// An empty ring; `wake` is called when something arrives in it.
    pub fn new(wake: Wake) -> Arc<Self> {
        Arc::new(Events { ring: Mutex::default(), wake: Mutex::new(Some(wake)) })
    }

    /// Lets go of the host's callback. Events may still be added and taken.
    pub fn hush(&self) {
        let wake = self.wake.lock().take();
        drop(wake);
    }

    /// Adds an event, or counts it as lost.
    pub fn push(&self, event: Value, text_bytes: usize) -> bool {
        let weight = text_bytes + EVENT_OVERHEAD_BYTES;
        self.add(event, weight, |ring| ring.events.is_empty() || ring.bytes + weight <= RING_BYTES_MAX)
    }

    fn add(&self, event: Value, weight: usize, fits: impl FnOnce(&Ring) -> bool) -> bool {
        let was_empty = {
            let mut ring = self.ring.lock();
            if !fits(&ring) {
                ring.lost += 1;
                return false;
            }
            ring.bytes += weight;
            ring.events.push(event);
            ring.events.len() == 1
        };
        if was_empty {
            let wake = self.wake.lock().clone();
            if let Some(wake) = wake {
                wake();
            }
        }
        true
    }

    /// Empties the ring: JSON `{"events": [...], "lost": n}`, lost since the last call.
    pub fn take(&self) -> String {
        let ring = std::mem::take(&mut *self.ring.lock());
        json!({ "events": ring.events, "lost": ring.lost }).to_string()
    }
}

impl Sink for Events {
    fn wants(&self, _level: Level) -> bool {
        true
    }

    fn take(&self, record: &Record<'_>) {
        let mut fields = Map::new();
        for (key, value) in record.component {
            fields.insert((*key).to_owned(), Value::from(&**value));
        }
        for (key, fact) in record.fields {
            let value = match *fact {
                Fact::Text(text) => Value::from(text),
                Fact::Count(count) => Value::from(count),
                Fact::Number(number) => Value::from(number),
                Fact::Flag(flag) => Value::from(flag),
            };
            fields.insert((*key).to_owned(), value);
        }
        let event = json!({
            "kind": "log",
            "level": record.level.name(),
            "message": record.message,
            "fields": fields,
            "ts_ms": now_ms(),
        });
        self.push(event, record.message.len());
    }
}

impl Host for Events {
    fn print(&self, target: &str, text: &str, fields: &[(&'static str, u64)]) -> bool {
        if self.ring.lock().bytes + text.len() > RING_BYTES_MAX && text.len() < RING_BYTES_MAX {
            return false;
        }
        let fields: Map<String, Value> =
            fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        let event = json!({ "kind": "output", "path": target, "text": text, "fields": fields, "ts_ms": now_ms() });
        self.push(event, text.len())
    }

    fn tell(&self, kind: &'static str, facts: Value) {
        let mut event = json!({ "kind": kind, "ts_ms": now_ms() });
        if let (Value::Object(event), Value::Object(facts)) = (&mut event, facts) {
            event.extend(facts);
        }
        // The host acts on these, so they always fit; components tell seldom.
        self.add(event, EVENT_OVERHEAD_BYTES, |_| true);
    }
}

/// Milliseconds since 1970, by the clock on the wall.
pub(crate) fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn wakes_once_until_emptied_and_counts_what_does_not_fit() {
        let wakes = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&wakes);
        let events = Events::new(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }));
        assert!(events.push(json!({ "n": 1 }), 0));
        assert!(events.push(json!({ "n": 2 }), RING_BYTES_MAX / 2));
        assert!(!events.push(json!({ "n": 3 }), RING_BYTES_MAX));
        assert_eq!(wakes.load(Ordering::Relaxed), 1);
        assert_eq!(events.take(), r#"{"events":[{"n":1},{"n":2}],"lost":1}"#);
        assert_eq!(events.take(), r#"{"events":[],"lost":0}"#);
        assert!(events.push(json!({ "n": 4 }), 0));
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_the_host_acts_on_always_fits() {
        let events = Events::new(Arc::new(|| {}));
        assert!(events.push(json!({ "n": 1 }), RING_BYTES_MAX));
        assert!(!events.push(json!({ "n": 2 }), 0));
        events.tell("plugin_stuck", json!({ "seat": 3 }));
        let taken: Value = serde_json::from_str(&events.take()).unwrap();
        assert_eq!(taken["events"][1]["kind"], "plugin_stuck");
        assert_eq!(taken["lost"], 1);
    }

    #[test]
    fn lets_go_of_the_callback_and_keeps_events() {
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let events = Events::new(Arc::new(move || {
            let _ = &inside;
        }));
        events.hush();
        assert_eq!(Arc::strong_count(&held), 1);
        assert!(events.push(json!({ "n": 1 }), 0));
        assert_eq!(events.take(), r#"{"events":[{"n":1}],"lost":0}"#);
    }
}
