//! Edits against prost: splicing gives what decoding, editing the lists and encoding gives.

#![allow(clippy::unwrap_used)]

mod generate;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::profiles::v1development::ExportProfilesServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use prost::Message;
use sha2::{Digest, Sha256};
use teleferric_wire::edit::{Action, ConvertTo, Edits, Everything, Literal, Source, Target};
use teleferric_wire::{Limits, Signal, check, view};

const TENANT: &str = "tenant-1";

fn context(key: &str) -> Option<String> {
    (key == "a").then(|| TENANT.to_owned())
}

fn string(text: impl Into<String>) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

/// The meaning of an action on a decoded list.
fn act(list: &mut Vec<KeyValue>, action: &Action) {
    let at = |list: &[KeyValue], key: &str| list.iter().position(|member| member.key == key);
    let put = |list: &mut Vec<KeyValue>, key: &str, value: AnyValue| match at(list, key) {
        Some(index) => list[index].value = Some(value),
        None => list.push(KeyValue { key: key.to_owned(), value: Some(value), key_strindex: 0 }),
    };
    let from = |list: &[KeyValue], source: &Source| match source {
        Source::Literal(literal) => Some(AnyValue::decode(&literal.encode()[..]).unwrap()),
        Source::Attribute(key) => at(list, key).map(|index| list[index].value.clone().unwrap_or_default()),
        Source::Context(key) => context(key).map(string),
    };
    match action {
        Action::Insert { key, from: source }
        | Action::Update { key, from: source }
        | Action::Upsert { key, from: source } => {
            let wanted = match action {
                Action::Insert { .. } => at(list, key).is_none(),
                Action::Update { .. } => at(list, key).is_some(),
                _ => true,
            };
            if let (true, Some(value)) = (wanted, from(list, source)) {
                put(list, key, value);
            }
        }
        Action::Delete { key } => {
            at(list, key).map(|index| list.remove(index));
        }
        Action::DeletePattern { pattern } => {
            let pattern = regex::Regex::new(pattern).unwrap();
            list.retain(|member| !pattern.is_match(&member.key));
        }
        Action::Rename { key, to } => {
            if key != to && at(list, key).is_some() {
                at(list, to).map(|index| list.remove(index));
                let index = at(list, key).unwrap();
                list[index].key.clone_from(to);
            }
        }
        Action::Hash { key } => {
            if let Some(index) = at(list, key) {
                hash(&mut list[index]);
            }
        }
        Action::HashPattern { pattern } => {
            let pattern = regex::Regex::new(pattern).unwrap();
            list.iter_mut().filter(|member| pattern.is_match(&member.key)).for_each(hash);
        }
        Action::Extract { key, pattern } => {
            let pattern = regex::Regex::new(pattern).unwrap();
            let Some(index) = at(list, key) else { return };
            let Some(AnyValue { value: Some(Value::StringValue(text)) }) = list[index].value.clone() else { return };
            let Some(captures) = pattern.captures(&text) else { return };
            for name in pattern.capture_names().flatten() {
                put(list, name, string(captures.name(name).map_or("", |group| group.as_str())));
            }
        }
        Action::Convert { key, to } => {
            if let Some(index) = at(list, key)
                && let Some(value) = convert(&list[index].value.clone().unwrap_or_default(), *to)
            {
                list[index].value = Some(value);
            }
        }
    }
}

fn hash(member: &mut KeyValue) {
    let bytes = match member.value.clone().unwrap_or_default().value {
        Some(Value::StringValue(text)) => text.into_bytes(),
        Some(Value::BoolValue(flag)) => vec![u8::from(flag)],
        Some(Value::IntValue(int)) => int.to_le_bytes().to_vec(),
        Some(Value::DoubleValue(double)) => double.to_le_bytes().to_vec(),
        _ => Vec::new(),
    };
    let hex = if bytes.is_empty() { String::new() } else { format!("{:x}", Sha256::digest(bytes)) };
    member.value = Some(string(hex));
}

