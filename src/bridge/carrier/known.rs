//! Which readings an engine has. The numbers of an origin are in order in every log (docs/protocol.md 9), and rows are handed
//! over in the order of a log. So for each origin and sensor the highest number says it all, also after a merge that gave the
//! same readings other sequences. An origin may take in several sensors, and bridges may take them apart: what one of them
//! handed over says nothing of the sensors of another.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::chosen::Chosen;
use crate::history::{Identity, Position, PositionError};
use crate::ids::{parse_number, Number, Origin};

/// First line of the file of a position: this word, and its version. The first version says nothing of sensors.
const WORD: &str = "peer-bridge ";
const VERSION: u64 = 2;
const FIRST: &str = "peer-bridge 1\n";

/// What an engine has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// What holds the rows, in words of the engine; empty before the first look.
    of: String,
    /// How far it was looked at, in numbers of the engine.
    pub(super) at: u64,
    /// The last row of the group there, where the engine gives it a number.
    pub(super) last: Option<Last>,
    marks: BTreeMap<Origin, Marks>,
    /// Which rows are handed over; `None` where a file of the first version does not say.
    chosen: Option<Chosen>,
    /// It is another one than before: where to begin there, if it says so.
    begin: Option<Begin>,
}

/// A row that an engine holds: its number there, its name, and where it was put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) at: u64,
    pub(super) id: String,
    pub(super) subject: String,
}

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.at, self.id, self.subject)
    }
}

impl Last {
    /// Reads what [`fmt::Display`] writes.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ').map(str::to_owned);
        let at = parse_number(&parts.next()?)?;
        Some(Self { at, id: parts.next()?, subject: parts.next()? })
    }
}

/// How far an engine has the readings of an origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Marks {
    /// Of all sensors: what a bridge of all of them handed over. 0 for nothing.
    all: Number,
    /// Of single sensors, where they are further.
    of: BTreeMap<String, Number>,
}

impl Marks {
    fn add(&mut self, sensor: Option<&str>, number: Number) {
        match sensor {
            None => {
                self.all = number.max(self.all);
                self.of.retain(|_, mark| *mark > self.all);
            }
            Some(_) if number <= self.all => {}
            Some(sensor) => match self.of.get_mut(sensor) {
                Some(mark) => *mark = number.max(*mark),
                None => drop(self.of.insert(sensor.to_owned(), number)),
            },
        }
    }

    /// As text: an origin, a sensor where it is of one alone, and a number.
    fn lines<'a>(&'a self, origin: &'a Origin) -> impl Iterator<Item = String> + 'a {
        let all = (self.all > 0).then(|| format!("{origin} {}", self.all));
        all.into_iter().chain(self.of.iter().map(move |(sensor, number)| format!("{origin} {sensor} {number}")))
    }
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
    /// Nothing yet, of a bridge of these sensors.
    pub(super) fn new(chosen: Chosen) -> Self {
        Self { chosen: Some(chosen), ..Self::default() }
    }

    /// Hands rows of these sensors over from now on. Returns whether all of them were handed over before, too, so that the
    /// position is theirs.
    pub(super) fn choose(&mut self, chosen: &Chosen) -> bool {
        let before = self.chosen.replace(chosen.clone());
        if before.is_none() && !chosen.is_all() {
            // A file of the first version is of these sensors, and says nothing of others that may be wanted later.
            for Marks { all, of } in self.marks.values_mut() {
                let number = std::mem::take(all);
                of.extend(chosen.names().map(|sensor| (sensor.to_owned(), number)));
            }
        }
        before.is_none_or(|before| before.covers(chosen))
    }

    /// Whether the engine has this reading.
    pub(super) fn holds(&self, identity: &Identity, sensor: &str) -> bool {
        let Some(marks) = self.marks.get(identity.origin) else { return false };
        marks.all >= identity.number || marks.of.get(sensor).is_some_and(|mark| *mark >= identity.number)
    }

    /// Whether it has any of the group.
    pub(super) fn has_any(&self) -> bool {
        !self.marks.is_empty()
    }

    /// It has this one, which was handed over, and all before it that this bridge hands over.
    pub(super) fn add(&mut self, origin: &Origin, sensor: &str, number: Number) {
        let is_all = self.chosen.as_ref().is_some_and(Chosen::is_all);
        self.mark(origin, (!is_all).then_some(sensor), number);
    }

