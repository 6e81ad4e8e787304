//! `DATA|…` lines from standard input, or any other reader: whatever is there is handed over at once, as it was given.
//! Only an empty timestamp is filled in.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::time::Duration;

use super::{text_of, Clock, Source, Taken};
use crate::reading::{self, ReadingError, LINE_BYTES_MAX};
use crate::wire::batch::{BODY_BYTES_MAX, READINGS_MAX};
use crate::wire::Lines;

/// Bytes read at once: what a Linux pipe holds.
const BLOCK_BYTES: usize = 64 * 1024;

/// Longest beginning of a line that may become a reading yet: one whose CR was read and whose LF was not.
const PARTIAL_BYTES_MAX: usize = LINE_BYTES_MAX + 1;

// The number of readings bounds their bytes too.
const _: () = assert!(READINGS_MAX * (LINE_BYTES_MAX as u64 + 1) <= BODY_BYTES_MAX as u64);

/// Readings of a reader, a line each.
pub struct Stdin<R> {
    reader: R,
    clock: Clock,
    /// `block[start..end]` is read and not yet looked at.
    block: Box<[u8]>,
    start: usize,
    end: usize,
    /// The reader gave all it has.
    ended: bool,
    /// The line that is being read was found too long: what comes up to its LF belongs to it.
    skipping: bool,
    /// When the block was read, as a timestamp.
    arrived: String,
    /// Lines begun so far: the number of the line at hand.
    line: u64,
    refusals: Refusals,
    readings: u64,
    /// Where readings are gathered; handed over as a copy, so that what waits for the group takes no more than it needs.
    gathered: Vec<u8>,
}

impl<R> fmt::Debug for Stdin<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").field("line", &self.line).field("readings", &self.readings).finish_non_exhaustive()
    }
}

/// Lines that were no readings: each fault is told of once, with the line where it stood first; then they are counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Refusals {
    first: Vec<(u64, ReadingError)>,
    count: u64,
    /// The operator knows of so many.
    told: u64,
}

impl Refusals {
    fn add(&mut self, line: u64, error: ReadingError) {
        self.count += 1;
        if self.first.iter().all(|(_, known)| *known != error) {
            self.first.push((line, error));
            self.told += 1;
            log::warn!("Line {line} of standard input refused: {error}");
        }
    }

    fn tell_the_rest(&mut self) {
        if self.count > self.told {
            log::warn!("Standard input ended, and {} more lines refused", self.count - self.told);
            self.told = self.count;
        }
    }
}

impl<R: Read + Send> Stdin<R> {
    #[must_use]
    pub fn new(reader: R, clock: Clock) -> Self {
        Self {
            reader,
            clock,
            block: vec![0; BLOCK_BYTES].into_boxed_slice(),
            start: 0,
            end: 0,
            ended: false,
            skipping: false,
            arrived: String::new(),
            line: 0,
            refusals: Refusals::default(),
            readings: 0,
            gathered: Vec::new(),
        }
    }

    /// Gathers readings of the lines at hand, at most `limit`. Returns how many.
    fn gather(&mut self, limit: u64) -> u64 {
        self.gathered.clear();
        let mut count = 0;
        while count < limit {
            let rest = &self.block[self.start..self.end];
            let (line, length) = match memchr::memchr(b'\n', rest) {
                Some(at) => (&rest[..at], at + 1),
                None if self.ended && (!rest.is_empty() || self.skipping) => (rest, rest.len()),
                None => {
                    self.skip_what_is_too_long();
                    break;
                }
            };
            self.start += length;
            self.line += 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let appended = if std::mem::take(&mut self.skipping) {
                Err(reading::LINE_TOO_LONG)
            } else {
                append(line, &self.arrived, &mut self.gathered)
            };
            match appended {
                Ok(appended) => count += u64::from(appended),
                Err(error) => self.refusals.add(self.line, error),
            }
        }
        count
    }

    /// A line without end is at hand: where it can be no reading any more, forgets what was read of it.
    fn skip_what_is_too_long(&mut self) {
        if self.skipping || self.end - self.start > PARTIAL_BYTES_MAX {
            self.skipping = true;
            self.start = self.end;
        }
    }

    /// Waits for more. What is left of the block, less than a line, moves to its front.
    fn read(&mut self) {
        self.block.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let length = loop {
            match self.reader.read(&mut self.block[self.end..]) {
                Ok(length) => break length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    log::warn!("Standard input cannot be read any more, taken as its end: {error}");
                    break 0;
                }
            }
        };
        self.end += length;
        self.ended = length == 0;
        self.arrived = text_of(self.clock.now());
    }
}

/// Appends a line as a reading. `false` for a blank line.
fn append(line: &[u8], arrived: &str, out: &mut Vec<u8>) -> Result<bool, ReadingError> {
    if line.len() <= LINE_BYTES_MAX && line.trim_ascii().is_empty() {
        return Ok(false);
    }
    let fields = reading::check_input(line)?;
    if fields.timestamp.is_empty() {
        let before = reading::VERB.len() + fields.sensor_id.len() + 1;
        out.extend_from_slice(&line[..before]);
        out.extend_from_slice(arrived.as_bytes());
        out.extend_from_slice(&line[before..]);
    } else {
        out.extend_from_slice(line);
    }
    out.push(b'\n');
    Ok(true)
}

impl<R: Read + Send> Source for Stdin<R> {
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
            if self.ended {
                self.refusals.tell_the_rest();
                return Taken::End;
            }
            self.read();
        }
    }

    fn readings(&self) -> u64 {
        self.readings
    }

    fn describe(&self) -> String {
        "stdin".to_owned()
    }
}

#[cfg(test)]
mod tests;
