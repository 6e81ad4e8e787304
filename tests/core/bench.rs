//! A peer to try things on, and short names for what other peers say to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use peer::ids::{Incarnation, Number, PeerId, Sequence, Term};
use peer::protocol::{
    Alarm, Answer, Call, ConnectionId, Done, Effect, Effects, Event, Found, Input, Peer, Question, Secret, Settings,
    Standing, Store, Time,
};
use peer::wire::{
    Belongs, Contact, Frame, Hello, Here, Leadership, Limits, Lines, Message, Range, Request, RunList, Seat, TermStart,
    Timing, Token, ViewChange, PROTOCOL_VERSION,
};

/// The life of the tested peer.
pub(crate) const LIFE: Incarnation = 100;

pub(crate) fn at(milliseconds: u64) -> Time {
    Duration::from_millis(milliseconds)
}

pub(crate) fn timing() -> Timing {
    Timing { heartbeat_interval: at(5000), heartbeat_timeout: at(10_000), election_timeout: at(5000) }
}

pub(crate) fn id(name: &str) -> PeerId {
    name.parse().unwrap()
}

pub(crate) fn term(text: &str) -> Term {
    text.parse().unwrap()
}

/// This many payload lines.
pub(crate) fn lines(count: u64) -> Lines {
    let text = b"DATA|a|2013-01-01T06:00:00Z|1||\n".repeat(usize::try_from(count).unwrap());
    Lines::new(text, count)
}

pub(crate) fn request(origin: &str, first: Number, count: u64) -> Request {
    Request { origin: origin.parse().unwrap(), first, lines: lines(count) }
}

pub(crate) fn range(origin: &str, first: Number, count: u64) -> Range {
    Range { origin: origin.parse().unwrap(), first, count }
}

pub(crate) fn frame(term: &Term, first: Sequence, request: Request) -> Frame {
    Frame::build(term.clone(), first, &[request])
}

pub(crate) fn contact(name: &str, incarnation: Incarnation, endpoint: &str) -> Contact {
    Contact { id: id(name), priority: 0, incarnation, endpoint: endpoint.parse().unwrap() }
}

pub(crate) fn seat(incarnation: Incarnation, endpoint: &str) -> Seat {
    Seat { priority: 0, incarnation, endpoint: endpoint.parse().unwrap() }
}

pub(crate) fn leadership(text: &str, leader: Contact, size: u64, last: Sequence) -> Leadership {
    Leadership { term: term(text), leader, size, last }
}

/// A peer without a log, and with this promise, asks to be taken in.
pub(crate) fn join(promised: Option<Term>) -> Message {
    Message::Join { promised, priority: 0, runs: vec![], last: 0, limits: None }
}

/// The first view of a term whose leader's log was `runs` up to `last`.
pub(crate) fn view(text: &str, runs: RunList, last: Sequence) -> ViewChange {
    let start = TermStart { runs, last };
    ViewChange { term: term(text), change: 1, members: BTreeMap::new(), timing: timing(), start }
}

/// The same with its leader at this address, and this many members in all.
pub(crate) fn view_of(mut view: ViewChange, endpoint: &str, size: u64) -> ViewChange {
    let Term { leader, incarnation, .. } = view.term.clone();
    view.members.insert(leader, seat(incarnation, endpoint));
    view.members.extend((1..size).map(|n| (id(&format!("n{n}")), seat(1, &format!("10.0.1.{n}:1")))));
    view
}

/// The answer of a process: it dialled, if that was asked.
pub(crate) fn here(contact: Contact, belongs: Belongs) -> impl FnOnce(&Question) -> Answer {
    move |question| {
        let seeking = belongs == Belongs::Nowhere;
        let dialled = question.dialled.is_some();
        Answer::Here(Box::new(Here { nonce: question.nonce, contact, seeking, serves: !seeking, dialled, belongs }))
    }
}

/// The answer of a process that leads this view.
pub(crate) fn leads(endpoint: &str, view: ViewChange) -> impl FnOnce(&Question) -> Answer {
    let Term { leader, incarnation, .. } = view.term.clone();
    let contact = Contact { id: leader, priority: 0, incarnation, endpoint: endpoint.parse().unwrap() };
    here(contact, Belongs::Leads(view_of(view, endpoint, 1)))
}

