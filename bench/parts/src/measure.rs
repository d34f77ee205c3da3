//! Measures the contenders of a case side by side: in blocks, interleaved so that drift of the machine hits all alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use serde::Serialize;

use crate::allocations::counted;
use crate::stats::{Estimate, estimate, percentile};

/// Blocks each contender should get within the duration of a case.
const BLOCKS_WANTED: u32 = 120;
/// Blocks each contender gets at least, however long they take.
const BLOCKS_MIN: usize = 12;
/// A block is no shorter than this, so that reading the clock weighs nothing.
const BLOCK_TIME_MIN: Duration = Duration::from_micros(200);

/// One way to do the work of a case.
pub struct Contender {
    name: &'static str,
    /// Does the operation so many times and tells how long that took.
    run: Box<dyn FnMut(u64) -> Duration>,
    note: String,
}

impl Contender {
    /// A contender that is one closure and waits for nothing. It is measured by the CPU time of its thread, which other
    /// programs on the machine change little; its result is used up, so that nothing is optimised away.
    pub fn new<T>(name: &'static str, mut operation: impl FnMut() -> T + 'static) -> Contender {
        Contender::timed(name, move |count| {
            let start = ThreadTime::now();
            for _ in 0..count {
                black_box(operation());
            }
            start.elapsed()
        })
    }

    /// A contender that waits for others, and so is measured by the clock on the wall.
    pub fn waiting<T>(name: &'static str, mut operation: impl FnMut() -> T + 'static) -> Contender {
        Contender::timed(name, move |count| {
            let start = Instant::now();
            for _ in 0..count {
                black_box(operation());
            }
            start.elapsed()
        })
    }

    /// A contender that repeats and times itself.
    pub fn timed(name: &'static str, run: impl FnMut(u64) -> Duration + 'static) -> Contender {
        Contender { name, run: Box::new(run), note: String::new() }
    }

    /// Adds a remark about the result, such as its size.
    pub fn note(self, note: impl Into<String>) -> Contender {
        Contender { note: note.into(), ..self }
    }
}

/// Which time a case is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// CPU time of the measuring thread.
    Cpu,
    /// The clock on the wall, for work of several threads.
    Wall,
}

/// What is measured: the product's way first, its rivals behind it.
pub struct Case {
    /// How its contenders are timed.
    pub clock: Clock,
    /// What the time is given for: a record, a block, a request.
    pub unit: &'static str,
    /// How many of them one operation covers.
    pub units_per_operation: u64,
    /// At least two.
    pub contenders: Vec<Contender>,
}

/// The figures of one case.
#[derive(Debug, Serialize)]
pub struct CaseReport {
    /// Path of the case.
    pub name: String,
    /// How it was timed.
    pub clock: Clock,
    /// What the times are per.
    pub unit: &'static str,
    /// How many units one operation covers.
    pub units_per_operation: u64,
    /// In the order of the case.
    pub contenders: Vec<ContenderReport>,
}

/// The figures of one contender.
#[derive(Debug, Serialize)]
pub struct ContenderReport {
    /// Its name.
    pub name: &'static str,
    /// Blocks measured.
    pub blocks: usize,
    /// Operations in a block.
    pub operations_per_block: u64,
    /// Nanoseconds per unit in the median block.
    pub ns_p50: f64,
    /// The same in the block that 95 % do not exceed.
    pub ns_p95: f64,
    /// The same for 99 %.
    pub ns_p99: f64,
    /// Allocations per operation, on the measuring thread.
    pub allocations_per_operation: f64,
    /// Bytes that those asked for.
    pub allocated_bytes_per_operation: f64,
    /// Its time divided by the first contender's, block by block; none for the first itself.
    pub times_first: Option<Estimate>,
    /// What the case had to remark.
    pub note: String,
}

/// Measures a case for about `duration`.
pub fn measure(name: String, mut case: Case, duration: Duration) -> CaseReport {
    let block_time = duration / (BLOCKS_WANTED * case.contenders.len() as u32);
    let mut lanes: Vec<Lane> =
        case.contenders.iter_mut().map(|contender| Lane::prepare(contender, block_time.max(BLOCK_TIME_MIN))).collect();
    let start = Instant::now();
    while start.elapsed() < duration || lanes[0].ns.len() < BLOCKS_MIN {
        lanes.iter_mut().for_each(Lane::block);
        lanes.iter_mut().rev().for_each(Lane::block);
    }
    let first = lanes[0].ns.clone();
    let contenders = lanes.into_iter().enumerate().map(|(index, lane)| {
        let times_first = (index > 0).then(|| estimate(&ratios(&lane.ns, &first)));
        lane.report(times_first, case.units_per_operation)
    });
    CaseReport {
        name,
        clock: case.clock,
        unit: case.unit,
        units_per_operation: case.units_per_operation,
        contenders: contenders.collect(),
    }
}

