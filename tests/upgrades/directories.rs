//! Directories that a release left: today's peer verifies, reads back and resumes them, byte for byte.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use peer::storage::directory_of;

use crate::harness::{settle, Group};
use crate::recorded::{copy, entries, releases};

/// The peers whose directories are recorded. Sensors are called `roof`, `Temp`, `oven`, `com1` and `attic`: `+` is in the
/// names of a directory and of two files.
const PEERS: [&str; 2] = ["Lab", "kitchen"];

/// Readings that the last life of `Lab` took in, and that no log holds.
const WAITING: usize = 6;

fn output(group: &Group, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.env_clear().current_dir(&group.directory).args(arguments).output().expect("it was built");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "peer {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The options with which the peers of a release go on: their rows are in files of months, or are not.
fn options(release: &Path) -> &'static [&'static str] {
    let state = fs::read_to_string(release.join("data/kitchen/state")).expect("a recording");
    let with_months: &[&str] = &["--resume", "--sensor", "stdin", "--rotate", "month", "--keep", "400d"];
    if state.starts_with("version:2\n") && state.contains("\nrotate:month\n") {
        with_months
    } else {
        &with_months[..3]
    }
}

/// All files below a directory, but for `lock`, with what they hold.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for path in entries(directory) {
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            let inner = self::files(&path).into_iter();
            files.extend(inner.map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else if name != "lock" {
            files.insert(name, fs::read(&path).expect("readable"));
        }
    }
    files
}

fn rows_of(files: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    files.iter().filter(|(name, _)| name.strip_suffix(".csv").is_some())
}

#[test]
fn a_directory_of_a_release_is_verified_and_read_back_byte_for_byte() {
    for release in releases() {
        let group = Group::new();
        copy(&release.join("data"), &group.directory.join("data"));
        let recorded = |name: String| fs::read_to_string(release.join(name)).expect("a recording");
        for peer in PEERS {
            let verified = output(&group, &["verify", peer]);
            assert!(verified.contains(recorded(format!("{peer}.sha256")).trim()), "{peer}: {verified}");
            assert_eq!(output(&group, &["tail", "--from", "1", peer]), recorded(format!("{peer}.tail.csv")), "{peer}");
            let exported = output(&group, &["export", "--format", "csv", peer]);
            assert_eq!(exported, recorded(format!("{peer}.export.csv")), "{peer}");
        }
        assert_eq!(files(&group.directory.join("data")), files(&release.join("data")), "looking changes nothing");
    }
}

#[test]
fn a_peer_goes_on_with_a_directory_of_a_release_and_changes_no_byte_of_it() {
    for release in releases() {
        let group = Group::new();
        for peer in PEERS {
            let data = release.join("data");
            copy(&directory_of(&data, &peer.parse().expect("an id")), &group.data_of(peer));
        }
        let before = files(&group.data_of("Lab"));
        let mut lab = group.start_with("Lab", options(&release));
        lab.wait_for("Resumed: 30 entries, 30 delivered, 6 readings waiting");
        lab.wait_for_rows(30 + WAITING);
        for (name, bytes) in rows_of(&before) {
            assert!(files(&group.data_of("Lab"))[name].starts_with(bytes), "{name} only grows");
        }
        let mut kitchen = group.start_with("kitchen", options(&release));
        for peer in [&lab, &kitchen] {
            peer.wait_for_view(&["Lab", "kitchen"]);
        }
        kitchen.feed_numbered(0, 10);
        for peer in [&lab, &kitchen] {
            peer.wait_for_rows(30 + WAITING + 10);
            let mended = ["was damaged", "set aside", "renamed", "had names", "have a CSV file for each"]
                .iter()
                .any(|text| peer.said(text));
            assert!(!mended, "there is nothing to mend: {}", peer.log().join("\n"));
        }
        for (peer, segments) in [(&lab, 2), (&kitchen, 1)] {
            let now = files(&peer.data);
            let was = files(&directory_of(&release.join("data"), &peer.id.parse().expect("an id")));
            for (name, bytes) in rows_of(&was) {
                assert!(now[name].starts_with(bytes), "{name} of {} only grows", peer.id);
            }
            let journal = |files: &BTreeMap<String, Vec<u8>>| -> Vec<Vec<u8>> {
                files.iter().filter(|(name, _)| name.starts_with("journal/")).map(|(_, bytes)| bytes.clone()).collect()
            };
            assert_eq!(journal(&was).len(), segments, "{}", peer.id);
        }
        for peer in [&mut lab, &mut kitchen] {
            peer.signal("-TERM");
            assert!(peer.wait_for_exit().success(), "{}", peer.id);
        }
        settle::verify(&[&lab, &kitchen]);
        let exported = output(&group, &["export", "--format", "jsonl", "Lab"]);
        assert_eq!(exported.matches("2026-01-06T06:").count(), WAITING, "each once: {exported}");
    }
}
