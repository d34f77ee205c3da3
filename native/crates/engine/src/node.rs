//! A stage as the plan has it, and what makes two of them the same. A stage is what it is made from and what it hands on
//! to: if neither has changed, a reload leaves its instances alone, with their queues, batches and connections.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use teleferric_parts::component::{ExporterPart, LevelsPart, StagePart};
use teleferric_wire::Signal;

use crate::document::Component;

/// One stage of the graph, of which every data-plane thread has an instance.
pub struct Node {
    /// Tells it from all other nodes of the collector, those of earlier graphs included.
    pub serial: Serial,
    /// What its instances are made by.
    pub part: Part,
    /// What it hands on to.
    pub next: Vec<Arc<Node>>,
    /// What it follows from.
    pub origin: Origin,
}

/// The generation of the graph that a node came with, and its place there.
pub type Serial = (u64, usize);

/// What makes the instances of a node.
pub enum Part {
    /// An exporter, behind its delivery.
    Exporter(Box<ExporterPart>),
    /// A processor or connector.
    Stage(Box<dyn StagePart>),
    /// A connector that chooses among levels of pipelines; with how many of `next` belong to each, best first.
    Levels(Box<dyn LevelsPart>, Vec<usize>),
}

/// What a node follows from. Nodes of equal origin are one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Where it stands.
    pub place: Place,
    kind: String,
    config: Value,
    /// The files that its settings name, with what tells a file from the one that was there before.
    files: Vec<(String, Option<(SystemTime, u64)>)>,
    /// What it hands on to.
    pub next: Vec<Serial>,
}

/// Where a node stands. Instances follow the Collector: one exporter per id and signal, one processor per id and
/// pipeline, one connector per id and pair of signals.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Its id and what it sends.
    Exporter(String, Signal),
    /// The pipeline and its id.
    Processor(String, String),
    /// Its id and what leads to it and away from it.
    Connector(String, Signal, Signal),
}

impl Place {
    /// The component's id.
    pub fn id(&self) -> &str {
        let (Place::Exporter(id, _) | Place::Processor(_, id) | Place::Connector(id, ..)) = self;
        id
    }
}

impl Origin {
    /// What the node of `component` at `place` follows from. Looks at the files that its settings name.
    pub fn new(place: Place, component: &Component, next: Vec<Serial>) -> Self {
        let mut files = Vec::new();
        collect_files(&component.config, &mut files);
        Origin { place, kind: component.kind.clone(), config: component.config.clone(), files, next }
    }
}

/// Files that are read when an instance is made, such as certificates: one that was replaced makes another node.
fn collect_files(config: &Value, files: &mut Vec<(String, Option<(SystemTime, u64)>)>) {
    match config {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(path) if key.ends_with("_file") => {
                        let found = std::fs::metadata(path).ok();
                        let stamp = found.and_then(|found| Some((found.modified().ok()?, found.len())));
                        files.push((path.clone(), stamp));
                    }
                    inner => collect_files(inner, files),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_files(value, files)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn origin(config: Value, next: &[Serial]) -> Origin {
        let component = Component { id: "otlp".to_owned(), kind: "otlp_grpc".to_owned(), config };
        Origin::new(Place::Exporter("otlp".to_owned(), Signal::Logs), &component, next.to_vec())
    }

    #[test]
    fn origins_differ_by_settings_and_by_what_follows() {
        let same = origin(json!({ "a": [1], "b": null }), &[(1, 2)]);
        assert!(same == origin(json!({ "b": null, "a": [1] }), &[(1, 2)]));
        assert!(same != origin(json!({ "a": [2], "b": null }), &[(1, 2)]));
        assert!(same != origin(json!({ "a": [1], "b": null }), &[(1, 3)]));
        assert!(same != origin(json!({ "a": [1], "b": null }), &[(1, 2), (1, 3)]));
    }

    #[test]
    fn origins_differ_by_the_files_that_settings_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ca.pem");
        let look = || origin(json!({ "tls": [{ "ca_file": path }] }), &[]);
        let missing = look();
        assert!(missing == look());
        std::fs::write(&path, "one").expect("room on the disk");
        let first = look();
        assert!(first != missing && first == look());
        std::fs::write(&path, "other").expect("room on the disk");
        assert!(look() != first);
    }
}
