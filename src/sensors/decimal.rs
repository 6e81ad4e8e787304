//! Decimal numbers of files and lines, exact: read, added, multiplied, and written with as many decimals as every value that is
//! converted here has.

use crate::reading::VALUE_BYTES_MAX;

/// What the kernel's units resolve, m°C and m%, and tenths of a pascal.
const DECIMALS: i32 = 3;

/// `digits` times ten to the power of `-decimals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: i128,
    decimals: i32,
}

impl Decimal {
    /// `None` if the text is not a plain decimal number, or has too many digits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').or(text.strip_prefix('+')).unwrap_or(text);
        let (whole, fraction) = match unsigned.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (unsigned, ""),
        };
        let digits = format!("{whole}{fraction}");
        if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits: i128 = digits.parse().ok()?;
        let digits = if text.starts_with('-') { -digits } else { digits };
        Some(Self { digits, decimals: i32::try_from(fraction.len()).ok()? })
    }

    /// `None` where the result has too many digits.
    pub(super) fn plus(self, other: Self) -> Option<Self> {
        let decimals = self.decimals.max(other.decimals);
        let digits = self.digits_at(decimals)?.checked_add(other.digits_at(decimals)?)?;
        Some(Self { digits, decimals })
    }

    /// `None` where the result has too many digits.
    pub(super) fn times(self, other: Self) -> Option<Self> {
        Some(Self { digits: self.digits.checked_mul(other.digits)?, decimals: self.decimals + other.decimals })
    }

    pub(super) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// With its point moved right by this many places.
    pub(super) fn moved(self, places: i32) -> Self {
        Self { decimals: self.decimals - places, ..self }
    }

    /// With three decimals, rounded half away from zero. `None` where the text is longer than a reading may hold.
    pub(super) fn fixed(self) -> Option<String> {
        self.fixed_over(1)
    }

    /// The same of its part, divided by a number.
    pub(super) fn fixed_over(self, divisor: u32) -> Option<String> {
        let digits = self.digits.unsigned_abs();
        let exponent = DECIMALS - self.decimals;
        let power = 10_u128.checked_pow(exponent.unsigned_abs());
        let (digits, divisor) = if exponent >= 0 {
            (digits.checked_mul(power?)?, Some(divisor.into()))
        } else {
            (digits, power.and_then(|power| power.checked_mul(divisor.into())))
        };
        // Less than half of the last decimal where the divisor is beyond all numbers.
        let rounded = |divisor: u128| digits / divisor + u128::from(digits % divisor >= divisor.div_ceil(2));
        let thousandths = divisor.map_or(0, rounded);
        let sign = if self.digits < 0 && thousandths > 0 { "-" } else { "" };
        let value = format!("{sign}{}.{:03}", thousandths / 1_000, thousandths % 1_000);
        (value.len() <= VALUE_BYTES_MAX).then_some(value)
    }

    /// Without its decimals. `None` where the result has too many digits.
    pub(super) fn whole(self) -> Option<i128> {
        let power = 10_i128.checked_pow(self.decimals.unsigned_abs());
        if self.decimals < 0 {
            self.digits.checked_mul(power?)
        } else {
            Some(power.map_or(0, |power| self.digits / power))
        }
    }

    /// Its digits with this many decimals, which are not fewer than it has.
    fn digits_at(self, decimals: i32) -> Option<i128> {
        self.digits.checked_mul(10_i128.checked_pow(decimals.abs_diff(self.decimals))?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(text: &str, places: i32) -> Option<String> {
        Decimal::parse(text)?.moved(places).fixed()
    }

    #[test]
    fn the_point_moves_and_three_decimals_follow_it() {
        for (text, places, value) in [
            ("21437", -3, "21.437"),
            ("21000", -3, "21.000"),
            ("21400", -3, "21.400"),
            ("-5", -3, "-0.005"),
            ("-12340", -3, "-12.340"),
            ("+7", -3, "0.007"),
            ("0", -3, "0.000"),
            ("-0", -3, "0.000"),
            ("100.2345", 1, "1002.345"),
            ("100.234500000", 1, "1002.345"),
            ("100.234449999", 1, "1002.344"),
            ("100.23445", 1, "1002.345"),
            ("101", 1, "1010.000"),
            ("0.05", 1, "0.500"),
            ("007.50", 1, "75.000"),
            ("45123.456", -3, "45.123"),
            ("-0.4", -3, "0.000"),
            ("-0.5", -3, "-0.001"),
            ("0.0000000000000000000000000000000000000000000001", 1, "0.000"),
        ] {
            assert_eq!(fixed(text, places).as_deref(), Some(value), "{text} by {places}");
        }
    }

    #[test]
    fn what_is_no_plain_number_is_refused() {
        for text in ["", "-", ".", "1.", ".5", "1e3", "0x10", "1 2", "1,5", "--1", "+-1", "nan", "1.2.3", "٣"] {
            assert_eq!(fixed(text, -3), None, "{text}");
        }
        assert_eq!((fixed(&"1".repeat(40), 1), fixed(&"1".repeat(24), 1)), (None, None));
    }

    #[test]
    fn an_offset_is_added_and_a_scale_multiplied_exactly() {
        let value = |raw: &str, offset: &str, scale: &str| {
            let [raw, offset, scale] = [raw, offset, scale].map(|text| Decimal::parse(text).unwrap());
            raw.plus(offset)?.times(scale)?.moved(-3).fixed()
        };
        for (raw, offset, scale, expected) in [
            ("6204", "-4368", "10.725097656", "19.691"),
            ("-12", "0.5", "1000", "-11.500"),
            ("1", "-1.0", "62.5", "0.000"),
            ("0", "0", "0", "0.000"),
        ] {
            assert_eq!(value(raw, offset, scale).as_deref(), Some(expected), "({raw} + {offset}) * {scale}");
        }
        let many = "9".repeat(38);
        assert_eq!((value(&many, "0.1", "1"), value(&many, "0", "10.1")), (None, None));
    }

    #[test]
    fn a_part_is_rounded_and_a_whole_number_cut() {
        for (text, divisor, value) in
            [("-72", 9, "-8.000"), ("1", 9, "0.111"), ("5", 9, "0.556"), ("0.0045", 9, "0.001")]
        {
            assert_eq!(Decimal::parse(text).unwrap().fixed_over(divisor).as_deref(), Some(value), "{text}");
        }
        for (text, places, whole) in
            [("1.25", 3, Some(1250)), ("1.25", 1, Some(12)), ("-7", 0, Some(-7)), ("9", 38, None)]
        {
            assert_eq!(Decimal::parse(text).unwrap().moved(places).whole(), whole, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_nearest(number in -1_000_000_000_i32..1_000_000_000, decimals in 0_i32..7, places in -3_i32..=1) {
            let exact = f64::from(number) / 10_f64.powi(decimals);
            let text = format!("{exact:.*}", usize::try_from(decimals).unwrap());
            let value = fixed(&text, places).unwrap();
            prop_assert_eq!(value.split_once('.').unwrap().1.len(), 3);
            let error = value.parse::<f64>().unwrap() - exact * 10_f64.powi(places);
            prop_assert!(error.abs() < 0.000_51, "{} by {}: {}", text, places, value);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,70}", places in -3_i32..=1) {
            let _ = fixed(&text, places);
        }
    }
}
