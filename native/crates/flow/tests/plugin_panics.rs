//! A panic while a batch is outside costs that batch. In a process of its own, since points of panic are for all tests.

#![allow(clippy::unwrap_used, reason = "test code: a broken promise ends the test")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use teleferric_buf::Ledger;
use teleferric_buf::metrics::{Desc, Kind};
use teleferric_flow::plugin::{OnError, PluginPort, PluginProcessor, PluginProcessorShared};
use teleferric_flow::{Consumer, FaultCode, Handles, Parcel, Stage};
use teleferric_tasks::failpoints;
use teleferric_testkit::{Answer, RecordingConsumer, asked, request};
use teleferric_wire::{Limits, Signal};
use tokio::task::{LocalSet, yield_now};

static TRAFFIC: Desc = Desc { name: "traffic", help: "", kind: Kind::Counter, lazy: false };

#[tokio::test(start_paused = true)]
async fn a_panic_refuses_one_batch_and_the_next_goes_on() {
    let (port, ledger, handles) = (Arc::<PluginPort>::default(), Ledger::new(1 << 20), Handles::detached());
    let shared = Arc::new(PluginProcessorShared {
        port: Arc::clone(&port),
        processor: "ts".into(),
        signal: Signal::Traces,
        timeout: Duration::from_secs(1),
        on_error: OnError::Pass,
        limits: Limits { max_items: 1_000, max_depth: 16, max_attributes: 0 },
        traffic: [&TRAFFIC, &TRAFFIC],
        handles,
        on_stuck: Box::new(|_| {}),
    });
    let next = Rc::new(RecordingConsumer::accepting());
    let stage = PluginProcessor::new(&shared, next.clone());
    let send = |items| -> Answer {
        let bytes = request(Signal::Traces, 0, items);
        let permit = ledger.try_reserve(bytes.len() as u64).unwrap();
        let (reply, answer) = asked();
        stage.consume(Parcel::new(Signal::Traces, bytes, items, permit, reply));
        answer
    };
    LocalSet::new()
        .run_until(async {
            teleferric_tasks::set_hook(Some(Arc::new(|_| ())));
            failpoints::arm("plugin.batch", 0, 1);
            let lost = send(1);
            yield_now().await;
            assert_eq!((lost.fault().code, port.waiting(), ledger.used()), (FaultCode::Abandoned, 0, 0));
            let seat = port.sit(|| {});
            let kept = send(2);
            yield_now().await;
            seat.keep(seat.fetch().unwrap().0);
            yield_now().await;
            assert!(kept.is_taken());
            assert_eq!(next.sizes(), [2]);
            stage.drain(None).await;
        })
        .await;
}
