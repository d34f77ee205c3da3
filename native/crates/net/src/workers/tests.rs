use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use teleferric_tasks::PanicReport;

const GRACE: Duration = Duration::from_secs(5);

#[test]
fn runs_work_on_the_worker_it_was_given_to() {
    let workers = Workers::start(3, "ns-run").expect("workers");
    for index in 0..3 {
        let got =
            workers.run_on(index, "test", || async { (current_worker(), thread::current().name().map(str::to_owned)) });
        assert_eq!(got.wait(), Ok((Some(index), Some(format!("ns-run-{index}")))));
    }
    assert_eq!(workers.shutdown(GRACE), Shutdown { joined: 3, left: 0 });
    assert_eq!(workers.shutdown(GRACE), Shutdown { joined: 0, left: 0 });
}

#[test]
fn a_panic_ends_the_task_alone_and_is_reported() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = {
        let seen = seen.clone();
        Arc::new(move |report| seen.lock().push(report))
    };
    teleferric_tasks::set_hook(Some(hook));
    let workers = Workers::start(1, "ns-panic").expect("workers");
    let in_future = workers.run_on(0, "test", || async {
        if true {
            panic!("in future")
        }
    });
    assert_eq!(in_future.wait(), Err(WorkerGone));
    let in_make = workers.run_on(0, "test", || {
        if true {
            panic!("in {}", "make")
        }
        async {}
    });
    assert_eq!(in_make.wait(), Err(WorkerGone));
    let nested =
        workers.run_on(0, "test", || async { spawn_local("nested", async { panic!("nested") }).await.is_ok() });
    assert_eq!(nested.wait(), Ok(true));
    assert_eq!(workers.run_on(0, "test", || async { 7 }).wait(), Ok(7));
    let messages: Vec<_> = seen.lock().iter().map(|r: &PanicReport| (r.task, r.message.clone())).collect();
    let expected = [("test", "in future"), ("test", "in make"), ("nested", "nested")];
    let expected = expected.map(|(task, text)| (task, text.to_owned()));
    assert_eq!(messages, expected);
}

#[test]
fn shutdown_lets_tasks_end_and_drops_the_rest_at_the_deadline() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let workers = Workers::start(1, "ns-stop").expect("workers");
    let ended = Arc::new(AtomicBool::new(false));
    let flag = Flag(ended.clone());
    workers.spawn_on(0, "test", move || async move {
        let _flag = flag;
        std::future::pending::<()>().await;
    });
    let finished = Arc::new(AtomicBool::new(false));
    let done = finished.clone();
    workers.spawn_on(0, "test", move || async move {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(workers.shutdown(Duration::from_millis(50)).joined, 1);
    assert!(finished.load(Ordering::SeqCst));
    assert!(ended.load(Ordering::SeqCst));
    assert_eq!(workers.run_on(0, "test", || async {}).wait(), Err(WorkerGone));
}

#[test]
fn a_worker_may_ask_for_the_shutdown_and_hold_the_last_handle() {
    let workers = Workers::start(2, "ns-self").expect("workers");
    let inner = workers.clone();
    let report = workers.run_on(0, "test", || async move { inner.shutdown(Duration::ZERO) }).wait();
    assert_eq!(report, Ok(Shutdown { joined: 1, left: 1 }));
}

#[test]
fn a_worker_that_does_not_return_is_left_behind() {
    let workers = Workers::start(2, "ns-stuck").expect("workers");
    let (release, blocked) = std_mpsc::channel::<()>();
    let (ended_tx, ended) = std_mpsc::channel();
    workers.spawn_on(1, "test", move || async move {
        let _ = blocked.recv();
        let _ = ended_tx.send(());
    });
    assert_eq!(workers.shutdown(Duration::ZERO), Shutdown { joined: 1, left: 1 });
    drop(release);
    ended.recv_timeout(GRACE).expect("ends by itself");
}

#[test]
fn chooses_the_worker_with_fewest_connections() {
    let workers = Workers::start(2, "ns-load").expect("workers");
    assert_eq!(workers.least_loaded(), 0);
    let first = workers.occupy(0);
    assert_eq!(workers.least_loaded(), 1);
    let _second = workers.occupy(1);
    assert_eq!(workers.least_loaded(), 0);
    drop(first);
    let _third = workers.occupy(0);
    assert_eq!(workers.least_loaded(), 0);
}

#[test]
fn work_from_many_threads_all_runs() {
    let workers = Workers::start(2, "ns-many").expect("workers");
    let count = Arc::new(AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for index in 0..50 {
                    let count = count.clone();
                    workers.spawn_on(index, "test", move || async move {
                        count.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    workers.shutdown(GRACE);
    assert_eq!(count.load(Ordering::Relaxed), 200);
}

/// Whoever waits is answered and what the work held is given back, whether it ran, was cut off or came too late.
#[test]
fn a_shutdown_amid_work_from_many_threads_leaves_nobody_waiting() {
    let workers = Workers::start(2, "race").expect("workers");
    let held = Arc::new(());
    let asking: Vec<_> = (0..3)
        .map(|asker| {
            let (workers, held) = (Arc::clone(&workers), Arc::clone(&held));
            thread::spawn(move || {
                let asked = (0..200).map(|round| {
                    let held = Arc::clone(&held);
                    workers.run_on(asker + round, "test", move || async move {
                        let _held = held;
                        tokio::task::yield_now().await;
                    })
                });
                asked.map(RunOn::wait).filter(Result::is_err).count()
            })
        })
        .collect();
    assert_eq!(workers.shutdown(Duration::ZERO), Shutdown { joined: 2, left: 0 });
    asking.into_iter().for_each(|asker| {
        asker.join().expect("asker");
    });
    assert_eq!(workers.run_on(0, "test", || async {}).wait(), Err(WorkerGone));
    assert_eq!(Arc::strong_count(&held), 1);
}
