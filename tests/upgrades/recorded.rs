//! The recordings.

use std::fs;
use std::path::{Path, PathBuf};

/// The recordings of all releases.
pub(crate) fn releases() -> Vec<PathBuf> {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let releases: Vec<PathBuf> = entries(&recorded).into_iter().filter(|path| path.is_dir()).collect();
    assert!(!releases.is_empty(), "no release was recorded");
    releases
}

/// What is in a directory, by name.
pub(crate) fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a recording");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort_unstable();
    paths
}

/// Copies a directory with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory of the test");
    for path in entries(from) {
        let to = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).expect("a file of the recording");
        }
    }
}
