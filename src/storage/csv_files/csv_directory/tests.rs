//! The CSV files of a directory as programs see them that look at it again and again.

use super::*;
use crate::reading::HEADER_LINE;
use crate::storage::state::StateFile;
use crate::storage::tests::support::TempDir;

/// A directory with these files.
fn directory_of(files: &[(&str, &str)]) -> (TempDir, CsvDirectory) {
    let temp = TempDir::new();
    for (name, text) in files {
        fs::write(temp.path().join(name), text).unwrap();
    }
    let directory = CsvDirectory::new(temp.path().to_owned());
    (temp, directory)
}

/// The name of the file of a sensor for all months.
fn name(sensor: &str) -> CsvName {
    CsvName { sensor: sensor.parse().unwrap(), month: None }
}

fn row(sequence: Sequence) -> String {
    format!("{sequence},2013-01-01T06:00:00Z,a,1,,\n")
}

#[test]
fn the_files_that_count_are_those_of_the_layout_that_state_says_or_the_names_show() {
    let months = ["a+0.2026-10.csv", "a+0.2026-11.csv", "b+0.2026-11.csv"];
    let all = [&months[..], &["a.csv", "notes"]].concat();
    for (rotate, names, layout, files, of_a) in [
        (None, &["a.csv", "notes"][..], Layout::Sensor, &["a.csv"][..], &["a.csv"][..]),
        (None, &all, Layout::Month, &months, &months[..2]),
        (Some(None), &all, Layout::Sensor, &["a.csv"], &["a.csv"]),
        (Some(Some(Layout::Month)), &["a.csv"], Layout::Month, &[], &[]),
    ] {
        let named: Vec<_> = names.iter().map(|name| (*name, "")).collect();
        let (temp, directory) = directory_of(&named);
        if let Some(rotate) = rotate {
            let state = StateFile { rotate, ..StateFile::new("p".parse().unwrap(), 1, None) };
            fs::write(temp.path().join(state::PATH), state.to_text()).unwrap();
        }
        let what = format!("{rotate:?}, {names:?}");
        assert_eq!((directory.path(), directory.layout()), (temp.path().to_owned(), layout), "{what}");
        let expected: Vec<_> = files.iter().map(|file| (CsvName::parse(file).unwrap(), (*file).to_owned())).collect();
        assert_eq!(directory.files().unwrap(), expected, "{what}");
        let expected: Vec<_> = of_a.iter().map(|file| CsvName::parse(file).unwrap()).collect();
        assert_eq!(directory.files_of(&"a".parse().unwrap()).unwrap(), expected, "{what}");
    }
}

#[test]
fn a_file_is_opened_by_its_present_name_before_an_earlier_one_and_may_be_missing() {
    let (temp, directory) =
        directory_of(&[("a.csv", "a"), ("Temp.csv", "Temp"), ("Up.csv", "Up"), ("Up+1.csv", "Up+1")]);
    for (sensor, text) in [("a", Some("a")), ("Temp", Some("Temp")), ("Up", Some("Up+1")), ("x", None)] {
        let opened = directory.open(&name(sensor)).unwrap();
        let found = opened.map(|mut handle| String::from_utf8(handle.read(0, 9).unwrap()).unwrap());
        assert_eq!(found.as_deref(), text, "{sensor}");
    }
    let month = CsvName::parse("Temp+1.2026-11.csv").unwrap();
    assert!(directory.open(&month).unwrap().is_none());
    let (stamp, known) = (directory.stamp("Temp.csv").unwrap().unwrap(), fs::metadata(temp.path().join("Temp.csv")));
    assert_eq!((stamp.file.bytes, stamp.written), (4, known.unwrap().modified().unwrap()));
    assert_eq!(directory.stamp("x.csv").unwrap(), None);
}

#[test]
fn an_open_file_stays_the_same_when_its_name_goes_to_another() {
    let (temp, directory) = directory_of(&[("a.csv", "rows"), ("other", "other rows")]);
    let mut handle = directory.open(&name("a")).unwrap().unwrap();
    assert_eq!(directory.stamp("a.csv").unwrap().unwrap().file, handle.stamp());
    fs::rename(temp.path().join("other"), temp.path().join("a.csv")).unwrap();
    assert_eq!((handle.stamp().bytes, handle.read(0, 99).unwrap()), (4, b"rows".to_vec()));
    assert_ne!(directory.stamp("a.csv").unwrap().unwrap().file, handle.stamp());
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_not_taken_for_one_that_is_missing() {
    let (temp, directory) = directory_of(&[]);
    std::os::unix::fs::symlink("a.csv", temp.path().join("a.csv")).unwrap();
    assert!(matches!(directory.stamp("a.csv"), Err(StorageError::Io { doing: "look at", .. })));
    assert!(matches!(directory.open(&name("a")), Err(StorageError::Io { doing: "open", .. })));
}

#[test]
fn the_last_row_is_the_last_whole_one() {
    let rows: String = (1..=40).map(row).collect();
    for (text, last) in [
        (HEADER_LINE.to_owned() + &rows + &row(41)[..9], Some((40, row(40).into_bytes()))),
        (HEADER_LINE.to_owned(), None),
        (String::new(), None),
    ] {
        let (_temp, directory) = directory_of(&[("a.csv", &text)]);
        assert_eq!(directory.open(&name("a")).unwrap().unwrap().last_row().unwrap(), last, "{text}");
    }
}

#[test]
fn a_part_is_read_as_far_as_the_file_goes() {
    let (_temp, directory) = directory_of(&[("a.csv", "01234")]);
    let mut handle = directory.open(&name("a")).unwrap().unwrap();
    for (offset, len, part) in [(0, 5, "01234"), (1, 2, "12"), (3, 9, "34"), (5, 1, ""), (9, 1, "")] {
        assert_eq!(handle.read(offset, len).unwrap(), part.as_bytes(), "{len} from {offset}");
    }
}

#[test]
fn the_whole_lines_of_a_part_are_given_as_long_as_more_are_wanted() {
    const STEP: u64 = READ_BYTES as u64;
    let rows = "one\ntwo\nthree\nfour\nfiv";
    // A line that one step cannot give whole, and one that is too long for a row.
    let long = "x".repeat(READ_BYTES - 9) + "\n";
    let (steps, endless) = (long.clone() + "beyond the step\nhalf", "x".repeat(READ_BYTES + 5));
    for (text, part, most, lines) in [
        (rows, 0..99, 9, &["one\n", "two\n", "three\n", "four\n"][..]),
        (rows, 0..99, 2, &["one\n", "two\n"]),
        (rows, 4..14, 9, &["two\n", "three\n"]),
        (rows, 4..12, 9, &["two\n"]),
        (rows, 4..4, 9, &[]),
        (&steps, 0..2 * STEP, 9, &[&long, "beyond the step\n"]),
        (&endless, 0..2 * STEP, 9, &[&endless[..READ_BYTES]]),
    ] {
        let (_temp, directory) = directory_of(&[("a.csv", text)]);
        let mut found: Vec<Vec<u8>> = Vec::new();
        let take = |line: &[u8]| {
            found.push(line.to_vec());
            found.len() < most
        };
        directory.open(&name("a")).unwrap().unwrap().for_each_line(part.start, part.end, take).unwrap();
        assert!(
            found == lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>(),
            "{} bytes, {part:?}",
            text.len()
        );
    }
}
