//! Access and application logs.

use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};

use super::content::Content;

pub fn resource_logs(content: &mut Content, items: usize) -> ResourceLogs {
    let (resource, scope) = (content.resource(), content.scope());
    let (mut trace_id, mut span_id) = (Vec::new(), Vec::new());
    let log_records = (0..items)
        .map(|nth| {
            if nth % RECORDS_A_SPAN == 0 {
                (trace_id, span_id) = (content.id(16), content.id(8));
            }
            LogRecord { trace_id: trace_id.clone(), span_id: span_id.clone(), ..record(content) }
        })
        .collect();
    ResourceLogs {
        resource,
        scope_logs: vec![ScopeLogs { scope, log_records, ..ScopeLogs::default() }],
        ..ResourceLogs::default()
    }
}

fn record(content: &mut Content) -> LogRecord {
    let route = content.route();
    let attributes = content.attributes(route);
    let time_unix_nano = content.next_time();
    let (severity_number, severity_text) =
        [(9, "INFO"), (9, "INFO"), (9, "INFO"), (13, "WARN"), (17, "ERROR")][content.below(5) as usize];
    let body =
        format!("{} {route}: {} rows in {} us", content.pick(&MESSAGES), content.below(100), content.below(50_000));
    LogRecord {
        time_unix_nano,
        observed_time_unix_nano: time_unix_nano + 100_000,
        severity_number,
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body)) }),
        attributes,
        flags: 1,
        ..LogRecord::default()
    }
}

const RECORDS_A_SPAN: usize = 3;
const MESSAGES: [&str; 5] =
    ["request completed for", "cache miss for", "slow query behind", "retrying upstream of", "finished batch for"];
