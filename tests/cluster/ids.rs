//! Ids that are not file names on every system: ids that differ only by case, and names of devices.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{assert_same_rows, Group, Peer};

const SENSORS: [&str; 5] = ["temp", "Temp", "CON", "com1.txt", "EWR"];

/// In the order of their bytes.
const FILES: [&str; 5] = ["+CON+7.csv", "+com1.txt.csv", "EWR+7.csv", "Temp+1.csv", "temp.csv"];

fn feed(peer: &mut Peer) {
    let line = |sensor| format!("DATA|{sensor}|2013-01-01T06:00:00Z|1|2|3\n");
    peer.feed(&SENSORS.map(line).concat());
}

/// What `peer verify` prints of the group's peers, and its exit status.
fn verify(group: &Group, peers: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let output = command.current_dir(&group.directory).arg("verify").args(peers).output().expect("it runs");
    (String::from_utf8([output.stdout, output.stderr].concat()).expect("text"), output.status.code())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("readable").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn ids_that_differ_by_case_have_their_own_files_and_earlier_names_are_replaced() {
    let group = Group::new();
    let mut upper = group.start_with("Lab", &["--sensor", "stdin", "--resume"]);
    upper.wait_for_view(&["Lab"]);
    let mut lower = group.start("lab");
    lower.wait_for_view(&["Lab", "lab"]);
    feed(&mut upper);
    assert_same_rows(&[&upper, &lower], SENSORS.len());
    assert_eq!(names(&group.directory.join("data")), ["Lab+1", "lab"]);
    for peer in [&upper, &lower] {
        assert_eq!(peer.files().into_keys().collect::<Vec<_>>(), FILES);
    }
    for peer in [&mut lower, &mut upper] {
        peer.signal("-TERM");
        assert_eq!(peer.wait_for_exit().code(), Some(0));
    }
    let (rows, data) = (upper.rows(), group.directory.join("data"));
    assert_eq!(verify(&group, &[]).1, Some(0));

    // Earlier versions named them by the ids.
    for (file, sensor) in FILES.iter().zip(["CON", "com1.txt", "EWR", "Temp", "temp"]) {
        fs::rename(data.join("Lab+1").join(file), data.join("Lab+1").join(format!("{sensor}.csv"))).expect("renamed");
    }
    fs::rename(data.join("Lab+1"), data.join("Lab")).expect("renamed");
    for peers in [&[][..], &["Lab", "lab"], &["Lab+1", "lab"]] {
        let (said, status) = verify(&group, peers);
        assert_eq!(status, Some(0), "{said}");
        assert!(said.contains("note: Lab: CON.csv and 3 more named by an earlier version"), "{said}");
    }

    let mut again = group.start_with("Lab", &["--sensor", "stdin", "--resume"]);
    again.wait_for("Resumed: 5 entries, 5 delivered");
    assert_eq!((names(&data), again.rows()), (vec!["Lab+1".to_owned(), "lab".to_owned()], rows));
    assert_eq!(again.files().into_keys().collect::<Vec<_>>(), FILES);
    let said: Vec<String> = again.log().into_iter().filter(|line| line.contains(" WARN ")).collect();
    assert!(said.len() == 2 && said[0].ends_with("data/Lab+1 now: see docs/files.md"), "{said:?}");
    assert!(said[1].contains("4 renamed (CON.csv is +CON+7.csv now, EWR.csv is EWR+7.csv now, "), "{said:?}");
    again.wait_for_view(&["Lab"]);
    feed(&mut again);
    again.wait_for_rows(2 * SENSORS.len());
    again.signal("-TERM");
    assert_eq!(again.wait_for_exit().code(), Some(0));
    let (said, status) = verify(&group, &["Lab"]);
    assert_eq!(status, Some(0), "{said}");
    let files = names(&data.join("Lab+1"));
    assert!(!files.iter().any(|name| name.ends_with(".damaged")), "{files:?}");
}
