//! `peer verify` as users see it: each kind of damage, the text about it, and the exit status.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use peer::storage::{claim, Options, RealDisk, Storage};
use peer::wire::{Frame, Lines, Request};

/// The data directory of peers that wrote what a group ordered.
struct Group(PathBuf);

/// What the command printed on standard output, on standard error, and its exit status.
type Said = (String, String, Option<i32>);

impl Group {
    /// Three peers with the rows 1..60 of three sensors.
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("peer-verify-").tempdir().expect("a directory for the test");
        // If a test fails, the directory stays.
        let group = Self(directory.keep());
        for id in ["peer1", "peer2", "peer3"] {
            group.write(id, 60);
        }
        group
    }

    /// Replaces a peer's directory by one with the log 1..70 and the rows up to `delivered`.
    fn write(&self, id: &str, delivered: u64) {
        self.running(id, 7, delivered);
    }

    /// The same with this many batches of ten in the log, for a peer that runs until it is dropped.
    fn running(&self, id: &str, batches: u64, delivered: u64) -> Storage<RealDisk> {
        let id = id.parse().expect("an id");
        let disk: RealDisk = claim(&self.0, &id).expect("free");
        let (mut storage, _) = Storage::open(Arc::new(disk), &id, 1, Options::default()).expect("writable");
        for batch in 0..batches {
            storage.append(&frame(batch * 10 + 1)).expect("written");
        }
        storage.deliver(delivered).expect("written");
        storage.flush().expect("written");
        storage
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    /// Changes the lines of a file.
    fn change(&self, path: &str, change: impl FnOnce(&mut Vec<String>)) {
        let mut lines: Vec<String> = self.read(path).lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(self.path(path), lines.join("\n") + "\n").expect("written");
    }

    fn verify(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_peer"))
            .current_dir(&self.0)
            .env_clear()
            .arg("verify")
            .args(arguments)
            .output()
            .expect("the binary was built");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr), output.status.code())
    }

    /// Asserts that the peers disagree, that these lines say so, and no others.
    fn assert_disagrees(&self, lines: &[&str]) {
        let (out, errors, status) = self.verify(&["--data-dir", "."]);
        assert_eq!((status, errors.as_str()), (Some(5), ""), "{out}");
        let said: Vec<&str> = out.lines().filter(|line| line.starts_with("peer") && line.contains(": ")).collect();
        assert_eq!(said, lines, "{out}");
        assert!(out.lines().last().is_some_and(|line| line.starts_with("DISAGREE: ")), "{out}");
    }

    /// Asserts that some are behind, as these lines say, and nothing else is wrong.
    fn assert_behind(&self, lines: &[&str]) {
        let (out, errors, status) = self.verify(&["--data-dir", "."]);
        assert_eq!((status, errors.as_str()), (Some(4), ""), "{out}");
        let said: Vec<&str> = out.lines().filter(|line| line.starts_with("peer") && line.contains(": ")).collect();
        assert_eq!(said, lines, "{out}");
        let last = format!("BEHIND: {} of 4 peers lack rows at the end; what they hold agrees.\n", lines.len());
        assert!(out.ends_with(&last), "{out}");
    }

    /// Asserts that the peers agree; returns what was printed.
    fn assert_agrees(&self) -> String {
        let (out, errors, status) = self.verify(&["--data-dir", "."]);
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{out}");
        assert!(out.lines().last().is_some_and(|line| line.starts_with("OK: ")), "{out}");
        out
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // If that fails, something is left in the system's temporary directory.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Ten readings of the sensors s0, s1 and s2 in turn: sequence n is of sensor n mod 3.
fn frame(first: u64) -> Frame {
    let line = |number: u64| format!("DATA|s{}|2013-01-01T06:00:00Z|{number}.5||1012\n", number % 3);
    let text: String = (first..first + 10).map(line).collect();
    let lines = Lines::new(text.into_bytes(), 10);
    let origin = "peer1/1".parse().expect("an origin");
    Frame::build("1@peer1/1".parse().expect("a term"), first, &[Request { origin, first, lines }])
}

fn row(sequence: u64) -> String {
    format!("{sequence},2013-01-01T06:00:00Z,s{},{sequence}.5,,1012", sequence % 3)
}

/// Path, bytes and time of change of everything below a directory.
fn tree(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).expect("a directory") {
        let path = entry.expect("readable").path();
        let changed = fs::metadata(&path).expect("readable").modified().expect("a time");
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path, (Vec::new(), changed));
        } else {
            found.insert(path.clone(), (fs::read(&path).expect("readable"), changed));
        }
    }
    found
}

