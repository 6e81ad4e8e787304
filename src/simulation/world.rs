//! The virtual world: clock, network, processes. It carries out what cores ask for, as the daemon's threads do, and
//! tells the checks about every step.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::mem;
use std::net::SocketAddr;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::protocol::{Alarm, Effect, Event as PeerEvent, Input, Time};
use crate::simulation::clock::Clock;
use crate::simulation::closed::Closed;
use crate::simulation::counts::Counts;
use crate::simulation::cuts::Cuts;
use crate::simulation::event::Event;
use crate::simulation::fault::{Damage, Fault};
use crate::simulation::invariants::Checks;
use crate::simulation::liar::Liar;
use crate::simulation::network::Connection;
use crate::simulation::outsider::Outsider;
use crate::simulation::plan::{Mode, Plan};
use crate::simulation::process::Process;
use crate::simulation::record::{Record, What};
use crate::simulation::sabotage::{self, Sabotage};
use crate::storage::MemoryDisk;
use crate::wire::Message;

/// More events than this in one instant are a loop.
const EVENTS_A_MOMENT_MAX: u32 = 100_000;

pub struct World {
    pub now: Time,
    pub(crate) queue: BTreeMap<(Time, u64), Event>,
    pub scheduled: u64,
    pub rng: SmallRng,
    pub plan: Plan,
    pub processes: Vec<Process>,
    /// The process that runs on each host.
    pub hosts: Vec<Option<usize>>,
    /// Whether the host has had no power since its last process ended.
    pub dark: Vec<bool>,
    /// The disk of each host.
    pub disks: Vec<MemoryDisk>,
    /// What happened to each disk since the last process of its host ended.
    pub damage: Vec<Damage>,
    pub clocks: Vec<Clock>,
    pub(crate) cuts: Cuts,
    /// Addresses that hosts had once: nothing answers there.
    pub left: Vec<SocketAddr>,
    pub connections: BTreeMap<u64, Connection>,
    pub(crate) liar: Option<Liar>,
    /// The group is a closed one.
    pub(crate) closed: Option<Closed>,
    pub(crate) outsider: Option<Outsider>,
    pub checks: Checks,
    pub sabotage: Sabotage,
    /// The answer to the last question, in the step that took it.
    pub answer: Option<Message>,
    /// Counts what is said, if that is wanted.
    pub counts: Option<Counts>,
    /// How many views peers logged.
    pub views: u64,
    /// Sources go on giving readings.
    pub feeding: bool,
    /// Events since the last time the clock moved on.
    pub(crate) in_this_moment: u32,
    pub(crate) events: u64,
    /// More of them are a loop.
    pub events_max: u64,
    pub(crate) trace: Option<String>,
    pub(crate) record: Option<Record>,
    /// The outcome of chance, if a search decides it.
    pub(crate) said: Option<bool>,
    /// A digest of everything that happened, to compare runs.
    pub fingerprint: u64,
}

impl World {
    /// The time at which a world begins.
    pub(crate) const BEGIN: Time = Time::from_secs(1);

