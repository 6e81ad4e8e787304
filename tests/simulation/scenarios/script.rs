//! Five peers `a` to `e`, of falling priority, with storage that takes no time and a network that the script moves.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use peer::ids::{Incarnation, PeerId};
use peer::protocol::{
    Admission, Alarm, Answer, Call, ConnectionId, Done, Effect, Input, Secret, Settings, Standing, Store, Time,
};
use peer::simulation::fault::Damage;
use peer::simulation::invariants::Checks;
use peer::simulation::process::Process;
use peer::simulation::sabotage::Sabotage;
use peer::simulation::shelf::{found, Shelf};
use peer::storage::{MemoryDisk, Options};
use peer::wire::{Contact, Message, Timing};

pub(super) const A: usize = 0;
pub(super) const B: usize = 1;
pub(super) const C: usize = 2;
pub(super) const D: usize = 3;
pub(super) const E: usize = 4;
pub(super) const ALL: [usize; 5] = [A, B, C, D, E];

/// If an alarm rings this often in vain, the script is wrong.
const RINGS_MAX: u32 = 20;

/// What happens to a message between peers that can talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    Lost,
    /// It stays under way until `late`.
    Kept,
}

#[derive(Debug)]
struct Letter {
    from: usize,
    to: usize,
    message: Message,
}

pub(super) struct Script {
    now: Time,
    processes: Vec<Process>,
    mail: VecDeque<Letter>,
    kept: Vec<Letter>,
    connections: BTreeMap<(usize, usize), ConnectionId>,
    made: u64,
    quorum: Option<usize>,
    checks: Checks,
    /// Questions about a group reach their addressees; questions about a new connection always do.
    reachable: bool,
    /// The answers to questions; the last one is the latest.
    answers: Vec<Message>,
    pub(super) sabotage: Sabotage,
}

fn priority(of: usize) -> i64 {
    [5, 4, 3, 2, 1][of]
}

/// With a quorum the disk is kept and durable.
fn options(quorum: Option<usize>) -> Options {
    let quorum = quorum.map(|quorum| u32::try_from(quorum).expect("five at most"));
    Options { resume: quorum.is_some(), durable: quorum.is_some(), quorum, ..Options::default() }
}

fn settings(number: usize, id: PeerId, incarnation: Incarnation, quorum: Option<usize>) -> Settings {
    let [heartbeat_interval, heartbeat_timeout, election_timeout] = [100, 300, 200].map(Duration::from_millis);
    Settings {
        id,
        priority: priority(number),
        incarnation,
        endpoint: ([10, 0, 0, 1], 7001 + u16::try_from(number).expect("five")).into(),
        group: "sensors".into(),
        quorum: quorum.map(|quorum| u32::try_from(quorum).expect("five at most")),
        resume: quorum.is_some(),
        limits: None,
        survey_every: Time::from_secs(3600),
        timing: Timing { heartbeat_interval, heartbeat_timeout, election_timeout },
        joins: false,
        seed: 0,
        secret: Secret([u8::try_from(number).expect("five"); 32]),
    }
}

/// Lets everything arrive.
pub(super) fn all(_: usize, _: &Message) -> Fate {
    Fate::Arrives
}

/// Lets everything arrive but views: a peer that promised goes on waiting.
pub(super) fn no_view(_: usize, message: &Message) -> Fate {
    if matches!(message, Message::ViewChange(_)) {
        Fate::Lost
    } else {
        Fate::Arrives
    }
}

impl Script {
    pub(super) fn new() -> Self {
        Self::with_quorum(None)
    }

    pub(super) fn with_quorum(quorum: Option<usize>) -> Self {
        let now = Duration::from_secs(1);
        let start = |(number, name): (usize, &str)| {
            let id: PeerId = name.parse().expect("a name");
            let (shelf, opened) = Shelf::open(MemoryDisk::new(), &id, 1, options(quorum)).expect("there is room");
            let settings = settings(number, id, opened.incarnation, quorum);
            Process::new(number, settings, shelf, &found(&opened), now)
        };
        Self {
            now,
            processes: ["a", "b", "c", "d", "e"].into_iter().enumerate().map(start).collect(),
            mail: VecDeque::new(),
            kept: Vec::new(),
            connections: BTreeMap::new(),
            made: 0,
            quorum,
            checks: Checks::new(quorum, None),
            reachable: false,
            answers: Vec::new(),
            sabotage: Sabotage::None,
        }
    }

    pub(super) fn process(&self, of: usize) -> &Process {
        &self.processes[of]
    }

    // What the script does.

    /// `who` makes a group with the others, which all seek.
    pub(super) fn found(&mut self, who: usize, others: &[usize], fate: impl FnMut(usize, &Message) -> Fate) {
        for other in others.iter().filter(|other| **other != who) {
            self.hear(who, *other);
        }
        self.wait(who, Alarm::Discovery, Standing::Proposing);
        let allowed: Vec<usize> = others.iter().copied().chain([who]).collect();
        self.run(&allowed, fate);
        assert_eq!(self.processes[who].peer.standing(), Standing::Leader);
    }

