//! The few things that the log asks of a file system.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One folder of files.
pub trait Vfs: Send + 'static {
    /// A file of it.
    type File: VfsFile;

    /// The names of its files, in any order.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file that is there.
    ///
    /// # Errors
    /// It is not, or may not be opened.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Makes a file of `bytes` bytes whose space is reserved; what is in it means nothing.
    ///
    /// # Errors
    /// It is there already, or there is no room.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Self::File>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// The file is not there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The file is not there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Bytes of the file system that are free for files like these.
    ///
    /// # Errors
    /// The disk failed.
    fn free_bytes(&self) -> io::Result<u64>;

    /// Makes names that were made, changed or removed last.
    ///
    /// # Errors
    /// The disk failed: which names last is unknown.
    fn sync_names(&self) -> io::Result<()>;
}

/// An open file.
pub trait VfsFile: Send + 'static {
    /// Bytes in the file.
    ///
    /// # Errors
    /// The disk failed.
    fn bytes(&self) -> io::Result<u64>;

    /// Reads at most as many bytes as `into` holds; fewer only at the end of the file.
    ///
    /// # Errors
    /// The disk failed.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all of `parts`, one behind the other.
    ///
    /// # Errors
    /// The disk failed or is full: what is in the file there is unknown.
    fn write_at(&mut self, parts: &[&[u8]], at: u64) -> io::Result<()>;

    /// Makes what was written last, so that it is there after a power cut.
    ///
    /// # Errors
    /// The disk failed: what lasts is unknown, and asking again tells nothing.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the disk, which no other process has open unless it is only looked at.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    /// Locked for as long as it is open; none if it is only looked at.
    _lock: Option<File>,
}

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Another process has it.
    #[error("{} is in use by another process", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be made or opened.
    #[error("cannot open {}: {error}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Disk {
    /// Opens a folder, making it with access for its owner alone if it is not there, and locks it. Waits up to `patience`
    /// for another process that has it.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn open(folder: &Path, patience: Duration) -> Result<Disk, DiskError> {
        let failed = |error| DiskError::Folder { folder: folder.to_owned(), error };
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(failed)?;
        let deadline = Instant::now() + patience;
        loop {
            match lock(&folder.join(LOCK)).map_err(failed)? {
                Some(lock) => return Ok(Disk { folder: folder.to_owned(), _lock: Some(lock) }),
                None if Instant::now() < deadline => std::thread::sleep(LOCK_RETRY),
                None => return Err(DiskError::InUse { folder: folder.to_owned() }),
            }
        }
    }

    /// A folder to look at: it must be there, and another process may have it.
    ///
    /// # Errors
    /// [`DiskError::Folder`].
    pub fn peek(folder: &Path) -> Result<Disk, DiskError> {
        let there = std::fs::read_dir(folder).map(drop);
        there.map_err(|error| DiskError::Folder { folder: folder.to_owned(), error })?;
        Ok(Disk { folder: folder.to_owned(), _lock: None })
    }

    /// Bytes of the file system that the folder is on; 0 where that is not known.
    ///
    /// # Errors
    /// The disk failed.
    pub fn total_bytes(&self) -> io::Result<u64> {
        #[cfg(unix)]
        {
            let file_system = rustix::fs::statvfs(&self.folder)?;
            Ok(file_system.f_blocks.saturating_mul(file_system.f_frsize))
        }
        #[cfg(not(unix))]
        Ok(0)
    }

    fn options() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
    }
}

/// A file that is this process's alone while it is open; none if it is another's.
#[cfg(unix)]
fn lock(path: &Path) -> io::Result<Option<File>> {
    let file = Disk::options().create(true).truncate(false).open(path)?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A file that is this process's alone while it is open; none if it is another's.
#[cfg(windows)]
fn lock(path: &Path) -> io::Result<Option<File>> {
    const SHARING_VIOLATION: i32 = 32;
    let mut options = Disk::options();
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 0);
    match options.create(true).truncate(false).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.raw_os_error() == Some(SHARING_VIOLATION) => Ok(None),
        Err(error) => Err(error),
    }
}

const LOCK: &str = "LOCK";
const LOCK_RETRY: Duration = Duration::from_millis(20);

impl Vfs for Disk {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        names.filter_map(Result::transpose).collect()
    }

    fn open(&self, name: &str) -> io::Result<File> {
        Disk::options().open(self.folder.join(name))
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<File> {
        let path = self.folder.join(name);
        let file = Disk::options().create_new(true).open(&path)?;
        if let Err(error) = reserve(&file, bytes) {
            // The space it got, if any, is wanted by others now. If it cannot be removed, it is a stray later on.
            let _ = std::fs::remove_file(path);
            return Err(error);
        }
        Ok(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.folder.join(from), self.folder.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name))
    }

    #[cfg(unix)]
    fn free_bytes(&self) -> io::Result<u64> {
        let file_system = rustix::fs::statvfs(&self.folder)?;
        Ok(file_system.f_bavail.saturating_mul(file_system.f_frsize))
    }

    /// Not asked here: a disk that is full is found out by writing.
    #[cfg(not(unix))]
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }

    #[cfg(unix)]
    fn sync_names(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    /// Folders cannot be synced here; names last with their files.
    #[cfg(not(unix))]
    fn sync_names(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Space for a whole file, so that no write into it can find the disk full.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, bytes) {
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP) => {}
        reserved => {
            reserved?;
            return file.sync_all();
        }
    }
    file.set_len(bytes)?;
    let zeros = [0; 1 << 16];
    let mut at = 0;
    while at < bytes {
        let count = (bytes - at).min(zeros.len() as u64);
        write_all_at(file, &zeros[..count as usize], at)?;
        at += count;
    }
    file.sync_all()
}

impl VfsFile for File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match read_some_at(self, &mut into[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&mut self, parts: &[&[u8]], at: u64) -> io::Result<()> {
        use std::io::{Seek as _, SeekFrom, Write as _};
        self.seek(SeekFrom::Start(at))?;
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match self.write_vectored(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => IoSlice::advance_slices(&mut rest, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

#[cfg(unix)]
fn read_some_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(unix)]
fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(windows)]
fn read_some_at(file: &File, into: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}

#[cfg(windows)]
fn write_all_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_write(file, bytes, at)?;
        bytes = &bytes[count..];
        at += count as u64;
    }
    Ok(())
}
