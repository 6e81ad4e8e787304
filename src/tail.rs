//! `peer tail`: prints the rows of a peer's directory in sequence order, and goes on as they come. `history` finds the
//! rows; here is where they begin (`start.rs`), what is kept for the next run (`cursor.rs`), and when the program ends.

mod cursor;
mod error;
mod signals;
mod start;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use self::cursor::Cursor;
#[cfg(any(test, feature = "bridge"))]
pub(crate) use self::cursor::CursorFile;
pub use self::error::TailError;
pub use self::signals::pause;
pub(crate) use self::start::{after, directory};
use crate::history::{Format, Position, Rows, Step, TimeRange, Wanted};
use crate::ids::SensorId;
use crate::storage::check_version;

/// Rows of one step.
const STEP_ROWS: usize = 10_000;

/// The pause between two looks that found nothing: at first, and at most.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);
pub(crate) const PAUSE_MAX: Duration = Duration::from_millis(250);

/// How old a cursor may get while there is more to write.
pub(crate) const CURSOR_LAG: Duration = Duration::from_secs(1);

/// Where to begin, unless a cursor says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With all rows after a sequence.
    After(u64),
    /// With this many rows at the end.
    Last(u64),
}

/// What is to be printed, and how.
#[derive(Debug, Clone)]
pub struct Asked {
    pub data_dirs: Vec<PathBuf>,
    /// By id or path; none for the only one below the data directories.
    pub peer: Option<PathBuf>,
    pub start: Start,
    /// None for all.
    pub sensors: Vec<SensorId>,
    pub range: TimeRange,
    pub follow: bool,
    pub format: Format,
    pub cursor: Option<PathBuf>,
}

/// Prints rows to `out` until there are no more, or `pause` returns that the program is to end; otherwise `pause` waits
/// for that long. What it waits for goes to `errors`.
///
/// # Errors
/// Where something cannot be read or written; [`TailError::is_unread`] where nobody reads `out` any more.
pub fn run(
    asked: &Asked,
    out: &mut dyn Write,
    errors: &mut dyn Write,
    pause: &dyn Fn(Duration) -> bool,
) -> Result<(), TailError> {
    let Some(root) = directory(&asked.data_dirs, asked.peer.as_deref(), asked.follow, errors, pause)? else {
        return Ok(());
    };
    check_version(&root)?;
    let wanted = Wanted { sensors: asked.sensors.clone(), range: asked.range };
    let mut cursor = asked.cursor.as_deref().map(Cursor::at).transpose()?;
    let kept = cursor.as_ref().and_then(Cursor::kept);
    if kept.is_none() {
        out.write_all(asked.format.header().as_bytes()).map_err(TailError::Output)?;
    }
    let rows = match kept {
        Some(position) => Rows::resume(root.clone(), &wanted, position),
        None => Rows::new(root.clone(), &wanted, after(&root, asked.start, &asked.sensors)?),
    };
    if !asked.follow {
        refuse_without_journal(&root, &rows)?;
    }
    Printing { rows, format: asked.format, cursor: cursor.as_mut(), out, errors }.print(asked.follow, pause)
}

/// Without a journal the order of the rows is not known.
pub(crate) fn refuse_without_journal(root: &Path, rows: &Rows) -> Result<(), TailError> {
    if !rows.has_journal()? && (rows.after() > 0 || start::last(root)? > 0) {
        return Err(TailError::NoJournal { path: root.to_owned() });
    }
    Ok(())
}

struct Printing<'a> {
    rows: Rows,
    format: Format,
    cursor: Option<&'a mut Cursor<Position>>,
    out: &'a mut dyn Write,
    errors: &'a mut dyn Write,
}

impl Printing<'_> {
    fn print(mut self, follow: bool, pause: &dyn Fn(Duration) -> bool) -> Result<(), TailError> {
        let (mut wait, mut saved, mut text) = (PAUSE, Instant::now(), Vec::new());
        loop {
            text.clear();
            let step = if follow { self.rows.step(STEP_ROWS)? } else { self.rows.step_patiently(STEP_ROWS)? };
            match step {
                Step::Rows(page) => self.format.write(&page, &mut text),
                Step::Rewind { after } => text.extend_from_slice(self.format.rewind(after).as_bytes()),
                Step::Gone { up_to } => {
                    let _ = writeln!(self.errors, "rows up to {up_to} were removed (--keep), and are not printed");
                }
                Step::Nothing => {
                    self.keep()?;
                    if !follow || pause(wait) {
                        return Ok(());
                    }
                    (wait, saved) = ((2 * wait).min(PAUSE_MAX), Instant::now());
                    continue;
                }
            }
            wait = PAUSE;
            self.out.write_all(&text).and_then(|()| self.out.flush()).map_err(TailError::Output)?;
            if saved.elapsed() >= CURSOR_LAG {
                self.keep()?;
                saved = Instant::now();
            }
            if pause(Duration::ZERO) {
                return self.keep();
            }
        }
    }

    /// Records the position: all rows up to there were written and flushed.
    fn keep(&mut self) -> Result<(), TailError> {
        self.out.flush().map_err(TailError::Output)?;
        match &mut self.cursor {
            Some(cursor) => cursor.keep(self.rows.position()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
