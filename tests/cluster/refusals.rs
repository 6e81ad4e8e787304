//! Refusals of the system that have other reasons than a full or broken disk, and what the peer says.

use std::fs;
use std::os::unix::fs::{chown, PermissionsExt};
use std::path::Path;
use std::process::Command;

use super::descriptors::readings;
use super::disk::{errors, start_on_a_disk};
use super::thread_limit::{start_as_nobody, USER};
use crate::harness::{skipped, Group, Peer};

/// Waits for its end; returns the one line that it gave.
fn last_words(peer: &mut Peer) -> String {
    assert_eq!(peer.wait_for_exit().code(), Some(1));
    let said = errors(peer);
    assert_eq!(said.len(), 1, "{said:?}");
    said.concat()
}

#[test]
fn a_disk_without_inodes_is_not_called_full() {
    let group = Group::new();
    let Some(mut peer) = start_on_a_disk(&group, "a", "size=4m,nr_inodes=20", &[]) else { return };
    peer.wait_for_view(&["a"]);
    peer.feed(&readings(40));
    let said = last_words(&mut peer);
    assert!(said.contains("no inode is left for another file") && said.contains("df -i"), "{said}");
    assert!(said.contains(".csv") && !said.contains("is full"), "{said}");
}

#[test]
fn a_peer_that_may_open_no_more_files_names_its_limit() {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.wait_for_view(&["a"]);
    let (process, limit) = (peer.process_id().to_string(), "--nofile=5:5");
    let limited = Command::new("prlimit").args(["--pid", &process, limit]).output();
    if !limited.is_ok_and(|output| output.status.success()) {
        skipped("the limit of a running process cannot be set here", "this needs prlimit");
        return;
    }
    peer.feed(&readings(1));
    let said = last_words(&mut peer);
    assert!(said.contains("this process may have 5 files open: raise the limit (ulimit -n)"), "{said}");
}

/// What a peer that does not run as root says about `data/m` as it is.
fn refused(group: &Group) -> Option<String> {
    start_as_nobody(group, "m").map(|mut peer| last_words(&mut peer))
}

fn give(path: &Path) {
    chown(path, Some(USER.parse().expect("a number")), None).expect("root may");
}

#[test]
fn another_users_files_are_named_with_their_owner_and_the_command_that_mends_it() {
    let group = Group::new();
    let (data, file) = (group.data_of("m"), group.data_of("m").join("s0.csv"));
    let all = data.parent().expect("data").to_owned();
    let whose = |what: &str| format!("{what} belongs to root, and this peer runs as {USER}; ");
    let given = format!("run chown -R {USER} data/m as root");
    fs::create_dir_all(&data).expect("the test's own");
    let Some(said) = refused(&group) else { return };
    assert!(
        said.contains(&format!(
            "cannot use the directory data/m: Permission denied (os error 13): {}{given}",
            whose("data/m")
        )),
        "{said}"
    );

    // In its own directory is a file that another user wrote.
    give(&data);
    fs::write(&file, "").expect("root may");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("root may");
    let said = refused(&group).expect("as before");
    assert!(said.contains(&format!("{}{given}", whose("data/m/s0.csv"))), "{said}");

    // Nothing can be made beside it.
    give(&file);
    fs::set_permissions(&all, fs::Permissions::from_mode(0o755)).expect("root may");
    let said = refused(&group).expect("as before");
    assert!(said.contains(&format!("{}move it away", whose("data"))), "{said}");

    fs::remove_dir_all(&data).expect("root may");
    let said = refused(&group).expect("as before");
    let made = format!("{}run install -d -o {USER} data/m as root, or choose another --data-dir", whose("data"));
    assert!(said.contains(&made), "{said}");
}
