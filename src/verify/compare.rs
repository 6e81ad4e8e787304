//! Compares one peer's rows with another's, sensor by sensor. Their files should be equal, where both divide the rows in
//! the same way.

use std::cmp::Ordering;
use std::ops::Range;

use super::check::Checked;
use super::disagreements::{rows_named, shown, Disagreements};
use super::lines::{Line, LineReader};
use super::rows::block_bytes;
use crate::ids::{SensorId, Sequence};
use crate::reading::Month;
use crate::storage::{csv_name, CsvName, Inspection, Layout, StorageError};

/// Notes at `peer` how its rows differ from those of `other`. Rows above what either holds without gaps do not count:
/// they only show that one is behind the other. Neither do rows that one of them has removed.
pub(super) fn compare(
    peer: &Checked,
    other: &Checked,
    other_label: &str,
    disagreements: &mut Disagreements,
) -> Result<(), StorageError> {
    let (own, others) = (peer.inspection.sensors(), other.inspection.sensors());
    let (mut at, mut of) = (0, 0);
    while at < own.len() || of < others.len() {
        let sensors = (own.get(at).map(|files| sensor(peer, files)), others.get(of).map(|files| sensor(other, files)));
        let order = match sensors {
            (Some(one), Some(two)) => csv_name(one.as_str()).cmp(&csv_name(two.as_str())),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        let sensor = if order == Ordering::Greater { sensors.1 } else { sensors.0 }.expect("one of them is there");
        let own_files = own.get(at).filter(|_| order != Ordering::Greater).cloned().unwrap_or_default();
        let others_files = others.get(of).filter(|_| order != Ordering::Less).cloned().unwrap_or_default();
        let same = order == Ordering::Equal && peer.sums[at] == other.sums[of];
        // What is wrong with a file by its own journal was reported already, and is not a second disagreement.
        let is_of = |name: &str| {
            let named = peer.inspection.csv()[own_files.clone()].iter().any(|file| file.name == name);
            named || CsvName::parse(name).is_some_and(|name| name.sensor == *sensor)
        };
        let was_said = peer.inspection.has_journal() && disagreements.tells_of(is_of);
        if !same && !was_said {
            let own = Side::new(&peer.inspection, own_files)?;
            let others = Side::new(&other.inspection, others_files)?;
            let disagreements = &mut *disagreements;
            Pair { sensor, peer, other, other_label, disagreements, lacking: None, extra: None }
                .compare(own, others)?;
        }
        at += usize::from(order != Ordering::Greater);
        of += usize::from(order != Ordering::Less);
    }
    Ok(())
}

fn sensor<'a>(checked: &'a Checked, files: &Range<usize>) -> &'a SensorId {
    &checked.inspection.csv()[files.start].of.sensor
}

/// The rows of a sensor at one of the peers, in sequence order over all its files.
struct Side<'a> {
    inspection: &'a Inspection,
    files: Vec<File>,
    /// The file of the next row.
    head: usize,
}

/// A file and its next row.
struct File {
    at: usize,
    lines: LineReader,
    row: Option<Line>,
}

impl<'a> Side<'a> {
    fn new(inspection: &'a Inspection, files: Range<usize>) -> Result<Self, StorageError> {
        let block_bytes = block_bytes(2 * files.len());
        let files = files.map(|at| File { at, lines: LineReader::new(at, block_bytes), row: None }).collect();
        let mut side = Self { inspection, files, head: 0 };
        side.files.iter_mut().try_for_each(|file| file.advance(inspection))?;
        side.choose();
        Ok(side)
    }

    fn advance(&mut self) -> Result<(), StorageError> {
        self.files[self.head].advance(self.inspection)?;
        self.choose();
        Ok(())
    }

    fn choose(&mut self) {
        let heads = self.files.iter().enumerate().filter_map(|(at, file)| Some((file.sequence()?, at)));
        self.head = heads.min().map_or(0, |(_, at)| at);
    }

    fn sequence(&self) -> Option<Sequence> {
        self.files.get(self.head).and_then(File::sequence)
    }

    /// Where the next row is.
    fn place(&self) -> Place {
        Place::Here(self.files[self.head].at)
    }

