//! What Prometheus reads.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::client::{exchange, get, get_until, start, Answer};
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
        ("peer_first_sequence", "1"),
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
    let refused =
        all.body.lines().find(|line| line.starts_with("peer_complaints_total{event=\"line_refused\",reason=\""));
    assert!(refused.is_some_and(|line| line.ends_with("\"} 1")), "{}", all.body);
    assert_eq!(all.header("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
    let open = exchange(&address, &request);
    assert!(open.body.contains("\n# TYPE peer_readings counter\n") && open.body.ends_with("# EOF\n"));
    assert_eq!(open.header("Content-Type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
}

#[test]
fn a_member_knows_how_far_its_clock_is_from_its_leaders() {
    let group = Group::new();
    let leader = group.start("z");
    leader.wait_for_view(&["z"]);
    let (peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a", "z"]);
    let metric = "peer_clock_offset_seconds";
    let answer = get_until(&address, "/metrics", |answer| value(&answer.body, metric).is_some());
    // They have one clock, and the time that a question takes on a busy machine.
    assert!(at_least(&answer.body, metric, -5.0) && !at_least(&answer.body, metric, 5.0), "{}", answer.body);
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

/// A server that scrapes a peer, with its own directory.
struct Prometheus {
    process: Child,
    address: String,
    directory: PathBuf,
}

impl Prometheus {
    fn start(directory: &Path, peer: &str) -> Self {
        let directory = directory.join("prometheus");
        fs::create_dir_all(&directory).expect("a directory");
        let rules = root().join("docs/prometheus/alerts.yml");
        let config = format!(
            "global: {{ scrape_interval: 200ms, evaluation_interval: 200ms }}\nrule_files: ['{}']\nscrape_configs:\n  \
             - job_name: peer\n    static_configs: [{{ targets: ['{peer}'] }}]\n",
            rules.display()
        );
        fs::write(directory.join("prometheus.yml"), config).expect("a file");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("an address");
        let process = Command::new("prometheus")
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error"])
            .arg(format!("--web.listen-address={free}"))
            .current_dir(&directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is here");
        Self { process, address: free.to_string(), directory }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The test started it, and it holds nothing that matters.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_prometheus_scrapes_a_peer_and_takes_the_rules_of_the_docs() {
    if Command::new("prometheus").arg("--version").output().is_err() {
        return skipped("a scrape by Prometheus", "prometheus is not here (Debian's prometheus)");
    }
    let group = Group::new();
    let (peer, address) = start(&group, "a", &[]);
    peer.wait_for_view(&["a"]);
    let prometheus = Prometheus::start(&group.directory, &address);
    let scraped = |answer: &Answer| answer.body.contains("\"peer\":\"a\"") && answer.body.contains("\"1\"]");
    get_until(&prometheus.address, "/api/v1/query?query=peer_build_info", scraped);
    let rules = get_until(&prometheus.address, "/api/v1/rules", |answer| answer.body.contains("PeerNoLeader")).json();
    let rules = rules["data"]["groups"][0]["rules"].as_array().expect("rules").len();
    assert_eq!(rules, 5);
    let check =
        Command::new("promtool").arg("check").arg("rules").arg(root().join("docs/prometheus/alerts.yml")).output();
    assert!(check.expect("it comes with prometheus").status.success());
}
