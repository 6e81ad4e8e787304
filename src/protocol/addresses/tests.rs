//! Where a process is dialled. A trial has a heartbeat interval of five seconds, a heartbeat timeout of ten; its peers speak
//! from second one on.

use super::super::input::Found;
use super::super::trial::{close, connection, contact, endpoint, id, redial, Trial};
use super::*;
use crate::protocol::effect::Effects;
use crate::protocol::input::Time;

fn at(milliseconds: u64) -> Time {
    Time::from_millis(milliseconds)
}

fn moved(name: &str, port: u16) -> Contact {
    Contact { endpoint: SocketAddr::from(([10, 0, 0, 1], port)), ..contact(name) }
}

/// What this does at a time, in milliseconds.
fn effects<T>(trial: &mut Trial, now: u64, act: impl FnOnce(&mut Peer, &mut Turn) -> T) -> (T, Effects) {
    trial.at(at(now)).does(act)
}

#[test]
fn a_link_is_renewed_after_an_interval_and_a_half_of_silence_or_where_its_process_dials_again() {
    for (vouched, linked, dials, now, renews) in [
        (1000, None, false, 8499, false),
        (1000, None, false, 8500, true),
        (1000, None, true, 1001, true),
        // The link was made a moment ago, perhaps by this.
        (1000, Some(6000), true, 10_999, false),
        (1000, Some(6000), false, 10_999, false),
        (1000, Some(6000), true, 11_000, true),
        (1000, Some(6000), false, 11_000, true),
    ] {
        let mut trial = Trial::member(&["x"]);
        let known = trial.peer.contacts.get_mut(&id("x")).unwrap();
        (known.vouched, known.linked) = (at(vouched), linked.map(at));
        let ((), done) = effects(&mut trial, now, |peer, turn| peer.renew_link(&contact("x"), dials, turn));
        let expected = if renews { vec![redial("x")] } else { vec![] };
        assert_eq!(done, expected, "linked {linked:?}, dials: {dials}, at {now}");
    }
}

#[test]
fn a_link_to_another_life_or_of_a_process_that_made_no_connection_is_not_renewed() {
    let renews = |trial: &mut Trial, contact: &Contact| {
        effects(trial, 60_000, |peer, turn| peer.renew_link(contact, true, turn)).1
    };
    let mut trial = Trial::member(&["x"]);
    assert_eq!(renews(&mut trial, &Contact { incarnation: 2, ..contact("x") }), []);
    assert_eq!(renews(&mut trial, &contact("a")), [], "it is not known");
    trial.peer.contacts.ended(connection("x"));
    assert_eq!(renews(&mut trial, &contact("x")), []);
}

#[test]
fn what_answers_elsewhere_counts_there_once_the_known_address_was_silent_for_a_heartbeat_timeout() {
    let place = |now, known: fn(&mut Trial)| {
        let mut trial = Trial::member(&["x"]);
        // Its link was made lately, so nothing is to be renewed.
        trial.peer.contacts.get_mut(&id("x")).unwrap().linked = Some(at(now));
        known(&mut trial);
        let (placed, done) = effects(&mut trial, now, |peer, turn| peer.place(moved("x", 7), turn));
        (placed, done, trial.peer.endpoint_of(&id("x")))
    };
    let (own, other) = (contact("x"), moved("x", 7));
    let stays = || (Some(own.clone()), vec![], Some(own.endpoint));
    let moves = || (Some(other.clone()), vec![redial("x")], Some(other.endpoint));
    assert_eq!(place(10_999, |_| ()), stays());
    assert_eq!(place(11_000, |_| ()), moves());
    let distrusted = |trial: &mut Trial| {
        let now = at(2000);
        trial.peer.distrust(&id("x"), 2, &Turn { now, out: &mut Effects::new() });
    };
    assert_eq!(place(2000, distrusted), moves(), "its known address may be a lie");
    let dead = |trial: &mut Trial| trial.peer.contacts.get_mut(&id("x")).unwrap().dead = true;
    assert_eq!(place(2000, dead), moves());
}

