//! Exporter `file`: one record a request, as a line of OTLP/JSON or as protobuf behind its length.
//!
//! A request counts as taken once its record is in the file's buffer, which is written out when it is full, when
//! `flush_interval` has passed, and at the end. Writing happens on the data-plane thread: a regular file's writes end
//! in the page cache, and a pipe whose reader stands still holds its writers up.

mod files;
mod group;
mod journal;
mod rotation;
mod segment;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use teleferric_buf::Pool;
use teleferric_codec::Codec;
use teleferric_flow::log::{Level, Log};
use teleferric_flow::{Account, Exporter, Fault, FaultCode, LocalFuture, Outcome, Parcel};
use teleferric_wire::{Signal, json};
use tokio::time::Instant;

use self::files::{FileOptions, OpenFile};
use self::group::Groups;
use self::rotation::Rotation;
use super::compression::compress;
use crate::component::{ExporterPart, Shared, StartError};
use crate::registry::Configured;
use crate::settings::{delivery, nanoseconds};

/// Settings of the exporter.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FileConfig {
    /// The file; with `group_by`, one `*` in it stands for the group.
    pub path: String,
    /// How a record is written.
    pub format: Format,
    /// Empty, or zstd: then every record is a frame behind its length.
    pub compression: String,
    /// Fine tuning of the compression.
    pub compression_params: CompressionParams,
    /// Whether to go on with a file that exists. With `rotation` or `group_by` that is always so.
    pub append: bool,
    /// When a new file is begun; none: never.
    pub rotation: Option<RotationConfig>,
    /// Longest time that records stay in memory, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub flush_interval: Duration,
    /// Several files, if any.
    pub group_by: Option<GroupBy>,
    /// Whether a missing directory is made.
    pub create_directory: bool,
    /// Permissions of a directory that is made, octal.
    pub directory_permissions: String,
}

/// How a record is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A line of OTLP/JSON.
    Json,
    /// Protobuf behind four bytes of length, big endian.
    Proto,
}

/// `compression_params`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CompressionParams {
    /// Effort; 0 is the default.
    pub level: i32,
}

/// `rotation`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RotationConfig {
    /// Size that no file passes, unless a single record does, MiB.
    pub max_megabytes: u64,
    /// How long old files are kept, days; 0: for ever.
    pub max_days: u64,
    /// How many old files are kept; 0: all.
    pub max_backups: u64,
    /// Whether old files are named by local time instead of UTC.
    pub localtime: bool,
}

/// `group_by`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GroupBy {
    /// The resource attribute whose value names the file.
    pub resource_attribute: String,
    /// Files open at once.
    pub max_open_files: u64,
}

/// Builds the exporter.
pub fn build(component: Configured<'_>, signal: Signal, shared: &Arc<Shared>) -> Result<ExporterPart, StartError> {
    let config: FileConfig = component.settings()?;
    let handles = shared.handles("exporter", component.id, signal);
    let part = Part::open(&config, signal, shared.pool.clone(), &handles.log, &handles.account)?;
    let (template, destination) = (part.template, part.destination);
    let truncate = !config.append && config.rotation.is_none();
    let make = move || {
        if let Destination::One(file) = &destination {
            files::begin(file, truncate).map_err(|error| StartError::new(file.cannot("empty", &error)))?;
        }
        Ok(Rc::new(File { template: template.clone(), destination: destination.clone() }) as Rc<dyn Exporter>)
    };
    Ok(ExporterPart::local(Box::new(make), delivery::direct()))
}

/// What the exporter's instances share.
struct Part {
    template: Template,
    destination: Destination,
}

#[derive(Clone)]
enum Destination {
    One(Arc<OpenFile>),
    Groups(Arc<Groups>),
}

/// How records are made.
#[derive(Clone)]
struct Template {
    signal: Signal,
    format: Format,
    codec: Option<Codec>,
    level: Option<i32>,
    pool: Pool,
}

