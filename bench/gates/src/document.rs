//! The configuration document of each scenario.
//!
//! `collector.json` is what the control plane writes for an `otlp` receiver with default settings, the two processors
//! and the two OTLP exporters, with these differences: one data-plane thread; no sending queue, so that the sender's
//! answer waits for the destination's; no compression; and timeouts of an hour, since what is left of a shorter one is
//! sent along by gRPC with more digits, which the clock would change from run to run.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::scenario::{Protocol, Scenario, Work};

/// The document that runs `scenario` and exports to `sink`.
pub fn of(scenario: &Scenario, sink: SocketAddr) -> String {
    let mut document: Value = serde_json::from_str(include_str!("collector.json")).expect("the file holds JSON");
    let (exporter, endpoint) = match scenario.protocol {
        Protocol::Http => ("otlp_http", format!("http://{sink}")),
        Protocol::Grpc => ("otlp_grpc", sink.to_string()),
    };
    let processor = match scenario.work {
        Work::Pass | Work::Json => None,
        Work::Batch => Some("batch"),
        Work::Insert => Some("attributes"),
    };
    let signal = scenario.payload.signal();
    keep(&mut document["service"]["pipelines"], |pipeline| pipeline["signal"] == signal);
    keep(&mut document["exporters"], |component| component["id"] == exporter);
    keep(&mut document["processors"], |component| Some(component["id"].as_str()) == processor.map(Some));
    document["service"]["pipelines"][0]["processors"] = processor.into_iter().collect();
    document["service"]["pipelines"][0]["exporters"] = json!([exporter]);
    document["exporters"][0]["config"]["client"]["endpoint"] = endpoint.into();
    if scenario.work == Work::Batch {
        document["processors"][0]["config"]["send_batch_size"] = scenario.batch_items().into();
    }
    document.to_string()
}

fn keep(list: &mut Value, wanted: impl FnMut(&Value) -> bool) {
    list.as_array_mut().expect("a list").retain(wanted);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_has_one_pipeline_and_what_it_names() {
        for scenario in Scenario::all() {
            let sink = SocketAddr::from(([127, 0, 0, 1], 4318));
            let document: Value = serde_json::from_str(&of(&scenario, sink)).expect("json");
            let ids = |section: &str| -> Vec<Value> {
                document[section].as_array().expect("a list").iter().map(|component| component["id"].clone()).collect()
            };
            let pipelines = document["service"]["pipelines"].as_array().expect("a list");
            assert_eq!(pipelines.len(), 1, "{}", scenario.name());
            for section in ["receivers", "processors", "exporters"] {
                assert_eq!(pipelines[0][section], Value::from(ids(section)), "{}", scenario.name());
            }
        }
    }
}
