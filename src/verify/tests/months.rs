//! Peers whose sensors have a file for each month.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::*;
use super::Data;
use crate::storage::{Layout, Options};
use crate::wire::{Frame, Lines, Request};

const MONTH: Options = Options { layout: Layout::Month, ..Options::PLAIN };

/// What another program does to a directory.
type Meddle = fn(&Path);

/// Twelve readings of two sensors in two months, of which 8 comes late.
fn frames() -> Vec<Frame> {
    let month = |number: u64| if number < 6 || number == 8 { "2026-10" } else { "2026-11" };
    let line = |number| format!("DATA|s{}|{}-15T06:00:00Z|{number}|-0.5|\n", number % 2, month(number));
    let text: String = (1..=12).map(line).collect();
    let lines = Lines::new(text.into_bytes(), 12);
    vec![Frame::build("1@l/1".parse().unwrap(), 1, &[Request { origin: "a/1".parse().unwrap(), first: 1, lines }])]
}

fn by_month(data: &Data, id: &str, delivered: Sequence) -> PathBuf {
    drop(data.running(id, MONTH, &frames(), delivered));
    data.0.path().join(id)
}

/// Changes the lines of a file.
fn change(root: &Path, name: &str, change: impl FnOnce(&mut Vec<&str>)) {
    let text = fs::read_to_string(root.join(name)).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    change(&mut lines);
    fs::write(root.join(name), lines.join("\n") + "\n").unwrap();
}

/// The column of a peer's line in the table.
fn column(text: &str, id: &str, column: usize) -> String {
    let line = text.lines().find(|line| line.starts_with(&format!("{id} "))).unwrap();
    line.split_whitespace().nth(column).unwrap().to_owned()
}

#[test]
fn they_agree_with_peers_that_have_one_file_for_each_sensor_and_have_the_same_digest() {
    let data = Data::new();
    by_month(&data, "a", 12);
    data.peer("b", &frames(), 12);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    assert_eq!(column(&text, "a", 4), column(&text, "b", 4));
    assert_eq!((column(&text, "a", 2), column(&text, "b", 2)), ("2".to_owned(), "2".to_owned()), "{text}");
    let (verdict, text) = data.verify_with(Some(7), Duration::ZERO);
    assert_eq!(verdict, Verdict::Agree, "{text}");
    assert_eq!(column(&text, "a", 4), column(&text, "b", 4));
}