#[test]
fn equal_peers_agree_and_nothing_is_touched() {
    let group = Group::new();
    let before = tree(&group.0);
    let out = group.assert_agrees();
    assert!(out.ends_with(
        "OK: 3 peers hold the same 60 rows of 3 sensors: one order, no gaps, none twice, as in the journal.\n"
    ));
    let lines: Vec<Vec<&str>> = out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PEER", "ROWS", "SENSORS", "LAST", "SHA-256"]);
    assert_eq!(lines[1][..4], ["peer1", "60", "3", "60"]);
    assert!(lines[1][4].len() == 64 && lines[1][4] == lines[2][4] && lines[2][4] == lines[3][4]);
    assert_eq!(tree(&group.0), before);
}

#[test]
fn the_digest_is_the_one_that_the_help_says() {
    let group = Group::new();
    let (out, _, _) = group.verify(&["--data-dir", ".", "peer1"]);
    // This is what `sha256sum *.csv | sha256sum` printed for these files.
    assert!(out.contains("  eb0296156eae290ab70bb97cff6c5304dfa20bcbbdb648119d0351ca0b7fa98f\n"), "{out}");
    assert!(out.contains("OK: peer1 holds 60 rows of 3 sensors"), "{out}");
}

#[test]
fn a_row_that_was_changed_is_shown_with_what_it_was() {
    let group = Group::new();
    group.change("peer2/s1.csv", |lines| lines[2] = lines[2].replace(".5", ".6"));
    let changed = row(4).replace(".5", ".6");
    group.assert_disagrees(&[&format!(
        "peer2: s1.csv: row 4 is not what the journal says: \"{changed}\", not \"{}\"",
        row(4)
    )]);
}

#[test]
fn rows_that_are_missing_are_named() {
    let group = Group::new();
    group.change("peer2/s1.csv", |lines| drop(lines.remove(2)));
    group.assert_disagrees(&["peer2: s1.csv: lacks row 4"]);
    group.change("peer2/s1.csv", |lines| drop(lines.drain(2..4)));
    group.assert_disagrees(&["peer2: s1.csv: lacks 3 rows from 4 to 10"]);
    fs::remove_file(group.path("peer2/s1.csv")).expect("removed");
    group.assert_disagrees(&["peer2: s1.csv: is missing, and with it 20 rows from 1 to 58"]);
}

#[test]
fn a_row_that_is_there_twice_is_named() {
    let group = Group::new();
    group.change("peer3/s1.csv", |lines| lines.insert(2, row(4)));
    group.assert_disagrees(&[&format!("peer3: s1.csv: row 4 comes a second time: \"{}\"", row(4))]);
}

#[test]
fn rows_in_another_order_are_named() {
    let group = Group::new();
    group.change("peer3/s1.csv", |lines| lines.swap(2, 3));
    group.assert_disagrees(&["peer3: s1.csv: row 7 comes before row 4"]);
}

#[test]
fn half_a_row_is_shown() {
    let group = Group::new();
    let whole = group.read("peer1/s0.csv");
    fs::write(group.path("peer1/s0.csv"), format!("{whole}63,2013")).expect("written");
    group.assert_disagrees(&["peer1: s0.csv: ends in half a row, line 22: \"63,2013\""]);
}

