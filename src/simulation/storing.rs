//! The storage thread of each process: its work takes time, and messages that report it wait.

use std::mem;

use rand::RngExt;

use crate::protocol::{Done, Input, Store, Time};
use crate::simulation::event::Event;
use crate::simulation::fault::Damage;
use crate::simulation::hosts::End;
use crate::simulation::plan::Mode;
use crate::simulation::sabotage::Sabotage;
use crate::simulation::world::World;
use crate::storage::StorageError;
use crate::wire::{Message, Range};

impl World {
    pub(crate) fn store(&mut self, number: usize, store: Store) {
        let process = &mut self.processes[number];
        let Some(store) = self.sabotage.store(&process.origin.peer, store) else { return };
        process.shelf.note(&store);
        match &store {
            Store::Append(frame) => {
                process.held.extend(frame.ranges());
                if self.plan.retention.is_some() {
                    self.checks.archive.keep(&process.shelf.log);
                }
            }
            Store::Begin(base) => {
                process.shelf.begin(base, &self.checks.archive);
                process.held.extend(&base.origins);
            }
            _ => {}
        }
        self.checks.handed_over(process, &store);
        if let Some(done) = self.sabotage.reports_early(&process.origin.peer, &store) {
            self.after(Time::ZERO, Event::Report { process: number, done });
        }
        if self.sabotage.says_early(&store) {
            let Store::Say { to, message } = store else { unreachable!("only words are said") };
            return self.send(number, &to, message);
        }
        let process = &mut self.processes[number];
        process.work.push_back(store);
        if !mem::replace(&mut process.working, true) {
            let longest = self.plan.disk[process.host];
            let time = longest.mul_f64(self.rng.random_range(0.05..1.0));
            let from = process.stalled_until.map_or(self.now, |until| until.max(self.now));
            self.at(from + time, Event::Work(number));
        }
    }

    pub(crate) fn work(&mut self, number: usize) {
        let process = &mut self.processes[number];
        process.working = false;
        if !process.alive {
            return;
        }
        self.do_work(number);
    }

    /// Does one group of work, all that waits, and then reports.
    pub(crate) fn do_work(&mut self, number: usize) {
        let works = mem::take(&mut self.processes[number].work);
        let (mut dones, mut says) = (Vec::new(), Vec::new());
        for store in works {
            if let Store::SayBase { to, term } = store {
                match self.processes[number].shelf.told_base() {
                    Ok(Some(base)) => says.push((to, Message::Base { term, base })),
                    Ok(None) => {}
                    Err(error) => return self.disk_failed(number, &error),
                }
                continue;
            }
            let Store::Say { to, message } = store else {
                match self.processes[number].shelf.execute(store, self.sabotage) {
                    Ok(done) => dones.extend(done.into_iter().map(|done| self.sabotage.done(done))),
                    Err(error) => return self.disk_failed(number, &error),
                }
                continue;
            };
            dones.extend(Done::said(&message));
            says.push((to, message));
        }
        let resume = self.plan.mode != Mode::Default;
        let process = &mut self.processes[number];
        let taken = Range { origin: process.origin.clone(), first: 1, count: process.taken };
        let settled = process.shelf.settle(resume.then_some(taken), self.plan.durable, self.sabotage);
        match settled.and_then(|()| self.write_or_wait(number)) {
            Ok(done) => dones.extend(done),
            Err(error) => return self.disk_failed(number, &error),
        }
        self.checks.stored(&mut self.processes[number], &dones);
        // Two threads race here.
        let report_first = self.toss();
        if report_first {
            self.step(number, Input::Stored(mem::take(&mut dones)));
        }
        for (to, message) in says {
            self.send(number, &to, message);
        }
        if !report_first {
            self.step(number, Input::Stored(dones));
        }
        self.sequence(number);
    }

    /// Writes the rows that wait, unless there is time; then it sets the time for it.
    fn write_or_wait(&mut self, number: usize) -> Result<Option<Done>, StorageError> {
        let process = &mut self.processes[number];
        let Some(wait) = self.plan.rows_wait.filter(|_| !process.shelf.is_late()) else { return process.shelf.write() };
        let done = process.shelf.note_written();
        if process.shelf.has_waiting_rows() && !mem::replace(&mut process.writes_later, true) {
            self.after(wait, Event::Write(number));
        }
        Ok(done)
    }

    /// The first of the rows that wait has waited for long enough.
    pub(crate) fn write_rows(&mut self, number: usize) {
        let process = &mut self.processes[number];
        if let Some(until) = process.stalled_until.filter(|until| process.alive && *until > self.now) {
            return self.at(until, Event::Write(number));
        }
        process.writes_later = false;
        if !process.alive {
            return;
        }
        match process.shelf.write() {
            Ok(done) => {
                let dones = Vec::from_iter(done);
                self.checks.stored(&mut self.processes[number], &dones);
                self.step(number, Input::Stored(dones));
            }
            Err(error) => self.disk_failed(number, &error),
        }
    }

    /// A process that was told to stop writes the rows that wait.
    pub(crate) fn write_last_rows(&mut self, number: usize) {
        let process = &mut self.processes[number];
        if self.sabotage == Sabotage::RowsNotWritten {
            process.shelf.written = process.shelf.delivered;
            return;
        }
        if process.shelf.write().is_ok() {
            return self.checks.stored(process, &[]);
        }
        // It ends all the same.
        let host = process.host;
        self.harm(host, Damage::Within);
    }

    fn disk_failed(&mut self, number: usize, error: &StorageError) {
        self.trace(|| error.to_string());
        let host = self.processes[number].host;
        self.harm(host, Damage::Within);
        if self.disks[host].is_crashed() {
            return self.end(number, End::Killed);
        }
        self.step(number, Input::DiskFailed);
    }
}
