//! The files that are open in this process. A path is opened once, whoever writes there: several signals, several
//! data-plane threads, the graphs before and after a reload.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use teleferric_flow::log::{Level, Log};
use teleferric_flow::{Account, DropReason};
use teleferric_tasks::spawn_or;
use tokio::time::sleep;

use super::journal::{Journal, Target};
use super::rotation::Rotation;

/// How a file is kept.
#[derive(Clone)]
pub(super) struct FileOptions {
    /// When a new one is begun.
    pub(super) rotation: Option<Rotation>,
    /// Longest time that records wait in memory.
    pub(super) flush_interval: Duration,
    /// Permissions of a missing directory, if it is to be made.
    pub(super) create_directory: Option<u32>,
    /// Where failures are told that nobody waits for.
    pub(super) log: Log,
    /// Where items are counted that could not be written in the end.
    pub(super) account: Arc<Account>,
}

/// A file that is written to.
pub(super) struct OpenFile {
    path: PathBuf,
    state: Mutex<State>,
    /// Whether a task will flush in time.
    armed: AtomicBool,
}

struct State {
    journal: Journal<File>,
    /// Bytes in the file; of no meaning where it has no length.
    size: u64,
    /// Of whoever opened it last: a reload may change them.
    options: FileOptions,
}

/// One path of the process.
struct Known {
    file: Weak<OpenFile>,
    /// Whether it was begun: emptied, or decided to be gone on with.
    begun: bool,
}

static KNOWN: Mutex<BTreeMap<PathBuf, Known>> = Mutex::new(BTreeMap::new());

/// Opens a file at its end, or joins those who have it open.
///
/// # Errors
/// Why it cannot be opened, with its path.
pub(super) fn open(path: &Path, options: &FileOptions) -> Result<Arc<OpenFile>, String> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = ready_directory(directory, options)?;
    let Some(name) = path.file_name() else { return Err(format!("path {} names no file", path.display())) };
    let path = directory.join(name);
    let mut known = KNOWN.lock();
    known.retain(|_, known| known.begun || known.file.strong_count() > 0);
    if let Some(file) = known.get(&path).and_then(|known| known.file.upgrade()) {
        file.state.lock().options = options.clone();
        return Ok(file);
    }
    let cannot = |error: io::Error| format!("cannot open {}: {error}", path.display());
    let target = open_target(&path).map_err(cannot)?;
    let size = target.length().map_err(cannot)?.unwrap_or_default();
    let state = Mutex::new(State { journal: Journal::new(target), size, options: options.clone() });
    let file = Arc::new(OpenFile { path: path.clone(), state, armed: AtomicBool::new(false) });
    let begun = known.get(&path).is_some_and(|known| known.begun);
    known.insert(path, Known { file: Arc::downgrade(&file), begun });
    Ok(file)
}

/// Empties the file if it is to be and this process has not begun it before, and removes old ones in excess.
///
/// # Errors
/// When it cannot be emptied.
pub(super) fn begin(file: &OpenFile, truncate: bool) -> io::Result<()> {
    let mut known = KNOWN.lock();
    let Some(known) = known.get_mut(&file.path).filter(|known| !known.begun) else { return Ok(()) };
    let mut state = file.state.lock();
    let target = state.journal.target();
    if truncate && target.length()?.is_some() {
        target.cut(0)?;
        state.size = 0;
    }
    known.begun = true;
    if let Some(rotation) = &state.options.rotation {
        // Old files in excess are in nobody's way: the next rotation tries again.
        let _ = rotation.prune(&file.path, Timestamp::now());
    }
    Ok(())
}

/// The directory, made if it is missing and to be made, as a path without links.
///
/// # Errors
/// When it is not there, or is no directory.
pub(super) fn ready_directory(directory: &Path, options: &FileOptions) -> Result<PathBuf, String> {
    let cannot = |what: &str, error: io::Error| format!("cannot {what} directory {}: {error}", directory.display());
    if let Some(mode) = options.create_directory
        && !directory.is_dir()
    {
        make_directory(directory, mode).map_err(|error| cannot("create", error))?;
    }
    let found = directory.canonicalize().map_err(|error| cannot("open", error))?;
    if !found.is_dir() {
        return Err(format!("{} is not a directory", directory.display()));
    }
    Ok(found)
}

#[cfg_attr(not(unix), allow(unused_variables))]
fn make_directory(directory: &Path, mode: u32) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, mode);
    builder.create(directory)
}

