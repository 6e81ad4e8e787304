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

/// Was this process told to outlive its terminal, as by `nohup`? Where the system does not say, it was not.
#[cfg(unix)]
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    ignored & (1 << (signal_hook::consts::SIGHUP - 1)) != 0
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
