//! One peer by itself: its rows against its journal, entry by entry, in one walk over both.

use std::collections::BTreeMap;

use super::digest::{digest, named_as_before, of_other_layout};
use super::disagreements::{rows_named, shown, Disagreements};
use super::lines::Sum;
use super::missing::{Lag, Missing};
use super::report::number;
use super::rows::Rows;
use crate::elapsed::Elapsed;
use crate::ids::{Origin, Sequence, Term};
use crate::numbers::Numbers;
use crate::reading::{self, Month, Row};
use crate::storage::{CsvName, Inspection, Piece, StorageError, ROWS_WAITING_MAX};
use crate::wire::Frame;

/// What one peer's files hold.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) inspection: Inspection,
    pub(super) runs: bool,
    pub(super) rows: u64,
    /// Rows up to here were removed.
    pub(super) base: Sequence,
    /// The rows from there to this one are all there.
    pub(super) holds: Sequence,
    /// The highest sequence of a row.
    pub(super) last: Sequence,
    /// SHA-256 of the rows of each sensor, as one file.
    pub(super) sums: Vec<Sum>,
    pub(super) digest: Sum,
    pub(super) disagreements: Disagreements,
    /// Notes worth printing that are not disagreements.
    pub(super) notes: Vec<String>,
    /// What the files of a running peer lack at their ends.
    pub(super) lag: Vec<Lag>,
}

/// How many readings of one peer may be in a log and wait for a quorum: as many as it takes in before its sources wait.
const WAITING_MAX: u64 = 16_384;

/// Checks what a peer's directory holds, up to a sequence where one is given.
///
/// # Errors
/// Where something in it cannot be read.
pub(super) fn check(inspection: Inspection, up_to: Option<Sequence>) -> Result<Checked, StorageError> {
    let runs = inspection.runs();
    let mut disagreements = Disagreements::default();
    let begins = inspection.base()?.unwrap_or_default();
    let mut entered = Numbers::default();
    begins.origins.iter().for_each(|range| entered.insert(range));
    let base = begins.last;
    let mut check = Check {
        rows: Rows::new(&inspection, runs, &mut disagreements)?,
        disagreements,
        inspection: &inspection,
        runs,
        up_to: up_to.unwrap_or(Sequence::MAX),
        missing: Missing::new(&inspection),
        undelivered: BTreeMap::new(),
        base,
        settled: base,
        unsure: 0,
        holds: base,
        term: None,
        entered,
        damage: None,
        expected: Vec::new(),
    };
    let mut notes = Vec::new();
    let left = check.skip_what_is_left(&mut notes)?;
    let mut walk = inspection.journal();
    while let Some(piece) = walk.next_piece()? {
        match piece {
            // What follows does not matter.
            Piece::Batch(frame) if frame.first() > check.up_to => break,
            Piece::Batch(frame) => check.batch(&frame)?,
            Piece::Damage { segment, why } => {
                check.damage.get_or_insert((segment, why));
            }
        }
    }
    check.end(&mut notes)?;
    // A peer that was stopped or started meanwhile was writing, too.
    let runs = runs || inspection.runs();
    if !runs {
        let Check { missing, disagreements, .. } = &mut check;
        missing.tell_rest(disagreements);
    }
    let lag = if runs { check.lag(&mut notes) } else { Vec::new() };
    if check.unsure > 0 {
        let count = check.unsure;
        notes.push(format!("{count} readings have the time of a clock that was not set"));
    }
    let Check { rows, holds, mut disagreements, .. } = check;
    for name in inspection.foreign() {
        if name.to_ascii_lowercase().ends_with(".csv") {
            disagreements
                .add(name, (0, 0), || "is not a sensor's file: a link, a directory, or no sensor's name".to_owned());
        } else {
            notes.push(format!("{name} is no file of a peer, and was not looked at"));
        }
    }
    notes.extend(named_as_before(&inspection));
    notes.extend(of_other_layout(&inspection));
    // If all wanted rows are there, nothing more is to come.
    let runs = runs && up_to.is_none_or(|up_to| holds < up_to);
    let (count, last) = (rows.count - left, rows.last.max(base));
    let sums = rows.sums();
    let digest = digest(&inspection, &sums);
    Ok(Checked { runs, rows: count, base, holds, last, sums, digest, disagreements, notes, lag, inspection })
}

#[derive(Debug)]
struct Check<'a> {
    inspection: &'a Inspection,
    runs: bool,
    up_to: Sequence,
    rows: Rows<'a>,
    disagreements: Disagreements,
    missing: Missing<'a>,
    /// How many entries of each origin a running peer has above its last row.
    undelivered: BTreeMap<Origin, u64>,
    /// The log begins after this.
    base: Sequence,
    /// Entries and rows up to here were looked at.
    settled: Sequence,
    /// How many entries have the time of a clock that was not set.
    unsure: u64,
    holds: Sequence,
    term: Option<Term>,
    /// Readings of the entries that were looked at.
    entered: Numbers,
    /// The first place after the last whole batch that is not a batch, and why.
    damage: Option<(String, String)>,
    expected: Vec<u8>,
}

