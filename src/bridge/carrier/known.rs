//! Which readings an engine has. The numbers of an origin are in order in every log (docs/protocol.md 9), and rows are handed
//! over in the order of a log. So for each origin the highest number says it all, also after a merge that gave the same
//! readings other sequences.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::history::{Identity, Position, PositionError};
use crate::ids::{parse_number, Number, Origin};

/// First line of the file of a position: this word, and its version.
const WORD: &str = "peer-bridge ";
const VERSION: u64 = 1;

/// What an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// What holds the rows, in words of the engine; empty before the first look.
    of: String,
    /// How far it was looked at, in numbers of the engine.
    pub(super) at: u64,
    marks: BTreeMap<Origin, Number>,
    /// It is another one than before: where to begin there, if it says so.
    begin: Option<Begin>,
}

/// Where to begin with what holds the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begin {
    /// It does not say.
    AsAsked,
    /// After the last row that it holds.
    After(Position),
}

impl Known {
    /// Does the engine have this reading?
    pub(super) fn holds(&self, identity: &Identity) -> bool {
        self.marks.get(identity.origin).is_some_and(|mark| *mark >= identity.number)
    }

    /// It has this one, and all before it.
    pub(super) fn add(&mut self, origin: &Origin, number: Number) {
        match self.marks.get_mut(origin) {
            Some(mark) => *mark = number.max(*mark),
            None => drop(self.marks.insert(origin.clone(), number)),
        }
    }

    /// The highest numbers as text, for another bridge of the same group.
    #[cfg(feature = "bridge-mqtt")]
    pub(super) fn marks(&self) -> String {
        let lines: Vec<String> = self.marks.iter().map(|(origin, number)| format!("{origin} {number}")).collect();
        lines.join("\n")
    }

    /// Adds what another bridge wrote so. What is no such line says nothing.
    #[cfg(feature = "bridge-mqtt")]
    pub(super) fn learn(&mut self, marks: &str) {
        for (origin, number) in marks.lines().filter_map(|line| line.split_once(' ')) {
            if let (Ok(origin), Some(number)) = (origin.parse(), parse_number(number)) {
                self.add(&origin, number);
            }
        }
    }

    /// Says what holds the rows now. If that is not what was looked at before, or it reaches less far than it did, all that is
    /// known is forgotten.
    pub(super) fn settle(&mut self, of: &str, reaches: u64) {
        if self.of != of || self.at > reaches {
            *self = Self { of: of.to_owned(), begin: Some(Begin::AsAsked), ..Self::default() };
        }
    }

    /// Does it reach less far than it did?
    #[cfg(feature = "bridge-nats")]
    pub(super) fn is_ahead_of(&self, of: &str, reaches: u64) -> bool {
        self.of == of && self.at > reaches
    }

    /// The last row that it holds is this one.
    #[cfg_attr(not(feature = "bridge-nats"), expect(dead_code, reason = "other engines cannot tell"))]
    pub(super) fn begin_at(&mut self, position: Position) {
        if let Some(begin) = &mut self.begin {
            *begin = Begin::After(position);
        }
    }

    /// Is it another one than before, and nobody began there yet?
    pub(super) fn is_new(&self) -> bool {
        self.begin.is_some()
    }

    /// Where to begin, once, if this is not what was looked at before.
    pub(super) fn take_begin(&mut self) -> Option<Begin> {
        self.begin.take()
    }
}

/// What the file of a position holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) known: Known,
    pub(super) position: Position,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{WORD}{VERSION}\nto {}\nat {}", self.known.of, self.known.at)?;
        for (origin, number) in &self.known.marks {
            writeln!(f, "has {origin} {number}")?;
        }
        write!(f, "{}", self.position)
    }
}

impl FromStr for Kept {
    type Err = PositionError;

