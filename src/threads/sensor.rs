//! `sensor`: takes readings from one source and hands them in. Where there is no room, the source waits.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::node::{lock, Node};
use crate::protocol::Input;
use crate::sensors::{Source, Taken, ROOM_READINGS};

/// Runs until the source ends. `never`: a channel on which nothing comes, to wait on.
pub(super) fn run(node: &Arc<Node>, source: &mut dyn Source, never: &Receiver<()>) {
    let mut next = Instant::now();
    loop {
        if let Some(interval) = source.interval() {
            wait_until(next, never);
            // What was missed while this process was stopped is not made up for.
            next = (next + interval).max(Instant::now());
        }
        let room = wait_for_room(node);
        match source.take(room) {
            Taken::Readings(lines) => node.step(Input::Readings(lines)),
            Taken::Nothing => {}
            Taken::End => return node.step(Input::EndOfInput { readings: source.readings() }),
        }
    }
}

fn wait_until(time: Instant, never: &Receiver<()>) {
    let left = time.saturating_duration_since(Instant::now());
    if left > Duration::ZERO {
        let waited = never.recv_timeout(left);
        debug_assert_eq!(waited, Err(RecvTimeoutError::Timeout), "nothing ever comes");
    }
}

/// Waits until the core takes a whole request, and says how much it takes.
fn wait_for_room(node: &Node) -> u64 {
    let mut core = lock(&node.core);
    loop {
        let room = core.room();
        if room >= ROOM_READINGS {
            return room;
        }
        core = node.room.wait(core).unwrap_or_else(PoisonError::into_inner);
    }
}