    fn text(&self) -> &[u8] {
        self.files.get(self.head).map_or(&[], |file| file.row.map_or(&[], |row| file.lines.text(&row)))
    }
}

impl File {
    /// Goes on to the next row. Lines that are no rows were reported already.
    fn advance(&mut self, inspection: &Inspection) -> Result<(), StorageError> {
        loop {
            self.row = self.lines.next_line(inspection)?;
            if self.row.is_none_or(|row| row.whole && row.sequence.is_some()) {
                return Ok(());
            }
        }
    }

    fn sequence(&self) -> Option<Sequence> {
        self.row.and_then(|row| row.sequence)
    }
}

/// A sensor at both peers.
struct Pair<'a> {
    sensor: &'a SensorId,
    peer: &'a Checked,
    other: &'a Checked,
    other_label: &'a str,
    disagreements: &'a mut Disagreements,
    /// Rows that one has and the other lacks.
    lacking: Option<Run>,
    extra: Option<Run>,
}

/// Where rows are, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In this file of the peer.
    Here(usize),
    /// They are not there; in its file of this month, where it has those of months.
    Nowhere(Option<Month>),
}

/// Rows of one file.
#[derive(Debug, Clone, Copy)]
struct Run {
    place: Place,
    first: Sequence,
    last: Sequence,
    count: u64,
}

impl Pair<'_> {
    fn compare(&mut self, mut own: Side<'_>, mut others: Side<'_>) -> Result<(), StorageError> {
        loop {
            let sequences = (own.sequence(), others.sequence());
            let order = match sequences {
                (None, None) => break,
                (Some(one), Some(two)) => one.cmp(&two),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            match (order, sequences) {
                (Ordering::Less, (Some(sequence), _)) => self.alone(order, sequence, own.place()),
                (Ordering::Greater, (_, Some(sequence))) => {
                    let by_month = self.peer.inspection.layout() == Layout::Month;
                    let month = Month::of_row(others.text()).filter(|_| by_month);
                    self.alone(order, sequence, Place::Nowhere(month));
                }
                _ => {
                    self.tell_runs();
                    self.both(&own, &others);
                }
            }
            if order != Ordering::Greater {
                own.advance()?;
            }
            if order != Ordering::Less {
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
            let file = self.file(own.place());
            self.disagreements.add_new(&file, (sequence, sequence), || {
                format!("row {sequence} is {}, but {} at {label}", text.0, text.1)
            });
        }
    }

    /// Notes a row that only one of them holds.
    fn alone(&mut self, order: Ordering, sequence: Sequence, place: Place) {
        let lacking = if order == Ordering::Less { self.other } else { self.peer };
        // Above that, it is behind.
        if !(lacking.base + 1..=lacking.holds).contains(&sequence) {
            return;
        }
        let run = if order == Ordering::Less { self.extra } else { self.lacking };
        if run.is_some_and(|run| run.place != place) {
            self.tell_runs();
        }
        let run = if order == Ordering::Less { &mut self.extra } else { &mut self.lacking };
        let Run { first, count, .. } = run.unwrap_or(Run { place, first: sequence, last: sequence, count: 0 });
        *run = Some(Run { place, first, last: sequence, count: count + 1 });
    }

    /// The name of a file.
    fn file(&self, place: Place) -> String {
        let csv = self.peer.inspection.csv();
        let month = match place {
            Place::Here(at) => return csv[at].name.clone(),
            Place::Nowhere(month) => month,
        };
        let of = CsvName { sensor: self.sensor.clone(), month };
        let named = csv.iter().chain(self.other.inspection.csv()).find(|file| file.of == of);
        named.map_or_else(|| of.file(), |file| file.name.clone())
    }

    fn tell_runs(&mut self) {
        let label = self.other_label;
        if let Some(Run { place, first, last, count }) = self.lacking.take() {
            let what = || format!("at {label}, but not here: {}", rows_named((first, last), count));
            self.disagreements.add_new(&self.file(place), (first, last), what);
        }
        if let Some(Run { place, first, last, count }) = self.extra.take() {
            let what = || format!("here, but not at {label}: {}", rows_named((first, last), count));
            self.disagreements.add_new(&self.file(place), (first, last), what);
        }
    }
}
