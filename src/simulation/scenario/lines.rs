//! Lines -> [`Scenario`], and back.

use std::fmt;

use crate::config::value::DURATION_MIN;
use crate::protocol::Time;
use crate::simulation::failing::MOVES_MAX;
use crate::simulation::fault::{Fault, LEADER};
use crate::simulation::plan::{Mode, HOSTS_MAX};
use crate::simulation::sabotage::Sabotage;
use crate::simulation::scenario::steps::{self, Parsed, Wrong, READINGS_MAX, UNTIL_HEALED};
use crate::simulation::scenario::{times, Scenario, ScenarioError, Spared, Step};
use crate::wire::Timing;

/// What a line may begin with if it is not a step.
const KNOBS: &str =
    "peers, starting, mode, resume, quorum, seed, draw, rate, heartbeat, election, delay, loss, without, \
                     fault, for or at";

fn words(line: &str) -> Vec<&str> {
    line.split('#').next().unwrap_or("").split_whitespace().collect()
}

pub(super) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let mut scenario = Scenario::default();
    let lines = || {
        text.lines().enumerate().map(|(number, line)| (number + 1, words(line))).filter(|(_, words)| !words.is_empty())
    };
    let told = |line: usize, words: &[&str], (at, why): Wrong| ScenarioError {
        line,
        word: words.get(at).or(words.last()).copied().unwrap_or("").to_owned(),
        why,
    };
    // Steps name peers, which lines after them may count.
    for (line, words) in lines().filter(|(_, words)| words[0] != "at") {
        knob(&mut scenario, &words).map_err(|wrong| told(line, &words, wrong))?;
    }
    let does_not_fit = |(word, why): (&str, String)| ScenarioError {
        line: lines().find(|(_, words)| words[0] == word).map_or(1, |(line, _)| line),
        word: word.to_owned(),
        why,
    };
    check(&scenario).map_err(does_not_fit)?;
    let (hosts, letters, end) = (scenario.hosts(), scenario.draw.is_none(), scenario.said_end());
    let (mut steps, mut heals): (Vec<Step>, Vec<Time>) = (Vec::new(), Vec::new());
    for (line, words) in lines().filter(|(_, words)| words[0] == "at") {
        let wrong = |wrong| told(line, &words, wrong);
        let at = words.get(1).ok_or_else(|| wrong((0, "a time is missing".to_owned())))?;
        let at = times::parse(at).map_err(|why| wrong((1, why)))?;
        if let Some(end) = end.filter(|end| at >= *end) {
            return Err(wrong((1, format!("faults end before it, at {}; 'for' says when", times::text(end)))));
        }
        match steps::parse(&words[2..], hosts, letters).map_err(|(index, why)| wrong((index + 2, why)))? {
            Parsed::Fault(fault) => steps.push(Step { at, fault }),
            Parsed::Heal => heals.push(at),
        }
        if steps.iter().filter(|step| matches!(step.fault, Fault::Move(_))).count() > MOVES_MAX {
            return Err(wrong((2, format!("more than {MOVES_MAX} moves"))));
        }
    }
    steps.sort_by_key(|step| step.at);
    if !steps.is_empty() {
        scenario.steps.get_or_insert_default().extend(steps);
    }
    heal(&mut scenario, &heals);
    check_size(&scenario).map_err(does_not_fit)?;
    Ok(scenario)
}

/// A cut whose length is not said ends when the network heals next, or when all faults end.
fn heal(scenario: &mut Scenario, heals: &[Time]) {
    let open =
        |step: &Step| matches!(step.fault, Fault::Part(_, UNTIL_HEALED) | Fault::CutLink { length: UNTIL_HEALED, .. });
    let mut known = scenario.clone();
    known.steps.iter_mut().for_each(|steps| steps.retain(|step| !open(step)));
    let end = heals.iter().copied().fold(known.end(), Time::max);
    for step in scenario.steps.iter_mut().flatten().filter(|step| open(step)) {
        let at = step.at;
        let healed = heals.iter().copied().filter(|heal| *heal > at).min().unwrap_or(end.max(at));
        if let Fault::Part(_, length) | Fault::CutLink { length, .. } = &mut step.fault {
            *length = healed.saturating_sub(at);
        }
    }
}

