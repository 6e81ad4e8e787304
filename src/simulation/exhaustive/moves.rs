//! What may come next: which events can happen in any order, when time goes on, and what goes wrong.

use std::collections::BTreeSet;

use crate::ids::PeerId;
use crate::protocol::{Alarm, Answer, Store, Time};
use crate::simulation::event::Event;
use crate::simulation::exhaustive::trouble::Trouble;
use crate::simulation::network::{Connection, Datagram, Item, LinkState, Reading};
use crate::simulation::world::World;

/// The place of an event in the queue.
pub(super) type Key = (Time, u64);

/// Connections and events that wait until nothing else is under way.
pub(super) type Held = BTreeSet<u64>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// This event happens, and the time of its alarm comes.
    Happen(Key),
    /// A storage hands out words before it reports, and not after.
    WordsFirst(Key),
    /// Time goes on until a way is free again.
    Wait(Time),
    /// What is next takes longer than all else that is under way.
    Hold(Key),
    Trouble(Trouble),
}

/// A move, and what it costs: deviations from the order that is tried first, and faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Move {
    pub what: What,
    pub deviations: u8,
    pub faults: u8,
}

/// The place of an event among those that may come next. The order depends on the state alone, and not on how it came
/// about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub is_timer: bool,
    /// Of a timer.
    pub time: Time,
    pub held: bool,
    pub host: usize,
    pub kind: u8,
    from: usize,
    key: Key,
}

/// The place of this event.
pub(super) fn place(world: &World, key: Key, event: &Event, held: &Held) -> Place {
    let host = |number: usize| world.processes.get(number).map_or(usize::MAX, |process| process.host);
    let (host, kind, from) = match event {
        Event::Arrive(id) => {
            let ends = world.connections.get(id).map(|connection| (host(connection.to), host(connection.from)));
            let (to, from) = ends.unwrap_or_default();
            (to, 0, from)
        }
        Event::Dialed { process, .. } => (host(*process), 1, 0),
        Event::Broken { process, .. } => (host(*process), 2, 0),
        Event::Work(process) => (host(*process), 3, 0),
        Event::Report { process, .. } => (host(*process), 4, 0),
        Event::Sequence(process) => (host(*process), 5, 0),
        Event::Datagram { process, .. } => (host(*process), 6, 0),
        Event::Call { from, .. } => (host(*from), 7, 0),
        Event::Answered { process, .. } => (host(*process), 8, 0),
        Event::DialedInVain { process, .. } => (host(*process), 9, 0),
        Event::Write(process) => (host(*process), 19, 0),
        Event::Alarm { process, alarm } => (host(*process), 10 + *alarm as u8, 0),
        Event::Fault(fault) => (fault.host().unwrap_or_default(), 20, 0),
        Event::Readings(_) | Event::OnLeader(_) | Event::Lie | Event::Meddle => (0, 30, 0),
    };
    let is_timer = is_timer(world, key, event);
    let held = held.contains(&holding(key, event));
    Place { is_timer, time: if is_timer { key.0 } else { Time::ZERO }, held, host, kind, from, key }
}

impl Place {
    /// What tells the event from others at the same host.
    pub(super) fn text(event: &Event) -> String {
        match event {
            Event::Arrive(id) => format!("ConnectionId({id})"),
            Event::Dialed { peer, .. } | Event::DialedInVain { peer, .. } => peer.to_string(),
            Event::Broken { peer, connection, why, .. } => format!("{peer} ConnectionId({connection}) {why:?}"),
            Event::Datagram { from, datagram, .. } => format!("{from} {datagram:?}"),
            Event::Call { to, question, .. } => format!("{to} {question:?}"),
            Event::Answered { nonce, from, answer, .. } => format!("{nonce:?} {from} {answer:?}"),
            Event::Report { done, .. } => format!("{done:?}"),
            Event::Fault(fault) => format!("{fault:?}"),
            _ => String::new(),
        }
    }
}

/// By what an event is held: all that comes on a connection keeps its order.
fn holding(key: Key, event: &Event) -> u64 {
    match event {
        Event::Arrive(id) => *id,
        _ => key.1,
    }
}

/// Whether the event comes at a set time, and not as soon as it can.
fn is_timer(world: &World, (time, _): Key, event: &Event) -> bool {
    match event {
        Event::Alarm { .. } | Event::Write(_) | Event::DialedInVain { .. } => true,
        Event::Answered { answer: Answer::Silent, .. } | Event::Fault(_) => time > world.now,
        _ => false,
    }
}

