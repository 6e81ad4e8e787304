//! A file that keeps how far rows went: that of `--cursor`, and that of a bridge.

use std::fmt::Display;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use fs4::{FileExt, TryLockError};

use super::error::TailError;
use crate::durable;
use crate::history::PositionError;

/// The file of a position, which is this process's alone as long as this lives: of two that replaced it, each would go on where
/// the other one is.
#[derive(Debug)]
pub(crate) struct CursorFile {
    path: PathBuf,
    /// Held by being open.
    _held: File,
}

impl CursorFile {
    /// # Errors
    /// [`TailError::CursorTaken`] where another process has it, or [`TailError::Cursor`] where nothing can be written there.
    pub(crate) fn take(path: &Path) -> Result<Self, TailError> {
        // The file itself is replaced each time.
        let mut lock = path.to_owned().into_os_string();
        lock.push(".lock");
        let unusable = |cause| TailError::Cursor { path: path.to_owned(), doing: "written", cause };
        let held = File::options().create(true).truncate(false).write(true).open(&lock).map_err(unusable)?;
        match FileExt::try_lock(&held) {
            Ok(()) => Ok(Self { path: path.to_owned(), _held: held }),
            Err(TryLockError::WouldBlock) => Err(TailError::CursorTaken { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A position that is kept in a file.
#[derive(Debug)]
pub(crate) struct Cursor<T> {
    file: CursorFile,
    kept: Option<T>,
}

impl<T: Clone + Display + FromStr<Err = PositionError> + PartialEq> Cursor<T> {
    /// Reads the file, where it is there.
    pub(crate) fn open(file: CursorFile) -> Result<Self, TailError> {
        let path = file.path();
        let kept = match fs::read_to_string(path) {
            Ok(text) => Some(text.parse().map_err(|cause| TailError::NoCursor { path: path.to_owned(), cause })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(TailError::Cursor { path: path.to_owned(), doing: "read", cause }),
        };
        Ok(Self { file, kept })
    }

    /// What an earlier run kept.
    pub(crate) fn kept(&self) -> Option<T> {
        self.kept.clone()
    }

    /// Replaces the file, unless it says so already: at any time there is the old one or the new one.
    pub(crate) fn keep(&mut self, position: T) -> Result<(), TailError> {
        if self.kept.as_ref() == Some(&position) {
            return Ok(());
        }
        let path = self.file.path();
        durable::replace(path, position.to_string().as_bytes()).map_err(|cause| TailError::Cursor {
            path: path.to_owned(),
            doing: "written",
            cause,
        })?;
        self.kept = Some(position);
        Ok(())
    }
}
