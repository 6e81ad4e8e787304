//! The disk of the operating system: one peer's directory, claimed and locked by `directory.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::making::{make_dirs, make_file, open_or_make};
use super::occupant::{Lock, LOCK};
use super::read_only::{file_names, read_at};
use super::{or_empty, Disk, ReadDisk, Stamp};
use crate::durable;
use crate::identity;
use crate::storage::error::StorageError;

/// How many files are kept open for appending, unless fewer are allowed. The sensor of a reading is mostly one of the
/// last few, however many sensors there are.
pub(in crate::storage) const OPEN_FILES_MAX: usize = 64;

/// One peer's directory.
#[derive(Debug)]
pub struct RealDisk {
    root: PathBuf,
    /// Held for as long as the directory is used.
    lock: Arc<Lock>,
    open_files_max: usize,
    appending: Mutex<Appending>,
}

#[derive(Debug, Default)]
struct Appending {
    files: BTreeMap<String, Handle>,
    /// Counts uses, to find the file that was unused for longest.
    uses: u64,
    /// Directories with names that may not be on the platter.
    changed: BTreeSet<String>,
}

#[derive(Debug)]
struct Handle {
    file: File,
    stamp: Stamp,
    used: u64,
}

impl RealDisk {
    /// Takes a directory whose `lock` is held.
    pub(in crate::storage) fn new(root: PathBuf, lock: Arc<Lock>) -> Self {
        // What earlier processes named may be unsynced, too.
        let changed = ["", "journal"].into_iter().map(str::to_owned).collect();
        let appending = Appending { changed, ..Appending::default() };
        Self { root, lock, open_files_max: OPEN_FILES_MAX, appending: Mutex::new(appending) }
    }

    /// Keeps at most `most` files open for appending, if that is fewer than the default.
    #[must_use]
    pub fn with_open_files(self, most: usize) -> Self {
        Self { open_files_max: most.clamp(1, OPEN_FILES_MAX), ..self }
    }

    /// Writes where the peer of this directory listens, and how long its rows may wait, for programs of this host.
    ///
    /// # Errors
    /// Where the disk does not take it.
    pub fn note(&self, endpoint: SocketAddr, rows_wait: Option<Duration>) -> Result<(), StorageError> {
        self.lock
            .note(endpoint, rows_wait)
            .map_err(|error| StorageError::directory(&self.root, &self.root.join(LOCK), error))
    }

    fn appending(&self) -> MutexGuard<'_, Appending> {
        self.appending.lock().expect("no holder of the lock panics")
    }

    /// Opens a file for appending; creates it, and its directory, where they are missing.
    fn open(&self, path: &str) -> io::Result<(File, bool)> {
        let full = self.root.join(path);
        let existing = appending().open(&full);
        match existing {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(parent) = full.parent() {
                    make_dirs(parent)?;
                }
                Ok((open_or_make(appending(), &full)?, true))
            }
            existing => Ok((existing?, false)),
        }
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        or_empty(durable::sync_dir(&self.root.join(dir)))
    }
}

impl Appending {
    /// The handle of a file, opened if need be. It may take the place of the handle that was unused for longest.
    fn handle(&mut self, disk: &RealDisk, path: &str) -> io::Result<&mut Handle> {
        self.uses += 1;
        if !self.files.contains_key(path) {
            if self.files.len() >= disk.open_files_max {
                let oldest = self.files.iter().min_by_key(|(_, handle)| handle.used).map(|(path, _)| path.clone());
                self.files.remove(&oldest.expect("there are some"));
            }
            let (file, created) = disk.open(path)?;
            if created {
                self.name_changed(path);
            }
            let stamp = Stamp::new(identity::of(&file)?);
            self.files.insert(path.to_owned(), Handle { file, stamp, used: 0 });
        }
        let handle = self.files.get_mut(path).expect("it is there now");
        handle.used = self.uses;
        Ok(handle)
    }

    fn name_changed(&mut self, path: &str) {
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.changed.insert(parent.to_owned());
        // The directory itself may be new as well.
        self.changed.insert(String::new());
    }
}

fn appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.append(true);
    // Others may read and write an open file, but not rename or remove it.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, 1 | 2);
    options
}

/// Cuts a file that is open for appending.
#[cfg(not(windows))]
fn cut(file: &File, _: &Path, len: u64) -> io::Result<()> {
    file.set_len(len)
}

/// Windows cuts none by a handle that may only append.
#[cfg(windows)]
fn cut(_: &File, path: &Path, len: u64) -> io::Result<()> {
    File::options().write(true).open(path)?.set_len(len)
}

impl ReadDisk for RealDisk {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.root.join(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        file_names(entries)
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        or_empty(fs::metadata(self.root.join(path)).map(|metadata| metadata.len()))
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        or_empty(read_at(&self.root.join(path), offset, len))
    }

