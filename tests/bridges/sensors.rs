//! Bridges of one group that take some of its sensors each: none keeps another one's rows away.

use crate::bridge::{self, rows};
use crate::harness::Group;
use crate::mqtt::Broker;
use crate::nats::Nats;
use crate::storm::{wait_for, Holder};

/// Starts a bridge with a position of its own, and ends it once the engine holds so many rows.
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
    for (position, sensors, count) in [("one", "a-4", 2), ("two", "a-0,a-1", 6), ("one", "a-4,a-2", 8)] {
        let options = ["--create", "--cursor", position, "--sensor", sensors, &url];
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
