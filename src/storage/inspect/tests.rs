//! What an inspection finds, and that it leaves no trace.

use std::fs;

use super::*;
use crate::storage::tests::support::{frame, TempDir};
use crate::storage::{claim, Disk, Journal};
use std::sync::Arc;

#[test]
fn it_finds_rows_the_journal_and_foreign_files() {
    let (temp, disk) = TempDir::disk("p");
    disk.append("b.csv", b"xyz").unwrap();
    disk.append("a.csv", b"").unwrap();
    // Names of an earlier version, one of them beside the present one.
    for name in ["Temp.csv", "Up.csv", "Up+1.csv"] {
        disk.append(name, b"x").unwrap();
    }
    let disk = Arc::new(disk);
    let mut journal = Journal::new(Arc::clone(&disk));
    journal.append(&frame(1, 1, "a/1", 1, 3)).unwrap();
    let root = temp.path().join("p");
    #[cfg(unix)]
    std::os::unix::fs::symlink("b.csv", root.join("c.csv")).unwrap();
    #[cfg(not(unix))]
    fs::create_dir(root.join("c.csv")).unwrap();
    fs::write(root.join("journal/notes"), "").unwrap();
    // What was set aside, and what is being packed, is the peer's own.
    fs::write(root.join("journal/00000000000000000001.log.damaged"), "").unwrap();
    fs::write(root.join("journal/00000000000000000001.pack.tmp"), "").unwrap();
    fs::create_dir(root.join("photos")).unwrap();
    let found = Inspection::open(&root, None).unwrap();
    let csv: Vec<_> = found.csv().iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    assert_eq!(csv, [("Temp.csv", 1), ("Up+1.csv", 1), ("a.csv", 0), ("b.csv", 3)]);
    assert_eq!(found.foreign(), ["Up.csv", "c.csv", "journal/notes", "photos"]);
    assert!(found.has_journal() && found.runs());
    assert_eq!(found.read("b.csv", 1, 9).unwrap(), b"yz");
    let mut walk = found.journal();
    assert!(matches!(walk.next_piece().unwrap(), Some(Piece::Batch(found)) if found == frame(1, 1, "a/1", 1, 3)));
    assert!(walk.next_piece().unwrap().is_none());
}

#[test]
fn of_a_peer_that_goes_on_the_rows_up_to_a_sequence_are_found_and_no_file_without_any() {
    let (temp, disk) = TempDir::disk("p");
    let row = |sequence: u64| format!("{sequence},2013-01-01T06:00:00Z,a,1,,\n");
    for (name, rows) in [("a.csv", &[1, 3, 5][..]), ("b.csv", &[4]), ("c.csv", &[2])] {
        let rows: Vec<String> = rows.iter().map(|sequence| row(*sequence)).collect();
        disk.append(name, format!("{HEADER_LINE}{}", rows.concat()).as_bytes()).unwrap();
    }
    // Files that are just made, and one that lost its header.
    for (name, text) in [("d.csv", ""), ("e.csv", "sequ"), ("f.csv", &row(5))] {
        disk.append(name, text.as_bytes()).unwrap();
    }
    let found = Inspection::open(&temp.path().join("p"), Some(3)).unwrap();
    let (head, row) = (HEADER_LINE.len(), row(1).len());
    let bytes: Vec<_> = found.csv().iter().map(|file| (file.name.as_str(), file.bytes)).collect();
    assert_eq!(bytes, [("a.csv", (head + 2 * row) as u64), ("c.csv", (head + row) as u64)]);
}

#[test]
fn files_of_the_layout_that_does_not_count_are_told_apart() {
    let (temp, disk) = TempDir::disk("p");
    for name in ["a+0.2013-01.csv", "a+0.2013-02.csv", "b+0.2013-01.csv", "b.csv"] {
        disk.append(name, HEADER_LINE.as_bytes()).unwrap();
    }
    let found = Inspection::open(&temp.path().join("p"), None).unwrap();
    let csv: Vec<_> = found.csv().iter().map(|file| file.name.as_str()).collect();
    assert_eq!(csv, ["a+0.2013-01.csv", "a+0.2013-02.csv", "b+0.2013-01.csv"]);
    assert_eq!((found.layout(), found.sensors()), (Layout::Month, &[0..2, 2..3][..]));
    assert!(!found.has_journal());
    assert_eq!(found.other_layout(), ["b.csv"]);
}

