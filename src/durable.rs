//! What is there whatever happens to the power: names of a directory, and files that are replaced as a whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Replaces a file. At any time, and after a power cut, its name has all that it held before or all that it holds now; once
/// this returns, that is the new one.
///
/// # Errors
/// Where it cannot be written; the old one is still there, or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.to_owned().into_os_string();
    new.push(".tmp");
    fs::write(&new, bytes)?;
    take_place(new.as_ref(), path)
}

/// The same, with a file that was written beside.
///
/// The name is left to the system if it syncs no directories, or if this user may only write to this one: an operator
/// may have chosen any directory.
///
/// # Errors
/// As above.
pub(crate) fn take_place(new: &Path, path: &Path) -> io::Result<()> {
    // Windows syncs only files that are open for writing.
    File::options().append(true).open(new)?.sync_all()?;
    fs::rename(new, path)?;
    match sync_dir(parent(path)) {
        Err(error) if is_not_offered(error.kind()) => Ok(()),
        synced => synced,
    }
}

fn is_not_offered(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::PermissionDenied)
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns once the names in a directory are on the platter.
#[cfg(unix)]
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a directory cannot be synced like a file; the file system's own journal keeps the names in order.
#[cfg(not(unix))]
pub(crate) fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}
