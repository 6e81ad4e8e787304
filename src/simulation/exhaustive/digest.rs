//! Which states are equal: all that cores, disks, connections and checks hold, written out. Times count from now, and
//! connections and tokens by their order, so that a state is met again whenever it comes back.

use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::protocol::Time;
use crate::simulation::exhaustive::moves::{place, Held, Place};
use crate::simulation::network::{Link, LinkState, Reading};
use crate::simulation::process::Process;
use crate::simulation::world::World;

/// Clocks of hosts show this when the world begins: so a point in time is told from a length in what a core keeps.
pub(super) const EPOCH: Time = Time::from_secs(1_000_000);

/// What is longer ago than this many heartbeat timeouts is long ago: nothing looks back that far. Only the patience
/// with high counters of terms does (`protocol/credibility.rs`), and honest peers do not need it.
pub(super) const LONG_AGO: u32 = 3;

const CONNECTION: &str = "ConnectionId(";
const TOKEN: &str = "Token(";

/// Budgets bound what strangers may cost. The few peers of a search use none up.
const BUDGET: &str = "Budget {";

/// What each core keeps, written out when it last changed, with the number of its steps by then.
pub(super) type Cores = Vec<(u64, Arc<[Piece]>)>;

/// A part of a state that is written out.
#[derive(Debug, Clone, Copy)]
pub(super) enum Piece {
    /// The digest of text.
    Text(u64),
    Time(Time),
    Connection(u64),
    Token(u64),
}

/// The digest of a state. `cores` is what is known of its cores from the state before.
pub(super) fn digest(world: &World, held: &Held, cores: &mut Cores) -> u64 {
    for (number, process) in world.processes.iter().enumerate() {
        match cores.get_mut(number) {
            Some((steps, _)) if *steps == process.steps => {}
            Some(core) => *core = (process.steps, written(process)),
            None => cores.push((process.steps, written(process))),
        }
    }
    let rest = pieces(&text(world, held));
    let alive = world.processes.iter().zip(&*cores).filter(|(process, _)| process.alive);
    let all: Vec<&[Piece]> = alive.map(|(_, (_, core))| &**core).chain([&*rest]).collect();
    let mut order = Order::new(&all, world);
    let mut hasher = DefaultHasher::new();
    for piece in all.into_iter().flatten() {
        order.hash(*piece, &mut hasher);
    }
    for disk in &world.disks {
        disk.digest(&mut hasher);
    }
    hasher.finish()
}

/// All but what cores keep, in words.
fn text(world: &World, held: &Held) -> String {
    let mut text = String::with_capacity(8 * 1024);
    for (number, process) in world.processes.iter().enumerate() {
        // Only the last process of a host counts, and the disk that it left.
        let is_last = !world.processes[number + 1..].iter().any(|later| later.host == process.host);
        if is_last {
            write_process(&mut text, process);
        }
    }
    debug(&mut text, &world.dark);
    for (id, connection) in &world.connections {
        let from = &world.processes[connection.from].origin;
        let to = &world.processes[connection.to].origin;
        let greeted = (connection.greeted, connection.reading == Reading::Open, connection.reading == Reading::Over);
        let rest = (greeted, connection.writable, &connection.pipe);
        put(&mut text, format_args!("\n{CONNECTION}{id}) {from}>{to} {rest:?}"));
    }
    let mut events: Vec<_> = world.queue.iter().map(|(key, event)| (place(world, *key, event, held), event)).collect();
    events.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (place, event) in &events {
        let at = place.is_timer.then(|| place.time + EPOCH);
        put(&mut text, format_args!("\n{} {} {} {at:?} {}", place.held, place.host, place.kind, Place::text(event)));
    }
    for (from, to, until) in world.cuts.shut(world.now) {
        put(&mut text, format_args!("\ncut {from} {to} {:?}", until + EPOCH));
    }
    world.checks.write(&mut text);
    text
}

fn put(text: &mut String, what: impl std::fmt::Display) {
    write!(text, "{what}").expect("a string takes all");
}

fn debug(text: &mut String, what: &impl Debug) {
    write!(text, "{what:?} ").expect("a string takes all");
}

fn write_process(text: &mut String, process: &Process) {
    put(text, format_args!("\n{} {} ", process.origin, process.alive));
    let shelf = &process.shelf;
    debug(text, &(shelf.last(), shelf.log.last().map(|entry| entry.digest), shelf.delivered, &shelf.state));
    debug(text, &(&shelf.stored, &shelf.synced, shelf.written, shelf.vouched, process.taken, &process.held));
    if !process.alive {
        return debug(text, &process.peer.pending());
    }
    debug(text, &(&process.work, process.working, &process.inbox, &process.ended));
    debug(text, &(process.input_delivered, process.committed, &process.checked));
    for (peer, Link { outbox, state, report, old, .. }) in &process.links {
        put(text, format_args!("\n link {peer} {report} {outbox:?} "));
        let up = if let LinkState::Up(id) = state { Some(id) } else { None };
        put(text, format_args!("{} ", *state == LinkState::Dialing));
        for id in up.into_iter().chain(old) {
            put(text, format_args!("{CONNECTION}{id}) "));
        }
    }
}

