//! Amounts of bytes as people write and read them: `500M`, `2G`, in powers of 1024.
#![forbid(clippy::disallowed_macros, clippy::disallowed_methods, clippy::disallowed_types)]

use std::fmt;

/// Powers of 2, and their units.
const UNITS: [(u32, char); 4] = [(10, 'K'), (20, 'M'), (30, 'G'), (40, 'T')];

/// Rounded down to whole numbers of the largest unit of which there are at least ten: `480 MiB`, `31 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let large = UNITS.into_iter().rev().find(|(power, _)| self.0 >> power >= 10);
        match large {
            Some((power, unit)) => write!(f, "{} {unit}iB", self.0 >> power),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// Reads a whole number of bytes, or of a unit: `K`, `M`, `G`, `T`, or `KiB` and so on. `None`: it is none, or too large.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = unit.strip_suffix("iB").unwrap_or(unit);
    let power = match unit.to_ascii_uppercase().as_str() {
        "" if !text.ends_with("iB") => 0,
        unit => UNITS.into_iter().find(|(_, known)| unit == known.to_string())?.0,
    };
    number.checked_mul(1 << power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        for (text, bytes) in [
            ("0", 0),
            ("700", 700),
            ("500M", 500 << 20),
            ("2g", 2 << 30),
            ("64KiB", 64 << 10),
            ("3TiB", 3 << 40),
            ("16777215T", 16_777_215 << 40),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for text in ["", "M", "-1", "1.5G", "5 M", "5MB", "5iB", "5P", "16777216T", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_of_which_there_are_ten() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (10 * 1024 - 1, "10239 bytes"),
            (10 << 10, "10 KiB"),
            (500 << 20, "500 MiB"),
            ((10 << 30) - 1, "10239 MiB"),
            (31 << 30, "31 GiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
