//! Commands as sources: what the operating system does to them, and to the peer that runs them.

use std::fs;
use std::path::Path;

use crate::descriptors::limited;
use crate::harness::{Group, Peer};

/// Whether there is a process of this number that has not ended.
fn lives(process: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // After the name in brackets, which may hold anything.
    let state = status.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

/// A number that a command left in a file, once it is there.
fn written(peer: &mut Peer, path: &Path) -> String {
    peer.poll("a number in a file", |_| fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n')));
    fs::read_to_string(path).expect("it is there").trim().to_owned()
}

/// Starts a peer whose command starts another, and gives the numbers of both, and of their guard.
fn start_two(group: &Group) -> (Peer, [String; 3]) {
    let script = "echo $PPID >guard; echo $$ >first; sleep 1000 & echo $! >second; wait";
    let mut peer = group.start_with("p", &["--sensor", &format!("exec:{script}")]);
    let numbers = ["guard", "first", "second"].map(|file| written(&mut peer, &group.directory.join(file)));
    assert!(numbers.iter().all(|number| lives(number)), "{numbers:?}");
    (peer, numbers)
}

#[test]
fn a_command_and_all_that_it_started_end_with_a_killed_peer() {
    let group = Group::new();
    let (mut peer, numbers) = start_two(&group);
    peer.kill();
    peer.poll("the end of all", |_| !numbers.iter().any(|number| lives(number)));
}

#[test]
fn a_command_and_all_that_it_started_end_with_a_peer_that_stops() {
    let group = Group::new();
    let (mut peer, numbers) = start_two(&group);
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
    peer.poll("the end of all", |_| !numbers.iter().any(|number| lives(number)));
}

#[test]
fn a_command_may_have_as_many_files_open_as_the_peer_was_started_with() {
    let group = Group::new();
    let mut command = group.command("p");
    command.args(["--sensor", "exec:echo $(ulimit -Sn) $(ulimit -Hn) >limits; exec sleep 1000"]);
    let mut peer = Peer::start("p", limited(&command, "-Sn", 200), group.data_of("p"));
    let limits = written(&mut peer, &group.directory.join("limits"));
    let (soft, hard) = limits.split_once(' ').expect("two limits");
    assert_eq!(soft, "200");
    // That of the test is that of the peer: nothing lowered it.
    let (_, of_test) = rlimit::getrlimit(rlimit::Resource::NOFILE).expect("a limit");
    assert_eq!(hard.parse().unwrap_or(u64::MAX), of_test);
}

#[test]
fn a_command_that_ends_is_started_again_and_what_it_says_is_in_the_log() {
    let group = Group::new();
    let script = "echo 'DATA|a||1|2|3'; echo 'half of'; printf 'DATA|a||1|'; echo 'no radio, sorry' >&2; exit 3";
    let mut peer = group.start_with("p", &["--sensor", &format!("exec:{script}")]);
    peer.wait_for_rows(2);
    peer.wait_for("says: no radio, sorry");
    peer.wait_for("ended (exit status 3), and is started again in ");
    peer.wait_for("it said last: 'no radio, sorry'");
    assert!(peer.said("refused: line does not begin with DATA|: 'half of'"));
    peer.signal("-TERM");
    assert_eq!(peer.wait_for_exit().code(), Some(0));
}

#[test]
fn a_command_with_an_interval_is_to_end_and_others_go_on_beside_it() {
    let group = Group::new();
    let once = "@50ms=exec:echo 'DATA|a||1|2|3'; sleep 1000 & true";
    let beside = "exec:echo 'DATA|b||4|5|6'; exec sleep 1000";
    let mut peer = group.start_with("p", &["--sensor", once, "--sensor", beside]);
    peer.poll("rows of both", |peer| {
        let files = peer.files();
        let rows = |file: &str| files.get(file).map_or(0, |file| file.lines().count());
        rows("a.csv") > 3 && rows("b.csv") > 1
    });
    assert!(!peer.said("is started again"));
}
