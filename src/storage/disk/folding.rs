//! For tests: a disk in memory with the rules of the strictest systems for names. Names that differ only by case are
//! one, spelled as at first; devices keep their names, whatever follows after a dot; and dots at the end are dropped.

use std::io;
use std::path::PathBuf;

use super::memory::MemoryDisk;
use super::{Disk, ReadDisk, Stamp};

#[derive(Debug, Default)]
pub(in crate::storage) struct FoldingDisk(pub(in crate::storage) MemoryDisk);

/// They are spelled out here, and not taken from the code that they test.
const DEVICES: [&str; 24] = [
    "con", "prn", "aux", "nul", "com0", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt0",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Whether a name means a device.
pub(in crate::storage) fn is_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or(name);
    DEVICES.iter().any(|device| device.eq_ignore_ascii_case(base))
}

impl FoldingDisk {
    /// The name that a file has, or is to have.
    fn resolve(&self, path: &str) -> io::Result<String> {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        let name = name.trim_end_matches('.');
        if is_device(name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name} is a device")));
        }
        let there = self.0.list(dir)?.into_iter().find(|there| there.eq_ignore_ascii_case(name));
        let name = there.unwrap_or_else(|| name.to_owned());
        Ok(if dir.is_empty() { name } else { format!("{dir}/{name}") })
    }
}

impl ReadDisk for FoldingDisk {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }
    fn len(&self, path: &str) -> io::Result<u64> {
        self.0.len(&self.resolve(path)?)
    }
    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(&self.resolve(path)?, offset, len)
    }
    fn full_path(&self, path: &str) -> PathBuf {
        self.0.full_path(path)
    }
}

impl Disk for FoldingDisk {
    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        self.0.stamp(&self.resolve(path)?)
    }
    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<Stamp> {
        self.0.append(&self.resolve(path)?, bytes)
    }
    fn copy(&self, from: &str, to: &str, len: u64) -> io::Result<()> {
        self.0.copy(&self.resolve(from)?, &self.resolve(to)?, len)
    }
    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        self.0.truncate(&self.resolve(path)?, len)
    }
    fn replace(&self, path: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        self.0.replace(&self.resolve(path)?, bytes, durable)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(&self.resolve(from)?, &self.resolve(to)?)
    }
    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(&self.resolve(path)?)
    }
    fn sync(&self, path: &str) -> io::Result<()> {
        self.0.sync(&self.resolve(path)?)
    }
    fn sync_bytes(&self, path: &str) -> io::Result<()> {
        self.0.sync_bytes(&self.resolve(path)?)
    }
    fn sync_names(&self, dir: &str) -> io::Result<()> {
        self.0.sync_names(dir)
    }
}
