//! What is read back is what the files hold, whatever happens to them in between.

pub(crate) mod driven;
mod months;
mod plot;
mod rows;
mod sensors;

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::ids::{SensorId, Sequence};
use crate::reading::HEADER_LINE;
use crate::storage::csv_name;

/// A row of a sensor.
fn row(sequence: u64, timestamp: &str, sensor: &str, values: [&str; 3]) -> String {
    format!("{sequence},{timestamp},{sensor},{}\n", values.join(","))
}

fn id(sensor: &str) -> SensorId {
    sensor.parse().unwrap()
}

/// Puts a file of these rows in the place of a sensor's, as a merge does.
fn replace(root: &Path, sensor: &str, rows: &[String]) {
    let (path, new) = (root.join(csv_name(sensor)), root.join("new"));
    fs::write(&new, HEADER_LINE.to_owned() + &rows.concat()).unwrap();
    fs::rename(new, path).unwrap();
}

fn append(root: &Path, sensor: &str, text: &str) {
    let path = root.join(csv_name(sensor));
    let header = if path.exists() { "" } else { HEADER_LINE };
    let mut file = fs::File::options().append(true).create(true).open(path).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Rows in sequence order: how far each is from the one before, in sequences and in milliseconds, and its value.
fn in_order<T>(steps: Vec<(u64, i64, T)>) -> Vec<(Sequence, i64, T)> {
    let (mut sequence, mut ms) = (0, 1_700_000_000_000);
    let known = |(skipped, step, value)| {
        sequence += skipped;
        ms += step;
        (sequence, ms, value)
    };
    steps.into_iter().map(known).collect()
}
