//! Everything in the protocol, said by a stranger who knows every id, address, life and term, and has no key: in plain
//! text, and under another key.

use std::sync::atomic::Ordering;

use peer::ids::Origin;
use peer::keys::Keys;
use peer::wire::{Belongs, Contact, Here, Leadership, Lines, Message, Request, RunList, ViewChange};

use super::super::adversary::{term, view, Adversary, HUGE};
use super::super::siege::Siege;
use super::{ask, assert_unmoved, begin, end, join, knock, make_keys};

/// How often all of it is said.
const ROUNDS: u64 = 20;

/// What each peer says of itself to a holder of the key.
fn spy(siege: &Siege, keys: &Keys, by: &Adversary) -> (Vec<Contact>, ViewChange) {
    let here: Vec<Here> = siege.peers.iter().map(|peer| ask(keys, by, peer, None).0).collect();
    let view = here.iter().find_map(|here| match &here.belongs {
        Belongs::Leads(view) => Some(view.clone()),
        _ => None,
    });
    (here.into_iter().map(|here| here.contact).collect(), view.expect("one of them leads"))
}

/// Everything that would move a peer that believed it, said in the name of a member.
fn words(me: &Contact, thief: &Contact, present: &ViewChange, round: u64) -> Vec<Message> {
    let (now, later) = (present.term.clone(), term(present.term.counter + 1 + round, me));
    let change = ViewChange { change: present.change + 1, ..present.clone() };
    let origin = Origin { peer: me.id.clone(), incarnation: me.incarnation };
    let lines = Lines::new(b"DATA|forged|2013-01-01T06:00:00Z|1|2|3\n".to_vec(), 1);
    vec![
        Message::ViewChange(view(now.counter, me)),
        Message::ViewChange(change),
        Message::Heartbeat { term: now.clone(), committed: HUGE },
        Message::HeartbeatAck { term: now.clone(), stored: HUGE },
        Message::Stored { term: now.clone(), last: HUGE },
        Message::Commit { term: now.clone(), up_to: HUGE },
        Message::SequencerRequest { term: now.clone(), request: Request { origin, first: 1 + round, lines } },
        Message::Election { term: Some(now.clone()), from: me.id.clone() },
        Message::Coordinator { term: later },
        Message::Stale { term: Some(now.clone()), leader: Some(thief.clone()) },
        Message::Yield { term: now.clone(), leader: Some(thief.clone()) },
        Message::Join { promised: Some(now.clone()), priority: 9, runs: RunList::new(), last: HUGE, limits: None },
        Message::Leave { term: Some(now) },
    ]
}

/// The bytes of messages under a key, as far as a dialler gets without an answer.
fn under(keys: &Keys, text: &[u8]) -> Vec<u8> {
    let (_, first) = keys.dial();
    // It is the other side of a session with itself: what it seals looks right.
    let (_, mut session) = keys.answer(&first).expect("the same key");
    let mut bytes = first.to_vec();
    session.sealer.seal(text, std::time::Instant::now(), &mut bytes);
    bytes
}

#[test]
fn a_stranger_without_the_key_is_told_nothing_and_believed_in_nothing() {
    let (mut siege, keys) = begin();
    let other = make_keys(&siege.group, "other");
    let thief = siege.adversary("thief");
    let (members, present) = spy(&siege, &keys, &thief);
    siege.mark();
    for round in 0..ROUNDS {
        for member in &members {
            let elsewhere =
                Contact { endpoint: thief.me.endpoint, incarnation: member.incarnation + 1, ..member.clone() };
            for contact in [member, &elsewhere, &thief.me] {
                let leadership = Leadership { leader: contact.clone(), ..thief.leadership(HUGE) };
                for message in [Message::NewPeerRequest(contact.clone()), Message::Leader(leadership)] {
                    thief.cast(&message);
                    thief.cast_raw(&other.seal_datagram(round, &thief.datagram(&message)));
                }
            }
            for peer in siege.peers.iter().filter(|peer| peer.id != member.id.as_str()) {
                let mut text = super::super::ears::bytes(&thief.hello(member, Some(&peer.id)));
                for message in words(member, &thief.me, &present, round) {
                    text.extend(super::super::ears::bytes(&message));
                }
                for bytes in [text.clone(), under(&other, &text)] {
                    let answer = knock(&peer.address(), &bytes);
                    assert!(answer.is_empty(), "{} says {:?}", peer.id, String::from_utf8_lossy(&answer));
                }
            }
        }
    }
    assert_unmoved(&siege);
    assert_eq!(thief.ears.accepted.load(Ordering::Relaxed), 0, "a peer looks where one without the key sends it");
    for peer in &siege.peers {
        assert!(!peer.said("thief"), "{}: {:#?}", peer.id, peer.log());
    }
    join(&mut siege, "d");
    drop(thief);
    end(siege);
}
