//! Streams of NATS JetStream: each row once, in order.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::HeaderMap;
use futures_util::StreamExt;
use tokio::runtime::{Builder, Runtime};

use crate::bridge;
use crate::harness::{assert_same_rows, Group, PATIENCE};
use crate::server::Server;
use crate::storm::{self, readings, wait_for, Holder, ROWS};

/// A server, and what looks into its streams.
pub(crate) struct Nats {
    pub(crate) server: Server,
    runtime: Runtime,
    stream: &'static str,
}

/// A row in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) id: String,
    pub(crate) sequence: u64,
}

impl Nats {
    pub(crate) fn start(stream: &'static str) -> Option<Self> {
        let server = Server::start("nats-server", "-c", |port, directory| {
            format!("listen: 127.0.0.1:{port}\njetstream {{ store_dir: {} }}\n", directory.display())
        })?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        Some(Self { server, runtime, stream })
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.server.port)
    }

    async fn context(port: u16) -> Context {
        jetstream::new(async_nats::connect(format!("nats://127.0.0.1:{port}")).await.expect("it listens"))
    }

    /// Makes a stream that immediately forgets which messages it had, so that a repeated one shows.
    pub(crate) fn make(&self, name: &str, subjects: &[String]) {
        let config = Config {
            name: name.to_owned(),
            subjects: subjects.to_vec(),
            duplicate_window: Duration::from_millis(100),
            storage: StorageType::File,
            ..Config::default()
        };
        let make = async { Self::context(self.server.port).await.create_stream(config).await.expect("a stream") };
        self.runtime.block_on(make);
    }

    /// Takes a stream away, and makes one of the same name with nothing in it, before anybody can look.
    fn replace(&self, name: &str) {
        self.runtime.block_on(async {
            let context = Self::context(self.server.port).await;
            let config = context.get_stream(name).await.expect("it is there").cached_info().config.clone();
            context.delete_stream(name).await.expect("it is there");
            context.create_stream(config).await.expect("a stream");
        });
    }

    /// Lets a stream keep this many messages.
    fn limit(&self, name: &str, count: i64) {
        self.runtime.block_on(async {
            let context = Self::context(self.server.port).await;
            let mut config = context.get_stream(name).await.expect("it is there").cached_info().config.clone();
            config.max_messages = count;
            context.update_stream(&config).await.expect("a stream");
        });
    }

    fn remove(&self, name: &str) {
        let remove = async { Self::context(self.server.port).await.delete_stream(name).await.expect("it is there") };
        self.runtime.block_on(remove);
    }

    /// Puts rows of another group into the streams that take them.
    fn put(&self, group: &str, count: u64) {
        self.runtime.block_on(async {
            let context = Self::context(self.server.port).await;
            for number in 1..=count {
                let headers = row_of_another(group, number);
                let sent = context.publish_with_headers(format!("{group}.roof"), headers, "{}".into()).await;
                sent.expect("it is connected").await.expect("a stream takes it");
            }
        });
    }

    pub(crate) fn messages(&self, name: &str) -> Vec<Message> {
        let read = async { messages(&Self::context(self.server.port).await, name).await };
        self.runtime.block_on(read).expect("it answers")
    }

    pub(crate) fn count(&self, name: &str) -> u64 {
        self.runtime.block_on(async {
            let stream = Self::context(self.server.port).await.get_stream(name).await;
            stream.map_or(0, |stream| stream.cached_info().state.messages)
        })
    }
}

/// What names a row of a peer that does not run.
pub(crate) fn row_of_another(group: &str, number: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, format!("{group}/z/1/{number}"));
    headers.insert("Peer-Sequence", number.to_string());
    headers
}

/// All messages of a stream, in its order, if the server answers.
pub(crate) async fn messages(context: &Context, name: &str) -> Option<Vec<Message>> {
    let stream = context.get_stream(name).await.ok()?;
    let count = stream.cached_info().state.messages;
    let config = OrderedConfig { headers_only: true, ..OrderedConfig::default() };
    let mut messages = stream.create_consumer(config).await.ok()?.messages().await.ok()?;
    let mut found = Vec::new();
    while (found.len() as u64) < count {
        let message = messages.next().await?.ok()?;
        let headers = message.headers.as_ref().expect("headers");
        let sequence = headers.get("Peer-Sequence").and_then(|text| text.as_str().parse().ok());
        found.push(Message {
            subject: message.subject.to_string(),
            id: headers.get(NATS_MESSAGE_ID).expect("an id").to_string(),
            sequence: sequence.expect("a sequence"),
        });
    }
    Some(found)
}

impl Holder for Nats {
    fn held(&mut self) -> u64 {
        self.count(self.stream)
    }

    fn fall(&mut self) {
        self.server.end("-9");
        self.server.run();
    }
}

