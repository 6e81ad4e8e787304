//! The CSV files of the peers in the end.

use std::fs;
use std::path::Path;

use super::lines::{sensor_of, split_row};
use super::record::History;
use super::verdict::{Breach, Verdict};

const HEADER: &str = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa";

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) sequence: u64,
    /// The rest of it.
    pub(crate) text: String,
    /// Which file of the peer, and which line of it.
    file: usize,
    line: usize,
}

/// All that a peer holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) peer: String,
    /// Names of the files.
    files: Vec<String>,
    /// By sequence.
    pub(crate) rows: Vec<Row>,
}

impl Held {
    /// Where a row is, and what it says.
    pub(crate) fn describe(&self, row: &Row) -> String {
        format!("#{} {:?} ({}, line {} of {})", row.sequence, row.text, self.peer, row.line, self.files[row.file])
    }
}

/// Reads the files of all peers, and checks the form of each.
pub(crate) fn read(directory: &Path, history: &History, verdict: &mut Verdict) -> Result<Vec<Held>, String> {
    let read = |(peer, path): &(String, String)| read_peer(directory, peer, path, verdict);
    history.files.iter().map(read).collect()
}

fn read_peer(directory: &Path, peer: &str, path: &str, verdict: &mut Verdict) -> Result<Held, String> {
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let entries = fs::read_dir(directory.join(path)).map_err(failed)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut held = Held { peer: peer.to_owned(), files: Vec::new(), rows: Vec::new() };
    for path in paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "csv")) {
        let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        held.files.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        read_file(&mut held, &String::from_utf8_lossy(&text), verdict);
    }
    held.rows.sort_by_key(|row| row.sequence);
    Ok(held)
}

/// Adds the rows of the last file of a peer.
fn read_file(held: &mut Held, text: &str, verdict: &mut Verdict) {
    let file = held.files.len() - 1;
    let name = format!("{} of {}", held.files[file], held.peer);
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) || !text.ends_with('\n') {
        verdict.breach(Breach::Malformed, || format!("{name}: no header, or a torn end"));
    }
    let before = held.rows.len();
    for (line, row) in (2..).zip(lines) {
        let Some((sequence, text)) = split_row(row) else {
            verdict.breach(Breach::Malformed, || format!("{name}, line {line}: {row:?} is no row"));
            continue;
        };
        if let Some(last) = held.rows[before..].last() {
            if last.sequence >= sequence || sensor_of(&last.text) != sensor_of(text) {
                verdict
                    .breach(Breach::Malformed, || format!("{name}, line {line}: {row} after {}", held.describe(last)));
            }
        }
        held.rows.push(Row { sequence, text: text.to_owned(), file, line });
    }
}
