//! Directories that a peer finds in the place of its own: only its own is cleared.

use std::fs;
use std::path::Path;

use peer::reading::HEADER_LINE;

use crate::harness::{Group, Peer};

/// Names and contents of the files in a directory.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("readable").path());
    let file = |path: &Path| path.file_name().expect("named").to_string_lossy().into_owned();
    let mut files: Vec<_> =
        entries.filter(|path| path.is_file()).map(|path| (file(&path), fs::read(&path).expect("readable"))).collect();
    files.sort();
    files
}

/// Makes the directory of a peer with these files, before there is such a peer.
fn prepare(group: &Group, id: &str, files: &[(&str, &str)]) {
    fs::create_dir_all(group.data_of(id)).expect("made");
    for (name, text) in files {
        fs::write(group.data_of(id).join(name), text).expect("written");
    }
}

/// The only warning that a peer gave.
fn warning(peer: &Peer) -> String {
    let warnings: Vec<String> = peer.log().into_iter().filter(|line| line.contains(" WARN ")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    warnings[0].clone()
}

#[test]
fn a_directory_of_foreign_csv_files_is_refused_and_stays_byte_for_byte() {
    let group = Group::new();
    let rows = format!("{HEADER_LINE}1,2013-01-01T06:00:00Z,a,1,2,3\n");
    prepare(&group, "raw", &[("a.csv", &rows), ("station7.csv", "time;value\r\n06:00;3.9\r\n"), ("empty.csv", "")]);
    let before = files(&group.data_of("raw"));
    let mut peer = group.start("raw");
    assert_eq!(peer.wait_for_exit().code(), Some(1));
    let log = peer.log();
    let expected =
        "raw holds \"station7.csv\", which is no file of a peer; nothing was touched; move it away or choose";
    assert!(log.len() == 1 && log[0].contains(expected), "{log:?}");
    assert_eq!(files(&group.data_of("raw")), before);
    assert_eq!(fs::read_dir(group.directory.join("data")).expect("it is there").count(), 1, "nothing was set aside");
}

#[test]
fn rows_without_a_state_are_set_aside_and_the_peer_begins_without_rows() {
    let group = Group::new();
    let rows = format!("{HEADER_LINE}1,2013-01-01T06:00:00Z,a,1,2,3\n");
    prepare(&group, "p", &[("a.csv", &rows), ("b.csv", &rows), ("a.csv.damaged", "half")]);
    let before = files(&group.data_of("p"));
    let mut peer = group.start_fed("p");
    peer.wait_for_view(&["p"]);
    let said = warning(&peer);
    assert!(said.contains("held 3 files") && said.ends_with("they are in data/p.previous now"), "{said}");
    assert_eq!(files(&group.data_of("p.previous")), before);
    peer.feed_numbered(0, 100);
    peer.wait_for_rows(100);
    peer.kill();
    // Files without a `state` stay where they are, and the peer's own rows go beside them.
    let again = group.start("p");
    again.wait_for_view(&["p"]);
    assert!(again.rows().is_empty() && warning(&again).contains("held 100 rows of 1 sensor"));
    assert!(group.data_of("p").join("state").exists());
    assert_eq!(files(&group.data_of("p.previous")), before);
    assert!(group.data_of("p.previous.2").join("p.csv").exists());
}

#[test]
fn a_journal_without_a_state_is_set_aside_and_with_resume_it_is_mended() {
    let group = Group::new();
    let mut peer = group.start_fed("p");
    peer.feed_numbered(0, 100);
    peer.wait_for_rows(100);
    peer.kill();
    fs::remove_file(group.data_of("p").join("state")).expect("it was there");
    let mut resumed = group.start_with("p", &["--sensor", "none", "--resume"]);
    resumed.wait_for("Resumed: 100 entries, 100 delivered");
    assert!(warning(&resumed).contains("state is missing"));
    resumed.kill();
    fs::remove_file(group.data_of("p").join("state")).expect("it was there");
    let cleared = group.start("p");
    cleared.wait_for_view(&["p"]);
    assert!(warning(&cleared).ends_with("they are in data/p.previous now"));
    assert!(group.data_of("p.previous").join("journal/00000000000000000001.log").exists());
    assert!(cleared.rows().is_empty());
}

#[test]
fn the_directory_of_a_living_peer_is_never_set_aside() {
    let group = Group::new();
    let mut peer = group.start_fed("p");
    peer.feed_numbered(0, 100);
    peer.wait_for_rows(100);
    // Somebody tidies up.
    fs::remove_file(group.data_of("p").join("state")).expect("it was there");
    let mut second = group.start("p");
    assert_eq!(second.wait_for_exit().code(), Some(1));
    assert!(second.said("is in use by another live peer"), "{:?}", second.log());
    assert!(!group.data_of("p.previous").exists());
    peer.feed_numbered(100, 200);
    peer.wait_for_rows(200);
}

#[test]
fn rows_of_the_previous_start_are_kept_beside_and_logged() {
    let group = Group::new();
    let mut peer = group.start_fed("p");
    peer.wait_for_view(&["p"]);
    peer.feed_numbered(1, 101);
    peer.wait_for_rows(100);
    let before = peer.rows();
    peer.signal("-TERM");
    peer.wait_for_exit();
    let again = group.start_fed("p");
    again.wait_for_view(&["p"]);
    assert!(
        again.said("held 100 rows of 1 sensor from before this start: they are in data/p.previous now"),
        "{:?}",
        again.log()
    );
    assert_eq!(again.rows().len(), 0);
    drop(again);
    // They are a whole peer's directory.
    std::fs::remove_dir_all(group.data_of("p")).unwrap();
    std::fs::rename(group.data_of("p.previous"), group.data_of("p")).unwrap();
    let resumed = group.start_with("p", &["--sensor", "none", "--resume"]);
    resumed.wait_for_view(&["p"]);
    assert_eq!(resumed.rows(), before);
}

#[test]
fn a_peer_that_makes_its_readings_up_unasked_says_so_once() {
    let group = Group::new();
    for (id, options, warnings) in [("a", &[][..], 1), ("b", &["--sensor", "mock"], 0)] {
        let peer = group.start_with(id, options);
        peer.wait_for("Is Group Leader");
        let said = |line: &&String| line.contains("makes its readings up, as sensor a");
        assert_eq!(peer.log().iter().filter(said).count(), warnings, "{:?}", peer.log());
    }
}
