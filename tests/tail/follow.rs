//! Following peers at work: under load, across a merge, and from one run to the next.

use std::net::TcpListener;
use std::rc::Rc;

use crate::harness::feeder::Feeder;
use crate::harness::{assert_same_rows, Group, Peer, Rows};
use crate::printed::{apply, tail, Tail};

#[test]
fn each_row_comes_once_and_in_order_while_peers_work() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b", "c"]);
    let tails: Vec<Tail> =
        ["a", "b", "c"].iter().map(|id| Tail::start(&group.directory, &["--follow", "--from", "1", id])).collect();
    for peer in &mut peers {
        peer.feed_numbered(0, 4000);
    }
    assert_same_rows(&[&peers[0], &peers[1], &peers[2]], 12_000);
    let rows = peers[0].rows();
    for tail in &tails {
        tail.wait_for(&rows);
        assert_eq!(tail.counts(), (12_000, 0));
    }
    // One that waits for what comes next, and one that has no more to do.
    peers[1].feed_numbered(4000, 4001);
    assert_same_rows(&[&peers[0], &peers[1], &peers[2]], 12_001);
    let rows = peers[0].rows();
    for tail in tails {
        tail.wait_for(&rows);
        assert_eq!(tail.end(), Some(0));
    }
}

/// A port that is free now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback").port()
}

/// What a run to the end prints, applied to the rows of earlier runs.
fn take(group: &Group, rows: &mut Rows, arguments: &[&str]) -> String {
    let output = tail(&group.directory, arguments).output().expect("the binary was built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().for_each(|line| apply(rows, line));
    text
}

/// Two groups of one, on networks that do not hear each other. `a` asks for `b` at a port where nobody listens at
/// first.
struct Two {
    group: Rc<Group>,
    other: Group,
    port: String,
}

impl Two {
    fn new() -> Self {
        Self { group: Rc::new(Group::new()), other: Group::new(), port: free_port().to_string() }
    }

    fn start_a(&self) -> Peer {
        let join = format!("127.0.0.1:{}", self.port);
        self.group.start_with("a", &["--sensor", "stdin", "--resume", "--join", &join])
    }

    /// Starts `b` in the data directory of the other.
    fn start_b(&self) -> Peer {
        let data = self.group.directory.join("data");
        let mut command = self.other.command("b");
        command.args(["--sensor", "stdin", "--resume", "--port", &self.port]).arg("--data-dir").arg(&data);
        Peer::start("b", command, self.group.data_of("b"))
    }
}

#[test]
fn a_merge_is_a_rewind_and_its_rows_come_again_even_in_the_next_run() {
    let two = Two::new();
    let mut b = two.start_b();
    b.feed_numbered(0, 3000);
    b.wait_for_rows(3000);
    b.signal("-TERM");
    assert_eq!(b.wait_for_exit().code(), Some(0));
    let mut a = two.start_a();
    a.feed_numbered(0, 2000);
    a.wait_for_rows(2000);
    let follow = |id| Tail::start(&two.group.directory, &["--follow", "--from", "1", id]);
    let tails = [follow("a"), follow("b")];
    let (rows_of_a, rows_of_b) = (a.rows(), b.rows());
    tails[0].wait_for(&rows_of_a);
    tails[1].wait_for(&rows_of_b);
    // Two cursors, which are used before the merge and after it.
    let (mut had_of_a, mut had_of_b) = (Rows::new(), Rows::new());
    take(&two.group, &mut had_of_a, &["--cursor", "a.cursor", "a"]);
    take(&two.group, &mut had_of_b, &["--cursor", "b.cursor", "b"]);
    assert_eq!((had_of_a.len(), had_of_b.len()), (2000, 3000));
    assert_eq!(take(&two.group, &mut had_of_a, &["--cursor", "a.cursor", "a"]), "", "there is nothing new");

    let mut b = two.start_b();
    for peer in [&a, &b] {
        peer.wait_for_view(&["a", "b"]);
    }
    let feeders = [Feeder::start(a.take_input(), "late-a", 0, 1), Feeder::start(b.take_input(), "late-b", 0, 2)];
    assert!(a.said("Merging with the group of ") || b.said("Merging with the group of "));
    let late: u64 = feeders.map(Feeder::finish).iter().sum();
    assert_same_rows(&[&a, &b], 5000 + usize::try_from(late).expect("few"));
    let rows = a.rows();
    let mut rewinds = 0;
    for tail in tails {
        tail.wait_for(&rows);
        rewinds += tail.counts().1;
        assert_eq!(tail.end(), Some(0));
    }
    assert!(rewinds > 0, "one of the two has other rows than before");
    take(&two.group, &mut had_of_a, &["--cursor", "a.cursor", "a"]);
    take(&two.group, &mut had_of_b, &["--cursor", "b.cursor", "b"]);
    assert!(had_of_a == rows && had_of_b == rows);
}

#[test]
fn a_killed_run_leaves_nothing_out() {
    let group = Group::new();
    let mut peers = group.start_all(&["a"]);
    let feeder = Feeder::start(peers[0].take_input(), "a", 0, 7);
    let cursor = ["--cursor", "a.cursor", "a"];
    let mut had = Rows::new();
    for wanted in [50, 300, 600] {
        let killed = Tail::start(&group.directory, &[&["--follow"], &cursor[..]].concat());
        peers[0].wait_for_rows(wanted);
        killed.wait_for_some();
        had.extend(killed.kill());
    }
    let fed = feeder.finish();
    peers[0].wait_for_rows(usize::try_from(fed).expect("few"));
    take(&group, &mut had, &cursor);
    assert_eq!(had, peers[0].rows());
}

#[test]
fn a_run_waits_for_a_missing_directory() {
    let group = Group::new();
    let mut tail = Tail::start(&group.directory, &["--follow", "--from", "1", "a"]);
    assert_eq!(tail.error_line(), "there is no data/a; waiting for it\n");
    let mut peer = group.start_fed("a");
    peer.feed_numbered(0, 20);
    peer.wait_for_rows(20);
    tail.wait_for(&peer.rows());
    assert_eq!(tail.end(), Some(0));
}
