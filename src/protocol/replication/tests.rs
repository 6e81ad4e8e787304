//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::data::log::Log;
use super::super::trial::{close, id, lines, say, send, stale, tell, term, Trial};
use super::super::{Done, Effect, Effects, Event, Found, Input, Serve, Standing, Store, AHEAD_READINGS};
use crate::ids::Sequence;
use crate::wire::batch::READINGS_MAX;
use crate::wire::{Frame, Message, Range, Request};

/// A batch of `z`, the leader of a member.
fn batch(first: Sequence, count: u64) -> Frame {
    let request = Request { origin: "z/1".parse().unwrap(), first, lines: lines(count) };
    Frame::build(term("3@z/1"), first, &[request])
}

fn ordered(first: Sequence, count: u64) -> Message {
    Message::Ordered { term: term("3@z/1"), frame: batch(first, count) }
}

fn stored(last: Sequence) -> Message {
    Message::Stored { term: term("3@z/1"), last }
}

fn fetch(text: &str, from: Sequence) -> Message {
    Message::Fetch { term: term(text), from }
}

/// It leads `a` and `x`, which fetch its log, and ordered three readings, which its own disk has.
fn leader() -> Trial {
    let mut trial = Trial::leader(&["a", "x"]);
    for name in ["a", "x"] {
        trial.gets(name, fetch("3@m/1", 1));
    }
    trial.step(Input::Readings(lines(3)));
    trial.step(Input::Stored(vec![Done::Appended { last: 3 }]));
    assert_eq!((trial.peer.last(), trial.peer.committed()), (3, 0));
    trial
}

fn serve(to: &str, restart: Option<Sequence>, up_to: Sequence) -> Effect {
    Effect::Serve { to: id(to), serve: Serve { term: term("3@m/1"), cuts: 0, restart, up_to } }
}

/// docs/protocol.md, 4.4: a member that says where its log ends is served from there, and hears again what is committed.
#[test]
fn a_member_is_served_from_where_it_says() {
    let mut trial = leader();
    let commit = send("x", Message::Commit { term: term("3@m/1"), up_to: 0 });
    assert_eq!(trial.gets("x", fetch("3@m/1", 1)), [serve("x", Some(0), 3), commit]);
    let of_now = send("x", stale("3@m/1", Some("m")));
    assert_eq!(trial.gets("x", fetch("2@m/1", 1)), [of_now], "that term is over");
    trial.knows("q");
    assert_eq!(trial.gets("q", fetch("3@m/1", 1)), [], "a stranger");
    // 4 is what comes next; with that it says that it has stored the rest.
    let effects = trial.gets("x", fetch("3@m/1", 4));
    assert_eq!((&effects[0], trial.peer.committed()), (&serve("x", Some(3), 3), 3));
}

/// docs/protocol.md, 4.4: a follower that asks for what is not there has another log than it says.
#[test]
fn a_member_that_asks_for_what_is_not_there_is_dropped() {
    let mut trial = leader();
    let what = "asked for entries past the end of the log";
    let effects = trial.gets("x", fetch("3@m/1", 5));
    assert_eq!(effects[..2], [tell(Event::Misbehaved { peer: id("x"), what, at: 5 }), close("x")]);
    assert_eq!(trial.peer.members(), [id("a"), id("m")]);
}

/// docs/protocol.md, 4.6: what a majority of the members has stored is committed. The leader counts itself by its own disk.
#[test]
fn what_two_of_three_have_stored_is_committed_once() {
    let mut trial = leader();
    let says = |last| Message::Stored { term: term("3@m/1"), last };
    let commits = |up_to: Sequence| {
        let commit = |to| send(to, Message::Commit { term: term("3@m/1"), up_to });
        vec![Effect::Store(Store::Deliver { up_to }), commit("a"), commit("x")]
    };
    assert_eq!(trial.gets("q", says(3)), []);
    let of_now = send("x", stale("3@m/1", Some("m")));
    assert_eq!(trial.gets("x", Message::Stored { term: term("2@m/1"), last: 3 }), [of_now]);
    assert_eq!(trial.gets("x", says(3)), commits(3));
    assert_eq!(trial.gets("a", says(3)), [], "it is committed already");
    // What the leader itself has not stored counts by the others.
    trial.step(Input::Readings(lines(2)));
    assert_eq!(trial.gets("x", says(5)), []);
    assert_eq!(trial.gets("a", says(5)), commits(5));
}

/// docs/protocol.md, 4.5: a batch that follows the log is stored, and then said to be. One after a gap is fetched, once. What
/// is there already, and what others send, is nothing new.
#[test]
fn a_member_takes_what_follows_its_log() {
    let mut trial = Trial::member(&["x"]);
    let appends = |frame: Frame| Effect::Store(Store::Append(frame));
    assert_eq!(trial.gets("x", ordered(1, 3)), [], "x does not lead");
    assert_eq!(trial.gets("z", ordered(1, 3)), [appends(batch(1, 3)), say("z", stored(3))]);
    assert_eq!(trial.gets("z", ordered(6, 2)), [say("z", fetch("3@z/1", 4))]);
    assert_eq!(trial.gets("z", ordered(8, 2)), [], "it was asked for what is missing");
    assert_eq!(trial.gets("z", ordered(4, 2)), [appends(batch(4, 2)), say("z", stored(5))]);
    assert_eq!((trial.peer.last(), trial.peer.standing()), (5, Standing::Member));
}

