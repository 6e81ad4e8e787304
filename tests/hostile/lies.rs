//! Leaders that do not exist, and messages that only a leader may send: they do no harm.

use std::sync::atomic::Ordering;

use peer::wire::{Contact, Leadership, Message, RunList};

use super::adversary::{peer_id, term, view, Adversary, NOWHERE};
use super::harness::witness::{Promise, Witness};
use super::siege::Siege;

/// A leader that does not exist.
fn ghost() -> Contact {
    Contact { id: peer_id("ghost"), priority: 0, incarnation: 99, endpoint: NOWHERE.parse().expect("an address") }
}

fn of_ghost() -> Message {
    Message::Leader(Leadership { term: term(99, &ghost()), leader: ghost(), size: 99, last: 999 })
}

/// What only a leader, or a peer in an election, may say, with a high term.
fn lies(liar: &Adversary, receiver: u64) -> Vec<Message> {
    let (high, of_ghost) = (term(9_999, &liar.me), term(9_999, &ghost()));
    vec![
        self::of_ghost(),
        Message::Added { view: liar.view(9_999), incarnation: receiver },
        Message::ViewChange(liar.view(9_999)),
        Message::ViewChange(view(9_999, &ghost())),
        Message::Commit { term: high.clone(), up_to: 999_999 },
        Message::Heartbeat { term: high.clone(), committed: 999_999 },
        Message::Yield { term: high.clone(), leader: Some(ghost()) },
        Message::Yield { term: of_ghost.clone(), leader: None },
        Message::Stale { term: Some(high.clone()), leader: Some(ghost()) },
        Message::Stale { term: Some(of_ghost), leader: Some(liar.me.clone()) },
        Message::Coordinator { term: high.clone() },
        Message::LogState {
            term: high.clone(),
            synced: Some(high.clone()),
            runs: vec![(term(1, &liar.me), 1)],
            last: 9,
            limits: None,
        },
        Message::Fetch { term: high.clone(), from: 1 },
        Message::Stored { term: high.clone(), last: 999_999 },
        Message::Election { term: Some(high.clone()), from: liar.me.id.clone() },
        Message::Ok { term: Some(high.clone()) },
        Message::Leave { term: Some(high) },
    ]
}

/// Tells all lies to everyone, and then some that would be true if the group's present term were the liar's.
fn lie_to_all(siege: &Siege, liar: &Adversary) {
    let current = liar.view_of(siege.leader()).term;
    for peer in &siege.peers {
        let receiver = liar.ask(peer, Some(&of_ghost())).contact.incarnation;
        let link = liar.dial(peer);
        for lie in lies(liar, receiver) {
            link.say(&lie);
        }
        // A goodbye silences a connection, so the rest goes over another one.
        link.end();
        let link = liar.dial(peer);
        link.say(&Message::Commit { term: current.clone(), up_to: 999_999 });
        link.say(&Message::Yield { term: current.clone(), leader: Some(ghost()) });
        link.say(&Message::Stored { term: current.clone(), last: 999_999 });
        link.say(&Message::Heartbeat { term: current.clone(), committed: 999_999 });
        let words = link.end();
        assert!(words.contains("does not begin with a verb"), "{}: {words:?}", peer.id);
    }
}

fn stay_one_group(options: &[&'static str]) {
    let mut siege = Siege::begin(&["a", "b", "c"], &["a", "b"], options);
    let mut witness = Witness::new(Promise::Fixed);
    let liar = siege.adversary("liar");
    for _ in 0..3 {
        liar.cast(&of_ghost());
        lie_to_all(&siege, &liar);
        for (peer, rows) in siege.peers.iter().zip(siege.rows()) {
            witness.see(rows, &peer.id);
        }
        siege.wait_for_progress();
    }
    assert!(liar.ears.asked.load(Ordering::Relaxed) > 0);
    siege.assert_calm();
    drop(liar);
    siege.end();
    assert!(witness.count() > 0);
    for peer in &siege.peers {
        witness.check(&peer.rows(), &peer.id);
    }
}

#[test]
fn leaders_that_do_not_exist_and_words_of_a_stranger_cost_nothing() {
    stay_one_group(&[]);
}

#[test]
fn leaders_that_do_not_exist_and_words_of_a_stranger_cost_a_quorum_nothing() {
    stay_one_group(&["--quorum", "2", "--resume"]);
}

#[test]
fn a_member_that_tells_of_leaders_that_do_not_exist_costs_nothing() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let liar = siege.adversary("liar");
    let link = liar.join(siege.leader());
    for peer in &siege.peers {
        peer.wait_for_view(&["a", "b", "liar"]);
    }
    siege.mark();
    let receiver = liar.ask(&siege.peers[1], None).contact.incarnation;
    let to_member = liar.dial(&siege.peers[1]);
    for _ in 0..100 {
        for link in [&link, &to_member] {
            link.say(&of_ghost());
            link.say(&Message::ViewChange(view(9_999, &ghost())));
            link.say(&Message::Added { view: view(9_999, &ghost()), incarnation: receiver });
            link.say(&Message::Yield { term: term(9_999, &ghost()), leader: Some(ghost()) });
        }
    }
    siege.wait_for_progress();
    siege.assert_calm();
    drop(liar);
    siege.end();
}

/// A stranger that became a learner says that it follows another leader.
fn take_back_a_join(options: &[&'static str]) {
    let mut siege = Siege::begin(&["a", "b", "c"], &["a", "b"], options);
    for (number, leader) in [Some(ghost()), None].into_iter().enumerate() {
        let joiner = siege.adversary(&format!("joiner{number}"));
        let leader = leader.unwrap_or(joiner.me.clone());
        let current = joiner.view_of(siege.leader()).term.counter;
        let link = joiner.dial(siege.leader());
        link.say(&Message::Join { promised: None, priority: 0, runs: RunList::new(), last: 0, limits: None });
        link.say(&Message::Stale { term: Some(term(current + 1, &leader)), leader: Some(leader) });
        link.end();
        siege.wait_for_progress();
        siege.assert_calm();
    }
    siege.end();
}

#[test]
fn a_joiner_that_follows_another_after_all_costs_nothing() {
    take_back_a_join(&[]);
}

#[test]
fn a_joiner_that_follows_another_after_all_costs_a_quorum_nothing() {
    take_back_a_join(&["--quorum", "2", "--resume"]);
}
