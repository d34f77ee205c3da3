//! What one request costs the data plane, counted instead of timed.
//!
//! A scenario is replayed through a real collector, sockets included, on one thread; the peers at both ends run on the
//! same thread and are left out of the counts. `scripts/gates.mjs` runs this program bare for allocations and under
//! callgrind for instructions, and compares both with `baseline.json`.

mod allocations;
mod callgrind;
mod document;
mod meter;
mod payload;
mod peer;
mod replay;
mod scenario;
mod sites;

use std::process::ExitCode;

use serde_json::json;

use crate::allocations::{CountingAllocator, Mode};
use crate::scenario::Scenario;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const USAGE: &str = "\
usage: gates list
       gates allocations <scenario> <warm-up> <requests>   counts what the data-plane thread allocates
       gates replay <scenario> <warm-up> <requests>        lets callgrind collect, and counts nothing itself
       gates sites <scenario> <warm-up> <requests>         tells where allocations come from";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match command(&arguments) {
        Ok(output) => {
            println!("{output}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("gates: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command(arguments: &[&str]) -> Result<String, String> {
    let [what, name, warm_up, requests] = arguments else {
        return if arguments == ["list"] { Ok(list()) } else { Err(USAGE.to_owned()) };
    };
    let mode = match *what {
        "allocations" => Mode::Count,
        "replay" => Mode::LeaveOut,
        "sites" => Mode::CountWithSites,
        _ => return Err(USAGE.to_owned()),
    };
    let scenario = Scenario::named(name)?;
    let (warm_up, requests) = (number(warm_up)?, number(requests)?);
    allocations::set_mode(mode);
    let counted = replay::run(&scenario, warm_up, requests)?;
    Ok(match mode {
        Mode::CountWithSites => sites::report(requests),
        Mode::Count => json!({ "allocations": counted.count, "allocatedBytes": counted.bytes }).to_string(),
        Mode::LeaveOut => String::new(),
    })
}

/// Every scenario with the bytes of a request's body, the requests of a round, and those to replay under valgrind, which
/// is slow.
fn list() -> String {
    let all = Scenario::all().map(|scenario| {
        json!({
            "name": scenario.name(),
            "payloadBytes": scenario.body().len(),
            "round": scenario.requests_per_round(),
            "warmUp": scenario.requests_to_warm_up(),
            "requests": scenario.requests_to_measure(),
        })
    });
    serde_json::Value::from_iter(all).to_string()
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no number"))
}
