//! The promises of docs/protocol.md section 9, one file for each. 1 to 6 and 8 are checked as things happen, 7 and 9 at
//! the end of a run. Deliberate faults (`sabotage`) break each on purpose.

mod comes_to_rest;
mod commits_are_held;
mod delivered_agree;
mod disks_keep;
mod files_are_the_log;
mod leaders_hold_commits;
mod logs_agree;
mod nothing_is_lost;
mod one_leader_a_term;
mod readings_are_there_once;

use std::fmt::{self, Write};

use crate::protocol::{Done, Effect, Event, Exit, Store};
use crate::simulation::archive::Archive;
use crate::simulation::fault::Damage;
use crate::simulation::liar::{Level, MARK};
use crate::simulation::numbers::Numbers;
use crate::simulation::process::Process;
use crate::storage::Opened;
use crate::wire::{Frame, Range};

pub use comes_to_rest::at_rest;
pub use files_are_the_log::check_whole;

#[derive(Clone, Default)]
pub struct Checks {
    /// The first promise found broken, and how.
    pub broken: Option<String>,
    /// Only this promise counts.
    pub only: Option<u8>,
    /// With a quorum, what is committed stays committed.
    quorum: Option<usize>,
    /// Somebody lies.
    liar: Option<Level>,
    one_leader: one_leader_a_term::Check,
    logs: logs_agree::Check,
    readings: readings_are_there_once::Check,
    commits: commits_are_held::Check,
    delivered: delivered_agree::Check,
    leaders: leaders_hold_commits::Check,
    /// What was in logs, where it may be removed.
    pub(crate) archive: Archive,
    /// Readings that were removed, since no limit keeps them: nobody has to have them any more.
    expired: Numbers,
}

/// Whether this process ordered a batch itself, just now.
fn leads_in(process: &Process, frame: &Frame) -> bool {
    frame.term().leader == *process.id() && process.peer.installed() == Some(frame.term())
}

impl Checks {
    #[must_use]
    pub fn new(quorum: Option<usize>, liar: Option<Level>) -> Self {
        Self { quorum, liar, ..Self::default() }
    }

    /// A process begins with what was `opened` on the disk of a host, after the process `before` it.
    pub fn started(&mut self, before: Option<&Process>, process: &mut Process, opened: &Opened, damage: Damage) {
        if let Some(before) = before {
            self.note(disks_keep::check(before, process, opened, damage, &self.expired));
            self.readings.lose(&before.holds().minus(&process.held), damage);
        }
        self.readings.started(process);
        self.commits.started(process);
        self.note(files_are_the_log::check_whole(process));
    }

    /// Notes what is broken, unless something else was before.
    pub(crate) fn note(&mut self, result: Result<(), String>) {
        let Err(why) = result else { return };
        let counts = self.only.is_none_or(|only| why.starts_with(&format!("promise {only}:")));
        if counts && self.broken.is_none() {
            self.broken = Some(why);
        }
    }

    /// Notes that a run does not get to its end. That is reported whichever promise counts: none was checked to the
    /// end.
    pub(crate) fn cut_off(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    /// The core handed this to the storage, and so changed its log.
    pub fn handed_over(&mut self, process: &Process, store: &Store) {
        let results = match store {
            Store::Append(frame) => {
                self.commits.handed_over(process);
                if let Some(keep) = frame.keep().filter(|_| leads_in(process, frame)) {
                    let checked = self.commits.check_removal(process, keep - 1);
                    self.note(checked);
                }
                if self.liar == Some(Level::Stranger) && memchr::memmem::find(frame.bytes(), MARK.as_bytes()).is_some()
                {
                    self.note(Err(format!("promise 3: a stranger's reading is in the log of {}", process.id())));
                }
                [self.logs.appended(process), self.readings.appended(process, frame)]
            }
            Store::Cut { .. } => return self.readings.cut(process),
            Store::Remove { to } => {
                let gone = process.shelf.log.iter().take_while(|entry| entry.frame.last() <= *to);
                return self.expired.extend(gone.flat_map(|entry| entry.frame.ranges()));
            }
            Store::Begin(_) => {
                self.commits.handed_over(process);
                return self.readings.cut(process);
            }
            _ => return,
        };
        for result in results {
            self.note(result);
        }
    }

    /// The storage has done this, and written its files.
    pub fn stored(&mut self, process: &mut Process, dones: &[Done]) {
        self.commits.stored(process, dones);
        let result = files_are_the_log::check(process);
        self.note(result);
    }

    /// The core asks for this.
    pub fn decided(&mut self, process: &Process, effects: &[Effect]) {
        self.commits.decided(process, effects);
    }

    pub fn after_step(&mut self, processes: &mut [Process], number: usize) {
        let process = &processes[number];
        if !process.alive {
            return;
        }
        let results = [
            self.one_leader.check(process),
            self.commits.check(process, self.quorum),
            delivered_agree::check(processes, number),
            delivered_agree::check_told(process),
        ];
        for result in results {
            self.note(result);
        }
        if self.quorum.is_some() {
            let results = [self.delivered.always(process), self.leaders.check(process)];
            for result in results {
                self.note(result);
            }
        }
        let process = &mut processes[number];
        process.told_of_merging = false;
        process.committed = process.peer.committed();
        process.checked = process.peer.installed().map(|term| (term.clone(), process.committed));
    }

    pub fn told(&mut self, process: &mut Process, event: &Event) {
        match event {
            Event::Lost { origin, first, last } => {
                let range = Range { origin: origin.clone(), first: *first, count: last - first + 1 };
                let result = self.readings.lost(&range, &self.expired);
                // A lying member leaves gaps as it likes, in its own numbers and in those of absent origins.
                if self.liar.is_none_or(|liar| liar == Level::Stranger) {
                    self.note(result);
                }
            }
            Event::InputDelivered { readings } => {
                process.input_delivered = true;
                self.note(nothing_is_lost::check_delivered(process, *readings, &self.expired));
            }
            Event::Merging { .. } | Event::Disbelieved { .. } => process.told_of_merging = true,
            Event::Misbehaved { peer, what, at } if self.liar.is_none() => {
                self.note(Err(format!("{} says that {peer} {what} at #{at}", process.id())));
            }
            _ => {}
        }
    }

    /// The check at the end of a run.
    pub(crate) fn check_nothing_is_lost<'a>(
        &self,
        alive: &(impl Iterator<Item = &'a Process> + Clone),
    ) -> Result<(), String> {
        nothing_is_lost::check_nothing_is_lost(alive, &self.expired)
    }

    /// Writes out all that checks remember.
    pub(crate) fn write(&self, text: &mut String) {
        let first = (&self.one_leader, &self.logs, &self.readings, &self.commits);
        let rest = (&self.delivered, &self.leaders, &self.expired, &self.archive);
        write!(text, "{first:?} {rest:?}").expect("a string takes all");
    }

    pub fn exited(&mut self, process: &Process, exit: &Exit) {
        if !matches!(exit, Exit::Stopped | Exit::StoppedWith { .. } | Exit::Disk) {
            self.note(Err(format!("{} ends: {exit:?}", process.id())));
        }
    }
}

impl fmt::Debug for Checks {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Checks").field("broken", &self.broken).finish_non_exhaustive()
    }
}