#[test]
fn another_life_counts_only_where_the_known_one_is_gone() {
    let place = |dead| {
        let mut trial = Trial::member(&["x"]);
        trial.peer.contacts.get_mut(&id("x")).unwrap().dead = dead;
        let later = Contact { incarnation: 2, ..contact("x") };
        let (placed, done) = effects(&mut trial, 2000, |peer, turn| peer.place(later.clone(), turn));
        (placed == Some(later), done, trial.peer.incarnation_of(&id("x")))
    };
    assert_eq!(place(false), (false, vec![], 1));
    // A link to the life before reaches nobody.
    assert_eq!(place(true), (true, vec![close("x")], 2));
}

#[test]
fn a_process_that_is_not_known_counts_where_it_answers() {
    let mut trial = Trial::seeker(None, &Found::default());
    let (placed, done) = effects(&mut trial, 2000, |peer, turn| peer.place(contact("x"), turn));
    assert_eq!((placed, done), (Some(contact("x")), vec![]));
    assert_eq!(trial.peer.contacts.get(&id("x")).map(|known| known.vouched), Some(at(2000)));
}

#[test]
fn a_follower_that_speaks_from_another_address_may_order_from_there() {
    // From where it may order that was taken in in this life, at this address, and then speaks.
    let order = |life, at: &str, from: Contact| {
        let mut trial = Trial::leader(&["x"]);
        trial.leading().take_in(&from.id, life, endpoint(at));
        trial.peer.note_move(&from);
        trial.leading().taken_in[&from.id].endpoint
    };
    assert_eq!(order(1, "x", moved("x", 7)), moved("x", 7).endpoint);
    assert_eq!(order(1, "b", contact("x")), endpoint("b"), "it speaks from where it is known");
    assert_eq!(order(1, "b", moved("x", 7)), endpoint("b"), "it was taken in elsewhere");
    assert_eq!(order(2, "x", moved("x", 7)), endpoint("x"), "another life was taken in");
    assert_eq!(order(1, "a", moved("a", 7)), endpoint("a"), "it is not known at another address");
    assert_eq!(order(1, "x", Contact { incarnation: 2, ..moved("x", 7) }), endpoint("x"));
}

#[test]
fn a_link_to_an_old_address_is_dialled_again_and_one_to_an_old_life_is_closed() {
    let closes = |before: Option<(u64, &str)>, known: bool| {
        let mut trial = Trial::member(&["x"]);
        if !known {
            trial.peer.contacts.remove(&id("x"));
        }
        let before = before.map(|(life, at)| (life, endpoint(at)));
        effects(&mut trial, 2000, |peer, turn| peer.close_if_moved(&id("x"), before, turn)).1
    };
    for (before, known, expected) in [
        (Some((1, "x")), true, vec![]),
        (Some((1, "a")), true, vec![redial("x")]),
        (Some((2, "x")), true, vec![close("x")]),
        (Some((2, "a")), true, vec![close("x")]),
        (Some((1, "x")), false, vec![close("x")]),
        (None, true, vec![]),
        (None, false, vec![]),
    ] {
        assert_eq!(closes(before, known), expected, "{before:?}, then known: {known}");
    }
}

/// A new link has not heard `STALE`, so it is said there again.
#[test]
fn to_dial_again_forgets_what_was_said_on_the_link() {
    let mut trial = Trial::member(&["x"]);
    let says = |trial: &mut Trial| effects(trial, 2000, |peer, turn| peer.stale(&id("x"), turn)).1.len();
    assert_eq!((says(&mut trial), says(&mut trial)), (1, 0));
    effects(&mut trial, 2000, |peer, turn| peer.redial(&id("x"), turn));
    assert_eq!((says(&mut trial), says(&mut trial)), (1, 0));
}