/// docs/protocol.md, 4.6: what the leader calls committed may not be here yet. It is delivered as it comes.
#[test]
fn a_member_delivers_what_is_committed_as_it_comes() {
    let mut trial = Trial::member(&["x"]);
    let commit = |text, up_to| Message::Commit { term: term(text), up_to };
    let delivers = |effects: &Effects| {
        let of = |effect: &Effect| match effect {
            Effect::Store(Store::Deliver { up_to }) => Some(*up_to),
            _ => None,
        };
        effects.iter().find_map(of)
    };
    trial.gets("z", ordered(1, 3));
    for (from, text) in [("x", "3@z/1"), ("z", "2@z/1")] {
        assert_eq!(delivers(&trial.gets(from, commit(text, 3))), None, "{from} {text}");
    }
    assert_eq!(delivers(&trial.gets("z", commit("3@z/1", 5))), Some(3));
    assert_eq!(delivers(&trial.gets("z", commit("3@z/1", 4))), None, "it was told of more");
    assert_eq!(delivers(&trial.gets("z", ordered(4, 2))), Some(5));
    assert_eq!(delivers(&trial.gets("z", ordered(6, 2))), None, "that is not committed");
}

/// docs/protocol.md, 2.3: what breaks the protocol is told of, and its sender turned away.
#[test]
fn a_leader_that_breaks_the_protocol_is_left() {
    let of_term = |text: &str, first| {
        let request = Request { origin: "z/1".parse().unwrap(), first, lines: lines(2) };
        Message::Ordered { term: term("3@z/1"), frame: Frame::build(term(text), first, &[request]) }
    };
    let cannot_follow = "sent a batch of a term that cannot follow";
    for (message, what, at) in [
        (of_term("4@z/1", 4), cannot_follow, 4),
        (of_term("2@z/1", 4), cannot_follow, 4),
        (ordered(3, 2), "split a batch", 3),
    ] {
        let mut trial = Trial::member(&["x"]);
        trial.gets("z", ordered(1, 3));
        assert_eq!(trial.gets("z", ordered(2, 2)).len(), 1, "what is there already is nothing new");
        let effects = trial.gets("z", message);
        let misbehaved = tell(Event::Misbehaved { peer: id("z"), what, at });
        assert_eq!(effects[..2], [misbehaved, close("z")]);
        assert_eq!((trial.peer.last(), trial.peer.standing()), (3, Standing::Seeking));
    }
}

/// docs/protocol.md, 4.5: a batch of an earlier term, which the leader's log has, follows in the order of terms.
#[test]
fn batches_of_earlier_terms_follow_in_their_order() {
    let mut trial = Trial::member(&["x"]);
    for (text, first) in [("1@a/1", 1), ("1@a/1", 3), ("2@b/1", 5), ("3@z/1", 7)] {
        let request = Request { origin: "z/1".parse().unwrap(), first, lines: lines(2) };
        let frame = Frame::build(term(text), first, &[request]);
        trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
        assert_eq!(trial.peer.last(), first + 1, "{text}");
    }
}

/// docs/protocol.md, 5.5: a proposer fetches the log of a peer that promised it its term, and nobody else does.
#[test]
fn a_peer_that_promised_serves_its_proposer_only() {
    let run = |text: &str| vec![(term(text), 1)];
    let found = Found { runs: run("2@z/1"), last: 5, ..Found::default() };
    for (from, text, serves) in [("x", "4@x/1", true), ("y", "4@x/1", false), ("x", "5@x/1", false)] {
        let mut trial = Trial::member_with(None, &found, &["x", "y"]);
        trial.gets("x", Message::Coordinator { term: term("4@x/1") });
        let effects = trial.gets(from, fetch(text, 2));
        let serve = Serve { term: term("4@x/1"), cuts: 0, restart: Some(1), up_to: 5 };
        let expected = if serves { vec![Effect::Serve { to: id("x"), serve }] } else { vec![] };
        assert_eq!(effects, expected, "{from} {text}");
    }
}

/// docs/protocol.md, 4.5: more than the storage may have waiting would fill the memory.
#[test]
fn a_leader_sends_no_further_ahead_of_what_is_stored_than_it_was_asked_for() {
    for (stored, takes) in [(2, true), (1, false)] {
        let mut trial = Trial::member(&["x"]);
        // Two of one reading are stored, or one of them, and all that may be ahead of them follows.
        let rest = AHEAD_READINGS / READINGS_MAX;
        let counts = [1, 1].into_iter().chain((1..rest).map(|_| READINGS_MAX)).chain([READINGS_MAX - 1]);
        for count in counts {
            trial.gets("z", ordered(trial.peer.last() + 1, count));
        }
        trial.step(Input::Stored(vec![Done::Appended { last: stored }]));
        let at = trial.peer.last() + 1;
        assert_eq!(at, 2 + AHEAD_READINGS);
        let effects = trial.gets("z", ordered(at, 1));
        let misbehaved = tell(Event::Misbehaved { peer: id("z"), what: "sent more than was asked for", at });
        assert_eq!((effects.contains(&misbehaved), trial.peer.last() == at), (!takes, takes));
    }
}

/// docs/protocol.md, 4.6: what earlier terms ordered is committed with the end of the log at the term's start, and not before.
#[test]
fn entries_of_earlier_terms_are_committed_together() {
    let of = |first, count| vec![Range { origin: "z/1".parse().unwrap(), first, count }];
    let found = Found {
        runs: vec![(term("2@z/1"), 1)],
        last: 5,
        uncommitted: vec![(3, of(1, 3)), (5, of(4, 2))],
        ..Found::default()
    };
    let mut trial = Trial::leader(&["a", "x"]);
    trial.peer.log = Log::new(&found);
    trial.leading().start.last = 5;
    trial.gets("a", fetch("3@m/1", 1));
    for (last, committed) in [(3, 0), (4, 0), (5, 5)] {
        trial.gets("a", Message::Stored { term: term("3@m/1"), last });
        assert_eq!(trial.peer.committed(), committed, "a has stored {last}");
    }
}
