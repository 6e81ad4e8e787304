//! A fault as words, and back: `split a b | c d e for 6s`.

use crate::protocol::Time;
use crate::simulation::fault::{Fault, Split, Traffic, Ways, LEADER};
use crate::simulation::plan::{host_name, HOSTS_MAX};
use crate::simulation::scenario::times;

/// A length that is not said: until the network heals.
pub(super) const UNTIL_HEALED: Time = Time::MAX;

/// So many readings in a run.
pub(super) const READINGS_MAX: u32 = 100_000;

/// What cannot be read: the index of the word, and why.
pub(super) type Wrong = (usize, String);

/// All that can happen, for those who misspell it.
const VERBS: &str = "start, kill, power-cut, blackout, rot, stop, pause, move, break, split, heal, cut, fill-disk, \
                     disk-error, stall or burst";

/// What a step does.
#[derive(Debug, PartialEq)]
pub(super) enum Parsed {
    Fault(Fault),
    Heal,
}

/// The words of a fault; `name` gives those of hosts.
pub(crate) fn text(fault: &Fault, name: impl Fn(usize) -> String) -> String {
    match *fault {
        Fault::Start { host, cleared: false } => format!("start {}", name(host)),
        Fault::Start { host, cleared: true } => format!("start {} empty", name(host)),
        Fault::Crash(host) => format!("kill {}", name(host)),
        Fault::CrashWithin(host, changes) => format!("kill {} after {changes} writes", name(host)),
        Fault::PowerCut(host) => format!("power-cut {}", name(host)),
        Fault::Blackout => "blackout".to_owned(),
        Fault::Rot(host) => format!("rot {}", name(host)),
        Fault::RotWithin(host) => format!("rot {} journal", name(host)),
        Fault::Stop(host) => format!("stop {}", name(host)),
        Fault::Pause(host, length) => format!("pause {} {}", name(host), times::text(length)),
        Fault::Move(host) => format!("move {}", name(host)),
        Fault::Break(a, b) => format!("break {} {}", name(a), name(b)),
        Fault::Part(split, length) => split_text(&split, length, name),
        Fault::CutLink { from, to, back, what, length } => {
            let arrow = if back { "<->" } else { "->" };
            let what = traffic_text(what);
            format!("cut {} {arrow} {}{what} for {}", name(from), name(to), times::text(length))
        }
        Fault::FillDisk(host, room) => format!("fill-disk {} {room}", name(host)),
        Fault::DiskError(host) => format!("disk-error {}", name(host)),
        Fault::Stall(host, length) => format!("stall {} {}", name(host), times::text(length)),
        Fault::Burst(host, readings) => format!("burst {} {readings}", name(host)),
    }
}

fn traffic_text(what: Traffic) -> &'static str {
    match what {
        Traffic::All => "",
        Traffic::Tcp => " tcp",
        Traffic::Datagrams => " datagrams",
    }
}

fn split_text(split: &Split, length: Time, name: impl Fn(usize) -> String) -> String {
    // Hosts beyond those of the run have no name, and are on no side that counts.
    let named = (0..HOSTS_MAX).filter(|host| !name(*host).is_empty());
    let last = named.map(|host| split.sides[host]).max().unwrap_or(0).max(1);
    let side = |side: u8| {
        let hosts: Vec<String> = (0..HOSTS_MAX)
            .filter(|host| split.sides[*host] == side)
            .map(&name)
            .filter(|name| !name.is_empty())
            .collect();
        if hosts.is_empty() {
            "-".to_owned()
        } else {
            hosts.join(" ")
        }
    };
    let sides: Vec<String> = (0..=last).map(side).collect();
    let ways = match split.ways {
        Ways::All => "",
        Ways::Up => " upwards",
        Ways::Neighbours => " neighbours",
    };
    format!("split {}{ways}{} for {}", sides.join(" | "), traffic_text(split.what), times::text(length))
}

