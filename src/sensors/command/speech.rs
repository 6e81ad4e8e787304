//! What a command says on standard error, in the log: each line, as long as it is not too many of them.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// This many lines a minute are logged, and the others counted.
const LINES_MAX: u64 = 60;
const MINUTE: Duration = Duration::from_secs(60);

/// This many bytes of a line are logged.
const BYTES_MAX: usize = 500;

/// Hears a command.
#[derive(Debug)]
pub(super) struct Speech {
    speaker: String,
    /// The beginning of a line.
    begun: Vec<u8>,
    /// The last line.
    last: Option<String>,
    minute: Instant,
    /// Lines in this minute.
    lines: u64,
}

impl Speech {
    pub(super) fn new(speaker: &str) -> Self {
        Self { speaker: speaker.to_owned(), begun: Vec::new(), last: None, minute: Instant::now(), lines: 0 }
    }

    /// Reads once, which blocks while there is nothing. Returns whether there is more to come.
    pub(super) fn hear(&mut self, from: &mut impl Read) -> io::Result<bool> {
        let mut block = [0; 4096];
        let length = from.read(&mut block)?;
        for byte in &block[..length] {
            if *byte == b'\n' {
                self.line(Instant::now());
            } else if self.begun.len() < BYTES_MAX {
                self.begun.push(*byte);
            }
        }
        Ok(length > 0)
    }

    /// The last line may have had no end, and lines may have been counted only.
    pub(super) fn end(&mut self) {
        if !self.begun.is_empty() {
            self.line(Instant::now());
        }
        self.count();
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// One line is there.
    fn line(&mut self, now: Instant) {
        if now.saturating_duration_since(self.minute) >= MINUTE {
            self.count();
            (self.minute, self.lines) = (now, 0);
        }
        let line = String::from_utf8_lossy(&self.begun).trim_end().to_owned();
        self.begun.clear();
        self.lines += 1;
        if self.lines <= LINES_MAX {
            log::info!(event = "command_said", command = self.speaker; "{} says: {line}", self.speaker);
        }
        self.last = Some(line);
    }

    /// Tells how many lines were not told.
    fn count(&mut self) {
        let more = self.lines.saturating_sub(LINES_MAX);
        if more > 0 {
            log::info!(event = "command_said", command = self.speaker; "{} said {more} lines more", self.speaker);
            self.lines = LINES_MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_pieces_and_the_last_may_have_no_end() {
        let mut speech = Speech::new("exec:a");
        let mut hear = |mut text: &[u8]| {
            let more = speech.hear(&mut text).unwrap();
            (more, speech.last().map(str::to_owned))
        };
        assert_eq!(hear(b"one\r\ntw"), (true, Some("one".to_owned())));
        assert_eq!(hear(b"o\n\xff"), (true, Some("two".to_owned())));
        assert_eq!(hear(b""), (false, Some("two".to_owned())));
        speech.end();
        assert_eq!(speech.last(), Some("\u{fffd}"));
        speech.hear(&mut &b"x".repeat(3_000)[..]).unwrap();
        speech.end();
        assert_eq!(speech.last().map(str::len), Some(BYTES_MAX));
    }

    #[test]
    fn of_many_lines_most_are_counted_until_the_next_minute() {
        let mut speech = Speech::new("exec:a");
        let begin = speech.minute;
        (0..100).for_each(|_| speech.line(begin));
        assert_eq!(speech.lines, 100);
        speech.line(begin + MINUTE);
        assert_eq!(speech.lines, 1);
    }
}
