//! What PROTOCOL.md section 9 promises, one file a promise. 1 to 5 and 8 are checked as things happen, 7 and 9 at the
//! end of a run. `tests` breaks each on purpose.

mod comes_to_rest;
mod commits_are_held;
mod delivered_agree;
mod files_are_the_log;
mod logs_agree;
mod nothing_is_lost;
mod one_leader_a_term;
mod readings_stand_once;
#[cfg(test)]
mod tests;

use peer::protocol::{Done, Event, Exit, Store};

use crate::process::Process;

pub(crate) use comes_to_rest::at_rest;
pub(crate) use files_are_the_log::check_files;
pub(crate) use nothing_is_lost::check_nothing_is_lost;

/// Files are compared with the log at each cut, and at one in so many reports of a storage.
const FILES_EVERY: u64 = 100;

#[derive(Default)]
pub(crate) struct Checks {
    /// The first promise found broken, and how.
    pub broken: Option<String>,
    /// Processes killed so far: their memory is gone.
    pub crashes: u64,
    /// Reports of storages so far.
    reports: u64,
    one_leader: one_leader_a_term::Check,
    logs: logs_agree::Check,
    readings: readings_stand_once::Check,
    commits: commits_are_held::Check,
}

impl Checks {
    fn note(&mut self, result: Result<(), String>) {
        if let (Err(why), None) = (result, &self.broken) {
            self.broken = Some(why);
        }
    }

    /// The core handed this to the storage, and so changed its log.
    pub(crate) fn handed_over(&mut self, process: &Process, store: &Store) {
        let results = match store {
            Store::Append(frame) => [self.logs.appended(process), self.readings.appended(process, frame)],
            Store::Cut { .. } => return self.readings.cut(process),
            _ => return,
        };
        for result in results {
            self.note(result);
        }
    }

    pub(crate) fn stored(&mut self, process: &Process, dones: &[Done]) {
        self.commits.stored(process, dones);
        // Reading all files each time would take most of the time there is; cuts are where they go wrong.
        self.reports += 1;
        let cut = dones.iter().any(|done| matches!(done, Done::Cut { .. }));
        if cut || self.reports % FILES_EVERY == 0 {
            let result = check_files(process);
            self.note(result);
        }
    }

    pub(crate) fn after_step(&mut self, processes: &mut [Process], number: usize) {
        let process = &processes[number];
        let results =
            [self.one_leader.check(process), self.commits.check(process), delivered_agree::check(processes, number)];
        for result in results {
            self.note(result);
        }
        processes[number].committed = processes[number].peer.committed();
    }

    pub(crate) fn told(&mut self, process: &Process, event: &Event) {
        match event {
            Event::Lost { origin, first, last } if self.crashes == 0 => {
                self.note(Err(format!("promise 3: {first} to {last} of {origin} given up although nobody crashed")));
            }
            Event::Lost { origin, first, last } => self.readings.lost(origin, *first, *last),
            Event::Misbehaved { peer, what, at } => {
                self.note(Err(format!("{} says that {peer} {what} at #{at}", process.id())));
            }
            _ => {}
        }
    }

    pub(crate) fn exited(&mut self, process: &Process, exit: &Exit) {
        if !matches!(exit, Exit::Stopped | Exit::StoppedWith { .. }) {
            self.note(Err(format!("{} ends: {exit:?}", process.id())));
        }
    }
}
