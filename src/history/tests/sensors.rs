//! `Sensors` against files that come, grow, change and go.

use std::fs;

use super::{append, id, replace, row};
use crate::history::Sensors;
use crate::storage::TempDir;

const TIME: &str = "2013-01-01T06:00:00Z";

/// Sensor, last sequence, and the look that found it changed.
fn found(sensors: &Sensors) -> Vec<(String, Option<u64>, u64)> {
    let last = |sensor: &crate::history::Sensor| sensor.last().map(|row| row.fields().0);
    sensors.iter().map(|(id, sensor)| (id.to_string(), last(sensor), sensor.changed())).collect()
}

#[test]
fn a_look_finds_what_came_grew_and_went() {
    let temp = TempDir::new();
    let root = temp.path();
    let mut sensors = Sensors::new(root.to_owned());
    assert_eq!(sensors.refresh().unwrap(), 1);
    assert_eq!((found(&sensors), sensors.last()), (vec![], 0));
    append(root, "roof", &row(1, TIME, "roof", ["1", "", ""]));
    append(root, "EWR", &row(2, TIME, "EWR", ["1", "", ""]));
    append(root, "new", "");
    fs::write(root.join("notes.txt"), "mine").unwrap();
    sensors.refresh().unwrap();
    let three = [("EWR".to_owned(), Some(2), 2), ("new".to_owned(), None, 2), ("roof".to_owned(), Some(1), 2)];
    assert_eq!(found(&sensors), three);
    // Half a row is none yet.
    append(root, "roof", "3,2013");
    append(root, "EWR", &row(4, TIME, "EWR", ["2", "50", "1000"]));
    sensors.refresh().unwrap();
    let grown = [("EWR".to_owned(), Some(4), 3), ("new".to_owned(), None, 2), ("roof".to_owned(), Some(1), 3)];
    assert_eq!((found(&sensors), sensors.last()), (grown.to_vec(), 4));
    let (_, fields) = sensors.get(&id("EWR")).unwrap().last().unwrap().fields();
    assert_eq!((fields.sensor_id, fields.temperature, fields.pressure), ("EWR", "2", "1000"));
    replace(root, "EWR", &[row(2, TIME, "EWR", ["1", "", ""])]);
    fs::remove_file(root.join("roof.csv")).unwrap();
    sensors.refresh().unwrap();
    assert_eq!(found(&sensors), [("EWR".to_owned(), Some(2), 4), ("new".to_owned(), None, 2)]);
}

#[test]
fn a_directory_that_is_not_there_is_an_error() {
    let temp = TempDir::new();
    let error = Sensors::new(temp.path().join("p")).refresh().unwrap_err().to_string();
    assert!(error.starts_with("cannot list "), "{error}");
}
