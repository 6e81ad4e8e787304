//! `peer snapshot`: copies the directories of peers, and gives a copy its name only where it passes the checks of
//! `peer verify` and has the rows of its original.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check::Checked;
use super::digest::hex;
use super::looks::look;
use super::report::number;
use crate::selection::{self, Target};
use crate::storage::{check_version, Copied, Inspection, Snapshot, StorageError};

/// How often a running peer may change what was copied: each merge does it once.
const TRIES_MAX: u32 = 5;

/// What is to be copied, and where to.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub data_dirs: Vec<PathBuf>,
    /// By id or path; empty for all below the data directories.
    pub peers: Vec<PathBuf>,
    /// The directory that is to hold the copies.
    pub dest: PathBuf,
    /// The originals never run again: the copies count from now on.
    pub takes_over: bool,
    /// How long rows of a running peer may be under way: [`super::PATIENCE`].
    pub patience: Duration,
}

/// Why there is no copy.
struct Failure {
    why: String,
    /// A peer that writes can be the reason, so another try may succeed.
    passing: bool,
}

/// Copies the directories of peers. What was copied goes to `out`, reasons for failures to `errors`. Returns whether
/// all were copied.
///
/// # Errors
/// Where that cannot be written.
pub fn snapshot(wanted: &Wanted, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<bool> {
    let mut selection = match selection::select(&wanted.data_dirs, &wanted.peers) {
        Ok(selection) => selection,
        Err(why) => return writeln!(errors, "error: {why}").map(|()| false),
    };
    let mut failed = std::mem::take(&mut selection.missing);
    for note in &selection.notes {
        writeln!(out, "note: {}", note.replace("looked at", "copied"))?;
    }
    for target in &selection.targets {
        match copy(target, wanted) {
            Ok(lines) => write!(out, "{lines}").and_then(|()| out.flush())?,
            Err(why) => failed.push(format!("{}: {why}", target.label)),
        }
    }
    failed.iter().try_for_each(|why| writeln!(errors, "error: {why}"))?;
    Ok(failed.is_empty())
}

/// Copies one directory; returns the text about it.
fn copy(target: &Target, wanted: &Wanted) -> Result<String, String> {
    let source = &target.path;
    let id = check_version(source).and_then(|()| Inspection::id(source)).map_err(|error| told(&error))?;
    refuse_running(source, wanted)?;
    let snapshot = Snapshot::begin(source, &id, &wanted.dest).map_err(|error| told(&error))?;
    let mut tries = 1;
    let (copied, found, foreign) = loop {
        match attempt(&snapshot, source, wanted) {
            Ok(done) => break done,
            Err(Failure { passing: true, .. }) if tries < TRIES_MAX && Inspection::is_in_use(source) => tries += 1,
            Err(Failure { why, .. }) => return Err(why),
        }
    };
    refuse_running(source, wanted)?;
    let path = snapshot.publish().map_err(|error| told(&error))?;
    let line = format!("{id}: copied to {}: {}\n", path.display(), contents(&copied, &found));
    let note = |name| format!("note: {id}: {name} is no file of a peer, and was not copied\n");
    Ok(line + &foreign.into_iter().map(note).collect::<String>())
}

/// Copies once, and compares the copy with its own journal and with the rows of the original. Also returns the foreign
/// files of the original.
fn attempt(snapshot: &Snapshot, source: &Path, wanted: &Wanted) -> Result<(Copied, Checked, Vec<String>), Failure> {
    let copied =
        snapshot.copy(wanted.takes_over).map_err(|error| Failure { passing: !error.is_want(), why: told(&error) })?;
    let checked = |path: &Path, up_to| {
        look(path, up_to, wanted.patience).map_err(|error| Failure { why: told(&error), passing: true })
    };
    let (found, original) = (checked(snapshot.path(), None)?, checked(source, Some(copied.delivered))?);
    let foreign = original.inspection.foreign();
    let wrong = original.disagreements.all().filter(|_| !original.disagreements.only_torn());
    let of_original = wrong.filter(|one| !foreign.contains(&one.file));
    if let Some(one) = found.disagreements.all().chain(of_original).min_by_key(|one| one.first) {
        let file = if one.file.is_empty() { String::new() } else { format!("{}: ", one.file) };
        let why = format!("{file}{}; 'peer verify' tells all of it, a start with --resume mends it", one.what);
        return Err(Failure { why, passing: true });
    }
    // Rows that a crash kept from their files are in the copy.
    if found.digest != original.digest && !original.disagreements.only_torn() {
        let why = format!("the rows in {} are not those that were copied; try again", source.display());
        return Err(Failure { why, passing: true });
    }
    let foreign = foreign.to_vec();
    Ok((copied, found, foreign))
}

/// What a copy holds, as `peer verify` says it.
fn contents(copied: &Copied, found: &Checked) -> String {
    let Copied { delivered, last, waiting } = *copied;
    let rows = number(found.rows, "row", "rows");
    let sensors = number(found.inspection.sensors().len() as u64, "sensor", "sensors");
    let digest = hex(&found.digest);
    let above = match last - delivered {
        0 => String::new(),
        above => format!(", {} not delivered", number(above, "entry", "entries")),
    };
    let waiting =
        if waiting == 0 { String::new() } else { format!(", {} waiting", number(waiting, "reading", "readings")) };
    format!("{rows} of {sensors}, last {delivered}, SHA-256 {digest}{above}{waiting}")
}

/// No copy takes over from an original that still runs.
fn refuse_running(source: &Path, wanted: &Wanted) -> Result<(), String> {
    if wanted.takes_over && Inspection::is_in_use(source) {
        return Err("it is running, and --take-over is for one that never runs again; stop it first".to_owned());
    }
    Ok(())
}

/// What is wrong, and what can be done about it here.
fn told(error: &StorageError) -> String {
    match error {
        StorageError::Directory { path, fault } => {
            let advice = fault.advice("make it writable or give another directory");
            format!("cannot use {}: {fault}; {advice}", path.display())
        }
        StorageError::Io { path, doing, fault } if error.is_want() => {
            let advice = fault.advice("");
            format!("cannot {doing} {}: {fault}; {advice}, or give another directory", path.display())
        }
        StorageError::InUse { path, process } => {
            format!("another snapshot is made in {} (process {process}); wait for its end", path.display())
        }
        error => error.to_reader(),
    }
}