/// Asserts that there are this many rows, each once, and those of each life of a peer in the order in which it took
/// them in.
pub(crate) fn assert_once_and_in_order(messages: &[Message], count: u64) {
    assert_eq!(messages.len() as u64, count);
    let mut last: HashMap<&str, u64> = HashMap::new();
    for message in messages {
        let (origin, number) = message.id.rsplit_once('/').expect("an id");
        let before = last.insert(origin, number.parse().expect("a number")).unwrap_or(0);
        assert_eq!(last[origin], before + 1, "{message:?}");
    }
}

#[test]
fn each_row_is_in_the_stream_once_whatever_is_killed() {
    let Some(mut nats) = Nats::start("sensors") else { return };
    nats.make("sensors", &["sensors.*".to_owned()]);
    let url = nats.url();
    storm::survive(&mut nats, &[&url]);
    let messages = nats.messages("sensors");
    assert_once_and_in_order(&messages, ROWS + 1);
    assert_eq!(messages.iter().filter(|one| one.subject == "sensors.a-3").count(), 8_000);
}

#[test]
fn bridges_at_two_peers_hand_each_row_over_once_and_in_the_order_of_the_group() {
    let Some(mut nats) = Nats::start("both") else { return };
    nats.make("both", &["sensors.*".to_owned()]);
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let url = nats.url() + "/both";
    let mut bridges = ["a", "b"].map(|id| bridge::start(id, &group.directory, &[&url, id]));
    for peer in &mut peers {
        peer.feed(&readings(&peer.id.clone(), 10_000));
    }
    assert_same_rows(&[&peers[0], &peers[1]], 20_000);
    wait_for(&mut nats, &bridges[0], 20_000);
    for bridge in &mut bridges {
        bridge.signal("-TERM");
        assert_eq!(bridge.wait_for_exit().code(), Some(0));
    }
    let messages = nats.messages("both");
    assert!(messages.iter().map(|message| message.sequence).eq(1..=20_000));
    assert_once_and_in_order(&messages, 20_000);
}

#[test]
fn a_bridge_that_lost_its_position_goes_on_after_what_the_stream_has() {
    let Some(mut nats) = Nats::start("sensors") else { return };
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", 3000));
    let url = nats.url();
    let start = || bridge::start("bridge", &group.directory, &["--create", "--cursor", "position", &url]);
    let mut first = start();
    wait_for(&mut nats, &first, 3000);
    first.kill();
    std::fs::remove_file(group.directory.join("position")).expect("a position was kept");
    peer.feed("DATA|last|2026-01-16T00:00:00Z|1||\n");
    let second = start();
    wait_for(&mut nats, &second, 3001);
    assert_once_and_in_order(&nats.messages("sensors"), 3001);
}

#[test]
fn a_bridge_that_ends_while_its_server_is_away_leaves_no_row_out() {
    let Some(mut nats) = Nats::start("sensors") else { return };
    nats.make("sensors", &["sensors.*".to_owned()]);
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", 100));
    let url = nats.url();
    let start = || bridge::start("bridge", &group.directory, &[&url]);
    let mut first = start();
    wait_for(&mut nats, &first, 100);
    nats.server.end("-9");
    peer.feed(&readings("b", 100));
    first.wait_for("not acknowledged");
    first.signal("-TERM");
    assert_eq!(first.wait_for_exit().code(), Some(0));
    nats.server.run();
    let second = start();
    wait_for(&mut nats, &second, 200);
    assert_once_and_in_order(&nats.messages("sensors"), 200);
}

#[test]
fn the_last_rows_are_counted_when_a_bridge_starts() {
    let Some(mut nats) = Nats::start("sensors") else { return };
    nats.make("sensors", &["sensors.*".to_owned()]);
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", 100));
    peer.wait_for_rows(100);
    nats.server.end("-TERM");
    let url = nats.url();
    let bridge = bridge::start("bridge", &group.directory, &["--lines", "10", &url]);
    bridge.wait_for("rows wait");
    peer.feed(&readings("b", 50));
    peer.wait_for_rows(150);
    nats.server.run();
    wait_for(&mut nats, &bridge, 60);
    assert!(nats.messages("sensors").iter().map(|message| message.sequence).eq(91..=150));
}

/// Something happens to the stream of a bridge that has handed over its rows: they are there again, and those that come then.
fn assert_gets_all_rows_again(change: impl FnOnce(&mut Nats)) {
    let Some(mut nats) = Nats::start("sensors") else { return };
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", 100));
    let url = nats.url();
    let bridge = bridge::start("bridge", &group.directory, &["--create", &url]);
    wait_for(&mut nats, &bridge, 100);
    change(&mut nats);
    peer.feed(&readings("b", 100));
    wait_for(&mut nats, &bridge, 200);
    assert_once_and_in_order(&nats.messages("sensors"), 200);
}

