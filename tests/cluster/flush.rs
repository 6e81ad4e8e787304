//! `--flush-interval`: rows wait to be written together, and are there whatever ends a peer.

use std::path::Path;
use std::process::Command;

use crate::harness::{assert_same_rows, Group, Peer};

const PLAIN: [&str; 3] = ["--sensor", "stdin", "--resume"];
const A_DAY: [&str; 5] = ["--sensor", "stdin", "--resume", "--flush-interval", "24h"];

/// How a command about the group's peers ends, and what it prints.
fn run(group: &Group, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.current_dir(&group.directory).env_clear().args(arguments).output().expect("it runs");
    (output.status.code(), String::from_utf8([&output.stdout[..], &output.stderr].concat()).expect("text"))
}

/// What it prints where nothing is wrong.
fn output(group: &Group, arguments: &[&str]) -> String {
    let (code, text) = run(group, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {text}");
    text
}

/// What a peer says of itself, without spaces.
fn report(group: &Group, peer: &Peer) -> String {
    run(group, &["status", "--json", &peer.id]).1.replace(' ', "")
}

/// The lines that a command prints about peer `a`.
fn lines(group: &Group, arguments: &[&str]) -> usize {
    output(group, &[arguments, &["a"]].concat()).lines().count()
}

/// Waits until this peer knows that this many readings are committed.
fn wait_for_commit(group: &Group, peer: &mut Peer, count: u64) {
    let known = format!("\"committed\":{count},");
    peer.poll("the commit", |peer| report(group, peer).contains(&known));
}

#[test]
fn rows_wait_for_the_interval_and_are_there_after_kill_and_stop() {
    let group = Group::new();
    let (mut a, mut b) = (group.start_with("a", &A_DAY), group.start_with("b", &PLAIN));
    a.wait_for_view(&["a", "b"]);
    b.wait_for_view(&["a", "b"]);
    a.feed_numbered(0, 30);
    b.wait_for_rows(30);
    wait_for_commit(&group, &mut a, 30);
    assert!(a.files().is_empty(), "{:?}", a.files());
    assert!(report(&group, &a).contains("\"delivered\":0,"));
    // What reads rows gives those that are in files.
    assert_eq!((lines(&group, &["tail", "--from", "1"]), lines(&group, &["export", "--format", "csv"])), (1, 1));
    let said = output(&group, &["verify"]);
    let note = "note: a: 30 entries have no row yet: rows are written together, within 24 h (--flush-interval)";
    assert!(said.contains(note) && said.contains("OK: "), "{said}");
    output(&group, &["snapshot", "a", "backup"]);
    output(&group, &["verify", "backup/a"]);

    // After a crash what waited is written at the start.
    a.kill();
    b.wait_for_view(&["b"]);
    a = group.start_with("a", &A_DAY);
    a.wait_for_view(&["a", "b"]);
    assert_same_rows(&[&a, &b], 30);
    b.feed_numbered(0, 10);
    b.wait_for_rows(40);
    wait_for_commit(&group, &mut a, 40);
    assert_eq!(a.rows().len(), 30);
    assert_eq!(lines(&group, &["tail", "--from", "1"]), 31);

    // So it is when it stops.
    a.signal("-TERM");
    assert_eq!(a.wait_for_exit().code(), Some(0));
    assert_same_rows(&[&a, &b], 40);
    assert!(output(&group, &["verify"]).contains("OK: "));
}

#[test]
fn rows_are_in_their_files_once_they_have_waited() {
    let group = Group::new();
    let mut a = group.start_with("a", &["--sensor", "stdin", "--flush-interval", "300ms"]);
    a.wait_for_view(&["a"]);
    for first in [0, 20, 40] {
        a.feed_numbered(first, first + 20);
        a.wait_for_rows(usize::try_from(first + 20).expect("few"));
    }
    a.end_input();
    a.wait_for("End of input, 60 readings delivered");
    assert_eq!(lines(&group, &["tail", "--from", "1"]), 61);
}

#[test]
fn a_busy_peer_does_not_wait_for_the_interval() {
    let group = Group::new();
    let mut a = group.start_with("a", &A_DAY);
    a.wait_for_view(&["a"]);
    a.feed_numbered(0, 40_000);
    a.wait_for_rows(30_000);
    output(&group, &["verify"]);
    a.signal("-TERM");
    assert_eq!(a.wait_for_exit().code(), Some(0));
    a.wait_for_rows(40_000);
}

#[test]
fn what_takes_a_file_away_is_noticed_while_rows_wait() {
    let group = Group::new();
    let mut a = group.start_with("a", &A_DAY);
    a.wait_for_view(&["a"]);
    a.feed_numbered(0, 10);
    wait_for_commit(&group, &mut a, 10);
    std::fs::write(a.data.join("a.csv"), "mine\n").expect("it is made");
    a.wait_for("was moved, removed or changed by another program");
    a.wait_for_rows(10);
    let kept = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text == "mine\n");
    assert!(kept(&a.data.join("a.csv.damaged")));
}
