//! A file that keeps how far rows went: that of `--cursor`, and that of a bridge.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::error::TailError;
use crate::durable;
use crate::history::PositionError;

/// A position that is kept in a file.
#[derive(Debug)]
pub(crate) struct Cursor<T> {
    path: PathBuf,
    kept: Option<T>,
}

impl<T: Clone + Display + FromStr<Err = PositionError> + PartialEq> Cursor<T> {
    /// Reads the file, where it is there.
    pub(crate) fn open(path: &Path) -> Result<Self, TailError> {
        let kept = match fs::read_to_string(path) {
            Ok(text) => Some(text.parse().map_err(|cause| TailError::NoCursor { path: path.to_owned(), cause })?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(cause) => return Err(TailError::Cursor { path: path.to_owned(), doing: "read", cause }),
        };
        Ok(Self { path: path.to_owned(), kept })
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
        durable::replace(&self.path, position.to_string().as_bytes()).map_err(|cause| TailError::Cursor {
            path: self.path.clone(),
            doing: "written",
            cause,
        })?;
        self.kept = Some(position);
        Ok(())
    }
}
