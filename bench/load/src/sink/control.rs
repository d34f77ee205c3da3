//! Commands on standard input.

use std::io::{self, BufRead};
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::server::Server;
use crate::signal::GRPC_CODES;

/// A line of standard input.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    Stats,
    Reset,
    Delay(Duration),
    Refuse { code: u8, fraction: f64 },
    Accept,
    Throttle { bytes_per_s: u64 },
    Close,
    Open,
    Quit,
}

impl Command {
    fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |text: &str| {
            let number: Result<f64, _> = text.parse();
            number.ok().filter(|number| *number >= 0.0 && number.is_finite()).ok_or(format!("{text}: not a number"))
        };
        match words[..] {
            ["stats"] => Ok(Self::Stats),
            ["reset"] => Ok(Self::Reset),
            ["delay", ms] => Ok(Self::Delay(Duration::from_secs_f64(number(ms)?.min(DELAY_MS_MAX) / 1e3))),
            ["refuse", code] => Ok(Self::Refuse { code: grpc_code(code)?, fraction: 1.0 }),
            ["refuse", code, fraction] => {
                Ok(Self::Refuse { code: grpc_code(code)?, fraction: number(fraction)?.min(1.0) })
            }
            ["accept"] => Ok(Self::Accept),
            ["throttle", rate] => match number(rate)? as u64 {
                0 => Err("throttle must be at least 1 byte a second".to_owned()),
                bytes_per_s => Ok(Self::Throttle { bytes_per_s }),
            },
            ["close"] => Ok(Self::Close),
            ["open"] => Ok(Self::Open),
            ["quit"] => Ok(Self::Quit),
            _ => Err(format!("{line}: no such command")),
        }
    }
}

fn grpc_code(name: &str) -> Result<u8, String> {
    let code = GRPC_CODES.iter().position(|known| *known == name).filter(|code| *code > 0);
    code.map(|code| code as u8).ok_or(format!("{name}: not a gRPC status that refuses"))
}

/// Reads standard input on a thread of its own, which wakes the server for each line; the end of the input is `quit`.
pub fn read_commands(server: &Server) -> io::Result<Receiver<Result<Command, String>>> {
    let (sender, receiver) = channel();
    let waker = server.waker()?;
    std::thread::Builder::new().name("commands".to_owned()).spawn(move || forward_lines(&sender, &waker))?;
    Ok(receiver)
}

fn forward_lines(sender: &Sender<Result<Command, String>>, waker: &OwnedFd) {
    let lines = io::stdin().lock().lines().map_while(Result::ok).filter(|line| !line.trim().is_empty());
    let commands = lines.map(|line| Command::parse(line.trim()));
    for command in commands.chain([Ok(Command::Quit)]) {
        if sender.send(command).is_err() || rustix::io::write(waker, &1u64.to_ne_bytes()).is_err() {
            return;
        }
    }
}

const DELAY_MS_MAX: f64 = 3_600_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_command_of_the_contract() {
        assert_eq!(Command::parse("stats"), Ok(Command::Stats));
        assert_eq!(Command::parse("delay 2.5"), Ok(Command::Delay(Duration::from_micros(2500))));
        assert_eq!(Command::parse("refuse UNAVAILABLE"), Ok(Command::Refuse { code: 14, fraction: 1.0 }));
        assert_eq!(Command::parse("refuse RESOURCE_EXHAUSTED 0.5"), Ok(Command::Refuse { code: 8, fraction: 0.5 }));
        assert_eq!(Command::parse("throttle 1000000"), Ok(Command::Throttle { bytes_per_s: 1_000_000 }));
    }

    #[test]
    fn refuses_others() {
        for line in ["refuse OK", "refuse NOPE", "delay", "delay -1", "delay x", "throttle 0", "stats now", "hello"] {
            assert!(Command::parse(line).is_err(), "{line}");
        }
    }
}
