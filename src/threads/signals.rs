//! `signals`: SIGTERM and SIGINT ask the peer to stop.

use std::io;
use std::sync::Arc;

use super::node::Node;
use crate::protocol::Input;

/// Waits for the first signal; `ready` once it would be noticed.
#[cfg(unix)]
pub(super) fn listen() -> io::Result<impl FnOnce(&Arc<Node>)> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT])?;
    Ok(move |node: &Arc<Node>| {
        for _ in signals.forever() {
            log::info!("Asked to stop");
            node.step(Input::Stop);
        }
    })
}

/// Without signals to wait for, the flag is looked at often enough to stop within the second.
#[cfg(not(unix))]
pub(super) fn listen() -> io::Result<impl FnOnce(&Arc<Node>)> {
    use std::sync::atomic::{AtomicBool, Ordering};
    let asked = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&asked))?;
    signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&asked))?;
    Ok(move |node: &Arc<Node>| {
        while !asked.load(Ordering::Relaxed) {
            super::pause(std::time::Duration::from_millis(100));
        }
        node.step(Input::Stop);
    })
}
