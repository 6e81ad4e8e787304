//! `/metrics`: what a peer counts, as `OpenMetrics` where that is accepted, and in the older text form of Prometheus elsewhere. Names and units are described in `docs/http.md`.

use prometheus_client::encoding::{text, EncodeLabelSet};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::request::Request;
use super::response::{Body, Response};
use super::Site;
use crate::status::report::{PeerState, Report, Role};

/// Bounds of durations, in seconds: from a round trip on loopback to a disk that hangs.
const BOUNDS: [f64; 16] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is measured as it happens. Clones share what they measure.
#[derive(Debug, Clone)]
pub struct Durations {
    /// From the moment that readings of this peer are taken in until they are committed, in seconds.
    pub commits: Histogram,
    /// How long the disk takes for a sync, in seconds.
    pub syncs: Histogram,
}

impl Default for Durations {
    fn default() -> Self {
        Self { commits: Histogram::new(BOUNDS), syncs: Histogram::new(BOUNDS) }
    }
}

/// Counters of this life of a peer.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub durations: Durations,
    /// Readings that each source gave, by what `--sensor` calls it.
    pub sources: Vec<(String, u64)>,
    /// Lines of the log, by the stable name of their event.
    pub events: Vec<(String, u64)>,
    /// What was wrong, logged or only counted: the stable name of its event, such as `line_refused`, and the reason,
    /// where an event has several.
    pub complaints: Vec<(&'static str, &'static str, u64)>,
    /// Readings that merges ordered again.
    pub merged: u64,
    /// This host's clock minus the leader's, in seconds, where that is known.
    pub clock_offset: Option<f64>,
    pub links: Vec<LinkFigures>,
    pub process: ProcessFigures,
}

/// The connection on which this peer speaks to another.
#[derive(Debug, Clone)]
pub struct LinkFigures {
    pub peer: String,
    pub sent_bytes: u64,
    pub connections: u64,
}

