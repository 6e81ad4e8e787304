//! Which process uses a directory: what it writes into `lock`, and what others find there.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fs4::{FileExt, TryLockError};

use super::making::open_or_make;
use crate::storage::error::StorageError;

pub(in crate::storage) const LOCK: &str = "lock";

/// Where the process is noted: in the lock itself, or beside it if the system lets nobody read what is locked.
const NOTE: &str = if cfg!(windows) { "running" } else { LOCK };

/// Begins a line that says how long rows may wait, in milliseconds.
const ROWS_WAIT: &str = "rows wait:";

/// Far longer than [`occupant`] shares the lock.
const LOOK: Duration = Duration::from_millis(20);

/// How many bytes of it are read: three numbers and an address.
const BYTES_MAX: u64 = 150;

/// The process that uses a directory, as far as that can be read: it may be writing it just now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupant {
    pub process: Option<u32>,
    /// Where its peer listens.
    pub endpoint: Option<SocketAddr>,
    /// How long its rows may wait before they are written, where they do.
    pub rows_wait: Option<Duration>,
}

/// The `lock` of a directory, held by this process for as long as this lives.
#[derive(Debug)]
pub(in crate::storage) struct Lock {
    /// Held by being open.
    _held: File,
    note: File,
}

impl Lock {
    /// Takes it, and notes this process.
    pub(in crate::storage) fn take(root: &Path) -> Result<Self, StorageError> {
        Self::taken(root, NOTE, &mut || thread::sleep(LOOK))
    }

    /// `pause`: waits until somebody who only looks has looked.
    fn taken(root: &Path, note: &str, pause: &mut dyn FnMut()) -> Result<Self, StorageError> {
        let path = root.join(LOCK);
        let unusable = |source| StorageError::directory(root, &path, source);
        let open = |path: &Path| {
            let mut options = File::options();
            options.read(true).write(true).truncate(false);
            open_or_make(options, path)
        };
        let held = open(&path).map_err(unusable)?;
        let mut locked = FileExt::try_lock(&held);
        if matches!(locked, Err(TryLockError::WouldBlock)) {
            // Perhaps no peer holds it, and a program shares it to find that out.
            pause();
            locked = FileExt::try_lock(&held);
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                // Only for the message.
                let process = read(root, note).process.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
                return Err(StorageError::InUse { path: root.to_owned(), process });
            }
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let mut note = if note == LOCK { held.try_clone() } else { open(&root.join(note)) }.map_err(unusable)?;
        note.set_len(0).and_then(|()| writeln!(note, "{}", std::process::id())).map_err(unusable)?;
        Ok(Self { _held: held, note })
    }

    /// Writes where the peer of this process listens, for programs of this host that look for it, and how long its rows may
    /// wait. An earlier version reads the first, and no further.
    pub(in crate::storage) fn note(&self, endpoint: SocketAddr, rows_wait: Option<Duration>) -> io::Result<()> {
        let waits = rows_wait.map_or_else(String::new, |wait| format!("{ROWS_WAIT}{}\n", wait.as_millis()));
        let mut note = &self.note;
        note.seek(SeekFrom::End(0))?;
        note.write_all(format!("{endpoint}\n{waits}").as_bytes())
    }
}

/// Whether this is the name of a file that belongs to the process, and not to what a peer keeps.
pub(in crate::storage) fn is_of_process(name: &str) -> bool {
    matches!(name, LOCK | "running")
}

/// The process that uses this directory now, if any. To find out shares the lock for some microseconds; a peer that starts
/// within them tries again.
#[must_use]
pub fn occupant(root: &Path) -> Option<Occupant> {
    occupant_noted(root, NOTE)
}

fn occupant_noted(root: &Path, note: &str) -> Option<Occupant> {
    let path = root.join(LOCK);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    let file = if is_file { File::open(path).ok()? } else { return None };
    matches!(FileExt::try_lock_shared(&file), Err(TryLockError::WouldBlock)).then(|| read(root, note))
}

fn read(root: &Path, note: &str) -> Occupant {
    let mut text = String::new();
    let file = File::open(root.join(note));
    if file.and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)).is_err() {
        return Occupant::default();
    }
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let process = lines.next().and_then(|line| line.parse().ok());
    let endpoint = lines.next().and_then(|line| line.parse().ok());
    let wait = lines.next().and_then(|line| line.strip_prefix(ROWS_WAIT)?.parse().ok());
    Occupant { process, endpoint, rows_wait: wait.map(Duration::from_millis) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::support::TempDir;

    fn taken(root: &Path, note: &str) -> Result<Lock, StorageError> {
        Lock::taken(root, note, &mut || ())
    }

    #[test]
    fn somebody_who_only_looks_does_not_keep_a_peer_from_starting() {
        let temp = TempDir::new();
        drop(taken(temp.path(), LOCK).unwrap());
        let looking = File::open(temp.path().join(LOCK)).unwrap();
        FileExt::try_lock_shared(&looking).unwrap();
        assert!(taken(temp.path(), LOCK).is_err(), "it looks for longer than any pause");
        let mut looking = Some(looking);
        Lock::taken(temp.path(), LOCK, &mut || drop(looking.take())).unwrap();
    }

    #[test]
    fn others_find_the_process_and_where_it_listens_while_it_runs() {
        for note in [LOCK, "running"] {
            let temp = TempDir::new();
            let root = temp.path().to_owned();
            let occupant = || occupant_noted(&root, note);
            assert_eq!(occupant(), None);
            let held = taken(&root, note).unwrap();
            let process = Some(std::process::id());
            assert_eq!(occupant(), Some(Occupant { process, ..Occupant::default() }));
            let endpoint: SocketAddr = "[fd00::7]:7000".parse().unwrap();
            held.note(endpoint, None).unwrap();
            assert_eq!(occupant(), Some(Occupant { process, endpoint: Some(endpoint), rows_wait: None }));
            let refused = taken(&root, note).unwrap_err().to_string();
            assert!(refused.contains(&std::process::id().to_string()) && !refused.contains("fd00"), "{refused}");
            drop(held);
            assert_eq!(occupant(), None);
            let (held, rows_wait) = (taken(&root, note).unwrap(), Some(Duration::from_secs(86_400)));
            let endpoint: SocketAddr = "[fe80:1111:2222:3333:4444:5555:6666:7777%4294967295]:65535".parse().unwrap();
            held.note(endpoint, rows_wait).unwrap();
            assert_eq!(occupant(), Some(Occupant { process, endpoint: Some(endpoint), rows_wait }), "the longest");
            drop(held);
            drop(taken(&root, note).unwrap());
            assert_eq!(fs::read_to_string(root.join(note)).unwrap().lines().count(), 1, "of the last process only");
            assert!(fs::read_dir(&root)
                .unwrap()
                .flatten()
                .all(|entry| is_of_process(&entry.file_name().to_string_lossy())));
        }
    }
}
