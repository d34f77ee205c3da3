//! What is replayed: payload, protocol and pipeline of each scenario.

use crate::payload::{Encoding, Payload};

/// One replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What each request carries.
    pub payload: Payload,
    /// What happens to it.
    pub work: Work,
    /// What is spoken on both sides.
    pub protocol: Protocol,
}

/// What a pipeline does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// From receiver to exporter as it came.
    Pass,
    /// Joined with others by processor `batch`.
    Batch,
    /// An attribute inserted into every record by processor `attributes`.
    Insert,
    /// Received as JSON, sent as protobuf.
    Json,
}

/// What is spoken between sender, collector and destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/HTTP over HTTP/1.1.
    Http,
    /// OTLP/gRPC.
    Grpc,
}

impl Scenario {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Scenario> {
        let over_http = [Work::Pass, Work::Batch, Work::Insert, Work::Json].map(|work| (work, Protocol::Http));
        Payload::ALL.into_iter().flat_map(move |payload| {
            let both = over_http.into_iter().chain([(Work::Pass, Protocol::Grpc)]);
            both.map(move |(work, protocol)| Scenario { payload, work, protocol })
        })
    }

    /// The scenario of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn named(name: &str) -> Result<Scenario, String> {
        Scenario::all().find(|scenario| scenario.name() == name).ok_or_else(|| format!("no scenario \"{name}\""))
    }

    /// Payload, work and protocol in one word.
    pub fn name(&self) -> String {
        let work = match self.work {
            Work::Pass => "pass",
            Work::Batch => "batch",
            Work::Insert => "insert",
            Work::Json => "json",
        };
        let protocol = match self.protocol {
            Protocol::Http => "http",
            Protocol::Grpc => "grpc",
        };
        format!("{}-{work}-{protocol}", self.payload.name())
    }

    /// The body of every request.
    pub fn body(&self) -> Vec<u8> {
        self.payload.encode(self.encoding())
    }

    /// How requests are written.
    pub fn encoding(&self) -> Encoding {
        if self.work == Work::Json { Encoding::Json } else { Encoding::Proto }
    }

    /// Requests that leave the pipeline as one.
    pub fn requests_per_round(&self) -> u64 {
        match (self.work, self.payload) {
            (Work::Batch, Payload::OneSpan) => 50,
            (Work::Batch, Payload::ThousandLogs) => 8,
            _ => 1,
        }
    }

    /// Requests after which caches, tables and buffers have the size they keep: whole rounds.
    pub fn requests_to_warm_up(&self) -> u64 {
        match self.payload {
            Payload::OneSpan => 200,
            Payload::ThousandLogs => 24,
        }
    }

    /// Requests that are enough for a count without timing: whole rounds.
    pub fn requests_to_measure(&self) -> u64 {
        match self.payload {
            Payload::OneSpan => 1000,
            Payload::ThousandLogs => 48,
        }
    }

    /// Items that fill a batch: those of one round.
    pub fn batch_items(&self) -> u64 {
        self.requests_per_round() * self.payload.items()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_counts_whole_rounds() {
        let all: Vec<Scenario> = Scenario::all().collect();
        assert_eq!(all.len(), 10);
        for scenario in all {
            assert_eq!(Scenario::named(&scenario.name()), Ok(scenario));
            assert!(scenario.requests_to_warm_up().is_multiple_of(scenario.requests_per_round()));
            assert!(scenario.requests_to_measure().is_multiple_of(scenario.requests_per_round()));
        }
        assert!(Scenario::named("s9-pass-http").is_err());
    }
}