/// Each block of one divided by the block of the other from the same pass.
fn ratios(of: &[f64], by: &[f64]) -> Vec<f64> {
    of.iter().zip(by).map(|(of, by)| of / by).collect()
}

/// A contender being measured.
struct Lane<'a> {
    contender: &'a mut Contender,
    operations: u64,
    allocations: f64,
    allocated_bytes: f64,
    /// Nanoseconds per operation, by block.
    ns: Vec<f64>,
}

impl<'a> Lane<'a> {
    /// Warms up, finds out how many operations fill `block_time`, and counts allocations.
    fn prepare(contender: &'a mut Contender, block_time: Duration) -> Lane<'a> {
        let mut operations = 1_u64;
        loop {
            let taken = (contender.run)(operations);
            if taken >= block_time / 2 {
                let ratio = block_time.as_secs_f64() / taken.as_secs_f64();
                operations = ((operations as f64 * ratio) as u64).max(1);
                break;
            }
            operations *= 2;
        }
        let (_, seen) = counted(|| (contender.run)(operations));
        Lane {
            contender,
            operations,
            allocations: seen.count as f64 / operations as f64,
            allocated_bytes: seen.bytes as f64 / operations as f64,
            ns: Vec::new(),
        }
    }

    fn block(&mut self) {
        let taken = (self.contender.run)(self.operations);
        self.ns.push(taken.as_nanos() as f64 / self.operations as f64);
    }

    fn report(mut self, times_first: Option<Estimate>, units: u64) -> ContenderReport {
        self.ns.sort_by(f64::total_cmp);
        let at = |percent| percentile(&self.ns, percent) / units as f64;
        ContenderReport {
            name: self.contender.name,
            blocks: self.ns.len(),
            operations_per_block: self.operations,
            ns_p50: at(50.0),
            ns_p95: at(95.0),
            ns_p99: at(99.0),
            allocations_per_operation: self.allocations,
            allocated_bytes_per_operation: self.allocated_bytes,
            times_first,
            note: std::mem::take(&mut self.contender.note),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contender that claims to take so long, by a clock of its own.
    fn claiming(name: &'static str, each: Duration) -> Contender {
        Contender::timed(name, move |count| each * count as u32)
    }

    #[test]
    fn ratio_is_the_rivals_time_by_ours_per_pass() {
        let contenders = vec![
            claiming("ours", Duration::from_micros(10)),
            claiming("rival", Duration::from_micros(30)).note("larger"),
        ];
        let case = Case { clock: Clock::Wall, unit: "record", units_per_operation: 5, contenders };
        let report = measure("a/b".into(), case, Duration::ZERO);
        let [ours, rival] = &report.contenders[..] else { panic!("two contenders") };
        assert_eq!((ours.ns_p50, rival.ns_p99), (2_000.0, 6_000.0));
        assert_eq!(ours.times_first, None);
        assert_eq!(rival.times_first.map(|ratio| (ratio.low, ratio.median, ratio.high)), Some((3.0, 3.0, 3.0)));
        assert_eq!((rival.note.as_str(), rival.blocks), ("larger", BLOCKS_MIN));
        assert!(ours.operations_per_block >= 10, "blocks are filled");
    }

    #[test]
    fn allocations_are_given_per_operation() {
        let contenders = vec![Contender::new("two", || [vec![0_u8; 10], vec![0_u8; 30]]), Contender::new("none", || 1)];
        let report = measure(
            "alloc".into(),
            Case { clock: Clock::Cpu, unit: "call", units_per_operation: 1, contenders },
            Duration::from_millis(1),
        );
        let seen: Vec<(f64, f64)> = report
            .contenders
            .iter()
            .map(|contender| (contender.allocations_per_operation, contender.allocated_bytes_per_operation))
            .collect();
        assert_eq!(seen, [(2.0, 40.0), (0.0, 0.0)]);
    }
}
