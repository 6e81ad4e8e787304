//! Until when each role waits, and for what. A trial has a heartbeat timeout of ten seconds, an election timeout of five.

use super::super::data::leading::Mark;
use super::super::data::role::{Electing, Promised, Proposing, Seeking};
use super::super::input::Found;
use super::super::trial::{id, promised, proposing, Trial};
use super::*;
use std::collections::{BTreeMap, BTreeSet};

fn at(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

/// In seconds, for discovery, the check of the leader, elections, heartbeats, as in `Alarm::ALL`.
fn deadlines(peer: &Peer) -> BTreeMap<String, u64> {
    let of = |alarm: Alarm| Some((format!("{alarm:?}"), peer.deadline(alarm)?.as_secs()));
    Alarm::ALL.into_iter().filter_map(of).collect()
}

fn are(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(alarm, seconds)| ((*alarm).to_owned(), *seconds)).collect()
}

/// A peer in this role, at 20 seconds.
fn in_role(role: Role) -> Peer {
    let mut trial = Trial::seeker(None, &Found::default());
    trial.peer.clock.now = at(20);
    trial.peer.role = role;
    trial.peer
}

fn seeking(since: u64, request_at: u64, asked: Option<u64>) -> Role {
    let asked = asked.map(|asked| (id("z"), at(asked)));
    Role::Seeking(Seeking { since: at(since), request_at: at(request_at), gap: at(1), asked })
}

#[test]
fn a_seeker_asks_again_and_founds_after_an_election_timeout_or_stops_waiting_for_an_answer() {
    for (role, due) in [
        (seeking(20, 22, None), 22),
        (seeking(20, 90, None), 25),
        (seeking(20, 22, Some(21)), 22),
        (seeking(10, 90, Some(21)), 26),
    ] {
        assert_eq!(deadlines(&in_role(role)), are(&[("Discovery", due)]));
    }
}

#[test]
fn an_election_a_promise_and_a_proposal_wait_until_their_deadline() {
    let electing = Electing {
        following: None,
        higher: BTreeSet::new(),
        unasked: vec![],
        asked: 0,
        got_ok: false,
        deadline: at(31),
        silent: None,
        reported: false,
    };
    let promised = Promised { deadline: at(32), until: at(90), ..promised("z") };
    let proposing = Proposing { deadline: at(33), beat_at: at(23), ..proposing(&[]) };
    assert_eq!(deadlines(&in_role(Role::Electing(electing))), are(&[("Election", 31)]));
    assert_eq!(deadlines(&in_role(Role::Promised(promised))), are(&[("Election", 32)]));
    assert_eq!(deadlines(&in_role(Role::Proposing(proposing))), are(&[("Election", 33), ("Heartbeat", 23)]));
}

#[test]
fn a_follower_waits_for_its_leader_and_a_leader_shows_that_it_lives() {
    for mut trial in [Trial::member(&["x"]), Trial::learner()] {
        trial.peer.following_mut().unwrap().heard = at(3);
        assert_eq!(deadlines(&trial.peer), are(&[("LeaderCheck", 13)]));
    }
    let leads = |change: &dyn Fn(&mut super::super::data::leading::Leading)| {
        let mut trial = Trial::leader(&["a"]);
        let leading = trial.leading();
        leading.beat_at = at(100);
        leading.followers.get_mut(&id("a")).unwrap().heard = at(60);
        change(leading);
        deadlines(&trial.peer)
    };
    assert_eq!(leads(&|_| ()), are(&[("Heartbeat", 70)]), "its follower may be silent until then");
    assert_eq!(leads(&|leading| leading.beat_at = at(64)), are(&[("Heartbeat", 64)]));
    assert_eq!(leads(&|leading| leading.gathers_until = at(77)), are(&[("Heartbeat", 77)]));
    assert_eq!(leads(&|leading| leading.below = Some(at(55))), are(&[("Heartbeat", 65)]));
    let learns = |times| {
        leads(&|leading| {
            leading.gathers_until = at(61);
            leading.learners.insert(id("b"), Mark { at: 0, times });
        })
    };
    assert_eq!((learns(3), learns(2)), (are(&[("Heartbeat", 61)]), are(&[("Heartbeat", 70)])));
}

#[test]
fn a_peer_that_stops_gives_itself_an_end_and_has_no_deadline_after_it() {
    let mut trial = Trial::member(&[]);
    trial.peer.ending.until = Some(at(8));
    assert_eq!(deadlines(&trial.peer), are(&[("Heartbeat", 8), ("LeaderCheck", 11)]));
    trial.peer.ending.over = true;
    assert_eq!(deadlines(&trial.peer), are(&[]));
}

/// docs/protocol.md, 5.1 says why: what waits is read first.
#[test]
fn verdicts_on_others_have_patience_after_a_stop_and_own_duties_have_none() {
    let mut member = Trial::member(&["x"]);
    // It should have looked at eleven seconds, and runs again at thirty.
    member.peer.clock.now = at(30);
    member.peer.notice_a_stop();
    assert_eq!(deadlines(&member.peer), are(&[("LeaderCheck", 35)]));
    assert!(!member.peer.late(at(11)) && member.peer.late(at(26)));
    let mut peer = in_role(seeking(10, 12, Some(11)));
    peer.clock.now = at(30);
    peer.notice_a_stop();
    assert_eq!(deadlines(&peer), are(&[("Discovery", 12)]), "it asks immediately");
    peer.role = seeking(10, 90, Some(11));
    assert_eq!(deadlines(&peer), are(&[("Discovery", 35)]));
}
