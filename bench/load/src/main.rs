//! An open-loop OTLP generator and an item-counting sink, for any OTLP collector. See README.md.

mod cli;
mod cpu;
mod h2;
mod hpack;
mod http1;
mod net;
mod payload;
mod schedule;
mod send;
mod signal;
mod sink;
mod watch;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Wrong flags end the program here, with status 2.
    let flags = cli::Flags::parse();
    let result = match &flags.command {
        cli::Command::Send(flags) => {
            if let Err(error) = flags.check() {
                eprintln!("error: {error}");
                return ExitCode::from(2);
            }
            send::run(flags)
        }
        cli::Command::Sink(flags) => sink::run(flags),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
