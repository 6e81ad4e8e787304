//! Peer `m`, to try one mechanism on: a test puts it into a role, gives it one input, and looks at all its effects.
//!
//! Peers have one letter, which is also their rank; all live at 127.0.0.1 and speak on a connection of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::data::follower::Follower;
use super::data::following::Following;
use super::data::leading::Leading;
use super::data::role::{Phase, Promised, Proposing, Role, Seeking};
use super::data::view::Members;
use super::effect::{Call, Effect, Effects, State, Store};
use super::event::Event;
use super::input::{Alarm, Answer, ConnectionId, Found, Input, Question, Time};
use super::peer::{Peer, Settings};
use super::picture::Picture;
use super::turn::Turn;
use super::Secret;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Belongs, Contact, Here, Lines, Message, RunList, Seat, TermStart, Timing, Token, ViewChange};

pub(super) const TIMING: Timing = Timing {
    heartbeat_interval: Time::from_secs(5),
    heartbeat_timeout: Time::from_secs(10),
    election_timeout: Time::from_secs(5),
};

pub(super) struct Trial {
    pub(super) peer: Peer,
    now: Time,
}

pub(super) fn id(name: &str) -> PeerId {
    name.parse().unwrap()
}

pub(super) fn term(text: &str) -> Term {
    text.parse().unwrap()
}

pub(super) fn endpoint(name: &str) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8000 + u16::from(name.as_bytes()[0])))
}

/// On which it speaks.
pub(super) fn connection(name: &str) -> ConnectionId {
    ConnectionId(u64::from(name.as_bytes()[0]))
}

pub(super) fn contact(name: &str) -> Contact {
    Contact { id: id(name), priority: 0, incarnation: 1, endpoint: endpoint(name) }
}

/// Members of these names.
pub(super) fn members(names: &[&str]) -> Members {
    names.iter().map(|name| (id(name), Seat { priority: 0, incarnation: 1, endpoint: endpoint(name) })).collect()
}

/// The first view of a term, of these members, whose leader's log was `runs` up to `last`.
pub(super) fn view(text: &str, names: &[&str], runs: RunList, last: Sequence) -> ViewChange {
    let start = TermStart { runs, last };
    ViewChange { term: term(text), change: 1, members: members(names), timing: TIMING, start }
}

pub(super) fn send(to: &str, message: Message) -> Effect {
    Effect::Send { to: id(to), message }
}

pub(super) fn close(peer: &str) -> Effect {
    Effect::Close { peer: id(peer) }
}

pub(super) fn redial(peer: &str) -> Effect {
    Effect::Redial { peer: id(peer) }
}

/// Said once all before it is stored.
pub(super) fn say(to: &str, message: Message) -> Effect {
    Effect::Store(Store::Say { to: id(to), message })
}

pub(super) fn tell(event: Event) -> Effect {
    Effect::Tell(event)
}

/// So many payload lines.
pub(super) fn lines(count: u64) -> Lines {
    Lines::new(b"DATA|s|2013-01-01T06:00:00Z|1||\n".repeat(usize::try_from(count).unwrap()), count)
}

/// A peer without a log and without a promise asks to be taken in.
pub(super) fn join() -> Message {
    Message::Join { promised: None, priority: 0, runs: vec![], last: 0, limits: None }
}

/// `state` is stored with this.
pub(super) fn stores(promised: &str, synced: Option<&str>, needs: Sequence) -> Effect {
    Effect::Store(Store::State(State { promised: Some(term(promised)), synced: synced.map(term), needs }))
}

/// `STALE` of a peer that promised this, and follows this leader.
pub(super) fn stale(promised: &str, leader: Option<&str>) -> Message {
    Message::Stale { term: Some(term(promised)), leader: leader.map(contact) }
}

/// A process answers: what it has to do with a group, and whether it made a connection.
pub(super) fn here(contact: Contact, belongs: Belongs, dialled: bool) -> Answer {
    let seeking = belongs == Belongs::Nowhere;
    Answer::Here(Box::new(Here { nonce: Token(1), contact, seeking, serves: true, dialled, belongs }))
}

/// It asked this leader to take it in, at second one.
pub(super) fn asked_to_join(leader: &str) -> Role {
    let now = Time::from_secs(1);
    Role::Seeking(Seeking { asked: Some((id(leader), now)), ..Seeking::new(now, now) })
}

/// It promised this peer, and waits for its view until the end of second one.
pub(super) fn promised(proposer: &str) -> Promised {
    let now = Time::from_secs(1);
    let serving = Follower::new(now);
    Promised { proposer: id(proposer), deadline: now, until: now, serving, fetched: 0, lifts: false }
}

/// It gathers logs until the end of second one. The answers of these count.
pub(super) fn proposing(invited: &[&str]) -> Proposing {
    let now = Time::from_secs(1);
    Proposing {
        asked: BTreeSet::new(),
        invited: invited.iter().map(|name| id(name)).collect(),
        silent: None,
        answers: BTreeMap::new(),
        deadline: now,
        beat_at: now,
        phase: Phase::Gathering,
        announced: true,
        lifting: None,
        takes_over: false,
    }
}

impl Trial {
    /// It seeks, with this `--quorum` and what storage had.
    pub(super) fn seeker(quorum: Option<u32>, found: &Found) -> Self {
        let settings = Settings {
            id: id("m"),
            priority: 0,
            incarnation: 1,
            endpoint: endpoint("m"),
            group: "sensors".into(),
            quorum,
            resume: true,
            limits: None,
            survey_every: Time::from_secs(3600),
            timing: TIMING,
            joins: false,
            seed: 1,
            secret: Secret([7; 32]),
        };
        let now = Time::from_secs(1);
        Self { peer: Peer::new(settings, found, now), now }
    }

