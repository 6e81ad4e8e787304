//! What `peer export` writes, read back.

use std::fs;
use std::process::{Command, Output};

use jiff::Timestamp;

use crate::harness::{Group, Rows};

/// Sequence, microseconds since 1970, sensor, and what was measured. The clocks of all were set.
type Row = (u64, i64, String, Vec<Option<f64>>);

/// Readings of several sensors, whose times are not in the order of their arrival.
const GIVEN: &str = "\
DATA|roof|2026-01-15T06:00:00+02:00|20|.5|1e3
DATA|EWR|2026-01-15T03:00:00.123456Z|-0.5||1013.25
DATA|roof|2026-01-15T04:00:00Z|1|2|3
DATA|cellar|2016-12-31T23:59:60Z|||
DATA|roof|2026-01-16T00:00:00-05:30||50|
";

fn group() -> (Group, Rows) {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed_numbered(0, 3000);
    peer.feed(GIVEN);
    peer.wait_for_rows(3005);
    let rows = peer.rows();
    (group, rows)
}

fn export(group: &Group, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.env_clear().current_dir(&group.directory).arg("export").args(arguments);
    command.output().expect("the binary was built")
}

fn exported(group: &Group, arguments: &[&str]) -> String {
    let output = export(group, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn row(line: &str, time: impl Fn(&str) -> i64) -> Row {
    let fields: Vec<&str> = line.split(',').collect();
    let value = |text: &&str| (!text.is_empty()).then(|| text.parse().expect("a number"));
    let values = fields[3..].iter().map(value).collect();
    (fields[0].parse().expect("a sequence"), time(fields[1]), fields[2].to_owned(), values)
}

fn micros(text: &str) -> i64 {
    text.parse::<Timestamp>().expect("a time").as_microsecond()
}

/// The rows of the files, in the order of their times.
fn expected(rows: &Rows) -> Vec<Row> {
    let mut expected: Vec<Row> =
        rows.iter().map(|(sequence, rest)| row(&format!("{sequence},{rest}"), micros)).collect();
    expected.sort_by_key(|(sequence, time, ..)| (*time, *sequence));
    expected
}

#[test]
fn rows_are_written_in_the_order_of_time_in_utc() {
    let (group, rows) = group();
    let text = exported(&group, &[]);
    let (header, lines) = text.split_once('\n').expect("a header");
    assert_eq!(header, peer::reading::CSV_HEADER);
    let found: Vec<Row> = lines.lines().map(|line| row(line, micros)).collect();
    assert_eq!(found, expected(&rows));
    assert!(lines.lines().all(|line| line.split(',').nth(1).expect("a time").ends_with('Z')));
    // A range of one sensor goes into a file, which is replaced.
    for _ in 0..2 {
        let range = ["--from", "2026-01-15T03:00:00Z", "--to", "2026-01-15T04:00:00Z"];
        exported(&group, &[&range[..], &["--sensor", "roof", "--format", "jsonl", "-o", "roof.jsonl", "a"]].concat());
        let text = fs::read_to_string(group.directory.join("roof.jsonl")).expect("it is there");
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let sequences: Vec<&serde_json::Value> = rows.iter().map(|row| &row["sequence"]).collect();
        assert_eq!(sequences, [3001, 3003]);
        assert_eq!((&rows[0]["timestamp"], &rows[0]["pressure_hpa"]), (&"2026-01-15T04:00:00Z".into(), &1e3.into()));
    }
    let mut names: Vec<_> =
        fs::read_dir(&group.directory).expect("it is there").map(|one| one.expect("one").file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["data", "roof.jsonl"], "it leaves nothing else");
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let group = Group::new();
    fs::create_dir_all(group.directory.join("data/c")).expect("a directory");
    for (arguments, status, expected) in [
        (&["nobody"][..], 1, "error: there is no data/nobody"),
        (&["c"], 1, "error: data/c has no journal"),
        (&["-o", "no/where.csv", "c"], 1, "error: cannot write no/where.csv"),
        (&["--format", "xml"], 2, "error: invalid value 'xml'"),
        (&["--to", "noon"], 2, "error: invalid value 'noon' for '--to <TIME>'"),
    ] {
        let output = export(&group, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(status) && errors.starts_with(expected), "{arguments:?}: {errors}");
    }
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn a_build_without_a_format_says_how_to_have_it() {
    let group = Group::new();
    fs::create_dir_all(group.directory.join("data/c")).expect("a directory");
    let output = export(&group, &["--format", "sqlite", "-o", "rows.db", "c"]);
    let expected = "error: this build of peer does not write sqlite; packages do, and so does 'cargo build --release \
                    --features sqlite'\n";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), expected));
}

#[cfg(any(feature = "sqlite", feature = "parquet"))]
mod read_back {
    use super::{expected, export, exported, group, row, Row};
    use crate::harness::python::{packages, python};
    use crate::harness::skipped;

    /// What a Python program prints of the file, one row on each line, with microseconds since 1970 in the second
    /// column.
    fn printed(script: &str, packages: Option<&std::path::Path>) -> Vec<Row> {
        let output = python(&["-c", script], packages).expect("python3");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(|line| row(line, |micros| micros.parse().expect("a number"))).collect()
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn a_database_has_the_rows_with_their_types() {
        let (group, rows) = group();
        assert_eq!(export(&group, &["--format", "sqlite"]).status.code(), Some(1), "it needs a file");
        if let Err(why) = python(&["-c", "import sqlite3"], None) {
            return skipped("an export as sqlite3 of Python reads it", &why);
        }
        exported(&group, &["--format", "sqlite", "--output", "rows.db"]);
        let script = format!(
            "import sqlite3
for sequence, time, sensor, *values, unset in sqlite3.connect({:?}).execute(
    '''SELECT sequence, unixepoch(timestamp) * 1000000 + substr(timestamp, 21, 6), sensor_id, temperature_c, humidity_pct,
    pressure_hpa, clock_unset FROM readings ORDER BY timestamp, sequence'''
):
    assert unset == 0 and all(value is None or isinstance(value, float) for value in values), values
    print(sequence, int(time), sensor, *('' if value is None else repr(value) for value in values), sep=',')",
            group.directory.join("rows.db")
        );
        assert_eq!(printed(&script, None), expected(&rows));
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn a_table_has_the_rows_with_their_types() {
        let packages = match packages() {
            Ok(packages) => packages,
            Err(why) => return skipped("an export as DuckDB and polars read it", &why),
        };
        let (group, rows) = group();
        exported(&group, &["--format", "parquet", "--output", "rows.parquet"]);
        let path = group.directory.join("rows.parquet");
        for read in ["duckdb.read_parquet(path).fetchall()", "polars.read_parquet(path).rows()"] {
            let script = format!(
                "import duckdb, polars
from datetime import datetime, timedelta, timezone
path = {path:?}
for sequence, time, sensor, *values, unset in {read}:
    assert unset is False and all(value is None or isinstance(value, float) for value in values), values
    micros = (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    print(sequence, micros, sensor, *('' if value is None else repr(value) for value in values), sep=',')"
            );
            assert_eq!(printed(&script, Some(&packages)), expected(&rows), "{read}");
        }
    }
}
