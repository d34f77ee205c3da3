//! The circuit breaker of an exporter (reliability design, section 4).

use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::{BreakerSettings, Override, WindowSettings};

use super::nanoseconds;
use crate::component::StartError;

/// `circuit_breaker`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CircuitBreaker {
    /// time or count: what the window is measured in.
    pub mode: String,
    /// How far a window of time reaches back, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub window: Duration,
    /// Parts that the window moves on by.
    pub buckets: u32,
    /// Calls before the rates count.
    pub min_calls: u64,
    /// Share of failed calls that opens.
    pub failure_rate: f64,
    /// Share of slow calls that opens.
    pub slow_rate: f64,
    /// When a call is slow, nanoseconds; 0: never.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub slow_after: Duration,
    /// Failures in a row that open; 0: never.
    pub consecutive: u32,
    /// First time open, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub open: Duration,
    /// Longest time open, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_open: Duration,
    /// Spread of the time open, as a share of it.
    pub jitter: f64,
    /// Probing.
    pub half_open: HalfOpen,
    /// What is decided by hand: none, forced_open, disabled or observe.
    #[serde(rename = "override")]
    pub mode_override: String,
}

/// `circuit_breaker.half_open`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct HalfOpen {
    /// Probes at the same time.
    pub permits: u16,
    /// Successes that close.
    pub successes: u16,
    /// Longest wait for a probe's result, nanoseconds; 0: without limit.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_wait: Duration,
}

/// When an endpoint's breaker opens and closes.
///
/// # Errors
/// A word that is no mode or override.
pub fn breaker(config: &CircuitBreaker) -> Result<BreakerSettings, StartError> {
    Ok(BreakerSettings {
        window: WindowSettings { counts: counts(&config.mode)?, time: config.window, buckets: config.buckets },
        min_calls: config.min_calls,
        failure_rate: config.failure_rate,
        slow_rate: config.slow_rate,
        slow_after: config.slow_after,
        consecutive: config.consecutive,
        open: config.open,
        max_open: config.max_open,
        jitter: config.jitter,
        permits: config.half_open.permits,
        successes: config.half_open.successes,
        max_wait: config.half_open.max_wait,
        mode: decided(&config.mode_override)?,
    })
}

fn counts(word: &str) -> Result<bool, StartError> {
    match word {
        "time" => Ok(false),
        "count" => Ok(true),
        other => Err(StartError::new(format!("circuit_breaker: invalid mode: \"{other}\""))),
    }
}

fn decided(word: &str) -> Result<Override, StartError> {
    match word {
        "none" => Ok(Override::None),
        "forced_open" => Ok(Override::ForcedOpen),
        "disabled" => Ok(Override::Disabled),
        "observe" => Ok(Override::Observe),
        other => Err(StartError::new(format!("circuit_breaker: invalid override: \"{other}\""))),
    }
}