impl Part {
    fn open(
        config: &FileConfig,
        signal: Signal,
        pool: Pool,
        log: &Log,
        account: &Arc<Account>,
    ) -> Result<Part, StartError> {
        let codec = match config.compression.as_str() {
            "" => None,
            "zstd" => Some(Codec::Zstd),
            other => return Err(StartError::new(format!("compression: \"{other}\" is not supported"))),
        };
        let level = (config.compression_params.level != 0).then_some(config.compression_params.level);
        let template = Template { signal, format: config.format, codec, level, pool };
        let options = FileOptions {
            rotation: config.rotation.as_ref().map(Rotation::new),
            flush_interval: config.flush_interval,
            create_directory: config.create_directory.then(|| permissions(config)).transpose()?,
            log: log.clone(),
            account: Arc::clone(account),
        };
        let destination = match &config.group_by {
            None => Destination::One(files::open(&PathBuf::from(&config.path), &options).map_err(StartError::new)?),
            Some(group) => {
                Destination::Groups(Arc::new(Groups::new(&config.path, group, options).map_err(StartError::new)?))
            }
        };
        Ok(Part { template, destination })
    }
}

fn permissions(config: &FileConfig) -> Result<u32, StartError> {
    u32::from_str_radix(&config.directory_permissions, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| StartError::new("directory_permissions value must be a valid octal representation"))
}

struct File {
    template: Template,
    destination: Destination,
}

impl Exporter for File {
    fn send<'a>(&'a self, parcel: &'a Parcel) -> LocalFuture<'a, Outcome> {
        Box::pin(std::future::ready(match self.write(parcel) {
            Ok(()) => Outcome::Accepted,
            Err(fault) => Outcome::Refused(fault),
        }))
    }

    fn flush(&self) {
        match &self.destination {
            Destination::One(file) => file.flush(),
            Destination::Groups(groups) => groups.flush(),
        }
    }

    fn close(&self, _deadline: Option<Instant>) -> LocalFuture<'_, ()> {
        self.flush();
        Box::pin(async {})
    }
}

impl File {
    fn write(&self, parcel: &Parcel) -> Result<(), Fault> {
        let chunks = parcel.payload.chunks();
        if chunks.is_empty() {
            return Ok(());
        }
        match &self.destination {
            Destination::One(file) => {
                self.template.record(chunks).and_then(|record| write(file, &record, parcel.items))
            }
            Destination::Groups(groups) => {
                // All records are made before the first is written, so that one that cannot be made costs no duplicates.
                let records = groups.split(self.template.signal, chunks).into_iter().map(|group| {
                    self.template.record(&group.chunks).map(|record| (group.segment, record, group.items))
                });
                for (segment, record, items) in records.collect::<Result<Vec<_>, Fault>>()? {
                    write(&groups.file(&segment).map_err(fault)?, &record, items)?;
                }
                Ok(())
            }
        }
    }
}

impl Template {
    /// A request as it stands in the file.
    fn record(&self, chunks: &[Bytes]) -> Result<Vec<u8>, Fault> {
        let mut text = Vec::new();
        if self.format == Format::Json {
            json::from_proto(self.signal, chunks, &mut text).map_err(|error| {
                Fault::new(FaultCode::DownstreamPermanent, format!("cannot write the request as json: {error}"))
            })?;
            if self.codec.is_none() {
                text.push(b'\n');
                return Ok(text);
            }
        }
        let json = [Bytes::from(text)];
        let plain = if self.format == Format::Json { &json[..] } else { chunks };
        framed(&compress(self.codec, self.level, plain, &self.pool)?)
    }
}

/// A record behind its length.
fn framed(chunks: &[Bytes]) -> Result<Vec<u8>, Fault> {
    let length: usize = chunks.iter().map(Bytes::len).sum();
    let Ok(prefix) = u32::try_from(length) else {
        return Err(Fault::new(FaultCode::DownstreamPermanent, "the request is too large for a record"));
    };
    let mut record = Vec::with_capacity(length + 4);
    record.extend_from_slice(&prefix.to_be_bytes());
    chunks.iter().for_each(|chunk| record.extend_from_slice(chunk));
    Ok(record)
}

fn write(file: &Arc<OpenFile>, record: &[u8], items: u64) -> Result<(), Fault> {
    file.write(record, items).map_err(|error| {
        file.tell(Level::Error, "cannot write file", &error);
        fault(error)
    })
}

/// A disk can be emptied and a directory made: what failed once may pass later.
fn fault(text: String) -> Fault {
    Fault::new(FaultCode::DownstreamTemporary, text)
}

#[cfg(test)]
mod tests;
