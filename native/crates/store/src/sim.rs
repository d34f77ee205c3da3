//! A file system in memory that knows what has been made to last, and can be asked what a crash would leave.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::vfs::{Vfs, VfsFile};

/// A folder. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Sim(Arc<Mutex<World>>);

impl Default for Sim {
    fn default() -> Self {
        Sim::of(World { free_bytes: u64::MAX, ..World::default() })
    }
}

#[derive(Default)]
struct World {
    files: Vec<Data>,
    names: BTreeMap<String, usize>,
    /// Names as they last, and what was done to them since, in order.
    lasting: BTreeMap<String, usize>,
    renames: Vec<(Option<String>, Option<String>, usize)>,
    /// Operations until the one that fails, if one is to.
    fails_after: Option<u64>,
    operations: u64,
    reads: u64,
    free_bytes: u64,
}

#[derive(Clone, Default)]
struct Data {
    now: Vec<u8>,
    lasting: Vec<u8>,
    /// Writes since the last sync, in order.
    unsynced: Vec<(usize, Vec<u8>)>,
}

/// Where the choices of a crash come from.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// What a disk writes or does not, as a whole: less than disks do, so that small writes are torn too.
const SECTOR: usize = 64;

impl Sim {
    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn of(world: World) -> Sim {
        Sim(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn set_free_bytes(&self, bytes: u64) {
        self.world().free_bytes = bytes;
    }

    /// Lets the operation after `operations` more fail, and the world end there.
    pub(crate) fn fail_after(&self, operations: u64) {
        self.world().fails_after = Some(operations);
    }

    pub(crate) fn operations(&self) -> u64 {
        self.world().operations
    }

    /// How often files were read.
    pub(crate) fn reads(&self) -> u64 {
        self.world().reads
    }

    pub(crate) fn file(&self, name: &str) -> Option<Vec<u8>> {
        let world = self.world();
        world.names.get(name).map(|file| world.files[*file].now.clone())
    }

    /// Changes a byte of a file, as a disk may.
    pub(crate) fn flip(&self, name: &str, at: usize) {
        self.damage(name, |content| content[at] ^= 0x10);
    }

    /// Changes what is in a file, for good.
    pub(crate) fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut world = self.world();
        let file = world.names[name];
        let data = &mut world.files[file];
        change(&mut data.now);
        data.lasting = data.now.clone();
    }

    /// The folder after a crash now: of what was not synced any sectors of any writes, and the first few names.
    pub(crate) fn crash(&self, dice: &mut Dice) -> Sim {
        let world = self.world();
        let mut names = world.lasting.clone();
        let kept = dice.below(world.renames.len() + 1);
        for (from, to, file) in &world.renames[..kept] {
            from.as_ref().map(|from| names.remove(from));
            to.as_ref().map(|to| names.insert(to.clone(), *file));
        }
        let files = world.files.iter().map(|data| {
            let mut content = data.lasting.clone();
            for (at, bytes) in &data.unsynced {
                if content.len() < at + bytes.len() {
                    content.resize(at + bytes.len(), 0);
                }
                let mut from = 0;
                while from < bytes.len() {
                    let to = (from + SECTOR - (at + from) % SECTOR).min(bytes.len());
                    if dice.below(2) == 0 {
                        content[at + from..at + to].copy_from_slice(&bytes[from..to]);
                    }
                    from = to;
                }
            }
            Data { now: content.clone(), lasting: content, unsynced: Vec::new() }
        });
        Sim::of(World {
            files: files.collect(),
            lasting: names.clone(),
            names,
            free_bytes: world.free_bytes,
            ..World::default()
        })
    }
}

impl World {
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match &mut self.fails_after {
            Some(0) => Err(io::Error::other("simulated")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

pub(crate) struct SimFile {
    sim: Sim,
    file: usize,
}

impl Vfs for Sim {
    type File = SimFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.world().names.keys().cloned().collect())
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let file = self.world().names.get(name).copied().ok_or(io::ErrorKind::NotFound)?;
        Ok(SimFile { sim: self.clone(), file })
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<SimFile> {
        let mut world = self.world();
        world.operate()?;
        if world.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = world.files.len();
        let content = vec![0; bytes as usize];
        world.files.push(Data { now: content.clone(), lasting: content, unsynced: Vec::new() });
        world.names.insert(name.to_owned(), file);
        world.renames.push((None, Some(name.to_owned()), file));
        Ok(SimFile { sim: self.clone(), file })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        let file = world.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        world.names.insert(to.to_owned(), file);
        world.renames.push((Some(from.to_owned()), Some(to.to_owned()), file));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        let file = world.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        world.renames.push((Some(name.to_owned()), None, file));
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.world().free_bytes)
    }

    fn sync_names(&self) -> io::Result<()> {
        let mut world = self.world();
        world.operate()?;
        world.lasting = world.names.clone();
        world.renames.clear();
        Ok(())
    }
}

impl VfsFile for SimFile {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.sim.world().files[self.file].now.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut world = self.sim.world();
        world.reads += 1;
        let content = &world.files[self.file].now;
        let from = (at as usize).min(content.len());
        let count = into.len().min(content.len() - from);
        into[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_at(&mut self, parts: &[&[u8]], at: u64) -> io::Result<()> {
        let mut world = self.sim.world();
        world.operate()?;
        let bytes = parts.concat();
        let (data, at) = (&mut world.files[self.file], at as usize);
        if data.now.len() < at + bytes.len() {
            data.now.resize(at + bytes.len(), 0);
        }
        data.now[at..at + bytes.len()].copy_from_slice(&bytes);
        data.unsynced.push((at, bytes));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut world = self.sim.world();
        world.operate()?;
        let data = &mut world.files[self.file];
        data.lasting = data.now.clone();
        data.unsynced.clear();
        Ok(())
    }
}
