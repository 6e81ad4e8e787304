//! The cases of one pool: what is logged when. Time is an argument, so that a day takes no time in a test.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Kind, Pace, Subject};
use crate::elapsed::Elapsed;

/// The period of an allowance, and how long a case stays open without a complaint.
const HOUR: Duration = Duration::from_secs(3600);

/// When to log what was counted, from the first complaint on; then each hour.
fn steps(pace: Pace) -> &'static [Duration] {
    const STEPS: [Duration; 3] = [Duration::from_secs(60), Duration::from_secs(600), HOUR];
    match pace {
        Pace::Often => &STEPS,
        Pace::Seldom => &STEPS[1..],
        Pace::Once => &STEPS[2..],
    }
}

/// How long an end has to last before it is logged; and how long after such a line it is logged that something is wrong
/// again.
const QUIET: Duration = Duration::from_secs(60);

/// How many cases are open, and subjects have an allowance, at a time. The rest is counted together, as others.
const CASES_MAX: usize = 256;

/// How many lines an hour, in a burst or evenly.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) subject: u32,
    pub(super) kind: u32,
    pub(super) total: u32,
}

/// A line to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) event: &'static str,
    /// The subject; empty for a line about many others.
    pub(super) about: String,
    pub(super) text: String,
    /// How many complaints the line counts.
    pub(super) count: u64,
    pub(super) over: bool,
}

/// What became of a complaint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted {
    /// Log it immediately.
    pub(super) first: bool,
    /// There is a new case, which may be due before all other cases.
    pub(super) opened: bool,
}

/// An allowance that fills up with time. It holds the time at which it would be full.
#[derive(Debug, Clone, Copy, Default)]
struct Allowance {
    full_at: Duration,
}

impl Allowance {
    fn spent(self, limit: u32, now: Duration) -> Duration {
        self.full_at.max(now) + HOUR / limit
    }

    /// Whether there is room for one more.
    fn has(self, limit: u32, now: Duration) -> bool {
        self.spent(limit, now) <= now + HOUR
    }
}

#[derive(Debug)]
struct Case {
    pace: Pace,
    opened: Duration,
    /// Since when it is wrong, where it is not over.
    since: Duration,
    /// When the last line about it was logged.
    logged_at: Duration,
    /// Times at which it was looked at.
    step: usize,
    /// How many are not logged yet.
    count: u64,
    /// The text of the last one.
    text: String,
    /// The last line about it said that it is wrong.
    wrong: bool,
    /// Since when it is over, and the line that says so.
    over: Option<(Duration, String)>,
}

impl Case {
    fn new(kind: Kind, text: &str, now: Duration) -> Self {
        let pace = kind.pace;
        let text = text.to_owned();
        Self { pace, opened: now, since: now, logged_at: now, step: 0, count: 0, text, wrong: true, over: None }
    }

    /// When to log what was counted.
    fn counted_at(&self) -> Duration {
        let steps = steps(self.pace);
        let hours = self.step.saturating_sub(steps.len() - 1);
        self.opened + steps[self.step.min(steps.len() - 1)] + HOUR * u32::try_from(hours).unwrap_or(u32::MAX)
    }

    /// When to log that it is over.
    fn over_at(&self) -> Option<Duration> {
        self.over.as_ref().filter(|_| self.wrong).map(|(since, _)| *since + QUIET)
    }

    /// When to log that it is wrong again: the last line said that it is over.
    fn again_at(&self) -> Option<Duration> {
        (!self.wrong && self.over.is_none() && self.has_to_tell()).then_some(self.since + QUIET)
    }

    fn due(&self) -> Duration {
        self.over_at().into_iter().chain(self.again_at()).fold(self.counted_at(), Duration::min)
    }

    /// Whether it is open for an hour at least.
    fn is_old(&self) -> bool {
        self.step >= steps(self.pace).len() - 1
    }

    fn has_to_tell(&self) -> bool {
        self.count > 0 && self.pace != Pace::Once
    }

    /// The line of what was counted since the last one.
    fn tell(&mut self, (kind, subject): (Kind, Option<&Subject>), now: Duration) -> Line {
        let count = std::mem::take(&mut self.count);
        let text = format!(
            "{} (the last of {count} like this in {:#})",
            self.text,
            Elapsed(now.saturating_sub(self.logged_at))
        );
        (self.logged_at, self.wrong) = (now, true);
        Line { event: kind.event, about: about(subject), text, count, over: false }
    }
}

fn about(subject: Option<&Subject>) -> String {
    subject.map_or_else(String::new, ToString::to_string)
}

