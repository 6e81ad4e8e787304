//! A directory for targets that need a real disk.

use std::fs;
use std::path::{Path, PathBuf};

/// A new directory, removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a place for temporary files"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the directory that it is in.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a place for temporary files");
        fs::write(&path, bytes).expect("a place for temporary files");
        path
    }
}
