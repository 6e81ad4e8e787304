//! What is printed: a line for each peer, a line for each disagreement, and the verdict.

use std::io::{self, Write};

use super::check::Checked;
use super::digest::hex;
use super::{Examined, Verdict};
use crate::selection::Selection;

/// How many disagreements of a peer are printed; more are only counted. Three peers fit on a screen.
pub(super) const LINES_MAX: usize = 20;

/// Writes the whole report.
pub(super) fn write(
    peers: &[Examined],
    reference: Option<usize>,
    selection: &Selection,
    verdict: Verdict,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<()> {
    let Selection { targets, notes, missing } = selection;
    write_table(peers, out)?;
    write_faults(peers, notes, out)?;
    out.flush()?;
    for why in missing {
        writeln!(errors, "error: {why}")?;
    }
    if targets.is_empty() {
        return Ok(());
    }
    for peer in peers {
        if let Err(why) = &peer.found {
            writeln!(errors, "error: {}: {why}", peer.label)?;
        }
    }
    let unreadable = peers.iter().filter(|peer| peer.found.is_err()).count() + missing.len();
    let disagreeing: Vec<u64> =
        found(peers).map(|(_, checked)| checked.disagreements.count()).filter(|count| *count > 0).collect();
    let total = number((peers.len() + missing.len()) as u64, "peer", "peers");
    match verdict {
        Verdict::Disagree => {
            let count = number(disagreeing.iter().sum(), "disagreement", "disagreements");
            writeln!(out, "DISAGREE: {count} at {} of {total}.", disagreeing.len())?;
        }
        Verdict::Behind => {
            let lack = if disagreeing.len() == 1 { "lacks" } else { "lack" };
            writeln!(out, "BEHIND: {} of {total} {lack} rows at the end; what they hold agrees.", disagreeing.len())?;
        }
        Verdict::Unreadable => {
            writeln!(out, "INCOMPLETE: {unreadable} of {total} cannot be read; nothing that can disagrees.")?;
        }
        Verdict::Agree => writeln!(out, "OK: {}", agreement(peers, reference))?,
    }
    out.flush()
}

fn found(peers: &[Examined]) -> impl Iterator<Item = (&str, &Checked)> {
    peers.iter().filter_map(|peer| Some((peer.label.as_str(), peer.found.as_ref().ok()?)))
}

/// Writes columns as wide as their content.
fn write_table(peers: &[Examined], out: &mut dyn Write) -> io::Result<()> {
    let heading = ["PEER", "ROWS", "SENSORS", "LAST", "SHA-256"].map(str::to_owned);
    let cells = |(label, one): (&str, &Checked)| {
        let digest = if one.runs { format!("{} running", hex(&one.digest)) } else { hex(&one.digest) };
        let sensors = one.inspection.sensors().len();
        [label.to_owned(), one.rows.to_string(), sensors.to_string(), one.last.to_string(), digest]
    };
    let lines: Vec<[String; 5]> = std::iter::once(heading).chain(found(peers).map(cells)).collect();
    if lines.len() == 1 {
        return Ok(());
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let [peer, rows, sensors, last] = [0, 1, 2, 3].map(width);
    for [label, count, of, highest, digest] in &lines {
        writeln!(out, "{label:peer$}  {count:>rows$}  {of:>sensors$}  {highest:>last$}  {digest}")?;
    }
    Ok(())
}

fn write_faults(peers: &[Examined], notes: &[String], out: &mut dyn Write) -> io::Result<()> {
    for note in notes {
        writeln!(out, "note: {note}")?;
    }
    for (label, checked) in found(peers) {
        for note in &checked.notes {
            writeln!(out, "note: {label}: {note}")?;
        }
        if checked.disagreements.only_torn() {
            let holds = checked.holds;
            writeln!(
                out,
                "note: {label}: torn at the end, as a copy that was made while the peer ran, or after a crash; up to row \
                 {holds} all is as it must be, and can be compared with --up-to {holds}; 'peer snapshot' copies a peer that runs"
            )?;
        }
    }
    for (label, checked) in found(peers) {
        let shown = checked.disagreements.first(LINES_MAX);
        for disagreement in &shown {
            let file = if disagreement.file.is_empty() { String::new() } else { format!("{}: ", disagreement.file) };
            writeln!(out, "{label}: {file}{}", disagreement.what)?;
        }
        let more = checked.disagreements.count() - shown.len() as u64;
        if more > 0 {
            writeln!(out, "{label}: and {more} more")?;
        }
    }
    Ok(())
}

/// What all of them agree on.
fn agreement(peers: &[Examined], reference: Option<usize>) -> String {
    let all: Vec<(&str, &Checked)> = found(peers).collect();
    let running: Vec<&str> = all.iter().filter(|(_, one)| one.runs).map(|(label, _)| *label).collect();
    let held = |one: &Checked| {
        let rows = number(one.holds - one.base, "row", "rows");
        format!("{rows} of {}", number(one.inspection.sensors().len() as u64, "sensor", "sensors"))
    };
    let proven = "one order, no gaps, none twice, as in the journal";
    // The first row that all of them keep.
    let first = all.iter().map(|(_, one)| one.base).max().unwrap_or(0) + 1;
    let is_one_base = all.iter().all(|(_, one)| one.base + 1 == first);
    let mut text = match (&all[..], reference.and_then(|at| peers[at].found.as_ref().ok())) {
        ([(label, one)], _) if running.is_empty() => format!(
            "{label} holds {}: {proven}. Of one peer no more can be told: compare its digest with the others'.",
            held(one)
        ),
        (_, Some(_)) if !running.is_empty() => {
            let common = all.iter().map(|(_, one)| one.holds).min().unwrap_or(0);
            let common =
                if common < first { "no rows yet".to_owned() } else { format!("rows {first}..{common} at least") };
            format!("{} on {common}: {proven}.", number(all.len() as u64, "peer agrees", "peers agree"))
        }
        (_, Some(one)) if !is_one_base => {
            format!(
                "{} peers agree on rows {first}..{}, the first that all of them keep: {proven}.",
                all.len(),
                one.holds
            )
        }
        (_, Some(one)) => format!("{} peers hold the same {}: {proven}.", all.len(), held(one)),
        _ => "there is nothing to compare.".to_owned(),
    };
    if !running.is_empty() {
        let is = if running.len() == 1 { "is" } else { "are" };
        text = format!("{text} {} {is} running, and may still write what the others have.", running.join(", "));
    }
    text
}

pub(super) fn number(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
