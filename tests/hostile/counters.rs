//! Counters of terms beyond all elections: nobody learns them.

use peer::wire::{Belongs, Message, RunList};

use super::adversary::{here, term, HUGE};
use super::siege::{self, Siege};

/// More elections than a test ever has, and far from the highest possible counter.
const COUNTER_MAX: u64 = 1 << 24;

#[test]
fn counters_beyond_all_elections_are_learnt_by_nobody() {
    let siege = Siege::begin(&["c", "a", "b"], &["a", "b"], &["--resume"]);
    let liar = siege.adversary("liar");
    liar.ears.set_answer(here(liar.me.clone(), Belongs::Leads(liar.view(HUGE))));
    let leadership = Message::Leader(liar.leadership(HUGE));
    liar.cast(&leadership);
    for peer in &siege.peers {
        liar.ask(peer, Some(&leadership));
        let link = liar.dial(peer);
        for promised in [HUGE, 1 << 48, HUGE / 2] {
            let promised = Some(term(promised, &liar.me));
            link.say(&Message::Join { promised, priority: 0, runs: RunList::new(), last: 0, limits: None });
        }
        link.say(&Message::Coordinator { term: term(HUGE, &liar.me) });
        link.say(&Message::Election { term: Some(term(HUGE, &liar.me)), from: liar.me.id.clone() });
        link.say(&Message::Ok { term: Some(term(HUGE, &liar.me)) });
        let words = link.end();
        assert!(words.contains("does not begin with a verb"), "{}: {words:?}", peer.id);
    }
    siege.wait_for_progress();
    siege.assert_calm();
    drop(liar);
    lose_the_leader(siege);
}

/// Kills the leader: the others elect, and their term is that of a few elections.
fn lose_the_leader(mut siege: Siege) {
    siege.peers[0].kill();
    siege.peers.remove(0);
    siege::wait_for_view(&siege.peers);
    siege.end();
    for peer in &siege.peers {
        let state = siege::state(peer);
        let promised = state.lines().find_map(|line| line.strip_prefix("promised:")).expect("a promise");
        let (counter, _) = promised.split_once('@').expect("a term");
        assert!(counter.parse::<u64>().expect("a number") < COUNTER_MAX, "{}: {state}", peer.id);
    }
}

#[test]
fn counters_that_a_member_raises_step_by_step_do_not_come_near_the_highest() {
    let siege = Siege::begin(&["c", "a", "b"], &["a", "b"], &["--resume"]);
    let liar = siege.adversary("liar");
    liar.join(siege.leader());
    for peer in &siege.peers {
        let link = liar.dial(peer);
        for step in 1..10_000 {
            link.say(&Message::Ok { term: Some(term(step << 20, &liar.me)) });
        }
        link.say(&Message::Coordinator { term: term(HUGE, &liar.me) });
        link.say(&Message::Ok { term: Some(term(HUGE, &liar.me)) });
        link.end();
    }
    drop(liar);
    siege.peers[0].wait_for_view(&["a", "b", "c"]);
    lose_the_leader(siege);
}
