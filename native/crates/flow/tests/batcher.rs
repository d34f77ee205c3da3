//! The batching core: nothing lost, nothing doubled, order kept, limits held, every sender answered once.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use teleferric_buf::{Ledger, Pool};
use teleferric_flow::batch::Trigger;
use teleferric_flow::{
    Account, Batch, BatchSettings, Batcher, Context, FaultCode, Log, Outcome, Packed, Parcel, Payload, Reply, Sizer,
};
use teleferric_testkit::{Answer, Request, asked, item_labels, request};
use teleferric_wire::Signal;
use tokio::time::Instant;

fn settings(sizer: Sizer, min_size: u64, max_size: u64) -> BatchSettings {
    BatchSettings { sizer, min_size, max_size, flush_timeout: Duration::from_millis(200) }
}

fn batcher(signal: Signal, settings: BatchSettings) -> Batcher {
    Batcher::new(signal, Arc::new(settings), Arc::default(), Pool::new(), Log::none())
}

fn parcel(signal: Signal, first: u64, items: u64) -> (Parcel, Answer) {
    let (reply, answer) = asked();
    (Parcel::new(signal, request(signal, first, items), items, teleferric_buf::Permit::none(), reply), answer)
}

fn labels(batch: &Batch) -> Vec<u64> {
    item_labels(batch.parcel.signal, batch.parcel.payload.chunks())
}

