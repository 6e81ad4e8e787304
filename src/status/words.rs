//! Reports in words, for a terminal: each group with its view, what is wrong with it, and where two peers see two groups.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::attendance::Why;
use super::report::{PeerState, Reason, ReasonName, Report, Role, Seat};
use crate::elapsed::Elapsed;
use crate::log_lines::escaped;

/// The outcome of asking at one place.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The address or directory that was named.
    pub place: String,
    pub answer: Result<Box<Report>, Unanswered>,
}

/// Why nothing is known of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// No process uses the directory.
    Stopped,
    /// It was asked and did not answer, for this reason.
    Unreachable(String),
}

/// A report in one line, as a service manager shows it.
#[must_use]
pub fn in_one_line(report: &Report) -> String {
    let mut line = format!("{}; {} readings delivered", report.summary, report.readings.delivered);
    for reason in report.health.reasons.iter().filter(|reason| reason.text != report.summary) {
        // A string takes whatever is written to it.
        let _ = write!(line, "; {}", reason.text);
    }
    escaped(&line).into_owned()
}

/// Reports are not made at the same moment: nearer ones say nothing of clocks.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// How many stopped peers are named; the others are counted.
const STOPPED_MAX: usize = 5;

/// What a peer sees of its group. Peers that agree on all of it are in one group.
type View<'a> = (&'a str, Option<u64>, Option<&'a str>, u64);

fn view_of(report: &Report) -> View<'_> {
    (&report.group, report.term, report.leader.as_deref(), report.change)
}

/// Whether all peers that answered see one group. Peers with another group name are not compared.
#[must_use]
pub fn agree(found: &[Reply]) -> bool {
    let mut views: Vec<View> = reports(found).map(view_of).collect();
    views.sort_unstable();
    views.dedup();
    views.windows(2).all(|pair| pair[0].0 != pair[1].0)
}

fn reports(found: &[Reply]) -> impl Iterator<Item = &Report> {
    found.iter().filter_map(|found| found.answer.as_deref().ok())
}

/// The whole text. It ends with LF.
#[must_use]
pub fn all(found: &[Reply]) -> String {
    let mut text = String::new();
    let mut views: Vec<View> = reports(found).map(view_of).collect();
    views.sort_unstable();
    views.dedup();
    for view in &views {
        let of_view: Vec<&Report> = reports(found).filter(|report| view_of(report) == *view).collect();
        group(&of_view, &mut text);
    }
    for pair in views.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
        let who = |view: &View| {
            let names: Vec<&str> =
                reports(found).filter(|report| view_of(report) == *view).map(|report| report.peer.as_str()).collect();
            let leader = view.2.unwrap_or("nobody");
            format!("{} see{} {leader} lead", names.join(", "), if names.len() == 1 { "s" } else { "" })
        };
        line(&mut text, &format!("Peers of one group do not agree: {}; {}", who(&pair[0]), who(&pair[1])));
    }
    let stopped: Vec<&str> = found.iter().filter(|found| is_stopped(found)).map(|found| found.place.as_str()).collect();
    if !stopped.is_empty() {
        let names = stopped[..stopped.len().min(STOPPED_MAX)].join(", ");
        let more = stopped.len().saturating_sub(STOPPED_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        line(&mut text, &format!("Not running: {names}{more}"));
    }
    for found in found {
        if let Err(Unanswered::Unreachable(why)) = &found.answer {
            line(&mut text, &format!("{} does not answer: {why}", found.place));
        }
    }
    text
}

fn is_stopped(found: &Reply) -> bool {
    matches!(found.answer, Err(Unanswered::Stopped))
}

