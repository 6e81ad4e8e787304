//! The names of docs/protocol.md section 1 as types: peers, sensors, terms, origins of readings. Each is parsed and
//! printed here, so that a value of these types is always well formed.
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Position of an entry in the group's order: 1, 2, 3 … `0` means "before the first".
pub type Sequence = u64;

/// Nanoseconds since the Unix epoch at a peer's start, above those of every earlier start that its files know. It tells
/// lives apart and does not order them: a host that lost its disk may have a clock that went back.
pub type Incarnation = u64;

/// Number of a reading among the readings of its origin: 1, 2, 3 …
pub type Number = u64;

/// Longest `PeerId` and `SensorId`, in bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// Why a text is not a name, an address or a term.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is empty")]
    Empty,
    #[error("is longer than {NAME_BYTES_MAX} bytes")]
    TooLong,
    #[error("must begin with a letter or digit and hold only letters, digits, '.', '_' and '-'")]
    Character,
    #[error("is not <counter>@<leader>/<incarnation>")]
    Term,
    #[error("is not <peer id>/<incarnation>")]
    Origin,
}

/// Checks that this is a name of the form `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
///
/// # Errors
/// Says why it is none.
pub fn check_name(text: &[u8]) -> Result<(), NameError> {
    let Some(first) = text.first() else {
        return Err(NameError::Empty);
    };
    if text.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    if !first.is_ascii_alphanumeric() || name_length(text) < text.len() {
        return Err(NameError::Character);
    }
    Ok(())
}

/// The bytes that a name may hold.
const NAME_BYTES: [bool; 256] = {
    let (mut table, mut byte) = ([false; 256], 0u8);
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        byte += 1;
    }
    table
};

/// How many of the first bytes a name may hold.
pub(crate) fn name_length(text: &[u8]) -> usize {
    text.iter().take_while(|byte| NAME_BYTES[usize::from(**byte)]).count()
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                check_name(text.as_bytes())?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of a peer, compared as bytes.
    PeerId
}
name! {
    /// Name of a sensor; its CSV file is named after it.
    SensorId
}

/// One life of one peer, which took a reading in. Written `<peer id>/<incarnation>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub peer: PeerId,
    pub incarnation: Incarnation,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.peer, self.incarnation)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Origin {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (peer, incarnation) = text.split_once('/').ok_or(NameError::Origin)?;
        Ok(Self { peer: peer.parse()?, incarnation: parse_incarnation(incarnation).ok_or(NameError::Origin)? })
    }
}

impl Origin {
    /// Appends its text, as [`fmt::Display`] gives it.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        append_life(&self.peer, self.incarnation, out);
    }

    /// How long its text is, in bytes.
    pub(crate) fn text_bytes(&self) -> usize {
        self.peer.as_str().len() + 1 + number_bytes(self.incarnation)
    }
}

/// The reign of one life of one leader, made only by an election. Written `<counter>@<leader>/<incarnation>`.
///
/// Terms are ordered by counter, then leader, then incarnation. "No term yet" is `None` of an `Option<Term>`, which is
/// below every term, and is written `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    pub counter: u64,
    pub leader: PeerId,
    pub incarnation: Incarnation,
}

impl Term {
    /// Without the life of its leader, as people read it: `2@c`.
    #[must_use]
    pub fn in_words(&self) -> String {
        format!("{}@{}", self.counter, self.leader)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.counter, self.leader, self.incarnation)
    }
}

impl fmt::Debug for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Term {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (counter, life) = text.split_once('@').ok_or(NameError::Term)?;
        let (leader, incarnation) = life.split_once('/').ok_or(NameError::Term)?;
        Ok(Self {
            counter: parse_number(counter).ok_or(NameError::Term)?,
            leader: leader.parse()?,
            incarnation: parse_incarnation(incarnation).ok_or(NameError::Term)?,
        })
    }
}

impl Term {
    /// Appends its text, as [`fmt::Display`] gives it.
    pub(crate) fn append_to(&self, out: &mut Vec<u8>) {
        append_number(self.counter, out);
        out.push(b'@');
        append_life(&self.leader, self.incarnation, out);
    }
}

fn append_life(peer: &PeerId, incarnation: Incarnation, out: &mut Vec<u8>) {
    out.extend_from_slice(peer.as_str().as_bytes());
    out.push(b'/');
    append_number(incarnation, out);
}

/// What elections compare: the number that `--priority` sets, then the id as bytes (docs/protocol.md, 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank<'a> {
    pub priority: i64,
    pub id: &'a PeerId,
}

/// Highest number that is read: no count of anything comes near, and additions to it cannot overflow.
pub const NUMBER_MAX: u64 = 1 << 62;

/// Highest incarnation of an origin or a term that is read. The lives after one that was read can be written, too, for
/// as many starts as there will ever be.
pub const INCARNATION_MAX: Incarnation = NUMBER_MAX - (1 << 32);

/// What `synced` needs of a damaged log: no log is that long. Such a log may lack what was acknowledged, until it is
/// whole again.
pub const NEEDS_ALL: Sequence = NUMBER_MAX;

/// Reads a whole number of at most [`NUMBER_MAX`] in its one canonical form: digits only, no sign, no leading zero.
#[must_use]
pub fn parse_number(text: &str) -> Option<u64> {
    let canonical = text == "0" || !text.starts_with('0');
    if canonical && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().ok().filter(|number| *number <= NUMBER_MAX)
    } else {
        None
    }
}

