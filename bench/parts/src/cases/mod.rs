//! All cases. Each is built only when it runs, and checks its result against its rivals' before anything is measured.

mod batcher;
mod breaker;
mod codecs;
mod connections;
mod contention;
mod control;
mod counters;
mod free_lists;
mod json;
mod ledger;
mod pool;
mod scanner;
mod splice;

use std::error::Error;

use crate::measure::Case;

/// A case, or why its contenders do not do the same.
pub type Built = Result<Case, Box<dyn Error>>;

/// A case that can be built.
pub struct Entry {
    /// `area/what/input`.
    pub name: String,
    /// Builds and checks it.
    pub build: Box<dyn FnOnce() -> Built>,
}

impl Entry {
    fn new(name: impl Into<String>, build: impl FnOnce() -> Built + 'static) -> Entry {
        Entry { name: name.into(), build: Box::new(build) }
    }
}

/// What the user chose for all cases.
pub struct Plan {
    /// Records per request, instead of each case's own choice.
    pub sizes: Option<Vec<usize>>,
    /// How many threads share something.
    pub threads: Vec<usize>,
}

impl Plan {
    fn sizes(&self, usual: &[usize]) -> Vec<usize> {
        self.sizes.clone().unwrap_or_else(|| usual.to_vec())
    }
}

/// Every case there is, in the order they run.
pub fn all(plan: &Plan) -> Vec<Entry> {
    let areas = [
        control::entries,
        pool::entries,
        free_lists::entries,
        counters::entries,
        breaker::entries,
        ledger::entries,
        batcher::entries,
        codecs::entries,
        connections::entries,
        scanner::entries,
        json::entries,
        splice::entries,
    ];
    areas.into_iter().flat_map(|entries| entries(plan)).collect()
}

/// An error unless the two are equal.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, one: T, other: T) -> Result<(), Box<dyn Error>> {
    if one == other { Ok(()) } else { Err(format!("{what}: {one:?} is not {other:?}").into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_agrees_with_its_rivals_on_small_inputs() {
        let plan = Plan { sizes: Some(vec![3, 20]), threads: vec![2] };
        let entries = all(&plan);
        let mut names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        for entry in entries {
            let case = (entry.build)().unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert!(case.contenders.len() >= 2, "{}", entry.name);
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all(&plan).len(), "names are told apart");
    }

    #[test]
    fn difference_is_an_error_that_shows_both() {
        assert!(same("count", 1, 1).is_ok());
        assert_eq!(same("count", 1, 2).unwrap_err().to_string(), "count: 1 is not 2");
    }
}