    /// It has this one, and all of its sensor before it; or of all sensors.
    pub(super) fn mark(&mut self, origin: &Origin, sensor: Option<&str>, number: Number) {
        match self.marks.get_mut(origin) {
            Some(marks) => marks.add(sensor, number),
            None => self.marks.entry(origin.clone()).or_default().add(sensor, number),
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.marks.iter().flat_map(|(origin, marks)| marks.lines(origin))
    }

    /// Takes a line of these. Returns whether it is one.
    fn take_line(&mut self, line: &str) -> bool {
        let parts: Vec<&str> = line.split(' ').collect();
        let (origin, sensor, number) = match parts[..] {
            [origin, number] => (origin, None, number),
            [origin, sensor, number] => (origin, Some(sensor), number),
            _ => return false,
        };
        let (Ok(origin), Some(number)) = (origin.parse(), parse_number(number)) else { return false };
        self.mark(&origin, sensor, number);
        true
    }

    /// The highest numbers as text, for another bridge of the same sensors of the group.
    #[cfg(feature = "bridge-mqtt")]
    pub(super) fn marks(&self) -> String {
        self.lines().collect::<Vec<_>>().join("\n")
    }

    /// Adds what another bridge wrote in this form. A line of another form says nothing.
    #[cfg(feature = "bridge-mqtt")]
    pub(super) fn learn(&mut self, marks: &str) {
        for line in marks.lines() {
            self.take_line(line);
        }
    }

    /// Says what holds the rows now. If that is not what was looked at before, or it reaches less far than it did, all that is
    /// known is forgotten.
    pub(super) fn settle(&mut self, of: &str, reaches: u64) {
        if self.of != of || self.at > reaches {
            of.clone_into(&mut self.of);
            self.forget();
        }
    }

    /// It lacks rows that it had: nobody knows which.
    pub(super) fn forget(&mut self) {
        let (of, chosen) = (std::mem::take(&mut self.of), self.chosen.take());
        *self = Self { of, chosen, begin: Some(Begin::AsAsked), ..Self::default() };
    }

    /// Whether it reaches less far than it did.
    #[cfg(feature = "bridge-nats")]
    pub(super) fn is_ahead_of(&self, of: &str, reaches: u64) -> bool {
        self.of == of && self.at > reaches
    }

    /// The last row that it holds is this one.
    #[cfg_attr(not(any(feature = "bridge-nats", test)), expect(dead_code, reason = "other engines cannot tell"))]
    pub(super) fn begin_at(&mut self, position: Position) {
        if let Some(begin) = &mut self.begin {
            *begin = Begin::After(position);
        }
    }

    /// Whether it is another one than before, and nobody began there yet.
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
        let Known { of, at, last, chosen, .. } = &self.known;
        writeln!(f, "{WORD}{VERSION}\nto {of}\nat {at}")?;
        if let Some(last) = last {
            writeln!(f, "last {last}")?;
        }
        if let Some(chosen) = chosen {
            writeln!(f, "sensors {chosen}")?;
        }
        for line in self.known.lines() {
            writeln!(f, "has {line}")?;
        }
        write!(f, "{}", self.position)
    }
}

impl FromStr for Kept {
    type Err = PositionError;

