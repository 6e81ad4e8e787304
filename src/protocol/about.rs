//! A length of time in words, as one says it.

use std::fmt;
use std::time::Duration;

/// `3 days`, `1 hour`: rounded down to the largest unit of which there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About(pub Duration);

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [("year", 365 * 86_400), ("day", 86_400), ("hour", 3600), ("minute", 60)];
        let seconds = self.0.as_secs();
        let (unit, length) = UNITS.into_iter().find(|(_, length)| seconds >= *length).unwrap_or(("second", 1));
        let count = seconds / length;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_is_named_of_which_there_is_one() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (119, "1 minute"),
            (7200, "2 hours"),
            (86_400 * 364, "364 days"),
            (86_400 * 365 * 56, "56 years"),
        ] {
            assert_eq!(About(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
