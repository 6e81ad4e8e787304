//! The position of a reader of rows, as text that is kept between two runs: the rows that it has had, and the terms in
//! which they were ordered.

use std::fmt;
use std::str::FromStr;

use super::lineage::{Lineage, Span};
use crate::ids::{parse_number, Sequence, Term};
use crate::version::Newer;

/// First line of the text: this word, and its version.
const WORD: &str = "peer-rows ";
const VERSION: u64 = 1;

/// The position of a reader of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Where it began.
    pub(super) start: Sequence,
    pub(super) lineage: Lineage,
}

/// A text is not a position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    #[error("line {line} is not what it should be")]
    Malformed { line: usize },
    #[error("it {0}; a newer program wrote it")]
    Newer(Newer),
}

impl PositionError {
    /// Checks the first line of what a reader keeps of its position: this word, and a version that is read.
    pub(crate) fn check_head(line: Option<&str>, word: &str, reads: u64) -> Result<(), Self> {
        match line.and_then(|line| parse_number(line.strip_prefix(word)?)) {
            Some(found) if found == reads => Ok(()),
            Some(found) if found > reads => Err(Self::Newer(Newer { found, reads })),
            _ => Err(Self::Malformed { line: 1 }),
        }
    }
}

impl Position {
    /// The position of a reader that has had nothing yet, and wants only what is after a sequence.
    #[must_use]
    pub fn new(after: Sequence) -> Self {
        Self { start: after, lineage: Lineage::default() }
    }

    /// The position of a reader that has had all up to the row of a sequence, which was ordered in that term.
    #[must_use]
    pub fn at(term: &Term, sequence: Sequence) -> Self {
        let mut position = Self::new(0);
        position.lineage.add(term, sequence);
        position
    }

    /// The last sequence that the reader has had, or does not want.
    #[must_use]
    pub fn after(&self) -> Sequence {
        self.lineage.last().unwrap_or(self.start)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{WORD}{VERSION}\nstart {}", self.start)?;
        for Span { first, last, term } in &self.lineage.0 {
            writeln!(f, "{first} {last} {term}")?;
        }
        writeln!(f, "end {}", self.after())
    }
}

impl FromStr for Position {
    type Err = PositionError;

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let lines: Vec<&str> = text.lines().collect();
        let wrong = |line| PositionError::Malformed { line };
        PositionError::check_head(lines.first().copied(), WORD, VERSION)?;
        let start = lines.get(1).and_then(|line| parse_number(line.strip_prefix("start ")?)).ok_or(wrong(2))?;
        let mut position = Self::new(start);
        for (at, line) in lines.iter().enumerate().skip(2).take(lines.len().saturating_sub(3)) {
            let span = span(line).filter(|span| span.first > position.after() && span.first <= span.last);
            position.lineage.0.push_back(span.ok_or(wrong(at + 1))?);
        }
        if position.to_string() != text {
            return Err(wrong(lines.len()));
        }
        Ok(position)
    }
}

fn span(line: &str) -> Option<Span> {
    let (first, rest) = line.split_once(' ')?;
    let (last, term) = rest.split_once(' ')?;
    Some(Span { first: parse_number(first)?, last: parse_number(last)?, term: term.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is() {
        let mut position = Position::new(4);
        for (term, sequence) in [("1@a/5", 5), ("1@a/5", 9), ("7@b/6", 10)] {
            position.lineage.add(&term.parse().unwrap(), sequence);
        }
        let text = position.to_string();
        assert_eq!(text, "peer-rows 1\nstart 4\n5 9 1@a/5\n10 10 7@b/6\nend 10\n");
        assert_eq!(text.parse(), Ok(position));
        assert_eq!(Position::new(0).to_string().parse(), Ok(Position::new(0)));
        for (wrong, line) in [
            ("", 1),
            ("peer-rows 0\nstart 4\nend 4\n", 1),
            ("peer-rows 1\nstart -4\nend 4\n", 2),
            ("peer-rows 1\nstart 4\n5 9 a\nend 9\n", 3),
            ("peer-rows 1\nstart 4\n3 9 1@a/5\nend 9\n", 3),
            ("peer-rows 1\nstart 4\n5 9 1@a/5\n", 3),
            ("peer-rows 1\nstart 4\n5 9 1@a/5\nend 10\n", 4),
            ("peer-rows 1\nstart 4\n5 9 1@a/5\nend 9", 4),
        ] {
            assert_eq!(wrong.parse::<Position>(), Err(PositionError::Malformed { line }), "{wrong:?}");
        }
        let newer = Err(PositionError::Newer(Newer { found: 2, reads: 1 }));
        assert_eq!("peer-rows 2\nstart 4\n".parse::<Position>(), newer);
    }
}
