//! Replays the kept corpus without instrumentation: every commit can afford it, on every platform.

use std::path::Path;

use teleferric_fuzz::TARGETS;

#[test]
fn kept_inputs_break_no_promise() {
    for (name, run) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut count = 0;
        for entry in std::fs::read_dir(&folder).expect("every target has a corpus") {
            let path = entry.expect("a listing").path();
            let input = std::fs::read(&path).expect("a file");
            if std::panic::catch_unwind(|| run(&input)).is_err() {
                panic!("{} breaks a promise", path.display());
            }
            count += 1;
        }
        assert!(count > 0, "the corpus of {name} is empty");
    }
}
