//! `DATA|…` lines from standard input, a command, or any other reader: what is there is handed over without delay, as it was
//! given. Only an empty timestamp is filled in, and a value that says that it was not measured is left out. Lines of
//! another form are converted first.

mod line;
mod resuming;

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::Duration;

use self::line::{append, excerpt, is_blank, sensor_of, Appended};
use super::clock::Stamp;
use super::form::{self, Converter};
use super::positions::{Follow, Mark, Resumed};
use super::{Clock, Source, Taken};
use crate::complaints::{Complaints, Kind, Subject};
use crate::config::form::{FieldChoice, Form};
use crate::ids::SensorId;
use crate::reading::{self, ReadingError, LINE_BYTES_MAX};
use crate::wire::batch::{BODY_BYTES_MAX, READINGS_MAX};
use crate::wire::Lines;

/// Bytes read in one call: what a Linux pipe holds.
const BLOCK_BYTES: usize = 64 * 1024;

/// What some systems put before a text (U+FEFF). It is not a part of its first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Half a reading may look like a reading: `…|1013.2` is the beginning of `…|1013.25`, and the writer may have died
/// there.
const NO_END: ReadingError = ReadingError {
    field: "line",
    reason: "is the last one and has no LF, so it may be half of one; end every line with LF",
};

// The number of readings bounds their bytes too.
const _: () = assert!(READINGS_MAX * (LINE_BYTES_MAX as u64 + 1) <= BODY_BYTES_MAX as u64);

/// Names of complaints.
const REFUSED: &str = "line_refused";
const EMPTIED: &str = "value_left_empty";

/// What lines are read from.
pub trait Input: Read + Send {
    /// It gave nothing. Returns whether it has ended.
    fn is_over(&self) -> bool;

    /// Nothing is read any more, and its writers are to notice it.
    fn close(&mut self);

    /// Opens what is read next, and moves to where it was read before. `None`: what it gives has no beginning that could be
    /// read again.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn resume(&mut self, mark: Mark) -> io::Result<Option<Resumed>> {
        let _ = mark;
        Ok(None)
    }

    /// Whether it is opened again if it could not be read. Then it has reported that itself. Otherwise an error is its
    /// end.
    fn comes_back(&self) -> bool {
        false
    }

    /// What it is, as on the command line.
    fn describe(&self) -> String;

    /// What it is called in sentences, and where they begin.
    fn name(&self) -> String {
        self.describe()
    }
    fn title(&self) -> String {
        self.describe()
    }
}

/// Readings of a reader, a line each.
pub struct LineSource<R> {
    reader: R,
    clock: Clock,
    /// Sensor ids of other sources.
    others: Vec<SensorId>,
    /// For lines that are not readings yet.
    converter: Option<Converter>,
    /// How far it was read, where it can be read on there.
    follow: Option<Follow>,
    /// That is kept over restarts.
    once: bool,
    /// `block[start..end]` is read and not yet looked at.
    block: Box<[u8]>,
    start: usize,
    end: usize,
    supply: Supply,
    /// The next line is the first of a writer.
    first: bool,
    /// The line that is being read was found too long: what comes up to its LF belongs to it.
    skipping: bool,
    /// When the block was read, as a timestamp.
    arrived: Stamp,
    /// Lines begun so far: the number of the line at hand.
    line: u64,
    complaints: Arc<Complaints>,
    /// Lines.
    refused: u64,
    /// Values that said that none was measured.
    emptied: u64,
    readings: u64,
    /// Where readings are gathered; handed over as a copy, so that what waits for the group takes no more than it needs.
    gathered: Vec<u8>,
}

/// What the reader has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    Flows,
    /// Nothing for now: its writer has gone, another may come.
    Rests,
    /// Nothing any more.
    Ended,
}

impl<R> fmt::Debug for LineSource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineSource").field("line", &self.line).field("readings", &self.readings).finish_non_exhaustive()
    }
}

