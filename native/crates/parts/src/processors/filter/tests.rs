use bytes::Bytes;
use std::cell::RefCell;
use std::sync::Mutex;

use serde_json::json;
use teleferric_buf::metrics::Metrics;
use teleferric_buf::{Ledger, Permit};
use teleferric_flow::Reply;
use teleferric_wire::{Limits, json as otlp_json};

use super::*;

/// Keeps what comes.
#[derive(Default)]
struct Kept(RefCell<Vec<Parcel>>);

impl Consumer for Kept {
    fn consume(&self, parcel: Parcel) {
        self.0.borrow_mut().push(parcel);
    }
}

fn rules(group: serde_json::Value) -> Result<Vec<Rule>, StartError> {
    let config: FilterConfig = serde_json::from_value(json!({ "groups": [group] })).unwrap();
    config.groups[0].to_wire(Signal::Logs)
}

fn group(text: &str, error_mode: &str) -> serde_json::Value {
    json!({"at": "log_conditions", "signal": "logs", "context": null, "error_mode": error_mode, "conditions": [text]})
}

fn processor(text: &str, error_mode: &str) -> Items {
    let metrics = Metrics::new();
    Items {
        filter: Arc::new(Filter::new(Signal::Logs, rules(group(text, error_mode)).unwrap())),
        incoming: metrics.counter(&INCOMING, &[]),
        outgoing: metrics.counter(&OUTGOING, &[]),
        filtered: Some(metrics.counter(&FILTERED[0], &[])),
        log: Log::none(),
        pool: Pool::new(),
    }
}

/// What becomes of records with these severities, in one chunk each, and what their sender is told.
fn process(items: &Items, severities: &[u8], permit: Permit) -> (Vec<Parcel>, Option<Outcome>) {
    let request = |severity: &u8| {
        let text = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"severityNumber": severity}]}]}]});
        let mut bytes = Vec::new();
        otlp_json::to_proto(Signal::Logs, text.to_string().as_bytes(), &Limits::default(), &mut bytes).unwrap();
        Bytes::from(bytes)
    };
    let payload: Payload = severities.iter().map(request).collect();
    let told = Arc::new(Mutex::new(None));
    let teller = Arc::clone(&told);
    let reply = Reply::to(move |outcome| *teller.lock().unwrap() = Some(outcome));
    let kept = Kept::default();
    items.process(Parcel::new(Signal::Logs, payload, severities.len() as u64, permit, reply), &kept);
    let told = told.lock().unwrap().take();
    (kept.0.into_inner(), told)
}

#[test]
fn what_is_left_goes_on_with_its_count_and_its_memory() {
    let ledger = Arc::new(Ledger::new(1 << 20));
    let items = processor("severity_number < 9", "propagate");
    let (parcels, told) = process(&items, &[5, 9, 17, 1], ledger.try_reserve(1000).unwrap());
    let [parcel] = &parcels[..] else { panic!("one parcel") };
    assert_eq!((parcel.items, parcel.payload.chunks().len(), told.is_none()), (2, 2, true));
    assert_eq!(ledger.used(), parcel.payload.bytes());
}

#[test]
fn a_parcel_that_keeps_everything_keeps_its_bytes() {
    let (parcels, _) = process(&processor("severity_number > 20", "propagate"), &[5, 9], Permit::none());
    assert_eq!((parcels[0].items, parcels[0].payload.chunks().len()), (2, 2));
}

#[test]
fn a_parcel_that_loses_everything_ends_accepted() {
    let (parcels, told) = process(&processor("severity_number > 0", "propagate"), &[5, 9], Permit::none());
    assert_eq!((parcels.len(), told), (0, Some(Outcome::Accepted)));
}

#[test]
fn a_condition_that_cannot_be_asked_is_refused_or_passed_over() {
    let text = "Len(severity_number) == 1";
    let (parcels, told) = process(&processor(text, "propagate"), &[5], Permit::none());
    let Some(Outcome::Refused(fault)) = told else { panic!("{told:?}") };
    assert_eq!((parcels.len(), fault.code), (0, FaultCode::DownstreamPermanent));
    assert!(fault.message.contains("Len cannot take an integer"), "{}", fault.message);
    for mode in ["ignore", "silent"] {
        assert_eq!(process(&processor(text, mode), &[5], Permit::none()).0.len(), 1);
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    let told = |group| rules(group).unwrap_err().to_string();
    let text = told(group("bodi == 1", "ignore"));
    assert_eq!(
        text,
        "log_conditions: unable to parse OTTL condition \"bodi == 1\": no path \"bodi\" in context \"log\" (column 1)"
    );
    let mut other = group("true", "ignore");
    other["context"] = json!("span");
    assert_eq!(told(other), "log_conditions: unknown context Some(\"span\") for logs");
    assert_eq!(told(group("true", "loud")), "log_conditions: unknown error mode loud");
}
