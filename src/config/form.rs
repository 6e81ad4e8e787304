//! What lines of sources look like: `--stdin-format`, and which of their fields is which of a reading: `--stdin-fields`.

use jiff::tz::Offset;

use super::value::ValueError;

/// A form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// `DATA|…`
    #[default]
    Data,
    /// Columns under a header, or numbered ones.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Influx line protocol.
    Influx,
}

impl Form {
    /// As they are written on the command line.
    pub const NAMES: [&str; 4] = ["data", "csv", "jsonl", "influx"];

    /// The form of this name, which is one of these.
    #[must_use]
    pub fn of(name: &str) -> Self {
        match name {
            "csv" => Self::Csv,
            "jsonl" => Self::Jsonl,
            "influx" => Self::Influx,
            _ => Self::Data,
        }
    }
}

/// A field of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Id,
    Timestamp,
    Temperature,
    Humidity,
    Pressure,
}

const FIELDS: [(&str, Field); 5] = [
    ("id", Field::Id),
    ("timestamp", Field::Timestamp),
    ("temperature", Field::Temperature),
    ("humidity", Field::Humidity),
    ("pressure", Field::Pressure),
];

/// How times are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeForm {
    /// A number of seconds since 1970, times ten to this power: 3 for milliseconds.
    Unix(i32),
    /// Without a zone: that of this host.
    Local,
    /// Without a zone: this far from UTC.
    Zone(Offset),
}

/// How a quantity is converted: added to, multiplied, and then divided. Numbers as text, since they are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unit {
    word: &'static str,
    pub plus: &'static str,
    pub times: &'static str,
    pub over: u32,
}

const fn unit(word: &'static str, plus: &'static str, times: &'static str, over: u32) -> Unit {
    Unit { word, plus, times, over }
}

/// Units that are converted to those of readings: °C, %, hPa.
const TEMPERATURES: [Unit; 3] = [unit("F", "-32", "5", 9), unit("K", "-273.15", "1", 1), unit("mC", "0", "0.001", 1)];
const HUMIDITIES: [Unit; 2] = [unit("ratio", "0", "100", 1), unit("m%", "0", "0.001", 1)];
const PRESSURES: [Unit; 4] = [
    unit("Pa", "0", "0.01", 1),
    unit("kPa", "0", "10", 1),
    unit("inHg", "0", "33.86389", 1),
    unit("mmHg", "0", "1.333224", 1),
];

/// Those that need no conversion.
const READY: [(Field, &str); 4] =
    [(Field::Temperature, "C"), (Field::Humidity, "%"), (Field::Pressure, "hPa"), (Field::Pressure, "mbar")];

/// What a field of a reading is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChoice {
    pub field: Field,
    /// What it is called in lines; of an id, all that it is made of.
    pub names: Vec<String>,
    pub conversion: Conversion,
}

/// What is done with the text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing: a quantity is in the unit of readings, a time is RFC 3339.
    AsGiven,
    Unit(Unit),
    Time(TimeForm),
}

/// Reads `FIELD=NAME`, `FIELD=NAME:UNIT`, or `id=NAME+NAME`.
///
/// # Errors
/// [`ValueError`] where it is none.
pub fn field(text: &str) -> Result<FieldChoice, ValueError> {
    let (word, source) = text.split_once('=').ok_or(ValueError::Field)?;
    let (_, field) = FIELDS.into_iter().find(|(known, _)| *known == word).ok_or(ValueError::Field)?;
    // A name may have colons; what follows its last one is a unit only where it is one.
    let split = source.rsplit_once(':').filter(|_| field != Field::Id);
    let zone = source.rsplit_once([':']).and_then(|(rest, minutes)| Some((rest.rsplit_once(':')?, minutes)));
    let zoned = zone
        .filter(|_| field == Field::Timestamp)
        .and_then(|((name, hours), minutes)| Some((name, Conversion::Time(TimeForm::Zone(offset(hours, minutes)?)))));
    let united = split.and_then(|(name, unit)| Some((name, conversion(field, unit)?)));
    let (name, conversion) = zoned.or(united).unwrap_or((source, Conversion::AsGiven));
    let names: Vec<String> = match field {
        Field::Id => name.split('+').map(str::to_owned).collect(),
        _ => vec![name.to_owned()],
    };
    if names.iter().any(String::is_empty) {
        return Err(ValueError::Field);
    }
    Ok(FieldChoice { field, names, conversion })
}