/// What the operating system counts of this process, as far as it says.
#[derive(Debug, Clone, Default)]
pub struct ProcessFigures {
    pub cpu_seconds: Option<f64>,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub threads: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPeer {
    peer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEvent {
    event: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfComplaint {
    event: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

pub(super) fn answer(site: &impl Site, request: &Request) -> Response {
    let mut registry = Registry::with_prefix("peer");
    let (report, figures) = (site.report(), site.figures());
    group(&report, figures.clock_offset, &mut registry);
    readings(&report, &figures, &mut registry);
    counted(&figures, &mut registry);
    let mut all = String::new();
    // A string takes whatever is written to it.
    let _ = text::encode_registry(&mut all, &registry);
    process(&report, &figures.process, &mut all);
    let _ = text::encode_eof(&mut all);
    if request.accept.contains("application/openmetrics-text") {
        return Response::new(OPEN_METRICS, Body::Whole(all.into_bytes()));
    }
    Response::new(TEXT, Body::Whole(older(&all).into_bytes()))
}

/// The older form: it has no units and no end, a counter has the name of its sample, and an info is a gauge.
fn older(open: &str) -> String {
    let mut kinds: Vec<(&str, &str)> = Vec::new();
    for line in open.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        kinds.extend(line.split_once(' '));
    }
    let kind = |name: &str| kinds.iter().find(|(known, _)| *known == name).map_or("untyped", |(_, kind)| *kind);
    let mut all = String::with_capacity(open.len());
    for line in open.lines() {
        let comment = ["# HELP ", "# TYPE "].into_iter().find_map(|word| Some((word, line.strip_prefix(word)?)));
        let line = match comment.and_then(|(word, rest)| Some((word, rest.split_once(' ')?))) {
            Some((word, (name, rest))) => {
                let (end, kind) = match kind(name) {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    other => ("", other),
                };
                format!("{word}{name}{end} {}", if word == "# TYPE " { kind } else { rest })
            }
            None if line.starts_with('#') => continue,
            None => line.to_owned(),
        };
        all.push_str(&line);
        all.push('\n');
    }
    all
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: impl TryInto<i64>) {
    registry.register(name, help, ConstGauge::new(value.try_into().unwrap_or(i64::MAX)));
}

/// A counter for each label.
fn counters<L>(registry: &mut Registry, name: &str, help: &str, values: impl Iterator<Item = (L, u64)>)
where
    L: EncodeLabelSet + Clone + Eq + std::hash::Hash + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Counter>::default();
    for (labels, value) in values {
        family.get_or_create(&labels).inc_by(value);
    }
    registry.register(name, help, family);
}

fn group(report: &Report, clock_offset: Option<f64>, registry: &mut Registry) {
    let info = [("version", report.version.clone()), ("peer", report.peer.clone()), ("group", report.group.clone())];
    registry.register("build", "This peer and its version", Info::new(info.to_vec()));
    let is = |state: bool| i64::from(state);
    let learners = report.members.iter().filter(|seat| seat.role == Role::Learner).count();
    gauge(registry, "leads", "1 while this peer leads", is(report.state == PeerState::Leads));
    let in_group = matches!(report.state, PeerState::Member | PeerState::Leads);
    gauge(registry, "in_group", "1 while this peer leads or is a member", is(in_group));
    gauge(registry, "suspended", "1 while members are missing that the quorum needs", is(report.suspended.is_some()));
    gauge(registry, "works", "1 while the peer does its duty, as /healthz has it", is(report.works()));
    gauge(registry, "term", "The installed term; 0 without one", report.term.unwrap_or(0));
    gauge(registry, "members", "Members of the view, this one included", report.members.len() - learners);
    gauge(registry, "learners", "Peers that catch up, where this peer leads", learners);
    let missing = report.missing.iter().filter(|absent| absent.why != crate::status::attendance::Why::Left).count();
    gauge(registry, "missing", "Peers that were in a view and did not say that they go", missing);
    let lag = Family::<OfPeer, Gauge>::default();
    for seat in &report.members {
        if let Some(entries) = seat.lag {
            let of_peer = OfPeer { peer: seat.peer.clone() };
            lag.get_or_create(&of_peer).set(i64::try_from(entries).unwrap_or(i64::MAX));
        }
    }
    if let Some(offset) = clock_offset {
        let help = "The clock of this host minus the leader's";
        registry.register_with_unit("clock_offset", help, Unit::Seconds, ConstGauge::new(offset));
    }
    registry.register("lag_readings", "Readings of the leader's log that a peer has not stored", lag);
}

fn readings(report: &Report, figures: &Figures, registry: &mut Registry) {
    let readings = &report.readings;
    gauge(registry, "first_sequence", "Rows before this sequence were removed", readings.first);
    gauge(registry, "delivered_sequence", "Rows up to this sequence are in the CSV files", readings.delivered);
    gauge(registry, "committed_sequence", "Rows up to this sequence will be in the CSV files", readings.committed);
    gauge(registry, "ordered_sequence", "The end of this peer's log", readings.ordered);
    gauge(registry, "waiting_readings", "Readings of this peer that are not committed", readings.waiting);
    let sources = figures.sources.iter().map(|(source, count)| (OfSource { source: source.clone() }, *count));
    counters(registry, "readings", "Readings that a source of this peer gave", sources);
    let Durations { commits, syncs } = figures.durations.clone();
    let help = "From taking readings in until they are committed";
    registry.register_with_unit("commit_duration", help, Unit::Seconds, commits);
    registry.register_with_unit("sync_duration", "How long the disk takes for a sync", Unit::Seconds, syncs);
    if let Some(disk) = report.disk {
        let bytes = |bytes: u64| ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
        registry.register_with_unit("disk_free", "Room on the disk of the data", Unit::Bytes, bytes(disk.free));
        registry.register_with_unit("disk_size", "Size of the disk of the data", Unit::Bytes, bytes(disk.total));
    }
}

fn counted(figures: &Figures, registry: &mut Registry) {
    let of_event = |(event, count): &(String, u64)| (OfEvent { event: event.clone() }, *count);
    counters(
        registry,
        "events",
        "Lines of the log by event, as docs/log.md names them",
        figures.events.iter().map(of_event),
    );
    let complaints = figures.complaints.iter().map(|(event, reason, count)| (OfComplaint { event, reason }, *count));
    counters(registry, "complaints", "What was wrong by event and reason, told or counted", complaints);
    registry.register("merged_readings", "Readings that merges ordered again", ConstCounter::new(figures.merged));
    let of_link = |link: &LinkFigures| OfPeer { peer: link.peer.clone() };
    let bytes = figures.links.iter().map(|link| (of_link(link), link.sent_bytes));
    counters(registry, "link_sent_bytes", "Sent to a peer on the present link", bytes);
    let connections = figures.links.iter().map(|link| (of_link(link), link.connections));
    counters(registry, "link_connections", "Connections made to a peer on the present link", connections);
}

/// Names that every exporter uses, which have no prefix.
fn process(report: &Report, figures: &ProcessFigures, all: &mut String) {
    let mut registry = Registry::with_prefix("process");
    if let Some(seconds) = figures.cpu_seconds {
        registry.register_with_unit("cpu", "Processor time of this process", Unit::Seconds, ConstCounter::new(seconds));
    }
    if let Some(bytes) = figures.resident_bytes {
        let bytes = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
        registry.register_with_unit("resident_memory", "Memory of this process", Unit::Bytes, bytes);
    }
    if let Some(count) = figures.open_files {
        gauge(&mut registry, "open_fds", "Open files and connections of this process", count);
    }
    if let Some(count) = figures.threads {
        gauge(&mut registry, "threads", "Threads of this process", count);
    }
    if let Ok(started) = report.started.parse::<jiff::Timestamp>() {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century")]
        let seconds = ConstGauge::new(started.as_millisecond() as f64 / 1000.0);
        registry.register_with_unit("start_time", "When this process started, since 1970", Unit::Seconds, seconds);
    }
    let _ = text::encode_registry(all, &registry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_calls_a_counter_as_its_sample_and_has_no_units() {
        let open = "# HELP a Of a.\n# TYPE a counter\na_total{x=\"#\"} 1\n# HELP b_bytes Of b.\n# TYPE b_bytes gauge\n\
                    # UNIT b_bytes bytes\nb_bytes 2\n# HELP c Of c.\n# TYPE c info\nc_info{y=\"z\"} 1\n# EOF\n";
        let expected = "# HELP a_total Of a.\n# TYPE a_total counter\na_total{x=\"#\"} 1\n# HELP b_bytes Of b.\n\
                        # TYPE b_bytes gauge\nb_bytes 2\n# HELP c_info Of c.\n# TYPE c_info gauge\nc_info{y=\"z\"} 1\n";
        assert_eq!(older(open), expected);
    }
}