    /// It is a member beside these, and `z`, in the term `3@z/1`. The log is as found.
    pub(super) fn member_with(quorum: Option<u32>, found: &Found, others: &[&str]) -> Self {
        let mut trial = Self::seeker(quorum, found);
        let names: Vec<&str> = others.iter().copied().chain(["m", "z"]).collect();
        trial.installs("3@z/1", &names);
        let view = view("3@z/1", &names, found.runs.clone(), found.last);
        trial.peer.role = Role::Member(Following::new(&view, view.members.clone(), trial.now));
        trial
    }

    pub(super) fn member(others: &[&str]) -> Self {
        Self::member_with(None, &Found::default(), others)
    }

    /// It is a learner of `z`, in the term `3@z/1`.
    pub(super) fn learner() -> Self {
        let mut trial = Self::member(&[]);
        let view = view("3@z/1", &["z"], vec![], 0);
        trial.peer.role = Role::Learner(Following::new(&view, Members::new(), trial.now));
        trial.peer.group.last_view.clear();
        trial
    }

    /// It leads these, in the term `3@m/1`.
    pub(super) fn leader(others: &[&str]) -> Self {
        let mut trial = Self::seeker(None, &Found::default());
        let names: Vec<&str> = others.iter().copied().chain(["m"]).collect();
        trial.installs("3@m/1", &names);
        let mut leading = Leading::new(term("3@m/1"), TermStart { runs: vec![], last: 0 }, trial.now);
        (leading.change, leading.members) = (1, members(&names));
        leading.followers = others.iter().map(|name| (id(name), Follower::new(trial.now))).collect();
        trial.peer.role = Role::Leader(leading);
        trial
    }

    /// What it keeps as a leader.
    pub(super) fn leading(&mut self) -> &mut Leading {
        let Role::Leader(leading) = &mut self.peer.role else { panic!("it does not lead") };
        leading
    }

    fn installs(&mut self, installed: &str, names: &[&str]) {
        let promises = &mut self.peer.promises;
        (promises.promised, promises.synced, promises.counter) = (Some(term(installed)), Some(term(installed)), 3);
        self.peer.group.last_view = members(names);
        for name in names.iter().filter(|name| **name != "m") {
            self.knows(name);
        }
    }

    /// A process was proven to live, and speaks.
    pub(super) fn knows(&mut self, name: &str) {
        self.peer.contacts.connect(&contact(name), connection(name), self.now);
    }

    pub(super) fn after(&mut self, seconds: u64) -> &mut Self {
        self.after_time(Time::from_secs(seconds))
    }

    pub(super) fn after_time(&mut self, time: Time) -> &mut Self {
        self.now += time;
        self
    }

    pub(super) fn at(&mut self, time: Time) -> &mut Self {
        self.now = time;
        self
    }

    pub(super) fn step(&mut self, input: Input) -> Effects {
        let mut effects = Effects::new();
        self.peer.step(self.now, input, &mut effects);
        effects
    }

    /// One mechanism does this now.
    pub(super) fn does<T>(&mut self, act: impl FnOnce(&mut Peer, &mut Turn) -> T) -> (T, Effects) {
        let mut effects = Effects::new();
        self.peer.clock.now = self.now;
        let done = act(&mut self.peer, &mut Turn { now: self.now, out: &mut effects });
        (done, effects)
    }

    pub(super) fn alarm(&mut self, alarm: Alarm) -> Effects {
        self.step(Input::Alarm(alarm))
    }

    pub(super) fn picture(&self) -> Picture {
        self.peer.picture(self.now)
    }

    /// A message comes from a peer that speaks.
    pub(super) fn gets(&mut self, from: &str, message: Message) -> Effects {
        self.step(Input::Received { connection: connection(from), message })
    }

    /// A datagram comes.
    pub(super) fn hears(&mut self, message: Message) -> Effects {
        self.step(Input::Datagram { from: endpoint("m").ip(), message })
    }

    /// The process of this name answers a question: what it has to do with a group.
    pub(super) fn answers(&mut self, question: &Question, name: &str, belongs: Belongs) -> Effects {
        let (nonce, seeking) = (question.nonce, belongs == Belongs::Nowhere);
        let here = Here { nonce, contact: contact(name), seeking, serves: !seeking, dialled: false, belongs };
        self.step(Input::Answered { nonce, from: endpoint(name), answer: Answer::Here(Box::new(here)) })
    }
}

/// Whom the questions among these effects go to.
pub(super) fn asked(effects: &[Effect]) -> Vec<SocketAddr> {
    let whom = |effect: &Effect| match effect {
        Effect::Call(Call { to, .. }) => Some(*to),
        _ => None,
    };
    effects.iter().filter_map(whom).collect()
}

/// The one question among these effects, and whom it goes to.
pub(super) fn question(effects: &[Effect]) -> (SocketAddr, &Question) {
    match effects {
        [Effect::Call(Call { to, question, .. })] => (*to, question),
        _ => panic!("{effects:?} is not one question"),
    }
}

impl Peer {
    /// For tests of what surrounds the core: this process has come to it on that connection.
    pub(crate) fn meets(&mut self, contact: &Contact, connection: ConnectionId, now: Time) {
        self.contacts.connect(contact, connection, now);
    }

    /// It leads this process, in the term `1@m/1`, and orders its readings.
    pub(crate) fn leads(&mut self, Contact { id, priority, incarnation, endpoint }: Contact, now: Time) {
        let mut leading = Leading::new(term("1@m/1"), TermStart { runs: vec![], last: 0 }, now);
        leading.take_in(&id, incarnation, endpoint);
        leading.members.insert(id, Seat { priority, incarnation, endpoint });
        self.role = Role::Leader(leading);
    }
}