#[test]
fn a_stream_that_is_made_again_gets_all_rows_again() {
    assert_gets_all_rows_again(|nats| nats.remove("sensors"));
}

#[test]
fn a_stream_that_is_replaced_while_a_bridge_works_gets_all_rows_again() {
    assert_gets_all_rows_again(|nats| nats.replace("sensors"));
}

/// Hands rows over until the stream holds this many, and ends.
fn hands_over(nats: &mut Nats, group: &Group, url: &str, count: u64) {
    let mut bridge = bridge::start("bridge", &group.directory, &[url]);
    bridge.wait_for("rows go there");
    wait_for(nats, &bridge, count);
    bridge.signal("-TERM");
    assert_eq!(bridge.wait_for_exit().code(), Some(0));
}

#[test]
fn a_stream_that_lost_its_end_to_another_group_gets_those_rows_again() {
    let Some(mut nats) = Nats::start("company") else { return };
    nats.make("company", &["sensors.*", "south.*"].map(str::to_owned));
    let group = Group::new();
    let mut peer = group.start_fed("a");
    let url = nats.url() + "/company";
    peer.feed(&readings("a", 90));
    hands_over(&mut nats, &group, &url, 90);
    nats.server.end("-TERM");
    nats.server.copy("jetstream", "before");
    nats.server.run();
    peer.feed(&readings("b", 10));
    hands_over(&mut nats, &group, &url, 100);
    nats.server.end("-TERM");
    nats.server.copy("before", "jetstream");
    nats.server.run();
    // It reaches further than the bridge knows, and ten of its rows are gone.
    nats.put("south", 15);
    hands_over(&mut nats, &group, &url, 115);
    let mut messages = nats.messages("company");
    messages.retain(|message| message.subject.starts_with("sensors."));
    assert_once_and_in_order(&messages, 100);
}

#[test]
fn rows_that_the_limits_of_a_stream_removed_are_not_sent_again() {
    let Some(mut nats) = Nats::start("company") else { return };
    nats.make("company", &["sensors.*", "south.*"].map(str::to_owned));
    nats.limit("company", 10);
    let group = Group::new();
    let mut peer = group.start_fed("a");
    let url = nats.url() + "/company";
    peer.feed(&readings("a", 10));
    hands_over(&mut nats, &group, &url, 10);
    nats.put("south", 12);
    peer.feed("DATA|last|2026-01-16T00:00:00Z|1||\n");
    peer.wait_for_rows(11);
    let bridge = bridge::start("bridge", &group.directory, &[&url]);
    bridge.wait_for("rows go there");
    let until = Instant::now() + PATIENCE;
    while nats.messages("company").iter().all(|message| message.subject != "sensors.last") {
        assert!(Instant::now() < until, "the last row comes");
    }
    let messages = nats.messages("company");
    assert_eq!(messages.iter().filter(|message| message.subject.starts_with("sensors.")).count(), 1);
}

#[test]
fn a_stream_whose_readers_take_messages_away_is_not_read() {
    let Some(mut nats) = Nats::start("queue") else { return };
    let config = Config {
        name: "queue".to_owned(),
        subjects: vec!["sensors.*".to_owned()],
        retention: RetentionPolicy::WorkQueue,
        ..Config::default()
    };
    nats.runtime
        .block_on(async { Nats::context(nats.server.port).await.create_stream(config).await.expect("a stream") });
    let group = Group::new();
    let mut peer = group.start_fed("a");
    let url = nats.url() + "/queue";
    for count in [10, 20] {
        peer.feed(&readings(&count.to_string(), 10));
        hands_over(&mut nats, &group, &url, count);
    }
}

#[test]
fn three_groups_are_one_stream() {
    let Some(mut nats) = Nats::start("company") else { return };
    let sites = ["north", "south", "west"];
    nats.make("company", &sites.map(|site| format!("{site}.*")));
    let url = nats.url() + "/company";
    let mut groups = sites.map(|site| {
        let group = Group::new();
        let peer = group.start_with("a", &["--group", site, "--sensor", "stdin"]);
        let bridge = bridge::start(site, &group.directory, &["--group", site, &url]);
        (group, peer, bridge)
    });
    for part in 1..=3 {
        for (_, peer, _) in &mut groups {
            peer.feed(&readings("roof", 700));
        }
        wait_for(&mut nats, &groups[0].2, part * 2100);
    }
    let messages = nats.messages("company");
    assert_once_and_in_order(&messages, 6300);
    for site in sites {
        let of_site = messages.iter().filter(|message| message.id.starts_with(&format!("{site}/")));
        assert!(of_site.map(|message| message.sequence).eq(1..=2100), "{site} is in its order");
    }
}