/// What a unit of a field asks for; `None`: it is no unit.
fn conversion(field: Field, text: &str) -> Option<Conversion> {
    if READY.contains(&(field, text)) {
        return Some(Conversion::AsGiven);
    }
    let units: &[Unit] = match field {
        Field::Temperature => &TEMPERATURES,
        Field::Humidity => &HUMIDITIES,
        Field::Pressure => &PRESSURES,
        Field::Id => &[],
        Field::Timestamp => {
            let form = match text {
                "unix" => TimeForm::Unix(0),
                "unix_ms" => TimeForm::Unix(3),
                "unix_us" => TimeForm::Unix(6),
                "unix_ns" => TimeForm::Unix(9),
                "utc" => TimeForm::Zone(Offset::UTC),
                "local" => TimeForm::Local,
                _ => return None,
            };
            return Some(Conversion::Time(form));
        }
    };
    units.iter().find(|unit| unit.word == text).map(|unit| Conversion::Unit(*unit))
}

/// `+02` and `00` as a distance from UTC.
fn offset(hours: &str, minutes: &str) -> Option<Offset> {
    let (sign, digits) = match hours.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let number = |text: &str, max: i32| {
        let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|number| plain && *number <= max)
    };
    Offset::from_seconds(sign * (number(digits, 23)? * 3600 + number(minutes, 59)? * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_a_name_and_perhaps_a_unit() {
        let read = |text: &str| {
            let FieldChoice { field, names, conversion } = field(text).unwrap();
            (field, names.join("+"), conversion)
        };
        let plus_two = TimeForm::Zone(Offset::from_seconds(7200).unwrap());
        for (text, field, name, conversion) in [
            ("id=model+id", Field::Id, "model+id", Conversion::AsGiven),
            ("id=a:F", Field::Id, "a:F", Conversion::AsGiven),
            ("temperature=BME280.Temperature", Field::Temperature, "BME280.Temperature", Conversion::AsGiven),
            ("temperature=t:C", Field::Temperature, "t", Conversion::AsGiven),
            ("temperature=t:x", Field::Temperature, "t:x", Conversion::AsGiven),
            ("temperature=t:F", Field::Temperature, "t", Conversion::Unit(TEMPERATURES[0])),
            ("humidity=#3:ratio", Field::Humidity, "#3", Conversion::Unit(HUMIDITIES[0])),
            ("pressure=p:mbar", Field::Pressure, "p", Conversion::AsGiven),
            ("pressure=p=q:Pa", Field::Pressure, "p=q", Conversion::Unit(PRESSURES[0])),
            ("timestamp=ts:unix_ms", Field::Timestamp, "ts", Conversion::Time(TimeForm::Unix(3))),
            ("timestamp=ts:local", Field::Timestamp, "ts", Conversion::Time(TimeForm::Local)),
            ("timestamp=ts:+02:00", Field::Timestamp, "ts", Conversion::Time(plus_two)),
            ("timestamp=a:b:02:00", Field::Timestamp, "a:b:02:00", Conversion::AsGiven),
        ] {
            assert_eq!(read(text), (field, name.to_owned(), conversion), "{text}");
        }
        for bad in ["", "temperature", "heat=a", "temperature=", "temperature=:F", "id=a+", "timestamp=:+02:00"] {
            assert_eq!(field(bad), Err(ValueError::Field), "{bad}");
        }
    }
}
