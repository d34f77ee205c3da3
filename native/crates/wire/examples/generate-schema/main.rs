//! Writes `src/schema/generated.rs` from `proto/`. Run it after changing a definition:
//! `cargo run -p teleferric-wire --example generate-schema`.

mod generator;

fn main() {
    let text = generator::generate(&generator::project_definitions());
    std::fs::write(generator::generated_file(), text).expect("the generated file can be written");
}
