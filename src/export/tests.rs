//! What is written of a peer that removed rows, and of readings whose clock was not set.

use std::sync::Arc;

use super::*;
use crate::history::tests::driven::Driven;
use crate::ids::PeerId;
use crate::reading::{CSV_HEADER, HEADER_LINE};
use crate::storage::{claim, Options, Storage, TempDir};
use crate::wire::{Frame, Lines, Request};

/// What is written of the only peer.
fn export(temp: &TempDir, format: Format, sensors: &[&str]) -> Result<String, ExportError> {
    let asked = Asked {
        data_dirs: vec![temp.path().to_owned()],
        peer: None,
        sensors: sensors.iter().map(|sensor| sensor.parse().unwrap()).collect(),
        range: TimeRange::ALL,
        format,
        output: None,
    };
    let mut out = Vec::new();
    run(&asked, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn exported(temp: &TempDir, format: Format, sensors: &[&str]) -> String {
    export(temp, format, sensors).unwrap()
}

#[test]
fn the_damaged_journal_of_a_running_peer_is_not_the_end_of_its_rows() {
    let temp = TempDir::new();
    let peer = Driven::with_rows(temp.path());
    peer.rot();
    let error = export(&temp, Format::Csv, &[]).unwrap_err().to_string();
    assert!(error.contains(" is damaged: "), "{error}");
}

#[test]
fn rows_that_were_removed_are_left_out() {
    let temp = TempDir::new();
    let mut peer = Driven::with_rows(temp.path());
    let sequences = |sensors: &[&str]| -> Vec<Sequence> {
        let text = exported(&temp, Format::Csv, sensors);
        text.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(sequences(&[]), (1..=18).collect::<Vec<_>>());
    peer.remove(12);
    assert_eq!(sequences(&[]), [13, 14, 15, 16, 17, 18]);
    assert_eq!(sequences(&["s1"]), [14, 17]);
    peer.remove(18);
    assert_eq!(exported(&temp, Format::Csv, &[]), HEADER_LINE);
}

#[test]
fn the_time_of_a_clock_that_was_not_set_is_marked() {
    let (temp, peer) = (TempDir::new(), "p".parse::<PeerId>().unwrap());
    let disk = Arc::new(claim(temp.path(), &peer).unwrap());
    let (mut storage, _) = Storage::open(disk, &peer, 5, Options::default()).unwrap();
    let lines =
        "DATA|a|2026-01-01T00:00:00Z|1||\nDATA|a|1970-01-01T00:00:05Z|2||3|~\nDATA|a|1970-01-01T00:00:06Z|4|||~\n";
    let request = Request { origin: "o/1".parse().unwrap(), first: 1, lines: Lines::new(lines.as_bytes().to_vec(), 3) };
    storage.append(&Frame::build("1@l/1".parse().unwrap(), 1, &[request])).unwrap();
    storage.deliver(3).unwrap();
    storage.flush().unwrap();
    let csv =
        "2,1970-01-01T00:00:05Z,a,2,,3,true\n3,1970-01-01T00:00:06Z,a,4,,,true\n1,2026-01-01T00:00:00Z,a,1,,,false\n";
    assert_eq!(exported(&temp, Format::Csv, &[]), format!("{CSV_HEADER},clock_unset\n{csv}"));
    let jsonl = exported(&temp, Format::Jsonl, &["a"]);
    let marked: Vec<bool> = jsonl.lines().map(|line| line.ends_with(r#","clock_unset":true}"#)).collect();
    assert_eq!(marked, [true, true, false], "{jsonl}");
}
