//! For tests: a disk in memory that records each change, can fail from one change on, and lets something happen in the
//! middle of a read.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use super::memory::MemoryDisk;
use super::{Disk, ReadDisk, Stamp};

#[derive(Default)]
pub(in crate::storage) struct Recording {
    pub(in crate::storage) disk: MemoryDisk,
    pub(in crate::storage) changes: Mutex<Vec<String>>,
    pub(in crate::storage) fail_from: Option<usize>,
    pub(in crate::storage) before_read: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Recording {
    pub(in crate::storage) fn before_next_read(&self, happens: impl FnOnce() + Send + 'static) {
        *self.before_read.lock().unwrap() = Some(Box::new(happens));
    }

    fn note(&self, change: String) -> io::Result<()> {
        let mut changes = self.changes.lock().unwrap();
        if self.fail_from.is_some_and(|from| changes.len() >= from) {
            return Err(io::Error::other("killed"));
        }
        changes.push(change);
        Ok(())
    }
}

impl ReadDisk for Recording {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }
    fn len(&self, path: &str) -> io::Result<u64> {
        self.disk.len(path)
    }
    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let happens = self.before_read.lock().unwrap().take();
        if let Some(happens) = happens {
            happens();
        }
        self.disk.read(path, offset, len)
    }
    fn full_path(&self, path: &str) -> PathBuf {
        self.disk.full_path(path)
    }
}

impl Disk for Recording {
    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        self.disk.stamp(path)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<Stamp> {
        self.note(format!("append {path}"))?;
        self.disk.append(path, bytes)
    }
    fn copy(&self, from: &str, to: &str, len: u64) -> io::Result<()> {
        self.note(format!("copy {from} {to}"))?;
        self.disk.copy(from, to, len)
    }
    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        self.note(format!("truncate {path}"))?;
        self.disk.truncate(path, len)
    }
    fn replace(&self, path: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        self.note(format!("replace {path} {durable}"))?;
        self.disk.replace(path, bytes, durable)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.note(format!("rename {from} {to}"))?;
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.note(format!("remove {path}"))?;
        self.disk.remove(path)
    }
    fn sync(&self, path: &str) -> io::Result<()> {
        self.note(format!("sync {path}"))?;
        self.disk.sync(path)
    }
    fn sync_bytes(&self, path: &str) -> io::Result<()> {
        self.note(format!("sync bytes of {path}"))?;
        self.disk.sync_bytes(path)
    }
    fn sync_names(&self, dir: &str) -> io::Result<()> {
        self.note(format!("sync names of {dir:?}"))?;
        self.disk.sync_names(dir)
    }
}
