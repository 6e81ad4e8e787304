//! The virtual world: clock, network, processes. It carries out what cores ask for as the daemon's threads do, and tells
//! the checks of every step.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::mem;

use peer::ids::{Origin, PeerId};
use peer::protocol::{
    Alarm, ConnectionId, Done, Effect, Event as Told, Exit, Found, Input, Peer, Settings, Store, Time, Verdict,
};
use peer::wire::{refusal, Lines, Message};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::invariants::Checks;
use crate::network::{Connection, Item, Link, LinkState, Reading, IN_FLIGHT_MAX};
use crate::plan::{Fault, Plan};
use crate::process::Process;
use crate::sabotage::Sabotage;
use crate::shelf::Shelf;

/// More events than this in one instant, or in a run, are a loop.
const AT_ONCE_MAX: u32 = 100_000;
const EVENTS_MAX: u64 = 3_000_000;

/// What comes next.
#[derive(Debug)]
enum Event {
    Arrive(u64),
    Dialed {
        process: usize,
        peer: PeerId,
        attempt: u64,
    },
    /// The sender finds its connection broken; `why` where the receiver refused it.
    Broken {
        process: usize,
        peer: PeerId,
        connection: u64,
        why: Option<String>,
    },
    Alarm {
        process: usize,
        alarm: Alarm,
    },
    Work(usize),
    Sequence(usize),
    Datagram {
        process: usize,
        message: Message,
    },
    Rejected {
        process: usize,
        why: String,
    },
    Readings(usize),
    Fault(Fault),
}

pub(crate) struct World {
    pub now: Time,
    queue: BTreeMap<(Time, u64), Event>,
    scheduled: u64,
    pub rng: SmallRng,
    pub plan: Plan,
    pub processes: Vec<Process>,
    /// The process that runs on each host.
    pub hosts: Vec<Option<usize>>,
    connections: BTreeMap<u64, Connection>,
    pub checks: Checks,
    pub sabotage: Sabotage,
    /// Sources go on giving readings.
    pub feeding: bool,
    /// Events since the last time the clock moved on.
    at_once: u32,
    events: u64,
    trace: Option<String>,
    /// Digest of everything that happened, to tell runs apart.
    pub fingerprint: u64,
}

impl World {
    pub(crate) fn new(seed: u64, tracing: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let plan = Plan::draw(&mut rng);
        Self::with_plan(plan, rng, tracing)
    }

    pub(crate) fn with_plan(plan: Plan, rng: SmallRng, tracing: bool) -> Self {
        let mut world = Self {
            now: Time::from_secs(1),
            queue: BTreeMap::new(),
            scheduled: 0,
            rng,
            processes: Vec::new(),
            hosts: vec![None; plan.hosts],
            connections: BTreeMap::new(),
            checks: Checks::default(),
            sabotage: Sabotage::None,
            feeding: true,
            at_once: 0,
            events: 0,
            trace: tracing.then(String::new),
            fingerprint: 0,
            plan,
        };
        for host in 0..world.plan.starting {
            let at = world.rng.random_range(0..2) * world.rng.random_range(0..500);
            world.after(Time::from_millis(at), Event::Fault(Fault::Start(host)));
        }
        for (at, fault) in world.plan.faults.clone() {
            world.after(at, Event::Fault(fault));
        }
        world
    }

