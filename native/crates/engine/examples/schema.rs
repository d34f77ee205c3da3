//! Prints the JSON Schema of the configuration document and of every component's settings, for the generator of the
//! TypeScript declarations.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    let components = teleferric_parts::settings::schema::components();
    let document = schemars::schema_for!(teleferric_engine::document::Document);
    println!("{}", serde_json::json!({ "document": document, "components": components }));
}
