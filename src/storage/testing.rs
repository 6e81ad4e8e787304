//! What the tests of this layer share: readings, frames, a directory that goes away, and a disk that is watched.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use super::directory;
use super::disk::{Disk, Stamp};
use super::memory_disk::MemoryDisk;
use super::real_disk::RealDisk;
use crate::ids::Sequence;
use crate::wire::{Frame, Lines, Request};

/// A directory of its own, removed when dropped.
#[derive(Debug)]
pub(super) struct TempDir(PathBuf);

impl TempDir {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("peer-storage-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The claimed directory of a peer, in a directory of its own.
    pub(super) fn disk(id: &str) -> (Self, RealDisk) {
        let temp = Self::new();
        let disk = directory::claim(temp.path(), &id.parse().unwrap()).unwrap();
        (temp, disk)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The text of a reading that tells its origin and number.
pub(super) fn payload(origin: &str, number: u64) -> String {
    let sensor = origin.split('/').next().unwrap();
    format!("DATA|{sensor}{}|2013-01-01T06:00:00Z|{number}|-0.5|", number % 3)
}

/// Readings `first .. first + count` of an origin.
pub(super) fn request(origin: &str, first: u64, count: u64) -> Request {
    let text: String = (first..first + count).map(|number| payload(origin, number) + "\n").collect();
    Request { origin: origin.parse().unwrap(), first, lines: Lines::new(text.into_bytes(), count) }
}

/// A batch with readings of one origin.
pub(super) fn frame(term: u64, sequence: Sequence, origin: &str, first: u64, count: u64) -> Frame {
    Frame::build(format!("{term}@l/1").parse().unwrap(), sequence, &[request(origin, first, count)])
}

/// A disk that writes down what is changed, fails from one change on, and lets something happen in the middle of a read.
#[derive(Default)]
pub(super) struct Recording {
    pub(super) disk: MemoryDisk,
    pub(super) changes: Mutex<Vec<String>>,
    pub(super) fail_from: Option<usize>,
    pub(super) before_read: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Recording {
    pub(super) fn before_next_read(&self, happens: impl FnOnce() + Send + 'static) {
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

impl Disk for Recording {
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
    fn sync_names(&self, dir: &str) -> io::Result<()> {
        self.note(format!("sync names of {dir:?}"))?;
        self.disk.sync_names(dir)
    }
}
