//! The form of a row: how a reading is written into a CSV file, and how a row is read back.

use csv::{ByteRecord, ReaderBuilder, Terminator};

use super::grammar::TIMESTAMP_BYTES_MIN;
use super::{sensor_of, Fields, LINE_BYTES_MAX, UNSURE_TIME, VERB};
use crate::ids::{append_number, parse_number, Sequence};

macro_rules! header {
    () => {
        "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa"
    };
}

/// First line of every CSV file, without its LF.
pub const CSV_HEADER: &str = header!();

/// The same with its LF.
pub const HEADER_LINE: &str = concat!(header!(), "\n");

/// Longest row, LF included, in bytes: a payload line whose verb has become a sequence of 20 digits and a comma.
pub const ROW_BYTES_MAX: usize = LINE_BYTES_MAX - VERB.len() + 20 + 1 + 1;

/// Fields of a row.
const FIELDS: usize = 6;

/// Appends the CSV row of a checked payload, LF included. It is written as bytes, not by a CSV writer: the grammar of the
/// fields leaves nothing to quote, so that a row is its payload with other separators, millions of times a second.
pub fn append_row(sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len() + 20);
    append_number(sequence, out);
    let payload = payload.strip_suffix(UNSURE_TIME.as_bytes()).unwrap_or(payload);
    let sensor = sensor_of(payload);
    let rest = payload.get(VERB.len() + sensor.len() + 1..).unwrap_or(b"");
    // A timestamp has at least this many bytes, and mostly just as many.
    let more = rest.get(TIMESTAMP_BYTES_MIN..).unwrap_or(b"");
    let end = rest.len() - more.len() + more.iter().position(|byte| *byte == b'|').unwrap_or(more.len());
    out.push(b',');
    out.extend_from_slice(&rest[..end]);
    out.push(b',');
    out.extend_from_slice(sensor);
    let values = out.len();
    out.extend_from_slice(&rest[end..]);
    // Without a branch it is done for many bytes at a time.
    for byte in &mut out[values..] {
        *byte = if *byte == b'|' { b',' } else { *byte };
    }
    out.push(b'\n');
}

/// The sequence at the beginning of a line, in canonical form. Most callers need only this, for very many lines, so the
/// line is not taken apart.
#[must_use]
pub fn row_sequence(line: &[u8]) -> Option<Sequence> {
    let digits = &line[..memchr::memchr(b',', line)?];
    parse_number(std::str::from_utf8(digits).ok()?)
}

/// The sequence and the fields of a line that is a row, with its LF or without. Rows are looked up one at a time, by the
/// million, so the fields are parts of the line: a CSV reader wants a record to copy each into, and takes a fifth longer
/// (1.2 times the time of a million rows in memory). A property test holds it to what a CSV reader finds. [`Row`] is for
/// lines that may be damaged.
#[must_use]
pub fn row_fields(line: &[u8]) -> Option<(Sequence, Fields<'_>)> {
    let text = std::str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).ok()?;
    let mut fields = text.split(',');
    let sequence = parse_number(fields.next()?)?;
    let (timestamp, sensor_id) = (fields.next()?, fields.next()?);
    let (temperature, humidity, pressure) = (fields.next()?, fields.next()?, fields.next()?);
    let row = Fields { sensor_id, timestamp, temperature, humidity, pressure };
    fields.next().is_none().then_some((sequence, row))
}

/// A line of a CSV file taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(ByteRecord);

