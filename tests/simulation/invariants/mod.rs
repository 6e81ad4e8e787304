//! What PROTOCOL.md section 9 promises, one file a promise. 1 to 5 and 8 are checked as things happen, 7 and 9 at the
//! end of a run. `tests` breaks each on purpose.

mod commits_are_held;
mod comes_to_rest;
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

pub use comes_to_rest::at_rest;
pub use files_are_the_log::check_files;
pub use nothing_is_lost::check_nothing_is_lost;

#[derive(Default)]
pub struct Checks {
    /// The first promise found broken, and how.
    pub broken: Option<String>,
    /// Processes killed so far: their memory is gone.
    pub crashes: u64,
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
    pub fn handed_over(&mut self, process: &Process, store: &Store) {
        let results = match store {
            Store::Append(frame) => [self.logs.appended(process), self.readings.appended(process, frame)],
            Store::Cut { to, .. } => [Ok(()), self.readings.cut(process, *to)],
            _ => return,
        };
        results.into_iter().for_each(|result| self.note(result));
    }

    pub fn stored(&mut self, process: &Process, dones: &[Done]) {
        self.commits.stored(process, dones);
        let result = check_files(process);
        self.note(result);
    }

    pub fn after_step(&mut self, processes: &mut [Process], number: usize) {
        let process = &processes[number];
        let results = [
            self.one_leader.check(process),
            self.commits.check(process),
            delivered_agree::check(processes, number),
        ];
        results.into_iter().for_each(|result| self.note(result));
        processes[number].committed = processes[number].peer.committed();
    }

    pub fn told(&mut self, process: &Process, event: &Event) {
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

    pub fn exited(&mut self, process: &Process, exit: &Exit) {
        if !matches!(exit, Exit::Stopped | Exit::StoppedWith { .. }) {
            self.note(Err(format!("{} ends: {exit:?}", process.id())));
        }
    }
}
