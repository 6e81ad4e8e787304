//! Making files and directories: only a peer's user and group may read what it writes. The umask may take away more.
//! What is there already keeps its mode.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(unix)]
const FILE_MODE: u32 = 0o640;
#[cfg(unix)]
const DIRECTORY_MODE: u32 = 0o750;

/// Opens a file, which is made where it is missing.
pub(in crate::storage) fn open_or_make(mut options: OpenOptions, path: &Path) -> io::Result<File> {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    options.open(path)
}

/// Opens a file to write it from its beginning: a new one, or an old one that is emptied.
pub(in crate::storage) fn make_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).truncate(true);
    open_or_make(options, path)
}

/// Makes a file of the bytes of another one.
pub(in crate::storage) fn copy_file(from: &Path, to: &Path) -> io::Result<File> {
    let mut made = make_file(to)?;
    io::copy(&mut File::open(from)?, &mut made)?;
    Ok(made)
}

/// Makes a directory; it is an error if it is there already.
pub(in crate::storage) fn make_dir(path: &Path) -> io::Result<()> {
    builder().create(path)
}

/// Makes a directory and its parents, where they are missing.
pub(in crate::storage) fn make_dirs(path: &Path) -> io::Result<()> {
    builder().recursive(true).create(path)
}

fn builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is no mode to set"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, DIRECTORY_MODE);
    builder
}