/// Peer `m`, its clock, and its open questions.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) peer: Peer,
    now: u64,
    open: Vec<Call>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(&Found::default())
    }

    pub(crate) fn with(found: &Found) -> Self {
        Self::under(None, found)
    }

    /// A peer with `--resume`, and this `--quorum`.
    pub(crate) fn under(quorum: Option<u32>, found: &Found) -> Self {
        Self::given(quorum, None, found)
    }

    /// The same, with these limits of what is kept.
    pub(crate) fn given(quorum: Option<u32>, limits: Option<Limits>, found: &Found) -> Self {
        let settings = Settings {
            id: id("m"),
            priority: 0,
            incarnation: LIFE,
            endpoint: "127.0.0.1:7000".parse().unwrap(),
            group: "sensors".into(),
            quorum,
            resume: true,
            limits,
            survey_every: Time::from_secs(3600),
            timing: timing(),
            joins: true,
            seed: 1,
            secret: Secret([7; 32]),
        };
        Self { peer: Peer::new(settings, found, at(1000)), now: 1000, open: Vec::new() }
    }

    /// It found a group of one.
    pub(crate) fn leader() -> Self {
        let mut bench = Self::new();
        bench.lead();
        bench
    }

    /// It is a learner of `z`, in the term `1@z/5`, with an empty log. `z` speaks on connection 1.
    pub(crate) fn learner() -> Self {
        Self::learner_with(&Found::default()).0
    }

    pub(crate) fn learner_with(found: &Found) -> (Self, Effects) {
        Self::with(found).learns()
    }

    /// It becomes a learner of `z`.
    pub(crate) fn learns(self) -> (Self, Effects) {
        let mut bench = self;
        bench.hello(1, "z", 5, "127.0.0.1:8000");
        let effects = bench.added(1, "127.0.0.1:8000", view("1@z/5", vec![], 0));
        assert_eq!(bench.peer.standing(), Standing::Learner);
        (bench, effects)
    }

    /// It is a member beside `others`. Each speaks on the connection of its place in the list, and the first is `z`,
    /// the leader.
    pub(crate) fn member(others: &[&str]) -> Self {
        Self::member_with(&Found::default(), others)
    }

    pub(crate) fn member_with(found: &Found, others: &[&str]) -> Self {
        let mut bench = Self::learner_with(found).0;
        let mut change = view("1@z/5", vec![], 0);
        change.change = 2;
        change.members.insert(id("m"), seat(LIFE, "127.0.0.1:7000"));
        for (number, name) in (1..).zip(others) {
            let endpoint = format!("127.0.0.1:{}", 7999 + number);
            if number > 1 {
                bench.hello(number, name, 5, &endpoint);
            }
            change.members.insert(id(name), seat(5, &endpoint));
        }
        bench.said(1, Message::ViewChange(change));
        assert_eq!(bench.peer.standing(), Standing::Member);
        bench
    }

    pub(crate) fn lead(&mut self) {
        for _ in 0..50 {
            if self.peer.standing() == Standing::Leader {
                return;
            }
            let due = self.peer.deadline(Alarm::Discovery).expect("it seeks");
            self.now = u64::try_from(due.as_millis()).unwrap() + 1;
            self.alarm(Alarm::Discovery);
        }
        panic!("it does not found a group");
    }

    pub(crate) fn term(&self) -> Term {
        self.peer.installed().expect("a term").clone()
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn after(&mut self, milliseconds: u64) -> &mut Self {
        self.now += milliseconds;
        self
    }

    pub(crate) fn step(&mut self, input: Input) -> Effects {
        let mut effects = Effects::new();
        self.peer.step(at(self.now), input, &mut effects);
        self.open.extend(asked(&effects).into_iter().cloned());
        effects
    }

    pub(crate) fn alarm(&mut self, alarm: Alarm) -> Effects {
        self.step(Input::Alarm(alarm))
    }

    /// A datagram comes from the address that it names.
    pub(crate) fn hears(&mut self, message: Message) -> Effects {
        let (Message::NewPeerRequest(contact) | Message::Leader(Leadership { leader: contact, .. })) = &message else {
            panic!("{message:?} is no datagram");
        };
        self.step(Input::Datagram { from: contact.endpoint.ip(), message })
    }

    /// Answers the last question to this address.
    pub(crate) fn answered(&mut self, from: &str, answer: impl FnOnce(&Question) -> Answer) -> Effects {
        let from: SocketAddr = from.parse().unwrap();
        let last = self.open.iter().rposition(|call| call.to == from);
        let question = self.open.remove(last.unwrap_or_else(|| panic!("{from} was not asked"))).question;
        let answer = answer(&question);
        self.step(Input::Answered { nonce: question.nonce, from, answer })
    }

    /// The addresses that it asked and that did not answer.
    pub(crate) fn open(&self) -> Vec<String> {
        self.open.iter().map(|call| call.to.to_string()).collect()
    }

    /// Whether a question to this address is not answered yet.
    pub(crate) fn waits_for(&self, to: &str) -> bool {
        self.open().iter().any(|open| open == to)
    }

    /// A seeker is heard of, and says itself that it seeks.
    pub(crate) fn hears_seeker(&mut self, name: &str, endpoint: &str) -> Effects {
        let seeker = contact(name, 5, endpoint);
        let mut effects = self.hears(Message::NewPeerRequest(seeker.clone()));
        if self.waits_for(endpoint) {
            effects.extend(self.answered(endpoint, here(seeker, Belongs::Nowhere)));
        }
        effects
    }

    /// The leader of this view is heard of there, and shows it.
    pub(crate) fn finds(&mut self, endpoint: &str, view: ViewChange) -> Effects {
        let (text, last) = (view.term.to_string(), view.start.last);
        let leader = contact(view.term.leader.as_str(), view.term.incarnation, endpoint);
        self.hears(Message::Leader(leadership(&text, leader, view.members.len() as u64, last)));
        self.answered(endpoint, leads(endpoint, view))
    }

    /// The leader of this view is found there, asked, and takes this peer in, on a connection of its own.
    pub(crate) fn added(&mut self, connection: u64, endpoint: &str, view: ViewChange) -> Effects {
        self.finds(endpoint, view.clone());
        self.said(connection, Message::Added { view, incarnation: LIFE })
    }

    /// A link of `name` to this peer begins, and its process says that it made the link. Returns the effects.
    pub(crate) fn hello(&mut self, connection: u64, name: &str, incarnation: Incarnation, endpoint: &str) -> Effects {
        let effects = self.greet(connection, hello(name, incarnation, endpoint));
        if asked(&effects).is_empty() {
            return effects;
        }
        self.answered(endpoint, here(contact(name, incarnation, endpoint), Belongs::Nowhere))
    }

    /// A link of a peer of the same `--quorum` begins, in its life 5.
    pub(crate) fn hello_under(&mut self, quorum: Option<u32>, connection: u64, name: &str) -> Effects {
        let endpoint = format!("127.0.0.1:{}", 8000 + connection);
        self.greet(connection, Hello { quorum, ..hello(name, 5, &endpoint) });
        self.answered(&endpoint, here(contact(name, 5, &endpoint), Belongs::Nowhere))
    }

    /// A connection from there brings its `HELLO`.
    pub(crate) fn greet(&mut self, connection: u64, hello: Hello) -> Effects {
        let (from, at) = (hello.endpoint.ip(), "127.0.0.1:7000".parse().unwrap());
        self.step(Input::Hello { connection: ConnectionId(connection), from, at, hello })
    }

    pub(crate) fn said(&mut self, connection: u64, message: Message) -> Effects {
        self.step(Input::Received { connection: ConnectionId(connection), message })
    }

    /// `name` links to this leader and joins.
    pub(crate) fn joins(&mut self, connection: u64, name: &str) -> Effects {
        self.hello(connection, name, 5, &format!("127.0.0.1:{}", 8000 + connection));
        self.said(connection, join(None))
    }

    pub(crate) fn requests(&mut self, connection: u64, request: Request) -> Effects {
        let term = self.term();
        self.step(Input::Requests(vec![(ConnectionId(connection), term, request)]))
    }

    pub(crate) fn heartbeat(&mut self) -> Effects {
        self.said(1, Message::Heartbeat { term: term("1@z/5"), committed: 0 })
    }

    pub(crate) fn stored(&mut self, done: Vec<Done>) -> Effects {
        self.step(Input::Stored(done))
    }
}

