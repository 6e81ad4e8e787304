//! Options of the command line, with a peer that has ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Output;

use crate::harness::Group;
use crate::printed::tail;

/// A peer `a` with 9,000 rows, and then 3 rows of another sensor.
fn ended() -> Group {
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed_numbered(0, 9000);
    peer.feed("DATA|EWR|2026-01-15T06:00:00Z|1|.5|\nDATA|EWR|2026-01-15T08:00:00+01:00|||\nDATA|EWR|2012-12-31T23:59:59Z|3||9\n");
    peer.wait_for_rows(9003);
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
    group
}

fn run(group: &Group, arguments: &[&str]) -> Output {
    tail(&group.directory, arguments).output().expect("the binary was built")
}

fn printed(group: &Group, arguments: &[&str]) -> String {
    let output = run(group, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The sequences of the rows that are printed after the header.
fn sequences(group: &Group, arguments: &[&str]) -> Vec<u64> {
    let text = printed(group, arguments);
    let (header, rows) = text.split_once('\n').expect("a header");
    assert_eq!(header, peer::reading::CSV_HEADER);
    rows.lines().map(|row| row.split(',').next().expect("one").parse().expect("a sequence")).collect()
}

#[test]
fn rows_begin_where_they_should_and_are_of_the_wanted_sensors() {
    let group = ended();
    let last: Vec<u64> = (8994..=9003).collect();
    assert_eq!(sequences(&group, &[]), last);
    assert_eq!(sequences(&group, &["data/a"]), last);
    assert_eq!(sequences(&group, &["-n", "2", "a"]), [9002, 9003]);
    assert_eq!(sequences(&group, &["--lines", "0"]), [0; 0]);
    assert_eq!(sequences(&group, &["--from", "9002"]), [9002, 9003]);
    assert_eq!(sequences(&group, &["--from", "9004"]), [0; 0]);
    assert_eq!(sequences(&group, &["--from", "1"]).len(), 9003);
    assert_eq!(sequences(&group, &["-n", "3", "--sensor", "a"]), [8998, 8999, 9000]);
    assert_eq!(sequences(&group, &["-n", "4", "--sensor", "a,EWR"]), [9000, 9001, 9002, 9003]);
    assert_eq!(sequences(&group, &["--sensor", "nobody"]), [0; 0]);
    assert_eq!(sequences(&group, &["--since", "2026-01-15T07:00:00Z"]), [9002]);
    assert_eq!(sequences(&group, &["--since", "2012-12-31T23:59:59Z", "--sensor", "EWR"]), [9001, 9002, 9003]);
}

#[test]
fn rows_are_written_for_other_programs() {
    let group = ended();
    let jsonl = printed(&group, &["-n", "2", "--sensor", "EWR", "--format", "jsonl"]);
    let rows: Vec<serde_json::Value> = jsonl.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((rows.len(), &rows[0]["temperature_c"], &rows[1]["pressure_hpa"]), (2, &().into(), &9.into()));
    let influx = printed(&group, &["--sensor", "EWR", "--format", "influx"]);
    let expected = "\
reading,sensor=EWR temperature_c=1,humidity_pct=0.5 1768456800000000000
reading,sensor=EWR temperature_c=3,pressure_hpa=9 1356998399000000000
";
    assert_eq!(influx, expected);
}

#[test]
fn a_reader_that_goes_away_is_a_good_end() {
    let group = ended();
    let mut child = tail(&group.directory, &["--from", "1"]).spawn().expect("the binary was built");
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    out.read_line(&mut String::new()).expect("a header");
    drop(out);
    let output = child.wait_with_output().expect("a child");
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let group = ended();
    fs::create_dir_all(group.directory.join("data/b/journal")).expect("a directory");
    fs::create_dir_all(group.directory.join("data/c")).expect("a directory");
    fs::copy(group.directory.join("data/a/a.csv"), group.directory.join("data/c/a.csv")).expect("copied");
    fs::write(group.directory.join("notes"), "mine\n").expect("written");
    for (arguments, status, expected) in [
        (&[][..], 1, "error: there are several peers; name one of a, b, c"),
        (&["nobody"], 1, "error: there is no data/nobody; give --data-dir the directory that holds nobody"),
        (&["--data-dir", "elsewhere"], 1, "error: cannot list elsewhere"),
        (&["c"], 1, "error: data/c holds rows and no journal"),
        (&["--cursor", "notes", "a"], 1, "error: notes is no cursor (line 1 is not what it should be)"),
        (&["--cursor", "no/where", "a"], 1, "error: the cursor no/where cannot be written"),
        (&["--from", "1", "--lines", "1"], 2, "error: "),
        (
            &["--since", "yesterday"],
            2,
            "error: invalid value 'yesterday' for '--since <TIME>': timestamp is not of the form",
        ),
        (&["--format", "xml"], 2, "error: invalid value 'xml'"),
        (&["a", "b"], 2, "error: unexpected argument 'b'"),
    ] {
        let output = run(&group, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(status) && errors.starts_with(expected), "{arguments:?}: {errors}");
        assert!(status == 2 || errors.lines().count() == 1, "{errors}");
    }
    assert_eq!(fs::read(group.directory.join("notes")).expect("it is there"), b"mine\n");
}
