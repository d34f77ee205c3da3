//! The four signals and the one table that says how they differ on the wire and in words.

use std::fmt;
use std::str::FromStr;

use crate::schema::{self, Field, Message};

/// A kind of telemetry. Code treats it as a value; what differs stands in its table row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics, counted in data points.
    Metrics,
    /// Log records and events.
    Logs,
    /// Profiles, counted in samples. In development.
    Profiles,
}

/// Not the name of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown signal")]
pub struct UnknownSignal;

impl Signal {
    /// Every signal, in the order of [`Signal::index`].
    pub const ALL: [Signal; 4] = [Signal::Traces, Signal::Metrics, Signal::Logs, Signal::Profiles];

    /// Position in [`Signal::ALL`], for tables with one row per signal.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name in configuration, logs and labels: `traces`.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Items in metric names, plural: `spans`, `metric_points`, `log_records`, `profile_samples`.
    pub const fn item_unit(self) -> &'static str {
        self.row().item_unit
    }

    /// An item in a sentence, singular: `span`, `data point`, `log record`, `profile sample`.
    pub const fn item_word(self) -> &'static str {
        self.row().item_word
    }

    /// The full gRPC method, which is also the HTTP/2 path.
    pub const fn grpc_method(self) -> &'static str {
        self.row().grpc_method
    }

    /// The default path of OTLP/HTTP.
    pub const fn http_path(self) -> &'static str {
        self.row().http_path
    }

    /// The export request.
    pub const fn request(self) -> &'static Message {
        self.row().request
    }

    /// The export response.
    pub const fn response(self) -> &'static Message {
        self.row().response
    }

    /// The message that counts what a peer rejected: field 1 is the count, field 2 the error message.
    pub const fn partial_success(self) -> &'static Message {
        self.row().partial_success
    }

    /// The field with the rejected count, such as `rejected_spans`.
    pub const fn rejected_field(self) -> &'static Field {
        match self.row().partial_success.fields {
            [rejected, ..] => rejected,
            [] => panic!("a partial success has fields"),
        }
    }

    /// Whether requests may be joined by concatenation and split. Profiles may not: their dictionary is shared by
    /// the whole request and addressed by index.
    pub const fn joinable(self) -> bool {
        !matches!(self, Signal::Profiles)
    }

    const fn row(self) -> &'static Row {
        match self {
            Signal::Traces => &TRACES,
            Signal::Metrics => &METRICS,
            Signal::Logs => &LOGS,
            Signal::Profiles => &PROFILES,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(name: &str) -> Result<Signal, UnknownSignal> {
        Signal::ALL.into_iter().find(|signal| signal.name() == name).ok_or(UnknownSignal)
    }
}

struct Row {
    name: &'static str,
    item_unit: &'static str,
    item_word: &'static str,
    grpc_method: &'static str,
    http_path: &'static str,
    request: &'static Message,
    response: &'static Message,
    partial_success: &'static Message,
}

static TRACES: Row = Row {
    name: "traces",
    item_unit: "spans",
    item_word: "span",
    grpc_method: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    http_path: "/v1/traces",
    request: &schema::EXPORT_TRACE_SERVICE_REQUEST,
    response: &schema::EXPORT_TRACE_SERVICE_RESPONSE,
    partial_success: &schema::EXPORT_TRACE_PARTIAL_SUCCESS,
};

static METRICS: Row = Row {
    name: "metrics",
    item_unit: "metric_points",
    item_word: "data point",
    grpc_method: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    http_path: "/v1/metrics",
    request: &schema::EXPORT_METRICS_SERVICE_REQUEST,
    response: &schema::EXPORT_METRICS_SERVICE_RESPONSE,
    partial_success: &schema::EXPORT_METRICS_PARTIAL_SUCCESS,
};

static LOGS: Row = Row {
    name: "logs",
    item_unit: "log_records",
    item_word: "log record",
    grpc_method: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    http_path: "/v1/logs",
    request: &schema::EXPORT_LOGS_SERVICE_REQUEST,
    response: &schema::EXPORT_LOGS_SERVICE_RESPONSE,
    partial_success: &schema::EXPORT_LOGS_PARTIAL_SUCCESS,
};

static PROFILES: Row = Row {
    name: "profiles",
    item_unit: "profile_samples",
    item_word: "profile sample",
    grpc_method: "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
    http_path: "/v1development/profiles",
    request: &schema::EXPORT_PROFILES_SERVICE_REQUEST,
    response: &schema::EXPORT_PROFILES_SERVICE_RESPONSE,
    partial_success: &schema::EXPORT_PROFILES_PARTIAL_SUCCESS,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_index_and_parse_back() {
        for (index, signal) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal.index(), index);
            assert_eq!(signal.name().parse(), Ok(signal));
            assert_eq!(signal.to_string(), signal.name());
        }
        assert_eq!("trace".parse::<Signal>(), Err(UnknownSignal));
    }

    #[test]
    fn request_response_and_rejected_count_belong_together() {
        for signal in Signal::ALL {
            let [partial] = signal.response().fields else { panic!("{signal}") };
            assert!(matches!(partial.kind, schema::Kind::Message(inner) if inner.is(signal.partial_success())));
            assert!(signal.grpc_method().starts_with(&format!("/{}", package(signal.request().name))));
            assert!(signal.rejected_field().name.starts_with("rejected_"));
            assert_eq!(signal.partial_success().fields[1].name, "error_message");
        }
        assert_eq!(Signal::Metrics.rejected_field().json_name, "rejectedDataPoints");
    }

    fn package(name: &str) -> &str {
        name.rsplit_once('.').unwrap().0
    }
}