/// Peers that see the same view.
fn group(reports: &[&Report], text: &mut String) {
    let Some(first) = reports.first() else { return };
    let view = match (first.term, &first.leader) {
        (Some(term), Some(leader)) => format!("{leader} leads, term {term}, view {}", first.change),
        _ => "no leader".to_owned(),
    };
    let kind = if first.closed { "closed group" } else { "group" };
    line(text, &format!("{kind} {}: {view}", first.group));
    // The report that sees most of the other peers.
    let best = reports.iter().max_by_key(|report| known_of_others(report)).unwrap_or(first);
    let mut rows = vec![["PEER", "STATE", "DELIVERED", "BEHIND", "HEARD", "ADDRESS"].map(str::to_owned)];
    for seat in &best.members {
        let own = reports.iter().find(|report| report.peer == seat.peer);
        rows.push(row(seat, own.copied()));
    }
    for report in reports.iter().filter(|report| !best.members.iter().any(|seat| seat.peer == report.peer)) {
        let state = in_short(report.state).to_owned();
        let delivered = report.readings.delivered.to_string();
        rows.push([report.peer.clone(), state, delivered, String::new(), String::new(), report.address.clone()]);
    }
    table(&rows, text);
    for absent in &best.missing {
        let how = match absent.why {
            Why::Failed => "has been missing since",
            Why::Left => "left at",
            Why::Cut => "has been cut off since",
        };
        line(text, &format!("  {} {how} {}", absent.peer, absent.since));
    }
    let leader = reports.iter().find(|report| Some(&report.peer) == report.leader.as_ref());
    for report in reports {
        if let Some(apart) = leader.and_then(|leader| clocks_apart(report, leader)) {
            line(text, &format!("  {}: its clock is {apart} the leader's", report.peer));
        }
        if report.readings.first > 1 {
            let up_to = report.readings.first - 1;
            line(text, &format!("  {}: rows up to {up_to} were removed (--keep)", report.peer));
        }
        let told = |reason: &&Reason| reason.reason != ReasonName::MemberMissing;
        for reason in report.health.reasons.iter().filter(told) {
            line(text, &format!("  {}: {}", report.peer, reason.text));
        }
    }
}

/// What is seen of the clock of one peer beside that of another one, unless they may agree.
fn clocks_apart(report: &Report, leader: &Report) -> Option<String> {
    let [ours, theirs] = [report, leader].map(|report| report.now.parse::<Timestamp>().ok());
    let by = ours?.duration_since(theirs?);
    let text = Elapsed(by.unsigned_abs());
    (by.unsigned_abs() >= CLOCKS_APART).then(|| {
        if by.is_negative() {
            format!("{text} behind")
        } else {
            format!("{text} ahead of")
        }
    })
}

fn known_of_others(report: &Report) -> usize {
    report.members.iter().filter(|seat| seat.heard_ms.is_some()).count()
}

fn row(seat: &Seat, own: Option<&Report>) -> [String; 6] {
    let state = match (own, seat.role) {
        (Some(own), _) => in_short(own.state),
        (None, Role::Leads) => "leads",
        (None, Role::Member) => "member",
        (None, Role::Learner) => "learning",
    };
    let delivered = own.map_or(String::new(), |own| own.readings.delivered.to_string());
    let lag = seat.lag.map_or(String::new(), |lag| lag.to_string());
    let heard = seat.heard_ms.map_or(String::new(), |heard| format!("{:#} ago", Elapsed(Duration::from_millis(heard))));
    [seat.peer.clone(), state.to_owned(), delivered, lag, heard, seat.address.clone()]
}

fn in_short(state: PeerState) -> &'static str {
    match state {
        PeerState::Seeking => "seeking",
        PeerState::Learning => "learning",
        PeerState::Member => "member",
        PeerState::Electing => "electing",
        PeerState::Leads => "leads",
    }
}

/// Columns as wide as their widest cell; numbers to the right.
fn table(rows: &[[String; 6]], text: &mut String) {
    const RIGHT: [bool; 6] = [false, false, true, true, true, false];
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    for row in rows {
        let mut written = String::from("  ");
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            // A string takes whatever is written to it.
            let _ =
                if RIGHT[column] { write!(written, "{cell:>width$}  ") } else { write!(written, "{cell:<width$}  ") };
        }
        line(text, written.trim_end());
    }
}

/// The names that others give themselves cannot move the cursor.
fn line(text: &mut String, line: &str) {
    text.push_str(&escaped(line));
    text.push('\n');
}

#[cfg(test)]
mod tests;