/// What does not go together: the knob, and why.
fn check(scenario: &Scenario) -> Result<(), (&'static str, String)> {
    let hosts = scenario.hosts();
    if let Some(quorum) = scenario.quorum.filter(|quorum| *quorum > hosts || *quorum <= hosts / 2) {
        return Err(("quorum", format!("{quorum} is no majority of {hosts} peers")));
    }
    if let Some(starting) = scenario.starting.filter(|starting| *starting > hosts) {
        return Err(("starting", format!("there are only {hosts} peers, not {starting}")));
    }
    let Some(timing) = scenario.timing else { return Ok(()) };
    if timing.heartbeat_timeout <= timing.heartbeat_interval {
        return Err(("heartbeat", "the timeout has to be longer than the interval".to_owned()));
    }
    Ok(())
}

/// A run is kept in memory as a whole, with all that is said about each reading.
fn check_size(scenario: &Scenario) -> Result<(), (&'static str, String)> {
    let plan = scenario.plan().0;
    let calm = plan.settled() + plan.timing.heartbeat_timeout * 2 + plan.timing.election_timeout * 4;
    let end = scenario.end();
    // The calm begins when the longest fault is over.
    let begins = scenario.last().unwrap_or(end).max(end);
    // What is drawn has few readings, but faults that a person adds may outlast it.
    let drawn = scenario.draw.is_some() && scenario.rate.is_none();
    let (length, bursts) = if drawn { (begins.saturating_sub(end), 0.0) } else { (begins + calm, bursts(scenario)) };
    let rate = 2.0 / plan.reading_gap.as_secs_f64() * f64::from(u32::try_from(plan.hosts).expect("few hosts"));
    let readings = rate * length.as_secs_f64() + bursts;
    if readings <= READINGS_MAX.into() {
        return Ok(());
    }
    let word = if scenario.rate.is_some() { "rate" } else { "for" };
    let lasts =
        if begins > end { format!(", since a step lasts until {}", times::text(begins)) } else { String::new() };
    Err((word, format!("that would be {readings:.0} readings{lasts}, and a run keeps {READINGS_MAX} at most")))
}

/// The readings of all bursts.
fn bursts(scenario: &Scenario) -> f64 {
    let steps = scenario.steps.iter().flatten();
    let bursts =
        steps.filter_map(|step| if let Fault::Burst(_, readings) = step.fault { Some(readings) } else { None });
    bursts.map(|readings| f64::from(u32::try_from(readings).unwrap_or(u32::MAX))).sum()
}

/// A line that is not a step.
struct Line<'a>(&'a [&'a str]);

impl<'a> Line<'a> {
    fn word(&self, at: usize, what: &str) -> Result<&'a str, Wrong> {
        self.0.get(at).copied().ok_or_else(|| (at - 1, format!("{what} is missing")))
    }

    fn number(&self, what: &str) -> Result<u64, Wrong> {
        self.word(1, what)?.parse().map_err(|_| (1, format!("not {what}")))
    }

    fn count(&self) -> Result<usize, Wrong> {
        let number = usize::try_from(self.number("a number of peers")?).ok();
        let fits = number.filter(|number| (1..=HOSTS_MAX).contains(number));
        fits.ok_or_else(|| (1, format!("not between 1 and {HOSTS_MAX}")))
    }

    fn time(&self, at: usize) -> Result<Time, Wrong> {
        let time = times::parse(self.word(at, "a length of time")?).map_err(|why| (at, why))?;
        if time.is_zero() {
            return Err((at, "must be longer than nothing".to_owned()));
        }
        Ok(time)
    }

    /// A time that is an option of a peer, which has a least one.
    fn option(&self, at: usize) -> Result<Time, Wrong> {
        let long_enough = |time: &Time| *time >= DURATION_MIN;
        Some(self.time(at)?).filter(long_enough).ok_or_else(|| (at, "must be 1ms at least".to_owned()))
    }

    /// The one that has this name.
    fn one_of<T>(&self, what: &str, named: impl Fn(&str) -> Option<T>) -> Result<T, Wrong> {
        named(self.word(1, what)?).ok_or_else(|| (1, format!("not {what}")))
    }
}

