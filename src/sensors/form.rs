//! Lines of other programs -> `DATA|…` lines: CSV, JSON, Influx line protocol. Each form has a file that takes a line apart into
//! names and texts; what they mean, and in which units they are, is the same for all.
//!
//! If no field is named, usual names are looked for.

mod csv;
mod ids;
mod influx;
mod json;
mod time;

use self::csv::Table;
use self::ids::Ids;
use super::decimal::Decimal;
use crate::config::form::{Conversion, Field, FieldChoice, Form, TimeForm};
use crate::ids::SensorId;
use crate::reading::ReadingError;

/// Longest line that is taken apart.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024;

/// A line that is longer.
pub(super) const LINE_TOO_LONG: ReadingError = ReadingError { field: "line", reason: "is longer than 16384 bytes" };

const NO_TEXT: ReadingError = ReadingError { field: "line", reason: "is no UTF-8" };
const NO_VALUE: ReadingError =
    ReadingError { field: "line", reason: "has no temperature, humidity or pressure; see --stdin-fields" };
const NO_ID: ReadingError = ReadingError {
    field: "sensor_id",
    reason: "is missing; see --stdin-fields, or say it before the source, as in --sensor ID=stdin",
};

/// What fields are usually called, whatever the case.
const IDS: [&str; 5] = ["sensor_id", "sensor", "device_id", "device", "id"];
const TIMES: [&str; 4] = ["timestamp", "time", "datetime", "ts"];
const TEMPERATURES: [&str; 4] = ["temperature", "temperature_c", "temp", "temp_c"];
const HUMIDITIES: [&str; 4] = ["humidity", "humidity_pct", "relative_humidity", "rh"];
const PRESSURES: [&str; 3] = ["pressure", "pressure_hpa", "barometer"];

/// A field of a line: what it is called, and its text. A text that is empty was not measured.
pub(super) type Pair = (String, String);

/// Converts line after line of one source.
#[derive(Debug)]
pub(super) struct Converter {
    form: Form,
    fields: Vec<FieldChoice>,
    /// Of lines that name no sensor.
    id: Option<SensorId>,
    table: Table,
    ids: Ids,
}

impl Converter {
    /// `None`: lines are readings already.
    pub(super) fn new(form: Form, fields: &[FieldChoice], id: Option<SensorId>) -> Option<Self> {
        let numbered = fields.iter().flat_map(|choice| &choice.names).any(|name| csv::number(name).is_some());
        let (table, ids) = (Table::new(numbered), Ids::default());
        (form != Form::Data).then(|| Self { form, fields: fields.to_vec(), id, table, ids })
    }

    /// A writer begins.
    pub(super) fn begin(&mut self) {
        self.table.begin();
    }

    /// The line as a reading; `None`: it is none, and not to be one.
    pub(super) fn convert(&mut self, line: &[u8]) -> Result<Option<Vec<u8>>, ReadingError> {
        if line.len() > LINE_BYTES_MAX {
            return Err(LINE_TOO_LONG);
        }
        let line = std::str::from_utf8(line).map_err(|_| NO_TEXT)?;
        let pairs = match self.form {
            Form::Csv => self.table.pairs(line)?,
            Form::Jsonl => Some(json::pairs(line)?),
            Form::Influx => influx::pairs(line)?,
            Form::Data => unreachable!("such lines are not converted"),
        };
        pairs.map(|pairs| self.reading(&pairs)).transpose()
    }

    fn reading(&mut self, pairs: &[Pair]) -> Result<Vec<u8>, ReadingError> {
        let [temperature, humidity, pressure] = [
            (Field::Temperature, "temperature", &TEMPERATURES[..]),
            (Field::Humidity, "humidity", &HUMIDITIES),
            (Field::Pressure, "pressure", &PRESSURES),
        ]
        .map(|(field, name, usual)| self.quantity(pairs, (field, name), usual));
        let (temperature, humidity, pressure) = (temperature?, humidity?, pressure?);
        if [&temperature, &humidity, &pressure].iter().all(|value| value.is_empty()) {
            return Err(NO_VALUE);
        }
        let id = self.sensor(pairs)?;
        let (choice, text) = self.find(pairs, Field::Timestamp, &TIMES);
        let form = match choice.map(|choice| choice.conversion) {
            Some(Conversion::Time(form)) => Some(form),
            _ => (self.form == Form::Influx).then_some(TimeForm::Unix(9)),
        };
        let timestamp = text.map_or_else(|| Ok(String::new()), |text| time::timestamp(text, form))?;
        Ok(format!("DATA|{id}|{timestamp}|{temperature}|{humidity}|{pressure}").into_bytes())
    }

    /// What was said of a field.
    fn choice(&self, field: Field) -> Option<&FieldChoice> {
        self.fields.iter().find(|choice| choice.field == field)
    }

    /// What was chosen for a field, and its text, where the line has it.
    fn find<'a>(&self, pairs: &'a [Pair], field: Field, usual: &[&str]) -> (Option<&FieldChoice>, Option<&'a str>) {
        let choice = self.choice(field);
        let text = match choice {
            Some(choice) => choice.names.iter().find_map(|name| text_of(pairs, name)),
            None => usual.iter().find_map(|name| {
                pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, text)| &text[..])
            }),
        };
        (choice, text.filter(|text| !text.is_empty()))
    }

    fn sensor(&mut self, pairs: &[Pair]) -> Result<String, ReadingError> {
        let chosen = self.choice(Field::Id);
        let usual = if self.form == Form::Influx { influx::MEASUREMENT } else { "" };
        let text = match chosen {
            Some(choice) => {
                let parts = choice.names.iter().filter_map(|name| text_of(pairs, name)).filter(|text| !text.is_empty());
                Some(parts.collect::<Vec<_>>().join("-")).filter(|text| !text.is_empty())
            }
            None => self.find(pairs, Field::Id, &IDS).1.map(str::to_owned),
        };
        match (text, &self.id) {
            (Some(text), _) => self.ids.sensor_id(&text),
            (None, Some(id)) => Ok(id.to_string()),
            (None, None) if chosen.is_none() => {
                text_of(pairs, usual).map_or(Err(NO_ID), |text| self.ids.sensor_id(text))
            }
            (None, None) => Err(NO_ID),
        }
    }

    /// A value as it was given, or in the unit of readings.
    fn quantity(
        &self,
        pairs: &[Pair],
        (field, name): (Field, &'static str),
        usual: &[&str],
    ) -> Result<String, ReadingError> {
        match self.find(pairs, field, usual) {
            (_, None) => Ok(String::new()),
            (Some(FieldChoice { conversion: Conversion::Unit(unit), .. }), Some(text)) => {
                let [plus, times] = [unit.plus, unit.times].map(|text| Decimal::parse(text).expect("a number"));
                let converted =
                    Decimal::parse(text).and_then(|number| number.plus(plus)?.times(times)?.fixed_over(unit.over));
                converted.ok_or(ReadingError {
                    field: name,
                    reason: "is not a plain decimal number, and has a unit to convert",
                })
            }
            (_, Some(text)) => Ok(text.to_owned()),
        }
    }
}

fn text_of<'a>(pairs: &'a [Pair], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, text)| &text[..])
}

#[cfg(test)]
mod tests;