/// Subjects of one class, and what is wrong with them. `None`: all subjects for which there is no room.
#[derive(Debug)]
pub(super) struct Ledger {
    limits: Limits,
    cases: BTreeMap<(Kind, Option<Subject>), Case>,
    subjects: BTreeMap<Subject, Allowance>,
    kinds: BTreeMap<Kind, Allowance>,
    total: Allowance,
}

impl Ledger {
    pub(super) fn new(limits: Limits) -> Self {
        let total = Allowance::default();
        Self { limits, cases: BTreeMap::new(), subjects: BTreeMap::new(), kinds: BTreeMap::new(), total }
    }

    /// Notes a complaint.
    pub(super) fn complain(&mut self, subject: Subject, kind: Kind, text: &str, now: Duration) -> Noted {
        let mut key = (kind, Some(subject));
        if !self.cases.contains_key(&key) {
            let subject = key.1.as_ref().expect("just made");
            if self.cases.len() < CASES_MAX && self.spend(Some(subject), kind, now) {
                self.cases.insert(key, Case::new(kind, text, now));
                return Noted { first: true, opened: true };
            }
            key.1 = None;
        }
        let opened = !self.cases.contains_key(&key);
        let case = self.cases.entry(key).or_insert_with(|| Case::new(kind, text, now));
        case.count += 1;
        if case.over.take().is_some() {
            case.since = now;
        }
        text.clone_into(&mut case.text);
        Noted { first: false, opened }
    }

    /// Notes that it is over, if it was not before. One line reports all cases of a subject that have one name.
    pub(super) fn over(&mut self, subject: &Subject, events: &[&str], text: &str, now: Duration) -> bool {
        let mut noted = false;
        for ((kind, about), case) in &mut self.cases {
            if about.as_ref() == Some(subject) && events.contains(&kind.event) && case.over.is_none() {
                case.over = Some((now, text.to_owned()));
                // The line comes with another case already.
                case.wrong &= !noted;
                noted |= case.wrong;
            }
        }
        noted
    }

    /// The lines that are due.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Line> {
        let mut lines = Vec::new();
        let keys: Vec<_> =
            self.cases.iter().filter(|(_, case)| case.due() <= now).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let case = &self.cases[&key];
            let is_due = |at: Option<Duration>| at.is_some_and(|at| at <= now);
            let (counted, over, again) = (case.counted_at() <= now, is_due(case.over_at()), is_due(case.again_at()));
            let silent = counted && case.count == 0 && case.is_old();
            let tells = case.has_to_tell() && (counted || over || again) && self.spend(key.1.as_ref(), key.0, now);
            let case = self.cases.get_mut(&key).expect("just looked at");
            if tells {
                lines.push(case.tell((key.0, key.1.as_ref()), now));
            } else if again {
                // Nothing is left of the allowance: perhaps in a minute.
                case.since = now;
            }
            if counted {
                case.step += 1;
                case.count = if case.pace == Pace::Once { 0 } else { case.count };
            }
            if over {
                case.wrong = false;
                let text = case.over.as_ref().map_or_else(String::new, |(_, text)| text.clone());
                let about = about(key.1.as_ref());
                lines.push(Line { event: key.0.event, about, text, count: 0, over: true });
            }
            if silent {
                self.cases.remove(&key);
            }
        }
        lines
    }

    /// When there is something to log, or to forget.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.cases.values().map(Case::due).min()
    }

    /// Ends the cases of these kinds: what was counted is logged, whatever the limits are.
    pub(super) fn settle(&mut self, which: impl Fn(Kind) -> bool, now: Duration) -> Vec<Line> {
        let mut lines = Vec::new();
        self.cases.retain(|(kind, subject), case| {
            let ends = which(*kind);
            if ends && case.has_to_tell() {
                lines.push(case.tell((*kind, subject.as_ref()), now));
            }
            !ends
        });
        lines
    }

    /// Takes a line from each allowance, or from none. Subjects without their own share one that never runs out: it has
    /// as many lines as there are kinds.
    fn spend(&mut self, subject: Option<&Subject>, kind: Kind, now: Duration) -> bool {
        let Some(subject) = subject else { return true };
        if self.subjects.len() >= CASES_MAX {
            self.subjects.retain(|_, allowance| allowance.full_at > now);
        }
        if self.subjects.len() >= CASES_MAX && !self.subjects.contains_key(subject) {
            return false;
        }
        let limits = self.limits;
        let mut spends = [
            (self.subjects.entry(subject.clone()).or_default(), limits.subject),
            (self.kinds.entry(kind).or_default(), limits.kind),
            (&mut self.total, limits.total),
        ];
        if !spends.iter().all(|(allowance, limit)| allowance.has(*limit, now)) {
            return false;
        }
        for (allowance, limit) in &mut spends {
            allowance.full_at = allowance.spent(*limit, now);
        }
        true
    }
}

#[cfg(test)]
mod tests;
