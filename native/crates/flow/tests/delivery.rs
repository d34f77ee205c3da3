//! The stage in front of an exporter: queue, retry, timeout, drain and what it counts. Time is tokio's, paused.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_flow::{
    BudgetSettings, Consumer, Context, Delivery, DeliverySettings, DeliveryShared, DropReason, Fault, FaultCode,
    GrpcCode, Handles, Hold, Order, Outcome, Parcel, QueueSettings, Retry, RetrySettings, Sizer, Spread, Stage,
};
use teleferric_testkit::exporter::Step;
use teleferric_testkit::{Answer, Balance, QueueAccount, ScriptedExporter, asked, request, verify_stage};
use teleferric_wire::Signal;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn queue() -> QueueSettings {
    QueueSettings {
        queue_size: 10,
        sizer: Sizer::Requests,
        block_on_overflow: false,
        wait_for_result: false,
        num_consumers: 2,
        order: Order::Fifo,
        queue_share: 0.5,
        priorities: None,
    }
}

fn retry() -> RetrySettings {
    RetrySettings {
        initial_interval: 5 * SECOND,
        max_interval: 30 * SECOND,
        multiplier: 1.5,
        randomization_factor: 0.0,
        max_elapsed_time: 300 * SECOND,
        jitter: Spread::Collector,
        max_hint: 300 * SECOND,
        budget: BudgetSettings { ratio: 0.2, min_concurrent: 3 },
    }
}

fn settings(queue: Option<QueueSettings>) -> DeliverySettings {
    DeliverySettings { queue, batch: None, retry: Some(retry()), timeout: 5 * SECOND, storage: None }
}

struct Rig {
    delivery: Delivery,
    exporter: Rc<ScriptedExporter>,
    handles: Handles,
    ledger: Arc<Ledger>,
    balance: Balance,
}

fn rig(settings: DeliverySettings, exporter: ScriptedExporter) -> Rig {
    let handles = Handles { detailed: false, ..Handles::detached() };
    let shared = DeliveryShared::new("otlp/x", Signal::Logs, &[], settings, None, None, handles.clone());
    let exporter = Rc::new(exporter);
    let delivery = Delivery::new(&shared, exporter.clone());
    Rig { delivery, exporter, handles, ledger: Ledger::new(1 << 20), balance: Balance::default() }
}

impl Rig {
    /// Counts the panics of this thread's tasks from here on.
    fn count_panics(&self) {
        let account = Arc::clone(&self.handles.account);
        teleferric_tasks::set_hook(Some(Arc::new(move |_| account.count_panic())));
    }

    fn parcel(&self, items: u64) -> (Parcel, Answer) {
        let bytes = request(Signal::Logs, 0, items);
        let permit = self.ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        self.balance.note(items, &answer);
        (Parcel::new(Signal::Logs, bytes, items, permit, reply), answer)
    }

    fn send(&self, items: u64) -> Answer {
        let (parcel, answer) = self.parcel(items);
        self.delivery.consume(parcel);
        answer
    }

    fn metric(&self, name: &str) -> Option<f64> {
        let typed = [("exporter", "otlp/x"), ("data_type", "logs")];
        self.handles.metrics.value(name, &[("exporter", "otlp/x")]).or(self.handles.metrics.value(name, &typed))
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.handles.account.dropped(reason)
    }

    fn check_balance(&self) {
        self.balance.check(self.exporter.delivered(), self.delivery.held_items(), &self.handles.account);
    }
}

fn refused(code: FaultCode) -> Outcome {
    Outcome::Refused(Fault::new(code, "no"))
}

