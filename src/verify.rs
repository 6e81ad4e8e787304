//! `peer verify`: proves from the files alone that peers hold the same rows in the same order. Each directory is
//! checked by itself (`check`: rows against journal, 1 to n, each once), then all against one of them (`compare`). It
//! only reads. `snapshot` also writes, and proves what it says of a copy.
//!
//! `storage` knows what the files mean to a peer that starts. Rows are not compared by value: each must be its journal
//! entry's row, byte for byte. Only where there is no entry, the fields are checked.

mod check;
mod compare;
mod digest;
mod disagreements;
mod json_report;
mod lines;
mod looks;
mod missing;
mod report;
mod rows;
mod snapshot;

use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::ids::Sequence;
use crate::selection::{self, Selection, Target};
use crate::storage::StorageError;
use check::Checked;
use compare::compare;
use disagreements::Disagreements;
pub use looks::PATIENCE;
pub use snapshot::{snapshot, Wanted};

/// The outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All that was looked at agrees.
    Agree,
    /// Some peers hold less than others, and what they hold agrees.
    Behind,
    /// Something could not be read, and everything else agrees.
    Unreadable,
    /// Something does not agree.
    Disagree,
}

impl Verdict {
    /// The exit status that says so.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Agree => 0,
            Self::Unreadable => 1,
            Self::Behind => 4,
            Self::Disagree => 5,
        }
    }

    /// Its name for programs.
    fn name(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Behind => "behind",
            Self::Unreadable => "incomplete",
            Self::Disagree => "disagree",
        }
    }
}

/// A directory, and what was found in it.
#[derive(Debug)]
struct Examined {
    label: String,
    /// Or why it cannot be read.
    found: Result<Checked, String>,
}

/// What is to be compared, and how.
#[derive(Debug, Clone)]
pub struct Asked {
    pub data_dirs: Vec<PathBuf>,
    /// By id or path; empty for all below the data directories.
    pub peers: Vec<PathBuf>,
    /// Rows above this sequence do not count.
    pub up_to: Option<Sequence>,
    /// One JSON object instead of text.
    pub json: bool,
    /// How long rows of a running peer may be under way: [`PATIENCE`].
    pub patience: Duration,
}

/// Compares the directories of peers. The result goes to `out`, what cannot be read to `errors`.
///
/// # Errors
/// Where that cannot be written.
pub fn run(asked: &Asked, out: &mut dyn Write, errors: &mut dyn Write) -> io::Result<Verdict> {
    let selection = selection::select(&asked.data_dirs, &asked.peers)
        .unwrap_or_else(|why| Selection { missing: vec![why], ..Selection::default() });
    let mut peers = check_all(&selection.targets, asked);
    let reference = choose(&peers);
    if let Some(reference) = reference {
        compare_all(&mut peers, reference, asked.up_to);
    }
    let verdict = verdict(&peers, selection.missing.len());
    if asked.json {
        writeln!(out, "{}", json_report::text(asked, &selection, &peers, verdict))?;
        out.flush()?;
    } else {
        report::write(&peers, reference, &selection, verdict, out, errors)?;
    }
    Ok(verdict)
}

/// The verdict, where `missing` of the named directories are not there.
fn verdict(peers: &[Examined], missing: usize) -> Verdict {
    let disagreeing: Vec<&Checked> =
        found(peers).map(|(_, one)| one).filter(|one| !one.disagreements.is_empty()).collect();
    match () {
        () if !disagreeing.iter().all(|one| one.disagreements.only_behind()) => Verdict::Disagree,
        () if missing > 0 || peers.iter().any(|peer| peer.found.is_err()) => Verdict::Unreadable,
        () if !disagreeing.is_empty() => Verdict::Behind,
        () => Verdict::Agree,
    }
}

