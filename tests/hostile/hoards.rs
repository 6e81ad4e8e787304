//! A member hands in readings of absent origins, far ahead of what can be ordered: that takes little memory.

use peer::ids::Origin;
use peer::wire::{Lines, Message, Request};

use super::adversary::peer_id;
use super::siege::{figure, Siege};

/// How much memory a peer takes at most, in kB.
pub(crate) const MEMORY_MAX: u64 = 64 * 1024;

/// How many names have readings handed in, almost 200 KB each.
const NAMES: usize = 600;

#[test]
fn requests_far_ahead_under_many_names_take_little_memory() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let hoarder = siege.adversary("hoarder");
    let mut link = hoarder.join(siege.leader());
    let term = hoarder.view_of(siege.leader()).term;
    let reading = format!("DATA|{}|2013-01-01T06:00:00Z|1.{:022}|50.{:021}|1\n", "s".repeat(64), 0, 0);
    // They are ordered once nobody has filled the gap before them in time.
    siege.group.recorder.claim(&reading);
    let lines = Lines::new(reading.repeat(1_000).into_bytes(), 1_000);
    let mut hung_up = 0;
    for number in 0..NAMES {
        let origin = Origin { peer: peer_id(&format!("name{number}")), incarnation: 1 };
        let request = Request { origin, first: 1_000_000, lines: lines.clone() };
        let message = Message::SequencerRequest { term: term.clone(), request };
        // If more waits for a busy leader than may be under way, the leader hangs up, and the hoarder comes again.
        while !link.say(&message) {
            hung_up += 1;
            assert!(hung_up < NAMES, "it is hung up on for ever");
            link = hoarder.dial(siege.leader());
        }
    }
    siege.wait_for_progress();
    let memory: Vec<u64> = siege.peers.iter().map(|peer| figure(peer, "VmHWM")).collect();
    println!("{NAMES} names, hung up on {hung_up} times: {memory:?} kB");
    drop(hoarder);
    siege.end_among_others();
    assert!(memory.iter().all(|memory| *memory < MEMORY_MAX), "{memory:?} kB, of {MEMORY_MAX}");
}
