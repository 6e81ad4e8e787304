//! Rows as other programs read them: CSV as in the files, JSON with one object on each line, and the line protocol of
//! Influx.

use std::fmt::Write as _;

use super::Page;
use crate::ids::Sequence;
use crate::json::Object;
use crate::reading::{unix_time, Fields, HEADER_LINE};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Jsonl,
    Influx,
}

impl Format {
    /// Their names on the command line.
    pub const NAMES: [&str; 3] = ["csv", "jsonl", "influx"];

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|one| *one == name)?;
        Some([Self::Csv, Self::Jsonl, Self::Influx][at])
    }

    /// The media type of what is written.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Jsonl => "application/x-ndjson",
            Self::Influx => "text/plain; charset=utf-8",
        }
    }

    /// What comes before all rows.
    #[must_use]
    pub fn header(self) -> &'static str {
        match self {
            Self::Csv => HEADER_LINE,
            Self::Jsonl | Self::Influx => "",
        }
    }

    /// Adds rows, a line each.
    pub fn write(self, page: &Page, out: &mut Vec<u8>) {
        match self {
            Self::Csv => out.extend_from_slice(page.csv()),
            Self::Jsonl => {
                for (sequence, fields) in page.rows() {
                    out.extend_from_slice(json_line(sequence, &fields, page.has_unsure_time(sequence)).as_bytes());
                }
            }
            Self::Influx => {
                for (_, fields) in page.rows() {
                    out.extend_from_slice(influx_line(&fields, None).unwrap_or_default().as_bytes());
                }
            }
        }
    }

    /// The line that takes back all rows after a sequence.
    #[must_use]
    pub fn rewind(self, after: Sequence) -> String {
        match self {
            Self::Csv | Self::Influx => format!("# rewind {after}\n"),
            Self::Jsonl => format!("{{\"rewind\":{after}}}\n"),
        }
    }
}

/// The three quantities, by the names of their columns.
fn values<'a>(fields: &Fields<'a>) -> [(&'static str, &'a str); 3] {
    [("temperature_c", fields.temperature), ("humidity_pct", fields.humidity), ("pressure_hpa", fields.pressure)]
}

/// A row as a JSON object on a line of its own. Its members have the names of the columns of the CSV files; where its time is
/// that of a clock that was not set, there is one more, `clock_unset`.
#[must_use]
pub fn json_line(sequence: Sequence, fields: &Fields, has_unsure_time: bool) -> String {
    let mut object = Object::new();
    object.raw("sequence", &sequence.to_string());
    object.text("timestamp", fields.timestamp);
    object.text("sensor_id", fields.sensor_id);
    for (name, value) in values(fields) {
        object.raw(name, number(value).as_deref().unwrap_or("null"));
    }
    if has_unsure_time {
        object.raw("clock_unset", "true");
    }
    object.end() + "\n"
}

/// A row in line protocol, with its group as a further tag where there is one; `None` where nothing was measured, or where the time does not fit into 64 bits of
/// nanoseconds (years 1677 to 2262 do). No id needs escaping in it.
#[must_use]
pub fn influx_line(fields: &Fields, group: Option<&str>) -> Option<String> {
    let time = i64::try_from(unix_time(fields.timestamp).as_nanosecond()).ok()?;
    let group = group.map_or_else(String::new, |group| format!("group={group},"));
    let mut line = format!("reading,{group}sensor={}", fields.sensor_id);
    let mut separator = ' ';
    for (name, value) in values(fields) {
        if let Some(number) = number(value) {
            write!(line, "{separator}{name}={number}").expect("a string takes everything");
            separator = ',';
        }
    }
    (separator == ',').then(|| format!("{line} {time}\n"))
}

/// A value in a form that JSON and all other formats take: as it was given where possible, otherwise the same number.
/// `None` where nothing was measured.
fn number(value: &str) -> Option<String> {
    if value.is_empty() || is_json(value.strip_prefix('-').unwrap_or(value)) {
        return (!value.is_empty()).then(|| value.to_owned());
    }
    let number: f64 = value.parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(number.to_string())
}

/// Whether this is a number of JSON, without its sign. A decimal number with an exponent may begin with a point, or with zeros.
fn is_json(value: &str) -> bool {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    digits == 1 || digits > 1 && !value.starts_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "\
1,2013-01-01T06:00:00+02:00,roof,21.5,.5,+1e3
2,2016-12-31T23:59:60.25Z,roof,-0.50,,007
3,2013-01-01T06:00:00Z,a-b.c_d,,,
4,2263-01-01T06:00:00Z,EWR,-.5,0,1E-2
5,1969-12-31T23:59:59.999999999Z,EWR,,1234567890123456.5,-00
";

    fn written(format: Format) -> String {
        let mut page = Page::new(0);
        ROWS.split_inclusive('\n').for_each(|row| page.add(|csv| csv.extend_from_slice(row.as_bytes())));
        let mut out = format.header().as_bytes().to_vec();
        format.write(&page, &mut out);
        String::from_utf8(out).unwrap() + &format.rewind(7)
    }

    #[test]
    fn csv_is_what_the_files_hold() {
        assert_eq!(written(Format::Csv), format!("{HEADER_LINE}{ROWS}# rewind 7\n"));
    }

    #[test]
    fn each_line_of_jsonl_is_an_object_that_holds_the_same_numbers() {
        let text = written(Format::Jsonl);
        let first = "{\"sequence\":1,\"timestamp\":\"2013-01-01T06:00:00+02:00\",\"sensor_id\":\"roof\",\
                     \"temperature_c\":21.5,\"humidity_pct\":0.5,\"pressure_hpa\":1000}";
        assert_eq!(text.lines().next(), Some(first));
        assert_eq!(text.lines().last(), Some("{\"rewind\":7}"));
        for (line, row) in text.lines().zip(ROWS.lines()) {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            let given = row.split(',').skip(3).map(|value| value.parse::<f64>().ok());
            let names = ["temperature_c", "humidity_pct", "pressure_hpa"];
            assert_eq!(names.map(|name| object[name].as_f64()).to_vec(), given.collect::<Vec<_>>(), "{line}");
        }
    }

    #[test]
    fn line_protocol_has_what_was_measured_with_its_nanoseconds() {
        let expected = "\
reading,sensor=roof temperature_c=21.5,humidity_pct=0.5,pressure_hpa=1000 1357012800000000000
reading,sensor=roof temperature_c=-0.50,pressure_hpa=7 1483228799250000000
reading,sensor=EWR humidity_pct=1234567890123456.5,pressure_hpa=-0 -1
# rewind 7
";
        assert_eq!(written(Format::Influx), expected);
    }

    #[test]
    fn formats_have_names() {
        assert_eq!(Format::NAMES.map(Format::parse), [Format::Csv, Format::Jsonl, Format::Influx].map(Some));
        assert_eq!(Format::parse("xml"), None);
    }
}
