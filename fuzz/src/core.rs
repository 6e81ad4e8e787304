//! One core that hears anything: any messages on any connections, any answers, any order of its storage's work, and any
//! passage of time. Only its own threads and its disk are honest.
//!
//! What it says is in the grammar, its links find what they may send, each question and each connection is answered
//! once, it comes to rest at any time, and a restart finds what it stored.

mod steps;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use peer::ids::{Incarnation, PeerId, Sequence};
use peer::protocol::{Admission, Alarm, ConnectionId, Effect, Effects, Input, Peer, Secret, Settings, Standing, Store};
use peer::storage::{Layout, MemoryDisk, Options};
use peer::wire::{Limits, Message, Timing, Token};

use super::draw::{Draw, NAMES};
use super::messages::check_said;
use super::shelf::Shelf;

pub(crate) use steps::core;

/// The first life of the peer; each start has the next.
const LIFE: Incarnation = 100;

/// Steps of one input.
const STEPS_MAX: usize = 200;

/// A core that wants more alarms in a row than this, without time between them, does not come to rest.
const ALARMS_MAX: usize = 64;

/// Effects of one step. Views have few members here.
const EFFECTS_MAX: usize = 400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Waits,
    Speaks,
    /// It is over, and must not be used any more.
    Over,
}

/// A peer `m`, and everything around it.
struct Host {
    peer: Peer,
    shelf: Shelf,
    disk: MemoryDisk,
    options: Options,
    joins: bool,
    life: Incarnation,
    now: Duration,
    lines: BTreeMap<u64, Line>,
    calls: Vec<(Token, SocketAddr)>,
    asked: Vec<Token>,
    /// The highest sequence that it was told to deliver.
    delivered: Sequence,
    over: bool,
}

/// `--keep-bytes`, so few that much is removed.
const KEPT_BYTES: u64 = 4000;

fn own() -> PeerId {
    "m".parse().expect("a name")
}

fn open(disk: &MemoryDisk, life: Incarnation, options: Options, joins: bool, now: Duration) -> (Peer, Shelf) {
    let shelf = Shelf::open(disk, &own(), life, options).expect("what was stored is found again");
    let seconds = Duration::from_secs;
    let settings = Settings {
        id: own(),
        priority: 0,
        incarnation: shelf.opened.incarnation,
        endpoint: "127.0.0.1:7000".parse().expect("an address"),
        group: "sensors".to_owned(),
        quorum: options.quorum,
        resume: options.resume,
        limits: options.limits,
        survey_every: seconds(60),
        timing: Timing { heartbeat_interval: seconds(5), heartbeat_timeout: seconds(10), election_timeout: seconds(5) },
        joins,
        seed: life,
        secret: Secret([7; 32]),
    };
    (Peer::new(settings, &shelf.found(), now), shelf)
}

impl Host {
    fn new(draw: &mut Draw) -> Self {
        let facts = draw.byte();
        let quorum = [None, None, Some(2), Some(1)][usize::from(facts % 4)];
        let options = Options {
            resume: quorum.is_some() || facts & 4 == 0,
            durable: quorum.is_some() || facts & 8 == 0,
            quorum,
            layout: Layout::Sensor,
            limits: (facts & 32 != 0).then_some(Limits { age: None, bytes: Some(KEPT_BYTES) }),
            segment_bytes: (facts & 32 != 0).then_some(KEPT_BYTES / 8),
        };
        let (disk, now, joins) = (MemoryDisk::new(), Duration::from_secs(1), facts & 16 == 0);
        let (peer, shelf) = open(&disk, LIFE, options, joins, now);
        let (lines, calls, asked) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { peer, shelf, disk, options, joins, life: LIFE, now, lines, calls, asked, delivered: 0, over: false }
    }

    /// Starts another life on the present disk.
    fn restart(&mut self) {
        self.life += 1;
        (self.peer, self.shelf) = open(&self.disk, self.life, self.options, self.joins, self.now);
        let repairs = &self.shelf.opened.repairs;
        assert!(repairs.is_empty(), "a peer that was killed leaves {repairs:?}");
        self.lines.values_mut().for_each(|line| *line = Line::Over);
        (self.calls, self.asked) = (Vec::new(), Vec::new());
        self.delivered = self.shelf.opened.delivered;
        self.over = false;
    }

