//! A peer's directory for programs that only look: it takes no lock, and can change nothing.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::ReadDisk;

/// The files below a directory, as they are. A missing file is an error: it was there a moment ago.
#[derive(Debug)]
pub(in crate::storage) struct ReadOnlyDisk {
    root: PathBuf,
}

impl ReadOnlyDisk {
    pub(in crate::storage) fn new(root: PathBuf) -> Self {
        Self { root }
    }
}

/// The names of the files among these entries, sorted.
pub(super) fn file_names(entries: fs::ReadDir) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Bytes of a file from `offset` on, fewer than `len` where it ends before.
pub(super) fn read_at(path: &Path, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::with_capacity(len);
    file.take(len as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl ReadDisk for ReadOnlyDisk {
    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        file_names(fs::read_dir(self.root.join(dir))?)
    }

    fn len(&self, path: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.root.join(path))?.len())
    }

    fn read(&self, path: &str, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        read_at(&self.root.join(path), offset, len)
    }

    fn full_path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }
}