/// Most digits of a number.
const DIGITS_MAX: usize = 20;

/// The two digits of each number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let (mut pairs, mut number) = ([[0; 2]; 100], 0u8);
    while number < 100 {
        pairs[number as usize] = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
    }
    pairs
};

/// Appends a number in its canonical form. Each row has one and each message some: `format!` takes five times as long.
pub(crate) fn append_number(mut number: u64, out: &mut Vec<u8>) {
    let (mut digits, mut at) = ([0; DIGITS_MAX], DIGITS_MAX);
    let pair = |below: u64| PAIRS[usize::try_from(below % 100).expect("below a hundred")];
    while number > 99 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&pair(number));
        number /= 100;
    }
    let [tens, ones] = pair(number);
    at -= 1;
    digits[at] = ones;
    if number > 9 {
        at -= 1;
        digits[at] = tens;
    }
    out.extend_from_slice(&digits[at..]);
}

/// How many digits a number has.
pub(crate) fn number_bytes(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

/// Reads the number of a life: one that terms and origins can bear.
pub(crate) fn parse_incarnation(text: &str) -> Option<Incarnation> {
    parse_number(text).filter(|incarnation| *incarnation <= INCARNATION_MAX)
}

/// Whether each of `first .. first + count` can be written as a number that others read. None of them is 0.
pub(crate) fn are_numbers(first: u64, count: u64) -> bool {
    (1..=NUMBER_MAX).contains(&count) && (1..=NUMBER_MAX - (count - 1)).contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_contract_says_and_nothing_else() {
        for good in ["a", "0", "peer-1.x_Y", &"z".repeat(64)] {
            assert!(good.parse::<PeerId>().is_ok(), "{good}");
        }
        for bad in ["", ".a", "-a", "_a", "../x", "a/b", "a b", "ä", "a:b", &"z".repeat(65)] {
            assert!(bad.parse::<SensorId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_number_that_is_too_high_is_none() {
        assert_eq!(parse_number("4611686018427387904"), Some(NUMBER_MAX));
        for beyond in ["4611686018427387905", "18446744073709551615", "18446744073709551616"] {
            assert_eq!(parse_number(beyond), None);
        }
    }

    #[test]
    fn a_life_is_read_only_where_those_after_it_can_be_written() {
        let (last, beyond) = (INCARNATION_MAX, INCARNATION_MAX + 1);
        assert!(format!("a/{last}").parse::<Origin>().is_ok() && format!("1@a/{last}").parse::<Term>().is_ok());
        assert!(format!("a/{beyond}").parse::<Origin>().is_err() && format!("1@a/{beyond}").parse::<Term>().is_err());
        assert_eq!(parse_number(&beyond.to_string()), Some(beyond));
    }

    #[test]
    fn a_range_of_numbers_ends_with_the_highest_that_is_read() {
        assert!(are_numbers(1, 1) && are_numbers(NUMBER_MAX, 1) && are_numbers(NUMBER_MAX - 1023, 1024));
        assert!(are_numbers(1, NUMBER_MAX));
        for (first, count) in [(0, 1), (1, 0), (NUMBER_MAX, 2), (NUMBER_MAX - 1022, 1024), (2, NUMBER_MAX)] {
            assert!(!are_numbers(first, count), "{first} {count}");
        }
        assert!(!are_numbers(u64::MAX, u64::MAX));
    }

    #[test]
    fn terms_are_ordered_by_counter_then_leader_then_incarnation() {
        let term = |text: &str| text.parse::<Term>().unwrap();
        assert!(term("2@a/9") > term("1@b/99"));
        assert!(term("2@b/1") > term("2@a/9"));
        assert!(term("2@b/2") > term("2@b/1"));
        assert!(Some(term("0@a/0")) > None);
    }

    #[test]
    fn the_priority_number_outranks_the_id() {
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(Rank { priority: 0, id: &b } > Rank { priority: 0, id: &a });
        assert!(Rank { priority: 1, id: &a } > Rank { priority: 0, id: &b });
    }

    #[test]
    fn what_is_appended_is_what_is_printed() {
        let powers = (0..20).map(|power| 10u64.pow(power)).flat_map(|power| [power - 1, power, power + 1]);
        for number in powers.chain([NUMBER_MAX, u64::MAX]) {
            let (origin, mut out) = (Origin { peer: "p-1".parse().unwrap(), incarnation: number }, Vec::new());
            append_number(number, &mut out);
            assert_eq!((out.len(), &out[..]), (number_bytes(number), number.to_string().as_bytes()));
            out.clear();
            origin.append_to(&mut out);
            assert_eq!((out.len(), &out[..]), (origin.text_bytes(), origin.to_string().as_bytes()));
            let term = Term { counter: number, leader: origin.peer, incarnation: 7 };
            out.clear();
            term.append_to(&mut out);
            assert_eq!(out, term.to_string().as_bytes());
        }
    }

    #[test]
    fn names_and_terms_print_as_they_are_read() {
        for text in ["7@peer-3/1766500000000", "0@a/0"] {
            assert_eq!(text.parse::<Term>().unwrap().to_string(), text);
        }
        for bad in ["7@peer", "@a/1", "07@a/1", "+7@a/1", "7@a/", "7@a/1/2", "-"] {
            assert!(bad.parse::<Term>().is_err(), "{bad}");
        }
        assert_eq!("a/12".parse::<Origin>().unwrap().to_string(), "a/12");
    }
}
