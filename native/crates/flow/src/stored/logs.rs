//! The logs that are open: one for each folder, shared by all queues in it and by the graphs before and after a reload.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::HashMap;
use parking_lot::Mutex;
use teleferric_buf::metrics::Registration;
use teleferric_store::{
    Disk, DiskError, End, Key, LagPolicy, Log as StoreLog, LogError, LogSettings, Upkeep, WhenFull, Writer,
};
use teleferric_wire::Signal;

use super::letters::{self, DeadLetters};
use super::usage::Watch;
use super::{State, StoredQueue, queue_name};
use crate::handles::Handles;
use crate::log::{Level, Log};
use crate::metrics::register_log;

/// Where a queue lies and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageSettings {
    /// The folder that the user names; the log is in one below it.
    pub directory: PathBuf,
    /// The permissions to make it with if it is not there; none: it must be there.
    pub create: Option<u32>,
    /// How long to wait for another process that has it open.
    pub patience: Duration,
    /// How long a request is kept; zero is for ever.
    pub max_age: Duration,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// Bytes of the log.
    pub max_bytes: u64,
    /// The share of the file system that is left to others, percent.
    pub reserve_free_percent: u64,
    /// Whether an answer waits until the request has reached the disk.
    pub sync: bool,
    /// Bytes that dead letters may take of those of the log; none: there are no dead letters.
    pub dead_letter_bytes: Option<u64>,
    /// What goes when the queue is full, or the log because of it.
    pub lag_policy: LagPolicy,
    /// What happens when the log is full of what no such policy lets go.
    pub when_full: WhenFull,
    /// Whether a log that is damaged is not opened and left as it is.
    pub fail_on_damage: bool,
    /// Bytes of the log that are looked through in a second for damage; 0 is none.
    pub scrub_bytes_per_second: u64,
    /// What the log and the dead letters are encrypted with.
    pub key: Option<Key>,
}

/// Why a storage cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be opened.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The log in it cannot be opened.
    #[error("cannot open the log in {}: {error}", folder.display())]
    Log {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: LogError,
    },
}

/// All logs that are open.
#[derive(Default)]
pub struct StoredLogs(Mutex<HashMap<PathBuf, Weak<OpenLog>>>);

/// A log and its queues.
pub(super) struct OpenLog {
    pub(super) writer: Writer,
    /// Those of all its queues, if any of them keeps some.
    pub(super) letters: Option<Arc<DeadLetters>>,
    queues: Queues,
    _gauges: [Registration; 2],
}

/// The queues of a log that are in use, by their names.
pub(super) type Queues = Arc<Mutex<HashMap<String, Weak<State>>>>;

/// How often the log writes down how far its queues are: what was delivered since is delivered again after a crash.
const CHECKPOINT: Duration = Duration::from_secs(1);

impl StoredLogs {
    /// The queue of `exporter` for `signal` in the folder of `settings`, whose log is opened unless it is open: then it
    /// stays as it was opened. Blocks while it reads the log.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn queue(
        &self,
        settings: &StorageSettings,
        exporter: &str,
        signal: Signal,
        handles: &Handles,
    ) -> Result<StoredQueue, OpenError> {
        let open = self.open(settings, handles)?;
        let name = queue_name(exporter, signal);
        let known = open.queues.lock().get(&name).and_then(Weak::upgrade);
        let queue = match known {
            Some(state) => StoredQueue(state),
            None => {
                let keeps_letters = settings.dead_letter_bytes.is_some();
                let queue = StoredQueue::open(Arc::clone(&open), exporter, signal, keeps_letters, handles).await;
                let queue = queue.map_err(|error| failed(&settings.folder(), error))?;
                open.queues.lock().insert(name, Arc::downgrade(&queue.0));
                queue
            }
        };
        queue.set_lag_policy(settings.lag_policy);
        Ok(queue)
    }

    fn open(&self, settings: &StorageSettings, handles: &Handles) -> Result<Arc<OpenLog>, OpenError> {
        let folder = settings.folder();
        let mut logs = self.0.lock();
        if let Some(open) = logs.get(&folder).and_then(Weak::upgrade) {
            return Ok(open);
        }
        settings.make_directory().map_err(|error| DiskError::Folder { folder: settings.directory.clone(), error })?;
        let disk = Disk::open(&folder, settings.patience)?;
        let io = |error: std::io::Error| failed(&folder, error.into());
        let sizes = LogSettings {
            segment_bytes: settings.segment_bytes,
            max_bytes: settings.max_bytes.saturating_sub(settings.dead_letter_bytes.unwrap_or_default()),
            reserve_free_bytes: settings.reserve_free_bytes(&disk).map_err(io)?,
            sync: settings.sync,
            given_up_as: End::QueueFull,
            fail_on_damage: settings.fail_on_damage,
            key: settings.key.clone(),
        };
        let (store, found) = StoreLog::open(disk, sizes, random_uuid()).map_err(|error| failed(&folder, error))?;
        tell(&handles.log, &folder, &found);
        let letters = settings.dead_letter_bytes.map(|max_bytes| settings.letters(max_bytes, handles));
        let letters = letters.transpose()?.flatten();
        let queues = Queues::default();
        let watch = Watch::new(Arc::clone(&queues), handles);
        let writer = Writer::start(store, settings.upkeep(settings.when_full), watch).map_err(io)?;
        let gauges = register_log(&handles.metrics, &settings.directory.display().to_string(), writer.gauges());
        let open = Arc::new(OpenLog { writer, letters, queues, _gauges: gauges });
        logs.insert(folder, Arc::downgrade(&open));
        Ok(open)
    }
}

