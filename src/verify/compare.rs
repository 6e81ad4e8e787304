//! Compares one peer's files with another's, which should be equal.

use std::cmp::Ordering;

use super::check::Checked;
use super::disagreements::{rows_named, shown, Disagreements};
use super::lines::{Line, LineReader};
use super::rows::block_bytes;
use crate::ids::Sequence;
use crate::storage::{csv_name, Inspection, StorageError};

/// Notes at `peer` how its files differ from those of `other`. Rows above what either holds without gaps do not count:
/// they only show that one is behind the other.
pub(super) fn compare(
    peer: &Checked,
    other: &Checked,
    other_label: &str,
    disagreements: &mut Disagreements,
) -> Result<(), StorageError> {
    let (own, others) = (peer.inspection.csv(), other.inspection.csv());
    let (mut at, mut of) = (0, 0);
    while at < own.len() || of < others.len() {
        let order = match (own.get(at), others.get(of)) {
            (Some(one), Some(two)) => csv_name(one.sensor.as_str()).cmp(&csv_name(two.sensor.as_str())),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        let name = if order == Ordering::Greater { &others[of].name } else { &own[at].name };
        let same = order == Ordering::Equal && peer.sums[at] == other.sums[of];
        // What is wrong with a file by its own journal was reported already, and is no second disagreement.
        let was_said = peer.inspection.has_journal() && disagreements.tells_of(name);
        if !same && !was_said {
            let mut pair =
                Pair { name, peer, other, other_label, disagreements: &mut *disagreements, lacking: None, extra: None };
            let own = (order != Ordering::Greater).then(|| Side::new(&peer.inspection, at));
            let others = (order != Ordering::Less).then(|| Side::new(&other.inspection, of));
            pair.compare(own.transpose()?, others.transpose()?)?;
        }
        at += usize::from(order != Ordering::Greater);
        of += usize::from(order != Ordering::Less);
    }
    Ok(())
}

/// The rows of a file at one of the peers.
struct Side<'a> {
    inspection: &'a Inspection,
    lines: LineReader,
    row: Option<Line>,
}

impl<'a> Side<'a> {
    fn new(inspection: &'a Inspection, file: usize) -> Result<Self, StorageError> {
        let mut side = Self { inspection, lines: LineReader::new(file, block_bytes(2)), row: None };
        side.advance()?;
        Ok(side)
    }

    /// Goes on to the next row. Lines that are no rows were reported already.
    fn advance(&mut self) -> Result<(), StorageError> {
        loop {
            self.row = self.lines.next_line(self.inspection)?;
            if self.row.is_none_or(|row| row.whole && row.sequence.is_some()) {
                return Ok(());
            }
        }
    }

    fn sequence(&self) -> Option<Sequence> {
        self.row.and_then(|row| row.sequence)
    }

    fn text(&self) -> &[u8] {
        self.row.map_or(&[], |row| self.lines.text(&row))
    }
}

/// A file at both peers.
struct Pair<'a> {
    name: &'a str,
    peer: &'a Checked,
    other: &'a Checked,
    other_label: &'a str,
    disagreements: &'a mut Disagreements,
    /// First, last and number of the rows that one has and the other lacks.
    lacking: Option<(Sequence, Sequence, u64)>,
    extra: Option<(Sequence, Sequence, u64)>,
}

impl Pair<'_> {
    fn compare(&mut self, mut own: Option<Side<'_>>, mut others: Option<Side<'_>>) -> Result<(), StorageError> {
        loop {
            let sequences = (own.as_ref().and_then(Side::sequence), others.as_ref().and_then(Side::sequence));
            let order = match sequences {
                (None, None) => break,
                (Some(one), Some(two)) => one.cmp(&two),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            if let (Ordering::Less, Some(sequence), _) | (Ordering::Greater, _, Some(sequence)) =
                (order, sequences.0, sequences.1)
            {
                self.alone(order, sequence);
            } else if let (Some(own), Some(others)) = (&own, &others) {
                self.tell_runs();
                self.both(own, others);
            }
            if let Some(own) = own.as_mut().filter(|_| order != Ordering::Greater) {
                own.advance()?;
            }
            if let Some(others) = others.as_mut().filter(|_| order != Ordering::Less) {
                others.advance()?;
            }
        }
        self.tell_runs();
        Ok(())
    }

    fn both(&mut self, own: &Side<'_>, others: &Side<'_>) {
        if own.text() != others.text() {
            let sequence = own.sequence().unwrap_or(0);
            let (label, text) = (self.other_label, (shown(own.text()), shown(others.text())));
            self.disagreements.add_new(self.name, (sequence, sequence), || {
                format!("row {sequence} is {}, but {} at {label}", text.0, text.1)
            });
        }
    }

    /// Notes a row that only one of the files holds.
    fn alone(&mut self, order: Ordering, sequence: Sequence) {
        let (run, holds) = match order {
            Ordering::Less => (&mut self.extra, self.other.holds),
            _ => (&mut self.lacking, self.peer.holds),
        };
        // Above that, it is behind.
        if sequence <= holds {
            *run = Some(run.map_or((sequence, sequence, 1), |(first, _, count)| (first, sequence, count + 1)));
        }
    }

    fn tell_runs(&mut self) {
        let label = self.other_label;
        if let Some((first, last, count)) = self.lacking.take() {
            let what = || format!("at {label}, but not here: {}", rows_named((first, last), count));
            self.disagreements.add_new(self.name, (first, last), what);
        }
        if let Some((first, last, count)) = self.extra.take() {
            let what = || format!("here, but not at {label}: {}", rows_named((first, last), count));
            self.disagreements.add_new(self.name, (first, last), what);
        }
    }
}