#[test]
fn one_that_is_behind_in_either_way_is_behind() {
    let data = Data::new();
    by_month(&data, "a", 12);
    data.peer("b", &frames(), 7);
    by_month(&data, "c", 9);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Behind, "{text}");
    for said in ["b: behind: holds 1..7 of 1..12\n", "c: behind: holds 1..9 of 1..12\n"] {
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn what_is_wrong_names_the_file_of_the_month() {
    let late = "8,2026-10-15T06:00:00Z,s0,8,-0.5,";
    let cases: [(&str, Meddle, String); 4] = [
        (
            "moved to another month",
            |root| {
                change(root, "s0+0.2026-10.csv", |lines| lines.truncate(lines.len() - 1));
                change(root, "s0+0.2026-11.csv", |lines| lines.insert(2, "8,2026-10-15T06:00:00Z,s0,8,-0.5,"));
            },
            format!("a: s0+0.2026-11.csv: row 8 is of another month: \"{late}\"\n"),
        ),
        (
            "lost",
            |root| change(root, "s0+0.2026-10.csv", |lines| lines.retain(|line| !line.starts_with("4,"))),
            "a: s0+0.2026-10.csv: lacks row 4\n".to_owned(),
        ),
        (
            "a month lost",
            |root| fs::remove_file(root.join("s1+0.2026-11.csv")).unwrap(),
            "a: s1+0.2026-11.csv: is missing, and with it 3 rows from 7 to 11\n".to_owned(),
        ),
        (
            "twice",
            |root| change(root, "s0+0.2026-10.csv", |lines| lines.insert(2, "2,2026-10-15T06:00:00Z,s0,2,-0.5,")),
            "a: s0+0.2026-10.csv: row 2 comes a second time: \"2,2026-10-15T06:00:00Z,s0,2,-0.5,\"\n".to_owned(),
        ),
    ];
    for (what, meddle, said) in cases {
        for other in [Layout::Sensor, Layout::Month] {
            let data = Data::new();
            let root = by_month(&data, "a", 12);
            drop(data.running("b", Options { layout: other, ..MONTH }, &frames(), 12));
            meddle(&root);
            let (verdict, text) = data.verify();
            assert_eq!(verdict, Verdict::Disagree, "{what}: {text}");
            assert!(
                text.contains(&said) && text.ends_with("DISAGREE: 1 disagreement at 1 of 2 peers.\n"),
                "{what}: {text}"
            );
        }
    }
}

#[test]
fn without_a_journal_the_rows_of_another_peer_tell() {
    for other in [Layout::Sensor, Layout::Month] {
        let data = Data::new();
        let root = by_month(&data, "a", 12);
        drop(data.running("b", Options { layout: other, ..MONTH }, &frames(), 12));
        fs::remove_dir_all(root.join("journal")).unwrap();
        change(&root, "s0+0.2026-11.csv", |lines| lines[2] = "10,2026-11-15T06:00:00Z,s0,7,-0.5,");
        change(&root, "s1+0.2026-10.csv", |lines| lines[2] = "3,2026-11-15T06:00:00Z,s1,3,-0.5,");
        let (verdict, text) = data.verify();
        assert_eq!(verdict, Verdict::Disagree, "{text}");
        for said in [
            "a: s0+0.2026-11.csv: row 10 is \"10,2026-11-15T06:00:00Z,s0,7,-0.5,\", but \"10,2026-11-15T06:00:00Z,s0,10,-0.5,\" at b\n",
            "a: s1+0.2026-10.csv: row 3 is of another month: \"3,2026-11-15T06:00:00Z,s1,3,-0.5,\"\n",
        ] {
            assert!(text.contains(said), "{text}");
        }
    }
}

#[test]
fn files_of_the_other_layout_do_not_count_and_are_named() {
    let data = Data::new();
    let (root, other) = (by_month(&data, "a", 12), data.peer("b", &frames(), 12));
    fs::copy(other.join("s1.csv"), root.join("s1.csv")).unwrap();
    fs::copy(root.join("s1+0.2026-10.csv"), other.join("s1+0.2026-10.csv")).unwrap();
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    for (id, name) in [("a", "s1.csv"), ("b", "s1+0.2026-10.csv")] {
        assert!(text.contains(&format!("note: {id}: {name} of another --rotate, not looked at: ")), "{text}");
    }
}

#[test]
fn a_copy_of_them_has_files_of_months_too() {
    let data = Data::new();
    let root = by_month(&data, "a", 12);
    let dest = data.0.path().join("backup");
    let wanted = Wanted {
        data_dirs: vec![data.0.path().to_owned()],
        peers: vec![root.clone()],
        dest: dest.clone(),
        takes_over: false,
        patience: Duration::ZERO,
    };
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    assert!(snapshot(&wanted, &mut out, &mut errors).unwrap(), "{}", String::from_utf8_lossy(&errors));
    let said = String::from_utf8(out).unwrap();
    assert!(said.contains("12 rows of 2 sensors, last 12"), "{said}");
    for name in ["s0+0.2026-10.csv", "s0+0.2026-11.csv", "s1+0.2026-10.csv", "s1+0.2026-11.csv"] {
        assert_eq!(fs::read(dest.join("a").join(name)).unwrap(), fs::read(root.join(name)).unwrap());
    }
    let state = fs::read_to_string(dest.join("a/state")).unwrap();
    assert!(state.starts_with("version:2\n") && state.contains("\nrotate:month\n"), "{state}");
}