#[test]
fn a_copied_file_is_one_too_many_and_foreign_files_are_left_alone() {
    let group = Group::new();
    fs::write(group.path("peer1/notes.txt"), "mine").expect("written");
    for directory in ["lost+found", "peer1.previous", "peer1.previous.2"] {
        fs::create_dir(group.path(directory)).expect("made");
    }
    fs::write(group.path("peer1.previous/a.csv"), "sequence\n").expect("written");
    let out = group.assert_agrees();
    assert!(out.contains("note: ./peer1.previous was set aside, and was not looked at\n"), "{out}");
    assert!(out.contains("note: ./peer1.previous.2 was set aside, and was not looked at\n"), "{out}");
    assert!(out.contains("note: peer1: notes.txt is no file of a peer, and was not looked at\n"), "{out}");
    assert!(out.contains("note: ./lost+found is no peer's directory, and was not looked at\n"), "{out}");
    fs::copy(group.path("peer1/s1.csv"), group.path("peer1/copy.csv")).expect("copied");
    let (out, _, status) = group.verify(&["--data-dir", "."]);
    assert_eq!(status, Some(5));
    assert!(out.contains(&format!("peer1: copy.csv: row 1 is another sensor's: \"{}\"\n", row(1))), "{out}");
    assert!(out.contains("and 20 more\n"), "{out}");
    fs::remove_file(group.path("peer1/copy.csv")).expect("removed");
    #[cfg(unix)]
    std::os::unix::fs::symlink("s1.csv", group.path("peer1/link.csv")).expect("linked");
    #[cfg(not(unix))]
    fs::create_dir(group.path("peer1/link.csv")).expect("made");
    group.assert_disagrees(&["peer1: link.csv: is not a sensor's file: a link, a directory, or no sensor's name"]);
}

#[test]
fn a_bit_that_flipped_in_the_journal_is_found() {
    let group = Group::new();
    let path = group.path("peer2/journal/00000000000000000001.log");
    let mut bytes = fs::read(&path).expect("a journal");
    let at = frame(1).bytes().len() + frame(11).bytes().len() - 3;
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("written");
    let (out, _, status) = group.verify(&["--data-dir", "."]);
    assert_eq!(status, Some(5));
    let said = "peer2: journal/00000000000000000001.log: is damaged, entries 11..20 are lost: ";
    assert!(out.contains(said) && out.ends_with("DISAGREE: 1 disagreement at 1 of 3 peers.\n"), "{out}");
}

#[test]
fn without_a_journal_nothing_proves_the_rows() {
    let group = Group::new();
    fs::remove_dir_all(group.path("peer2/journal")).expect("removed");
    group.assert_disagrees(&["peer2: journal: is missing: no row can be compared with its entry"]);
    // The other peers' files still show what differs.
    group.change("peer2/s1.csv", |lines| lines[2] = lines[2].replace(".5", ".6"));
    let changed = row(4).replace(".5", ".6");
    group.assert_disagrees(&[
        "peer2: journal: is missing: no row can be compared with its entry",
        &format!("peer2: s1.csv: row 4 is \"{changed}\", but \"{}\" at peer1", row(4)),
    ]);
}

#[test]
fn a_peer_that_holds_less_is_behind() {
    let group = Group::new();
    group.write("peer1", 54);
    fs::create_dir(group.path("peer0")).expect("made");
    group.assert_behind(&["peer0: behind: holds nothing of 1..60", "peer1: behind: holds 1..54 of 1..60"]);
    // The same where only a minority is ahead.
    group.write("peer2", 54);
    let behind = [
        "peer0: behind: holds nothing of 1..60",
        "peer1: behind: holds 1..54 of 1..60",
        "peer2: behind: holds 1..54 of 1..60",
    ];
    group.assert_behind(&behind);
    // Beside any other fault it counts as a disagreement.
    group.change("peer3/s1.csv", |lines| lines[2] = lines[2].replace(".5", ".6"));
    let (out, _, status) = group.verify(&["--data-dir", "."]);
    assert!(status == Some(5) && out.contains("behind: ") && out.contains("\nDISAGREE: "), "{out}");
}

#[test]
fn what_a_running_peer_lacks_at_the_end_is_not_counted() {
    let group = Group::new();
    let running = group.running("peer1", 5, 50);
    let out = group.assert_agrees();
    assert!(out.lines().any(|line| line.starts_with("peer1  ") && line.ends_with(" running")), "{out}");
    assert!(out.contains("OK: 3 peers agree on rows 1..50 at least"), "{out}");
    assert!(out.ends_with("peer1 is running, and may still write what the others have.\n"), "{out}");
    // What it lacks before the end is counted.
    group.change("peer1/s1.csv", |lines| drop(lines.remove(2)));
    group.assert_disagrees(&["peer1: s1.csv: lacks row 4"]);
    drop(running);
    // A crash between two writes leaves this: one sensor's rows are there, another's are not.
    group.change("peer1/s0.csv", |lines| lines.truncate(15));
    group.assert_disagrees(&["peer1: s1.csv: lacks row 4", "peer1: s0.csv: lacks 2 rows from 45 to 48"]);
}

