//! How much room the file system of a directory has.

use std::io;
use std::path::Path;

/// Room in bytes, as it counts for the user that runs this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub free: u64,
    pub total: u64,
}

impl Room {
    /// The room on the file system of this directory.
    ///
    /// # Errors
    /// The system's, where the directory is missing or it does not know.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let stats = fs4::statvfs(directory)?;
        Ok(Self { free: stats.available_space(), total: stats.total_space() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::tests::support::TempDir;

    #[test]
    fn a_directory_has_at_most_the_room_of_its_file_system() {
        let temp = TempDir::new();
        let room = Room::of(temp.path()).unwrap();
        assert!(room.free <= room.total && room.total > 0, "{room:?}");
        assert!(Room::of(&temp.path().join("missing")).is_err());
    }
}
