//! Peers that may have few files open.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::process::Command;

use crate::harness::{assert_same_rows, Group, Peer, PATIENCE};

/// The command under `ulimit -n`, soft and hard, or another `ulimit`.
pub(super) fn limited(command: &Command, ulimit: &str, limit: u32) -> Command {
    let mut outer = Command::new("sh");
    let script = format!(r#"ulimit {ulimit} "$0" && exec "$@""#);
    outer.env_clear().args(["-c", &script, &limit.to_string()]).arg(command.get_program());
    outer.args(command.get_args()).current_dir(command.get_current_dir().expect("the group's"));
    outer
}

fn start(group: &Group, id: &str, limit: u32, options: &[&str]) -> Peer {
    let mut command = group.command(id);
    command.args(["--sensor", "stdin"]).args(options);
    Peer::start(id, limited(&command, "-n", limit), group.data_of(id))
}

/// One reading of each of this many sensors.
pub(super) fn readings(sensors: u32) -> String {
    let lines: Vec<String> = (0..sensors).map(|s| format!("DATA|s{s}|2013-01-01T06:00:00Z|{s}|2|3\n")).collect();
    lines.concat()
}

#[test]
fn a_group_of_two_writes_more_sensors_than_it_has_descriptors() {
    let group = Group::new();
    let mut peers = [start(&group, "a", 64, &[]), start(&group, "b", 64, &[])];
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

/// Connections to the page that ask for nothing yet. The last of them is turned away.
fn visit(peer: &Peer, number: usize) -> Vec<TcpStream> {
    peer.wait_for("HTTP: http://");
    let log = peer.log();
    let line = log.iter().find_map(|line| line.split_once("HTTP: http://")).expect("it was said");
    let address = line.1.split('/').next().expect("there is a first part");
    let mut visitors: Vec<_> = (0..number).map(|_| TcpStream::connect(address).expect("it listens")).collect();
    let last = visitors.last_mut().expect("there are some");
    last.set_read_timeout(Some(PATIENCE)).expect("a time");
    let mut status = [0; 12];
    last.read_exact(&mut status).expect("an answer");
    assert_eq!(status, *b"HTTP/1.1 503");
    visitors
}

#[test]
fn pages_and_sources_leave_descriptors_to_the_disk() {
    let group = Group::new();
    let files: Vec<_> = (0..4).map(|number| group.directory.join(format!("lines-{number}"))).collect();
    let sources: Vec<_> = files.iter().map(|file| format!("@20ms=file:{}", file.display())).collect();
    let mut options = vec!["--http", "0", "--sensor", "exec:sleep 1000", "--sensor", "exec:sleep 1001"];
    for (file, source) in files.iter().zip(&sources) {
        fs::write(file, "").expect("a file");
        options.extend(["--sensor", source]);
    }
    let mut peers = [start(&group, "a", 64, &[]), start(&group, "b", 64, &options)];
    for peer in &peers {
        peer.wait_for_view(&["a", "b"]);
    }
    let visitors = visit(&peers[1], 40);
    let strangers: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(peers[1].address()).expect("it listens")).collect();
    for _ in 0..3 {
        peers[0].feed(&readings(200));
    }
    assert_same_rows(&[&peers[0], &peers[1]], 600);
    drop((visitors, strangers));
    for peer in &mut peers {
        assert!(peer.is_running() && !peer.said("Too many open files"), "{:?}", peer.log());
    }
}

#[test]
fn too_few_descriptors_to_start_are_one_line_that_says_what_to_do() {
    let group = Group::new();
    let sources = ["--sensor", "exec:sleep 1", "--sensor", "file:lines"];
    for (limit, needs, options) in [(8, 46, &[][..]), (45, 46, &[]), (53, 54, &["--http", "0"]), (49, 50, &sources)] {
        let mut peer = start(&group, "a", limit, options);
        assert_eq!(peer.wait_for_exit().code(), Some(1));
        let log = peer.log();
        let said = format!("this process may have {limit} files open, and needs {needs} at least");
        assert!(log.len() == 1 && log[0].contains(&said) && log[0].contains("ulimit -n"), "{log:?}");
        assert!(!group.data_of("a").exists(), "nothing was begun");
    }
}
