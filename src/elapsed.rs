//! Lengths of time in words.
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;
use std::time::Duration;

/// In words, rounded down to the largest unit that fits: `3 days`, `1 hour`. With `{:#}` short, for use beside a count,
/// and rounded: `12 s`, `10 min`, `25 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Elapsed(pub(crate) Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u64); 4] = [("year", 365 * 86_400), ("day", 86_400), ("hour", 3600), ("minute", 60)];
        let seconds = self.0.as_secs();
        if f.alternate() {
            return match seconds.max(1) {
                seconds @ ..=99 => write!(f, "{seconds} s"),
                seconds @ ..=5999 => write!(f, "{} min", (seconds + 30) / 60),
                seconds => write!(f, "{} h", (seconds + 1800) / 3600),
            };
        }
        let (unit, length) = UNITS.into_iter().find(|(_, length)| seconds >= *length).unwrap_or(("second", 1));
        let count = seconds / length;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unit_that_fits_is_named() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (119, "1 minute"),
            (7200, "2 hours"),
            (86_400 * 364, "364 days"),
            (86_400 * 365 * 56, "56 years"),
        ] {
            assert_eq!(Elapsed(Duration::from_secs(seconds)).to_string(), text);
        }
    }

    #[test]
    fn the_short_form_is_rounded() {
        for (seconds, text) in
            [(0, "1 s"), (99, "99 s"), (100, "2 min"), (599, "10 min"), (3600, "60 min"), (90_000, "25 h")]
        {
            assert_eq!(format!("{:#}", Elapsed(Duration::from_secs(seconds))), text);
        }
    }
}
