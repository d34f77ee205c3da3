//! OTLP requests that look like those of a busy web shop, the same ones for the same seed.

mod compress;
mod content;
mod json;
mod logs;
mod metrics;
mod traces;

pub use compress::{Compression, compress};

use clap::ValueEnum;
use content::Content;
use opentelemetry_proto::tonic::logs::v1::LogsData;
use opentelemetry_proto::tonic::metrics::v1::MetricsData;
use opentelemetry_proto::tonic::trace::v1::TracesData;
use prost::Message;

use crate::signal::Signal;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Encoding {
    Proto,
    Json,
}

/// What a request is to contain.
#[derive(Clone, Debug)]
pub struct PayloadSpec {
    pub signal: Signal,
    pub encoding: Encoding,
    /// Spans, log records, or data points.
    pub items: usize,
    pub seed: u64,
}

/// Writes the `nth` of the endlessly many requests that fit `spec`: one resource, one scope, `items` records.
pub fn generate(spec: &PayloadSpec, nth: u64) -> Vec<u8> {
    let content = &mut Content::new(spec.seed, nth);
    match spec.signal {
        Signal::Traces => written(
            &TracesData { resource_spans: vec![traces::resource_spans(content, spec.items)] },
            spec.encoding,
            json::traces,
        ),
        Signal::Metrics => written(
            &MetricsData { resource_metrics: vec![metrics::resource_metrics(content, spec.items)] },
            spec.encoding,
            json::metrics,
        ),
        Signal::Logs => written(
            &LogsData { resource_logs: vec![logs::resource_logs(content, spec.items)] },
            spec.encoding,
            json::logs,
        ),
    }
}

fn written<M: Message>(data: &M, encoding: Encoding, json: impl Fn(&M) -> serde_json::Value) -> Vec<u8> {
    match encoding {
        Encoding::Proto => data.encode_to_vec(),
        Encoding::Json => json(data).to_string().into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(signal: Signal, items: usize) -> PayloadSpec {
        PayloadSpec { signal, encoding: Encoding::Proto, items, seed: 1 }
    }

    const SIGNALS: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    #[test]
    fn same_seed_gives_same_bytes_and_another_gives_others() {
        for signal in SIGNALS {
            assert_eq!(generate(&spec(signal, 5), 3), generate(&spec(signal, 5), 3));
            assert_ne!(generate(&spec(signal, 5), 3), generate(&spec(signal, 5), 4));
            assert_ne!(generate(&spec(signal, 5), 3), generate(&PayloadSpec { seed: 2, ..spec(signal, 5) }, 3));
        }
    }

    #[test]
    fn sizes_are_those_of_real_telemetry() {
        for (signal, range) in [
            (Signal::Traces, 360..450), //
            (Signal::Metrics, 260..320),
            (Signal::Logs, 330..390),
        ] {
            let a_record = generate(&spec(signal, 1000), 0).len() / 1000;
            assert!(range.contains(&a_record), "{signal:?}: {a_record} bytes a record");
        }
        let single = generate(&spec(Signal::Traces, 1), 0).len();
        assert!((450..560).contains(&single), "one span takes {single} bytes");
    }

    #[test]
    fn compresses_as_real_telemetry_does() {
        for signal in SIGNALS {
            let plain = generate(&spec(signal, 1000), 0);
            let ratio = plain.len() as f64 / compress(Compression::Gzip, 1, &plain).len() as f64;
            assert!((4.2..5.8).contains(&ratio), "{signal:?}: ratio {ratio:.2}");
        }
    }

    #[test]
    fn every_record_carries_the_attributes_that_processors_edit() {
        let wanted = ["http.request.method", "http.route", "http.response.status_code", "user.email", "enduser.id"];
        let check = |attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]| {
            wanted.iter().all(|key| attributes.iter().filter(|attribute| attribute.key == *key).count() == 1)
        };
        let traces = TracesData::decode(&generate(&spec(Signal::Traces, 50), 0)[..]).expect("own bytes");
        let spans = &traces.resource_spans[0].scope_spans[0].spans;
        assert!(spans.len() == 50 && spans.iter().all(|span| check(&span.attributes)));
        let logs = LogsData::decode(&generate(&spec(Signal::Logs, 50), 0)[..]).expect("own bytes");
        let records = &logs.resource_logs[0].scope_logs[0].log_records;
        assert!(records.len() == 50 && records.iter().all(|record| check(&record.attributes)));
        let metrics = MetricsData::decode(&generate(&spec(Signal::Metrics, 50), 0)[..]).expect("own bytes");
        let points: Vec<_> =
            metrics.resource_metrics[0].scope_metrics[0].metrics.iter().flat_map(metrics::attributes_of).collect();
        assert!(points.len() == 50 && points.iter().all(|attributes| check(attributes)));
    }
}