fn convert(value: &AnyValue, to: ConvertTo) -> Option<AnyValue> {
    let converted = match (to, value.value.clone()) {
        (ConvertTo::Text, Some(Value::StringValue(_))) => return None,
        // Its form has tests of its own.
        (ConvertTo::Text, _) => Value::StringValue(view::Value::of(&value.encode_to_vec()).to_text().into_owned()),
        (ConvertTo::Int, Some(Value::DoubleValue(double))) => Value::IntValue(double as i64),
        (ConvertTo::Int, Some(Value::BoolValue(flag))) => Value::IntValue(flag.into()),
        (ConvertTo::Int, Some(Value::StringValue(text))) => Value::IntValue(text.parse().ok()?),
        (ConvertTo::Double, Some(Value::IntValue(int))) => Value::DoubleValue(int as f64),
        (ConvertTo::Double, Some(Value::BoolValue(flag))) => Value::DoubleValue(if flag { 1.0 } else { 0.0 }),
        (ConvertTo::Double, Some(Value::StringValue(text))) => Value::DoubleValue(text.parse().ok()?),
        (ConvertTo::Bool, Some(Value::IntValue(int))) => Value::BoolValue(int != 0),
        (ConvertTo::Bool, Some(Value::DoubleValue(double))) => Value::BoolValue(double != 0.0),
        (ConvertTo::Bool, Some(Value::StringValue(text))) if text == "true" => Value::BoolValue(true),
        (ConvertTo::Bool, Some(Value::StringValue(text))) if ["t", "T", "1"].contains(&&*text) => {
            Value::BoolValue(true)
        }
        (ConvertTo::Bool, Some(Value::StringValue(text))) if ["f", "F", "0"].contains(&&*text) => {
            Value::BoolValue(false)
        }
        _ => return None,
    };
    Some(AnyValue { value: Some(converted) })
}

fn act_all(list: &mut Vec<KeyValue>, actions: &[Action]) {
    actions.iter().for_each(|action| act(list, action));
}

fn act_on_resource(resource: &mut Option<Resource>, actions: &[Action]) {
    let mut edited = resource.clone().unwrap_or_default();
    act_all(&mut edited.attributes, actions);
    if resource.is_some() || !edited.attributes.is_empty() {
        *resource = Some(edited);
    }
}

/// The request decoded, edited and encoded.
fn expected(signal: Signal, bytes: &[u8], target: Target, actions: &[Action]) -> Vec<u8> {
    let on_resource = target == Target::Resource;
    match signal {
        Signal::Traces => {
            let mut request = ExportTraceServiceRequest::decode(bytes).unwrap();
            for entry in &mut request.resource_spans {
                if on_resource {
                    act_on_resource(&mut entry.resource, actions);
                } else {
                    let spans = entry.scope_spans.iter_mut().flat_map(|scope| &mut scope.spans);
                    spans.for_each(|span| act_all(&mut span.attributes, actions));
                }
            }
            request.encode_to_vec()
        }
        Signal::Logs => {
            let mut request = ExportLogsServiceRequest::decode(bytes).unwrap();
            for entry in &mut request.resource_logs {
                if on_resource {
                    act_on_resource(&mut entry.resource, actions);
                } else {
                    let records = entry.scope_logs.iter_mut().flat_map(|scope| &mut scope.log_records);
                    records.for_each(|record| act_all(&mut record.attributes, actions));
                }
            }
            request.encode_to_vec()
        }
        Signal::Metrics => {
            let mut request = ExportMetricsServiceRequest::decode(bytes).unwrap();
            for entry in &mut request.resource_metrics {
                if on_resource {
                    act_on_resource(&mut entry.resource, actions);
                } else {
                    let metrics = entry.scope_metrics.iter_mut().flat_map(|scope| &mut scope.metrics);
                    metrics.for_each(|metric| act_on_points(metric.data.as_mut(), actions));
                }
            }
            request.encode_to_vec()
        }
        Signal::Profiles => {
            let mut request = ExportProfilesServiceRequest::decode(bytes).unwrap();
            if on_resource {
                request.resource_profiles.iter_mut().for_each(|entry| act_on_resource(&mut entry.resource, actions));
            }
            request.encode_to_vec()
        }
    }
}

