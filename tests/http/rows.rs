//! Sensors and their rows, while a peer writes them.

use std::process::Command;

use serde_json::{json, Value};

use crate::client::{get, get_until, start, Events};
use crate::harness::python::{packages, run, shown_block};
use crate::harness::{assert_same_rows, skipped, Group};

const HEADER: &str = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa\n";

#[test]
fn rows_are_read_page_by_page_as_the_files_have_them() {
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    peer.feed_numbered(0, 500);
    peer.feed("DATA|other|2013-01-02T00:00:00Z|1.5||\n");
    assert_same_rows(&[&peer], 501);
    let all = get_until(&address, "/readings.csv", |answer| answer.body.lines().count() == 502);
    assert_eq!(all.header("Content-Type"), Some("text/csv; charset=utf-8; header=present"));
    let mut pages = String::from(HEADER);
    let mut after = 0;
    loop {
        let page = get(&address, &format!("/api/v1/readings?after={after}&limit=100")).body;
        let rows = page.strip_prefix(HEADER).expect("a header");
        pages.push_str(rows);
        let Some(last) = rows.lines().last() else { break };
        after = last.split(',').next().and_then(|text| text.parse().ok()).expect("a sequence");
    }
    assert_eq!(pages, all.body);
    let one = get(&address, "/readings.csv?sensor=other").body;
    assert_eq!(one, format!("{HEADER}501,2013-01-02T00:00:00Z,other,1.5,,\n"));
    assert_eq!(one, peer.files()["other.csv"]);
    let line = get(&address, "/api/v1/readings?sensor=other&format=jsonl&from=2013-01-02T00:00:00Z").json();
    assert_eq!(
        (&line["sequence"], &line["temperature_c"], &line["humidity_pct"]),
        (&json!(501), &json!(1.5), &Value::Null)
    );
    let tag = all.header("ETag").expect("a tag").to_owned();
    let known =
        format!("GET /readings.csv HTTP/1.1\r\nHost: {address}\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n");
    assert_eq!(crate::client::exchange(&address, &known).status, 304);
    peer.feed("DATA|other|2013-01-02T00:00:01Z|1.5||\n");
    get_until(&address, "/readings.csv?sensor=other", |answer| answer.body.lines().count() == 3);
    assert_eq!(crate::client::exchange(&address, &known).status, 200);
}

#[test]
fn a_sensor_has_its_last_row_and_a_plot_without_a_line_across_its_silence() {
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    let mut events = Events::open(&address);
    let line =
        |minute: u32| format!("DATA|roof|2013-01-01T{:02}:{:02}:00Z|{minute}||1013.5\n", minute / 60, minute % 60);
    // An hour, three hours of silence, and another hour.
    let lines: String = (0..60).chain(240..300).map(line).collect();
    peer.feed(&lines);
    let shown = events.wait_for("sensors", |shown| shown["sensors"][0]["sequence"] == 120);
    let row = &shown["sensors"][0];
    assert_eq!((&row["sensor"], &row["temperature_c"]), (&json!("roof"), &json!(299.0)));
    assert_eq!(get(&address, "/api/v1/sensors").json()["sensors"], shown["sensors"]);
    let plot = get(&address, "/api/v1/plot?sensor=roof&buckets=300").json();
    let numbers = |name: &str| -> Vec<i64> {
        plot[name].as_array().expect("a list").iter().map(|number| number.as_i64().expect("a number")).collect()
    };
    assert_eq!(numbers("n").iter().sum::<i64>(), 120);
    let gap = plot["gap_ms"].as_i64().expect("a length");
    let breaks: Vec<i64> =
        numbers("t").windows(2).map(|pair| pair[1] - pair[0]).filter(|between| *between > gap).collect();
    assert_eq!(breaks.len(), 1, "{plot}");
    assert!((178 * 60_000..=182 * 60_000).contains(&breaks[0]), "{breaks:?}");
    assert_eq!(plot["temperature_c"]["min"][0], json!(0.0));
    let hour =
        get(&address, "/api/v1/plot?sensor=roof&from=2013-01-01T04:00:00Z&to=2013-01-01T05:00:00Z&buckets=6").json();
    assert_eq!(hour["n"], json!([10, 10, 10, 10, 10, 10]));
    assert_eq!(hour["temperature_c"]["mean"][0], json!(244.5));
    assert_eq!(hour["humidity_pct"]["max"][0], Value::Null);
    for (path, status) in [
        ("/api/v1/plot", 400),
        ("/api/v1/plot?sensor=none", 404),
        ("/api/v1/plot?sensor=../state", 400),
        ("/api/v1/plot?sensor=roof&buckets=100000", 400),
        ("/api/v1/readings?format=xml", 400),
    ] {
        assert_eq!(get(&address, path).status, status, "{path}");
    }
}

#[test]
fn scripts_and_dashboards_find_flat_objects() {
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    peer.feed("DATA|roof|2013-01-01T00:00:00Z|1.5||\n");
    let is_there = |answer: &crate::client::Answer| answer.body.contains("\"roof\"");
    let sensors = get_until(&address, "/api/v1/sensors", is_there).json();
    // Grafana's Infinity takes a root that is a list of flat objects.
    let rows = sensors["sensors"].as_array().expect("a list");
    let is_flat = |value: &Value| !value.is_object() && !value.is_array();
    assert!(rows.iter().all(|row| row.as_object().is_some_and(|row| row.values().all(is_flat))), "{sensors}");
    let shell = |script: &str| Command::new("sh").args(["-c", script]).output().expect("a shell");
    if !shell("command -v curl && command -v jq").status.success() {
        return skipped("curl | jq", "curl or jq is not here");
    }
    let output = shell(&format!("curl -sf http://{address}/api/v1/status | jq -r .leader"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a\n");
}

#[test]
fn pandas_polars_and_duckdb_read_from_the_address() {
    let packages = match packages() {
        Ok(packages) => packages,
        Err(why) => return skipped("rows over HTTP as pandas, polars and DuckDB read them", &why),
    };
    let group = Group::new();
    let (mut peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    let lines = (0..5000).map(|number| format!("DATA|roof|2013-01-01T00:00:00Z|{number}|50.5|\n")).collect::<Vec<_>>();
    peer.feed(&lines.concat());
    assert_same_rows(&[&peer], 5000);
    get_until(&address, "/readings.csv?sensor=roof", |answer| answer.body.lines().count() == 5001);
    let shown = shown_block("http.md").replace("127.0.0.1:8080", &address);
    let print = "
print(len(with_pandas), int(with_pandas['temperature_c'].sum()), with_pandas['timestamp'].dtype.kind)
print(len(with_polars), int(with_polars['temperature_c'].sum()), with_polars['timestamp'].dtype == polars.Datetime)
rows = with_duckdb.fetchall()
print(len(rows), int(sum(row[3] for row in rows)), with_duckdb.types[1])
";
    let output = run(&format!("{shown}{print}"), &packages);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "5000 12497500 M\n5000 12497500 True\n5000 12497500 TIMESTAMP WITH TIME ZONE\n"
    );
}