    /// The process of a peer is killed, and the next one begins with what is on its disk.
    pub(super) fn restart(&mut self, number: usize) {
        let before = &self.processes[number];
        let (id, life) = (before.id().clone(), before.origin.incarnation + 1);
        let (kept, opened) =
            Shelf::open(before.shelf.disk().clone(), &id, life, options(self.quorum)).expect("there is room");
        let settings = settings(number, id, opened.incarnation, self.quorum);
        let mut process = Process::new(number, settings, kept, &self.sabotage.found(found(&opened)), self.now);
        self.checks.started(Some(before), &mut process, &opened, Damage::None);
        self.processes[number] = process;
        self.connections.retain(|(from, to), _| *from != number && *to != number);
    }

    /// `who` finds its leader silent and is elected by those that it reaches.
    pub(super) fn elect(&mut self, who: usize, by: &[usize], mut fate: impl FnMut(usize, &Message) -> Fate) {
        for _ in 0..RINGS_MAX {
            let alarm = match self.processes[who].peer.standing() {
                Standing::Member => Alarm::LeaderCheck,
                Standing::Promised | Standing::Electing => Alarm::Election,
                _ => break,
            };
            // It has to know of them, whatever view it was in last.
            for other in by {
                self.hear(who, *other);
            }
            self.ring(who, alarm);
        }
        assert_eq!(self.processes[who].peer.standing(), Standing::Proposing);
        // Peers of higher rank did not get it in time.
        self.mail.retain(|letter| !matches!(letter.message, Message::Election { .. }));
        let allowed: Vec<usize> = by.iter().copied().chain([who]).collect();
        self.run(&allowed, &mut fate);
        if self.processes[who].peer.standing() == Standing::Proposing {
            self.ring(who, Alarm::Election);
            self.run(&allowed, fate);
        }
        assert_eq!(self.processes[who].peer.standing(), Standing::Leader);
    }

    /// A `NEW_PEER_REQUEST` of `from` reaches `who` as a datagram.
    pub(super) fn hear(&mut self, who: usize, from: usize) {
        let Process { origin, endpoint, .. } = &self.processes[from];
        let (id, incarnation, endpoint) = (origin.peer.clone(), origin.incarnation, *endpoint);
        let contact = Contact { id, priority: priority(from), incarnation, endpoint };
        let message = Message::NewPeerRequest(contact);
        self.reachable = true;
        // The datagram makes it ask, and the answer makes the sender a seeker that counts.
        self.step(who, Input::Datagram { from: endpoint.ip(), message: message.clone() });
        self.step(who, Input::Datagram { from: endpoint.ip(), message });
        self.reachable = false;
    }

    /// Lets the alarm of a peer ring at its deadlines, until the peer is in this standing.
    pub(super) fn wait(&mut self, who: usize, alarm: Alarm, standing: Standing) {
        for _ in 0..RINGS_MAX {
            if self.processes[who].peer.standing() == standing {
                return;
            }
            self.ring(who, alarm);
        }
        panic!("{} is {:?}, not {standing:?}", self.processes[who].id(), self.processes[who].peer.standing());
    }

    /// The next deadline of this alarm comes.
    pub(super) fn ring(&mut self, who: usize, alarm: Alarm) {
        let process = &self.processes[who];
        let due = process.peer.deadline(alarm);
        let due = due.unwrap_or_else(|| panic!("{} is {:?} without {alarm:?}", process.id(), process.peer.standing()));
        self.now = self.now.max(due);
        self.step(who, Input::Alarm(alarm));
    }

    /// A peer makes a reading; then everything moves between these.
    pub(super) fn measure(&mut self, who: usize, among: &[usize], fate: impl FnMut(usize, &Message) -> Fate) {
        let input = self.processes[who].measure(1).expect("there is room");
        self.step(who, input);
        self.run(among, fate);
    }

    /// The link of `from` to `to` broke and is up again.
    pub(super) fn reconnect(&mut self, from: usize, to: usize) {
        self.greet(from, to);
        let peer = self.processes[to].id().clone();
        self.step(from, Input::LinkUp { peer });
    }

    /// A message arrives that its sender did not send in this script.
    pub(super) fn tell(&mut self, from: usize, to: usize, message: Message) {
        self.deliver(Letter { from, to, message });
    }

    /// Delivers what is under way between these peers until nothing moves; the rest is lost.
    pub(super) fn run(&mut self, among: &[usize], mut fate: impl FnMut(usize, &Message) -> Fate) {
        while let Some(letter) = self.mail.pop_front() {
            if !among.contains(&letter.from) || !among.contains(&letter.to) {
                continue;
            }
            match fate(letter.to, &letter.message) {
                Fate::Arrives => self.deliver(letter),
                Fate::Lost => {}
                Fate::Kept => self.kept.push(letter),
            }
        }
        if self.sabotage == Sabotage::None {
            assert_eq!(self.checks.broken, None);
        }
    }

    /// The first promise found broken, and how.
    pub(super) fn broken(&self) -> Option<&str> {
        self.checks.broken.as_deref()
    }

    /// What was kept so far.
    pub(super) fn kept(&mut self) -> Kept {
        Kept(std::mem::take(&mut self.kept))
    }