fn knob(scenario: &mut Scenario, words: &[&str]) -> Result<(), Wrong> {
    let line = Line(words);
    let mut used = 2;
    match words[0] {
        "peers" => scenario.peers = Some(line.count()?),
        "starting" => scenario.starting = Some(line.count()?),
        "mode" => {
            let named = |word: &str| Mode::ALL.into_iter().find(|mode| mode.name() == word);
            scenario.mode = line.one_of("default, resume or quorum", named)?;
        }
        "resume" => (scenario.mode, used) = (Mode::Resume, 1),
        "quorum" => {
            scenario.mode = Mode::Quorum;
            used = words.len().min(2);
            scenario.quorum = if used == 2 { Some(line.count()?) } else { None };
        }
        "seed" => scenario.seed = line.number("a number")?,
        "draw" => scenario.draw = Some(line.number("a number")?),
        "without" if words.get(1) == Some(&"steps") => scenario.steps = Some(Vec::new()),
        "without" => {
            let names = format!("one of steps, {}", Spared::ALL.map(Spared::name).join(", "));
            let spared_as = |word: &str| Spared::ALL.into_iter().find(|spared| spared.name() == word);
            scenario.spared.push(line.one_of(&names, spared_as)?);
        }
        "fault" => {
            scenario.sabotage = line.one_of("a deliberate fault; 'peer sim --faults' lists them", Sabotage::named)?;
        }
        "for" => scenario.length = Some(line.time(1)?),
        _ => used = figure(scenario, &line)?,
    }
    if words.len() > used {
        return Err((used, "one word too many".to_owned()));
    }
    Ok(())
}

/// How fast, how long, how many; returns how many words that takes.
fn figure(scenario: &mut Scenario, line: &Line) -> Result<usize, Wrong> {
    let timing = |scenario: &Scenario| scenario.timing.unwrap_or_else(|| scenario.plan().0.timing);
    match line.0[0] {
        "rate" => {
            let fits = |rate: &f64| (0.001..=10_000.0).contains(rate);
            let named = |word: &str| word.strip_suffix("/s").unwrap_or(word).parse().ok().filter(fits);
            scenario.rate = Some(line.one_of("a rate, as in 20/s, and at most 10000/s", named)?);
        }
        "heartbeat" => {
            let (heartbeat_interval, heartbeat_timeout) = (line.option(1)?, line.option(2)?);
            scenario.timing = Some(Timing { heartbeat_interval, heartbeat_timeout, ..timing(scenario) });
            return Ok(3);
        }
        "election" => {
            let election_timeout = line.option(1)?;
            scenario.timing = Some(Timing { election_timeout, ..timing(scenario) });
        }
        "delay" => scenario.delay = Some(line.time(1)?),
        "loss" => {
            let named = |word: &str| match word {
                "none" => Some(0),
                word => word.strip_prefix("1/")?.parse().ok().filter(|one_in| *one_in > 1),
            };
            scenario.loss = Some(line.one_of("none, and not as in 1/10", named)?);
        }
        _ => return Err((0, format!("no line begins like this; {KNOBS}"))),
    }
    Ok(2)
}

/// As lines that are read back as the same scenario.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.mode, self.quorum) {
            (Mode::Quorum, Some(quorum)) => writeln!(f, "quorum {quorum}")?,
            (mode, _) => writeln!(f, "mode {}", mode.name())?,
        }
        match self.draw {
            Some(seed) => writeln!(f, "draw {seed}")?,
            None => writeln!(f, "seed {}", self.seed)?,
        }
        for (name, value) in [("peers", self.peers), ("starting", self.starting)] {
            value.map_or(Ok(()), |value| writeln!(f, "{name} {value}"))?;
        }
        if let Some(timing) = self.timing {
            let (interval, timeout) = (times::text(timing.heartbeat_interval), times::text(timing.heartbeat_timeout));
            writeln!(f, "heartbeat {interval} {timeout}\nelection {}", times::text(timing.election_timeout))?;
        }
        self.rate.map_or(Ok(()), |rate| writeln!(f, "rate {rate}/s"))?;
        self.delay.map_or(Ok(()), |delay| writeln!(f, "delay {}", times::text(delay)))?;
        match self.loss {
            Some(0) => writeln!(f, "loss none")?,
            Some(one_in) => writeln!(f, "loss 1/{one_in}")?,
            None => {}
        }
        self.spared.iter().try_for_each(|spared| writeln!(f, "without {}", spared.name()))?;
        if self.sabotage != Sabotage::None {
            writeln!(f, "fault {}", self.sabotage.name())?;
        }
        self.length.map_or(Ok(()), |length| writeln!(f, "for {}", times::text(length)))?;
        let Some(steps) = &self.steps else { return Ok(()) };
        if steps.is_empty() {
            writeln!(f, "without steps")?;
        }
        let hosts = self.hosts();
        let name = |host| match host {
            LEADER => "leader".to_owned(),
            host if host < hosts => self.name(host),
            _ => String::new(),
        };
        for Step { at, fault } in steps {
            writeln!(f, "at {} {}", times::text(*at), steps::text(fault, name))?;
        }
        Ok(())
    }
}