fn act_on_points(data: Option<&mut Data>, actions: &[Action]) {
    match data {
        None => {}
        Some(Data::Gauge(data)) => {
            data.data_points.iter_mut().for_each(|point| act_all(&mut point.attributes, actions))
        }
        Some(Data::Sum(data)) => data.data_points.iter_mut().for_each(|point| act_all(&mut point.attributes, actions)),
        Some(Data::Histogram(data)) => {
            data.data_points.iter_mut().for_each(|point| act_all(&mut point.attributes, actions));
        }
        Some(Data::ExponentialHistogram(data)) => {
            data.data_points.iter_mut().for_each(|point| act_all(&mut point.attributes, actions));
        }
        Some(Data::Summary(data)) => {
            data.data_points.iter_mut().for_each(|point| act_all(&mut point.attributes, actions));
        }
    }
}

/// The request decoded and encoded, without edits.
fn normal(signal: Signal, bytes: &[u8]) -> Vec<u8> {
    expected(signal, bytes, Target::Record, &[])
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        generate::text().prop_map(Literal::Text),
        "x{100,200}".prop_map(Literal::Text),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Int),
        (-1e9_f64..1e9).prop_map(Literal::Double),
        Just(Literal::Empty),
        Just(Literal::Map(vec![("k".into(), Literal::Array(vec![Literal::Int(1), Literal::Bytes(vec![1, 2])]))])),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let key = || generate::key().prop_filter("a key is not empty", |key| !key.is_empty());
    let from = || {
        prop_oneof![
            3 => literal().prop_map(Source::Literal),
            1 => key().prop_map(Source::Attribute),
            1 => key().prop_map(Source::Context),
        ]
    };
    let pattern = || proptest::sample::select(&["^http", "a", ".", "name$", "q"][..]).prop_map(str::to_owned);
    let groups = || {
        proptest::sample::select(
            &[r"(?P<a>\w+)", r"(?P<b>[0-9]+)?(?P<extracted>.*)", r"^(?P<scheme>[a-z]+)/(?P<a>.)$"][..],
        )
        .prop_map(str::to_owned)
    };
    let to = proptest::sample::select(&[ConvertTo::Int, ConvertTo::Double, ConvertTo::Text, ConvertTo::Bool][..]);
    prop_oneof![
        (key(), from()).prop_map(|(key, from)| Action::Insert { key, from }),
        (key(), from()).prop_map(|(key, from)| Action::Update { key, from }),
        (key(), from()).prop_map(|(key, from)| Action::Upsert { key, from }),
        key().prop_map(|key| Action::Delete { key }),
        pattern().prop_map(|pattern| Action::DeletePattern { pattern }),
        (key(), key()).prop_map(|(key, to)| Action::Rename { key, to }),
        key().prop_map(|key| Action::Hash { key }),
        pattern().prop_map(|pattern| Action::HashPattern { pattern }),
        (key(), groups()).prop_map(|(key, pattern)| Action::Extract { key, pattern }),
        (key(), to).prop_map(|(key, to)| Action::Convert { key, to }),
    ]
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    proptest::collection::vec(action(), 1..5)
}

fn target() -> impl Strategy<Value = Target> {
    proptest::sample::select(&[Target::Resource, Target::Record][..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn splicing_equals_decoding_editing_and_encoding(
        (signal, bytes) in generate::any_request(),
        target in target(),
        actions in actions(),
    ) {
        let edits = Edits::compile(target, actions.clone()).unwrap();
        let expected = expected(signal, &bytes, target, &actions);
        match edits.apply(signal, &bytes, &Everything, &context) {
            Some(edited) => {
                let edited = edited.to_vec();
                let before = check(signal, &bytes, &Limits::default()).unwrap().counts();
                prop_assert_eq!(check(signal, &edited, &Limits::default()).unwrap().counts(), before);
                prop_assert_eq!(normal(signal, &edited), expected);
            }
            None => prop_assert_eq!(normal(signal, &bytes), expected),
        }
    }

    #[test]
    fn random_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        target in target(),
        actions in actions(),
    ) {
        let edits = Edits::compile(target, actions).unwrap();
        for signal in Signal::ALL {
            edits.apply(signal, &bytes, &Everything, &context);
        }
    }

    #[test]
    fn cut_requests_never_panic(
        (signal, bytes) in generate::any_request(),
        cut in any::<proptest::sample::Index>(),
        target in target(),
        actions in actions(),
    ) {
        let bytes = &bytes[..cut.index(bytes.len() + 1)];
        let edits = Edits::compile(target, actions).unwrap();
        edits.apply(signal, bytes, &Everything, &context);
    }
}
