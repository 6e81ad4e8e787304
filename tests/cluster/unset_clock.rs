//! A peer on a host without a clock that runs while it is off: what it makes of the time, and what is reported about
//! it.

use std::fs;
use std::process::Command;

use crate::harness::{Group, Peer};
use crate::preload::library;

/// What the program says with these arguments, beside the data of the group.
fn said(group: &Group, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_peer")).current_dir(&group.directory).args(arguments).output();
    String::from_utf8(output.expect("it runs").stdout).expect("text")
}

#[test]
fn readings_are_marked_until_the_clock_of_their_host_is_set() {
    let group = Group::new();
    let Some(library) = library(&group, "unset_clock", "no clock can be unset here") else { return };
    let set = group.directory.join("set");
    let mut command = group.command("a");
    command.args(["--sensor", "stdin"]).env("LD_PRELOAD", library).env("CLOCK_SET", &set);
    let mut early = Peer::start("a", command, group.data_of("a"));
    let mut leader = group.start_fed("b");
    for peer in [&early, &leader] {
        peer.wait_for_view(&["a", "b"]);
    }
    leader.feed("DATA|b||1|2|3\n");
    leader.wait_for_rows(1);
    early.feed("DATA|a||4|5|6\nDATA|a|2026-01-01T00:00:00Z|7|8|9\n");
    leader.wait_for_rows(3);
    early.wait_for("The clock of this host is not set yet: readings that come without a time get 1970-01-01T00:");
    assert!(said(&group, &["status"]).contains("  a: its clock is 56 years behind the leader's\n"));

    fs::write(&set, "").expect("written");
    early.feed("DATA|a||10|11|12\n");
    leader.wait_for_rows(4);
    early.wait_for_rows(4);

    assert_eq!(early.files(), leader.files(), "the mark is in the log, and in no row");
    for peer in ["a", "b"] {
        let rows = said(&group, &["tail", "--from", "1", "--format", "jsonl", peer]);
        let marked: Vec<bool> = rows.lines().map(|row| row.ends_with(r#","clock_unset":true}"#)).collect();
        assert_eq!(marked, [false, true, false, false], "{rows}");
    }
    let proof = said(&group, &["verify"]);
    assert_eq!(proof.matches("1 readings have the time of a clock that was not set").count(), 2, "{proof}");
}
