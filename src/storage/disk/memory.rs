//! A disk in memory, which is built for simulated peers and tests alone: the same calls always give the same results. It
//! can fail, fill up, outlive a process that dies in the middle of a write, lose power (`platter.rs`) and rot.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::platter::{parent, Platter};
use super::{Disk, ReadDisk, Stamp};

/// A disk in memory. Clones are handles of the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Memory>>);

#[derive(Debug, Clone)]
struct Memory {
    files: Platter,
    /// How many bytes all files together may hold.
    capacity: usize,
    /// How many changes are still to fail.
    failures: u32,
    /// How many syncs are still to fail.
    sync_failures: u32,
    /// The process dies in the change that makes this 0.
    left: Option<u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { files: Platter::default(), capacity: usize::MAX, failures: 0, sync_failures: 0, left: None }
    }
}

impl MemoryDisk {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets all files together hold this many bytes; what would exceed that fails as on a full disk.
    pub fn set_capacity(&self, bytes: usize) {
        self.memory().capacity = bytes;
    }

    /// Lets the next `n` changes fail.
    pub fn fail_next(&self, n: u32) {
        self.memory().failures = n;
    }

    /// Lets the next `n` syncs of files fail as on Linux: the system reports it once, and treats what it could not
    /// write as written. So that never reaches the platter, and the next sync succeeds.
    #[cfg(test)]
    pub(in crate::storage) fn fail_syncs(&self, n: u32) {
        self.memory().sync_failures = n;
    }

    /// Lets the process die after `changes` more changes or syncs. From then on everything fails without effect, except
    /// that an append in which it dies is half done. [`Self::revive`] or [`Self::power_cut`] end that.
    pub fn crash_after(&self, changes: u64) {
        self.memory().left = Some(changes + 1);
    }

    /// Whether the process that uses it has died.
    #[must_use]
    pub fn is_crashed(&self) -> bool {
        self.memory().left == Some(0)
    }

    /// Lets another process use it. What was written is there, synced or not.
    pub fn revive(&self) {
        self.memory().left = None;
    }

    /// The power fails and comes back: what was synced is there, the rest as the seed draws it.
    pub fn power_cut(&self, seed: u64) {
        self.revive();
        self.memory().files.lose_power(&mut SmallRng::seed_from_u64(seed));
    }

    /// The same; nothing of what was not synced is there.
    pub fn lose_unsynced(&self) {
        self.revive();
        self.memory().files.lose_unsynced();
    }

    /// Damages a file that the seed draws: a bit, a page, its end, or all of it. Returns what it did; `None` if there
    /// is no file.
    pub fn corrupt(&self, seed: u64) -> Option<String> {
        let mut rng = SmallRng::seed_from_u64(seed);
        let mut memory = self.memory();
        let files = &mut memory.files;
        let paths: Vec<String> =
            files.paths().filter(|path| files.bytes(path).is_some_and(|bytes| !bytes.is_empty())).cloned().collect();
        let path = paths.get(rng.random_range(0..paths.len().max(1)))?;
        let at = rng.random_range(0..files.bytes(path).map_or(1, <[u8]>::len));
        Some(match rng.random_range(0..8) {
            0 => {
                files.lose(path);
                format!("{path} removed")
            }
            1 => {
                files.overwrite(path, |bytes| bytes.truncate(at));
                format!("{path} cut at byte {at}")
            }
            2 => {
                let end = at + 512;
                files.overwrite(path, |bytes| bytes.iter_mut().take(end).skip(at).for_each(|byte| *byte = 0));
                format!("{path} zeroed from byte {at} on")
            }
            _ => {
                let bit = rng.random_range(0..8);
                files.overwrite(path, |bytes| bytes[at] ^= 1 << bit);
                format!("{path} flipped bit {bit} of byte {at}")
            }
        })
    }

    /// Flips a bit of a byte that a file has.
    pub fn flip(&self, path: &str, at: usize, bit: u32) {
        self.memory().files.overwrite(path, |bytes| bytes[at] ^= 1 << bit);
    }

