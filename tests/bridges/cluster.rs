//! A stream on three servers of NATS: while a majority of them lives, rows go on, each once and in order.

use std::future::Future;
use std::thread;
use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::ConnectOptions;
use tokio::runtime::{Builder, Runtime};

use crate::bridge;
use crate::harness::feeder::{Feeder, PAUSE_MILLIS_MAX};
use crate::harness::{Group, PATIENCE};
use crate::nats::{assert_once_and_in_order, messages, row_of_another, Message};
use crate::server::{free_port, Server};
use crate::storm::{readings, wait_for, Holder};

const STREAM: &str = "sensors";

struct Cluster {
    servers: Vec<Server>,
    runtime: Runtime,
    /// Which one does not run.
    dead: Option<usize>,
}

impl Cluster {
    fn start() -> Option<Self> {
        let routes = [(); 3].map(|()| free_port());
        let list = routes.map(|port| format!("nats-route://127.0.0.1:{port}")).join(", ");
        let mut servers = Vec::new();
        for (number, route) in routes.iter().enumerate() {
            servers.push(Server::start("nats-server", "-c", |port, directory| {
                format!(
                    "server_name: s{number}\nlisten: 127.0.0.1:{port}\njetstream {{ store_dir: {} }}\n\
                     cluster {{ name: test, listen: 127.0.0.1:{route}, routes: [{list}] }}\n",
                    directory.display()
                )
            })?);
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let mut cluster = Self { servers, runtime, dead: None };
        cluster.make();
        Some(cluster)
    }

    /// The stream at all three servers. They elect a leader first.
    fn make(&mut self) {
        let config = Config {
            name: STREAM.to_owned(),
            subjects: vec!["sensors.*".to_owned()],
            duplicate_window: Duration::from_millis(100),
            storage: StorageType::File,
            num_replicas: 3,
            ..Config::default()
        };
        self.ask("make the stream", |context| {
            let config = config.clone();
            async move { context.create_stream(config).await.is_ok().then_some(()) }
        });
    }

    /// Asks a server that runs until there is an answer.
    fn ask<T, F: Future<Output = Option<T>>>(&mut self, what: &str, ask: impl Fn(Context) -> F) -> T {
        let until = Instant::now() + 2 * PATIENCE;
        loop {
            let at = (0..self.servers.len()).find(|at| Some(*at) != self.dead).expect("one is dead at most");
            let address = format!("127.0.0.1:{}", self.servers[at].port);
            // One that waits for an election does not answer.
            let options = ConnectOptions::new().request_timeout(Some(Duration::from_secs(1)));
            let answer = self.runtime.block_on(async {
                let client = options.connect(address).await.ok()?;
                ask(jetstream::new(client)).await
            });
            if let Some(answer) = answer {
                return answer;
            }
            assert!(Instant::now() < until, "cannot {what}");
            thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// All that the stream holds.
    fn messages(&mut self) -> Vec<Message> {
        self.ask("read", |context| async move {
            // A consumer may be on a server that has only just begun.
            tokio::time::timeout(PATIENCE, messages(&context, STREAM)).await.ok()?
        })
    }

    /// Which server leads the stream.
    fn leader(&mut self) -> usize {
        let name = self.ask("name the leader", |context| async move {
            context.get_stream(STREAM).await.ok()?.cached_info().cluster.clone()?.leader
        });
        name.trim_start_matches('s').parse().expect("a number")
    }

    /// Kills that one.
    fn fail(&mut self) {
        let leader = self.leader();
        self.servers[leader].end("-9");
        self.dead = Some(leader);
    }

    /// Starts it again, and waits until all three have the same.
    fn heal(&mut self) {
        self.servers[self.dead.take().expect("one is dead")].run();
        self.ask("have three servers that agree", |context| async move {
            let cluster = context.get_stream(STREAM).await.ok()?.cached_info().cluster.clone()?;
            let agree = cluster.replicas.iter().filter(|replica| replica.current && !replica.offline).count();
            (cluster.leader.is_some() && agree == 2).then_some(())
        });
    }
}

impl Holder for Cluster {
    fn held(&mut self) -> u64 {
        self.ask(
            "count",
            |context| async move { Some(context.get_stream(STREAM).await.ok()?.cached_info().state.messages) },
        )
    }

    fn fall(&mut self) {
        self.fail();
        self.heal();
    }
}

/// Hands rows over while the leader of the stream is killed again and again: each time once `few` more rows are there,
/// and for as long as it takes until `more` are. `pause` is the longest between two heaps of readings, in milliseconds.
fn survive(kills: usize, (few, more): (u64, u64), pause: u64) {
    let Some(mut cluster) = Cluster::start() else { return };
    let group = Group::new();
    let mut peer = group.start_fed("a");
    // The first that dies is the one that the bridge is connected to.
    let first = cluster.leader();
    let hosts = [0, 1, 2].map(|at| format!("127.0.0.1:{}", cluster.servers[(first + at) % 3].port)).join(",");
    let bridge = bridge::start("bridge", &group.directory, &[&format!("nats://{hosts}")]);
    let feeder = Feeder::start_paced(peer.take_input(), "roof", 1, (1, pause));
    for _ in 0..kills {
        let before = cluster.held();
        wait_for(&mut cluster, &bridge, before + few);
        cluster.fail();
        wait_for(&mut cluster, &bridge, before + more);
        cluster.heal();
    }
    let count = feeder.finish() - 1;
    wait_for(&mut cluster, &bridge, count);
    let messages = cluster.messages();
    assert_once_and_in_order(&messages, count);
    assert!(messages.iter().map(|message| message.sequence).eq(1..=count));
}

#[test]
fn each_row_is_in_a_stream_of_three_servers_once_whichever_leads() {
    survive(2, (300, 1500), PAUSE_MILLIS_MAX);
}

#[test]
#[ignore = "takes five minutes; by hand"]
fn each_row_is_there_once_at_full_pace_too() {
    survive(6, (3000, 9000), 2);
}

#[test]
fn a_message_that_three_servers_lost_is_sent_again_although_the_group_has_newer_ones() {
    let Some(mut cluster) = Cluster::start() else { return };
    let group = Group::new();
    let mut peer = group.start_fed("a");
    peer.feed(&readings("a", 100));
    let url = format!("nats://127.0.0.1:{}", cluster.servers[0].port);
    let start = || bridge::start("bridge", &group.directory, &[&url]);
    let mut first = start();
    wait_for(&mut cluster, &first, 100);
    first.signal("-TERM");
    assert_eq!(first.wait_for_exit().code(), Some(0));
    cluster.ask("take a message away", |context| async move {
        context.get_stream(STREAM).await.ok()?.delete_message(100).await.ok()
    });
    cluster.ask("put a row of another peer", |context| async move {
        let headers = row_of_another("sensors", 1);
        context.publish_with_headers("sensors.roof", headers, "{}".into()).await.ok()?.await.ok()
    });
    let second = start();
    wait_for(&mut cluster, &second, 101);
    let messages = cluster.messages();
    let of_peer: Vec<_> = messages.iter().filter(|message| message.subject != "sensors.roof").cloned().collect();
    assert_once_and_in_order(&of_peer, 100);
}
