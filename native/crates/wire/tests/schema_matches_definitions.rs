//! The committed table is what the definitions in `proto/` say, and they say what the published ones say.
//!
//! The published definitions are those inside the opentelemetry-proto crate, release 1.10. Release 1.11 adds a message
//! for process contexts, which no service carries, and changes none of the messages here.

#![allow(clippy::unwrap_used)] // helpers of tests are not tests to clippy

#[path = "../examples/generate-schema/generator.rs"]
mod generator;

use std::path::PathBuf;
use std::process::Command;

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use teleferric_wire::schema::{self, Field, Kind, Message};

#[test]
fn committed_table_is_what_the_generator_writes() {
    let committed = std::fs::read_to_string(generator::generated_file()).unwrap();
    let fresh = generator::generate(&generator::project_definitions());
    assert!(committed == fresh, "run `cargo run -p teleferric-wire --example generate-schema`");
}

#[test]
fn definitions_equal_the_published_ones_field_by_field() {
    let (ours, published) = (generator::project_definitions(), published_definitions());
    assert_eq!(facts(&ours), facts(&published));
    assert!(facts(&ours).len() > 200, "the comparison saw hardly anything");
}

#[test]
fn status_definitions_compile() {
    let set = generator::compile(
        &generator::project_folder(),
        &["google/rpc/status.proto", "google/rpc/error_details.proto"],
    );
    assert!(generator::messages(&set).contains_key("google.rpc.RetryInfo"));
}

#[test]
fn table_equals_the_published_definitions_field_by_field() {
    let published = published_definitions();
    let messages = generator::messages(&published);
    assert_eq!(messages.len(), schema::ALL.len());
    for table in schema::ALL {
        let published = messages[table.name];
        assert_eq!(table.fields.len(), published.field.len(), "{}", table.name);
        assert!(table.fields.is_sorted_by_key(|field| field.number), "{}", table.name);
        for field in &published.field {
            compare(table, table.field(field.number() as u32).unwrap(), published, field);
        }
    }
}

#[test]
fn enumerations_equal_the_published_ones() {
    let published = published_definitions();
    let enums = generator::enums(&published);
    let mut compared = 0;
    for field in schema::ALL.iter().flat_map(|message| message.fields) {
        if let Kind::Enum(table) = field.kind {
            let values: Vec<(&str, i32)> =
                enums[table.name].value.iter().map(|value| (value.name(), value.number())).collect();
            assert_eq!(values, table.values, "{}", table.name);
            compared += 1;
        }
    }
    assert_eq!(compared, 6);
}

fn compare(message: &Message, ours: &Field, owner: &DescriptorProto, theirs: &FieldDescriptorProto) {
    let place = format!("{}.{}", message.name, theirs.name());
    assert_eq!(ours.name, theirs.name(), "{place}");
    assert_eq!(ours.json_name, theirs.json_name(), "{place}");
    assert_eq!(ours.repeated, theirs.label() == Label::Repeated, "{place}");
    assert_eq!(ours.optional, theirs.proto3_optional(), "{place}");
    let oneof = theirs.oneof_index.filter(|_| !theirs.proto3_optional());
    assert_eq!(
        ours.oneof.map(|index| message.oneofs[index as usize]),
        oneof.map(|index| owner.oneof_decl[index as usize].name()),
        "{place}"
    );
    let (kind, type_name) = match ours.kind {
        Kind::Double => (Type::Double, None),
        Kind::Fixed64 => (Type::Fixed64, None),
        Kind::Sfixed64 => (Type::Sfixed64, None),
        Kind::Fixed32 => (Type::Fixed32, None),
        Kind::Int32 => (Type::Int32, None),
        Kind::Uint32 => (Type::Uint32, None),
        Kind::Sint32 => (Type::Sint32, None),
        Kind::Int64 => (Type::Int64, None),
        Kind::Uint64 => (Type::Uint64, None),
        Kind::Bool => (Type::Bool, None),
        Kind::String => (Type::String, None),
        Kind::Bytes | Kind::TraceId | Kind::SpanId | Kind::ProfileId => (Type::Bytes, None),
        Kind::Enum(table) => (Type::Enum, Some(table.name)),
        Kind::Message(inner) => (Type::Message, Some(inner.name)),
    };
    assert_eq!(kind, theirs.r#type(), "{place}");
    assert_eq!(type_name, theirs.type_name.as_deref().map(|name| name.trim_start_matches('.')), "{place}");
}

/// One line for each field, method and enumeration value.
fn facts(set: &FileDescriptorSet) -> Vec<String> {
    let mut facts = Vec::new();
    for (name, message) in generator::messages(set) {
        for field in &message.field {
            let oneof = field.oneof_index.map(|index| message.oneof_decl[index as usize].name());
            facts.push(format!(
                "{name}.{} = {} {} {:?} {:?} {:?} {:?}",
                field.name(),
                field.number(),
                field.json_name(),
                field.r#type(),
                field.label(),
                field.type_name,
                oneof
            ));
        }
        for range in &message.reserved_range {
            facts.push(format!("{name} reserves {}..{}", range.start(), range.end()));
        }
    }
    for (name, table) in generator::enums(set) {
        facts.extend(table.value.iter().map(|value| format!("{name}.{} = {}", value.name(), value.number())));
    }
    for file in &set.file {
        for service in &file.service {
            facts.extend(service.method.iter().map(|method| {
                let (input, output) = (method.input_type(), method.output_type());
                format!("{}.{}.{}: {input} -> {output}", file.package(), service.name(), method.name())
            }));
        }
    }
    facts.sort();
    facts
}

/// The definitions that the opentelemetry-proto crate ships next to its generated code.
fn published_definitions() -> FileDescriptorSet {
    generator::compile(&package_folder("opentelemetry-proto").join("src/proto/opentelemetry-proto"), &generator::ROOTS)
}

/// Where cargo keeps the source of a locked dependency.
fn package_folder(name: &str) -> PathBuf {
    // Without a platform, cargo would want the sources of every other platform's packages too.
    let version = output(Command::new("rustc").arg("-vV"));
    let platform = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = output(
        Command::new(env!("CARGO"))
            .args(["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", platform])
            .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]),
    );
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let manifest = packages.iter().find(|package| package["name"] == name).unwrap()["manifest_path"].as_str().unwrap();
    PathBuf::from(manifest).parent().unwrap().to_path_buf()
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
