//! What Prometheus reads.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::client::{get, get_until, start};
use crate::harness::{assert_same_rows, skipped, Group};

/// The value of a metric, with its labels.
fn value<'a>(text: &'a str, metric: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(metric)?.strip_prefix(' '))
}

/// The same where it is a whole number, or has a fraction that does not matter.
fn at_least(text: &str, metric: &str, least: f64) -> bool {
    value(text, metric).and_then(|value| value.parse::<f64>().ok()).is_some_and(|value| value >= least)
}

#[test]
fn a_peer_counts_what_it_does() {
    let group = Group::new();
    let (mut leader, address) = start(&group, "z", &["--fsync", "batch"]);
    leader.wait_for_view(&["z"]);
    let mut other = group.start_with("b", &["--sensor", "stdin"]);
    leader.wait_for_view(&["b", "z"]);
    leader.feed_numbered(0, 300);
    leader.feed("nonsense\n");
    other.feed_numbered(0, 100);
    assert_same_rows(&[&leader, &other], 400);
    let all = get_until(&address, "/metrics", |answer| value(&answer.body, "peer_delivered_sequence") == Some("400"));
    for (metric, expected) in [
        ("peer_leads", "1"),
        ("peer_members", "2"),
        ("peer_missing", "0"),
        ("peer_works", "1"),
        ("peer_readings_total{source=\"stdin\"}", "300"),
        ("peer_complaints_total{event=\"line_refused\"}", "1"),
        ("peer_waiting_readings", "0"),
    ] {
        assert_eq!(value(&all.body, metric), Some(expected), "{metric} in\n{}", all.body);
    }
    for (metric, least) in [
        ("peer_events_total{event=\"view\"}", 2.0),
        ("peer_commit_duration_seconds_count", 1.0),
        ("peer_sync_duration_seconds_count", 1.0),
        ("peer_link_sent_bytes_total{peer=\"b\"}", 300.0 * 30.0),
        ("peer_disk_free_bytes", 1.0),
    ] {
        assert!(at_least(&all.body, metric, least), "{metric} in\n{}", all.body);
    }
    assert!(all.body.ends_with("# EOF\n"));
    assert_eq!(all.header("Content-Type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
}

#[test]
fn promtool_finds_nothing_to_mend() {
    if Command::new("promtool").arg("--version").output().is_err() {
        return skipped("promtool check metrics", "promtool is not here (Debian's prometheus)");
    }
    let group = Group::new();
    let (peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    let text = get(&address, "/metrics").body;
    let mut check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is here");
    check.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = check.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}
