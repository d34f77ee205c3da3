//! From protobuf definitions to the text of the schema table. Shared with the tests, which compare the committed
//! table with what this writes, and the project's definitions with the published ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The OTLP definitions the table is made of; imports come along.
pub const ROOTS: [&str; 4] = [
    "opentelemetry/proto/collector/trace/v1/trace_service.proto",
    "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
    "opentelemetry/proto/collector/logs/v1/logs_service.proto",
    "opentelemetry/proto/collector/profiles/v1development/profiles_service.proto",
];

/// The committed table.
pub fn generated_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema/generated.rs")
}

/// The project's own definitions.
pub fn project_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../proto")
}

/// The definitions in `proto/`, compiled.
pub fn project_definitions() -> FileDescriptorSet {
    compile(&project_folder(), &ROOTS)
}

/// These files below a folder and what they import, compiled.
pub fn compile(folder: &Path, files: &[&str]) -> FileDescriptorSet {
    protox::compile(files, [folder]).expect("the definitions compile")
}

/// Every message of the set by full name, nested ones included.
pub fn messages(set: &FileDescriptorSet) -> BTreeMap<String, &DescriptorProto> {
    fn add<'a>(prefix: &str, message: &'a DescriptorProto, into: &mut BTreeMap<String, &'a DescriptorProto>) {
        let name = format!("{prefix}.{}", message.name());
        for nested in &message.nested_type {
            add(&name, nested, into);
        }
        into.insert(name, message);
    }
    let mut found = BTreeMap::new();
    for file in &set.file {
        for message in &file.message_type {
            add(file.package(), message, &mut found);
        }
    }
    found
}

/// Every enumeration of the set by full name, nested ones included.
pub fn enums(set: &FileDescriptorSet) -> BTreeMap<String, &EnumDescriptorProto> {
    let mut found = BTreeMap::new();
    for file in &set.file {
        for table in &file.enum_type {
            found.insert(format!("{}.{}", file.package(), table.name()), table);
        }
    }
    for (name, message) in messages(set) {
        for table in &message.enum_type {
            found.insert(format!("{name}.{}", table.name()), table);
        }
    }
    found
}

/// The text of the table.
pub fn generate(set: &FileDescriptorSet) -> String {
    let (messages, enums) = (messages(set), enums(set));
    let mut text = String::from(HEADER);
    let names: Vec<String> = messages.keys().map(|name| format!("&{}", static_name(name))).collect();
    let _ =
        write!(text, "\n/// Every message.\npub static ALL: &[&Message] = &[\n    {},\n];\n", names.join(",\n    "));
    for (name, message) in &messages {
        write_message(&mut text, name, message);
    }
    for (name, table) in &enums {
        write_enum(&mut text, name, table);
    }
    text
}

fn write_message(text: &mut String, name: &str, message: &DescriptorProto) {
    let mut fields: Vec<&FieldDescriptorProto> = message.field.iter().collect();
    fields.sort_by_key(|field| field.number());
    // `optional` is written as a oneof of one in descriptors; those come last and are not oneofs of the definition.
    let oneofs: Vec<String> = (message.oneof_decl.iter().enumerate())
        .filter(|(index, _)| !message.field.iter().any(|f| f.proto3_optional() && f.oneof_index == Some(*index as i32)))
        .map(|(_, oneof)| format!("{:?}", oneof.name()))
        .collect();
    let _ = write!(
        text,
        "\n/// `{name}`\npub static {}: Message = Message::new(\n    {name:?},\n    Role::{},\n    &[\n",
        static_name(name),
        role(message.name()),
    );
    for field in fields {
        let _ = writeln!(text, "        {},", field_text(field));
    }
    let _ = writeln!(text, "    ],\n    &[{}],\n);", oneofs.join(", "));
}

fn field_text(field: &FieldDescriptorProto) -> String {
    let mut text =
        format!("Field::new({}, {:?}, {:?}, {})", field.number(), field.name(), field.json_name(), kind(field));
    if field.label() == Label::Repeated {
        text.push_str(".repeated()");
    }
    match (field.proto3_optional(), field.oneof_index) {
        (true, _) => text.push_str(".optional()"),
        (false, Some(index)) => {
            let _ = write!(text, ".oneof({index})");
        }
        (false, None) => {}
    }
    text
}

fn kind(field: &FieldDescriptorProto) -> String {
    let plain = match field.r#type() {
        Type::Double => "Double",
        Type::Fixed64 => "Fixed64",
        Type::Sfixed64 => "Sfixed64",
        Type::Fixed32 => "Fixed32",
        Type::Int32 => "Int32",
        Type::Uint32 => "Uint32",
        Type::Sint32 => "Sint32",
        Type::Int64 => "Int64",
        Type::Uint64 => "Uint64",
        Type::Bool => "Bool",
        Type::String => "String",
        Type::Bytes => match field.name() {
            "trace_id" => "TraceId",
            "span_id" | "parent_span_id" => "SpanId",
            "profile_id" => "ProfileId",
            _ => "Bytes",
        },
        Type::Message => return format!("Kind::Message(&{})", static_name(field.type_name())),
        Type::Enum => return format!("Kind::Enum(&{})", static_name(field.type_name())),
        other => panic!("{}: OTLP has no fields of type {other:?}; teach the schema first", field.name()),
    };
    format!("Kind::{plain}")
}

fn role(message: &str) -> &'static str {
    match message {
        "ResourceSpans" | "ResourceMetrics" | "ResourceLogs" | "ResourceProfiles" => "ResourceEntry",
        "ScopeSpans" | "ScopeMetrics" | "ScopeLogs" | "ScopeProfiles" => "ScopeEntry",
        "Metric" | "Profile" => "Record",
        "Span" | "LogRecord" | "Sample" => "Item",
        points if points.ends_with("DataPoint") => "Item",
        "AnyValue" => "Value",
        _ => "Other",
    }
}

fn write_enum(text: &mut String, name: &str, table: &EnumDescriptorProto) {
    let _ = write!(
        text,
        "\n/// `{name}`\npub static {}: EnumTable = EnumTable {{\n    name: {name:?},\n    values: &[\n",
        static_name(name)
    );
    for value in &table.value {
        let _ = writeln!(text, "        ({:?}, {}),", value.name(), value.number());
    }
    text.push_str("    ],\n};\n");
}

/// `.opentelemetry.proto.trace.v1.Span.SpanKind` becomes `SPAN_SPAN_KIND`: the packages go, the nesting stays.
fn static_name(full_name: &str) -> String {
    let mut name = String::new();
    for part in full_name.split('.').filter(|part| part.starts_with(|c: char| c.is_ascii_uppercase())) {
        for c in part.chars() {
            if c.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(c.to_ascii_uppercase());
        }
    }
    name
}

const HEADER: &str =
    "//! Generated from `proto/` by the example `generate-schema`. Do not edit; change the definitions instead.

use super::{EnumTable, Field, Kind, Message, Role};
";
