//! Refusals, and claims to the names of others: words end nobody.

use peer::wire::{Belongs, Contact, Message, RunList};

use super::adversary::{here, Adversary, HUGE};
use super::ears;
use super::siege::Siege;

/// Reasons that once ended, or misled, the peer that read them.
fn reasons(victim: &str) -> Vec<String> {
    vec![
        "peer id in use".to_owned(),
        format!("peer id in use at {victim}"),
        "wrong quorum: 9 in the group, none at the newcomer; give every peer the same --quorum".to_owned(),
        "wrong addressee".to_owned(),
        "superseded".to_owned(),
        "this is the very peer that dials".to_owned(),
        "wrong group: this peer is of group x".to_owned(),
        "\u{1b}[2J\tgarbage \u{7f}".to_owned(),
    ]
}

#[test]
fn refusals_of_a_stranger_end_nobody_and_a_peer_starts_afterwards() {
    let mut siege = Siege::begin(&["a", "b", "c"], &["a", "b"], &[]);
    let address = siege.peers[1].address();
    let mut refusers = Vec::new();
    for (number, why) in reasons(&address).iter().enumerate() {
        let refuser = siege.adversary(&format!("x{number}"));
        refuser.ears.set_answer(ears::error(why));
        refuser.cast(&Message::NewPeerRequest(refuser.me.clone()));
        refuser.cast(&Message::Leader(refuser.leadership(99)));
        for peer in &siege.peers {
            // The peer asks it back, it refuses, and so the peer refuses the link.
            refuser.dial(peer).last_words();
        }
        assert!(refuser.ears.asked.load(std::sync::atomic::Ordering::Relaxed) > 0, "{why}: nobody asked");
        refusers.push(refuser);
    }
    siege.wait_for_progress();
    siege.assert_calm();
    siege.peers[2].kill();
    siege.peers[0].wait_for_view(&["a", "b"]);
    siege.restart(2);
    for refuser in &refusers {
        refuser.cast(&Message::NewPeerRequest(refuser.me.clone()));
        refuser.cast(&Message::Leader(refuser.leadership(99)));
    }
    siege.end();
}

#[test]
fn refusals_of_links_end_nobody() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let address = siege.peers[1].address();
    for (number, why) in reasons(&address).iter().enumerate() {
        let refuser = siege.adversary(&format!("x{number}"));
        refuser.ears.refuse_links(why);
        let link = refuser.dial(siege.leader());
        link.say(&Message::Join { promised: None, priority: 0, runs: RunList::new(), last: 0, limits: None });
        let addressee = |message: &Message| match message {
            Message::Hello(hello) => hello.addressee.clone(),
            _ => None,
        };
        assert_eq!(refuser.ears.wait("a link", addressee), refuser.me.id);
    }
    siege.wait_for_progress();
    siege.assert_calm();
    siege.end();
}

#[test]
fn a_stranger_that_takes_the_name_of_a_living_peer_is_refused_and_ends_nobody() {
    let mut siege = Siege::begin(&["a", "b"], &["a"], &[]);
    let thief = siege.adversary("thief");
    for victim in ["a", "b"] {
        let claimed = Contact { id: victim.parse().expect("a name"), incarnation: HUGE, ..thief.me.clone() };
        thief.ears.set_answer(here(claimed.clone(), Belongs::Leads(super::adversary::view(99, &claimed))));
        thief.cast(&Message::NewPeerRequest(claimed.clone()));
        thief.cast(&Message::Leader(peer::wire::Leadership { leader: claimed.clone(), ..thief.leadership(99) }));
        for peer in &siege.peers {
            let refused = thief.dial_as(&claimed, peer).last_words();
            assert!(refused.starts_with("ERROR:peer id in use"), "{} to {victim}: {refused:?}", peer.id);
            thief.ask(peer, Some(&Message::NewPeerRequest(claimed.clone())));
        }
    }
    siege.wait_for_progress();
    siege.assert_calm();
    // The name still belongs to its owner, which is taken in again in a new process.
    siege.peers[1].signal("-TERM");
    siege.peers[1].wait_for_exit();
    siege.peers[0].wait_for_view(&["a"]);
    drop(thief);
    siege.restart(1);
    siege.end();
}

#[test]
fn a_stranger_that_names_the_very_process_of_another_is_not_taken_for_it() {
    let mut siege = Siege::begin(&["a", "b", "c"], &["a", "b"], &[]);
    let thief = siege.adversary("thief");
    let term = thief.view_of(&siege.peers[0]).term;
    for at in 0..siege.peers.len() {
        let truth = thief.ask(&siege.peers[at], None).contact;
        // The address of the owner, and the address of the thief, which answers in its name.
        let elsewhere = Contact { endpoint: thief.me.endpoint, ..truth.clone() };
        thief.ears.set_answer(here(elsewhere.clone(), Belongs::Nowhere));
        for claimed in [&truth, &elsewhere] {
            for peer in siege.peers.iter().filter(|peer| peer.id != truth.id.as_str()) {
                let link = thief.dial_as(claimed, peer);
                link.say(&Message::Commit { term: term.clone(), up_to: 999_999 });
                link.say(&Message::Leave { term: Some(term.clone()) });
                let refused = link.last_words();
                assert!(refused.starts_with("ERROR:"), "{} as {claimed:?}: {refused:?}", peer.id);
            }
        }
    }
    siege.wait_for_progress();
    siege.assert_calm();
    drop(thief);
    siege.end();
}

#[test]
fn leaders_of_another_quorum_end_nobody() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let other = siege.adversary("other");
    other.ears.set_answer(ears::error("wrong quorum: 3 in the group, none at the newcomer"));
    for number in 0..20 {
        let leader = Adversary::new(&format!("other{number}"), siege.group.broadcast_port);
        other.cast_for(Some(3), &Message::Leader(other.leadership(99)));
        leader.cast_for(Some(3), &Message::Leader(leader.leadership(HUGE)));
        for peer in &siege.peers {
            other.ask(peer, Some(&Message::Leader(other.leadership(99))));
        }
    }
    siege.wait_for_progress();
    siege.assert_calm();
    drop(other);
    siege.end();
}