fn open_target(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
        // Telemetry is not for everybody on the machine.
        options.mode(0o600);
        // Opened for writing alone, a pipe makes its opener wait for a reader.
        options.read(std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo()));
    }
    options.open(path)
}

impl OpenFile {
    /// Takes a record. It is written in time; call it within a Tokio runtime.
    ///
    /// # Errors
    /// When records cannot be written; then this one is not taken.
    pub(super) fn write(self: &Arc<Self>, record: &[u8], items: u64) -> Result<(), String> {
        let mut state = self.state.lock();
        self.rotate_for(&mut state, record.len() as u64)?;
        state.journal.push(record, items).map_err(|error| self.cannot("write", &error))?;
        state.size = state.size.saturating_add(record.len() as u64);
        if state.journal.waiting() > 0 {
            self.arm(state.options.flush_interval);
        }
        Ok(())
    }

    /// Writes what waits, telling the log if it cannot.
    pub(super) fn flush(&self) {
        if let Err(error) = self.try_flush() {
            self.tell(Level::Error, "cannot write file", &error);
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// When it cannot; it waits on.
    pub(super) fn try_flush(&self) -> Result<(), String> {
        self.state.lock().journal.flush().map_err(|error| self.cannot("write", &error))
    }

    /// Tells the log of a failure.
    pub(super) fn tell(&self, level: Level, message: &'static str, error: &str) {
        let log = self.state.lock().options.log.clone();
        log.emit(level, message, &[("error", error.into())]);
    }

    /// An error in words.
    pub(super) fn cannot(&self, what: &str, error: &io::Error) -> String {
        format!("cannot {what} {}: {error}", self.path.display())
    }

    fn rotate_for(&self, state: &mut State, more: u64) -> Result<(), String> {
        let Some(rotation) = state.options.rotation.clone().filter(|rotation| rotation.is_due(state.size, more)) else {
            return Ok(());
        };
        state.journal.flush().map_err(|error| self.cannot("write", &error))?;
        // Of a pipe there is no size, and somebody else may have emptied the file.
        let size = state.journal.target().length().map_err(|error| self.cannot("write", &error))?;
        state.size = size.unwrap_or_default();
        if rotation.is_due(state.size, more) {
            self.rotate(&rotation, state)?;
        }
        Ok(())
    }

    fn rotate(&self, rotation: &Rotation, state: &mut State) -> Result<(), String> {
        let now = Timestamp::now();
        let backup = rotation.backup(&self.path, now);
        std::fs::rename(&self.path, &backup).map_err(|error| self.cannot("rename", &error))?;
        match open_target(&self.path) {
            Ok(target) => state.journal.replace(target),
            Err(error) => {
                // The file goes on under its old name, as if nothing had happened.
                let _ = std::fs::rename(&backup, &self.path);
                return Err(self.cannot("open", &error));
            }
        }
        state.size = 0;
        if let Err(error) = rotation.prune(&self.path, now) {
            let error = error.to_string();
            state.options.log.emit(Level::Warn, "cannot remove old file", &[("error", error.as_str().into())]);
        }
        Ok(())
    }

    /// Lets a task of this thread flush when the interval has passed, unless one will. It does not keep the file open.
    fn arm(self: &Arc<Self>, interval: Duration) {
        if self.armed.swap(true, Ordering::Relaxed) {
            return;
        }
        let armed = Armed(Arc::downgrade(self));
        let waiting = Weak::clone(&armed.0);
        let flush = async move {
            sleep(interval).await;
            let Some(file) = armed.0.upgrade() else { return };
            drop(armed);
            file.flush();
            file.arm_again(interval);
        };
        spawn_or("file.flush", flush, move || {
            waiting.upgrade().into_iter().for_each(|file| file.arm_again(interval));
        });
    }

    /// What could not be written waits for its turn again.
    fn arm_again(self: &Arc<Self>, interval: Duration) {
        if self.state.lock().journal.waiting() > 0 {
            self.arm(interval);
        }
    }
}

/// The promise to flush, which ends with its task, however that ends.
struct Armed(Weak<OpenFile>);

impl Drop for Armed {
    fn drop(&mut self) {
        if let Some(file) = self.0.upgrade() {
            file.armed.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.flush();
        let state = self.state.get_mut();
        let lost = state.journal.items();
        if lost > 0 {
            state.options.account.drop_items(DropReason::Shutdown, lost);
        }
    }
}