    pub(crate) fn trace(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            writeln!(trace, "{:10.6} {}", self.now.as_secs_f64(), text()).expect("a string takes all");
        }
    }

    pub(crate) fn take_trace(&mut self) -> String {
        self.trace.take().unwrap_or_default()
    }

    fn after(&mut self, delay: Time, event: Event) {
        self.at(self.now + delay, event);
    }

    fn at(&mut self, time: Time, event: Event) {
        self.scheduled += 1;
        self.queue.insert((time.max(self.now), self.scheduled), event);
    }

    /// Runs until `time`, or until a promise is broken.
    pub(crate) fn run_until(&mut self, time: Time) {
        while self.checks.broken.is_none() {
            let Some(entry) = self.queue.first_entry() else { break };
            if entry.key().0 > time {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.at_once = if at > self.now { 0 } else { self.at_once + 1 };
            self.now = at;
            self.events += 1;
            if self.at_once > AT_ONCE_MAX || self.events > EVENTS_MAX {
                return self.fail(Err(format!("promise 9: never at rest, next is {event:?}")));
            }
            self.happen(event);
        }
        self.now = self.now.max(time);
    }

    pub(crate) fn alive(&self) -> impl Iterator<Item = &Process> + Clone {
        self.processes.iter().filter(|process| process.alive)
    }

    fn happen(&mut self, event: Event) {
        if let Some(until) = self.paused(&event) {
            // What is under way waits in the kernel; alarms and the rest race when the process goes on.
            let jitter = if matches!(event, Event::Arrive(_)) { 0 } else { self.rng.random_range(0..3000) };
            return self.at(until + Time::from_micros(jitter), event);
        }
        match event {
            Event::Arrive(connection) => self.arrive(connection),
            Event::Dialed { process, peer, attempt } => self.dialed(process, &peer, attempt),
            Event::Broken { process, peer, connection, why } => self.broken(process, &peer, connection, why),
            Event::Alarm { process, alarm } => self.alarm(process, alarm),
            Event::Work(process) => self.work(process),
            Event::Sequence(process) => {
                let requests = mem::take(&mut self.processes[process].inbox);
                if !requests.is_empty() {
                    self.step(process, Input::Requests(requests));
                }
            }
            Event::Datagram { process, message } => self.step(process, Input::Datagram(message)),
            Event::Rejected { process, why } => self.step(process, Input::Rejected { peer: None, why }),
            Event::Readings(process) => self.feed(process),
            Event::Fault(fault) => self.fault(fault),
        }
    }

    /// Until when the process that this concerns is stopped.
    fn paused(&self, event: &Event) -> Option<Time> {
        let process = match event {
            Event::Arrive(connection) => self.connections.get(connection)?.to,
            Event::Dialed { process, .. }
            | Event::Broken { process, .. }
            | Event::Alarm { process, .. }
            | Event::Work(process)
            | Event::Sequence(process)
            | Event::Datagram { process, .. }
            | Event::Rejected { process, .. }
            | Event::Readings(process) => *process,
            Event::Fault(_) => return None,
        };
        self.processes[process].paused_until.filter(|until| *until > self.now)
    }

    /// Time that something takes on the network.
    fn delay(&mut self) -> Time {
        let (shortest, longest) = self.plan.delay;
        let late = self.plan.late_one_in;
        if late > 0 && self.rng.random_range(0..late) == 0 {
            return self.plan.timing.election_timeout.mul_f64(self.rng.random_range(0.0..0.1));
        }
        shortest + longest.saturating_sub(shortest).mul_f64(self.rng.random_range(0.0..1.0))
    }

    /// The faults are over: somebody has to run, and whoever is stopped goes on when its time has come.
    pub(crate) fn end_of_faults(&mut self) {
        if self.hosts.iter().all(Option::is_none) {
            self.start(0);
        }
        let stopped = self.alive().filter_map(|process| process.paused_until).max();
        self.run_until(stopped.unwrap_or_default());
    }

    pub(crate) fn fail(&mut self, result: Result<(), String>) {
        if let (Err(why), None) = (result, &self.checks.broken) {
            self.checks.broken = Some(why);
        }
    }

    // Processes.

    pub(crate) fn id_of(host: usize) -> PeerId {
        format!("p{host}").parse().expect("a name")
    }

    fn start(&mut self, host: usize) {
        if self.hosts[host].is_some() {
            return;
        }
        let number = self.processes.len();
        let incarnation = 1_000 * (number as u64 + 1) + u64::try_from(self.now.as_millis()).expect("short runs");
        let port = if self.plan.join_only { 7000 } else { u16::try_from(7001 + number).expect("few processes") };
        let endpoint = std::net::SocketAddr::from(([10, 0, 0, u8::try_from(host).expect("few hosts")], port));
        let twins = self.sabotage == Sabotage::TwoLivesAsOne;
        let (id, incarnation) = if twins { (Self::id_of(0), 1) } else { (Self::id_of(host), incarnation) };
        let settings = Settings {
            id,
            priority: self.plan.priorities[host],
            incarnation,
            endpoint,
            group: "sensors".into(),
            quorum: None,
            timing: self.plan.timing,
            joins: self.plan.join_only,
            seed: self.rng.random(),
        };
        let origin = Origin { peer: settings.id.clone(), incarnation };
        self.processes.push(Process {
            host,
            origin,
            endpoint,
            peer: Peer::new(settings, &Found::default(), self.now),
            alive: true,
            exit: None,
            shelf: Shelf::default(),
            work: VecDeque::default(),
            working: false,
            links: BTreeMap::new(),
            inbox: Vec::new(),
            alarms: [None; 4],
            paused_until: None,
            taken: 0,
            committed: 0,
        });
        self.hosts[host] = Some(number);
        self.trace(|| format!("p{host} starts as process {number}"));
        self.set_alarms(number);
        self.after(self.plan.reading_gap, Event::Readings(number));
    }

    /// The process is gone; `cleanly`: what it had written still arrives.
    fn end(&mut self, number: usize, cleanly: bool) {
        let process = &mut self.processes[number];
        process.alive = false;
        self.hosts[process.host] = None;
        let connections: Vec<u64> =
            self.connections.iter().filter(|(_, c)| c.from == number || c.to == number).map(|(id, _)| *id).collect();
        for id in connections {
            if !cleanly && self.rng.random_bool(0.5) {
                self.lose_suffix(id);
            }
            self.close(id);
        }
    }

    fn close_all(&mut self, ids: impl IntoIterator<Item = u64>) {
        for id in ids {
            self.close(id);
        }
    }

    /// Cuts off the end of what is under way.
    fn lose_suffix(&mut self, id: u64) {
        let Some(length) = self.connections.get(&id).map(|connection| connection.pipe.len()) else { return };
        let keep = self.rng.random_range(0..=length);
        self.connections.get_mut(&id).expect("just seen").pipe.truncate(keep);
    }

    /// Nothing more is written; the receiver reads to the end, and the sender, if it lives, finds out.
    fn close(&mut self, id: u64) {
        let delay = self.delay();
        let back = self.delay();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.writable {
            return;
        }
        connection.writable = false;
        connection.pipe.push_back(Item::End);
        connection.last_arrival = connection.last_arrival.max(self.now + delay);
        let (at, from, link) = (connection.last_arrival, connection.from, connection.link.clone());
        self.at(at, Event::Arrive(id));
        if let (true, Some(peer)) = (self.processes[from].alive, link) {
            self.after(back, Event::Broken { process: from, peer, connection: id, why: None });
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.trace(|| format!("{fault:?}"));
        match fault {
            Fault::Start(host) => self.start(host),
            Fault::Crash(host) => {
                if let Some(number) = self.hosts[host] {
                    self.checks.crashes += 1;
                    self.end(number, false);
                }
            }
            Fault::Stop(host) => {
                if let Some(number) = self.hosts[host] {
                    self.step(number, Input::Stop);
                }
            }
            Fault::Pause(host, length) => {
                if let Some(number) = self.hosts[host] {
                    let until = self.now + length;
                    let process = &mut self.processes[number];
                    process.paused_until = Some(process.paused_until.map_or(until, |before| before.max(until)));
                }
            }
            Fault::Break(a, b) => {
                let (Some(a), Some(b)) = (self.hosts[a], self.hosts[b]) else { return };
                let between = |c: &Connection| (c.from, c.to) == (a, b) || (c.from, c.to) == (b, a);
                let ids: Vec<u64> = self.connections.iter().filter(|(_, c)| between(c)).map(|(id, _)| *id).collect();
                for id in ids {
                    self.lose_suffix(id);
                    self.close(id);
                }
            }
            Fault::Burst(host, readings) => {
                if let Some(number) = self.hosts[host] {
                    self.give(number, readings);
                }
            }
        }
    }

    fn feed(&mut self, number: usize) {
        if !self.processes[number].alive || !self.feeding {
            return;
        }
        let count = self.rng.random_range(1..4);
        self.give(number, count);
        let gap = self.plan.reading_gap.mul_f64(self.rng.random_range(0.1..2.0));
        self.after(gap, Event::Readings(number));
    }

    fn give(&mut self, number: usize, readings: u64) {
        let process = &mut self.processes[number];
        let count = readings.min(process.peer.room()).min(1000);
        if count == 0 {
            return;
        }
        let mut text = String::new();
        for n in process.taken + 1..=process.taken + count {
            let sensor = n % 2;
            writeln!(text, "DATA|{}-{sensor}|2013-01-01T06:00:00Z|{n}||{}", process.id(), process.origin.incarnation)
                .expect("a string takes all");
        }
        process.taken += count;
        self.step(number, Input::Readings(Lines::new(text.into_bytes(), count)));
    }

    // Steps.

    pub(crate) fn step(&mut self, number: usize, input: Input) {
        let process = &mut self.processes[number];
        if !process.alive || self.checks.broken.is_some() {
            return;
        }
        if self.trace.is_some() {
            let text = format!("p{} <- {input:?}", process.host);
            self.trace(|| text);
        }
        let mut effects = Vec::new();
        let process = &mut self.processes[number];
        process.peer.step(self.now, input, &mut effects);
        self.carry_out(number, effects);
        self.set_alarms(number);
        let happened = self.now.subsec_nanos() ^ u32::try_from(number).expect("few processes");
        self.fingerprint = (self.fingerprint ^ u64::from(happened)).wrapping_mul(0x0100_0000_01b3);
        self.checks.after_step(&mut self.processes, number);
    }

    fn set_alarms(&mut self, number: usize) {
        for (at, alarm) in Alarm::ALL.into_iter().enumerate() {
            let process = &mut self.processes[number];
            let deadline = process.peer.deadline(alarm).filter(|_| process.alive);
            if deadline != process.alarms[at] {
                process.alarms[at] = deadline;
                if let Some(deadline) = deadline {
                    self.at(deadline, Event::Alarm { process: number, alarm });
                }
            }
        }
    }

    fn alarm(&mut self, number: usize, alarm: Alarm) {
        let at = Alarm::ALL.iter().position(|a| *a == alarm).expect("one of four");
        let process = &mut self.processes[number];
        if process.alarms[at].is_some_and(|due| due <= self.now) {
            process.alarms[at] = None;
            self.step(number, Input::Alarm(alarm));
        }
    }

    fn carry_out(&mut self, number: usize, effects: Vec<Effect>) {
        for effect in effects {
            if self.trace.is_some() {
                let text = format!("    p{} -> {effect:?}", self.processes[number].host);
                self.trace(|| text);
            }
            match effect {
                Effect::Send { to, message } => self.send(number, &to, message),
                Effect::Serve { to, serve } => {
                    if let Some(link) = self.processes[number].links.get_mut(&to) {
                        link.outbox.serve(serve);
                        self.flush(number, &to);
                    }
                }
                Effect::Broadcast(message) => self.broadcast(number, &message),
                Effect::Ask(message) => self.ask(number, &message),
                Effect::Redial { peer } => self.redial(number, &peer),
                Effect::Close { peer } => {
                    if let Some(link) = self.processes[number].links.remove(&peer) {
                        self.drop_link(&link);
                    }
                }
                Effect::Admit { connection, verdict } => self.admit(connection.0, verdict),
                Effect::Drop { connection } => self.drop_connection(connection.0),
                Effect::Store(store) => self.store(number, store),
                Effect::Tell(event) => self.tell(number, &event),
                Effect::Exit(exit) => self.exit(number, exit),
            }
        }
    }

    fn tell(&mut self, number: usize, event: &Told) {
        let text = format!("p{}: {event}", self.processes[number].host);
        self.trace(|| text);
        self.checks.told(&self.processes[number], event);
    }

    fn exit(&mut self, number: usize, exit: Exit) {
        self.checks.exited(&self.processes[number], &exit);
        self.processes[number].exit = Some(exit);
        // What was handed to storage and links before is written and sent.
        while !self.processes[number].work.is_empty() {
            self.do_work(number);
        }
        let peers: Vec<PeerId> = self.processes[number].links.keys().cloned().collect();
        for peer in peers {
            self.flush(number, &peer);
        }
        self.end(number, true);
    }

    // Storage.

    fn store(&mut self, number: usize, store: Store) {
        let process = &mut self.processes[number];
        process.shelf.note(&store);
        self.checks.handed_over(process, &store);
        let process = &mut self.processes[number];
        process.work.push_back(store);
        if !mem::replace(&mut process.working, true) {
            let longest = self.plan.disk[process.host];
            let time = longest.mul_f64(self.rng.random_range(0.05..1.0));
            self.after(time, Event::Work(number));
        }
    }

    fn work(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.working = false;
        if !process.alive {
            return;
        }
        self.do_work(number);
    }

    /// One group: everything that waits, then one report.
    fn do_work(&mut self, number: usize) {
        let works = mem::take(&mut self.processes[number].work);
        let (mut dones, mut says) = (Vec::new(), Vec::new());
        for store in works {
            let Store::Say { to, message } = store else {
                let done = self.processes[number].shelf.execute(store, self.sabotage);
                dones.extend(done.map(|done| self.sabotage.done(done)));
                continue;
            };
            match &message {
                Message::Stored { term, last } => dones.push(Done::Said { term: term.clone(), stored: *last }),
                Message::Fetch { term, from } => dones.push(Done::Said { term: term.clone(), stored: from - 1 }),
                _ => {}
            }
            says.push((to, message));
        }
        self.checks.stored(&self.processes[number], &dones);
        self.step(number, Input::Stored(dones));
        for (to, message) in says {
            self.send(number, &to, message);
        }
    }

    // Network.

    fn broadcast(&mut self, from: usize, message: &Message) {
        if self.plan.join_only {
            return;
        }
        let to: Vec<usize> = (0..self.processes.len()).filter(|n| self.processes[*n].alive).collect();
        for process in to {
            let loss = self.plan.datagram_loss_one_in;
            if process != from && loss > 0 && self.rng.random_range(0..loss) == 0 {
                continue;
            }
            let delay = self.delay();
            self.after(delay, Event::Datagram { process, message: message.clone() });
        }
    }

    /// Asks every host, as `--join` with a list of all does.
    fn ask(&mut self, from: usize, message: &Message) {
        for to in (0..self.processes.len()).filter(|n| self.processes[*n].alive).collect::<Vec<_>>() {
            let hello = self.processes[from].peer.hello(None);
            let delay = self.delay() * 3;
            let id = self.connect(from, to, None, delay);
            self.write(id, Item::Hello(hello));
            self.write(id, Item::Message(message.clone()));
            self.close(id);
        }
    }

    fn send(&mut self, from: usize, to: &PeerId, message: Message) {
        let message = self.sabotage.message(message);
        let Some(message) = message else { return };
        let process = &mut self.processes[from];
        let link = process.links.entry(to.clone()).or_default();
        link.outbox.put(message);
        if link.state == LinkState::Idle {
            self.dial(from, to);
        }
        self.flush(from, to);
    }

    fn redial(&mut self, number: usize, peer: &PeerId) {
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        link.outbox.on_break();
        link.report = true;
        if let LinkState::Up(connection) = link.state {
            link.old = Some(connection);
        }
        self.dial(number, peer);
    }

    fn dial(&mut self, number: usize, peer: &PeerId) {
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        link.attempt += 1;
        link.state = LinkState::Dialing;
        let attempt = link.attempt;
        let delay = self.delay() * 2;
        self.after(delay, Event::Dialed { process: number, peer: peer.clone(), attempt });
    }

    fn dialed(&mut self, number: usize, peer: &PeerId, attempt: u64) {
        let process = &self.processes[number];
        let current = process.links.get(peer).is_some_and(|link| link.attempt == attempt);
        if !process.alive || !current {
            return;
        }
        let endpoint = process.peer.endpoint_of(peer);
        let listener = self.processes.iter().position(|p| p.alive && Some(p.endpoint) == endpoint);
        let hello = process.peer.hello(Some(peer));
        let link = self.processes[number].links.get_mut(peer).expect("just seen");
        let old = link.old.take();
        let Some(listener) = listener else {
            let link = self.processes[number].links.remove(peer).expect("just seen");
            self.drop_link(&link);
            self.close_all(old);
            return self.step(number, Input::Refused { peer: peer.clone() });
        };
        let report = mem::take(&mut link.report);
        let delay = self.delay();
        let id = self.connect(number, listener, Some(peer.clone()), delay);
        self.processes[number].links.get_mut(peer).expect("just seen").state = LinkState::Up(id);
        self.write(id, Item::Hello(hello));
        self.close_all(old);
        if report {
            self.step(number, Input::LinkUp { peer: peer.clone() });
        }
        self.flush(number, peer);
    }

    fn connect(&mut self, from: usize, to: usize, link: Option<PeerId>, delay: Time) -> u64 {
        self.scheduled += 1;
        let (pipe, last_arrival) = (VecDeque::default(), self.now + delay);
        let reading = Reading::Waiting;
        let connection = Connection { from, to, link, pipe, held: 0, reading, writable: true, last_arrival };
        self.connections.insert(self.scheduled, connection);
        self.scheduled
    }

    fn write(&mut self, id: u64, item: Item) {
        let delay = self.delay();
        let connection = self.connections.get_mut(&id).expect("an open connection");
        connection.pipe.push_back(item);
        connection.last_arrival = connection.last_arrival.max(self.now + delay);
        let at = connection.last_arrival;
        self.at(at, Event::Arrive(id));
    }

    /// Writes what waits, as far as the connection takes it.
    fn flush(&mut self, number: usize, peer: &PeerId) {
        loop {
            let process = &mut self.processes[number];
            let Some(link) = process.links.get_mut(peer) else { return };
            let LinkState::Up(id) = link.state else { return };
            let room = self.connections.get(&id).is_some_and(|c| c.writable && c.pipe.len() < IN_FLIGHT_MAX);
            if !room || link.outbox.is_empty() {
                return;
            }
            let parcel = link.outbox.take();
            let mut frames = Vec::new();
            if let Some(part) = &parcel.serving {
                let read = process.shelf.read(part.after, part.up_to, part.cuts);
                let last = read.as_ref().and_then(|frames| frames.last().map(peer::wire::Frame::last));
                link.outbox.served(part, last);
                let ordered = |frame| Message::Ordered { term: part.term.clone(), frame };
                frames = read.unwrap_or_default().into_iter().map(ordered).collect();
            }
            for message in parcel.messages.into_iter().chain(frames).chain(parcel.last_word) {
                let message = self.sabotage.written(message);
                self.write(id, Item::Message(message));
            }
        }
    }

    fn arrive(&mut self, id: u64) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (number, from, link) = (connection.to, connection.from, connection.link.clone());
        if !self.processes[number].alive {
            connection.pipe.clear();
            return self.close(id);
        }
        let is_hello = matches!(connection.pipe.front(), Some(Item::Hello(_)));
        if connection.reading == Reading::Waiting && !is_hello {
            connection.held += 1;
            return;
        }
        let Some(item) = connection.pipe.pop_front() else { return };
        let over = connection.reading == Reading::Over;
        match item {
            Item::Hello(hello) => self.step(number, Input::Hello { connection: ConnectionId(id), hello }),
            Item::Message(_) if over => {}
            Item::Message(Message::SequencerRequest { term, request }) => {
                self.processes[number].inbox.push((ConnectionId(id), term, request));
                let delay = self.rng.random_range(1..200);
                self.after(Time::from_micros(delay), Event::Sequence(number));
            }
            Item::Message(message) => self.step(number, Input::Received { connection: ConnectionId(id), message }),
            Item::End => {
                self.connections.remove(&id);
                if !over {
                    self.step(number, Input::Ended { connection: ConnectionId(id) });
                }
            }
        }
        if let (true, Some(peer)) = (self.processes[from].alive, link) {
            self.flush(from, &peer);
        }
    }

    fn admit(&mut self, id: u64, verdict: Verdict) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Verdict::Refuse { why } = verdict else {
            connection.reading = Reading::Open;
            for _ in 0..mem::take(&mut connection.held) {
                self.at(self.now, Event::Arrive(id));
            }
            return;
        };
        connection.reading = Reading::Over;
        connection.writable = false;
        let (from, link) = (connection.from, connection.link.clone());
        let delay = self.delay();
        if self.processes[from].alive {
            self.after(
                delay,
                match link {
                    Some(peer) => Event::Broken { process: from, peer, connection: id, why: Some(why) },
                    None => Event::Rejected { process: from, why },
                },
            );
        }
    }

    fn drop_connection(&mut self, id: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.reading = Reading::Over;
            connection.pipe.clear();
            self.close(id);
        }
    }

    fn drop_link(&mut self, link: &Link) {
        let up = match link.state {
            LinkState::Up(id) => Some(id),
            LinkState::Idle | LinkState::Dialing => None,
        };
        self.close_all(link.old.into_iter().chain(up));
    }

    fn broken(&mut self, number: usize, peer: &PeerId, connection: u64, why: Option<String>) {
        if !self.processes[number].alive {
            return;
        }
        let Some(link) = self.processes[number].links.get_mut(peer) else { return };
        if link.state != LinkState::Up(connection) {
            return;
        }
        match why {
            None => {
                link.outbox.on_break();
                link.report = true;
                self.dial(number, peer);
            }
            Some(why) => {
                self.processes[number].links.remove(peer);
                let refused = why.starts_with(refusal::WRONG_ADDRESSEE);
                self.trace(|| format!("refused: {why} {refused}"));
                self.step(number, Input::Rejected { peer: Some(peer.clone()), why });
            }
        }
    }
}
