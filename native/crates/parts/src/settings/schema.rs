//! JSON Schemas of every component's settings, from which the control plane's types are generated.

use schemars::{Schema, schema_for};
use serde_json::{Map, Value, json};

use crate::{connectors, exporters, processors, receivers};

/// Kind → type → schema.
pub fn components() -> Value {
    json!({
        "receivers": table([
            ("generator", schema_for!(receivers::generator::GeneratorConfig)),
            ("nop", schema_for!(receivers::nop::NopConfig)),
            ("otlp", schema_for!(receivers::otlp::OtlpConfig)),
            ("ts", schema_for!(receivers::ts::TsReceiverConfig)),
        ]),
        "processors": table([
            ("attributes", schema_for!(processors::attributes::AttributesConfig)),
            ("batch", schema_for!(processors::batch::BatchConfig)),
            ("filter", schema_for!(processors::filter::FilterConfig)),
            ("memory_limiter", schema_for!(processors::memory_limiter::MemoryLimiterConfig)),
            ("resource", schema_for!(processors::attributes::AttributesConfig)),
            ("ts", schema_for!(processors::ts::TsProcessorConfig)),
        ]),
        "exporters": table([
            ("debug", schema_for!(exporters::debug::DebugConfig)),
            ("file", schema_for!(exporters::file::FileConfig)),
            ("load_balancing", schema_for!(exporters::load_balancing::LoadBalancingConfig)),
            ("nop", schema_for!(exporters::nop::NopConfig)),
            ("otlp_grpc", schema_for!(exporters::otlp_grpc::OtlpGrpcConfig)),
            ("otlp_http", schema_for!(exporters::otlp_http::OtlpHttpConfig)),
            ("ts", schema_for!(exporters::ts::TsExporterConfig)),
        ]),
        "connectors": table([
            ("failover", schema_for!(connectors::failover::FailoverConfig)),
            ("forward", schema_for!(connectors::forward::ForwardConfig)),
        ]),
    })
}

fn table<const N: usize>(rows: [(&str, Schema); N]) -> Value {
    let rows: Map<String, Value> =
        rows.into_iter().map(|(kind, schema)| (kind.to_owned(), schema.to_value())).collect();
    Value::Object(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn every_registered_component_has_a_schema() {
        let schemas = components();
        let registered = registry::components();
        for (kind, types) in registered.as_object().into_iter().flatten() {
            let types: Vec<_> = types.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let described: Vec<_> = schemas[kind].as_object().into_iter().flatten().map(|(name, _)| name).collect();
            assert_eq!(types, described, "{kind}");
        }
    }
}