impl Check<'_> {
    /// Says where the log begins. Rows before that are left of a removal that is not finished, and are only counted.
    fn skip_what_is_left(&mut self, notes: &mut Vec<String>) -> Result<u64, StorageError> {
        let base = self.base;
        if base > 0 {
            notes.push(format!("kept from row {} on; what was before was removed, as no --keep keeps it", base + 1));
        }
        while self.rows.head().is_some_and(|(head, _)| head <= base) {
            self.rows.advance(&mut self.disagreements)?;
        }
        let left = self.rows.count;
        if left > 0 {
            let what = if left == 1 { "row is" } else { "rows are" };
            notes.push(format!("{left} {what} left of a removal that is not finished"));
        }
        Ok(left)
    }

    fn batch(&mut self, frame: &Frame) -> Result<(), StorageError> {
        let span = (frame.first(), frame.last());
        if frame.last() <= self.base {
            return Ok(());
        }
        if frame.first() <= self.settled {
            let settled = self.settled;
            self.disagreements.add("journal", span, || {
                format!("the batch {}..{} does not continue the entries up to {settled}", span.0, span.1)
            });
            return Ok(());
        }
        if frame.first() > self.settled + 1 || self.damage.is_some() {
            self.hole(frame.first() - 1)?;
        }
        if self.term.as_ref().is_some_and(|term| term > frame.term()) {
            let before = self.term.as_ref().map_or_else(String::new, Term::to_string);
            self.disagreements.add("journal", span, || {
                format!("the batch {}..{} is of term {}, after term {before}", span.0, span.1, frame.term())
            });
        }
        self.term = Some(frame.term().clone());
        for range in frame.ranges() {
            if let Some(number) = self.entered.first_held(range) {
                self.disagreements.add("journal", span, || {
                    format!("reading {number} of {} comes again in the batch {}..{}", range.origin, span.0, span.1)
                });
            }
            self.entered.insert(range);
        }
        let up_to = self.up_to;
        for (sequence, payload) in frame.entries().take_while(|(sequence, _)| *sequence <= up_to) {
            self.entry(sequence, payload)?;
        }
        if self.runs && self.rows.head().is_none() {
            for range in frame.ranges_after(self.rows.last) {
                *self.undelivered.entry(range.origin).or_default() += range.count;
            }
        }
        Ok(())
    }

    /// What the files lack, except what may be lacking for any length of time.
    fn lag(&mut self, notes: &mut Vec<String>) -> Vec<Lag> {
        let above: u64 = self.undelivered.values().sum();
        let together = self.inspection.rows_wait().filter(|_| (1..=ROWS_WAITING_MAX).contains(&above));
        if let Some(wait) = together {
            let (entries, wait) = (number(above, "entry has", "entries have"), Elapsed(wait));
            notes.push(format!("{entries} no row yet: rows are written together, within {wait:#} (--flush-interval)"));
        }
        let waits = self.inspection.has_quorum() && self.undelivered.values().all(|count| *count <= WAITING_MAX);
        let written = if waits || together.is_some() { self.rows.last } else { Sequence::MAX };
        self.missing.rest().into_iter().filter(|lag| lag.first <= written).collect()
    }

    /// Compares an entry with its row. Entries above the last row are not delivered yet.
    fn entry(&mut self, sequence: Sequence, payload: &[u8]) -> Result<(), StorageError> {
        self.settled = sequence;
        self.unsure += u64::from(reading::has_unsure_time(payload));
        while let Some((head, file)) = self.rows.head() {
            if head > sequence {
                self.missing.note(payload, sequence);
                return Ok(());
            }
            if head < sequence {
                self.again(head, file)?;
                continue;
            }
            let name = &self.inspection.csv()[file];
            self.expected.clear();
            reading::append_row(sequence, payload, &mut self.expected);
            let (row, expected) = (self.rows.row(file), &self.expected[..self.expected.len() - 1]);
            if row != expected {
                let text = (shown(row), shown(expected));
                self.disagreements.add(&name.name, (head, head), || {
                    format!("row {head} is not what the journal says: {}, not {}", text.0, text.1)
                });
            } else if let Some(whose) = is_not_of(&name.of, reading::sensor_of(payload), || Month::of_payload(payload))
            {
                let text = shown(row);
                self.disagreements.add(&name.name, (head, head), || format!("row {head} is {whose}: {text}"));
            }
            return self.take_row(sequence, file);
        }
        if self.runs {
            self.missing.note(payload, sequence);
        }
        Ok(())
    }

    /// The journal lacks the entries above the settled ones, up to this one: notes that, and checks the rows by
    /// themselves.
    fn hole(&mut self, up_to: Sequence) -> Result<(), StorageError> {
        let span = (self.settled + 1, up_to);
        let lost = match () {
            () if span.0 > span.1 => "none is lost".to_owned(),
            () if span.0 == span.1 => format!("entry {up_to} is lost"),
            () => format!("entries {}..{up_to} are lost", span.0),
        };
        match self.damage.take() {
            Some((segment, why)) => self.disagreements.add(&segment, span, || format!("is damaged, {lost}: {why}")),
            None => self.disagreements.add("journal", span, || format!("has a gap, {lost}")),
        }
        self.rows_alone(up_to)
    }

    /// The journal is at its end: rows that are left have no entries.
    fn end(&mut self, notes: &mut Vec<String>) -> Result<(), StorageError> {
        let settled = self.settled;
        while let Some((head, file)) = self.rows.head().filter(|(head, _)| *head <= settled) {
            self.again(head, file)?;
        }
        let Some((head, _)) = self.rows.head() else {
            if let Some((segment, why)) = self.damage.take() {
                notes.push(format!(
                    "{segment} ends in no whole batch, above all rows, as a crash leaves it after entry {settled}: {why}"
                ));
            }
            return Ok(());
        };
        if !self.inspection.has_journal() {
            self.disagreements
                .add("journal", (0, 0), || "is missing: no row can be compared with its entry".to_owned());
        } else if let Some((segment, why)) = self.damage.take() {
            let at = settled + 1;
            self.disagreements
                .add_torn(&segment, (at, at), || format!("is damaged, all entries from {at} on are lost: {why}"));
        } else {
            let what = || format!("ends with entry {settled}, but there is a row {head}");
            self.disagreements.add_torn("journal", (head, head), what);
        }
        self.rows_alone(Sequence::MAX)
    }

    /// Checks the rows up to this one without entries to compare with.
    fn rows_alone(&mut self, up_to: Sequence) -> Result<(), StorageError> {
        while let Some((head, file)) = self.rows.head().filter(|(head, _)| *head <= up_to) {
            if head <= self.settled {
                self.again(head, file)?;
                continue;
            }
            // After the end of the journal some files may go on further than others.
            self.lacks(head - 1, up_to == Sequence::MAX);
            let name = &self.inspection.csv()[file];
            let row = self.rows.row(file);
            if let Err(why) = check_row(row, &name.of) {
                let text = shown(row);
                self.disagreements.add(&name.name, (head, head), || format!("row {head} {why}: {text}"));
            }
            self.settled = head;
            self.take_row(head, file)?;
        }
        if self.rows.head().is_some() {
            self.lacks(up_to, false);
        }
        if up_to < Sequence::MAX {
            self.settled = up_to;
        }
        Ok(())
    }

    /// No file has the rows above the settled ones, up to this one. Rows of a running peer may be under way.
    fn lacks(&mut self, up_to: Sequence, torn: bool) {
        let span = (self.settled + 1, up_to);
        let what = || format!("no file has {}", rows_named(span, span.1 - span.0 + 1));
        if span.0 <= span.1 && torn {
            self.disagreements.add_torn("", span, what);
        } else if span.0 <= span.1 {
            self.disagreements.add("", span, what);
        }
    }

    /// A row of a sequence that was settled before.
    fn again(&mut self, sequence: Sequence, file: usize) -> Result<(), StorageError> {
        let name = &self.inspection.csv()[file].name;
        let text = shown(self.rows.row(file));
        self.disagreements.add(name, (sequence, sequence), || format!("row {sequence} comes a second time: {text}"));
        self.rows.advance(&mut self.disagreements)
    }

    fn take_row(&mut self, sequence: Sequence, file: usize) -> Result<(), StorageError> {
        self.missing.tell(file, &mut self.disagreements);
        if sequence == self.holds + 1 {
            self.holds = sequence;
        }
        self.rows.advance(&mut self.disagreements)
    }
}

