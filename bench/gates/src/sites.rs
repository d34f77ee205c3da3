//! Who allocates: call stacks of counted allocations, added up. Only for people; the gates do without.

use std::backtrace::Backtrace;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// What was allocated, by shortened stack.
static SITES: Mutex<Option<HashMap<String, Site>>> = Mutex::new(None);

#[derive(Clone, Copy, Default)]
struct Site {
    count: u64,
    bytes: u64,
}

/// Notes an allocation by its call stack. What this allocates itself must not come here.
pub fn note(bytes: usize) {
    let stack = shorten(&Backtrace::force_capture().to_string());
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    let site = sites.get_or_insert_default().entry(stack).or_default();
    site.count += 1;
    site.bytes += bytes as u64;
}

/// Sites by the number of allocations, most first: numbers per request, then the frames, innermost first.
pub fn report(requests: u64) -> String {
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sites: Vec<(&String, &Site)> = sites.iter().flatten().collect();
    sites.sort_by(|(one, a), (other, b)| b.count.cmp(&a.count).then(b.bytes.cmp(&a.bytes)).then(one.cmp(other)));
    let requests = requests as f64;
    let mut text = String::new();
    for (stack, site) in sites {
        let (count, bytes) = (site.count as f64 / requests, site.bytes as f64 / requests);
        // Writing into a string does not fail.
        let _ = writeln!(text, "{count:.3} allocations, {bytes:.1} bytes a request\n{stack}\n");
    }
    text
}

/// The innermost frames that are neither the standard library's nor ours, one a line.
fn shorten(stack: &str) -> String {
    let mut frames = Vec::new();
    let mut lines = stack.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some((_, name)) = line.split_once(": ") else { continue };
        let Some(place) = lines.next_if(|next| next.starts_with("at ")) else { continue };
        if !LEFT_OUT.iter().any(|part| place.contains(part)) {
            frames.push(format!("    {} ({})", without_generics(name), last_parts(place)));
        }
    }
    frames.truncate(FRAMES_MAX);
    frames.join("\n")
}

/// The name without what stands between angle brackets.
fn without_generics(name: &str) -> String {
    let mut depth = 0_usize;
    name.chars()
        .filter(|&character| {
            if character == '<' {
                depth += 1;
            }
            let outside = depth == 0;
            if character == '>' {
                depth = depth.saturating_sub(1);
            }
            outside
        })
        .collect()
}

/// Crate, folders and line of a source file.
fn last_parts(place: &str) -> String {
    let parts: Vec<&str> = place.trim_start_matches("at ").rsplit('/').take(PARTS_MAX).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// Enough to see whose allocation it is.
const FRAMES_MAX: usize = 10;
const PARTS_MAX: usize = 4;

/// Places whose frames say nothing about who allocates.
const LEFT_OUT: [&str; 5] =
    ["/library/", "gates/src/sites.rs", "gates/src/allocations.rs", "gates/src/main.rs", "alloc/src/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_lose_what_every_stack_has() {
        let stack = "   0: alloc<u8>\n             at /rustc/1/library/alloc/src/alloc.rs:95:9\n   1: read<a::B<C>, D>\n  \
                        at /a/b/c/d/e/crates/net/src/body.rs:1:2\n   2: without_a_place\n";
        assert_eq!(shorten(stack), "    read (crates/net/src/body.rs:1:2)");
    }
}
