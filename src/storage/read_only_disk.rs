//! A peer's directory for those who only look: no lock is taken, nothing is created, and every change is refused.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use super::disk::{Disk, Stamp};

/// The files below a directory, as they are. What is missing is an error: it was seen a moment ago.
#[derive(Debug)]
pub(super) struct ReadOnlyDisk {
    root: PathBuf,
}

impl ReadOnlyDisk {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this directory is only looked at"))
}

impl Disk for ReadOnlyDisk {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.join(dir))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.root.join(path))?.len())
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.root.join(path))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::with_capacity(len);
        file.take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn full_path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn stamp(&self, path: &str) -> io::Result<Stamp> {
        Ok(Stamp { file: (0, 0), bytes: self.len(path)? })
    }

    fn append(&self, _path: &str, _bytes: &[u8]) -> io::Result<Stamp> {
        refused()
    }

    fn copy(&self, _from: &str, _to: &str, _len: u64) -> io::Result<()> {
        refused()
    }

    fn truncate(&self, _path: &str, _len: u64) -> io::Result<()> {
        refused()
    }

    fn replace(&self, _path: &str, _bytes: &[u8], _durable: bool) -> io::Result<()> {
        refused()
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _path: &str) -> io::Result<()> {
        refused()
    }

    fn sync(&self, _path: &str) -> io::Result<()> {
        refused()
    }

    fn sync_names(&self, _dir: &str) -> io::Result<()> {
        refused()
    }
}
