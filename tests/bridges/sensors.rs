//! Bridges of one group beside each other, for different sensors, topics or streams: none keeps another one's rows away.

use crate::bridge::{self, assert_says, refused, rows};
use crate::harness::Group;
use crate::mqtt::Broker;
use crate::nats::Nats;
use crate::storm::{wait_for, Holder};

/// Starts a bridge with a position of its own, and ends it once the engine holds this many rows.
fn hands_over(holder: &mut dyn Holder, group: &Group, options: &[&str], count: u64) {
    let mut bridge = bridge::start("bridge", &group.directory, options);
    bridge.wait_for("rows go there");
    wait_for(holder, &bridge, count);
    bridge.signal("-TERM");
    assert_eq!(bridge.wait_for_exit().code(), Some(0));
}

#[test]
fn bridges_of_different_sensors_fill_one_stream() {
    let Some(mut nats) = Nats::start("sensors") else { return };
    let group = rows();
    let url = nats.url();
    // The last row first: those of other sensors have lower numbers of the same life.
    for (position, sensors, lines, count) in
        [("one", "a-4", "2", 2), ("two", "a-0,a-1", "4", 6), ("one", "a-4,a-2", "0", 8)]
    {
        let options = ["--create", "--cursor", position, "--sensor", sensors, "--lines", lines, &url];
        hands_over(&mut nats, &group, &options, count);
    }
    hands_over(&mut nats, &group, &["--cursor", "all", &url], 10);
    let mut numbers: Vec<String> = nats.messages("sensors").into_iter().map(|message| message.id).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((numbers.len(), nats.count("sensors")), (10, 10), "each row once");
}

#[test]
fn bridges_of_different_sensors_or_topics_keep_a_position_each_with_a_broker() {
    let Some(mut broker) = Broker::start() else { return };
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed("DATA|cellar|2026-01-16T00:00:00Z|1||\nDATA|roof|2026-01-16T00:00:00Z|1||\n");
    peer.wait_for_rows(2);
    let url = broker.url();
    for (position, count, options) in [
        ("one", 1, ["--sensor", "roof"]),
        ("two", 2, ["--sensor", "cellar"]),
        ("three", 4, ["--topic", "home/{sensor}"]),
    ] {
        let options = [&["--when", "leader", "--cursor", position, &url][..], &options].concat();
        hands_over(&mut broker, &group, &options, count);
    }
}

#[test]
fn bridges_beside_one_peer_have_a_position_each() {
    let Some(mut nats) = Nats::start("one") else { return };
    let group = rows();
    let urls = ["one", "two"].map(|stream| format!("{}/{stream}", nats.url()));
    nats.make("one", &["sensors.a-4".to_owned()]);
    nats.make("two", &["sensors.a-0".to_owned()]);
    let options = [["--sensor", "a-4", &urls[0]], ["--sensor", "a-0", &urls[1]]];
    for options in &options {
        hands_over(&mut nats, &group, options, 2);
    }
    let kept = std::fs::read_dir(group.directory.join("data")).expect("it is there");
    let names = kept.map(|entry| entry.expect("it is there").file_name().into_string().expect("text"));
    assert_eq!(names.filter(|name| name.starts_with("a.nats-") && name.ends_with(".bridge")).count(), 2);
    let first = bridge::start("first", &group.directory, &options[0]);
    first.wait_for("rows go there");
    assert_says(refused(&group.directory, &options[0]), 1, &["the position of another bridge", "--cursor"]);
    bridge::start("second", &group.directory, &options[1]).wait_for("rows go there");
}
