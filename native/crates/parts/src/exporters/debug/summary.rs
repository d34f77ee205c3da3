//! What a batch holds, in numbers.

use bytes::Bytes;
use teleferric_wire::Signal;
use teleferric_wire::view::{Record, Request};

/// The line a batch gets.
pub(super) struct Summary {
    /// The message.
    pub(super) word: &'static str,
    /// Names and counts.
    pub(super) fields: Vec<(&'static str, u64)>,
}

impl Summary {
    /// Counts what is in `chunks`.
    pub(super) fn of(signal: Signal, chunks: &[Bytes]) -> Summary {
        let (mut resources, mut records, mut items) = (0, 0, 0);
        for resource in chunks.iter().flat_map(|chunk| Request::new(signal, chunk).resources()) {
            resources += 1;
            for record in resource.scopes().flat_map(|scope| scope.records()) {
                records += 1;
                items += match record {
                    Record::Span(_) | Record::Log(_) => 1,
                    Record::Metric(metric) => metric.points().count() as u64,
                    Record::Profile(profile) => profile.sample_count() as u64,
                };
            }
        }
        let (word, fields) = match signal {
            Signal::Traces => ("Traces", vec![("resource spans", resources), ("spans", items)]),
            Signal::Metrics => {
                ("Metrics", vec![("resource metrics", resources), ("metrics", records), ("data points", items)])
            }
            Signal::Logs => ("Logs", vec![("resource logs", resources), ("log records", items)]),
            Signal::Profiles => {
                let fields = vec![("resource profiles", resources), ("profiles", records), ("sample records", items)];
                ("Profiles", fields)
            }
        };
        Summary { word, fields }
    }
}
