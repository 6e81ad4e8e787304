//! Which process uses a directory: what it writes into `lock`, and what others find there.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::path::Path;

use fs4::{FileExt, TryLockError};

use super::error::StorageError;
use super::making::open_or_make;

const NAME: &str = "lock";

/// How many bytes of it are read: two numbers and an address.
const BYTES_MAX: u64 = 100;

/// The process that uses a directory, as far as that can be read: the process may be writing it just now, and some
/// systems let nobody read what another process has locked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occupant {
    pub process: Option<u32>,
    /// Where its peer listens.
    pub endpoint: Option<SocketAddr>,
}

/// Takes the `lock` of a directory for this process.
pub(super) fn lock(root: &Path) -> Result<File, StorageError> {
    let path = root.join(NAME);
    let unusable = |source| StorageError::directory(root, &path, source);
    let mut options = File::options();
    options.read(true).write(true).truncate(false);
    let mut file = open_or_make(options, &path).map_err(unusable)?;
    match FileExt::try_lock(&file) {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            // Only for the message.
            let process = read(&file).process.map_or_else(|| "unknown".to_owned(), |process| process.to_string());
            return Err(StorageError::InUse { path: root.to_owned(), process });
        }
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(unusable)?;
    Ok(file)
}

/// Writes where the peer of this process listens, for programs of this host that look for it.
pub(super) fn note_endpoint(mut file: &File, endpoint: SocketAddr) -> io::Result<()> {
    file.seek(SeekFrom::End(0))?;
    writeln!(file, "{endpoint}")
}

/// The process that uses this directory now, if any. To find out shares the lock for a moment, which a peer that starts
/// would notice only within that very moment.
#[must_use]
pub fn occupant(root: &Path) -> Option<Occupant> {
    let path = root.join(NAME);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    let file = if is_file { File::open(path).ok()? } else { return None };
    matches!(FileExt::try_lock_shared(&file), Err(TryLockError::WouldBlock)).then(|| read(&file))
}

fn read(file: &File) -> Occupant {
    let mut text = String::new();
    if file.take(BYTES_MAX).read_to_string(&mut text).is_err() {
        return Occupant::default();
    }
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let process = lines.next().and_then(|line| line.parse().ok());
    Occupant { process, endpoint: lines.next().and_then(|line| line.parse().ok()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::support::TempDir;

    #[test]
    fn others_find_the_process_and_where_it_listens_while_it_runs() {
        let temp = TempDir::new();
        let root = temp.path().to_owned();
        assert_eq!(occupant(&root), None);
        let held = lock(&root).unwrap();
        let process = Some(std::process::id());
        assert_eq!(occupant(&root), Some(Occupant { process, endpoint: None }));
        let endpoint: SocketAddr = "[fd00::7]:7000".parse().unwrap();
        note_endpoint(&held, endpoint).unwrap();
        assert_eq!(occupant(&root), Some(Occupant { process, endpoint: Some(endpoint) }));
        let refused = lock(&root).unwrap_err().to_string();
        assert!(refused.contains(&std::process::id().to_string()) && !refused.contains("fd00"), "{refused}");
        drop(held);
        assert_eq!(occupant(&root), None);
        drop(lock(&root).unwrap());
        assert_eq!(fs::read_to_string(root.join(NAME)).unwrap().lines().count(), 1, "of the last process only");
    }
}
