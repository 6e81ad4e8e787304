//! Programs that read the files: the lines of docs/files.md for three of them load a real peer's directory, and each
//! row has the values that were given.

use crate::harness::python::{packages, run, shown_block, PACKAGES};
use crate::harness::{skipped, Group, Rows};

/// Prints what each of them loaded, one row on each line, and fails where a column has a wrong type.
const PRINT: &str = "
from datetime import datetime, timedelta, timezone
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
for rows in with_duckdb.fetchall(), with_pandas.itertuples(index=False), with_polars.rows():
    for sequence, timestamp, sensor, *values in rows:
        assert all(value is None or isinstance(value, float) for value in values), values
        values = ['' if value is None or value != value else repr(float(value)) for value in values]
        print(sequence, (timestamp - EPOCH) // timedelta(microseconds=1), sensor, *values, sep=',')
    print()
";

/// All forms that a source may give.
const GIVEN: &str = "\
DATA|a|2013-01-01T06:00:00+02:00|20|.5|1e3
DATA|a|2013-01-01T06:00:00.5-05:30|-0.5|nan|
DATA|a|2013-01-01T06:00:00.123456789Z|-.5|0|1013.25
DATA|a|2016-12-31T23:59:60Z|1|2|3
DATA|a|2017-01-01T05:29:60.25+05:30|1E-2|-0|1e+3
DATA|a||21.5|50|1000
DATA|007|2013-01-01T06:00:00Z|||
DATA|EWR|2013-01-01T06:00:00Z|3.90|59.37|1012.0
DATA|con|2013-01-01T06:00:00Z|||
DATA|na|9999-12-30T00:00:00.999Z|123456789012345678901234|1e-400|
DATA|1e3|0001-01-02T00:00:00Z|N/A|unknown|1
";

#[test]
fn duckdb_pandas_and_polars_load_what_a_peer_writes() {
    let packages = match packages() {
        Ok(packages) => packages,
        Err(why) => return skipped("the files as DuckDB, pandas and polars read them", &why),
    };
    let group = Group::new();
    let mut peer = group.start_with("p", &["--sensor", "stdin,mock", "--sensor-interval-seconds", "0.01"]);
    peer.feed(GIVEN);
    peer.end_input();
    peer.wait_for(&format!("End of input, {} readings delivered", GIVEN.lines().count()));
    peer.wait_for_rows(GIVEN.lines().count() + 20);
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));

    let directory = peer.data.to_str().expect("text");
    let script = format!("{}\n{PRINT}", shown_block("files.md").replace("data/peer1", directory));
    let output = run(&script, &packages);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("text");
    let loaded: Vec<&str> = printed.split_terminator("\n\n").collect();
    assert_eq!(loaded.len(), 3, "{printed}");
    let expected = expected(&peer.rows());
    for (rows, reader) in loaded.into_iter().zip(PACKAGES) {
        let rows: Vec<Row> = rows.lines().map(|line| row(line, |micros| micros.parse().expect("a number"))).collect();
        assert_eq!(rows, expected, "{reader}");
    }
}

/// Sequence, microseconds since 1970, sensor, values.
type Row = (u64, i64, String, Vec<Option<f64>>);

fn row(line: &str, time: impl Fn(&str) -> i64) -> Row {
    let fields: Vec<&str> = line.split(',').collect();
    let value = |text: &&str| (!text.is_empty()).then(|| text.parse().expect("a number"));
    (
        fields[0].parse().expect("a sequence"),
        time(fields[1]),
        fields[2].to_owned(),
        fields[3..].iter().map(value).collect(),
    )
}

fn expected(rows: &Rows) -> Vec<Row> {
    // A leap second is read as the second before.
    let time = |text: &str| text.parse::<jiff::Timestamp>().expect("a timestamp").as_microsecond();
    rows.iter().map(|(sequence, rest)| row(&format!("{sequence},{rest}"), time)).collect()
}
