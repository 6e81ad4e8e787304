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
        let opened = match File::options().create(true).truncate(false).write(true).open(&lock) {
            // Another user made it, which keeps nobody from a lock.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(&lock).map_err(|_| error),
            opened => opened,
        };
        let unusable = |doing| move |cause| TailError::Cursor { path: path.to_owned(), doing, cause };
        let held = opened.map_err(unusable("written"))?;
        match FileExt::try_lock(&held) {
            Err(TryLockError::WouldBlock) => return Err(TailError::CursorTaken { path: path.to_owned() }),
            // The system has no locks there.
            Err(TryLockError::Error(error)) if error.kind() != io::ErrorKind::Unsupported => {
                return Err(unusable("locked")(error));
            }
            _ => {}
        }
        Ok(Self { path: path.to_owned(), _held: held })
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
    /// Takes the file at this path. Nothing is left beside one that is no cursor.
    pub(crate) fn at(path: &Path) -> Result<Self, TailError> {
        kept_in::<T>(path)?;
        Self::open(CursorFile::take(path)?)
    }

    /// Reads the file, where it is there.
    pub(crate) fn open(file: CursorFile) -> Result<Self, TailError> {
        let kept = kept_in(file.path())?;
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

fn kept_in<T: FromStr<Err = PositionError>>(path: &Path) -> Result<Option<T>, TailError> {
    match fs::read_to_string(path) {
        Ok(text) => text.parse().map(Some).map_err(|cause| TailError::NoCursor { path: path.to_owned(), cause }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(TailError::Cursor { path: path.to_owned(), doing: "read", cause }),
    }
}