fn away() -> Step {
    Step::Answer(Duration::ZERO, refused(FaultCode::DownstreamTemporary))
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_the_sender_waits_for_the_outcome() {
    let partial = Outcome::Partial { rejected: 2, message: "two of them".into() };
    let exporter = ScriptedExporter::accepting().script([
        Step::Answer(SECOND, partial.clone()),
        Step::Answer(Duration::ZERO, refused(FaultCode::DownstreamPermanent)),
    ]);
    let rig = rig(settings(None), exporter);
    LocalSet::new()
        .run_until(async {
            let first = rig.send(5);
            let second = rig.send(7);
            assert_eq!(first.get(), None);
            sleep(2 * SECOND).await;
            assert_eq!(first.get(), Some(partial));
            assert_eq!(second.fault().to_string(), "not retryable error: no");
        })
        .await;
    assert_eq!(rig.metric("otelcol_exporter_sent_log_records"), Some(5.0));
    assert_eq!(rig.metric("otelcol_exporter_send_failed_log_records"), Some(7.0));
    assert_eq!(DropReason::ALL.map(|reason| rig.dropped(reason)), [0; 8], "the senders know");
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn small_requests_that_wait_count_in_full() {
    let room = QueueSettings { queue_size: 10_000, ..queue() };
    let rig = rig(settings(Some(room)), ScriptedExporter::accepting().slow(SECOND));
    LocalSet::new()
        .run_until(async {
            let size = rig.parcel(1).0.payload.bytes();
            let each = size + 1024;
            let fit = rig.ledger.limit() / each;
            assert!((0..fit).all(|_| rig.send(1).is_taken()));
            assert_eq!(rig.ledger.used(), fit * each);
            let refused = rig.send(1).fault();
            assert_eq!((refused.code, refused.retry), (FaultCode::MemoryPressure, Retry::Backoff));
            rig.delivery.drain(None).await;
        })
        .await;
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_queue_answers_at_once_and_counts_what_it_holds() {
    let rig = rig(settings(Some(queue())), ScriptedExporter::accepting().slow(SECOND));
    LocalSet::new()
        .run_until(async {
            let answers: Vec<Answer> = (0..10).map(|_| rig.send(3)).collect();
            assert!(answers.iter().all(Answer::is_taken));
            let refused = rig.send(3).fault();
            assert_eq!((refused.code, &*refused.message), (FaultCode::QueueFull, "sending queue is full"));
            assert_eq!(refused.retry, Retry::Backoff);
            assert_eq!(rig.metric("otelcol_exporter_queue_size"), Some(10.0));
            assert_eq!(rig.metric("otelcol_exporter_queue_capacity"), Some(10.0));
            assert_eq!(rig.metric("otelcol_exporter_enqueue_failed_log_records"), Some(3.0));
            sleep(SECOND / 2).await;
            assert_eq!(rig.metric("otelcol_exporter_in_flight_requests"), Some(2.0));
            rig.check_balance();
            sleep(10 * SECOND).await;
            rig.check_balance();
        })
        .await;
    assert_eq!((rig.exporter.delivered(), rig.exporter.running_max()), (30, 2));
    assert_eq!(rig.metric("otelcol_exporter_queue_size"), Some(0.0));
    assert_eq!(rig.metric("otelcol_exporter_send_failed_log_records"), None);
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn failures_are_told_apart_at_level_detailed() {
    let handles = Handles::detached();
    let refused = |code, status| Outcome::Refused(Fault::new(code, "no").with_status(status));
    let exporter = Rc::new(ScriptedExporter::accepting().script([
        Step::Answer(SECOND, refused(FaultCode::DownstreamPermanent, GrpcCode::PermissionDenied)),
        Step::Answer(SECOND, refused(FaultCode::DownstreamTemporary, GrpcCode::Unavailable)),
        Step::Answer(SECOND, refused(FaultCode::DownstreamPermanent, GrpcCode::PermissionDenied)),
    ]));
    let direct = DeliverySettings { retry: None, ..settings(None) };
    let shared = DeliveryShared::new("otlp/x", Signal::Logs, &[], direct, None, None, handles.clone());
    LocalSet::new()
        .run_until(async {
            let delivery = Delivery::new(&shared, exporter.clone());
            for items in [1, 2, 4] {
                let (reply, _answer) = asked();
                let bytes = request(Signal::Logs, 0, items);
                delivery.consume(Parcel::new(Signal::Logs, bytes, items, Hold::none(), reply));
                sleep(2 * SECOND).await;
            }
            let failed = |kind, permanent| {
                let labels = [("exporter", "otlp/x"), ("error_type", kind), ("error_permanent", permanent)];
                handles.metrics.value("otelcol_exporter_send_failed_log_records", &labels)
            };
            assert_eq!(failed("PermissionDenied", "true"), Some(5.0));
            assert_eq!(failed("Unavailable", "false"), Some(2.0));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_element_larger_than_the_queue_is_refused_for_good() {
    let sized = QueueSettings { sizer: Sizer::Items, block_on_overflow: true, ..queue() };
    let rig = rig(settings(Some(sized)), ScriptedExporter::accepting());
    LocalSet::new()
        .run_until(async {
            let fault = rig.send(11).fault();
            assert_eq!((fault.code, &*fault.message), (FaultCode::LargerThanQueue, "element size too large"));
            assert!(rig.send(10).is_taken());
            assert!(rig.send(0).is_taken(), "empty requests are accepted and ignored");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn retries_follow_the_backoff_and_the_hint() {
    let hinted = Fault::new(FaultCode::DownstreamTemporary, "later").with_retry(Retry::After(20 * SECOND));
    let steps = [away(), away(), Step::Answer(Duration::ZERO, Outcome::Refused(hinted)), away()];
    let rig = rig(settings(Some(queue())), ScriptedExporter::accepting().script(steps));
    let start = Instant::now();
    LocalSet::new()
        .run_until(async {
            rig.send(1);
            sleep(100 * SECOND).await;
        })
        .await;
    let times: Vec<f64> = rig.exporter.attempts().iter().map(|attempt| (attempt.at - start).as_secs_f64()).collect();
    let waits: Vec<f64> = times.windows(2).map(|pair| ((pair[1] - pair[0]) * 10.0).round() / 10.0).collect();
    // 5, 7.5, then 20 or a little more asked for instead of 11.25, then 16.875.
    assert_eq!((waits.len(), waits[0], waits[1], waits[3]), (4, 5.0, 7.5, 16.9));
    assert!((20.0..=24.0).contains(&waits[2]), "{waits:?}");
    assert_eq!(rig.metric("otelcol_exporter_sent_log_records"), Some(1.0));
    assert_eq!(rig.metric("otelcol_exporter_send_failed_log_records"), None);
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_time_allowed_and_count_once() {
    let rig = rig(settings(Some(queue())), ScriptedExporter::answering(refused(FaultCode::DownstreamTemporary)));
    LocalSet::new()
        .run_until(async {
            assert!(rig.send(4).is_taken());
            sleep(270 * SECOND).await;
            assert_eq!(rig.delivery.held_items(), 4);
            rig.check_balance();
            sleep(10 * SECOND).await;
        })
        .await;
    rig.check_balance();
    assert_eq!(rig.dropped(DropReason::Expired), 4);
    assert_eq!(rig.metric("otelcol_exporter_send_failed_log_records"), Some(4.0));
    assert_eq!(rig.exporter.attempts().len(), 13);
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_is_not_retried_past_its_deadline() {
    let rig = rig(settings(None), ScriptedExporter::answering(refused(FaultCode::DownstreamTemporary)));
    LocalSet::new()
        .run_until(async {
            let (mut parcel, answer) = rig.parcel(1);
            parcel.deadline = Some(Instant::now() + 8 * SECOND);
            rig.delivery.consume(parcel);
            sleep(6 * SECOND).await;
            assert_eq!(answer.fault().to_string(), "request will be cancelled before next retry: no");
            assert!(!answer.fault().is_permanent());
        })
        .await;
    assert_eq!(rig.exporter.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_timeout() {
    let rig = rig(settings(None), ScriptedExporter::accepting().script([Step::Answer(60 * SECOND, Outcome::Accepted)]));
    let start = Instant::now();
    LocalSet::new()
        .run_until(async {
            let answer = rig.send(1);
            sleep(11 * SECOND).await;
            assert!(answer.is_taken());
        })
        .await;
    let attempts = rig.exporter.attempts();
    assert_eq!((attempts.len(), (attempts[1].at - start).as_secs()), (2, 10));
}

#[tokio::test(start_paused = true)]
async fn blocked_callers_get_room_in_the_order_they_came() {
    let blocking = QueueSettings { queue_size: 1, block_on_overflow: true, num_consumers: 1, ..queue() };
    let rig = rig(settings(Some(blocking)), ScriptedExporter::accepting().slow(SECOND));
    LocalSet::new()
        .run_until(async {
            let first = rig.send(1);
            let second = rig.send(2);
            let (mut impatient, impatient_answer) = rig.parcel(3);
            impatient.deadline = Some(Instant::now() + SECOND / 2);
            rig.delivery.consume(impatient);
            let fourth = rig.send(4);
            let (mut bounded, bounded_answer) = rig.parcel(5);
            bounded.context = Arc::new(Context { admission_timeout: Some(SECOND * 3 / 4), ..Context::default() });
            rig.delivery.consume(bounded);
            assert!(first.is_taken() && second.get().is_none() && fourth.get().is_none());
            // So much earlier than its deadline that it learns why.
            sleep(SECOND / 2 - SECOND / 10 + SECOND / 100).await;
            assert_eq!((impatient_answer.fault().code, bounded_answer.get()), (FaultCode::QueueFull, None));
            sleep(SECOND / 2 - SECOND / 10).await;
            let refusal = bounded_answer.fault();
            assert_eq!((refusal.grpc_status(), refusal.retry), (GrpcCode::Unavailable, Retry::Backoff));
            sleep(SECOND * 2 / 10).await;
            assert!(second.is_taken() && fourth.get().is_none());
            sleep(SECOND).await;
            assert!(fourth.is_taken());
            sleep(5 * SECOND).await;
        })
        .await;
    assert_eq!(rig.exporter.sizes(), [1, 2, 4]);
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn a_sender_may_wait_for_the_result_behind_a_queue() {
    let waiting = QueueSettings { wait_for_result: true, ..queue() };
    let steps =
        [Step::Answer(SECOND, Outcome::Accepted), Step::Answer(SECOND, refused(FaultCode::DownstreamPermanent))];
    let rig = rig(settings(Some(waiting)), ScriptedExporter::accepting().script(steps));
    LocalSet::new()
        .run_until(async {
            let (first, second) = (rig.send(1), rig.send(1));
            sleep(SECOND / 2).await;
            assert_eq!((first.get(), second.get()), (None, None));
            sleep(SECOND).await;
            assert!(first.is_taken());
            assert_eq!(second.fault().code, FaultCode::DownstreamPermanent);
        })
        .await;
    assert_eq!(rig.dropped(DropReason::Permanent), 0, "the sender knows, so nothing was lost here");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_exporter_costs_the_request_only() {
    let rig = rig(settings(Some(queue())), ScriptedExporter::accepting().script([Step::Panic]));
    rig.count_panics();
    LocalSet::new()
        .run_until(async {
            rig.send(2);
            rig.send(3);
            sleep(SECOND).await;
        })
        .await;
    assert_eq!((rig.dropped(DropReason::Abandoned), rig.exporter.delivered()), (2, 3));
    assert_eq!(rig.handles.account.panics(), 1);
    assert_eq!(rig.metric("otelcol_exporter_in_flight_requests"), Some(0.0));
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn draining_cuts_waits_and_gives_each_request_one_more_attempt() {
    let one_at_a_time = QueueSettings { num_consumers: 1, ..queue() };
    let rig = rig(
        settings(Some(one_at_a_time)),
        ScriptedExporter::accepting().script([away(), away(), away(), Step::Answer(SECOND, Outcome::Accepted)]),
    );
    LocalSet::new()
        .run_until(async {
            let start = Instant::now();
            (1..=4).for_each(|items| drop(rig.send(items)));
            sleep(SECOND).await;
            rig.delivery.drain(None).await;
            assert_eq!(start.elapsed().as_secs(), 2, "the wait of 5 s was cut");
        })
        .await;
    // The first request failed, was tried once more and dropped; the second failed its only attempt.
    assert_eq!(rig.exporter.sizes(), [1, 1, 2, 3, 4]);
    assert_eq!(rig.dropped(DropReason::Shutdown), 3);
    assert!(rig.exporter.is_closed());
    rig.check_balance();
    assert_eq!(rig.ledger.used(), 0);
}

#[tokio::test(start_paused = true)]
async fn hurrying_cuts_waits_but_takes_parcels_still() {
    let rig = rig(
        settings(Some(queue())),
        ScriptedExporter::accepting().script([away(), away(), Step::Answer(SECOND, Outcome::Accepted)]),
    );
    LocalSet::new()
        .run_until(async {
            let start = Instant::now();
            drop(rig.send(1));
            sleep(SECOND).await;
            rig.delivery.hurry();
            sleep(SECOND).await;
            assert_eq!(rig.exporter.sizes(), [1, 1], "the wait of 5 s was cut");
            drop(rig.send(2));
            rig.delivery.drain(None).await;
            assert_eq!(start.elapsed().as_secs(), 3);
        })
        .await;
    assert_eq!(rig.exporter.sizes(), [1, 1, 2]);
    assert_eq!(rig.dropped(DropReason::Shutdown), 1);
    rig.check_balance();
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_drain_deadline_is_counted() {
    let blocking = QueueSettings { block_on_overflow: true, queue_size: 3, num_consumers: 1, ..queue() };
    let stuck = DeliverySettings { timeout: Duration::ZERO, ..settings(Some(blocking)) };
    let rig = rig(stuck, ScriptedExporter::accepting().slow(3600 * SECOND));
    LocalSet::new()
        .run_until(async {
            let start = Instant::now();
            (1..=3).for_each(|items| drop(rig.send(items)));
            let blocked = rig.send(50);
            sleep(SECOND).await;
            rig.delivery.drain(Some(Instant::now() + 2 * SECOND)).await;
            assert_eq!(start.elapsed().as_secs(), 3);
            assert_eq!(blocked.fault().code, FaultCode::Draining);
        })
        .await;
    assert_eq!((rig.dropped(DropReason::Shutdown), rig.exporter.delivered()), (6, 0));
    rig.check_balance();
    assert_eq!((rig.ledger.used(), rig.delivery.held_items()), (0, 0));
}

/// Of five requests one is being sent, one waits for its retry, two for their turn and one for room. The successor has
/// room for two only.
#[tokio::test(start_paused = true)]
async fn what_a_drain_interrupts_goes_to_the_successor() {
    let blocking = QueueSettings { block_on_overflow: true, queue_size: 4, ..queue() };
    let hanging = Step::Answer(3600 * SECOND, Outcome::Accepted);
    let old = rig(settings(Some(blocking)), ScriptedExporter::accepting().script([hanging, away(), away()]));
    let shared = {
        let settings = settings(Some(QueueSettings { block_on_overflow: true, queue_size: 2, ..queue() }));
        DeliveryShared::new("otlp/x", Signal::Logs, &[], settings, None, None, old.handles.clone())
    };
    let exporter = Rc::new(ScriptedExporter::accepting().slow(SECOND));
    LocalSet::new()
        .run_until(async {
            let new = Rc::new(Delivery::new(&shared, exporter.clone()));
            let mut answers: Vec<Answer> = (1..=4).map(|items| old.send(items)).collect();
            answers.push(old.send(5));
            sleep(SECOND).await;
            old.delivery.leave_to(new.clone());
            old.delivery.hurry();
            old.delivery.drain(Some(Instant::now() + SECOND)).await;
            assert_eq!((old.exporter.delivered(), old.delivery.held_items()), (0, 0));
            old.balance.check(exporter.delivered(), new.held_items(), &old.handles.account);
            assert!(old.ledger.used() > 0, "the bytes are counted on");
            // Whoever still comes is passed on too.
            answers.push(old.send(6));
            sleep(20 * SECOND).await;
            assert!(answers.iter().all(Answer::is_taken));
        })
        .await;
    let mut sizes = exporter.sizes();
    sizes.sort_unstable();
    assert_eq!((sizes, old.ledger.used(), shared.queue_size()), (vec![1, 2, 3, 4, 5, 6], 0, 0));
    old.balance.check(21, 0, &old.handles.account);
    assert_eq!(old.dropped(DropReason::Shutdown), 0);
    // The last two were never in the old queue.
    let account = QueueAccount::balanced(&old.handles.metrics, "otlp/x");
    assert_eq!((account.enqueued, account.left("handed_over"), account.left("delivered")), (10 + 21, 10, 21));
}

#[tokio::test(start_paused = true)]
async fn all_threads_share_the_room_and_the_sends() {
    let handles = Handles::detached();
    let shared = DeliveryShared::new("otlp/x", Signal::Logs, &[], settings(Some(queue())), None, None, handles.clone());
    let exporter = Rc::new(ScriptedExporter::accepting().slow(SECOND));
    let parts = [Delivery::new(&shared, exporter.clone()), Delivery::new(&shared, exporter.clone())];
    let send = |part: &Delivery, items| {
        let (reply, answer) = asked();
        let bytes = request(Signal::Logs, 0, items);
        part.consume(Parcel::new(Signal::Logs, bytes, items, teleferric_buf::Permit::none(), reply));
        answer
    };
    LocalSet::new()
        .run_until(async {
            assert!((0..8).all(|_| send(&parts[0], 1).is_taken()));
            assert!((0..2).all(|_| send(&parts[1], 2).is_taken()));
            assert_eq!(send(&parts[1], 2).fault().code, FaultCode::QueueFull);
            sleep(20 * SECOND).await;
        })
        .await;
    assert_eq!((exporter.running_max(), exporter.delivered(), shared.queue_size()), (2, 12, 0));
    // The part that has two requests takes turns with the one that has eight.
    let last_of_second = exporter.sizes().iter().rposition(|items| *items == 2).unwrap();
    assert!(last_of_second < 6, "{:?}", exporter.sizes());
}

/// Two real threads block on a queue of four places; every request gets its turn and the room is free at the end.
#[test]
fn threads_that_wait_for_room_wake_each_other() {
    let blocking = QueueSettings { queue_size: 4, block_on_overflow: true, num_consumers: 1, ..queue() };
    let shared =
        DeliveryShared::new("otlp/x", Signal::Logs, &[], settings(Some(blocking)), None, None, Handles::detached());
    let worker = |shared: DeliveryShared| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        LocalSet::new().block_on(&runtime, async {
            let exporter = Rc::new(ScriptedExporter::accepting());
            let delivery = Delivery::new(&shared, exporter.clone());
            let mut answers = Vec::new();
            for _ in 0..200 {
                let (told, answer) = tokio::sync::oneshot::channel();
                let reply = teleferric_flow::Reply::to(move |outcome| told.send(outcome).unwrap());
                let bytes = request(Signal::Logs, 0, 1);
                delivery.consume(Parcel::new(Signal::Logs, bytes, 1, teleferric_buf::Permit::none(), reply));
                answers.push(answer);
            }
            for answer in answers {
                assert_eq!(answer.await.unwrap(), Outcome::Accepted);
            }
            delivery.drain(None).await;
            exporter.delivered()
        })
    };
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || worker(shared))
        })
        .collect();
    let delivered: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!((delivered, shared.queue_size()), (vec![200, 200], 0));
}

#[tokio::test(start_paused = true)]
async fn the_queue_keeps_the_promises_of_every_stage() {
    for settings in [settings(Some(QueueSettings { queue_size: 100, ..queue() })), settings(None)] {
        verify_stage(|bench| {
            let settings = settings.clone();
            let shared = DeliveryShared::new("otlp/x", bench.signal, &[], settings, None, None, bench.handles.clone());
            let exporter = Rc::new(ScriptedExporter::answering(bench.destination.clone()));
            let delivery: Rc<dyn Stage> = Rc::new(Delivery::new(&shared, exporter.clone()));
            (delivery, Rc::new(move || exporter.delivered()))
        })
        .await;
    }
}
