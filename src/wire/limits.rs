//! How much of the log a peer is told to keep: `--keep` and `--keep-bytes`. A leader removes nothing unless all of its
//! group were told the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::ids::parse_number;

/// At least one of the two is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Readings that are older may go. Whole seconds.
    pub age: Option<Duration>,
    /// Where the files take more, the oldest readings may go.
    pub bytes: Option<u64>,
}

/// A text is not a [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not of the form <seconds or ->/<bytes or ->")]
pub struct LimitsError;

/// `<seconds or ->/<bytes or ->`
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.age {
            Some(age) => write!(f, "{}/", age.as_secs())?,
            None => f.write_str("-/")?,
        }
        match self.bytes {
            Some(bytes) => write!(f, "{bytes}"),
            None => f.write_str("-"),
        }
    }
}

impl FromStr for Limits {
    type Err = LimitsError;
    fn from_str(text: &str) -> Result<Self, LimitsError> {
        let (age, bytes) = text.split_once('/').ok_or(LimitsError)?;
        let number = |text| if text == "-" { Ok(None) } else { parse_number(text).map(Some).ok_or(LimitsError) };
        let (age, bytes) = (number(age)?.map(Duration::from_secs), number(bytes)?);
        if age.is_none() && bytes.is_none() {
            return Err(LimitsError);
        }
        Ok(Self { age, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_written_and_read_in_one_form() {
        let limits = |age: Option<u64>, bytes| Limits { age: age.map(Duration::from_secs), bytes };
        for (given, text) in [
            (limits(Some(86_400), None), "86400/-"),
            (limits(None, Some(2 << 30)), "-/2147483648"),
            (limits(Some(1), Some(0)), "1/0"),
        ] {
            assert_eq!((given.to_string(), text.parse()), (text.to_owned(), Ok(given)));
        }
        for text in ["", "-/-", "1", "1/", "/1", "01/-", "1/-1", "1d/-", "1/2/3"] {
            assert_eq!(text.parse::<Limits>(), Err(LimitsError), "{text}");
        }
    }
}
