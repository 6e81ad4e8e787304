//! `peer snapshot` as users see it: copies of running peers and of stopped ones, and what is said where there is no
//! copy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::feeder::Feeder;
use crate::harness::{assert_fed, assert_same_rows, flip_a_bit, skipped, Group, Peer};

const RESUME: [&str; 3] = ["--sensor", "stdin", "--resume"];
const QUORUM: [&str; 5] = ["--sensor", "stdin", "--resume", "--quorum", "2"];

/// What a command printed on standard output, on standard error, and its exit status.
type Said = (String, String, Option<i32>);

fn said(group: &Group, arguments: &[&str]) -> Said {
    let output =
        Command::new(env!("CARGO_BIN_EXE_peer")).current_dir(&group.directory).env_clear().args(arguments).output();
    let output = output.expect("the binary was built");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// What `peer snapshot` prints where it copies everything.
fn copied(group: &Group, arguments: &[&str]) -> String {
    let (out, errors, status) = said(group, &[&["snapshot"], arguments].concat());
    assert_eq!((status, errors.as_str()), (Some(0), ""), "{out}");
    out
}

/// Why `peer snapshot` copies nothing, in one line.
fn refused(group: &Group, arguments: &[&str]) -> String {
    let (out, errors, status) = said(group, &[&["snapshot"], arguments].concat());
    assert_eq!((status, out.as_str(), errors.lines().count()), (Some(1), "", 1), "{out}{errors}");
    errors
}

fn start_all(group: &Group, ids: &[&str], options: &[&str]) -> Vec<Peer> {
    let peers: Vec<Peer> = ids.iter().map(|id| group.start_with(id, options)).collect();
    for peer in &peers {
        peer.wait_for_view(ids);
    }
    peers
}

/// A group with one stopped peer `a` that holds 300 rows.
fn stopped() -> (Group, Peer) {
    let group = Group::new();
    let mut peer = group.start_with("a", &RESUME);
    peer.feed_numbered(0, 300);
    peer.wait_for_rows(300);
    peer.kill();
    (group, peer)
}

fn names(path: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(path).expect("a directory");
    entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn peers_are_copied_under_load_and_each_copy_is_what_its_original_held() {
    let group = Group::new();
    // Under a quorum no row changes, however slow the machine is.
    let mut peers = start_all(&group, &["a", "b", "c"], &QUORUM);
    peers[0].feed_numbered(0, 5000);
    for peer in &peers {
        peer.wait_for_rows(5000);
    }
    let feeders: Vec<Feeder> =
        peers.iter_mut().map(|peer| Feeder::start(peer.take_input(), &peer.id, 5000, 1)).collect();
    for day in ["monday", "tuesday", "wednesday"] {
        let out = copied(&group, &[day]);
        assert_eq!(out.lines().count(), 3, "{out}");
        for (line, id) in out.lines().zip(["a", "b", "c"]) {
            assert!(line.starts_with(&format!("{id}: copied to {day}/{id}: ")), "{line}");
            let last = line.split_once(", last ").and_then(|(_, rest)| rest.split_once(',')).expect("a sequence").0;
            let digest = line.split_once("SHA-256 ").expect("a digest").1.get(..64).expect("a digest");
            let (told, errors, status) = said(&group, &["verify", "--data-dir", day, id]);
            assert!(status == Some(0) && told.contains(digest), "{told}{errors}");
            let (told, errors, status) = said(&group, &["verify", "--up-to", last, id]);
            assert!(status == Some(0) && told.contains(digest), "{told}{errors}");
        }
        // Copies that were made one after the other agree, and the first ones are behind.
        let (told, errors, status) = said(&group, &["verify", "--data-dir", day]);
        assert!(matches!(status, Some(0 | 4)), "{told}{errors}");
        let (told, errors, status) = said(&group, &["verify", &format!("{day}/a"), "data/b"]);
        assert!(matches!(status, Some(0 | 4)), "{told}{errors}");
        assert_eq!(names(&group.directory.join(day)), names(&group.directory.join("data")));
    }
    let fed: Vec<u64> = feeders.into_iter().map(Feeder::finish).collect();
    let rows = usize::try_from(fed.iter().sum::<u64>() - 10_000).expect("few");
    assert_same_rows(&[&peers[0], &peers[1], &peers[2]], rows);
    for (peer, fed) in peers.iter().zip(fed) {
        assert_fed(&peer.rows(), &peer.id, 5000, fed);
    }
}

#[test]
fn a_peer_goes_on_from_a_copy_with_what_waited_and_what_it_lacks_is_fetched() {
    let group = Group::new();
    let mut peers = start_all(&group, &["a", "b"], &RESUME);
    peers[0].feed_numbered(0, 1000);
    peers[1].wait_for_rows(1000);
    copied(&group, &["b", "moved"]);
    // The copy is the same peer: one of the two ends, and says why.
    let mut twin = group.start_with("b", &[&RESUME[..], &["--data-dir", "moved"]].concat());
    assert_eq!(twin.wait_for_exit().code(), Some(1));
    twin.wait_for("peer id b is already in the group");
    peers[0].feed_numbered(1000, 1500);
    peers[1].wait_for_rows(1500);
    peers[1].kill();
    peers[0].wait_for_view(&["a"]);
    let mut command = group.command("b");
    command.args(RESUME).args(["--data-dir", "moved"]);
    let mut moved = Peer::start("b", command, group.directory.join("moved/b"));
    moved.wait_for("Resumed: ");
    moved.wait_for_view(&["a", "b"]);
    moved.feed_numbered(0, 500);
    assert_same_rows(&[&peers[0], &moved], 2000);
    assert_fed(&moved.rows(), "b", 0, 500);
}

#[test]
fn what_only_the_original_had_goes_along() {
    let group = Group::new();
    let mut alone = group.start_with("a", &QUORUM);
    alone.feed_numbered(0, 100);
    alone.wait_for("Suspended: 1 of 2 members, 100 readings waiting");
    // A copy of the running peer, and one of the stopped peer.
    assert!(copied(&group, &["a", "first"]).contains(": 0 rows of 0 sensors, last 0, "));
    let why = refused(&group, &["--take-over", "a", "second"]);
    assert!(why.starts_with("error: a: it is running") && !group.directory.join("second").exists(), "{why}");
    alone.kill();
    let out = copied(&group, &["--take-over", "a", "second"]);
    assert!(out.contains(", 100 readings waiting\n"), "{out}");
    let moved = group.start_with("a", &[&QUORUM[..], &["--data-dir", "second"]].concat());
    moved.wait_for("Resumed: 0 entries, 0 delivered, 100 readings waiting");
    let other = group.start_with("b", &QUORUM);
    other.wait_for_rows(100);
    assert_fed(&other.rows(), "a", 0, 100);
}

#[test]
fn a_group_with_a_quorum_starts_from_copies_that_take_over_and_from_no_others() {
    let group = Group::new();
    let mut peers = start_all(&group, &["a", "b", "c"], &QUORUM);
    peers[0].feed_numbered(0, 200);
    for peer in &peers {
        peer.wait_for_rows(200);
    }
    copied(&group, &["backup"]);
    peers[0].feed_numbered(200, 300);
    for peer in &mut peers {
        peer.wait_for_rows(300);
        peer.kill();
    }
    copied(&group, &["--data-dir", "backup", "--take-over", "restored"]);
    let start = |id: &str| {
        let mut command = group.command(id);
        command.args(QUORUM).args(["--data-dir", "restored"]);
        Peer::start(id, command, group.directory.join("restored").join(id))
    };
    let mut restored = [start("a"), start("b")];
    for peer in &restored {
        peer.wait_for_view(&["a", "b"]);
        assert!(!peer.said("takes part in no quorum"));
    }
    restored[1].feed_numbered(0, 100);
    assert_same_rows(&[&restored[0], &restored[1]], 300);
    // A copy that does not take over fetches first.
    let mut command = group.command("c");
    command.args(QUORUM).args(["--data-dir", "backup"]);
    let late = Peer::start("c", command, group.directory.join("backup/c"));
    late.wait_for("takes part in no quorum until it has fetched");
    assert_same_rows(&[&restored[0], &late], 300);
}

#[test]
fn foreign_files_are_left_out_and_named() {
    let (group, _peer) = stopped();
    let data = group.directory.join("data");
    fs::write(data.join("a/notes.txt"), "mine").expect("written");
    fs::write(data.join("a/a.csv.damaged"), "old").expect("written");
    fs::create_dir(data.join("a.previous")).expect("made");
    #[cfg(unix)]
    std::os::unix::fs::symlink("a.csv", data.join("a/link.csv")).expect("linked");
    let out = copied(&group, &["backup"]);
    assert!(out.contains("note: a: notes.txt is no file of a peer, and was not copied\n"), "{out}");
    assert!(out.contains("note: data/a.previous was set aside, and was not copied\n"), "{out}");
    #[cfg(unix)]
    assert!(out.contains("note: a: link.csv is no file of a peer, and was not copied\n"), "{out}");
    assert!(names(&group.directory.join("backup/a")).iter().eq(["a.csv", "journal", "pending", "state"]), "{out}");
}

#[test]
fn files_that_a_crash_tore_at_their_ends_are_whole_in_the_copy() {
    let group = Group::new();
    let mut peer = group.start_with("a", &RESUME);
    let line = |number: u64| format!("DATA|s{}|2013-01-01T06:00:00Z|{number}||\n", number % 2);
    peer.feed(&(1..=100).map(line).collect::<String>());
    peer.wait_for_rows(100);
    let whole = peer.files();
    peer.kill();
    // The file of row 99 ends before it, in half a row.
    let path = group.data_of("a").join("s1.csv");
    fs::write(&path, &whole["s1.csv"][..whole["s1.csv"].len() - 5]).expect("written");
    assert!(copied(&group, &["a", "backup"]).contains(": 100 rows of 2 sensors, last 100, "));
    for (name, text) in whole {
        assert_eq!(fs::read_to_string(group.directory.join("backup/a").join(&name)).expect("copied"), text, "{name}");
    }
}

#[test]
fn where_there_is_no_copy_one_line_says_why_and_nothing_is_left() {
    let (group, _peer) = stopped();
    fs::create_dir_all(group.directory.join("taken/a")).expect("made");
    fs::write(group.directory.join("taken/a/notes.txt"), "mine").expect("written");
    fs::create_dir(group.directory.join("empty")).expect("made");
    for (arguments, why) in [
        (&["z", "backup"][..], "error: there is no data/z; give --data-dir"),
        (&["--data-dir", "nowhere", "backup"], "error: cannot list nowhere: "),
        (&["./empty", "backup"], "error: empty: ./empty/state is damaged: it is missing"),
        (&["a", "taken"], "error: a: taken/a is there already, and not empty; remove it or give another directory"),
        (&["a", "data"], "error: a: data/a is there already"),
        (&["a", "data/a/backup"], "error: a: data/a/backup is within data/a, which is to be copied"),
        (&["a", "/dev/null/backup"], "error: a: cannot use /dev/null/backup: "),
    ] {
        let text = refused(&group, arguments);
        assert!(text.starts_with(why), "{text}");
    }
    let segment = group.data_of("a").join("journal/00000000000000000001.log");
    flip_a_bit(&segment, fs::metadata(&segment).expect("readable").len() / 2);
    let text = refused(&group, &["a", "backup"]);
    assert!(text.contains("a start with --resume mends it"), "{text}");
    flip_a_bit(&segment, fs::metadata(&segment).expect("readable").len() / 2);
    let rows = group.data_of("a").join("a.csv");
    let text = fs::read_to_string(&rows).expect("readable");
    fs::write(&rows, text.replacen(",7,50.5,", ",8,50.5,", 1)).expect("written");
    let said_so = refused(&group, &["a", "backup"]);
    assert!(said_so.contains("a.csv: row 8 is not what the journal says"), "{said_so}");
    assert!(names(&group.directory).iter().eq(["data", "empty", "taken"]), "{:?}", names(&group.directory));
    assert_eq!(names(&group.directory.join("taken/a")).len(), 1);
    fs::write(&rows, text).expect("written");
    // A peer that cannot be copied does not prevent other copies.
    let (out, errors, status) = said(&group, &["snapshot", "z", "a", "backup"]);
    assert!(
        status == Some(1)
            && errors.lines().count() == 1
            && out.starts_with("a: copied to backup/a: 300 rows of 1 sensor, "),
        "{out}{errors}"
    );
    for arguments in [&["snapshot"][..], &["snapshot", "--port", "7000", "x"], &["snapshot", ""]] {
        let (out, errors, status) = said(&group, arguments);
        assert!(status == Some(2) && out.is_empty() && errors.starts_with("error: "), "{out}{errors}");
    }
}

/// Makes a private file system of 64 KiB at `full`, runs what follows, and shows what that left there.
const ON_A_SMALL_DISK: &str =
    r#"mkdir full && mount -t tmpfs -o size=64k peer-test full && { "$0" "$@"; s=$?; ls -A full; exit $s; }"#;

#[test]
fn a_disk_that_is_full_is_said_to_be_and_nothing_is_left_on_it() {
    let group = Group::new();
    let mut peer = group.start_with("a", &RESUME);
    peer.feed_numbered(0, 5000);
    peer.wait_for_rows(5000);
    let run = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.current_dir(&group.directory).args(["--mount", "sh", "-c", ON_A_SMALL_DISK]).args(arguments);
        command.output()
    };
    match run(&["true"]) {
        Ok(output) if output.status.success() => {
            fs::remove_dir(group.directory.join("full")).expect("nothing is in it");
        }
        Ok(output) => return skipped("no disk can be made here", &String::from_utf8_lossy(&output.stderr)),
        Err(error) => return skipped("no disk can be made here", &format!("unshare: {error}")),
    }
    let output = run(&[env!("CARGO_BIN_EXE_peer"), "snapshot", "a", "full"]).expect("it ran before");
    let errors = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
    assert!(
        errors.starts_with("error: a: cannot ")
            && errors.contains(": the disk is full (")
            && errors.contains("; make room"),
        "{errors}"
    );
    assert_eq!(String::from_utf8(output.stdout).expect("text"), "");
}