#[test]
fn peers_without_any_reading_agree() {
    let group = Group::new();
    for id in ["peer1", "peer2", "peer3"] {
        group.write(id, 0);
    }
    assert!(group.assert_agrees().contains("OK: 3 peers hold the same 0 rows of 0 sensors"));
}

#[test]
fn directories_of_several_machines_are_compared_by_path_or_data_directory() {
    let group = Group::new();
    for (machine, id) in [("pi1", "peer1"), ("pi2", "peer1")] {
        fs::create_dir(group.path(machine)).expect("made");
        fs::create_dir(group.path(&format!("{machine}/{id}"))).expect("made");
        for file in ["s0.csv", "s1.csv", "s2.csv", "state"] {
            fs::copy(group.path(&format!("peer1/{file}")), group.path(&format!("{machine}/{id}/{file}")))
                .expect("copied");
        }
        fs::create_dir(group.path(&format!("{machine}/{id}/journal"))).expect("made");
        let segment = "journal/00000000000000000001.log";
        fs::copy(group.path(&format!("peer1/{segment}")), group.path(&format!("{machine}/{id}/{segment}")))
            .expect("copied");
    }
    for arguments in [
        &["--data-dir", "pi1", "--data-dir", "pi2"][..],
        &["--data-dir", "pi1/peer1", "--data-dir", "pi2/peer1"],
        &["--data-dir", "pi1", "--data-dir", "pi2", "peer1"],
        &["pi1/peer1", "pi2/peer1", "./pi2/peer1/"],
    ] {
        let (out, errors, status) = group.verify(arguments);
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{out}");
        assert!(out.contains("\npi1/peer1 ") && out.contains("OK: 2 peers hold the same 60 rows"), "{out}");
    }
}

#[test]
fn what_cannot_be_read_ends_with_1_and_wrong_options_with_2() {
    let group = Group::new();
    for (arguments, said) in [
        (&["--data-dir", "elsewhere"][..], "error: cannot list elsewhere: "),
        (&["--data-dir", ".", "peer9"], "error: there is no ./peer9; give --data-dir"),
        (&["peer1"], "error: there is no data/peer1; for the directory peer1 write ./peer1"),
        (&["pi9/peer1"], "error: pi9/peer1 is neither a peer's id nor a directory"),
        (&["--data-dir", "peer1/journal"], "error: there is no peer's directory in peer1/journal"),
        (&["./peer1/journal"], "error: ./peer1/journal is no peer's directory"),
    ] {
        let (out, errors, status) = group.verify(arguments);
        assert_eq!((status, out.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(errors.starts_with(said) && errors.lines().count() == 1, "{errors}");
    }
    for arguments in [&["--no-such"][..], &["--data-dir"], &["--data-dir", ""], &["--port", "7000"]] {
        let (out, errors, status) = group.verify(arguments);
        assert_eq!((status, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(errors.starts_with("error: "), "{errors}");
    }
}

#[test]
fn a_missing_peer_hides_no_disagreement() {
    let group = Group::new();
    let arguments = ["--data-dir", ".", "peer1", "peer2", "peer9"];
    let (out, errors, status) = group.verify(&arguments);
    assert_eq!(status, Some(1));
    assert!(
        out.contains("INCOMPLETE: 1 of 3 peers") && errors.starts_with("error: there is no ./peer9"),
        "{out}{errors}"
    );
    fs::write(group.path("peer2/s0.csv"), "sequence\n").expect("written");
    let (out, errors, status) = group.verify(&arguments);
    assert_eq!(status, Some(5), "{out}{errors}");
    assert!(out.contains("DISAGREE: ") && errors.starts_with("error: there is no ./peer9"), "{out}{errors}");
}