    /// Reads what [`fmt::Display`] writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let lines: Vec<&str> = text.lines().collect();
        let wrong = |line| PositionError::Malformed { line };
        PositionError::check_head(lines.first().copied(), WORD, VERSION)?;
        let of = lines.get(1).and_then(|line| line.strip_prefix("to ")).ok_or(wrong(2))?.to_owned();
        let at = lines.get(2).and_then(|line| parse_number(line.strip_prefix("at ")?)).ok_or(wrong(3))?;
        let mut known = Known { of, at, ..Known::default() };
        let marks = lines.iter().skip(3).map_while(|line| line.strip_prefix("has "));
        for (mark, line) in marks.zip(4..) {
            let (origin, number) = mark.split_once(' ').ok_or(wrong(line))?;
            known.add(&origin.parse().map_err(|_| wrong(line))?, parse_number(number).ok_or(wrong(line))?);
        }
        let rest = 3 + known.marks.len();
        let position = (lines[rest..].join("\n") + "\n").parse().map_err(|error| match error {
            PositionError::Malformed { line } => wrong(rest + line),
            newer @ PositionError::Newer(_) => newer,
        })?;
        let kept = Self { known, position };
        if kept.to_string() == text {
            Ok(kept)
        } else {
            Err(wrong(lines.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Newer;

    fn known(marks: &[(&str, Number)]) -> Known {
        let mut known = Known::default();
        known.settle("a stream", 0);
        known.take_begin();
        for (origin, number) in marks {
            known.add(&origin.parse().unwrap(), *number);
        }
        known
    }

    fn holds(known: &Known, origin: &str, number: Number) -> bool {
        let (term, origin) = ("1@a/5".parse().unwrap(), origin.parse().unwrap());
        known.holds(&Identity { term: &term, origin: &origin, number })
    }

    #[test]
    fn what_is_known_is_all_up_to_the_highest_number_of_each_origin() {
        let known = known(&[("a/5", 3), ("b/6", 9), ("a/5", 2)]);
        assert!(holds(&known, "a/5", 3) && holds(&known, "a/5", 1) && !holds(&known, "a/5", 4));
        assert!(holds(&known, "b/6", 9) && !holds(&known, "b/7", 1), "another life of the same peer");
    }

    #[test]
    fn all_is_forgotten_where_the_rows_are_held_by_another_or_by_one_that_lost_some() {
        let mut known = known(&[("a/5", 3)]);
        known.at = 3;
        #[cfg(feature = "bridge-nats")]
        assert!(known.is_ahead_of("a stream", 2) && !known.is_ahead_of("a stream", 3) && !known.is_ahead_of("x", 2));
        known.settle("a stream", 3);
        assert!(known.take_begin().is_none() && holds(&known, "a/5", 3));
        known.settle("a stream", 2);
        assert!(known.take_begin() == Some(Begin::AsAsked) && !holds(&known, "a/5", 3));
        known.settle("another", 0);
        known.begin_at(Position::new(7));
        assert_eq!(known.take_begin(), Some(Begin::After(Position::new(7))));
    }

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is() {
        let kept = Kept { known: known(&[("a/5", 3), ("b/6", 9)]), position: Position::new(4) };
        let text = kept.to_string();
        let expected = "peer-bridge 1\nto a stream\nat 0\nhas a/5 3\nhas b/6 9\npeer-rows 1\nstart 4\nend 4\n";
        assert_eq!((text.as_str(), text.parse()), (expected, Ok(kept)));
        for (wrong, line) in [
            ("", 1),
            ("peer-rows 1\n", 1),
            ("peer-bridge 1\nat 0\n", 2),
            ("peer-bridge 1\nto x\nat -1\n", 3),
            ("peer-bridge 1\nto x\nat 0\nhas a 3\npeer-rows 1\nstart 4\nend 4\n", 4),
            ("peer-bridge 1\nto x\nat 0\nhas a/5 3\n", 5),
            ("peer-bridge 1\nto x\nat 0\nhas b/5 3\nhas a/5 3\npeer-rows 1\nstart 4\nend 4\n", 8),
        ] {
            assert_eq!(wrong.parse::<Kept>(), Err(PositionError::Malformed { line }), "{wrong:?}");
        }
        assert_eq!("peer-bridge 2\n".parse::<Kept>(), Err(PositionError::Newer(Newer { found: 2, reads: 1 })));
    }
}