#[test]
fn after_a_batch_that_is_damaged_the_next_is_found() {
    let (temp, disk) = TempDir::disk("p");
    let disk = Arc::new(disk);
    let mut journal = Journal::new(Arc::clone(&disk));
    let frames = [frame(1, 1, "a/1", 1, 3), frame(1, 4, "a/1", 4, 3), frame(1, 7, "a/1", 7, 3)];
    for frame in &frames {
        journal.append(frame).unwrap();
    }
    let root = temp.path().join("p");
    let path = root.join("journal/00000000000000000001.log");
    let mut bytes = fs::read(&path).unwrap();
    let middle = frames[0].bytes().len() + frames[1].bytes().len() - 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let found = Inspection::open(&root, None).unwrap();
    let mut walk = found.journal();
    let mut pieces = Vec::new();
    while let Some(piece) = walk.next_piece().unwrap() {
        pieces.push(piece);
    }
    let [Piece::Batch(first), Piece::Damage { segment, .. }, Piece::Batch(third)] = &pieces[..] else {
        panic!("{pieces:?}");
    };
    assert_eq!((first, third), (&frames[0], &frames[2]));
    assert_eq!(segment, "journal/00000000000000000001.log");
}

#[test]
fn a_directory_runs_while_a_process_holds_it_and_looking_does_not_keep_it() {
    let temp = TempDir::new();
    let id = "p".parse().unwrap();
    let disk = claim(temp.path(), &id).unwrap();
    let root = temp.path().join("p");
    let found = Inspection::open(&root, None).unwrap();
    assert!(found.runs() && Inspection::is_in_use(&root));
    drop(disk);
    assert!(found.runs() && !Inspection::is_in_use(&root), "it was in use");
    let found = Inspection::open(&root, None).unwrap();
    assert!(!found.runs());
    // While the inspection is still there.
    let disk = claim(temp.path(), &id).unwrap();
    assert!(found.runs(), "it is in use by now");
    drop(disk);
    fs::remove_file(root.join("lock")).unwrap();
    assert!(!Inspection::open(&root, None).unwrap().runs());
    assert!(!root.join("lock").exists());
}

#[test]
fn the_last_row_the_base_the_quorum_and_how_long_rows_wait_are_those_of_now() {
    let (temp, disk) = TempDir::disk("p");
    let found = Inspection::open(&temp.path().join("p"), None).unwrap();
    let now = || (found.last_row("a.csv"), found.base().unwrap(), found.has_quorum(), found.rows_wait());
    assert_eq!(now(), (None, None, false, None));
    disk.append("a.csv", format!("{HEADER_LINE}5,2013-01-01T06:00:00Z,a,1,,\n6,2").as_bytes()).unwrap();
    let origins = vec![crate::wire::Range { origin: "a/1".parse().unwrap(), first: 1, count: 7 }];
    let base = Base { last: 7, runs: vec![("1@a/1".parse().unwrap(), 1)], origins };
    base::save(&disk, &base, true).unwrap();
    let wait = Duration::from_secs(90);
    disk.note("127.0.0.1:7000".parse().unwrap(), Some(wait)).unwrap();
    for quorum in [None, Some(2)] {
        let state = state::StateFile::new("p".parse().unwrap(), 1, quorum);
        disk.replace(state::PATH, state.to_text().as_bytes(), true).unwrap();
        assert_eq!(now(), (Some(5), Some(base.clone()), quorum.is_some(), Some(wait)));
    }
    drop(disk);
    assert_eq!(found.rows_wait(), None);
}