/// Whether it can happen if time does not go on.
fn is_ready(world: &World, event: &Event) -> bool {
    if world.cut_off(event).is_some() {
        return false;
    }
    match event {
        Event::Arrive(id) => {
            let Some(connection) = world.connections.get(id) else { return false };
            let greets = matches!(connection.pipe.front(), Some(Item::Hello(_)));
            world.processes[connection.to].alive && (connection.reading != Reading::Waiting || greets)
        }
        Event::Sequence(process) => world.processes[*process].peer.keeps_up(),
        _ => true,
    }
}

/// What the search may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice {
    /// All orders are tried, at no cost.
    pub all_orders: bool,
    pub deviations: u8,
    pub faults: u8,
}

/// All moves; the first costs nothing.
pub(super) fn moves(world: &World, held: &Held, choice: Choice) -> Vec<Move> {
    let mut places: Vec<(Place, &Event)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (key, event) in &world.queue {
        let first = match event {
            Event::Arrive(id) => seen.insert((0, *id)),
            Event::Sequence(process) => seen.insert((1, *process as u64)),
            _ => true,
        };
        if first && is_ready(world, event) {
            places.push((place(world, *key, event, held), event));
        }
    }
    places.sort_by(|(a, _), (b, _)| a.cmp(b));
    let timers = places.split_off(places.partition_point(|(place, _)| !place.is_timer));
    let mut moves = Vec::new();
    let dear = u8::from(!choice.all_orders);
    let mut add = |what, cost: u8| {
        let cost = if moves.is_empty() { 0 } else { cost };
        if cost <= choice.deviations {
            moves.push(Move { what, deviations: cost, faults: 0 });
        }
    };
    for (place, event) in &places {
        add(What::Happen(place.key), dear);
        if is_two_threads(world, event) {
            add(What::WordsFirst(place.key), dear);
        }
    }
    if let Some((place, _)) = places.first().filter(|(place, _)| places.len() > 1 && !place.held && !choice.all_orders)
    {
        add(What::Hold(place.key), 1);
    }
    let free = world.cuts.shut(world.now).map(|(_, _, until)| until).min();
    let alarm = timers.first().map(|(place, _)| place.time);
    if let Some(free) = free.filter(|free| alarm.is_none_or(|alarm| *free <= alarm)) {
        add(What::Wait(free), 1);
    } else {
        // Alarms of about the same time go off in any order.
        let slack = world.plan.timing.heartbeat_timeout / 20;
        let soon = alarm.unwrap_or_default().max(world.now) + slack;
        for (place, _) in timers.iter().take_while(|(place, _)| place.time <= soon) {
            add(What::Happen(place.key), 1);
        }
    }
    if choice.faults > 0 {
        let troubles = Trouble::all(world).into_iter();
        moves.extend(troubles.map(|trouble| Move { what: What::Trouble(trouble), deviations: 0, faults: 1 }));
    }
    moves
}

/// Whether a storage will both report and hand out messages. Two threads do that.
fn is_two_threads(world: &World, event: &Event) -> bool {
    let Event::Work(process) = event else { return false };
    let is_word = |store: &&Store| matches!(store, Store::Say { .. } | Store::SayBase { .. });
    let work = &world.processes[*process].work;
    work.iter().any(|store| is_word(&store)) && work.iter().any(|store| !is_word(&store))
}

impl World {
    pub(super) fn make(&mut self, a_move: &Move, held: &mut Held) {
        match &a_move.what {
            What::Happen(key) | What::WordsFirst(key) => {
                let event = self.queue.remove(key).expect("it is in the queue");
                held.remove(&holding(*key, &event));
                if is_timer(self, *key, &event) {
                    self.now = self.now.max(key.0);
                }
                self.said = Some(!matches!(a_move.what, What::WordsFirst(_)));
                self.happen(event);
                self.said = Some(true);
            }
            What::Wait(until) => self.now = *until,
            What::Hold(key) => {
                held.insert(holding(*key, &self.queue[key]));
            }
            What::Trouble(trouble) => trouble.happen(self),
        }
        self.forget_what_is_over();
    }

