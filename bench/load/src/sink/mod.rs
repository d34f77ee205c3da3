//! `sink`: receives OTLP requests, counts their items, and does what standard input says.

mod connection;
mod control;
mod count;
mod desk;
mod http1;
mod http2;
mod inflate;
mod server;
mod throttle;
mod walk;

use crate::cli::SinkFlags;
use crate::net;

/// Runs until `quit`, or until standard input ends.
pub fn run(flags: &SinkFlags) -> Result<(), String> {
    net::allow_open_files(OPEN_FILES_MAX);
    let mut server = server::Server::listen(flags).map_err(|error| format!("{}: {error}", flags.listen))?;
    let commands = control::read_commands(&server).map_err(|error| format!("cannot read commands: {error}"))?;
    server.run(&commands).map_err(|error| format!("sink failed: {error}"))
}

const OPEN_FILES_MAX: u64 = 65_536;
