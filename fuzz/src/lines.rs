//! Payload lines and rows.

use jiff::Timestamp;
use peer::reading::{
    append_row, check, check_input, emptied, row_fields, row_sequence, sensor_of, unix_time, Checker, Row,
    LINE_BYTES_MAX, ROW_BYTES_MAX,
};

use super::draw::Draw;

pub(crate) fn readings(input: &[u8]) {
    let mut draw = Draw::new(input);
    let sequence = draw.number();
    // It remembers the date of the line before.
    let mut checker = Checker::new();
    for line in draw.rest().split(|byte| *byte == b'\n') {
        check_line(line, sequence, &mut checker);
        check_row(line);
    }
}

fn check_line(line: &[u8], sequence: u64, memory: &mut Checker) {
    let checked = check(line);
    let text = [line, b"\n"].concat();
    match (&checked, memory.line(&text)) {
        (Ok(_), Ok(length)) => assert_eq!(length, line.len()),
        (Err(expected), Err(error)) => assert_eq!(*expected, error),
        (alone, remembered) => panic!("{alone:?}, and after other lines {remembered:?}"),
    }
    let taken = check_input(line);
    if let (Ok(fields), Some((mended, _))) = (&taken, emptied(line)) {
        panic!("{fields:?} says nothing of what was not measured, and yet {}", mended.escape_ascii());
    }
    let Ok(fields) = checked else {
        assert!(taken.is_err() || taken.is_ok_and(|fields| fields.timestamp.is_empty()));
        return;
    };
    assert!(line.len() <= LINE_BYTES_MAX && sensor_of(line) == fields.sensor_id.as_bytes());
    // Only in the last three days that can be written, with their offsets, is a time beyond those that can be counted.
    let is_counted = unix_time(fields.timestamp) < Timestamp::MAX;
    let is_late = ["9999-12-29", "9999-12-3"].iter().any(|day| fields.timestamp.starts_with(day));
    assert!(is_counted || is_late, "{}", fields.timestamp);
    let values = [fields.temperature, fields.humidity, fields.pressure];
    for value in values.into_iter().filter(|value| !value.is_empty()) {
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{value}");
    }
    let mut row = Vec::new();
    append_row(sequence, line, &mut row);
    assert!(row.len() <= ROW_BYTES_MAX && row.ends_with(b"\n") && row_sequence(&row) == Some(sequence));
    let parsed = Row::parse(&row).expect("a row is read back");
    assert!(parsed.is_of(fields.sensor_id) && parsed.timestamp() == Some(fields.timestamp.as_bytes()));
    let number = sequence.to_string();
    let sensor = fields.sensor_id;
    let expected = [&number, fields.timestamp, sensor, fields.temperature, fields.humidity, fields.pressure];
    assert!(parsed.fields().eq(expected.map(str::as_bytes)));
}

/// Any line as a row of a file.
fn check_row(line: &[u8]) {
    let Some(row) = Row::parse(line) else {
        assert_eq!(row_fields(line), None);
        return;
    };
    let is_whole = row.fields().count() == 6 && std::str::from_utf8(line).is_ok();
    assert_eq!(row_fields(line).is_some(), is_whole);
    assert!(row_sequence(line).is_some());
    assert_eq!(row.fields().collect::<Vec<_>>().join(&b','), line);
}
