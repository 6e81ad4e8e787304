//! A peer with another disk and a clock that went back: its earlier lives are in its future.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use peer::ids::Origin;
use peer::wire::{Belongs, Lines, Message, Request};

use super::adversary::here;
use super::harness::{assert_fed, feeder::line};
use super::siege::Siege;

/// How far the clock has gone back.
const BACK: Duration = Duration::from_secs(3 * 86_400 + 3600);

/// The number of a life that begins at this time.
fn life_at(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_nanos()).expect("before 2500")
}

#[test]
fn a_peer_with_a_clock_that_went_back_joins_once_its_earlier_life_is_gone() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    // The peer's readings in the group are from an earlier life, by a right clock.
    let mut earlier = siege.adversary("x");
    earlier.me.incarnation = life_at(SystemTime::now() + BACK);
    earlier.ears.set_answer(here(earlier.me.clone(), Belongs::Nowhere));
    let link = earlier.join(siege.leader());
    let term = earlier.view_of(siege.leader()).term;
    let origin = Origin { peer: earlier.me.id.clone(), incarnation: earlier.me.incarnation };
    siege.group.recorder.claim(&line("x", 0));
    let lines = Lines::new(line("x", 0).into_bytes(), 1);
    link.say(&Message::SequencerRequest { term, request: Request { origin, first: 1, lines } });
    siege.peers[0]
        .poll("the reading of the earlier life", |peer| peer.rows().iter().any(|(_, row)| row.contains(",x")));
    drop((link, earlier));
    siege.leader().wait_for("Peer x failed, updated group: [a, b]");
    siege.add("x");
    siege.wait_until_all_meet();
    let later = siege.peers.last_mut().expect("just added");
    later.wait_for("The clock of this host is behind by 3 days or more: ");
    later.feed_numbered(1, 101);
    later.end_input();
    later.wait_for("End of input, 100 readings delivered");
    siege.end_among_others();
    assert_fed(&siege.peers[0].rows(), "x", 0, 101);
}
