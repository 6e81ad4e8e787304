//! `signals`: SIGTERM, SIGINT and SIGHUP, as of a terminal that is closed, ask the peer to stop. In a closed group, and of a
//! service, which has no terminal, SIGHUP asks it to read its keys again instead.

use std::io;
use std::sync::Arc;

use super::node::Node;
use crate::protocol::Input;
#[cfg(unix)]
use crate::service::Word;

/// Waits for the first signal; `ready` once it would be noticed.
#[cfg(unix)]
pub(super) fn listen(has_keys: bool) -> io::Result<impl FnOnce(&Arc<Node>)> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut asking = vec![SIGTERM, SIGINT];
    if has_keys || !ignores_hangups() {
        asking.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(asking)?;
    Ok(move |node: &Arc<Node>| {
        for signal in signals.forever() {
            if signal == SIGHUP && (node.keyring.is_some() || node.is_service()) {
                reload(node);
                continue;
            }
            node.tell_manager(&[Word::Stopping]);
            log::info!(event = "stopping"; "Asked to stop");
            node.step(Input::Stop);
        }
    })
}

/// Reads again what may change while the peer runs.
#[cfg(unix)]
fn reload(node: &Node) {
    node.tell_manager(&[Word::Reloading]);
    match &node.keyring {
        Some(keyring) => keyring.read_again(),
        None => log::info!(event = "nothing_to_reload"; "Nothing is read again but keys, and this peer was given none"),
    }
    node.tell_manager(&[Word::Ready]);
}

/// Whether this process was told to outlive its terminal, as by `nohup`. If the system does not say, it was not.
#[cfg(unix)]
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_ignored(&status, signal_hook::consts::SIGHUP)
}

/// Whether a process of this `/proc/PID/status` ignores this signal.
#[cfg(unix)]
fn is_ignored(status: &str, signal: i32) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    ignored & (1 << (signal - 1)) != 0
}

/// Windows has no signals: what asks a console program to end is heard on a thread of the system's.
#[cfg(windows)]
pub(super) fn listen(_has_keys: bool) -> io::Result<impl FnOnce(&Arc<Node>)> {
    let (told, asked) = crossbeam_channel::bounded(1);
    let tell = move || {
        // One that waits is enough.
        let _ = told.try_send(());
    };
    ctrlc::set_handler(tell).map_err(io::Error::other)?;
    Ok(move |node: &Arc<Node>| {
        while asked.recv().is_ok() {
            log::info!(event = "stopping"; "Asked to stop");
            node.step(Input::Stop);
        }
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::thread;

    use signal_hook::consts::{SIGHUP, SIGTERM};
    use signal_hook::low_level::raise;

    use super::super::trial::{apart, until, write_key, Ear, Trial, PATIENCE};
    use super::*;
    use crate::log_lines::captured;
    use crate::protocol::Exit;

    /// Starts a process that is told to outlive its terminal.
    const OUTLIVE: [&str; 4] = ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"];

    #[test]
    fn a_signal_is_ignored_where_its_bit_is_set() {
        let status = "Name:\tx\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000004001\nSigCgt:\t0000000180000002\n";
        let ignored: Vec<i32> = (1..=64).filter(|signal| is_ignored(status, *signal)).collect();
        assert_eq!(ignored, [SIGHUP, SIGTERM]);
        assert!(!is_ignored("SigBlk:\t0000000000000001\n", SIGHUP), "the system does not say");
    }

    #[test]
    fn only_a_peer_with_keys_hears_a_hangup_that_is_to_be_ignored() {
        apart(
            "threads::signals::tests::only_a_peer_with_keys_hears_a_hangup_that_is_to_be_ignored",
            &OUTLIVE,
            0,
            || {
                assert!(ignores_hangups());
                let _without_keys = listen(false).unwrap();
                assert!(ignores_hangups());
                let _with_keys = listen(true).unwrap();
                assert!(!ignores_hangups());
            },
        );
    }

    #[test]
    fn a_hangup_reloads_a_service_and_a_closed_group_and_ends_any_other_peer() {
        apart(
            "threads::signals::tests::a_hangup_reloads_a_service_and_a_closed_group_and_ends_any_other_peer",
            &[],
            0,
            || {
                let ear = Ear::new();
                let plain = Trial::new();
                let closed = Trial::closed(1);
                let service = Trial::managed(|_| {}, Some(Arc::clone(&ear.manager)));
                // The first one has the hangup heard, whatever this process was told; then it is not ignored.
                for (trial, has_keys) in [(&closed, true), (&plain, false), (&service, false)] {
                    let (signals, node) = (listen(has_keys).unwrap(), Arc::clone(&trial.node));
                    thread::spawn(move || signals(&node));
                }
                let speaks = || closed.node.keys().unwrap().speaks();
                let before = speaks();
                write_key(&closed.node.config.key_file.clone().unwrap(), 2);
                raise(SIGHUP).unwrap();
                assert_eq!(plain.exits.recv_timeout(PATIENCE), Ok(Exit::Stopped));
                until(|| speaks() != before);
                let lines = ear.lines();
                assert!(lines.len() == 2 && lines[0] == "RELOADING=1", "{lines:?}");
                assert_eq!(ear.lines(), ["READY=1"]);
                let after = speaks();
                write_key(&closed.node.config.key_file.clone().unwrap(), 3);
                raise(SIGTERM).unwrap();
                for trial in [&closed, &service] {
                    assert_eq!(trial.exits.recv_timeout(PATIENCE), Ok(Exit::Stopped));
                }
                assert_eq!(speaks(), after, "only a hangup has it read again");
                assert_eq!(ear.lines(), ["STOPPING=1"]);
            },
        );
    }

    #[test]
    fn a_peer_without_keys_says_that_it_reads_nothing_again() {
        let ((), lines) = captured(|| reload(&Trial::new().node));
        let text = "INFO nothing_to_reload: Nothing is read again but keys, and this peer was given none";
        assert_eq!(lines, [text]);
    }
}
