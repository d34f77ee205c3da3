//! `grpc-timeout`: how long the client waits for the answer.

use std::time::Duration;

/// `grpc-timeout` is not of its form: one to eight digits and a unit out of `HMSmun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed grpc-timeout")]
pub struct BadTimeout;

/// The client's patience from now, as the header's value says.
///
/// # Errors
/// [`BadTimeout`].
pub fn parse_timeout(text: &[u8]) -> Result<Duration, BadTimeout> {
    let (unit, digits) = text.split_last().ok_or(BadTimeout)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadTimeout);
    }
    let count = digits.iter().fold(0_u64, |count, digit| count * 10 + u64::from(digit - b'0'));
    match unit {
        b'H' => Ok(Duration::from_secs(count * 3600)),
        b'M' => Ok(Duration::from_secs(count * 60)),
        b'S' => Ok(Duration::from_secs(count)),
        b'm' => Ok(Duration::from_millis(count)),
        b'u' => Ok(Duration::from_micros(count)),
        b'n' => Ok(Duration::from_nanos(count)),
        _ => Err(BadTimeout),
    }
}

const DIGITS_MAX: usize = 8;
