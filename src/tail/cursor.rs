//! The file of `--cursor`: how far the rows were written out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::TailError;
use crate::history::Position;

/// A position that is kept in a file.
#[derive(Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    kept: Option<Position>,
}

impl Cursor {
    /// Reads the file, where it is there.
    pub(super) fn open(path: &Path) -> Result<Self, TailError> {
        let kept = match fs::read_to_string(path) {
            Ok(text) => Some(text.parse().map_err(|cause| TailError::NoCursor { path: path.to_owned(), cause })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(TailError::Cursor { path: path.to_owned(), doing: "read", cause }),
        };
        Ok(Self { path: path.to_owned(), kept })
    }

    /// What an earlier run kept.
    pub(super) fn kept(&self) -> Option<Position> {
        self.kept.clone()
    }

    /// Replaces the file, unless it says so already: at any time there is the old one or the new one.
    pub(super) fn keep(&mut self, position: Position) -> Result<(), TailError> {
        if self.kept.as_ref() == Some(&position) {
            return Ok(());
        }
        let mut new = self.path.clone().into_os_string();
        new.push(".tmp");
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(position.to_string().as_bytes())?;
            file.sync_all()?;
            drop(file);
            fs::rename(&new, &self.path)
        };
        write().map_err(|cause| TailError::Cursor { path: self.path.clone(), doing: "written", cause })?;
        self.kept = Some(position);
        Ok(())
    }
}