#[tokio::test(start_paused = true)]
async fn small_bodies_share_one_buffer_and_large_ones_stay_as_they_are() {
    let mut batcher = batcher(Signal::Traces, settings(Sizer::Items, 1000, 0));
    let mut ready = Vec::new();
    let large = Request { items: 20, first: 5, per_scope: 10, padding: 500 }.encode(Signal::Traces);
    let address = large.as_ptr();
    batcher.add(parcel(Signal::Traces, 0, 2).0, &mut ready);
    batcher.add(parcel(Signal::Traces, 2, 3).0, &mut ready);
    batcher.add(Parcel::new(Signal::Traces, large, 20, teleferric_buf::Permit::none(), asked().0), &mut ready);
    batcher.add(parcel(Signal::Traces, 25, 1).0, &mut ready);
    assert!(ready.is_empty());
    let batch = batcher.take(Trigger::Timeout).unwrap();
    let chunks = batch.parcel.payload.chunks();
    assert_eq!((chunks.len(), chunks[1].as_ptr(), batch.requests()), (3, address, 4));
    assert_eq!(labels(&batch), (0..26).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_one_whole_request_keeps_its_packed_form() {
    let ledger = Ledger::new(1000);
    let packed_parcel = |padding| {
        let body = Request { items: 8, first: 0, per_scope: 10, padding }.encode(Signal::Traces);
        let packed = Packed::new("gzip", Bytes::from("zip"), ledger.try_reserve(3).unwrap());
        let payload = Payload::received(body, Some(packed));
        Parcel::new(Signal::Traces, payload, 8, teleferric_buf::Permit::none(), asked().0)
    };
    let is_packed = |batch: &Batch| batch.parcel.payload.packed("gzip").is_some();
    for padding in [0, 2000] {
        let mut batcher = batcher(Signal::Traces, settings(Sizer::Items, 10, 12));
        let mut ready = Vec::new();
        batcher.add(packed_parcel(padding), &mut ready);
        let alone = batcher.take(Trigger::Timeout).unwrap();
        assert!(is_packed(&alone));
        assert_eq!(labels(&alone), (0..8).collect::<Vec<_>>());
        drop(alone);
        // Joined with half of the next, and the other half by itself.
        batcher.add(packed_parcel(padding), &mut ready);
        batcher.add(packed_parcel(padding), &mut ready);
        assert_eq!(ledger.used(), 0, "given back before the batches are sent");
        ready.extend(batcher.take(Trigger::Timeout));
        assert_eq!(
            ready.iter().map(|batch| (batch.parcel.items, is_packed(batch))).collect::<Vec<_>>(),
            [(12, false), (4, false)]
        );
        assert_eq!(ready.iter().flat_map(labels).collect::<Vec<_>>(), (0..8).chain(0..8).collect::<Vec<_>>());
    }
    // Large enough to go at once.
    let mut batcher = batcher(Signal::Traces, settings(Sizer::Items, 8, 0));
    let mut ready = Vec::new();
    batcher.add(packed_parcel(0), &mut ready);
    assert!(ready.iter().all(is_packed) && ready.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_due_when_its_first_item_waited_long_enough() {
    let mut batcher = batcher(Signal::Logs, settings(Sizer::Items, 100, 0));
    let start = Instant::now();
    assert_eq!(batcher.due(), None);
    batcher.add(parcel(Signal::Logs, 0, 1).0, &mut Vec::new());
    tokio::time::advance(Duration::from_millis(150)).await;
    batcher.add(parcel(Signal::Logs, 1, 1).0, &mut Vec::new());
    assert_eq!(batcher.due(), Some(start + Duration::from_millis(200)));
    assert!(batcher.take(Trigger::Timeout).is_some() && batcher.due().is_none());
}

#[tokio::test(start_paused = true)]
async fn data_points_fill_batches_exactly() {
    let mut batcher = batcher(Signal::Metrics, settings(Sizer::Items, 10, 10));
    let mut ready = Vec::new();
    let (first, first_answer) = parcel(Signal::Metrics, 0, 7);
    let (second, second_answer) = parcel(Signal::Metrics, 7, 25);
    batcher.add(first, &mut ready);
    batcher.add(second, &mut ready);
    assert_eq!(ready.iter().map(|batch| batch.parcel.items).collect::<Vec<_>>(), [10, 10, 10]);
    assert_eq!(ready.iter().flat_map(labels).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    let rest = batcher.take(Trigger::Timeout).unwrap();
    let account = Arc::default();
    ready.into_iter().for_each(|batch| batch.settle(Outcome::Accepted, &account));
    assert!(first_answer.is_taken() && second_answer.get().is_none(), "two items are still in the batcher");
    rest.settle(Outcome::Accepted, &account);
    assert!(second_answer.is_taken());
}

#[tokio::test(start_paused = true)]
async fn an_item_above_the_byte_limit_is_dropped_and_the_others_travel() {
    let big = Request { items: 1, first: 50, per_scope: 1, padding: 3000 }.encode(Signal::Logs);
    let small = request(Signal::Logs, 0, 3);
    let both: Payload = [small.clone(), big, small].into_iter().collect();
    let account = Arc::new(Account::default());
    let reply = Reply::detached(7, account.clone());
    let mut batcher = batcher(Signal::Logs, settings(Sizer::Bytes, 1500, 1500));
    let mut ready = Vec::new();
    let refused = batcher.add(Parcel::new(Signal::Logs, both, 7, teleferric_buf::Permit::none(), reply), &mut ready);
    ready.extend(batcher.take(Trigger::Flush));
    assert_eq!((refused, account.dropped(teleferric_flow::DropReason::Permanent)), (1, 1));
    assert_eq!(ready.iter().map(|batch| batch.parcel.items).sum::<u64>(), 6);
    let (reply, answer) = asked();
    let big = Request { items: 1, first: 0, per_scope: 1, padding: 3000 }.encode(Signal::Logs);
    batcher.add(Parcel::new(Signal::Logs, big, 1, teleferric_buf::Permit::none(), reply), &mut ready);
    assert_eq!(answer.fault().code, FaultCode::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn profiles_are_neither_joined_nor_cut() {
    let mut batcher = batcher(Signal::Profiles, settings(Sizer::Items, 10, 10));
    let mut ready = Vec::new();
    for (first, items) in [(0, 3), (3, 40)] {
        batcher.add(parcel(Signal::Profiles, first, items).0, &mut ready);
    }
    assert_eq!(ready.iter().map(|batch| batch.parcel.items).collect::<Vec<_>>(), [3, 40]);
    assert!(batcher.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_as_long_as_its_most_patient_sender() {
    let mut batcher = batcher(Signal::Logs, settings(Sizer::Items, 100, 0));
    let now = Instant::now();
    for seconds in [3, 9, 5] {
        let (mut parcel, _) = parcel(Signal::Logs, 0, 1);
        parcel.deadline = Some(now + Duration::from_secs(seconds));
        batcher.add(parcel, &mut Vec::new());
    }
    assert_eq!(batcher.take(Trigger::Flush).unwrap().parcel.deadline, Some(now + Duration::from_secs(9)));
    let (mut limited, _) = parcel(Signal::Logs, 0, 1);
    limited.deadline = Some(now);
    batcher.add(limited, &mut Vec::new());
    batcher.add(parcel(Signal::Logs, 0, 1).0, &mut Vec::new());
    assert_eq!(batcher.take(Trigger::Flush).unwrap().parcel.deadline, None);
}

/// One parcel: items in each of its chunks, padding of its items, whether it was acknowledged before.
#[derive(Clone, Debug)]
struct Input {
    chunks: Vec<u64>,
    padding: usize,
    detached: bool,
}

fn inputs() -> impl Strategy<Value = Vec<Input>> {
    let chunks = prop::collection::vec(1_u64..40, 1..4);
    let input = (chunks, prop_oneof![Just(0_usize), Just(40), Just(300)], any::<bool>());
    prop::collection::vec(input.prop_map(|(chunks, padding, detached)| Input { chunks, padding, detached }), 1..25)
}

fn limits() -> impl Strategy<Value = BatchSettings> {
    let items = (0_u64..60, prop_oneof![Just(0), 1_u64..80]).prop_map(|(min, max)| (Sizer::Items, min, max));
    let bytes =
        (0_u64..30_000, prop_oneof![Just(0), 2_000_u64..60_000]).prop_map(|(min, max)| (Sizer::Bytes, min, max));
    let requests = (0_u64..5, 0_u64..6).prop_map(|(min, max)| (Sizer::Requests, min, max));
    prop_oneof![items, bytes, requests].prop_map(|(sizer, min, max)| {
        let min = if max == 0 { min } else { min.min(max) };
        settings(sizer, min, max)
    })
}

struct Sent {
    answers: Vec<(Answer, bool)>,
    items: u64,
    detached_items: u64,
}

fn feed(batcher: &mut Batcher, inputs: &[Input], ledger: &Arc<Ledger>, account: &Arc<Account>) -> (Sent, Vec<Batch>) {
    let mut ready = Vec::new();
    let mut sent = Sent { answers: Vec::new(), items: 0, detached_items: 0 };
    for input in inputs {
        let before = sent.items;
        let payload: Payload = input.chunks.iter().map(|items| chunk(&mut sent.items, *items, input.padding)).collect();
        let items = sent.items - before;
        let permit = ledger.try_reserve(payload.bytes()).unwrap();
        let (reply, answer) = asked();
        let mut parcel = Parcel::new(Signal::Metrics, payload, items, permit, reply);
        if input.detached {
            parcel.detach(account).settle(Outcome::Accepted);
            sent.detached_items += items;
        }
        sent.answers.push((answer, input.detached));
        assert_eq!(batcher.add(parcel, &mut ready), 0, "nothing here is larger than a batch");
    }
    (sent, ready)
}

fn chunk(next: &mut u64, items: u64, padding: usize) -> Bytes {
    let bytes = Request { items, first: *next, per_scope: 7, padding }.encode(Signal::Metrics);
    *next += items;
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_goes_in_comes_out_once_in_order_and_within_limits(limits in limits(), inputs in inputs()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let _guard = runtime.enter();
        let (ledger, account) = (Ledger::new(1 << 30), Arc::new(Account::default()));
        let mut batcher = batcher(Signal::Metrics, limits.clone());
        let (sent, mut ready) = feed(&mut batcher, &inputs, &ledger, &account);
        let sized = ready.len();
        ready.extend(batcher.take(Trigger::Flush));

        prop_assert_eq!(ready.iter().flat_map(labels).collect::<Vec<_>>(), (0..sent.items).collect::<Vec<_>>());
        for (index, batch) in ready.iter().enumerate() {
            prop_assert_eq!(batch.parcel.items, labels(batch).len() as u64);
            let size = match limits.sizer {
                Sizer::Requests => batch.requests() as u64,
                Sizer::Items => batch.parcel.items,
                Sizer::Bytes => batch.parcel.payload.bytes(),
            };
            prop_assert!(limits.max_size == 0 || size <= limits.max_size);
            // Bytes may leave a rest that the next item does not fit into.
            prop_assert!(index >= sized || limits.sizer == Sizer::Bytes || size >= limits.min_size);
        }

        let mut refused = 0;
        for (index, batch) in ready.into_iter().enumerate() {
            if index % 3 == 0 {
                refused += batch.parcel.items;
                let fault = teleferric_flow::Fault::new(FaultCode::DownstreamPermanent, "no");
                batch.settle(Outcome::Refused(fault), &account);
            } else {
                batch.settle(Outcome::Accepted, &account);
            }
        }
        prop_assert!(sent.answers.iter().all(|(answer, _)| answer.get().is_some()), "an answer is missing");
        prop_assert!(sent.answers.iter().all(|(answer, detached)| !detached || answer.is_taken()));
        let dropped = account.dropped(teleferric_flow::DropReason::Permanent);
        prop_assert!(dropped <= refused && dropped <= sent.detached_items);
        if sent.answers.iter().all(|(_, detached)| *detached) {
            prop_assert_eq!(dropped, refused);
        }
        prop_assert_eq!(ledger.used(), 0);
    }
}

#[test]
fn contexts_of_members_do_not_leak_into_the_batch() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _guard = runtime.enter();
    let mut batcher = batcher(Signal::Logs, settings(Sizer::Items, 0, 0));
    let (mut parcel, _) = parcel(Signal::Logs, 0, 1);
    parcel.context =
        Arc::new(Context { metadata: vec![("authorization".into(), "secret".into())], ..Context::default() });
    let mut ready = Vec::new();
    batcher.add(parcel, &mut ready);
    assert!(ready[0].parcel.context.metadata.is_empty());
}
