//! One SHA-256 for all files of a peer, which anybody can work out by hand.

use sha2::{Digest, Sha256};

use super::lines::Sum;
use crate::storage::{csv_name, CsvFile, Inspection};

/// Says which files have names of an earlier version.
pub(super) fn named_as_before(inspection: &Inspection) -> Option<String> {
    let names = |file: &CsvFile| (file.name.clone(), file.of.file());
    let mut earlier = inspection.csv().iter().map(names).filter(|(name, now)| name != now);
    let (name, now) = earlier.next()?;
    let more = earlier.count();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{name}{more} named by an earlier version; the digest is that of the names of now, as {now}"))
}

/// Says which files do not count, since `state` names another layout.
pub(super) fn of_other_layout(inspection: &Inspection) -> Option<String> {
    let (first, more) = inspection.other_layout().split_first()?;
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    Some(format!("{first}{more} of another --rotate, not looked at: the next start with --resume replaces such files"))
}

/// SHA-256 of what `sha256sum *.csv` prints in the directory, with names in the order of their bytes. Names of earlier
/// versions are replaced by the present ones, and files of months by one of their sensor, so that equal rows have equal
/// digests.
pub(super) fn digest(inspection: &Inspection, sums: &[Sum]) -> Sum {
    let mut hasher = Sha256::new();
    for (files, sum) in inspection.sensors().iter().zip(sums) {
        let sensor = &inspection.csv()[files.start].of.sensor;
        hasher.update(format!("{}  {}\n", hex(sum), csv_name(sensor.as_str())));
    }
    hasher.finalize().into()
}

/// A digest as it is printed.
pub(super) fn hex(sum: &Sum) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("half a byte");
    sum.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
