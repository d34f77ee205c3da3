//! One file per value of a resource attribute, a bounded number of them open.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use teleferric_wire::Signal;
use teleferric_wire::cursor::Fields;
use teleferric_wire::view::{Record, Request};

use super::GroupBy;
use super::files::{self, FileOptions, OpenFile};
use super::segment::segment;

/// The name of resources that have no value there.
const MISSING: &str = "MISSING";

/// Files by the value that names them.
pub(super) struct Groups {
    before: String,
    after: String,
    attribute: String,
    open_max: usize,
    options: FileOptions,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    files: HashMap<String, (Arc<OpenFile>, u64)>,
    /// Counts uses, to know which file was unused longest.
    clock: u64,
}

/// What goes into one file.
pub(super) struct Group {
    /// The part of the path.
    pub(super) segment: String,
    /// A request of the group's resources.
    pub(super) chunks: Vec<Bytes>,
    /// Items in it.
    pub(super) items: u64,
}

impl Groups {
    /// Files at `path`, whose only `*` stands for the value.
    ///
    /// # Errors
    /// A path without exactly one `*`, or whose directory is not there and cannot be made.
    pub(super) fn new(path: &str, group: &GroupBy, options: FileOptions) -> Result<Self, String> {
        let (before, after) = path
            .split_once('*')
            .filter(|(before, after)| !before.is_empty() && !after.contains('*'))
            .ok_or("path must contain exactly one * when group_by is enabled, and not begin with it")?;
        let base = match before.rfind(std::path::is_separator) {
            Some(end) => Path::new(before.get(..=end).unwrap_or(before)),
            None => Path::new("."),
        };
        files::ready_directory(base, &options)?;
        Ok(Groups {
            before: before.to_owned(),
            after: after.to_owned(),
            attribute: group.resource_attribute.clone(),
            open_max: usize::try_from(group.max_open_files).unwrap_or(usize::MAX).max(1),
            options,
            open: Mutex::default(),
        })
    }

    /// The resources of a request by file, in the order of their first.
    pub(super) fn split(&self, signal: Signal, chunks: &[Bytes]) -> Vec<Group> {
        let resources = signal.request().fields.first().map_or(0, |field| field.number);
        let mut groups: Vec<(Group, Vec<u8>)> = Vec::new();
        let mut by_segment: HashMap<String, usize> = HashMap::new();
        // What stands beside the resources, such as the dictionary of profiles, belongs to all of them.
        let mut common = Vec::new();
        for field in chunks.iter().flat_map(|chunk| Fields::new(chunk)) {
            if field.number != resources {
                common.extend_from_slice(field.raw);
                continue;
            }
            let segment = self.segment_of(signal, field.raw);
            let index = *by_segment.entry(segment.clone()).or_insert_with(|| {
                groups.push((Group { segment, chunks: Vec::new(), items: 0 }, Vec::new()));
                groups.len() - 1
            });
            if let Some((group, bytes)) = groups.get_mut(index) {
                bytes.extend_from_slice(field.raw);
                group.items += items(signal, field.raw);
            }
        }
        let finish = |(mut group, mut bytes): (Group, Vec<u8>)| {
            bytes.extend_from_slice(&common);
            group.chunks.push(Bytes::from(bytes));
            group
        };
        groups.into_iter().map(finish).collect()
    }

    /// The file of a group, opened if need be, in the place of the one unused longest.
    ///
    /// # Errors
    /// When it cannot be opened, or the other cannot be written out.
    pub(super) fn file(&self, segment: &str) -> Result<Arc<OpenFile>, String> {
        let mut open = self.open.lock();
        open.clock += 1;
        let now = open.clock;
        if let Some((file, used)) = open.files.get_mut(segment) {
            *used = now;
            return Ok(Arc::clone(file));
        }
        let unused = open.files.iter().min_by_key(|(_, (_, used))| *used).map(|(segment, _)| segment.clone());
        if let Some(unused) = unused.filter(|_| open.files.len() >= self.open_max) {
            if let Some((file, _)) = open.files.get(&unused) {
                file.try_flush()?;
            }
            open.files.remove(&unused);
        }
        let path = PathBuf::from(format!("{}{segment}{}", self.before, self.after));
        let file = files::open(&path, &self.options)?;
        open.files.insert(segment.to_owned(), (Arc::clone(&file), now));
        Ok(file)
    }

    /// Writes out what waits.
    pub(super) fn flush(&self) {
        let files: Vec<_> = self.open.lock().files.values().map(|(file, _)| Arc::clone(file)).collect();
        files.iter().for_each(|file| file.flush());
    }

    fn segment_of(&self, signal: Signal, resource: &[u8]) -> String {
        let resource = Request::new(signal, resource).resources().next();
        let value = resource.and_then(|resource| resource.attributes().get(&self.attribute));
        match value.map(|value| value.to_text().into_owned()).filter(|text| !text.is_empty()) {
            Some(text) => segment(&text),
            None => MISSING.to_owned(),
        }
    }
}

fn items(signal: Signal, resource: &[u8]) -> u64 {
    let records = Request::new(signal, resource).resources().flat_map(|entry| entry.scopes());
    let count = |record| match record {
        Record::Span(_) | Record::Log(_) => 1,
        Record::Metric(metric) => metric.points().count() as u64,
        Record::Profile(profile) => profile.sample_count() as u64,
    };
    records.flat_map(|scope| scope.records()).map(count).sum()
}