    #[must_use]
    pub fn new(mode: Mode, seed: u64, tracing: bool) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let plan = Plan::draw(mode, &mut rng);
        Self::with_plan(plan, rng, tracing)
    }

    pub fn with_plan(plan: Plan, mut rng: SmallRng, tracing: bool) -> Self {
        let clock = |rate: &u32| Clock::new(Time::from_millis(rng.random_range(0..100_000_000)), *rate);
        let clocks = plan.rates.iter().map(clock).collect();
        let mut world = Self {
            now: Self::BEGIN,
            queue: BTreeMap::new(),
            scheduled: 0,
            rng,
            processes: Vec::new(),
            hosts: vec![None; plan.hosts],
            dark: vec![false; plan.hosts],
            disks: (0..plan.hosts).map(|_| MemoryDisk::new()).collect(),
            damage: vec![Damage::None; plan.hosts],
            clocks,
            cuts: Cuts::default(),
            left: Vec::new(),
            connections: BTreeMap::new(),
            liar: plan.liar.map(Liar::new),
            closed: plan.outsider.map(|_| Closed::new(plan.quorum())),
            outsider: plan.outsider.map(Outsider::new),
            checks: Checks::new(plan.quorum(), plan.liar.map(|liar| liar.level)),
            sabotage: Sabotage::None,
            answer: None,
            counts: None,
            views: 0,
            feeding: true,
            in_this_moment: 0,
            events: 0,
            events_max: plan.events_max(),
            trace: tracing.then(String::new),
            record: None,
            said: None,
            fingerprint: 0,
            plan,
        };
        for host in 0..world.plan.starting {
            let at = world.rng.random_range(0..2) * world.rng.random_range(0..500);
            world.after(Time::from_millis(at), Event::Fault(Fault::Start { host, cleared: false }));
        }
        for (at, fault) in world.plan.faults.clone() {
            world.after(at, Event::Fault(fault));
        }
        if world.liar.is_some() {
            world.after(Time::ZERO, Event::Lie);
        }
        if world.outsider.is_some() {
            world.after(Time::ZERO, Event::Meddle);
        }
        world
    }

    pub fn trace(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            writeln!(trace, "{:10.6} {}", self.now.as_secs_f64(), text()).expect("a string takes all");
        }
    }

    pub fn take_trace(&mut self) -> String {
        self.trace.take().unwrap_or_default()
    }

    pub fn after(&mut self, delay: Time, event: Event) {
        self.at(self.now + delay, event);
    }

    pub fn at(&mut self, time: Time, event: Event) {
        self.scheduled += 1;
        self.queue.insert((time.max(self.now), self.scheduled), event);
    }

    /// Runs until `time`, or until a promise is broken.
    pub fn run_until(&mut self, time: Time) {
        while self.checks.broken.is_none() {
            let Some(entry) = self.queue.first_entry() else { break };
            if entry.key().0 > time {
                break;
            }
            let ((at, _), event) = entry.remove_entry();
            self.in_this_moment = if at > self.now { 0 } else { self.in_this_moment + 1 };
            self.now = at;
            self.events += 1;
            if self.in_this_moment > EVENTS_A_MOMENT_MAX || self.events > self.events_max {
                return self.checks.cut_off(format!("promise 9: never at rest, next is {event:?}"));
            }
            self.happen(event);
        }
        // What is broken is broken now.
        if self.checks.broken.is_none() {
            self.now = self.now.max(time);
        }
    }

    pub fn alive(&self) -> impl Iterator<Item = &Process> + Clone {
        self.processes.iter().filter(|process| process.alive)
    }

    pub(crate) fn happen(&mut self, event: Event) {
        if let Some(until) = self.cut_off(&event) {
            // It is sent again when the way is free.
            let delay = self.delay();
            let again = self.sent_again(&event, until);
            return self.at(again + delay, event);
        }
        if let Some(until) = self.stalled(&event) {
            return self.at(until, event);
        }
        if let Some(until) = self.paused(&event) {
            // What is under way waits in the kernel. Alarms and everything else race when the process goes on.
            let jitter = if matches!(event, Event::Arrive(_)) { 0 } else { self.rng.random_range(0..3000) };
            return self.at(until + Time::from_micros(jitter), event);
        }
        match event {
            Event::Arrive(connection) => self.arrive(connection),
            Event::Dialed { process, peer, attempt } => self.dialed(process, &peer, attempt),
            Event::DialedInVain { process, peer, attempt } => self.dialed_in_vain(process, &peer, attempt),
            Event::Broken { process, peer, connection, why } => self.broken(process, &peer, connection, why),
            Event::Alarm { process, alarm } => self.alarm(process, alarm),
            Event::Work(process) => self.work(process),
            Event::Write(process) => self.write_rows(process),
            Event::Report { process, done } => self.step(process, Input::Stored(vec![done])),
            Event::Sequence(process) => self.sequence(process),
            Event::Datagram { process, from, datagram, number } => {
                self.note_arrived(number);
                self.hear(process, from, datagram);
            }
            Event::Call { from, to, question, number } => self.called(from, to, question, number),
            Event::Answered { process, nonce, from, answer, number } => {
                self.note_arrived(number);
                self.step(process, Input::Answered { nonce, from, answer });
            }
            Event::Readings(process) => self.feed(process),
            Event::Fault(fault) => self.fault(fault),
            Event::OnLeader(fault) => self.fault_of_leader(fault),
            Event::Lie => self.lie(),
            Event::Meddle => self.meddle(),
        }
    }

    /// Drains the sequencer's inbox, unless the storage is too far behind.
    pub fn sequence(&mut self, number: usize) {
        let process = &mut self.processes[number];
        if process.inbox.is_empty() || !process.peer.keeps_up() {
            return;
        }
        let (requests, ended) = (mem::take(&mut process.inbox), mem::take(&mut process.ended));
        self.step(number, Input::Requests(requests));
        for connection in ended {
            self.step(number, Input::Ended { connection });
        }
    }

    /// Until when the process of this event is stopped.
    fn paused(&self, event: &Event) -> Option<Time> {
        let process = match event {
            Event::Arrive(connection) => self.connections.get(connection)?.to,
            Event::Dialed { process, .. }
            | Event::DialedInVain { process, .. }
            | Event::Broken { process, .. }
            | Event::Alarm { process, .. }
            | Event::Work(process)
            | Event::Write(process)
            | Event::Report { process, .. }
            | Event::Sequence(process)
            | Event::Datagram { process, .. }
            | Event::Answered { process, .. }
            | Event::Readings(process) => *process,
            // A stopped process answers nothing, and the asker does not wait for it.
            Event::Call { .. } | Event::Fault(_) | Event::OnLeader(_) | Event::Lie | Event::Meddle => return None,
        };
        self.processes.get(process)?.paused_until.filter(|until| *until > self.now)
    }

    /// The time that a message takes on the network.
    pub fn delay(&mut self) -> Time {
        let (shortest, longest) = self.plan.delay;
        let late = self.plan.late_one_in;
        if late > 0 && self.rng.random_range(0..late) == 0 {
            return self.plan.timing.election_timeout.mul_f64(self.rng.random_range(0.0..0.1));
        }
        shortest + longest.saturating_sub(shortest).mul_f64(self.rng.random_range(0.0..1.0))
    }

    /// Heads or tails?
    pub(crate) fn toss(&mut self) -> bool {
        self.said.unwrap_or_else(|| self.rng.random_bool(0.5))
    }

    pub fn fail(&mut self, result: Result<(), String>) {
        self.checks.note(result);
    }

    pub fn step(&mut self, number: usize, input: Input) {
        let process = &mut self.processes[number];
        if !process.alive || self.checks.broken.is_some() {
            return;
        }
        if self.trace.is_some() {
            let text = format!("p{} <- {input:?}", process.host);
            self.trace(|| text);
        }
        let (mut effects, on_new_link) = (Vec::new(), sabotage::is_new_link(&input));
        let process = &mut self.processes[number];
        process.peer.step(self.clocks[process.host].shows(self.now), input, &mut effects);
        process.steps += 1;
        self.checks.decided(process, &effects);
        effects.retain(|effect| !self.sabotage.swallows(on_new_link, effect));
        let asked = u32::try_from(effects.len()).expect("few effects");
        self.carry_out(number, effects);
        self.set_alarms(number);
        let happened = self.now.subsec_nanos() ^ u32::try_from(number).expect("few processes") ^ asked.rotate_left(16);
        self.fingerprint = (self.fingerprint ^ u64::from(happened)).wrapping_mul(0x0100_0000_01b3);
        self.checks.after_step(&mut self.processes, number);
        self.note_state(number);
    }

    pub fn set_alarms(&mut self, number: usize) {
        for (at, alarm) in Alarm::ALL.into_iter().enumerate() {
            let process = &mut self.processes[number];
            let clock = self.clocks[process.host];
            let deadline = process.peer.deadline(alarm).filter(|_| process.alive).map(|due| clock.when(due));
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
                Effect::Call(call) => self.call(number, call.to, call.question),
                Effect::Ask(question) => self.ask(number, &question),
                Effect::Answer { message, .. } => self.answer = Some(message),
                Effect::Redial { peer } => self.redial(number, &peer),
                Effect::Close { peer } => self.close_link(number, &peer),
                Effect::Admit { connection, admission } => self.admit(connection.0, admission),
                Effect::Drop { connection } => self.drop_connection(connection.0),
                Effect::Store(store) => self.store(number, store),
                Effect::Tell(event) => self.tell(number, &event),
                Effect::Exit(exit) => self.exit(number, exit),
            }
        }
    }

    fn tell(&mut self, number: usize, event: &PeerEvent) {
        if self.trace.is_some() {
            let text = format!("p{}: {event}", self.processes[number].host);
            self.trace(|| text);
        }
        let host = self.processes[number].host;
        self.note(|| What::Logged { host, event: event.clone() });
        self.views += u64::from(matches!(event, PeerEvent::View { .. }));
        self.checks.told(&mut self.processes[number], event);
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("World").field("now", &self.now).field("processes", &self.processes).finish_non_exhaustive()
    }
}