    /// What was kept arrives now.
    pub(super) fn late(&mut self, kept: Kept, among: &[usize]) {
        self.mail = kept.0.into();
        self.run(among, all);
    }

    // As in the daemon.

    fn greet(&mut self, from: usize, to: usize) {
        self.made += 1;
        let connection = ConnectionId(self.made);
        self.connections.insert((from, to), connection);
        let hello = self.processes[from].peer.hello(Some(&self.processes[to].origin.peer));
        let (source, at) = (self.processes[from].endpoint.ip(), self.processes[to].endpoint);
        self.step(to, Input::Hello { connection, from: source, at, hello });
    }

    fn deliver(&mut self, letter: Letter) {
        let Letter { from, to, message } = letter;
        if !self.connections.contains_key(&(from, to)) {
            self.greet(from, to);
        }
        let connection = self.connections[&(from, to)];
        self.step(
            to,
            match message {
                Message::SequencerRequest { term, request } => Input::Requests(vec![(connection, term, request)]),
                message => Input::Received { connection, message },
            },
        );
    }

    fn step(&mut self, number: usize, input: Input) {
        let mut effects = Vec::new();
        self.processes[number].peer.step(self.now, input, &mut effects);
        self.checks.decided(&self.processes[number], &effects);
        let (mut dones, mut calls) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Call(call) => calls.push(call),
                effect => self.carry_out(number, effect, &mut dones),
            }
        }
        if !dones.is_empty() {
            let process = &mut self.processes[number];
            process.shelf.flush(None, true, Sabotage::None).expect("there is room");
            self.checks.stored(process, &dones);
        }
        self.checks.after_step(&mut self.processes, number);
        if !dones.is_empty() {
            self.step(number, Input::Stored(dones));
        }
        for call in calls {
            self.call(number, call);
        }
    }

    fn call(&mut self, from: usize, call: Call) {
        let Call { to, question, .. } = call;
        let nonce = question.nonce;
        let at = self.processes.iter().position(|process| process.endpoint == to);
        let mut answer = Answer::Silent;
        if let Some(at) = at.filter(|_| self.reachable || question.dialled.is_some()) {
            self.made += 1;
            let (connection, hello) = (ConnectionId(self.made), self.processes[from].peer.hello(None));
            let source = self.processes[from].endpoint.ip();
            self.step(at, Input::Asked { connection, from: source, hello, question });
            match self.answers.pop() {
                Some(Message::Here(here)) => answer = Answer::Here(here),
                other => panic!("{other:?} is no answer"),
            }
        }
        self.step(from, Input::Answered { nonce, from: to, answer });
    }

    fn carry_out(&mut self, number: usize, effect: Effect, dones: &mut Vec<Done>) {
        match effect {
            Effect::Send { to, message } => self.post(number, &to, message),
            Effect::Serve { to, serve } => {
                let process = &mut self.processes[number];
                let outbox = &mut process.links.entry(to.clone()).or_default().outbox;
                outbox.serve(serve);
                let mut ordered = Vec::new();
                while let Some(part) = outbox.take().serving {
                    let frames = process.shelf.read(part.after, part.up_to, part.cuts);
                    outbox.served(&part, frames.as_ref().and_then(|frames| frames.last().map(peer::wire::Frame::last)));
                    let term = part.term;
                    let frames = frames.into_iter().flatten();
                    ordered.extend(frames.map(|frame| Message::Ordered { term: term.clone(), frame }));
                }
                for message in ordered {
                    self.post(number, &to, message);
                }
            }
            Effect::Store(Store::Say { to, message }) => {
                dones.extend(Done::said(&message));
                self.post(number, &to, message);
            }
            Effect::Store(store) => {
                let process = &mut self.processes[number];
                let after = self.sabotage.store_after(&process.shelf.state, &store);
                process.shelf.note(&store);
                self.checks.handed_over(process, &store);
                for store in std::iter::once(store).chain(after) {
                    let process = &mut self.processes[number];
                    dones.extend(process.shelf.execute(store, Sabotage::None).expect("there is room"));
                }
            }
            Effect::Tell(event) => self.checks.told(&mut self.processes[number], &event),
            Effect::Admit { admission, .. } => assert_eq!(admission, Admission::Accept),
            Effect::Exit(exit) => panic!("{} ends: {exit:?}", self.processes[number].id()),
            // The script decides on datagrams and dials.
            Effect::Answer { message, .. } => self.answers.push(message),
            Effect::Call(_) => unreachable!("questions are taken out before"),
            Effect::Broadcast(_)
            | Effect::Ask(_)
            | Effect::Redial { .. }
            | Effect::Close { .. }
            | Effect::Drop { .. } => {}
        }
    }

    fn post(&mut self, from: usize, to: &PeerId, message: Message) {
        let to = self.processes.iter().position(|process| process.id() == to).expect("one of five");
        let message = self.sabotage.to(&self.processes[to].peer, message);
        self.mail.push_back(Letter { from, to, message });
    }
}

/// Messages under way.
#[derive(Debug)]
pub(super) struct Kept(Vec<Letter>);
