//! What prost, an independent reader, makes of a request.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::{DecodeError, Message};
use teleferric_wire::{Counts, Signal};

/// A request as prost reads it.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// What it holds.
    pub counts: Counts,
    /// The encoded items, in order; for profiles the samples.
    pub items: Vec<Vec<u8>>,
}

/// Reads a request.
///
/// # Errors
/// What prost says.
pub fn read(signal: Signal, bytes: &[u8]) -> Result<Read, DecodeError> {
    let mut read = Read::default();
    match signal {
        Signal::Traces => {
            for resource in ExportTraceServiceRequest::decode(bytes)?.resource_spans {
                read.counts.resources += 1;
                for scope in resource.scope_spans {
                    read.counts.scopes += 1;
                    read.counts.records += scope.spans.len() as u64;
                    read.add(&scope.spans);
                }
            }
        }
        Signal::Logs => {
            for resource in ExportLogsServiceRequest::decode(bytes)?.resource_logs {
                read.counts.resources += 1;
                for scope in resource.scope_logs {
                    read.counts.scopes += 1;
                    read.counts.records += scope.log_records.len() as u64;
                    read.add(&scope.log_records);
                }
            }
        }
        Signal::Metrics => {
            for resource in ExportMetricsServiceRequest::decode(bytes)?.resource_metrics {
                read.counts.resources += 1;
                for scope in resource.scope_metrics {
                    read.counts.scopes += 1;
                    read.counts.records += scope.metrics.len() as u64;
                    scope.metrics.iter().for_each(|metric| read.add_points(metric.data.as_ref()));
                }
            }
        }
        Signal::Profiles => {
            for resource in ExportProfilesServiceRequest::decode(bytes)?.resource_profiles {
                read.counts.resources += 1;
                for scope in resource.scope_profiles {
                    read.counts.scopes += 1;
                    read.counts.records += scope.profiles.len() as u64;
                    scope.profiles.iter().for_each(|profile| read.add(&profile.samples));
                }
            }
        }
    }
    read.counts.items = read.items.len() as u64;
    Ok(read)
}

impl Read {
    fn add(&mut self, items: &[impl Message]) {
        self.items.extend(items.iter().map(Message::encode_to_vec));
    }

    fn add_points(&mut self, data: Option<&Data>) {
        match data {
            None => {}
            Some(Data::Gauge(data)) => self.add(&data.data_points),
            Some(Data::Sum(data)) => self.add(&data.data_points),
            Some(Data::Histogram(data)) => self.add(&data.data_points),
            Some(Data::ExponentialHistogram(data)) => self.add(&data.data_points),
            Some(Data::Summary(data)) => self.add(&data.data_points),
        }
    }
}
