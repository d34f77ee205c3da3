use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;

use tokio::task::{LocalSet, yield_now};

use super::*;

/// The reports of this thread from here on.
fn reports() -> Arc<Mutex<Vec<PanicReport>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    set_hook(Some(Arc::new(move |report| told.lock().unwrap().push(report))));
    seen
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

fn names(reports: &Mutex<Vec<PanicReport>>) -> Vec<(&'static str, String, bool)> {
    reports.lock().unwrap().drain(..).map(|report| (report.task, report.message, report.failed)).collect()
}

#[test]
fn a_panic_ends_its_task_alone_and_what_it_leaves_is_put_right_behind_it() {
    struct Held(Rc<Cell<u32>>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let seen = reports();
    run(async {
        let (dropped, found) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (held, before, after) = (Held(Rc::clone(&dropped)), Rc::clone(&dropped), Rc::clone(&found));
        let task = async move {
            let _held = held;
            yield_now().await;
            if true {
                panic!("in {}", "the task")
            }
        };
        spawn_local_or("task", task, move || after.set(before.get())).await.expect("no panic is left to the runtime");
        assert_eq!(found.get(), 1);
        spawn_local_or("task", async {}, || panic!("never called")).await.expect("ends");
        spawn_local_or("task", async { panic!("first") }, || panic!("second")).await.expect("ends");
        spawn_local("other", async { std::panic::panic_any(7) }).await.expect("ends");
    });
    let expected =
        [("task", "in the task"), ("task", "first"), ("task", "second"), ("other", "panic without a message")];
    assert_eq!(names(&seen), expected.map(|(task, text)| (task, text.to_owned(), false)));
}

#[test]
fn a_payload_that_panics_as_it_is_dropped_does_no_harm() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let seen = reports();
    assert_eq!(fence("bomb", || std::panic::panic_any(Bomb)), None::<()>);
    let expected = ["panic without a message", "dropped"].map(|text| ("bomb", text.to_owned(), false));
    assert_eq!(names(&seen), expected);
}

/// What is outside of the work is as the panic left it.
#[test]
fn supervised_work_goes_on_after_panics_and_pauses_when_there_is_nothing_else() {
    let seen = reports();
    run(async {
        let mut turns = 0;
        let start = Instant::now();
        supervise("loop", async || {
            turns += 1;
            assert!(turns > 7, "turn {turns}");
        })
        .await;
        assert_eq!((turns, start.elapsed()), (8, 2 * PAUSE));
    });
    let failed: Vec<_> = names(&seen).into_iter().map(|(_, _, failed)| failed).collect();
    assert_eq!(failed, [false, false, false, false, false, true, true]);
}

#[test]
fn a_thread_has_the_hook_of_the_one_that_began_it() {
    let seen = reports();
    let thread = spawn_thread("thread", "told".to_owned(), || panic!("there"), || panic!("behind")).expect("a thread");
    thread.join().expect("a panic is caught");
    let expected = [("there", true), ("behind", false)].map(|(text, failed)| ("thread", text.to_owned(), failed));
    assert_eq!(names(&seen), expected);
}

#[test]
fn a_failpoint_panics_as_often_as_asked_for() {
    let seen = reports();
    failpoints::arm("point", 1, 2);
    let called: Vec<_> = (0..5).map(|turn| fence("point", || turn)).collect();
    assert_eq!(called, [Some(0), None, None, Some(3), Some(4)]);
    assert!(!failpoints::is_armed("point"));
    assert_eq!(names(&seen).len(), 2);
}
