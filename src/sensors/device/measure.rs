//! What the files of devices hold: the units that the kernel documents, and what is plausible in them.

use crate::sensors::decimal::Decimal;

/// A quantity, its unit in the kernel, and its unit in readings.
#[derive(Debug)]
pub(in crate::sensors) struct Measure {
    /// Decimal places by which the point moves right on the way to the unit of readings.
    places: i32,
    /// What is plausible, in the unit of readings: a file with anything else is in another unit, or wrong.
    low: f64,
    high: f64,
    /// Unit of readings.
    unit: &'static str,
    /// What the kernel says that the file holds.
    expected: &'static str,
}

/// Up to where sensors of this kind measure.
pub(in crate::sensors) const TEMPERATURE: Measure =
    Measure { places: -3, low: -60.0, high: 125.0, unit: "°C", expected: "thousandths of °C" };

/// Above 100 is condensation on the sensor.
pub(in crate::sensors) const HUMIDITY: Measure =
    Measure { places: -3, low: 0.0, high: 110.0, unit: "%", expected: "thousandths of %" };

pub(in crate::sensors) const PRESSURE: Measure =
    Measure { places: 1, low: 300.0, high: 1200.0, unit: "hPa", expected: "kPa" };

/// How much a value tells of the unit that its file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It is plausible in the unit that the kernel documents, and in no other.
    Unit,
    /// Nothing: it is plausible, and a thousand times as much is, too.
    Neither,
    /// It is in another unit, or no measurement.
    Other,
}

impl Measure {
    /// The value of a file in the unit of readings, and what it tells. `None`: it is longer than a reading may hold.
    pub(super) fn judge(&self, of_file: Decimal) -> Option<(String, Evidence)> {
        let value = of_file.moved(self.places).fixed()?;
        let number: f64 = value.parse().ok()?;
        let fits = |number: f64| (self.low..=self.high).contains(&number);
        let evidence = if !fits(number) {
            Evidence::Other
        } else if fits(number * 1000.0) && !of_file.is_zero() {
            Evidence::Neither
        } else {
            Evidence::Unit
        };
        Some((value, evidence))
    }

    /// A value that is not taken, for people.
    pub(super) fn refusal(&self, text: &str, value: &str) -> String {
        format!("holds {text}, {} expected, which would be {value} {}", self.expected, self.unit)
    }

    /// Unit of readings.
    pub(super) fn unit(&self) -> &'static str {
        self.unit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(measure: &Measure, text: &str) -> (String, Evidence) {
        measure.judge(Decimal::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn a_value_shows_its_unit_where_no_other_is_plausible() {
        for (measure, text, value, evidence) in [
            (&TEMPERATURE, "21437", "21.437", Evidence::Unit),
            (&TEMPERATURE, "-60000", "-60.000", Evidence::Unit),
            (&TEMPERATURE, "125000", "125.000", Evidence::Unit),
            (&TEMPERATURE, "126", "0.126", Evidence::Unit),
            (&TEMPERATURE, "0", "0.000", Evidence::Unit),
            (&TEMPERATURE, "21.437", "0.021", Evidence::Neither),
            (&TEMPERATURE, "21", "0.021", Evidence::Neither),
            (&TEMPERATURE, "-60", "-0.060", Evidence::Neither),
            (&TEMPERATURE, "-61", "-0.061", Evidence::Unit),
            (&TEMPERATURE, "294587", "294.587", Evidence::Other),
            (&TEMPERATURE, "21437000", "21437.000", Evidence::Other),
            (&HUMIDITY, "45123", "45.123", Evidence::Unit),
            (&HUMIDITY, "100400", "100.400", Evidence::Unit),
            (&HUMIDITY, "45.123", "0.045", Evidence::Neither),
            (&HUMIDITY, "110001", "110.001", Evidence::Other),
            (&HUMIDITY, "-1", "-0.001", Evidence::Other),
            (&PRESSURE, "100.2345", "1002.345", Evidence::Unit),
            (&PRESSURE, "100234.5", "1002345.000", Evidence::Other),
            (&PRESSURE, "1002.345", "10023.450", Evidence::Other),
            (&PRESSURE, "0.1002345", "1.002", Evidence::Other),
        ] {
            assert_eq!(judged(measure, text), (value.to_owned(), evidence), "{text}");
        }
    }
}
