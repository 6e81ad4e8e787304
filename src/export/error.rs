//! Why `peer export` fails, in one line each.

use std::io;
use std::path::{Path, PathBuf};

use crate::storage::StorageError;

/// Why there is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("{0}")]
    Selection(String),
    #[error("{}", .0.to_reader())]
    Storage(#[from] StorageError),
    #[error("{} has no journal, which has the order of its rows; give the whole directory of the peer", path.display())]
    NoJournal { path: PathBuf },
    #[error("the rows in {} were replaced again and again; try again when the group is at rest", path.display())]
    Unsteady { path: PathBuf },
    #[cfg(any(feature = "sqlite", feature = "parquet"))]
    #[error("this format needs a file; give --output FILE")]
    NeedsFile,
    #[cfg(not(all(feature = "sqlite", feature = "parquet")))]
    #[error("this build of peer does not write {format}; packages do, and so does 'cargo build --release --features {format}'")]
    NotBuilt { format: &'static str },
    #[error("cannot write {}: {cause}; make room, or give another --output", path.display())]
    File { path: PathBuf, cause: Box<dyn std::error::Error + Send + Sync> },
    #[error("cannot write: {0}")]
    Output(io::Error),
}

impl ExportError {
    /// A file cannot be written.
    pub(super) fn file<E: std::error::Error + Send + Sync + 'static>(path: &Path) -> impl Fn(E) -> Self + use<'_, E> {
        move |cause| Self::File { path: path.to_owned(), cause: Box::new(cause) }
    }

    /// Whether the reader of the rows has ended.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
