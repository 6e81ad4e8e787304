//! What is left of the beginning of a log once its entries are removed: its terms, and whose readings they were. So two
//! logs are still compared, and no reading is ordered twice (docs/protocol.md, 10).

use std::fmt::Write;

use super::cursor::Cursor;
use super::error::WireError;
use super::message::RunList;
use super::parse;
use crate::ids::{are_numbers, Origin, Sequence, Term};
use crate::wire::Range;

/// Longest block, in bytes: some ten thousand elections and as many lives of peers. A log whose beginning takes more is
/// not shortened.
pub const BASE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The beginning of a log, entries 1 to `last`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Base {
    pub last: Sequence,
    pub runs: RunList,
    /// Their numbers, by origin and rising.
    pub origins: Vec<Range>,
}

impl Base {
    /// Where the run ends that holds entry `first`, which has this term; `None` where it has another.
    #[must_use]
    pub fn end_of_run(&self, term: &Term, first: Sequence) -> Option<Sequence> {
        let next = self.runs.partition_point(|(_, begins)| *begins <= first);
        let (own, _) = self.runs.get(next.checked_sub(1)?)?;
        let end = self.runs.get(next).map_or(self.last, |(_, begins)| begins - 1);
        (own == term && first <= self.last).then_some(end)
    }

    /// The block: a line `<term>:<first sequence>` for each run, then `FROM:<origin>:<first number>:<count>` for each
    /// range.
    #[must_use]
    pub fn block(&self) -> Vec<u8> {
        let mut text = String::new();
        for (term, first) in &self.runs {
            writeln!(text, "{term}:{first}").expect("a string takes all");
        }
        for Range { origin, first, count } in &self.origins {
            writeln!(text, "FROM:{origin}:{first}:{count}").expect("a string takes all");
        }
        text.into_bytes()
    }

    /// Reads the block of a beginning that ends with entry `last`.
    ///
    /// # Errors
    /// [`WireError`] where it is none: each entry has its term, and one number of one origin.
    pub fn parse(last: Sequence, block: &[u8], verb: &'static str) -> Result<Self, WireError> {
        let from = memchr::memmem::find(block, b"\nFROM:").map_or(0, |at| at + 1);
        let runs = parse::runs(&block[..from], last, verb)?;
        let text = std::str::from_utf8(&block[from..]).map_err(|_| WireError::Text { verb })?;
        let wrong = WireError::Count { verb };
        let (mut origins, mut entries): (Vec<Range>, Sequence) = (Vec::new(), 0);
        for line in text.split_inclusive('\n') {
            let range = parse_range(line.strip_suffix('\n').ok_or(wrong.clone())?)?;
            let follows = origins.last().is_none_or(|before: &Range| {
                before.origin < range.origin || (before.origin == range.origin && before.last() + 1 < range.first)
            });
            entries = entries.checked_add(range.count).filter(|_| follows).ok_or(wrong.clone())?;
            origins.push(range);
        }
        if last == 0 || entries != last {
            return Err(wrong);
        }
        Ok(Self { last, runs, origins })
    }
}

fn parse_range(line: &str) -> Result<Range, WireError> {
    let mut fields = Cursor::new(line, "FROM")?;
    let (origin, first): (Origin, _) = (fields.parse("origin")?, fields.number("first number")?);
    let count = fields.number("count")?;
    fields.end()?;
    if !are_numbers(first, count) {
        return Err(WireError::Field { verb: "FROM", field: "count" });
    }
    Ok(Range { origin, first, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base {
        let range = |origin: &str, first, count| Range { origin: origin.parse().unwrap(), first, count };
        Base {
            last: 9,
            runs: vec![("1@a/1".parse().unwrap(), 1), ("4@b/7".parse().unwrap(), 6)],
            origins: vec![range("a/1", 1, 4), range("a/1", 8, 1), range("b/7", 1, 4)],
        }
    }

    #[test]
    fn a_block_is_read_as_it_was_written() {
        let text = String::from_utf8(base().block()).unwrap();
        assert_eq!(text, "1@a/1:1\n4@b/7:6\nFROM:a/1:1:4\nFROM:a/1:8:1\nFROM:b/7:1:4\n");
        assert_eq!(Base::parse(9, text.as_bytes(), "BASE"), Ok(base()));
    }

    #[test]
    fn a_run_ends_before_the_next_or_with_the_last_entry() {
        let ends = |term: &str| [1, 5, 6, 9, 10].map(|first| base().end_of_run(&term.parse().unwrap(), first));
        assert_eq!(ends("1@a/1"), [Some(5), Some(5), None, None, None]);
        assert_eq!(ends("4@b/7"), [None, None, Some(9), Some(9), None]);
        assert_eq!(Base::default().end_of_run(&"1@a/1".parse().unwrap(), 1), None);
    }

    #[test]
    fn a_block_that_does_not_account_for_each_entry_is_refused() {
        let block = base().block();
        for last in [0, 5, 8, 10] {
            assert!(Base::parse(last, &block, "BASE").is_err(), "{last}");
        }
        for at in 0..block.len() {
            assert!(Base::parse(9, &block[..at], "BASE").is_err(), "first {at} bytes");
        }
        for text in ["", "FROM:a/1:1:9\n", "1@a/1:1\n", "1@a/1:1\nFROM:a/1:1:5\nFROM:a/1:5:4\n"] {
            assert!(Base::parse(9, text.as_bytes(), "BASE").is_err(), "{text}");
        }
    }
}
