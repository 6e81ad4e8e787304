//! What a peer's files tell of the time: it cannot be earlier now than when they were written. They are read before a
//! start claims them, and only the operator is told; what cannot be read is skipped.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use super::find_directory;
use crate::ids::{PeerId, SensorId, Sequence};
use crate::reading::Row;
use crate::storage::csv_files::ends::last_row;
use crate::storage::disk::read_only::ReadOnlyDisk;
use crate::storage::disk::ReadDisk;
use crate::storage::file_names::sensor_of;
use crate::storage::journal;

/// When a file in a peer's directory was last written, by the clock of that time. `None`: there is none, or nobody
/// knows.
#[must_use]
pub fn last_written(data_dir: &Path, id: &PeerId) -> Option<SystemTime> {
    let root = find_directory(data_dir, id)?;
    let entries =
        [root.join(journal::DIR), root].into_iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    let files = entries.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file);
    files.filter_map(|metadata| metadata.modified().ok()).max()
}

/// The last row of each sensor in the CSV files of a peer: its timestamp, as it was given.
#[must_use]
pub fn last_readings(data_dir: &Path, id: &PeerId) -> Vec<(SensorId, String)> {
    let Some(disk) = find_directory(data_dir, id).map(ReadOnlyDisk::new) else { return Vec::new() };
    let mut last: BTreeMap<SensorId, (Sequence, String)> = BTreeMap::new();
    for name in disk.list("").unwrap_or_default() {
        let Some((sensor, (sequence, time))) = sensor_of(&name).zip(last_reading(&disk, &name)) else { continue };
        if last.get(&sensor).is_none_or(|(before, _)| *before < sequence) {
            last.insert(sensor, (sequence, time));
        }
    }
    last.into_iter().map(|(sensor, (_, time))| (sensor, time)).collect()
}

/// Sequence and timestamp of the last row of a file.
fn last_reading<D: ReadDisk>(disk: &D, path: &str) -> Option<(Sequence, String)> {
    let bytes = disk.len(path).ok()?;
    let (sequence, row) = last_row(disk, path, bytes).ok()??;
    Some((sequence, String::from_utf8(Row::parse(&row)?.timestamp()?.to_vec()).ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::storage::tests::support::TempDir;

    #[test]
    fn the_newest_of_all_files_tells_when_one_was_last_written() {
        let (temp, id) = (TempDir::new(), "p".parse().unwrap());
        assert_eq!(last_written(temp.path(), &id), None);
        let root = temp.path().join("p");
        fs::create_dir_all(root.join(journal::DIR)).unwrap();
        assert_eq!(last_written(temp.path(), &id), None, "directories do not count");
        for (name, at, newest) in [("a.csv", 3, 3), ("journal/1", 2, 3), ("journal/2", 4, 4), ("b.csv", 1, 4)] {
            let time = |hours: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(hours * 3600);
            fs::File::create(root.join(name)).unwrap().set_modified(time(at)).unwrap();
            assert_eq!(last_written(temp.path(), &id), Some(time(newest)), "{name}");
        }
        assert_eq!(last_written(temp.path(), &"q".parse().unwrap()), None);
    }
}