impl Row {
    /// Takes a line apart, with its LF or without. `None` if it is not one record that begins with a sequence. No field
    /// of a peer's row is quoted, so a quote is a character like others, and damaged rows are not read as sound ones.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        row_sequence(line)?;
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .quoting(false)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(ROW_BYTES_MAX)
            .from_reader(line);
        let mut record = ByteRecord::new();
        let is_read = reader.read_byte_record(&mut record).ok()?;
        (is_read && reader.position().byte() == line.len() as u64).then_some(Self(record))
    }

    /// Its fields, as they are written.
    pub fn fields(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter()
    }

    /// The timestamp of its reading.
    #[must_use]
    pub fn timestamp(&self) -> Option<&[u8]> {
        self.0.get(1)
    }

    /// Whether it has the form of a row of this sensor.
    #[must_use]
    pub fn is_of(&self, sensor: &str) -> bool {
        self.0.len() == FIELDS && self.0.get(2) == Some(sensor.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check;
    use super::*;
    use crate::ids::NUMBER_MAX;

    #[test]
    fn the_longest_row_fits_its_bound() {
        let number = format!("-1.{}", "0".repeat(21));
        let line = format!("DATA|{}|{}|{number}|{number}|{number}", "s".repeat(64), "t".repeat(40));
        assert!(LINE_BYTES_MAX - line.len() < 10);
        let mut row = Vec::new();
        append_row(u64::MAX, line.as_bytes(), &mut row);
        assert!(row.len() <= ROW_BYTES_MAX);
        assert_eq!(HEADER_LINE.strip_suffix('\n'), Some(CSV_HEADER));
    }

    #[test]
    fn a_damaged_line_is_not_read_as_a_row_of_its_sensor() {
        assert!(Row::parse(b"7,2013-01-01T06:00:00Z,a,1,,\n").unwrap().is_of("a"));
        for damaged in [
            &b"7,2013-01-01T06:00:00Z,\"a\",1,,\n"[..],
            b"7,2013-01-01T06:00:00Z,b,1,,\n",
            b"7,2013-01-01T06:00:00Z,a,1,\n",
            b"7,2013-01-01T06:00:00Z,a,1,,,\n",
            b"7,2013-01-01T06:00:00Z, a,1,,\n",
        ] {
            assert!(!Row::parse(damaged).unwrap().is_of("a"), "{}", damaged.escape_ascii());
        }
        for none in [&b""[..], b"\n", b"07,a\n", b"\xef\xbb\xbf7,t,a,1,,\n", b"7\n", b"7,t,a,1,,\n8,t,a,1,,\n"] {
            assert_eq!(Row::parse(none), None, "{}", none.escape_ascii());
            assert_eq!(row_fields(none), None, "{}", none.escape_ascii());
        }
        assert_eq!(Row::parse(b"7,t,a,1,,\r\n").unwrap().fields().last(), Some(&b"\r"[..]));
    }

    /// Bytes that rows are made of, and others, without LF: lines are taken apart where it is.
    fn damaged() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => Just(b','), 3 => b'0'..=b'9', 1 => Just(b'"'), 1 => Just(b'\r'), 1 => any::<u8>()];
        let row = (0..3_u8, proptest::collection::vec(byte, 0..12)).prop_map(|(commas, mut line)| {
            line.splice(0..0, b"7,".iter().copied());
            line.extend(std::iter::repeat_n(b',', usize::from(commas)));
            line
        });
        row.prop_map(|mut line| {
            line.retain(|byte| *byte != b'\n');
            line
        })
    }

    proptest! {
        #[test]
        fn a_damaged_row_has_the_fields_that_a_csv_reader_finds(line in damaged()) {
            let row = Row::parse(&line).filter(|row| row.0.len() == FIELDS);
            let text = std::str::from_utf8(&line).is_ok();
            let found = row_fields(&line).map(|(sequence, fields)| {
                let Fields { sensor_id, timestamp, temperature, humidity, pressure } = fields;
                let number = sequence.to_string();
                [number.as_str(), timestamp, sensor_id, temperature, humidity, pressure].join(",").into_bytes()
            });
            let expected = row.filter(|_| text).map(|row| row.fields().collect::<Vec<_>>().join(&b','));
            prop_assert_eq!(found, expected, "{}", line.escape_ascii());
        }

        #[test]
        fn rows_are_what_a_csv_reader_reads(
            sequence in 0..=NUMBER_MAX,
            sensor in "[A-Za-z0-9][A-Za-z0-9._-]{0,63}",
            values in proptest::collection::vec(proptest::option::of(-1e6f64..1e6), 3),
        ) {
            let text = |value: &Option<f64>| value.map_or_else(String::new, |value| format!("{value:.3}"));
            let values: Vec<String> = values.iter().map(text).collect();
            let payload = format!("DATA|{sensor}|2013-01-01T06:00:00Z|{}", values.join("|"));
            prop_assert!(check(payload.as_bytes()).is_ok());
            let mut file = HEADER_LINE.as_bytes().to_vec();
            append_row(sequence, payload.as_bytes(), &mut file);
            let row = Row::parse(&file[CSV_HEADER.len() + 1..]).unwrap();
            prop_assert!(row.is_of(&sensor) && row.timestamp() == Some(b"2013-01-01T06:00:00Z"));
            let fields = check(payload.as_bytes()).unwrap();
            prop_assert_eq!(row_fields(&file[CSV_HEADER.len() + 1..]), Some((sequence, fields)));
            let mut reader = csv::Reader::from_reader(&file[..]);
            let record = reader.records().next().unwrap().unwrap();
            let expected = [&sequence.to_string(), "2013-01-01T06:00:00Z", &sensor, &values[0], &values[1], &values[2]];
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), expected);
        }
    }
}
