//! What is printed, and said, where rows were removed since the cursor was kept.

use super::*;
use crate::history::tests::driven::Driven;
use crate::storage::TempDir;

/// What a run to the end prints, and says beside it.
fn run_to_the_end(asked: &Asked) -> (Vec<String>, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    run(asked, &mut out, &mut errors, &|_| false).unwrap();
    let text = String::from_utf8(out).unwrap();
    (text.lines().map(str::to_owned).collect(), String::from_utf8(errors).unwrap())
}

/// A peer of which a run printed 20 rows and kept a cursor. Then there were 60 more, and some of all were removed.
fn printed_before(temp: &TempDir, removed: u64) -> (Driven, Asked) {
    let mut peer = Driven::new(temp.path());
    let asked = Asked {
        data_dirs: vec![],
        peer: Some(peer.root.clone()),
        start: Start::After(0),
        sensors: vec![],
        range: TimeRange::ALL,
        follow: false,
        format: Format::Csv,
        cursor: Some(temp.path().join("cursor")),
    };
    (0..2).for_each(|_| peer.append(10));
    peer.deliver(20);
    let (rows, errors) = run_to_the_end(&asked);
    assert_eq!((rows.len(), errors.as_str()), (21, ""), "a header and rows");
    (0..6).for_each(|_| peer.append(10));
    peer.deliver(60);
    peer.remove(removed);
    (peer, asked)
}

#[test]
fn the_damaged_journal_of_a_running_peer_is_not_the_end_of_its_rows() {
    let temp = TempDir::new();
    let (peer, asked) = printed_before(&temp, 0);
    peer.rot();
    let error = run(&asked, &mut Vec::new(), &mut Vec::new(), &|_| false).unwrap_err().to_string();
    assert!(error.contains(" is damaged: "), "{error}");
}

#[test]
fn a_cursor_below_what_was_removed_goes_on_after_it_and_says_so_once() {
    let temp = TempDir::new();
    let (peer, asked) = printed_before(&temp, 50);
    let (rows, errors) = run_to_the_end(&asked);
    assert_eq!(errors, "rows up to 50 were removed (--keep), and are not printed\n");
    assert_eq!(rows, peer.rows().into_values().collect::<Vec<_>>());
    assert_eq!(run_to_the_end(&asked), (vec![], String::new()));
}

#[test]
fn a_cursor_where_the_log_begins_lacks_nothing() {
    let temp = TempDir::new();
    let (peer, asked) = printed_before(&temp, 20);
    let (rows, errors) = run_to_the_end(&asked);
    assert_eq!((rows.len(), errors.as_str()), (60, ""));
    assert_eq!(rows, peer.rows().into_values().collect::<Vec<_>>());
}

#[test]
fn a_cursor_belongs_to_one_program_at_a_time() {
    let temp = TempDir::new();
    let (_peer, asked) = printed_before(&temp, 0);
    let path = temp.path().join("cursor");
    let before = std::fs::read(&path).unwrap();
    let other = CursorFile::take(&path).unwrap();
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let error = run(&asked, &mut out, &mut errors, &|_| false).unwrap_err().to_string();
    let expected = format!("the cursor {} belongs to another program that runs; give another --cursor", path.display());
    assert_eq!((error, out, errors), (expected, vec![], vec![]));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    drop(other);
    // Another user made the lock.
    #[cfg(unix)]
    std::fs::set_permissions(temp.path().join("cursor.lock"), std::os::unix::fs::PermissionsExt::from_mode(0o444))
        .unwrap();
    assert_eq!(run_to_the_end(&asked).0.len(), 60);
}

#[test]
fn nothing_is_left_beside_a_file_that_is_no_cursor() {
    let temp = TempDir::new();
    let (_peer, mut asked) = printed_before(&temp, 0);
    let path = temp.path().join("notes");
    std::fs::write(&path, "dear diary\n").unwrap();
    asked.cursor = Some(path);
    let error = run(&asked, &mut Vec::new(), &mut Vec::new(), &|_| false).unwrap_err().to_string();
    assert!(error.contains(" is no cursor "), "{error}");
    assert!(!temp.path().join("notes.lock").exists());
}
