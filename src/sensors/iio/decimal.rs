//! Moves the point of a decimal number, as text and so exactly.

use crate::reading::VALUE_BYTES_MAX;

/// The number times ten to the power of `places`, in its shortest form: no exponent, no zeros that say nothing. `None`
/// where the text is no plain decimal number, or the result is longer than a reading may hold.
pub(super) fn shift(text: &str, places: i32) -> Option<String> {
    let unsigned = text.strip_prefix('-').or(text.strip_prefix('+')).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let mut digits = format!("{whole}{fraction}").into_bytes();
    if whole.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + places;
    if point <= 0 {
        let zeros = usize::try_from(1 - point).ok()?;
        digits.splice(0..0, std::iter::repeat_n(b'0', zeros));
    }
    let point = usize::try_from(point.max(1)).ok()?;
    while digits.len() < point {
        digits.push(b'0');
    }
    let digits = String::from_utf8(digits).ok()?;
    let (whole, fraction) = digits.split_at(point);
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let negative = text.starts_with('-') && !(whole.is_empty() && fraction.is_empty());
    let mut value = String::from(if negative { "-" } else { "" });
    value.push_str(if whole.is_empty() { "0" } else { whole });
    if !fraction.is_empty() {
        value.push('.');
        value.push_str(fraction);
    }
    (value.len() <= VALUE_BYTES_MAX).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_point_moves_and_nothing_else() {
        for (text, places, value) in [
            ("21437", -3, "21.437"),
            ("21000", -3, "21"),
            ("21400", -3, "21.4"),
            ("-5", -3, "-0.005"),
            ("-12340", -3, "-12.34"),
            ("+7", -3, "0.007"),
            ("0", -3, "0"),
            ("-0", -3, "0"),
            ("100.2345", 1, "1002.345"),
            ("100.234500000", 1, "1002.345"),
            ("101", 1, "1010"),
            ("98.7", 1, "987"),
            ("0.05", 1, "0.5"),
            ("007.50", 1, "75"),
            ("45123.456", -3, "45.123456"),
        ] {
            assert_eq!(shift(text, places).as_deref(), Some(value), "{text} by {places}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e3", "0x10", "1 2", "1,5", "--1", "+-1", "nan", "1.2.3", "٣"] {
            assert_eq!(shift(text, -3), None, "{text}");
        }
        assert_eq!(shift(&"1".repeat(40), 1), None);
    }

    proptest! {
        #[test]
        fn it_is_exact(number in -1_000_000_000_i64..1_000_000_000, places in -3_i32..=1) {
            let value = shift(&number.to_string(), places).unwrap();
            // The other way round, back to what it was.
            prop_assert_eq!(shift(&value, -places).unwrap(), number.to_string());
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,70}", places in -3_i32..=1) {
            let _ = shift(&text, places);
        }
    }
}