    /// Another disk that is as this one is now.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(Arc::new(Mutex::new(self.memory().clone())))
    }

    /// What makes it another disk than a copy: names and bytes, and which of them a power cut may take.
    #[cfg(feature = "simulation")]
    pub(crate) fn digest(&self, into: &mut impl std::hash::Hasher) {
        self.memory().files.digest(into);
    }

    /// The path and bytes of every file, by path.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let memory = self.memory();
        let file = |path: &String| (path.clone(), memory.files.bytes(path).unwrap_or_default().to_vec());
        memory.files.paths().map(file).collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().expect("no holder of the lock panics")
    }

    /// The files, to read.
    fn looking(&self) -> io::Result<MutexGuard<'_, Memory>> {
        let memory = self.memory();
        memory.check_alive()?;
        Ok(memory)
    }

    /// The files, to change.
    fn changing(&self) -> io::Result<MutexGuard<'_, Memory>> {
        let mut memory = self.looking()?;
        if memory.failures > 0 {
            memory.failures -= 1;
            return Err(io::Error::other("injected failure"));
        }
        if let Some(left) = &mut memory.left {
            *left -= 1;
        }
        Ok(memory)
    }
}

impl Memory {
    fn check_alive(&self) -> io::Result<()> {
        if self.left == Some(0) {
            return Err(io::Error::other("the process died"));
        }
        Ok(())
    }

    fn sync_bytes(&mut self, path: &str) -> io::Result<()> {
        self.check_alive()?;
        if self.sync_failures > 0 {
            self.sync_failures -= 1;
            self.files.drop_unsynced(path);
            return Err(io::Error::other("injected failure"));
        }
        self.files.sync_bytes(path);
        Ok(())
    }

    fn check_room(&self, more: usize) -> io::Result<()> {
        if self.capacity < usize::MAX && self.files.used().saturating_add(more) > self.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

impl ReadDisk for MemoryDisk {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let within = |path: &String| match path.rsplit_once('/') {
            Some((parent, name)) => (parent == dir).then(|| name.to_owned()),
            None => dir.is_empty().then(|| path.clone()),
        };
        Ok(self.looking()?.files.paths().filter_map(within).collect())
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        Ok(self.looking()?.files.bytes(path).map_or(0, |bytes| bytes.len() as u64))
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let memory = self.looking()?;
        let bytes = memory.files.bytes(path).unwrap_or_default();
        let start = usize::try_from(offset).map_or(bytes.len(), |offset| offset.min(bytes.len()));
        let rest = &bytes[start..];
        Ok(rest[..len.min(rest.len())].to_vec())
    }

    fn full_path(&self, path: &str) -> PathBuf {
        PathBuf::from(path)
    }
}

impl Disk for MemoryDisk {
    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        Ok(self.looking()?.files.stamp(path))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<Stamp> {
        let mut memory = self.changing()?;
        memory.check_room(bytes.len())?;
        if let Err(died) = memory.check_alive() {
            memory.files.append(path, &bytes[..bytes.len() / 2]);
            return Err(died);
        }
        memory.files.append(path, bytes);
        Ok(memory.files.stamp(path))
    }

    fn copy(&self, from: &str, to: &str, len: u64) -> io::Result<()> {
        let mut memory = self.changing()?;
        let bytes = memory.files.bytes(from).unwrap_or_default();
        let len = usize::try_from(len).ok().filter(|len| *len <= bytes.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let bytes = bytes[..len].to_vec();
        memory.check_room(len)?;
        if let Err(died) = memory.check_alive() {
            memory.files.replace(to, &bytes[..len / 2], false);
            return Err(died);
        }
        memory.files.replace(to, &bytes, false);
        Ok(())
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_alive()?;
        if let Ok(len) = usize::try_from(len) {
            memory.files.truncate(path, len);
        }
        Ok(())
    }

    fn replace(&self, path: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_alive()?;
        // Old and new are side by side for a moment, as on a real disk.
        memory.check_room(bytes.len())?;
        memory.files.replace(path, bytes, durable);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_alive()?;
        if !memory.files.rename(from, to) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_alive()?;
        memory.files.remove(path);
        Ok(())
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.sync_bytes(path)?;
        memory.files.sync_names(parent(path));
        Ok(())
    }

    fn sync_bytes(&self, path: &str) -> io::Result<()> {
        self.changing()?.sync_bytes(path)
    }

    fn sync_names(&self, dir: &str) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_alive()?;
        memory.files.sync_names(dir);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
