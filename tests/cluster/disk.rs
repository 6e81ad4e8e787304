//! A peer's own disk that fills up, takes nothing at all, or hangs.
//!
//! The first two are a file system in memory that nobody else sees; they need Linux, the right to mount (root), and
//! `unshare` of util-linux. The last one is `stall.c`, and needs Linux and a C compiler; or `strace` lets one call hang.
//! If one of these is missing, the tests say so and pass.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use peer::storage::TAIL_BYTES_MAX;

use crate::harness::{assert_fed, assert_same_rows, skipped, Group, Peer, PATIENCE};
use crate::preload::library;

/// `sh -c` makes the file system `$0` with the options `$1`, and runs what follows.
const MOUNT: &str = r#"mount -t tmpfs -o "$1" peer-test "$0" && shift && exec "$@""#;

/// Runs the command with a private file system at `directory`.
fn mounted(command: &Command, directory: &Path, options: &str) -> Command {
    let mut outer = Command::new("unshare");
    outer.env_clear().args(["--mount", "sh", "-c", MOUNT]).arg(directory).arg(options).arg(command.get_program());
    outer.args(command.get_args());
    if let Some(current) = command.get_current_dir() {
        outer.current_dir(current);
    }
    outer
}

/// Starts a peer on its own disk. Prints the reason where this system does not allow it.
pub(super) fn start_on_a_disk(group: &Group, id: &str, options: &str, arguments: &[&str]) -> Option<Peer> {
    let directory = group.data_of(id);
    fs::create_dir_all(&directory).expect("a directory to mount on");
    let tried = mounted(&Command::new("true"), &directory, options).output();
    let why = match tried {
        Ok(output) if output.status.success() => {
            let mut command = group.command(id);
            command.args(["--sensor", "stdin"]).args(arguments);
            return Some(Peer::start(id, mounted(&command, &directory, options), directory));
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => format!("unshare: {error}"),
    };
    skipped("no disk can be made here", &why);
    None
}

pub(super) fn errors(peer: &Peer) -> Vec<String> {
    peer.log().into_iter().filter(|line| line.contains("ERROR")).collect()
}

#[test]
fn a_leader_whose_disk_is_full_says_so_once_and_the_others_lose_nothing() {
    let group = Group::new();
    let Some(mut leader) = start_on_a_disk(&group, "c", "size=1m", &[]) else { return };
    leader.wait_for_view(&["c"]);
    let mut members = vec![group.start_fed("a"), group.start_fed("b")];
    for peer in members.iter().chain([&leader]) {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    assert!(leader.leads());
    for peer in &mut members {
        peer.feed_numbered(0, 20_000);
    }
    assert_eq!(leader.wait_for_exit().code(), Some(1));
    let said = errors(&leader);
    assert!(said.len() == 1 && said[0].contains("the disk is full") && said[0].contains("make room"), "{said:?}");
    for peer in &members {
        peer.wait_for_view(&["a", "b"]);
        assert!(!peer.said("Leader heartbeat timeout"), "it left, and nobody waited for a silence");
    }
    assert_same_rows(&[&members[0], &members[1]], 40_000);
    for peer in &members {
        assert_fed(&members[0].rows(), &peer.id, 0, 20_000);
    }
}

#[test]
fn a_member_with_a_full_disk_leaves_and_the_others_have_what_it_stored() {
    let group = Group::new();
    let mut peers = group.start_all(&["a", "b"]);
    let Some(mut member) = start_on_a_disk(&group, "c", "size=1m", &[]) else { return };
    member.wait_for_view(&["a", "b", "c"]);
    member.feed_numbered(0, 1000);
    peers[1].wait_for_rows(1000);
    peers[0].feed_numbered(0, 20_000);
    assert_eq!(member.wait_for_exit().code(), Some(1));
    let said = errors(&member);
    assert!(said.len() == 1 && said[0].contains("the disk is full"), "{said:?}");
    peers[0].wait_for("Peer c left, updated group: [a, b]");
    assert_same_rows(&[&peers[0], &peers[1]], 21_000);
    assert_fed(&peers[0].rows(), "c", 0, 1000);
}

#[test]
fn a_disk_that_takes_nothing_is_refused_at_the_start() {
    let group = Group::new();
    let Some(mut peer) = start_on_a_disk(&group, "a", "ro", &[]) else { return };
    assert_eq!(peer.wait_for_exit().code(), Some(1));
    let said = errors(&peer);
    assert!(said.len() == 1 && said[0].contains("make it writable"), "{said:?}");
}

/// Gives the disk of this peer another size.
fn resize(peer: &Peer, directory: &Path, size: &str) {
    let mut command = Command::new("nsenter");
    command.args(["--mount", "--target"]).arg(peer.process_id().to_string());
    command.args(["mount", "-o", &format!("remount,size={size}")]).arg(directory);
    assert!(command.status().expect("nsenter").success());
}

#[test]
fn sources_wait_for_room_on_the_disk_and_others_readings_are_stored_meanwhile() {
    let group = Group::new();
    let reserve = ["--min-free", "8M"];
    let Some(mut short) = start_on_a_disk(&group, "a", "size=4m", &reserve) else { return };
    short.wait_for("KiB left, and --min-free keeps 8192 KiB: sources wait until there is more");
    let mut other = group.start_fed("b");
    other.wait_for_view(&["a", "b"]);
    short.feed_numbered(0, 1000);
    other.feed_numbered(0, 1000);
    // It takes both of the two to commit.
    other.wait_for_rows(1000);
    assert_fed(&other.rows(), "b", 0, 1000);

    resize(&short, &group.data_of("a"), "64m");
    other.wait_for_rows(2000);
    assert_fed(&other.rows(), "a", 0, 1000);
}

pub(super) fn stall_library(group: &Group) -> Option<String> {
    library(group, "stall", "no disk can be stalled here")
}

/// Four heartbeat timeouts: by then a peer that waits for its disk silently is taken for gone.
const STALL: Duration = Duration::from_secs(9);

/// Together they are more than the leader orders ahead of its disk and two members may have pending.
const READINGS: u64 = 40_000;

/// How many readings are written together, with a pause after them: so there are very many requests.
const HEAP: u64 = 10;

fn feed_in_heaps(mut peer: Peer) -> Peer {
    for from in (0..READINGS).step_by(usize::try_from(HEAP).expect("few")) {
        peer.feed_numbered(from, from + HEAP);
        thread::park_timeout(Duration::from_millis(1));
    }
    peer
}

/// Starts a peer whose disk writes nothing while the returned file exists, and reads nothing while a file of that name
/// with `.read` exists.
fn start_stalling(group: &Group, id: &str, library: &str) -> (Peer, PathBuf) {
    let stall = group.directory.join(format!("stall-{id}"));
    let mut command = group.command(id);
    command.args(["--sensor", "stdin"]).env("LD_PRELOAD", library).env("STALL_FILE", &stall);
    (Peer::start(id, command, group.data_of(id)), stall)
}

/// Lets time pass in which nothing should happen.
fn let_pass(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        thread::park_timeout(until.saturating_duration_since(Instant::now()));
    }
}

#[test]
fn a_leader_with_a_hung_disk_goes_on_leading_and_sources_wait() {
    let group = Group::new();
    let Some(library) = stall_library(&group) else { return };
    let (leader, stall) = start_stalling(&group, "c", &library);
    leader.wait_for_view(&["c"]);
    let members = [group.start_fed("a"), group.start_fed("b")];
    for peer in members.iter().chain([&leader]) {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    fs::write(&stall, "").expect("writable");
    let feeders: Vec<_> = members.into_iter().map(|peer| thread::spawn(move || feed_in_heaps(peer))).collect();
    let_pass(STALL);
    assert!(feeders.iter().any(|feeder| !feeder.is_finished()), "somebody has to wait");
    assert!(leader.rows().is_empty());
    fs::remove_file(&stall).expect("it was written");
    let members: Vec<Peer> = feeders.into_iter().map(|feeder| feeder.join().expect("it only writes")).collect();
    assert_same_rows(&[&leader, &members[0], &members[1]], 2 * usize::try_from(READINGS).expect("few"));
    for peer in members.iter().chain([&leader]) {
        assert!(peer.last_view().is_some_and(|view| view.starts_with("1.")), "{:?}", peer.last_view());
        assert!(!peer.said("failed, updated group"));
    }
}

/// How much of the log the last member lacks: more than a leader keeps in memory, at some 45 bytes a reading.
const HISTORY: u64 = 3 * TAIL_BYTES_MAX as u64 / 2 / 45;

#[test]
fn a_leader_that_cannot_read_its_journal_for_a_while_is_not_taken_for_silent() {
    let group = Group::new();
    let Some(library) = stall_library(&group) else { return };
    let (leader, stall) = start_stalling(&group, "a", &library);
    leader.wait_for_view(&["a"]);
    let mut other = group.start_fed("b");
    let (last, late) = start_stalling(&group, "c", &library);
    for peer in [&leader, &other, &last] {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    fs::write(&late, "").expect("writable");
    other.feed_numbered(0, HISTORY);
    other.end_input();
    other.wait_for(&format!("End of input, {HISTORY} readings delivered"));
    // What the last member lacks can only be read from the journal now.
    fs::write(stall.with_file_name("stall-a.read"), "").expect("writable");
    fs::remove_file(&late).expect("it was written");
    let_pass(Duration::from_secs(5));
    assert!(!last.said("Leader heartbeat timeout"), "{}", last.log().join("\n"));
    fs::remove_file(stall.with_file_name("stall-a.read")).expect("it was written");
    assert_same_rows(&[&leader, &other, &last], usize::try_from(HISTORY).expect("not so many"));
    assert!(last.last_view().is_some_and(|view| view.starts_with("1.")), "{:?}", last.last_view());
}

/// Holds up, for ten minutes, a thread that asks for a second time how much room the disk has, as a network's file
/// system may. With `-D` the peer is the child, and not `strace`.
const NO_ROOM_KNOWN: [&str; 8] = [
    "-D",
    "-f",
    "-q",
    "-o/dev/null",
    "-e",
    "trace=?statfs,?statfs64",
    "-e",
    "inject=?statfs,?statfs64:delay_enter=600000000:when=2+",
];

/// The process that traces a peer. It is killed first: what it holds up would not end either.
struct Tracer(String);

impl Tracer {
    fn of(peer: &Peer) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", peer.process_id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).expect("Linux says so");
        let process = line.trim().to_owned();
        assert_ne!(process, "0", "nobody traces it");
        Self(process)
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        // The test has failed by then, or is over.
        let _ = Command::new("kill").args(["-KILL", &self.0]).status();
    }
}

/// What a peer answers to `STATUS`.
fn status(address: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(b"STATUS\n").expect("it reads");
    let mut report = String::new();
    BufReader::new(stream).read_line(&mut report).expect("an answer");
    report
}

#[test]
fn questions_are_answered_while_the_disk_does_not_say_how_much_room_it_has() {
    let group = Group::new();
    let is_traced = ["grep", "-q", "TracerPid:.[1-9]", "/proc/self/status"];
    let tried = Command::new("strace").args(NO_ROOM_KNOWN).args(is_traced).output();
    match tried {
        Ok(output) if output.status.success() => {}
        Ok(output) => return skipped("no call can be held up here", &String::from_utf8_lossy(&output.stderr)),
        Err(error) => return skipped("no call can be held up here", &format!("strace: {error}")),
    }
    let plain = group.command("a");
    let mut command = Command::new("strace");
    command.env_clear().current_dir(&group.directory).args(NO_ROOM_KNOWN).arg(plain.get_program());
    command.args(plain.get_args()).args(["--sensor", "none"]);
    let peer = Peer::start("a", command, group.data_of("a"));
    let address = peer.address();
    let _tracer = Tracer::of(&peer);
    for _ in 0..5 {
        let report = status(&address);
        assert!(report.starts_with("REPORT:{") && report.contains("\"free\":"), "{report}");
    }
}
