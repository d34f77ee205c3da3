//! What people and programs are shown of the figures.

use std::fmt::Write;

use serde::Serialize;

use crate::measure::{CaseReport, Clock, ContenderReport};

/// Everything a run found out.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Seconds given to each case.
    pub duration_s: f64,
    /// In the order they ran.
    pub cases: Vec<CaseReport>,
    /// Cases whose contenders did not agree, with the reason.
    pub failures: Vec<Failure>,
}

/// A case that was not measured.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Path of the case.
    pub name: String,
    /// What its contenders disagree about.
    pub reason: String,
}

/// The lines above the first case.
pub fn heading() -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "{:<26} {:>10} {:>10} {:>10} {:>9} {:>11}  time of the first [95 %]",
        "", "p50 ns", "p95 ns", "p99 ns", "allocs/op", "bytes/op"
    );
    out
}

/// The lines of one case.
pub fn case(report: &CaseReport) -> String {
    let mut out = String::new();
    let units = match report.units_per_operation {
        1 => String::new(),
        units => format!(", {units} an operation"),
    };
    let clock = match report.clock {
        Clock::Cpu => "cpu ns",
        Clock::Wall => "ns",
    };
    let _ = writeln!(out, "{} ({clock} per {}{units})", report.name, report.unit);
    for contender in &report.contenders {
        let _ = writeln!(out, "{}", line(contender));
    }
    out
}

fn line(contender: &ContenderReport) -> String {
    let ratio = contender.times_first.map_or_else(String::new, |ratio| {
        format!("{}x [{}, {}]", significant(ratio.median), significant(ratio.low), significant(ratio.high))
    });
    let separator = if ratio.is_empty() || contender.note.is_empty() { "" } else { "  " };
    let line = format!(
        "  {:<24} {:>10} {:>10} {:>10} {:>9} {:>11}  {ratio}{separator}{}",
        contender.name,
        significant(contender.ns_p50),
        significant(contender.ns_p95),
        significant(contender.ns_p99),
        significant(contender.allocations_per_operation),
        significant(contender.allocated_bytes_per_operation),
        contender.note,
    );
    line.trim_end().to_owned()
}

/// Three digits that count, or all before the point.
fn significant(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Estimate;

    fn contender(times_first: Option<Estimate>, note: &str) -> ContenderReport {
        ContenderReport {
            name: "prost",
            blocks: 12,
            operations_per_block: 1,
            ns_p50: 1234.56,
            ns_p95: 12.34,
            ns_p99: 1.234,
            allocations_per_operation: 0.0,
            allocated_bytes_per_operation: 100.0,
            times_first,
            note: note.into(),
        }
    }

    #[test]
    fn lines_show_ratio_with_interval_and_note() {
        let ratio = Estimate { median: 12.34, low: 12.0, high: 13.0 };
        let shown = line(&contender(Some(ratio), "ratio 5.00"));
        assert!(shown.contains("1235       12.3       1.23"), "{shown}");
        assert!(shown.ends_with("12.3x [12.0, 13.0]  ratio 5.00"), "{shown}");
        assert!(line(&contender(None, "")).ends_with("100"));
    }

    #[test]
    fn report_is_json_with_the_ratio_as_object() {
        let contenders = vec![contender(None, ""), contender(Some(Estimate { median: 2.0, low: 1.0, high: 3.0 }), "")];
        let figures =
            CaseReport { name: "a/b".into(), clock: Clock::Cpu, unit: "record", units_per_operation: 1000, contenders };
        assert!(case(&figures).starts_with("a/b (cpu ns per record, 1000 an operation)\n"));
        let json =
            serde_json::to_value(Report { duration_s: 1.0, cases: vec![figures], failures: Vec::new() }).unwrap();
        let contenders = &json["cases"][0]["contenders"];
        assert_eq!(contenders[0]["times_first"], serde_json::Value::Null);
        assert_eq!(contenders[1]["times_first"]["median"], 2.0);
    }
}