/// How a link to this peer begins.
pub(crate) fn hello(name: &str, incarnation: Incarnation, endpoint: &str) -> Hello {
    Hello {
        version: PROTOCOL_VERSION,
        group: "sensors".into(),
        quorum: None,
        peer: id(name),
        incarnation,
        endpoint: endpoint.parse().unwrap(),
        addressee: Some(id("m")),
        token: Token(1),
    }
}

/// Questions to one address each.
pub(crate) fn asked(effects: &[Effect]) -> Vec<&Call> {
    fn of(effect: &Effect) -> Option<&Call> {
        match effect {
            Effect::Call(call) => Some(call),
            _ => None,
        }
    }
    effects.iter().filter_map(of).collect()
}

/// Whether it ends.
pub(crate) fn ends(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Exit(_)))
}

/// What goes to this peer, now or once it is stored.
pub(crate) fn said_to<'a>(effects: &'a [Effect], name: &str) -> Vec<&'a Message> {
    let of = |effect: &'a Effect| match effect {
        Effect::Send { to, message } | Effect::Store(Store::Say { to, message }) if *to == id(name) => Some(message),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// Requests sent to the leader.
pub(crate) fn sent(effects: &Effects) -> Vec<&Request> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { message: Message::SequencerRequest { request, .. }, .. } => Some(request),
            _ => None,
        })
        .collect()
}

pub(crate) fn recalled(effects: &Effects) -> Vec<Range> {
    let of = |effect: &Effect| match effect {
        Effect::Store(Store::Recall(range)) => Some(range.clone()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

pub(crate) fn told(effects: &Effects) -> Vec<&Event> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Tell(event) => Some(event),
            _ => None,
        })
        .collect()
}