/// Says whose a row of this sensor and month is, if it does not belong into this file.
fn is_not_of(file: &CsvName, sensor: &[u8], month: impl FnOnce() -> Month) -> Option<&'static str> {
    if file.sensor.as_str().as_bytes() != sensor {
        return Some("another sensor's");
    }
    file.month.filter(|of| *of != month()).map(|_| "of another month")
}

/// Checks that this is a row of this file, by the grammar of readings.
fn check_row(row: &[u8], file: &CsvName) -> Result<(), String> {
    let text = |field: &[u8]| std::str::from_utf8(field).map(str::to_owned).map_err(|_| "is no text".to_owned());
    let fields = Row::parse(row).map(|row| row.fields().map(text).collect::<Result<Vec<String>, String>>());
    let fields = fields.unwrap_or_else(|| Err("is no row".to_owned()))?;
    let [_, timestamp, name, values @ ..] = &fields[..] else { return Err("has too few fields".to_owned()) };
    let payload = format!("DATA|{name}|{timestamp}|{}", values.join("|"));
    reading::check(payload.as_bytes()).map_err(|error| format!("is no reading, {error}"))?;
    is_not_of(file, name.as_bytes(), || Month::of(timestamp)).map_or(Ok(()), |whose| Err(format!("is {whose}")))
}