    /// Reads what [`fmt::Display`] writes, or did in the first version, and nothing else.
    fn from_str(text: &str) -> Result<Self, PositionError> {
        if let Some(rest) = text.strip_prefix(FIRST) {
            return format!("{WORD}{VERSION}\n{rest}").parse();
        }
        let lines: Vec<&str> = text.lines().collect();
        let wrong = |line| PositionError::Malformed { line };
        PositionError::check_head(lines.first().copied(), WORD, VERSION)?;
        let field = |at: usize, name| lines.get(at).and_then(|line: &&str| line.strip_prefix(name));
        let of = field(1, "to ").ok_or(wrong(2))?.to_owned();
        let at = field(2, "at ").and_then(parse_number).ok_or(wrong(3))?;
        let mut known = Known { of, at, ..Known::default() };
        let mut next = 3;
        if let Some(last) = field(next, "last ") {
            known.last = Some(Last::parse(last).ok_or(wrong(next + 1))?);
            next += 1;
        }
        if let Some(chosen) = field(next, "sensors ") {
            known.chosen = Some(chosen.parse().map_err(|_| wrong(next + 1))?);
            next += 1;
        }
        while let Some(mark) = field(next, "has ") {
            next += 1;
            if !known.take_line(mark) {
                return Err(wrong(next));
            }
        }
        let position = (lines[next..].join("\n") + "\n").parse().map_err(|error| match error {
            PositionError::Malformed { line } => wrong(next + line),
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

    fn known(sensors: &str, marks: &[(&str, &str, Number)]) -> Known {
        let mut known = Known::new(sensors.parse().unwrap());
        known.settle("a stream", 0);
        known.take_begin();
        for (origin, sensor, number) in marks {
            known.add(&origin.parse().unwrap(), sensor, *number);
        }
        known
    }

    fn holds(known: &Known, origin: &str, sensor: &str, number: Number) -> bool {
        let (term, origin) = ("1@a/5".parse().unwrap(), origin.parse().unwrap());
        known.holds(&Identity { term: &term, origin: &origin, number }, sensor)
    }

    #[test]
    fn what_is_known_is_all_up_to_the_highest_number_of_each_origin() {
        let known = known("*", &[("a/5", "x", 3), ("b/6", "x", 9), ("a/5", "x", 2)]);
        assert!(holds(&known, "a/5", "x", 3) && holds(&known, "a/5", "y", 1) && !holds(&known, "a/5", "x", 4));
        assert!(holds(&known, "b/6", "x", 9) && !holds(&known, "b/7", "x", 1), "another life of the same peer");
    }

    #[test]
    fn what_a_bridge_of_one_sensor_handed_over_says_nothing_of_others() {
        let mut some = known("roof", &[("a/5", "roof", 3)]);
        assert!(holds(&some, "a/5", "roof", 3) && !holds(&some, "a/5", "cellar", 2));
        assert!(!some.choose(&"cellar,roof".parse().unwrap()), "the position is of fewer sensors");
        assert!(some.choose(&"roof".parse().unwrap()) && !some.choose(&Chosen::default()));
        some.add(&"a/5".parse().unwrap(), "attic", 4);
        assert!(holds(&some, "a/5", "cellar", 4), "a bridge of all sensors handed all over up to there");
        assert_eq!(some, known("*", &[("a/5", "attic", 4)]));
    }

    #[test]
    fn all_is_forgotten_where_the_rows_are_held_by_another_or_by_one_that_lost_some() {
        let mut known = known("roof", &[("a/5", "roof", 3)]);
        known.at = 3;
        #[cfg(feature = "bridge-nats")]
        assert!(known.is_ahead_of("a stream", 2) && !known.is_ahead_of("a stream", 3) && !known.is_ahead_of("x", 2));
        known.settle("a stream", 3);
        assert!(known.take_begin().is_none() && holds(&known, "a/5", "roof", 3));
        known.settle("a stream", 2);
        assert!(known.take_begin() == Some(Begin::AsAsked) && !holds(&known, "a/5", "roof", 3));
        assert_eq!(known.chosen, "roof".parse().ok());
        known.settle("another", 0);
        known.begin_at(Position::new(7));
        assert_eq!(known.take_begin(), Some(Begin::After(Position::new(7))));
    }

    #[test]
    fn a_position_is_read_as_it_was_written_and_nothing_else_is() {
        let mut known = known("*", &[("a/5", "x", 3), ("b/6", "x", 9)]);
        known.mark(&"b/6".parse().unwrap(), Some("roof"), 12);
        known.last = Some(Last { at: 7, id: "lab/b/6/12".to_owned(), subject: "lab.roof".to_owned() });
        let kept = Kept { known, position: Position::new(4) };
        let text = kept.to_string();
        let expected = "peer-bridge 2\nto a stream\nat 0\nlast 7 lab/b/6/12 lab.roof\nsensors *\n\
                        has a/5 3\nhas b/6 9\nhas b/6 roof 12\npeer-rows 1\nstart 4\nend 4\n";
        assert_eq!((text.as_str(), text.parse()), (expected, Ok(kept)));
        for (wrong, line) in [
            ("", 1),
            ("peer-rows 1\n", 1),
            ("peer-bridge 1\nat 0\n", 2),
            ("peer-bridge 1\nto x\nat -1\n", 3),
            ("peer-bridge 2\nto x\nat 0\nsensors \n", 4),
            ("peer-bridge 2\nto x\nat 0\nlast 7 lab\nsensors *\n", 4),
            ("peer-bridge 1\nto x\nat 0\nhas a 3\npeer-rows 1\nstart 4\nend 4\n", 4),
            ("peer-bridge 2\nto x\nat 0\nsensors *\nhas a/5 b c 3\npeer-rows 1\nstart 4\nend 4\n", 5),
            ("peer-bridge 1\nto x\nat 0\nhas a/5 3\n", 5),
            ("peer-bridge 1\nto x\nat 0\nhas b/5 3\nhas a/5 3\npeer-rows 1\nstart 4\nend 4\n", 8),
        ] {
            assert_eq!(wrong.parse::<Kept>(), Err(PositionError::Malformed { line }), "{wrong:?}");
        }
        assert_eq!("peer-bridge 3\n".parse::<Kept>(), Err(PositionError::Newer(Newer { found: 3, reads: 2 })));
    }

    #[test]
    fn a_position_of_the_first_version_is_of_the_sensors_that_are_asked_for() {
        let text = "peer-bridge 1\nto a stream\nat 7\nhas a/5 3\npeer-rows 1\nstart 4\nend 4\n";
        let mut kept: Kept = text.parse().unwrap();
        assert!(holds(&kept.known, "a/5", "roof", 3) && !holds(&kept.known, "a/5", "roof", 4));
        assert_eq!((kept.known.at, kept.position), (7, Position::new(4)));
        assert!(kept.known.choose(&"roof".parse().unwrap()));
        assert!(holds(&kept.known, "a/5", "roof", 3));
        assert!(!kept.known.choose(&"cellar,roof".parse().unwrap()), "it begins again, with what roof has");
        assert!(holds(&kept.known, "a/5", "roof", 3) && !holds(&kept.known, "a/5", "cellar", 1));
    }
}