/// Words with a place in them.
struct Words<'a> {
    all: &'a [&'a str],
    at: usize,
    hosts: usize,
    letters: bool,
}

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, Wrong> {
        let word = self.all.get(self.at).ok_or_else(|| (self.at.saturating_sub(1), format!("{what} is missing")))?;
        self.at += 1;
        Ok(word)
    }

    fn peek(&self) -> Option<&'a str> {
        self.all.get(self.at).copied()
    }

    /// Takes this word, if it is next.
    fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        self.at += usize::from(is_next);
        is_next
    }

    fn wrong<T>(&self, why: impl Into<String>) -> Result<T, Wrong> {
        Err((self.at.saturating_sub(1), why.into()))
    }

    /// A peer, or the one that leads then.
    fn host(&mut self) -> Result<usize, Wrong> {
        let word = self.next("a peer")?;
        if word == "leader" {
            return Ok(LEADER);
        }
        if let Some(host) = self.host_of(word) {
            return Ok(host);
        }
        let names: Vec<String> = (0..self.hosts).map(|host| self.name(host)).collect();
        self.wrong(format!("no such peer; there are {}", names.join(" ")))
    }

    fn name(&self, host: usize) -> String {
        host_name(host, self.letters)
    }

    fn host_of(&self, word: &str) -> Option<usize> {
        (0..self.hosts).find(|host| self.name(*host) == word)
    }

    fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Wrong> {
        let word = self.next(what)?;
        word.parse().or_else(|_| self.wrong(format!("not {what}")))
    }

    fn time(&mut self) -> Result<Time, Wrong> {
        let word = self.next("a length of time")?;
        times::parse(word).or_else(|why| self.wrong(why))
    }

    fn traffic(&mut self) -> Traffic {
        if self.take("tcp") {
            Traffic::Tcp
        } else if self.take("datagrams") {
            Traffic::Datagrams
        } else {
            Traffic::All
        }
    }

    fn length(&mut self) -> Result<Time, Wrong> {
        if self.take("for") {
            self.time()
        } else {
            Ok(UNTIL_HEALED)
        }
    }
}

/// Reads the words after the time. `letters`: peers are called `a`, `b`, not `p0`, `p1`.
pub(super) fn parse(words: &[&str], hosts: usize, letters: bool) -> Result<Parsed, Wrong> {
    let mut words = Words { all: words, at: 0, hosts, letters };
    let verb = words.next("what happens")?;
    if verb == "heal" {
        return end(&words, Parsed::Heal);
    }
    let fault = match verb {
        "start" => Fault::Start { host: words.host()?, cleared: words.take("empty") },
        "kill" => {
            let host = words.host()?;
            if words.take("after") {
                let changes = words.number("a number of writes")?;
                words.take("writes");
                Fault::CrashWithin(host, changes)
            } else {
                Fault::Crash(host)
            }
        }
        "power-cut" => Fault::PowerCut(words.host()?),
        "blackout" => Fault::Blackout,
        "rot" => {
            let host = words.host()?;
            if words.take("journal") {
                Fault::RotWithin(host)
            } else {
                Fault::Rot(host)
            }
        }
        "stop" => Fault::Stop(words.host()?),
        "pause" => Fault::Pause(words.host()?, words.time()?),
        "move" => Fault::Move(words.host()?),
        "break" => Fault::Break(words.host()?, words.host()?),
        "split" => return split(&mut words),
        "cut" => {
            let from = words.host()?;
            let back = match words.next("-> or <->")? {
                "->" => false,
                "<->" => true,
                _ => return words.wrong("neither -> nor <->"),
            };
            let (to, what, length) = (words.host()?, words.traffic(), words.length()?);
            Fault::CutLink { from, to, back, what, length }
        }
        "fill-disk" => Fault::FillDisk(words.host()?, words.number("a number of bytes that are left")?),
        "disk-error" => Fault::DiskError(words.host()?),
        "stall" => Fault::Stall(words.host()?, words.time()?),
        "burst" => {
            let (host, readings) = (words.host()?, words.number("a number of readings")?);
            if readings > READINGS_MAX.into() {
                return words.wrong(format!("more than {READINGS_MAX} in one burst"));
            }
            Fault::Burst(host, readings)
        }
        _ => return words.wrong(format!("nothing that can happen; {VERBS}")),
    };
    end(&words, Parsed::Fault(fault))
}

fn end(words: &Words, parsed: Parsed) -> Result<Parsed, Wrong> {
    match words.peek() {
        None => Ok(parsed),
        Some(_) => Err((words.at, "one word too many".to_owned())),
    }
}

fn split(words: &mut Words) -> Result<Parsed, Wrong> {
    let (mut sides, mut side) = ([None; HOSTS_MAX], 0);
    loop {
        match words.peek() {
            Some("|") => side += 1,
            Some("-") => {}
            Some(word) => match words.host_of(word) {
                Some(host) => sides[host] = Some(side),
                None => break,
            },
            None => break,
        }
        words.at += 1;
    }
    if words.take("leader") {
        return words.wrong("the sides of a split are peers by name");
    }
    let ways = if words.take("upwards") {
        Ways::Up
    } else if words.take("neighbours") {
        Ways::Neighbours
    } else {
        Ways::All
    };
    let (what, length) = (words.traffic(), words.length()?);
    if side == 0 {
        return words.wrong("one side only; as in: split a b | c d");
    }
    if let Some(host) = (0..words.hosts).find(|host| sides[*host].is_none()) {
        return words.wrong(format!("{} is on no side", words.name(host)));
    }
    let split = Split { sides: sides.map(|side| side.unwrap_or(0)), ways, what };
    end(words, Parsed::Fault(Fault::Part(split, length)))
}
