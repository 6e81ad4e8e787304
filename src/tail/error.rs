//! Why `peer tail` ends before its end, in one line each.

use std::io;
use std::path::PathBuf;

use crate::history::PositionError;
use crate::storage::StorageError;

/// Why it ends.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    #[error("{0}")]
    Selection(String),
    #[error("{}", .0.to_reader())]
    Storage(#[from] StorageError),
    #[error("{} holds rows and no journal, which has their order; give the whole directory of the peer", path.display())]
    NoJournal { path: PathBuf },
    #[error("the cursor {} cannot be {doing}: {cause}; give another --cursor", path.display())]
    Cursor { path: PathBuf, doing: &'static str, cause: io::Error },
    #[error(
        "{} is no cursor ({cause}), and is left as it is; give another --cursor, or remove the file to begin again",
        path.display()
    )]
    NoCursor { path: PathBuf, cause: PositionError },
    #[error("the cursor {} belongs to another program that runs; give another --cursor", path.display())]
    CursorTaken { path: PathBuf },
    #[error("cannot listen for SIGINT and SIGTERM: {0}")]
    Signals(io::Error),
    #[error("cannot write: {0}")]
    Output(io::Error),
}

impl TailError {
    /// Whether the reader of the rows has ended.
    #[must_use]
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
