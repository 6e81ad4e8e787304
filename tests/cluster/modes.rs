//! Only its user and its group may read what a peer writes, even if the umask takes nothing away.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Group, Peer};

const FILE: u32 = 0o640;
const DIRECTORY: u32 = 0o750;

/// The same command under a umask of 0.
fn unmasked(command: &Command) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "umask 0; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().expect("it is set")).env_clear();
    shell
}

fn start(group: &Group, options: &[&str]) -> Peer {
    let mut command = group.command("a");
    command.args(["--sensor", "stdin"]).args(options);
    Peer::start("a", unmasked(&command), group.data_of("a"))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// What is at a path, and below it.
fn all(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            found.extend(all(&entry.expect("readable").path()));
        }
    }
    found
}

fn assert_modes(root: &Path) {
    for path in all(root) {
        let wanted = if path.is_dir() { DIRECTORY } else { FILE };
        assert_eq!(mode(&path), wanted, "{}: {:o}", path.display(), mode(&path));
    }
}

#[test]
fn what_a_peer_makes_is_for_its_user_and_group_alone() {
    let group = Group::new();
    let life = |options: &[&str], rows: usize| {
        let mut peer = start(&group, options);
        // By then it has moved what it found.
        peer.wait_for("Is Group Leader: True");
        peer.feed_numbered(rows as u64, rows as u64 + 100);
        peer.wait_for_rows(rows + 100);
        peer
    };
    let mut peer = life(&["--resume"], 0);
    // Another program took a file away: it is written again.
    fs::remove_file(peer.data.join("a.csv")).expect("its owner's");
    peer.wait_for_rows(100);
    // This one copies while it runs.
    let mut copying = Command::new(env!("CARGO_BIN_EXE_peer"));
    copying.current_dir(&group.directory).args(["snapshot", "a", "copies/daily"]);
    assert!(unmasked(&copying).status().expect("a shell").success());
    peer.kill();
    // What it goes on with, mends, and moves aside.
    let mut rows = fs::OpenOptions::new().append(true).open(peer.data.join("a.csv")).expect("its owner's");
    rows.write_all(b"999,nobody's\n").expect("room");
    life(&["--resume"], 100).kill();
    life(&[], 0).kill();
    for made in ["data", "copies"] {
        assert_modes(&group.directory.join(made));
    }
    let found = all(&group.directory.join("data"));
    assert!(found.iter().any(|path| path.to_string_lossy().ends_with(".damaged")), "{found:?}");
    assert!(group.directory.join("data/a.previous").is_dir() && group.directory.join("copies/daily/a").is_dir());
}

#[test]
fn a_directory_that_is_there_keeps_its_mode() {
    let group = Group::new();
    for (made, kept) in [("data", 0o755), ("data/a", 0o700)] {
        let path = group.directory.join(made);
        fs::create_dir(&path).expect("a directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(kept)).expect("its owner's");
    }
    let mut peer = start(&group, &[]);
    peer.feed_numbered(0, 10);
    peer.wait_for_rows(10);
    peer.kill();
    for (made, kept) in [("data", 0o755), ("data/a", 0o700), ("data/a/journal", DIRECTORY), ("data/a/a.csv", FILE)] {
        assert_eq!(mode(&group.directory.join(made)), kept, "{made}");
    }
}
