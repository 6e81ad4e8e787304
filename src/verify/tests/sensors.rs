//! Readings under the wrong sensor: sequence, time and values are as they should be, and no row is missing.

use std::fs;
use std::path::Path;

use super::super::*;
use super::{frames, Data};
use crate::wire::{Frame, Lines, Request};

/// Gives each of two files the other's name.
fn swap(root: &Path, one: &str, two: &str) {
    let [one, two, between] = [one, two, "between"].map(|name| root.join(name));
    fs::rename(&one, &between).unwrap();
    fs::rename(&two, &one).unwrap();
    fs::rename(&between, &two).unwrap();
}

/// Asserts that the text says of this peer that a row in this file is another sensor's.
fn assert_mixed_up(text: &str, id: &str, file: &str, row: Sequence) {
    let said = format!("{id}: {file}: row {row} is another sensor's: \"{row},");
    assert!(text.contains(&said), "not said: {said}\n{text}");
}

#[test]
fn swapped_files_disagree_with_the_journal_even_if_all_peers_have_them_so() {
    let data = Data::new();
    let roots = ["a", "b"].map(|id| data.peer(id, &frames(), 12));
    assert_eq!(data.verify().0, Verdict::Agree);
    swap(&roots[0], "s1.csv", "s2.csv");
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree, "{text}");
    assert_mixed_up(&text, "a", "s1.csv", 2);
    assert_mixed_up(&text, "a", "s2.csv", 1);
    assert!(text.contains("DISAGREE: 8 disagreements at 1 of 2 peers."), "{text}");
    swap(&roots[1], "s1.csv", "s2.csv");
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree, "they are equal, and wrong: {text}");
    assert_mixed_up(&text, "b", "s2.csv", 1);
}

#[test]
fn swapped_files_disagree_even_without_a_journal() {
    let data = Data::new();
    for id in ["a", "b"] {
        let root = data.peer(id, &frames(), 12);
        fs::remove_dir_all(root.join("journal")).unwrap();
        swap(&root, "s1.csv", "s2.csv");
    }
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree, "{text}");
    for id in ["a", "b"] {
        assert_mixed_up(&text, id, "s1.csv", 2);
        assert_mixed_up(&text, id, "s2.csv", 1);
    }
}

/// One batch of the same values at the same time, of these sensors.
fn measured_by(sensors: [&str; 3]) -> Vec<Frame> {
    let text: String = sensors.map(|sensor| format!("DATA|{sensor}|2013-01-01T06:00:00Z|1|2|3\n")).concat();
    let request = Request { origin: "a/1".parse().unwrap(), first: 1, lines: Lines::new(text.into_bytes(), 3) };
    vec![Frame::build("1@l/1".parse().unwrap(), 1, &[request])]
}

#[test]
fn peers_that_have_the_same_values_of_different_sensors_disagree() {
    let data = Data::new();
    data.peer("a", &measured_by(["s1", "s2", "s2"]), 3);
    data.peer("b", &measured_by(["s1", "s2", "s2"]), 3);
    data.peer("c", &measured_by(["s1", "s1", "s2"]), 3);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree, "{text}");
    for said in ["c: s1.csv: here, but not at a: row 2\n", "c: s2.csv: at a, but not here: row 2\n"] {
        assert!(text.contains(said), "not said: {said}{text}");
    }
    assert!(text.contains("DISAGREE: 2 disagreements at 1 of 3 peers."), "{text}");
}

#[test]
fn peers_with_the_same_rows_of_sensors_of_other_names_disagree() {
    let data = Data::new();
    data.peer("a", &measured_by(["s1", "s1", "s1"]), 3);
    data.peer("b", &measured_by(["s2", "s2", "s2"]), 3);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree, "{text}");
    for said in ["b: s1.csv: at a, but not here: rows 1..3\n", "b: s2.csv: here, but not at a: rows 1..3\n"] {
        assert!(text.contains(said), "not said: {said}{text}");
    }
}
