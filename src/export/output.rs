//! The output file. It is written beside the wanted name, and gets that name once it is whole and on the platter: what had
//! the name before may be the only other export.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::ExportError;
use crate::durable;

/// Where rows go. If it is dropped before it is published, nothing is left.
#[derive(Debug)]
pub(super) struct Output {
    /// Where it is written, and where it will be.
    file: Option<(PathBuf, PathBuf)>,
}

impl Output {
    /// `None`: no file.
    pub(super) fn new(path: Option<&Path>) -> Self {
        let beside = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{}.tmp", std::process::id()));
            PathBuf::from(name)
        };
        Self { file: path.map(|path| (beside(path), path.to_owned())) }
    }

    /// Where it is written.
    pub(super) fn path(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// A directory with room for what memory does not hold: the one of the output.
    pub(super) fn directory(&self) -> PathBuf {
        let parent = self.path().and_then(Path::parent).map(Path::to_owned);
        parent.map_or_else(std::env::temp_dir, |path| if path.as_os_str().is_empty() { ".".into() } else { path })
    }

    /// Gives it its name.
    pub(super) fn publish(mut self) -> Result<(), ExportError> {
        let Some((path, to)) = self.file.take() else { return Ok(()) };
        durable::take_place(&path, &to).map_err(ExportError::file(&to))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((path, _)) = &self.file {
            // If that fails, its name tells what it is.
            let _ = fs::remove_file(path);
        }
    }
}
