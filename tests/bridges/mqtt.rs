//! Topics of an MQTT broker: each row at least once, and one that comes twice has the same name.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};

use crate::bridge;
use crate::harness::Group;
use crate::server::Server;
use crate::storm::{self, wait_for, Holder, ROWS};

/// A broker, and a subscriber that it remembers.
pub(crate) struct Broker {
    server: Server,
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// Topics and names of readings.
    ids: HashSet<String>,
    /// Messages of other topics, and the topics.
    others: Vec<(String, serde_json::Value)>,
}

impl Broker {
    pub(crate) fn start() -> Option<Self> {
        let server = Server::start("mosquitto", "-c", |port, directory| {
            format!(
                "listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n\
                 persistence true\npersistence_location {}/\nuser root\n",
                directory.display()
            )
        })?;
        let (seen, stop) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (shared, stopped, port) = (Arc::clone(&seen), Arc::clone(&stop), server.port);
        let listener = thread::spawn(move || listen(port, &shared, &stopped));
        Some(Self { server, seen, stop, listener: Some(listener) })
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.server.port)
    }
}

/// Takes all that is published, across restarts of the broker.
fn listen(port: u16, seen: &Mutex<Seen>, stop: &AtomicBool) {
    let mut options = MqttOptions::new("test", "127.0.0.1", port);
    options.set_clean_session(false);
    let (client, mut connection) = Client::new(options, 10);
    while !stop.load(Ordering::Relaxed) {
        match connection.recv_timeout(Duration::from_millis(50)) {
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => client.try_subscribe("#", QoS::AtLeastOnce).expect("room"),
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                let mut seen = seen.lock().expect("no panic");
                let object: serde_json::Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                match object["id"].as_str() {
                    Some(id) => drop(seen.ids.insert(format!("{} {id}", message.topic))),
                    None => seen.others.push((message.topic.clone(), object)),
                }
            }
            _ => {}
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.listener.take().map(JoinHandle::join);
    }
}

impl Holder for Broker {
    fn held(&mut self) -> u64 {
        self.seen.lock().expect("no panic").ids.len() as u64
    }

    /// It keeps what it acknowledged only where it has time to write it.
    fn fall(&mut self) {
        self.server.end("-TERM");
        self.server.run();
    }
}

#[test]
fn each_row_is_published_whatever_is_killed() {
    let Some(mut broker) = Broker::start() else { return };
    let url = broker.url();
    storm::survive(&mut broker, &[&url]);
    assert_eq!(broker.held(), ROWS + 1, "and no reading has two names");
}

#[test]
fn home_assistant_is_told_of_what_a_sensor_measures() {
    let Some(mut broker) = Broker::start() else { return };
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed("DATA|roof|2026-01-16T00:00:00Z|1|40|\nDATA|roof|2026-01-16T00:00:15Z|2|41|\n");
    let url = broker.url();
    let options = ["--home-assistant", "--retain", "--topic", "home/{group}/{sensor}/state", &url];
    let bridge = bridge::start("bridge", &group.directory, &options);
    wait_for(&mut broker, &bridge, 2);
    let seen = broker.seen.lock().expect("no panic");
    let told: Vec<(&str, &str)> = seen
        .others
        .iter()
        .map(|(topic, object)| (topic.as_str(), object["state_topic"].as_str().expect("a topic")))
        .collect();
    let expected = ["temperature_c", "humidity_pct"].map(|of| format!("homeassistant/sensor/sensors_roof/{of}/config"));
    assert_eq!(told, expected.each_ref().map(|topic| (topic.as_str(), "home/sensors/roof/state")));
}

#[test]
fn the_next_leaders_bridge_knows_what_the_broker_has() {
    let Some(mut broker) = Broker::start() else { return };
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b", "c"]);
    let url = broker.url();
    let start = |id: &str| bridge::start(id, &group.directory, &["--when", "leader", &url, id]);
    let mut bridges = ["a", "b", "c"].map(start);
    let leader = peers.iter().position(crate::harness::Peer::leads).expect("one leads");
    peers[(leader + 1) % 3].feed_numbered(0, 500);
    wait_for(&mut broker, &bridges[leader], 500);
    peers[leader].kill();
    bridges[leader].kill();
    peers[(leader + 1) % 3].feed_numbered(500, 600);
    wait_for(&mut broker, &bridges[leader], 600);
    assert_eq!(broker.held(), 600);
}
