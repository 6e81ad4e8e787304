//! A disk in memory, for simulated peers and tests: the same calls always give the same results. It can fail, fill up,
//! outlive a process that dies in the middle of a write, lose power (`platter.rs`) and rot.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::platter::Platter;
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
    /// The process dies in the change that makes this 0.
    left: Option<u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { files: Platter::default(), capacity: usize::MAX, failures: 0, left: None }
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

    /// Lets the process die after `changes` more changes or syncs. From then on everything fails without effect, except
    /// that an append in which it dies is half done. [`Self::revive`] or [`Self::power_cut`] end that.
    pub fn crash_after(&self, changes: u64) {
        self.memory().left = Some(changes + 1);
    }

    /// Did the process that uses it die?
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
        memory.check_alive()?;
        memory.files.sync(path);
        Ok(())
    }

    fn sync_names(&self, dir: &str) -> io::Result<()> {
        let mut memory = self.changing()?;
        memory.check_alive()?;
        memory.files.sync_names(dir);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a file holds after a power cut, over many draws.
    fn outcomes(path: &str, prepare: impl Fn(&MemoryDisk)) -> BTreeSet<Option<Vec<u8>>> {
        let after = |seed| {
            let disk = MemoryDisk::new();
            prepare(&disk);
            disk.power_cut(seed);
            disk.files().remove(path)
        };
        (0..300).map(after).collect()
    }

    fn all(outcomes: &[Option<&[u8]>]) -> BTreeSet<Option<Vec<u8>>> {
        outcomes.iter().map(|bytes| bytes.map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn what_was_synced_outlives_a_power_cut_and_the_rest_perhaps() {
        let synced = |disk: &MemoryDisk| {
            disk.append("journal/a", b"old").unwrap();
            disk.sync("journal/a").unwrap();
        };
        assert_eq!(outcomes("journal/a", synced), all(&[Some(b"old")]));
        let appended = |disk: &MemoryDisk| {
            synced(disk);
            disk.append("journal/a", &[b'n'; 2000]).unwrap();
        };
        let torn = outcomes("journal/a", appended);
        assert!(torn.iter().all(|bytes| bytes.as_ref().unwrap().starts_with(b"old")), "{torn:?}");
        let has = |bytes: &[u8]| torn.contains(&Some([b"old", bytes].concat()));
        assert!(has(b"") && has(&[b'n'; 2000]) && torn.len() > 50, "{} of them", torn.len());
        assert!(
            torn.iter().flatten().any(|bytes| bytes.get(3) == Some(&0) && bytes.ends_with(b"n")),
            "pages in any order"
        );
    }

    #[test]
    fn what_was_cut_off_may_come_back_under_what_was_written_since() {
        let outcomes = outcomes("a", |disk| {
            disk.append("a", &[b'1'; 600]).unwrap();
            disk.sync("a").unwrap();
            disk.append("a", &[b'2'; 600]).unwrap();
            disk.truncate("a", 300).unwrap();
            disk.append("a", &[b'3'; 1500]).unwrap();
        });
        let outcomes: BTreeSet<Vec<u8>> = outcomes.into_iter().flatten().collect();
        assert!(outcomes.iter().all(|bytes| bytes.starts_with(&[b'1'; 300])));
        let kinds = |bytes: &Vec<u8>| bytes[300..].iter().copied().collect::<BTreeSet<u8>>().into_iter().collect();
        let kinds: BTreeSet<Vec<u8>> = outcomes.iter().map(kinds).collect();
        for kind in [&b"1"[..], b"12", b"3", b"13", b"123"] {
            assert!(kinds.contains(kind), "{kind:?} of {kinds:?}");
        }
    }

    #[test]
    fn names_are_as_any_of_the_changes_since_their_sync_left_them() {
        let begun = |disk: &MemoryDisk| {
            disk.replace("a", b"1", true).unwrap();
            disk.replace("b", b"2", true).unwrap();
        };
        let removed = |disk: &MemoryDisk| {
            begun(disk);
            disk.remove("a").unwrap();
        };
        assert_eq!(outcomes("a", removed), all(&[None, Some(b"1")]));
        let renamed = |disk: &MemoryDisk| {
            begun(disk);
            disk.rename("b", "a").unwrap();
        };
        assert_eq!(outcomes("a", renamed), all(&[Some(b"1"), Some(b"2")]));
        let replaced = |disk: &MemoryDisk| {
            begun(disk);
            disk.replace("a", b"3", false).unwrap();
        };
        assert_eq!(outcomes("a", replaced), all(&[Some(b"1"), Some(b""), Some(b"\0"), Some(b"3")]));
        for change in [&removed as &dyn Fn(&MemoryDisk), &renamed, &replaced] {
            let synced = |disk: &MemoryDisk| {
                change(disk);
                let _ = disk.sync("a");
                disk.sync_names("").unwrap();
            };
            assert_eq!(outcomes("a", synced).len(), 1);
        }
    }

    #[test]
    fn a_process_dies_in_the_change_it_is_told_to_and_the_next_one_finds_what_was_written() {
        let disk = MemoryDisk::new();
        disk.crash_after(2);
        disk.append("a", b"one ").unwrap();
        disk.sync("a").unwrap();
        assert!(!disk.is_crashed());
        assert!(disk.append("a", b"two ").is_err() && disk.is_crashed());
        assert!(disk.append("a", b"more").is_err() && disk.read("a", 0, 9).is_err() && disk.sync("a").is_err());
        disk.revive();
        assert_eq!(disk.read("a", 0, 9).unwrap(), b"one tw");
        disk.append("a", b"!").unwrap();
    }

    #[test]
    fn the_same_seed_does_the_same_damage() {
        let damaged = |seed| {
            let disk = MemoryDisk::new();
            disk.append("a", &[b'x'; 700]).unwrap();
            disk.append("b", b"y").unwrap();
            (disk.corrupt(seed), disk.files())
        };
        let untouched = BTreeMap::from([("a".to_owned(), vec![b'x'; 700]), ("b".to_owned(), b"y".to_vec())]);
        assert!((0..50).all(|seed| damaged(seed) == damaged(seed) && damaged(seed).1 != untouched));
        assert_eq!(MemoryDisk::new().corrupt(1), None);
    }
}