    fn full_path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}

impl Disk for RealDisk {
    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        let path = self.root.join(path);
        or_empty(identity::under(&path, fs::symlink_metadata(&path)).map(Stamp::new))
    }

    fn append(&self, path: &str, bytes: &[u8]) -> io::Result<Stamp> {
        let mut appending = self.appending();
        let handle = appending.handle(self, path)?;
        if let Err(error) = handle.file.write_all(bytes) {
            if cut(&handle.file, &self.root.join(path), handle.stamp.bytes).is_err() {
                // Nobody knows what is there now: the next use of the file asks again.
                appending.files.remove(path);
            }
            return Err(error);
        }
        handle.stamp.bytes += bytes.len() as u64;
        Ok(handle.stamp)
    }

    fn copy(&self, from: &str, to: &str, len: u64) -> io::Result<()> {
        let mut appending = self.appending();
        appending.files.remove(to);
        appending.name_changed(to);
        let target = self.root.join(to);
        let copied = File::open(self.root.join(from))
            .and_then(|source| io::copy(&mut source.take(len), &mut make_file(&target)?))
            .and_then(|copied| if copied == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
        if copied.is_err() {
            // Half a file would only take room; that it stays does no harm.
            let _ = fs::remove_file(target);
        }
        copied
    }

    fn truncate(&self, path: &str, len: u64) -> io::Result<()> {
        if self.len(path)? <= len {
            return Ok(());
        }
        let mut appending = self.appending();
        let handle = appending.handle(self, path)?;
        cut(&handle.file, &self.root.join(path), len)?;
        handle.stamp.bytes = len;
        Ok(())
    }

    fn replace(&self, path: &str, bytes: &[u8], durable: bool) -> io::Result<()> {
        let temporary = format!("{path}.tmp");
        let write = || {
            let mut file = make_file(&self.root.join(&temporary))?;
            file.write_all(bytes)?;
            if durable {
                file.sync_all()?;
            }
            Ok(())
        };
        if let Err(error) = write() {
            // Half a file would only take room; that it stays does no harm.
            let _ = fs::remove_file(self.root.join(&temporary));
            return Err(error);
        }
        self.rename(&temporary, path)?;
        if durable {
            self.sync_dir(path.rsplit_once('/').map_or("", |(parent, _)| parent))?;
        }
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut appending = self.appending();
        appending.files.remove(from);
        appending.files.remove(to);
        fs::rename(self.root.join(from), self.root.join(to))?;
        appending.name_changed(to);
        Ok(())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut appending = self.appending();
        appending.files.remove(path);
        or_empty(fs::remove_file(self.root.join(path)))?;
        appending.name_changed(path);
        Ok(())
    }

    fn sync(&self, path: &str) -> io::Result<()> {
        let mut appending = self.appending();
        appending.handle(self, path)?.file.sync_all()?;
        // A directory whose sync fails is still one that has to be synced.
        while let Some(dir) = appending.changed.first().cloned() {
            self.sync_dir(&dir)?;
            appending.changed.remove(&dir);
        }
        Ok(())
    }

    fn sync_bytes(&self, path: &str) -> io::Result<()> {
        self.appending().handle(self, path)?.file.sync_all()
    }

    fn sync_names(&self, dir: &str) -> io::Result<()> {
        self.sync_dir(dir)?;
        self.appending().changed.remove(dir);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::support::TempDir;

    #[test]
    fn far_more_files_are_appended_to_than_may_be_open() {
        for most in [OPEN_FILES_MAX, 4] {
            let (_temp, disk) = TempDir::disk("p");
            let disk = disk.with_open_files(most);
            for round in 0..3 {
                for file in 0..3 * OPEN_FILES_MAX {
                    disk.append(&format!("s{file}.csv"), format!("{round}\n").as_bytes()).unwrap();
                }
                assert_eq!(disk.appending().files.len(), most);
            }
            for file in 0..3 * OPEN_FILES_MAX {
                assert_eq!(disk.read(&format!("s{file}.csv"), 0, 99).unwrap(), b"0\n1\n2\n");
            }
        }
    }

    #[test]
    fn what_was_truncated_or_replaced_is_appended_to_at_its_new_end() {
        let (_temp, disk) = TempDir::disk("p");
        disk.append("journal/1.log", b"abcdef").unwrap();
        disk.truncate("journal/1.log", 2).unwrap();
        disk.append("journal/1.log", b"XY").unwrap();
        assert_eq!(disk.read("journal/1.log", 0, 99).unwrap(), b"abXY");
        disk.append("pending", b"old").unwrap();
        disk.replace("pending", b"new", true).unwrap();
        disk.append("pending", b"er").unwrap();
        disk.sync("pending").unwrap();
        assert_eq!((disk.len("pending").unwrap(), disk.read("pending", 1, 3).unwrap()), (5, b"ewe".to_vec()));
        assert_eq!(disk.list("journal").unwrap(), ["1.log"]);
        assert_eq!(disk.list("").unwrap(), ["lock", "pending"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_stamp_shows_that_a_name_no_longer_means_the_file_that_was_written() {
        let (_temp, disk) = TempDir::disk("p");
        let append = |text: &str| disk.append("a.csv", text.as_bytes()).unwrap();
        let first = append("one");
        assert_eq!((disk.stamp("a.csv").unwrap(), first.bytes), (first, 3));
        disk.copy("a.csv", "a.csv.tmp", 2).unwrap();
        assert_ne!(disk.stamp("a.csv.tmp").unwrap().file, first.file);
        assert_eq!(disk.read("a.csv.tmp", 0, 9).unwrap(), b"on");
        assert!(disk.copy("a.csv", "x", 4).is_err() && disk.len("x").unwrap() == 0, "it has not so many bytes");
        fs::rename(disk.full_path("a.csv"), disk.full_path("b.csv")).unwrap();
        assert_eq!(disk.stamp("a.csv").unwrap(), Stamp::default());
        assert_eq!(append("two"), Stamp { bytes: 6, ..first }, "it is open");
        fs::copy(disk.full_path("b.csv"), disk.full_path("a.csv")).unwrap();
        assert_ne!(disk.stamp("a.csv").unwrap(), disk.stamp("b.csv").unwrap());
        disk.rename("a.csv.tmp", "a.csv").unwrap();
        assert_ne!(append("x").file, first.file, "what takes its place is opened");
        assert_eq!(disk.read("a.csv", 0, 9).unwrap(), b"onx");
    }

    #[test]
    #[cfg(unix)]
    fn a_name_stays_unsynced_where_the_sync_of_its_directory_fails() {
        let (_temp, disk) = TempDir::disk("p");
        disk.append("a.csv", b"row").unwrap();
        disk.append("journal/1.log", b"batch").unwrap();
        let (journal, aside) = (disk.full_path("journal"), disk.full_path("aside"));
        fs::rename(&journal, &aside).unwrap();
        std::os::unix::fs::symlink("journal", &journal).unwrap();
        for _ in 0..2 {
            assert!(disk.sync("a.csv").is_err(), "the journal cannot be opened");
            assert!(disk.sync_names("journal").is_err());
        }
        fs::remove_file(&journal).unwrap();
        fs::rename(&aside, &journal).unwrap();
        disk.sync("a.csv").unwrap();
        assert!(disk.appending().changed.is_empty());
    }

    #[test]
    fn names_that_were_made_renamed_or_removed_are_unsynced() {
        type Change = fn(&RealDisk);
        let (_temp, disk) = TempDir::disk("p");
        disk.append("a.csv", b"row").unwrap();
        let changes: [(&str, Change, &[&str]); 5] = [
            ("append", |disk| disk.append("a.csv", b"row").map(drop).unwrap(), &[]),
            ("make", |disk| disk.append("journal/1.log", b"batch").map(drop).unwrap(), &["", "journal"]),
            ("rename", |disk| disk.rename("journal/1.log", "journal/2.log").unwrap(), &["", "journal"]),
            ("copy", |disk| disk.copy("a.csv", "b.csv", 3).unwrap(), &[""]),
            ("remove", |disk| disk.remove("journal/2.log").unwrap(), &["", "journal"]),
        ];
        for (what, change, unsynced) in changes {
            disk.sync("a.csv").unwrap();
            assert!(disk.appending().changed.is_empty());
            change(&disk);
            assert!(disk.appending().changed.iter().eq(unsynced), "{what}: {:?}", disk.appending().changed);
        }
    }

    #[test]
    fn a_file_that_is_missing_has_no_bytes() {
        let (_temp, disk) = TempDir::disk("p");
        assert_eq!((disk.len("x").unwrap(), disk.read("x", 0, 9).unwrap()), (0, vec![]));
        assert!(disk.list("journal").unwrap().is_empty());
        disk.remove("x").unwrap();
        disk.truncate("x", 0).unwrap();
        assert!(!disk.full_path("x").exists());
        fs::write(disk.full_path("journal"), "").unwrap();
        assert!(disk.list("journal").is_err(), "it cannot be listed");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_reported_as_full() {
        let (_temp, disk) = TempDir::disk("p");
        std::os::unix::fs::symlink("/dev/full", disk.full_path("a.csv")).unwrap();
        let error = disk.append("a.csv", b"row\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(disk.sync_bytes("a.csv").is_err(), "a device takes no sync");
    }
}
