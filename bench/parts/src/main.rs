//! Measures the parts of teleferric's data plane one by one, each against the way others do the same work. A case
//! first checks that all its contenders give the same result; then they run in turns, so that whatever the machine does
//! meanwhile hits them alike. Whole pipelines are measured elsewhere.

mod allocations;
mod cases;
mod measure;
mod options;
mod payload;
mod random;
mod report;
mod request;
mod stats;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use cases::{Entry, Plan};
use options::{HELP, Options};
use report::{Failure, Report};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("teleferric-bench-parts: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, String> {
    let mut out = io::stdout();
    let shown = |error: io::Error| format!("standard output: {error}");
    if options.help {
        writeln!(out, "{HELP}").map_err(shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan { sizes: options.sizes.clone(), threads: options.threads.clone() };
    let mut entries = cases::all(&plan);
    entries.retain(|entry| options.filter.as_ref().is_none_or(|filter| filter.is_match(&entry.name)));
    if options.list {
        entries.iter().try_for_each(|entry| writeln!(out, "{}", entry.name)).map_err(shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = measure_all(entries, options, &mut out).map_err(shown)?;
    if let Some(path) = &options.json {
        write_json(path, &report)?;
    }
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the cases and shows each as soon as it is done.
fn measure_all(entries: Vec<Entry>, options: &Options, out: &mut impl Write) -> io::Result<Report> {
    let mut report = Report { duration_s: options.duration.as_secs_f64(), cases: Vec::new(), failures: Vec::new() };
    write!(out, "{}", report::heading())?;
    for Entry { name, build } in entries {
        match build() {
            Ok(case) => {
                let figures = measure::measure(name, case, options.duration);
                write!(out, "{}", report::case(&figures))?;
                report.cases.push(figures);
            }
            Err(error) => {
                writeln!(out, "{name}: not measured, the contenders disagree: {error}")?;
                report.failures.push(Failure { name, reason: error.to_string() });
            }
        }
    }
    Ok(report)
}

fn write_json(path: &Path, report: &Report) -> Result<(), String> {
    let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    std::fs::write(path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))
}
