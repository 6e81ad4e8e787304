//! `--rotate month`: a CSV file for each sensor and month, beside peers that have one for each sensor.

use std::fs;
use std::process::Command;

use crate::harness::{assert_same_rows, Group, Peer};

const PLAIN: [&str; 3] = ["--sensor", "stdin", "--resume"];
const MONTH: [&str; 5] = ["--sensor", "stdin", "--resume", "--rotate", "month"];

/// Around the end of a month, by clocks of several offsets; the fourth and the last come late.
const TIMES: [(&str, &str); 7] = [
    ("2016-12-31T23:59:59.9Z", "2016-12"),
    ("2016-12-31T23:59:60Z", "2016-12"),
    ("2017-01-01T00:00:00Z", "2017-01"),
    ("2017-01-01T00:30:00+01:00", "2016-12"),
    ("2016-12-31T23:30:00-01:00", "2017-01"),
    ("2017-02-15T12:00:00Z", "2017-02"),
    ("2016-12-01T00:00:00Z", "2016-12"),
];

fn feed(peer: &mut Peer) {
    let line = |sensor: &str| TIMES.map(|(time, _)| format!("DATA|{sensor}|{time}|1|2|3\n")).concat();
    peer.feed(&["roof", "Temp"].map(line).concat());
}

/// What a command prints of the group's peers.
fn output(group: &Group, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.current_dir(&group.directory).env_clear().args(arguments).output().expect("it runs");
    let text = String::from_utf8([&output.stdout[..], &output.stderr].concat()).expect("text");
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
    text
}

/// Asserts that the files of this peer are those of months, and hold the rows of the other.
fn assert_by_month(peer: &Peer, other: &Peer, rows: usize) {
    for peer in [peer, other] {
        peer.wait_for_rows(rows);
    }
    assert_eq!(peer.rows(), other.rows());
    let files = peer.files();
    let months = ["2016-12", "2017-01", "2017-02"];
    let names = ["Temp+1", "roof+0"].map(|sensor| months.map(|month| format!("{sensor}.{month}.csv")));
    assert_eq!(files.keys().collect::<Vec<_>>(), names.iter().flatten().collect::<Vec<_>>());
    for (name, text) in &files {
        let sequences: Vec<u64> = text
            .lines()
            .skip(1)
            .map(|row| row.split(',').next().expect("a field").parse().expect("a number"))
            .collect();
        assert!(sequences.is_sorted(), "{name}: {sequences:?}");
        for row in text.lines().skip(1) {
            let time = row.split(',').nth(1).expect("a timestamp");
            let (_, month) = TIMES.iter().find(|(one, _)| *one == time).expect("one that was fed");
            assert!(name.contains(month), "{name}: {row}");
        }
    }
}

/// All that reads the rows back says of both peers the same.
fn assert_read_alike(group: &Group) {
    let said = output(group, &["verify"]);
    assert!(said.contains("OK: 2 peers agree on rows 1.."), "{said}");
    for arguments in [
        &["tail", "--from", "1"][..],
        &["tail", "--from", "1", "--sensor", "roof"],
        &["tail", "-n", "5", "--sensor", "roof"],
        &["export", "--format", "csv"],
        &["export", "--format", "jsonl", "--from", "2017-01-01T00:00:00Z"],
    ] {
        let of = |id: &'static str| output(group, &[arguments, &[id]].concat());
        let rows = of("a");
        assert!(rows.lines().count() > 3 && rows == of("b"), "{arguments:?}: {rows}");
    }
}

#[test]
fn rows_are_in_the_file_of_their_month_and_are_divided_in_the_other_way_where_a_start_is_told_so() {
    let group = Group::new();
    let mut a = group.start_with("a", &MONTH);
    let mut b = group.start_with("b", &PLAIN);
    a.wait_for_view(&["a", "b"]);
    b.wait_for_view(&["a", "b"]);
    feed(&mut a);
    assert_by_month(&a, &b, 14);
    assert_read_alike(&group);
    let first = output(&group, &["tail", "--from", "1", "--cursor", "cursor", "a"]);
    assert_eq!(first.lines().count(), 15, "{first}");
    output(&group, &["snapshot", "a", "backup"]);
    output(&group, &["verify", "data/b", "backup/a", "--up-to", "14"]);

    // Back to one file for each sensor, and on.
    a.kill();
    b.wait_for_view(&["b"]);
    a = group.start_with("a", &PLAIN);
    a.wait_for(
        "have a CSV file for each sensor now: 2 files, with 14 rows written from the journal, in the place of 6",
    );
    a.wait_for_view(&["a", "b"]);
    feed(&mut b);
    assert_same_rows(&[&a, &b], 28);
    assert_read_alike(&group);
    let more = output(&group, &["tail", "--cursor", "cursor", "a"]);
    assert_eq!(more.lines().count(), 14, "only what is new: {more}");
    assert!(!fs::read_to_string(a.data.join("state")).expect("there").starts_with("version"), "as it always was");

    a.kill();
    b.wait_for_view(&["b"]);
    a = group.start_with("a", &MONTH);
    a.wait_for("have a CSV file for each sensor and month now: 6 files, with 28 rows written");
    a.wait_for_view(&["a", "b"]);
    assert_by_month(&a, &b, 28);
    assert!(fs::read_to_string(a.data.join("state")).expect("there").starts_with("version:2\n"));

    // The same once more is no change.
    a.kill();
    b.wait_for_view(&["b"]);
    feed(&mut b);
    a = group.start_with("a", &MONTH);
    a.wait_for_view(&["a", "b"]);
    assert_by_month(&a, &b, 42);
    assert!(!a.said("have a CSV file for each"), "{:?}", a.log());
    assert_read_alike(&group);
    let more = output(&group, &["tail", "--cursor", "cursor", "a"]);
    assert_eq!(more.lines().count(), 14, "{more}");
}

/// The commands of docs/operating.md.
#[cfg(target_os = "linux")]
#[test]
fn the_digest_by_hand_is_the_one_that_verify_prints() {
    let page = include_str!("../../docs/operating.md");
    let script = page.split("  ```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it is there");
    let group = Group::new();
    let mut a = group.start_with("peer1", &MONTH);
    a.wait_for_view(&["peer1"]);
    feed(&mut a);
    a.feed("DATA|lab.|2017-01-01T00:00:00Z|1||\nDATA|con.2017-01|2017-01-01T00:00:00Z|1||\n");
    a.wait_for_rows(16);
    a.signal("-TERM");
    assert_eq!(a.wait_for_exit().code(), Some(0));
    let mut shell = Command::new("sh");
    let by_hand = shell.current_dir(&group.directory).args(["-ec", script]).output().expect("it runs");
    let said = String::from_utf8(by_hand.stdout).expect("text");
    let digest = said.split_whitespace().next().expect("a digest");
    let verified = output(&group, &["verify", "peer1"]);
    assert!(verified.contains(digest) && digest.len() == 64, "{said}\n{verified}");
}

#[test]
fn a_file_of_a_month_that_is_taken_away_from_a_peer_that_runs_is_back_soon() {
    let group = Group::new();
    let mut a = group.start_with("a", &MONTH);
    a.wait_for_view(&["a"]);
    feed(&mut a);
    a.wait_for_rows(14);
    let before = a.files();
    fs::remove_file(a.data.join("roof+0.2016-12.csv")).expect("it is there");
    a.wait_for("was moved, removed or changed by another program");
    a.poll("the file again", |peer| peer.files() == before);
    assert!(output(&group, &["verify"]).contains("OK: "));
}
