//! Which file it is, whatever names it has: a name may mean another one by now.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// What the system tells files apart by, as long as they are there.
pub(crate) type Identity = (u64, u64);

/// Which file is open, and what else the system says of it.
///
/// # Errors
/// The system's.
pub(crate) fn of(file: &File) -> io::Result<(Identity, Metadata)> {
    let found = file.metadata()?;
    Ok((identify(|| Ok(file), &found)?, found))
}

/// Which file has a name, of which the system says `found`.
///
/// # Errors
/// The system's, or that of `found`.
pub(crate) fn under(path: &Path, found: io::Result<Metadata>) -> io::Result<(Identity, Metadata)> {
    let found = found?;
    Ok((identify(|| File::open(path), &found)?, found))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems it may fail")]
fn identify<F>(_: impl FnOnce() -> io::Result<F>, found: &Metadata) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    Ok((found.dev(), found.ino()))
}

/// Windows tells this of open files only.
#[cfg(windows)]
fn identify<F: winapi_util::AsHandleRef>(open: impl FnOnce() -> io::Result<F>, _: &Metadata) -> io::Result<Identity> {
    let known = winapi_util::file::information(open()?)?;
    Ok((known.volume_serial_number(), known.file_index()))
}