    /// Forgets events that would do nothing, and connections to processes that are gone.
    pub(super) fn forget_what_is_over(&mut self) {
        let processes = &self.processes;
        let is_there = |number: usize| processes[number].alive || self.dark[processes[number].host];
        // One that was closed before its `HELLO` came is never read.
        let speaks = |connection: &Connection| {
            let greets = matches!(connection.pipe.front(), Some(Item::Hello(_)));
            connection.writable || connection.greeted || greets
        };
        self.connections.retain(|_, connection| is_there(connection.to) && speaks(connection));
        let (connections, mut alarms, mut drained) = (&self.connections, BTreeSet::new(), BTreeSet::new());
        let attempt = |number: usize, peer: &PeerId, attempt: u64| {
            let process = &processes[number];
            process.alive && process.links.get(peer).is_some_and(|link| link.attempt == attempt)
        };
        self.queue.retain(|(time, _), event| match event {
            Event::Arrive(id) => connections.get(id).is_some_and(|connection| !connection.pipe.is_empty()),
            Event::Dialed { process, peer, attempt: of } | Event::DialedInVain { process, peer, attempt: of } => {
                attempt(*process, peer, *of)
            }
            Event::Broken { process, peer, connection, .. } => {
                let link = processes[*process].links.get(peer);
                processes[*process].alive && link.is_some_and(|link| link.state == LinkState::Up(*connection))
            }
            Event::Alarm { process, alarm } => {
                let at = Alarm::ALL.iter().position(|known| known == alarm).expect("one of four");
                let due = processes[*process].alarms[at];
                processes[*process].alive && due.is_some_and(|due| due <= *time) && alarms.insert((*process, at))
            }
            Event::Sequence(process) => {
                processes[*process].alive && !processes[*process].inbox.is_empty() && drained.insert(*process)
            }
            Event::Work(process) | Event::Report { process, .. } | Event::Answered { process, .. } => {
                processes[*process].alive
            }
            Event::Datagram { process, .. } | Event::Write(process) => processes[*process].alive,
            Event::Call { from, .. } => processes[*from].alive,
            Event::Fault(_) => true,
            Event::Readings(_) | Event::OnLeader(_) | Event::Lie | Event::Meddle => false,
        });
    }

    /// What a move does, in a line for people.
    pub(super) fn describe(&self, a_move: &Move) -> String {
        match &a_move.what {
            What::Happen(key) => self.queue.get(key).map_or_else(String::new, |event| self.line(*key, event)),
            What::WordsFirst(key) => {
                let line = self.queue.get(key).map_or_else(String::new, |event| self.line(*key, event));
                format!("{line}, and hands out words before it reports")
            }
            What::Wait(_) => "the way is free again".to_owned(),
            What::Hold(key) => {
                let line = self.queue.get(key).map_or_else(String::new, |event| self.line(*key, event));
                format!("{line}: that takes longer than all else")
            }
            What::Trouble(trouble) => trouble.text(self),
        }
    }

    fn line(&self, (time, _): Key, event: &Event) -> String {
        let name = |number: &usize| self.processes[*number].id().to_string();
        match event {
            Event::Arrive(id) => {
                let connection = &self.connections[id];
                let message = connection.pipe.front().and_then(Item::message);
                let text = message.map_or_else(|| "the end".to_owned(), |message| verb_of(&message));
                format!("{text} of {} reaches {}", name(&connection.from), name(&connection.to))
            }
            Event::Dialed { process, peer, .. } => format!("{} reaches the address of {peer}", name(process)),
            Event::DialedInVain { process, peer, .. } => format!("{} gives up its dial to {peer}", name(process)),
            Event::Broken { process, peer, .. } => format!("{} finds its link to {peer} broken", name(process)),
            Event::Alarm { process, alarm } => {
                format!("the {alarm:?} alarm of {} goes off at {:.3} s", name(process), time.as_secs_f64())
            }
            Event::Work(process) => format!("the storage of {} does its work", name(process)),
            Event::Report { process, done } => format!("the storage of {} reports {done:?}", name(process)),
            Event::Sequence(process) => format!("{} orders requests", name(process)),
            Event::Datagram { process, from, datagram, .. } => {
                let text = if let Datagram::Open(message) = datagram { verb_of(message) } else { String::new() };
                format!("the datagram {text} from {from} reaches {}", name(process))
            }
            Event::Call { from, to, .. } => format!("the question of {} reaches {to}", name(from)),
            Event::Answered { process, from, .. } => format!("the answer from {from} reaches {}", name(process)),
            Event::Fault(fault) => format!("{fault:?}"),
            other => format!("{other:?}"),
        }
    }
}

fn verb_of(message: &crate::wire::Message) -> String {
    let mut text = Vec::new();
    crate::wire::encode_head(message, &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    crate::simulation::record::verb(text.trim_end()).to_owned()
}
