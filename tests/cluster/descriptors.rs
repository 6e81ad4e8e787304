//! Peers that may have few files open.

use std::net::TcpStream;
use std::process::Command;

use crate::harness::{assert_same_rows, Group, Peer};

/// The command under `ulimit -n`, soft and hard.
fn limited(command: &Command, limit: u32) -> Command {
    let mut outer = Command::new("sh");
    outer.env_clear().args(["-c", r#"ulimit -n "$0" && exec "$@""#, &limit.to_string()]).arg(command.get_program());
    outer.args(command.get_args()).current_dir(command.get_current_dir().expect("the group's"));
    outer
}

fn start(group: &Group, id: &str, limit: u32) -> Peer {
    let mut command = group.command(id);
    command.args(["--sensor", "stdin"]);
    Peer::start(id, limited(&command, limit), group.data_of(id))
}

/// One reading of each of this many sensors.
pub(super) fn readings(sensors: u32) -> String {
    let lines: Vec<String> = (0..sensors).map(|s| format!("DATA|s{s}|2013-01-01T06:00:00Z|{s}|2|3\n")).collect();
    lines.concat()
}

#[test]
fn a_group_of_two_writes_more_sensors_than_it_has_descriptors() {
    let group = Group::new();
    let mut peers = [start(&group, "a", 64), start(&group, "b", 64)];
    for peer in &peers {
        peer.wait_for_view(&["a", "b"]);
    }
    peers[0].feed(&readings(3));
    peers[1].wait_for_rows(3);
    // Silent strangers take some of the descriptors, and the disk needs some.
    let strangers: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(peers[1].address()).expect("it listens")).collect();
    for _ in 0..3 {
        peers[0].feed(&readings(200));
    }
    assert_same_rows(&[&peers[0], &peers[1]], 603);
    drop(strangers);
    for peer in &mut peers {
        assert!(peer.is_running() && !peer.said("Too many open files"), "{:?}", peer.log());
    }
}

#[test]
fn too_few_descriptors_to_start_are_one_line_that_says_what_to_do() {
    let group = Group::new();
    for limit in [8, 45] {
        let mut peer = start(&group, "a", limit);
        assert_eq!(peer.wait_for_exit().code(), Some(1));
        let log = peer.log();
        let said = format!("this process may have {limit} files open");
        assert!(log.len() == 1 && log[0].contains(&said) && log[0].contains("ulimit -n"), "{log:?}");
        assert!(!group.data_of("a").exists(), "nothing was begun");
    }
}
