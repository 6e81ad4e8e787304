//! Full segments of the journal are packed while a peer runs, and nobody notices but the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{flip_a_bit, Group, Peer};

const RESUME: [&str; 3] = ["--sensor", "stdin", "--resume"];

/// Readings that fill one segment, and begin another.
const READINGS: u64 = 300_000;

/// The files of a peer's journal whose names end so.
fn segments(data: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("journal")).expect("a directory");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut found: Vec<PathBuf> = paths.filter(|path| path.to_string_lossy().ends_with(end)).collect();
    found.sort();
    found
}

/// What a command printed, with its status.
fn said(group: &Group, arguments: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.current_dir(&group.directory).env_clear().args(arguments).output().expect("it was built");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
    (text, output.status.code())
}

/// The digest in the last line that has one.
fn digest(text: &str) -> String {
    let is_digest = |word: &&str| word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.split([' ', '\n', ',']).rfind(is_digest).unwrap_or_else(|| panic!("no digest in {text}")).to_owned()
}

/// A peer whose first segment is packed.
fn start_packed(group: &Group) -> Peer {
    let mut peer = group.start_with("a", &RESUME);
    peer.feed_numbered(0, READINGS);
    peer.wait_for_rows(usize::try_from(READINGS).expect("few"));
    peer.poll("a packed segment", |peer| {
        !segments(&peer.data, ".pack").is_empty() && segments(&peer.data, ".log").len() == 1
    });
    peer
}

#[test]
fn a_packed_journal_serves_all_that_a_plain_one_does() {
    let group = Group::new();
    let mut peer = start_packed(&group);
    let packed = segments(&peer.data, ".pack");
    let bytes = fs::metadata(&packed[0]).expect("it is there").len();
    assert!(bytes < 4 * 1024 * 1024, "{bytes} bytes of 8 MiB");
    let (text, status) = said(&group, &["verify", "a"]);
    assert_eq!(status, Some(0), "{text}");
    // A peer that comes late gets all of it.
    let late = group.start_with("b", &RESUME);
    late.wait_for_rows(usize::try_from(READINGS).expect("few"));
    // A copy holds the same, and in no more room.
    let (text, status) = said(&group, &["snapshot", "a", "copy"]);
    assert_eq!((status, segments(&group.directory.join("copy/a"), ".pack").len()), (Some(0), packed.len()), "{text}");
    let copied = digest(&text);
    assert_eq!(digest(&said(&group, &["verify", "--data-dir", "copy"]).0), copied);
    // So does its next life, and its rows are read from any place on.
    peer.kill();
    let again = group.start_with("a", &RESUME);
    again.wait_for("Resumed");
    assert!(!again.said("WARN"), "{:?}", again.log());
    let (text, status) = said(&group, &["verify", "a"]);
    assert_eq!((status, digest(&text)), (Some(0), copied), "{text}");
    let (text, status) = said(&group, &["tail", "a", "--from", "200000"]);
    let first = text.lines().nth(1).expect("a row");
    assert_eq!((status, first.starts_with("200000,")), (Some(0), true), "{first}");
    assert_eq!(text.lines().count(), 1 + 100_001);
}

#[test]
fn a_damaged_block_is_named_and_what_is_whole_is_kept() {
    let group = Group::new();
    let mut peer = start_packed(&group);
    peer.kill();
    let damaged = segments(&peer.data, ".pack").remove(0);
    let bytes = fs::metadata(&damaged).expect("it is there").len();
    flip_a_bit(&damaged, bytes / 2);
    let (text, status) = said(&group, &["verify", "a"]);
    assert_eq!(status, Some(5), "{text}");
    assert!(text.contains(".pack: is damaged, entries ") && text.contains("the block at byte "), "{text}");
    let again = group.start_with("a", &RESUME);
    again.wait_for("is damaged (the block at byte ");
    // What was in other blocks is ordered again; the lost ones are the readings of one block.
    again.wait_for_rows(usize::try_from(READINGS * 9 / 10).expect("few"));
    assert!(again.rows().len() < usize::try_from(READINGS).expect("few"));
    assert!(!segments(&again.data, ".pack.damaged").is_empty());
}