impl<R: Input> LineSource<R> {
    /// Complains to `complaints` of what is wrong with lines.
    #[must_use]
    pub fn new(reader: R, clock: Clock, complaints: Arc<Complaints>) -> Self {
        Self {
            reader,
            clock,
            others: Vec::new(),
            converter: None,
            follow: None,
            once: false,
            block: vec![0; BLOCK_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            supply: Supply::Flows,
            first: true,
            skipping: false,
            arrived: Stamp::default(),
            line: 0,
            complaints,
            refused: 0,
            emptied: 0,
            readings: 0,
            gathered: Vec::new(),
        }
    }

    /// Takes no readings of these sensors, which are other sources'.
    #[must_use]
    pub fn beside(mut self, others: Vec<SensorId>) -> Self {
        self.others = others;
        self
    }

    /// Takes lines of this form, which `fields` explain. Lines that name no sensor get `id`.
    #[must_use]
    pub fn of_form(mut self, form: Form, fields: &[FieldChoice], id: Option<SensorId>) -> Self {
        self.converter = Converter::new(form, fields, id);
        self
    }

    /// How long a line may be, and what is wrong with a longer one.
    fn longest(&self) -> (usize, ReadingError) {
        match &self.converter {
            Some(_) => (form::LINE_BYTES_MAX, form::LINE_TOO_LONG),
            None => (LINE_BYTES_MAX, reading::LINE_TOO_LONG),
        }
    }

    /// Gathers readings of the lines at hand, at most `limit`. Returns how many.
    fn gather(&mut self, limit: u64) -> u64 {
        self.gathered.clear();
        let (_, too_long) = self.longest();
        let mut count = 0;
        while count < limit {
            let rest = &self.block[self.start..self.end];
            let (line, length) = match memchr::memchr(b'\n', rest) {
                Some(at) => (&rest[..at], at + 1),
                None if self.supply != Supply::Flows && (!rest.is_empty() || self.skipping) => (rest, rest.len()),
                None => {
                    self.skip_what_is_too_long();
                    break;
                }
            };
            self.start += length;
            self.line += 1;
            let complete = length > line.len();
            // The rest of an incomplete line may come later, so the mark stays before it.
            if let Some(follow) = self.follow.as_mut().filter(|_| complete) {
                follow.pass(&self.block[self.start - length..self.start]);
                follow.end_line();
            }
            let first = std::mem::take(&mut self.first);
            if let Some(converter) = self.converter.as_mut().filter(|_| first) {
                converter.begin();
            }
            let line = line.strip_prefix(BYTE_ORDER_MARK).filter(|_| first).unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (given, mut made) = (line, None);
            let appended = if std::mem::take(&mut self.skipping) {
                Err(too_long)
            } else if is_blank(line) {
                Ok(Appended::Blank)
            } else if !complete {
                Err(NO_END)
            } else if let Some(converter) = self.converter.as_mut().filter(|_| !line.starts_with(reading::VERB)) {
                match converter.convert(line) {
                    Ok(Some(reading)) => {
                        append(made.insert(reading), (&self.arrived, &self.clock, &self.others), &mut self.gathered)
                    }
                    Ok(None) => Ok(Appended::Blank),
                    Err(error) => Err(error),
                }
            } else {
                append(line, (&self.arrived, &self.clock, &self.others), &mut self.gathered)
            };
            let line = made.as_deref().unwrap_or(given);
            match appended {
                Ok(Appended::Blank) => continue,
                Ok(Appended::AsGiven) => {}
                Ok(Appended::Without(fields)) => {
                    let (sensor, shown) = (sensor_of(line), excerpt(given));
                    for field in fields {
                        self.left_empty(&sensor, field, &shown);
                    }
                }
                Err(error) => {
                    let (sensor, shown) = (sensor_of(line), excerpt(given));
                    self.refuse(&sensor, error, &shown);
                    continue;
                }
            }
            count += 1;
        }
        count
    }

    fn refuse(&mut self, sensor: &str, error: ReadingError, line: &str) {
        self.refused += 1;
        let subject = Subject::Own(format!("{sensor} {}", error.field));
        let kind = Kind::new(REFUSED, error.reason);
        let text = format!("Line {} of {} refused: {error}: '{line}'", self.line, self.reader.name());
        self.complaints.complain(subject, kind, &text);
    }

    fn left_empty(&mut self, sensor: &str, field: &str, line: &str) {
        self.emptied += 1;
        let subject = Subject::Own(format!("{sensor} {field}"));
        let text = format!(
            "Line {} of {}: {field} says that it was not measured, and is left empty: '{line}'",
            self.line,
            self.reader.name()
        );
        self.complaints.complain(subject, EMPTIED, &text);
    }

    fn conclude(&self) {
        self.complaints.conclude(&[REFUSED, EMPTIED]);
        let Self { refused, emptied, .. } = self;
        if refused + emptied > 0 {
            log::warn!(
                event = "input_faults", refused = refused, emptied = emptied;
                "{} ended; lines refused: {refused}, values left empty: {emptied}", self.reader.title()
            );
        }
    }

    /// A line without an end is at hand: once it is too long for a reading, forgets what was read of it.
    fn skip_what_is_too_long(&mut self) {
        // The longest line may have its CR, and not yet its LF.
        let partial_max = BYTE_ORDER_MARK.len() + self.longest().0 + 1;
        if self.skipping || self.end - self.start > partial_max {
            self.skipping = true;
            if let Some(follow) = &mut self.follow {
                follow.pass(&self.block[self.start..self.end]);
            }
            self.start = self.end;
        }
    }

    /// Waits for more, from what is opened first. What is left of the block, less than a line, moves to its front.
    fn read(&mut self) {
        self.block.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        (self.supply, self.end) = loop {
            break match self.resume().and_then(|()| self.reader.read(&mut self.block[self.end..])) {
                Ok(0) if self.reader.is_over() => (Supply::Ended, self.end),
                Ok(0) => (Supply::Rests, self.end),
                Ok(length) => (Supply::Flows, self.end + length),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) if self.reader.comes_back() => self.break_off(),
                Err(error) => {
                    let title = self.reader.title();
                    log::warn!(event = "input_unreadable"; "{title} cannot be read any more, taken as its end: {error}");
                    (Supply::Ended, self.end)
                }
            };
        };
        self.arrived = self.clock.stamp();
    }
}

impl<R: Input> Source for LineSource<R> {
    fn interval(&self) -> Option<Duration> {
        None
    }

    fn take(&mut self, room: u64) -> Taken {
        if room == 0 {
            return Taken::Nothing;
        }
        loop {
            let count = self.gather(room.min(READINGS_MAX));
            if count > 0 {
                self.readings += count;
                return Taken::Readings(Lines::new(self.gathered.clone(), count));
            }
            match self.supply {
                Supply::Flows => {}
                Supply::Rests => {
                    self.first = true;
                    if let Some(follow) = &mut self.follow {
                        follow.end();
                    }
                }
                Supply::Ended => {
                    self.conclude();
                    self.reader.close();
                    return Taken::End;
                }
            }
            self.read();
        }
    }

    fn mark(&self) -> Option<Mark> {
        self.follow.as_ref().filter(|_| self.once).map(|follow| follow.mark)
    }

    fn readings(&self) -> u64 {
        self.readings
    }

    fn describe(&self) -> String {
        self.reader.describe()
    }
}

#[cfg(test)]
mod tests;
