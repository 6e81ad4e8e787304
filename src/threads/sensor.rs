//! `sensor`: takes readings from one source and hands them in. Where there is no room, the source waits.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::lock::{lock, wait};
use super::marks::Marks;
use super::node::Node;
use super::sensor_watch::Asked;
use crate::protocol::{Input, Peer};
use crate::sensors::{Source, Taken, ROOM_READINGS};
use crate::wire::Lines;

/// What is missing of a reading is asked for again after this part of the interval, and after this long at the latest.
const AGAIN_PARTS: u32 = 8;
const AGAIN_MAX: Duration = Duration::from_secs(1);

/// Runs until the source ends. `place`: which of the sources it is.
pub(super) fn run(
    node: &Arc<Node>,
    (place, source): (usize, &mut dyn Source),
    (asked, marks): (Option<&Asked>, Option<&Marks>),
) {
    let mut next = Instant::now();
    loop {
        if let Some(interval) = source.interval() {
            // Nothing can happen here before it is time.
            thread::sleep(next.saturating_duration_since(Instant::now()));
            // What was missed while this process was stopped is not made up for.
            next = (next + interval).max(Instant::now());
        }
        let taken = take(node, source, asked);
        node.counts.gave(place, source.readings());
        match taken {
            Taken::Readings(lines) => hand_in(node, source, Some(lines), marks),
            Taken::Nothing | Taken::Again => {}
            Taken::End => {
                // Lines after the last reading may have been refused; the mark goes past them, too.
                hand_in(node, source, None, marks);
                node.step(Input::EndOfInput { readings: source.readings() });
                return;
            }
        }
    }
}

/// Hands readings in, where there are any, and where it is kept how far a source was read, notes that.
fn hand_in(node: &Arc<Node>, source: &dyn Source, lines: Option<Lines>, marks: Option<&Marks>) {
    match (marks, source.mark(), lines) {
        (Some(marks), Some(mark), lines) => marks.hand_in(node, &source.describe(), (lines, mark)),
        (_, _, Some(lines)) => {
            node.step(Input::Readings(lines));
        }
        (_, _, None) => {}
    }
}

/// Asks the source until it has all of a reading, or gives up.
fn take(node: &Node, source: &mut dyn Source, asked: Option<&Asked>) -> Taken {
    loop {
        let room = wait_for_room(node);
        let taken = match asked {
            Some(asked) => asked.timing(&node.complaints, || source.take(room)),
            None => source.take(room),
        };
        match (taken, source.interval()) {
            // A disturbed device needs a moment.
            (Taken::Again, Some(interval)) => thread::sleep(pause_of(interval)),
            (taken, _) => return taken,
        }
    }
}

/// How long a source of this interval is left alone before the rest of a reading is asked for.
fn pause_of(interval: Duration) -> Duration {
    (interval / AGAIN_PARTS).min(AGAIN_MAX)
}

/// Waits until there is room on the disk and the core takes a whole request, and says how much it takes.
fn wait_for_room(node: &Node) -> u64 {
    let mut core = lock(&node.core);
    loop {
        if let Some(room) = room(node, &core) {
            return room;
        }
        core = wait(&node.room, core, None);
    }
}

/// How much the core takes; `None`: a source has to wait.
fn room(node: &Node, core: &Peer) -> Option<u64> {
    Some(core.room()).filter(|room| *room >= ROOM_READINGS && !node.reserve.sources_wait())
}

#[cfg(test)]
mod tests;