/// Checks each directory by itself, as many at a time as there are processors.
fn check_all(targets: &[Target], asked: &Asked) -> Vec<Examined> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Checked, String>>>> = targets.iter().map(|_| Mutex::default()).collect();
    let work = || {
        while let Some((target, result)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            targets.get(at).zip(results.get(at))
        } {
            let found = looks::look(&target.path, asked.up_to, asked.patience).map_err(|error| unreadable(&error));
            *result.lock().expect("no holder of the lock panics") = Some(found);
        }
    };
    thread::scope(|scope| {
        let more = thread::available_parallelism().map_or(1, NonZero::get).min(targets.len()).saturating_sub(1);
        for _ in 0..more {
            scope.spawn(work);
        }
        work();
    });
    let results = results.into_iter().map(|result| result.into_inner().expect("no holder of the lock panics"));
    let peers = targets.iter().zip(results);
    peers
        .map(|(target, found)| Examined { label: target.label.clone(), found: found.expect("all were checked") })
        .collect()
}

/// What cannot be read, and why. What a peer would do about it does not matter here.
fn unreadable(error: &StorageError) -> String {
    match error {
        StorageError::Io { path, doing, fault } => format!("cannot {doing} {}: {fault}", path.display()),
        error => error.to_string(),
    }
}

/// The peer that the others are compared with: it agrees with itself, and most have its files. If another peer goes on
/// where it ends, that one is taken.
fn choose(peers: &[Examined]) -> Option<usize> {
    let found: Vec<(usize, &Checked)> = found(peers).collect();
    let alike = |one: &Checked| found.iter().filter(|(_, other)| other.digest == one.digest).count();
    let rank = |one: &Checked| (one.disagreements.is_empty(), alike(one), one.holds);
    // The first of equals.
    let (at, best) = found.iter().rev().max_by_key(|(_, one)| rank(one))?;
    let mut longer: Vec<_> =
        found.iter().filter(|(_, one)| one.disagreements.is_empty() && one.holds > best.holds).collect();
    longer.sort_by_key(|(_, one)| std::cmp::Reverse(one.holds));
    let goes_on = |other: &Checked| {
        let mut disagreements = Disagreements::default();
        compare(best, other, "", &mut disagreements).is_ok() && disagreements.is_empty()
    };
    Some(longer.into_iter().find(|(_, other)| goes_on(other)).map_or(*at, |(at, _)| *at))
}

fn found(peers: &[Examined]) -> impl Iterator<Item = (usize, &Checked)> {
    peers.iter().enumerate().filter_map(|(at, peer)| Some((at, peer.found.as_ref().ok()?)))
}

/// Notes at each peer how it differs from the one at `reference`, and which of the wanted rows it lacks.
fn compare_all(peers: &mut [Examined], reference: usize, up_to: Option<Sequence>) {
    for peer in &mut *peers {
        let Ok(checked) = &mut peer.found else { continue };
        if let Some(up_to) = up_to.filter(|up_to| checked.holds == checked.last && checked.holds < *up_to) {
            checked.disagreements.add_behind(checked.holds, up_to);
        }
    }
    for at in (0..peers.len()).filter(|at| *at != reference) {
        let Ok(peer) = &mut peers[at].found else { continue };
        let mut disagreements = std::mem::take(&mut peer.disagreements);
        let (Ok(peer), Ok(other)) = (&peers[at].found, &peers[reference].found) else { continue };
        if peer.digest == other.digest {
            put_back(&mut peers[at], disagreements);
            continue;
        }
        let compared = compare(peer, other, &peers[reference].label, &mut disagreements);
        let has_no_gap = peer.holds == peer.last;
        if !peer.runs && has_no_gap && peer.holds < other.holds && up_to.is_none() {
            disagreements.add_behind(peer.holds, other.holds);
        }
        let span = |one: &Checked| (one.base, one.holds);
        if !peer.runs && !other.runs && disagreements.is_empty() && compared.is_ok() && span(peer) == span(other) {
            // Even if something was overlooked above: files that are not equal do not pass.
            disagreements.add("", (0, 0), || {
                format!("its files are not those of {}, though its rows are", peers[reference].label)
            });
        }
        match compared {
            Ok(()) => put_back(&mut peers[at], disagreements),
            Err(error) => peers[at].found = Err(unreadable(&error)),
        }
    }
}

fn put_back(peer: &mut Examined, disagreements: Disagreements) {
    if let Ok(checked) = &mut peer.found {
        checked.disagreements = disagreements;
    }
}

#[cfg(test)]
mod tests;
