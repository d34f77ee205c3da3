//! Conditions as people write them, asked of requests as peers send them: whatever is left of a good request is one.

use teleferric_wire::filter::{Filter, OnError, Rule};
use teleferric_wire::ottl::{Condition, Context};
use teleferric_wire::{Limits, check};

/// A byte for the signal, one for the length of the condition, the condition, and the request.
pub fn run(data: &[u8]) {
    let Some(([signal, length], rest)) = data.split_first_chunk() else { return };
    let signal = crate::signal(*signal);
    let (text, bytes) = rest.split_at(rest.len().min(usize::from(*length)));
    let text = String::from_utf8_lossy(text);
    let context = Context::of_paths([&*text], signal);
    let condition = match Condition::parse(&text, context) {
        Ok(condition) => condition,
        Err(error) => {
            assert!(error.column <= text.chars().count() + 1, "{error}");
            return;
        }
    };
    let filter = Filter::new(signal, vec![Rule { context, condition, on_error: OnError::Silent }]);
    let filtered = filter.apply(bytes).expect("errors are kept quiet");
    if check(signal, bytes, &Limits::default()).is_err() {
        return;
    }
    let left = filtered.edited.map(|edited| edited.to_vec());
    let left = check(signal, left.as_deref().unwrap_or(bytes), &Limits::default()).expect("what is left of a good request is one");
    assert_eq!(left.counts().items, filtered.items);
}
