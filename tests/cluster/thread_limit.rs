//! How many threads a peer takes, and what it does when it gets no more from the system. Only Linux lets a test change
//! that limit of a running process.
//! Only root may run a process as another user, so that no other processes count.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::harness::{assert_same_rows, skipped, Group, Peer};

/// A user that nobody has.
pub(super) const USER: &str = "61954";

/// A peer with its own user. Prints the reason where this system does not allow it.
pub(super) fn start_as_nobody(group: &Group, id: &str) -> Option<Peer> {
    let works = Command::new("setpriv").args(["--reuid", USER, "--clear-groups", "prlimit", "--version"]).output();
    if !works.is_ok_and(|output| output.status.success()) {
        skipped("no peer of another user can be started here", "this needs root, setpriv and prlimit");
        return None;
    }
    fs::set_permissions(&group.directory, fs::Permissions::from_mode(0o777)).expect("the test's own");
    let inner = group.command(id);
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--clear-groups"]).arg(inner.get_program()).args(inner.get_args());
    command.args(["--sensor", "stdin"]).env_clear().current_dir(&group.directory);
    Some(Peer::start(id, command, group.data_of(id)))
}

/// Lets its user have this many threads.
fn limit(peer: &Peer, threads: &str) {
    let (process, limit) = (peer.process_id().to_string(), format!("--nproc={threads}:"));
    let user = ["--reuid", USER, "--clear-groups", "prlimit"];
    let status = Command::new("setpriv").args(user).args(["--pid", &process, &limit]).status().expect("it is there");
    assert!(status.success(), "prlimit {limit}");
}

/// How many it may have.
fn soft_limit(peer: &Peer) -> String {
    let limits = fs::read_to_string(format!("/proc/{}/limits", peer.process_id())).expect("it runs");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max processes")).expect("one of the limits");
    line.split_whitespace().next().expect("a number, or unlimited").to_owned()
}

/// Names of the threads that a peer has.
fn threads(peer: &Peer) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", peer.process_id())).expect("it runs").flatten();
    // One may end while it is looked at.
    tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok()).collect()
}

#[test]
fn a_group_that_rests_has_no_thread_for_what_it_says() {
    let group = Group::new();
    let mut peers = ["a", "b", "c"].map(|id| group.start_fed(id));
    let rests = |peer: &mut Peer| threads(peer).iter().all(|name| !name.starts_with("tx-"));
    for rows in [100, 200] {
        for peer in &mut peers {
            peer.wait_for_view(&["a", "b", "c"]);
            peer.poll("rest", rests);
        }
        peers[0].feed_numbered(rows - 99, rows + 1);
        for peer in &mut peers {
            peer.poll("all rows", |peer| peer.rows().len() as u64 == rows);
        }
    }
}

#[test]
fn a_peer_without_further_threads_goes_on_with_those_it_has() {
    let group = Group::new();
    let Some(mut peer) = start_as_nobody(&group, "m") else { return };
    peer.wait_for_view(&["m"]);
    let mut first = group.start_fed("a");
    peer.wait_for_view(&["a", "m"]);
    let before = soft_limit(&peer);
    limit(&peer, "1");
    let mut late = group.start_fed("b");
    peer.wait_for("The system gives no thread");
    first.feed_numbered(1, 101);
    peer.poll("the rows of its group", |peer| peer.rows().len() == 100);
    assert!(peer.is_running(), "{:?}", peer.log());
    limit(&peer, &before);
    for peer in [&peer, &first, &late] {
        peer.wait_for_view(&["a", "b", "m"]);
    }
    late.feed_numbered(1, 101);
    assert_same_rows(&[&peer, &first, &late], 200);
}
