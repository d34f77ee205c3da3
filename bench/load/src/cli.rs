//! The flags of both commands.

use std::net::SocketAddr;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::net::loopback_address;
use crate::payload::{Compression, Encoding};
use crate::signal::Signal;

/// An open-loop OTLP generator and an item-counting sink.
#[derive(Debug, Parser)]
#[command(name = "teleferric-load", disable_help_subcommand = true)]
pub struct Flags {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send requests, then print one JSON document.
    Send(SendFlags),
    /// Receive requests; JSON lines on standard output, commands on standard input.
    Sink(SinkFlags),
}

#[derive(Clone, Debug, Args)]
pub struct SendFlags {
    /// Where to, loopback only.
    #[arg(long, value_name = "HOST:PORT", value_parser = loopback_address)]
    pub target: SocketAddr,
    #[arg(long, value_enum, default_value_t = SendProtocol::Grpc)]
    pub protocol: SendProtocol,
    #[arg(long, value_enum, default_value_t = Encoding::Proto)]
    pub encoding: Encoding,
    #[arg(long, value_enum, default_value_t = Compression::None)]
    pub compression: Compression,
    /// Level of the payloads' compression.
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub level: i32,
    #[arg(long, value_enum, default_value_t = Signal::Traces)]
    pub signal: Signal,
    /// Records in a request.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub items: u32,
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub connections: u32,
    /// Requests at one time on a connection; always 1 for http1.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub streams: u32,
    /// Requests a second over all connections; 0: as fast as they are answered.
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = number)]
    pub rate: f64,
    /// Time over which each request's body is sent, in pieces.
    #[arg(long, value_name = "MS", default_value_t = 0.0, value_parser = number)]
    pub trickle_ms: f64,
    /// Time before the measured window.
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = number)]
    pub warmup: f64,
    /// Length of the measured window.
    #[arg(long, value_name = "S", default_value_t = 5.0, value_parser = number)]
    pub duration: f64,
    /// How long to wait for outstanding answers at the end.
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = number)]
    pub drain: f64,
    /// Distinct payloads, used in turn; by their size if not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub ring: Option<u32>,
    /// Content of the payloads.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Process whose CPU time and memory are read; may be given again.
    #[arg(long, value_name = "PID")]
    pub watch_pid: Vec<u32>,
}

#[derive(Clone, Debug, Args)]
pub struct SinkFlags {
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0", value_parser = loopback_address)]
    pub listen: SocketAddr,
    #[arg(long, value_enum, default_value_t = SinkProtocol::Grpc)]
    pub protocol: SinkProtocol,
    /// What is counted.
    #[arg(long, value_enum, default_value_t = Signal::Traces)]
    pub signal: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SendProtocol {
    Grpc,
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SinkProtocol {
    Grpc,
    /// HTTP/1.1
    Http,
}

impl SendFlags {
    /// Checks what no flag can know alone.
    pub fn check(&self) -> Result<(), String> {
        if self.protocol == SendProtocol::Grpc && self.encoding == Encoding::Json {
            return Err("--encoding json needs --protocol http1 or http2".to_owned());
        }
        let levels = self.compression.levels();
        if !levels.contains(&self.level) {
            return Err(format!("--level must be between {} and {}", levels.start(), levels.end()));
        }
        if self.duration == 0.0 {
            return Err("--duration must be above 0".to_owned());
        }
        Ok(())
    }

    /// Requests at one time on a connection.
    pub fn streams(&self) -> usize {
        if self.protocol == SendProtocol::Http1 { 1 } else { self.streams as usize }
    }
}

/// A number that is not negative.
fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if number.is_finite() && (0.0..=1e9).contains(&number) { Ok(number) } else { Err("out of range".to_owned()) }
}