/// What a core keeps, without what never changes, what the next step sets first, and the counter that only makes
/// tokens.
fn written(process: &Process) -> Arc<[Piece]> {
    let mut text = format!("{:?}", process.peer);
    let mut leave_out = |begin: &str, end: &str| {
        let Some(at) = text.find(begin) else { return };
        let to = text[at..].find(end).map_or(text.len(), |to| at + to);
        text.replace_range(at..to, "");
    };
    leave_out("rng: ", "}");
    leave_out("made: ", ",");
    leave_out("settings: ", "born: ");
    pieces(&text).into()
}

/// Takes a text apart.
fn pieces(text: &str) -> Vec<Piece> {
    let (bytes, mut at, mut done) = (text.as_bytes(), 0, 0);
    let mut all = Vec::new();
    while at < bytes.len() {
        let before = if at == 0 { b' ' } else { bytes[at - 1] };
        let starts_word = !(before.is_ascii_alphanumeric() || matches!(before, b'.' | b'_'));
        let found = match bytes[at] {
            b'B' | b'C' | b'T' | b'0'..=b'9' if starts_word => word(&text[at..]),
            _ => None,
        };
        let Some((piece, length)) = found else {
            at += 1;
            continue;
        };
        all.extend([Some(Piece::Text(digest_of(&bytes[done..at]))), piece].into_iter().flatten());
        at += length;
        done = at;
    }
    all.push(Piece::Text(digest_of(&bytes[done..])));
    all
}

fn digest_of(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The word with which this text begins, if it is not plain text, and how long it is.
fn word(text: &str) -> Option<(Option<Piece>, usize)> {
    if let Some(rest) = text.strip_prefix(BUDGET) {
        return Some((None, BUDGET.len() + rest.find('}')?));
    }
    if let Some(rest) = text.strip_prefix(CONNECTION) {
        let (id, length) = number(rest);
        return Some((Some(Piece::Connection(id)), CONNECTION.len() + length));
    }
    if let Some(rest) = text.strip_prefix(TOKEN) {
        let (token, length) = number(rest);
        return Some((Some(Piece::Token(token)), TOKEN.len() + length));
    }
    let (time, length) = time(text)?;
    Some((Some(Piece::Time(time)), length))
}

/// What times, connections and tokens are in a state: how far from now, and in which order.
struct Order {
    /// As clocks show it.
    now: Time,
    long_ago: Time,
    connections: Vec<u64>,
    tokens: Vec<u64>,
}

impl Order {
    fn new(all: &[&[Piece]], world: &World) -> Self {
        let id = |piece: &Piece| if let Piece::Connection(id) = piece { Some(*id) } else { None };
        let mut connections: Vec<u64> = all.iter().copied().flatten().filter_map(id).collect();
        connections.sort_unstable();
        connections.dedup();
        let long_ago = world.plan.timing.heartbeat_timeout * LONG_AGO;
        Self { now: world.now + EPOCH, long_ago, connections, tokens: Vec::new() }
    }

    fn hash(&mut self, piece: Piece, hasher: &mut DefaultHasher) {
        match piece {
            Piece::Text(digest) => hasher.write_u64(digest),
            Piece::Time(time) => {
                let ago = self.now.saturating_sub(time).min(self.long_ago);
                (ago, time.saturating_sub(self.now)).hash(hasher);
            }
            Piece::Connection(id) => hasher.write_usize(self.connections.partition_point(|other| *other < id)),
            Piece::Token(token) => {
                let known = self.tokens.iter().position(|other| *other == token).unwrap_or(self.tokens.len());
                if known == self.tokens.len() {
                    self.tokens.push(token);
                }
                hasher.write_usize(known);
            }
        }
    }
}

/// The number with which this text begins, and how long it is.
fn number(text: &str) -> (u64, usize) {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    (text[..length].parse().unwrap_or_default(), length)
}

/// The point in time with which this text begins, as in `1000012.5s`.
fn time(text: &str) -> Option<(Time, usize)> {
    let (seconds, length) = number(text);
    if seconds < EPOCH.as_secs() {
        return None;
    }
    let rest = &text[length..];
    let Some(fraction) = rest.strip_prefix('.') else {
        return rest.starts_with('s').then(|| (Time::from_secs(seconds), length + 1));
    };
    let (_, digits) = number(fraction);
    if !(1..=9).contains(&digits) || !fraction[digits..].starts_with('s') {
        return None;
    }
    let nanos = format!("{:0<9}", &fraction[..digits]).parse().ok()?;
    Some((Time::new(seconds, nanos), length + 1 + digits + 1))
}
