//! The peer whose rows are meant, and the first row.

use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::TailError;
use super::{Start, PAUSE_MAX};
use crate::history::Sensors;
use crate::ids::{SensorId, Sequence};
use crate::reading::{row_sequence, ROW_BYTES_MAX};
use crate::selection;
use crate::storage::{CsvDirectory, CsvHandle, StorageError};

/// The directory that is meant. If `waits`, it waits for a missing directory, and says so once; `None` if the program is
/// to end meanwhile.
pub(crate) fn directory(
    data_dirs: &[PathBuf],
    peer: Option<&Path>,
    waits: bool,
    errors: &mut dyn Write,
    pause: &dyn Fn(Duration) -> bool,
) -> Result<Option<PathBuf>, TailError> {
    let mut is_told = false;
    loop {
        let why = match selection::only(data_dirs, peer) {
            Ok(found) => return Ok(Some(found)),
            Err(why) => why,
        };
        if !waits || why.several {
            return Err(TailError::Selection(why.text));
        }
        if !is_told {
            // There may be no reader.
            let _ = writeln!(errors, "{}; waiting for it", why.text.split(';').next().unwrap_or_default());
            is_told = true;
        }
        if pause(PAUSE_MAX) {
            return Ok(None);
        }
    }
}

/// The last sequence of all rows in a directory.
pub(super) fn last(root: &Path) -> Result<Sequence, StorageError> {
    let mut sensors = Sensors::new(root.to_owned());
    sensors.refresh()?;
    Ok(sensors.last())
}

/// The sequence after which to begin.
pub(crate) fn after(root: &Path, start: Start, wanted: &[SensorId]) -> Result<Sequence, StorageError> {
    let count = match start {
        Start::After(after) => return Ok(after),
        Start::Last(count) => count,
    };
    let last = last(root)?;
    if wanted.is_empty() {
        return Ok(last.saturating_sub(count));
    }
    if count == 0 {
        return Ok(last);
    }
    let directory = CsvDirectory::new(root.to_owned());
    let mut found = Vec::new();
    for sensor in wanted {
        for file in directory.files_of(sensor)? {
            if let Some(mut file) = directory.open(&file)? {
                found.extend(last_sequences(&mut file, count)?);
            }
        }
    }
    found.sort_unstable();
    let first = found.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
    Ok(found.get(first).map_or(last, |first| first - 1))
}

/// The sequences of the last `count` rows of a file.
fn last_sequences(file: &mut CsvHandle, count: u64) -> Result<VecDeque<Sequence>, StorageError> {
    let end = file.stamp().bytes;
    let from = end.saturating_sub(count.saturating_mul(ROW_BYTES_MAX as u64));
    let mut found = VecDeque::new();
    file.for_each_line(from, end, |line| {
        // The first line may be the rest of a row.
        found.extend(row_sequence(line));
        if found.len() as u64 > count {
            found.pop_front();
        }
        true
    })?;
    Ok(found)
}
