//! A disk in memory, for simulated peers and tests: the same calls always give the same results.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::disk::Disk;

/// A disk in memory. Clones are handles of the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Memory>>);

#[derive(Debug)]
struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    /// Bytes that all files may hold.
    capacity: usize,
    /// So many changes are still to fail.
    failures: u32,
}

impl Default for Memory {
    fn default() -> Self {
        Self { files: BTreeMap::new(), capacity: usize::MAX, failures: 0 }
    }
}

impl MemoryDisk {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all files together hold so many bytes; what would exceed that fails as on a full disk.
    pub fn set_capacity(&self, bytes: usize) {
        self.memory().capacity = bytes;
    }

    /// Lets the next `n` changes fail.
    pub fn fail_next(&self, n: u32) {
        self.memory().failures = n;
    }

    /// The path and bytes of every file, by path.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.memory().files.clone()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().expect("no holder of the lock panics")
    }

    /// The files, for a change.
    fn changing(&self) -> io::Result<MutexGuard<'_, Memory>> {
        let mut memory = self.memory();
        if memory.failures > 0 {
            memory.failures -= 1;
            return Err(io::Error::other("injected failure"));
        }
        Ok(memory)
    }
}

impl Memory {
    fn check_room(&self, more: usize) -> io::Result<()> {
        let used: usize = self.files.values().map(Vec::len).sum();
        if used.saturating_add(more) > self.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let within = |path: &String| match path.rsplit_once('/') {
            Some((parent, name)) => (parent == dir).then(|| name.to_owned()),
            None => dir.is_empty().then(|| path.clone()),
        };
        Ok(self.memory().files.keys().filter_map(within).collect())
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        Ok(self.memory().files.get(path).map_or(0, |bytes| bytes.len() as u64))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_room(bytes.len())?;
        if let Some(file) = memory.files.get_mut(path) {
            file.extend_from_slice(bytes);
        } else {
            memory.files.insert(path.to_owned(), bytes.to_owned());
        }
        Ok(())
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let memory = self.memory();
        let bytes = memory.files.get(path).map_or(&[][..], Vec::as_slice);
        let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        let rest = &bytes[start..];
        Ok(rest[..len.min(rest.len())].to_vec())
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        let mut memory = self.changing()?;
        if let (Some(file), Ok(len)) = (memory.files.get_mut(path), usize::try_from(len)) {
            file.truncate(len);
        }
        Ok(())
    }

    fn replace(&self, path: &str, bytes: &[u8], _durable: bool) -> io::Result<()> {
        let mut memory = self.changing()?;
        // Old and new stand side by side for a moment, as on a real disk.
        memory.check_room(bytes.len())?;
        memory.files.insert(path.to_owned(), bytes.to_owned());
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut memory = self.changing()?;
        let bytes = memory.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        memory.files.insert(to.to_owned(), bytes);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.changing()?.files.remove(path);
        Ok(())
    }

    fn sync(&self, _path: &str) -> io::Result<()> {
        self.changing().map(drop)
    }

    fn sync_names(&self, _dir: &str) -> io::Result<()> {
        self.changing().map(drop)
    }

    fn full_path(&self, path: &str) -> PathBuf {
        PathBuf::from(path)
    }
}
