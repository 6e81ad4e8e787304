//! A running peer writes while it is being checked. What is not as it must be may be under way, so there is another
//! look before it counts.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::check::{check, Checked};
use super::disagreements::{rows_named, Disagreements};
use super::missing::Lag;
use crate::ids::Sequence;
use crate::storage::{check_version, Inspection, StorageError};

/// How often a running peer is looked at if not everything agrees: it may be replacing files just then, but hardly
/// three times in a row.
const LOOKS_MAX: u32 = 3;

/// How long rows may be under way. A row follows its entry when a majority has stored that. A hung member can delay
/// this by the heartbeat timeout and an election: 15 s by default. A file that another program took away is restored
/// within some seconds. And a disk may be slow.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The pause between two looks for them.
const STEP: Duration = Duration::from_millis(100);

/// Checks a directory; where `up_to` is given, only rows up to it.
///
/// # Errors
/// Where something in it cannot be read.
pub(super) fn look(path: &Path, up_to: Option<Sequence>, patience: Duration) -> Result<Checked, StorageError> {
    let look = || {
        check_version(path).and_then(|()| Inspection::open(path, up_to)).and_then(|inspection| check(inspection, up_to))
    };
    let mut found = look();
    for _ in 1..LOOKS_MAX {
        let settled = match &found {
            Ok(checked) => !checked.runs || checked.disagreements.is_empty(),
            // A listed file is gone: it may have been replaced.
            Err(_) => !Inspection::is_in_use(path),
        };
        if settled {
            break;
        }
        found = look();
    }
    let checked = found?;
    if !checked.runs || came(&checked, patience) {
        return Ok(checked);
    }
    let mut again = look()?;
    tell_what_did_not_come(&checked.lag, &mut again, patience);
    Ok(again)
}

/// Waits until the rows by which the journal was ahead are in their files.
fn came(checked: &Checked, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    let mut left: Vec<&Lag> = checked.lag.iter().collect();
    loop {
        left.retain(|lag| checked.inspection.last_row(&lag.file).is_none_or(|last| last < lag.last));
        if left.is_empty() {
            return true;
        }
        if Instant::now() >= until {
            return false;
        }
        thread::sleep(STEP);
    }
}

/// Notes rows that both looks lacked, if the peer still runs.
fn tell_what_did_not_come(before: &[Lag], again: &mut Checked, patience: Duration) {
    if !again.runs {
        // What it lacks now is reported already.
        return;
    }
    let (lag, disagreements): (&[Lag], &mut Disagreements) = (&again.lag, &mut again.disagreements);
    for late in before {
        if lag.iter().any(|now| now.file == late.file && now.first <= late.last) {
            let rows = rows_named((late.first, late.last), late.count);
            let seconds = patience.as_secs();
            disagreements.add_new(&late.file, (late.first, late.last), || {
                format!("lacks {rows} of the journal, and they did not come within {seconds} s though the peer runs")
            });
        }
    }
}