/// The folder of the log in a directory, beside what a Collector may have left there.
pub fn storage_folder(directory: &Path) -> PathBuf {
    directory.join("teleferric")
}

/// The folder of the log of dead letters in a directory.
pub fn dead_letter_folder(directory: &Path) -> PathBuf {
    storage_folder(directory).join("dlq")
}

pub(super) fn failed(folder: &Path, error: LogError) -> OpenError {
    OpenError::Log { folder: folder.to_owned(), error }
}

impl StorageSettings {
    fn folder(&self) -> PathBuf {
        storage_folder(&self.directory)
    }

    /// The dead letters, if they can be had: without, requests are taken and delivered all the same.
    ///
    /// # Errors
    /// They are damaged and nothing is to start then, or the key is another.
    fn letters(&self, max_bytes: u64, handles: &Handles) -> Result<Option<Arc<DeadLetters>>, OpenError> {
        match DeadLetters::open(self, max_bytes, handles) {
            Ok(letters) => Ok(Some(Arc::new(letters))),
            Err(error @ OpenError::Log { error: LogError::Damaged | LogError::NoKey | LogError::OtherKey, .. }) => {
                Err(error)
            }
            Err(error) => {
                letters::tell_missing(&handles.log, &error);
                Ok(None)
            }
        }
    }

    /// What the thread of a log of this storage does by itself.
    pub(super) fn upkeep(&self, when_full: WhenFull) -> Upkeep {
        let scrub_bytes_per_second = self.scrub_bytes_per_second;
        Upkeep { checkpoint: CHECKPOINT, scrub_bytes_per_second, when_full }
    }

    /// Bytes of the file system that are left to others.
    pub(super) fn reserve_free_bytes(&self, disk: &Disk) -> std::io::Result<u64> {
        Ok(disk.total_bytes()? / 100 * self.reserve_free_percent)
    }

    fn make_directory(&self) -> std::io::Result<()> {
        if self.directory.is_dir() {
            return Ok(());
        }
        let Some(permissions) = self.create else {
            return Err(std::io::Error::new(std::io::ErrorKind::NotFound, "directory must exist"));
        };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, permissions);
        #[cfg(not(unix))]
        let _ = permissions;
        builder.create(&self.directory)
    }
}

/// Says what was wrong with a log when it was opened.
pub(super) fn tell(log: &Log, folder: &Path, found: &teleferric_store::Opened) {
    let folder = folder.display().to_string();
    let at = ("directory", folder.as_str().into());
    if found.lost_bytes > 0 || found.strays > 0 {
        let fields = [at, ("lost_bytes", found.lost_bytes.into()), ("files_put_aside", found.strays.into())];
        log.emit(Level::Warn, "The storage is damaged. Going on with what can be read.", &fields);
    }
    if found.forgotten {
        let at = ("directory", folder.as_str().into());
        log.emit(Level::Warn, "The storage does not say what was delivered. All of it is sent again.", &[at]);
    }
}

/// Sixteen bytes that no other log has.
pub(super) fn random_uuid() -> [u8; 16] {
    let word = || RandomState::new().hash_one(std::time::SystemTime::now()).to_le_bytes();
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&word());
    uuid[8..].copy_from_slice(&word());
    uuid
}