    fn step(&mut self, input: Input) {
        if self.over {
            return;
        }
        let asked = if let Input::Asked { connection, .. } = &input { Some(*connection) } else { None };
        let before = (self.peer.committed(), self.peer.last());
        let mut effects = Effects::new();
        self.peer.step(self.now, input, &mut effects);
        assert!(effects.len() <= EFFECTS_MAX, "{} effects", effects.len());
        let answers = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Answer { connection, .. } if Some(*connection) == asked));
        assert_eq!(answers.count(), usize::from(asked.is_some()), "a question is answered once");
        for effect in effects {
            self.take(effect);
        }
        let (committed, last) = (self.peer.committed(), self.peer.last());
        assert!(committed <= last, "{committed} of {last} is committed");
        if self.options.quorum.is_some() {
            assert!(committed >= before.0, "what a quorum committed is taken back");
        }
        let runs = self.peer.runs();
        assert!(runs.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1), "{runs:?}");
        assert!(self.peer.synced() <= self.peer.promised(), "synced with more than was promised");
        assert!(runs.last().map(|(term, _)| term) <= self.peer.promised(), "the log has more than was promised");
        if self.peer.standing() == Standing::Leader {
            assert!(self.peer.members().contains(&own()) && self.peer.leader() == Some(&own()));
        }
    }

    fn take(&mut self, effect: Effect) {
        match effect {
            Effect::Send { to, message } => {
                assert_ne!(to, own(), "it speaks to itself: {message:?}");
                check_said(&message);
            }
            Effect::Serve { serve, .. } => self.shelf.check_served(&serve),
            Effect::Broadcast(message) => {
                assert!(matches!(message, Message::NewPeerRequest(_) | Message::Leader(_)));
                check_said(&message);
            }
            Effect::Call(call) => self.calls.push((call.question.nonce, call.to)),
            Effect::Ask(question) => self.asked.push(question.nonce),
            Effect::Answer { connection, message } => {
                check_said(&message);
                assert_eq!(self.lines.insert(connection.0, Line::Over), Some(Line::Waits), "an answer to nobody");
            }
            Effect::Admit { connection, admission } => {
                let is = if admission == Admission::Accept { Line::Speaks } else { Line::Over };
                assert_eq!(self.lines.insert(connection.0, is), Some(Line::Waits), "{connection:?} is admitted again");
            }
            Effect::Drop { connection } => {
                assert!(self.lines.contains_key(&connection.0), "{connection:?} was never made");
                self.lines.insert(connection.0, Line::Over);
            }
            Effect::Store(store) => self.store(store),
            Effect::Exit(_) => self.over = true,
            Effect::Redial { peer } | Effect::Close { peer } => assert_ne!(peer, own(), "it has no link to itself"),
            Effect::Tell(event) => assert!(!event.to_string().is_empty()),
        }
    }

    fn store(&mut self, store: Store) {
        match &store {
            Store::Say { message, .. } => check_said(message),
            Store::Deliver { up_to } => {
                assert!(*up_to <= self.peer.committed(), "what is delivered is committed");
                self.delivered = self.delivered.max(*up_to);
            }
            Store::Cut { to, .. } => {
                assert!(self.options.quorum.is_none() || *to >= self.delivered, "what a quorum delivered is cut");
                self.delivered = self.delivered.min(*to);
            }
            Store::Remove { to } => assert!(*to <= self.delivered, "what is removed is delivered"),
            Store::Begin(base) => self.delivered = base.last,
            _ => {}
        }
        self.shelf.put(store);
    }

    /// The storage does some of what waits.
    fn work(&mut self, most: usize) {
        let done = self.shelf.work(most).expect("a disk in memory does not fail");
        self.step(Input::Stored(done));
    }

    /// The storage does all that waits, and all that follows from that.
    fn settle(&mut self) {
        for _ in 0..ALARMS_MAX {
            if self.shelf.is_idle() {
                return;
            }
            self.work(usize::MAX);
        }
        panic!("its storage comes to no rest");
    }

    /// All alarms that are due ring, until none is.
    fn ring(&mut self) {
        for _ in 0..ALARMS_MAX {
            let due = |alarm: &Alarm| self.peer.deadline(*alarm).is_some_and(|due| due <= self.now);
            let Some(alarm) = Alarm::ALL.into_iter().find(due) else { return };
            if self.over {
                return;
            }
            self.step(Input::Alarm(alarm));
        }
        panic!("it comes to no rest");
    }

    /// A connection that was not there before.
    fn line(&mut self) -> ConnectionId {
        let number = self.lines.len() as u64 + 1;
        self.lines.insert(number, Line::Waits);
        ConnectionId(number)
    }

    /// One of the connections that speak, or spoke.
    fn speaker(&self, draw: &mut Draw) -> Option<ConnectionId> {
        let speakers: Vec<u64> =
            self.lines.iter().filter(|(_, line)| **line == Line::Speaks).map(|(number, _)| *number).collect();
        (!speakers.is_empty()).then(|| ConnectionId(*draw.pick(&speakers[speakers.len().saturating_sub(200)..])))
    }

    fn know(&self, draw: &mut Draw) {
        draw.known.life = self.life;
        draw.known.terms =
            [self.peer.installed(), self.peer.promised(), self.peer.synced()].into_iter().flatten().cloned().collect();
        draw.known.sequences = vec![self.peer.last(), self.peer.committed()];
        let nonces =
            self.calls.iter().rev().map(|(nonce, _)| *nonce).take(4).chain(self.asked.iter().rev().copied().take(2));
        draw.known.tokens = nonces.collect();
        for name in NAMES {
            draw.known.tokens.push(self.peer.hello(Some(&name.parse().expect("a name"))).token);
        }
    }
}
