//! Faults happen, and end.

use rand::RngExt;

use crate::protocol::{Input, Standing, Time};
use crate::simulation::fault::{Damage, Fault, Split, Traffic};
use crate::simulation::hosts::End;
use crate::simulation::network::Connection;
use crate::simulation::process::Process;
use crate::simulation::record::What;
use crate::simulation::scenario::{lasts, step_text};
use crate::simulation::world::World;

/// How many addresses there are for hosts that move.
pub(crate) const MOVES_MAX: usize = 255;

/// A peer that is told to stop is gone soon after.
const STOP: Time = Time::from_millis(600);

impl World {
    pub fn fault(&mut self, fault: Fault) {
        self.trace(|| format!("{fault:?}"));
        let (hosts, until) = (self.plan.hosts, lasts(&fault));
        let until = (!until.is_zero()).then(|| self.now.saturating_sub(Self::BEGIN) + until);
        let name = |host| if host < hosts { self.id_of(host).to_string() } else { String::new() };
        let text = step_text(&fault, name);
        self.note(|| What::Fault { text, fault, until });
        match fault {
            Fault::Start { host, cleared } => self.start(host, cleared),
            Fault::Crash(host) => self.kill(host),
            Fault::CrashWithin(host, changes) => {
                if self.hosts[host].is_some() {
                    self.disks[host].crash_after(changes);
                }
            }
            Fault::PowerCut(host) => self.power_cut(host),
            Fault::Blackout => (0..self.plan.hosts).for_each(|host| self.power_cut(host)),
            Fault::Rot(host) => {
                self.kill(host);
                let rotten = self.disks[host].corrupt(self.rng.random());
                self.trace(|| format!("{rotten:?}"));
                self.harm(host, Damage::Rot);
            }
            Fault::RotWithin(host) => self.rot_within(host),
            Fault::Stop(host) => {
                if let Some(number) = self.hosts[host] {
                    self.processes[number].stopping = true;
                    self.step(number, Input::Stop);
                }
            }
            Fault::Pause(host, length) => {
                if let Some(number) = self.hosts[host] {
                    let until = self.now + length;
                    let process = &mut self.processes[number];
                    process.paused_until = Some(process.paused_until.map_or(until, |before| before.max(until)));
                }
            }
            Fault::Move(host) => self.move_host(host),
            Fault::Break(a, b) => self.break_links(a, b),
            Fault::Part(split, length) => self.part(&split, length),
            Fault::CutLink { from, to, back, what, length } => {
                self.cut_link(from, to, what, length);
                if back {
                    self.cut_link(to, from, what, length);
                }
            }
            Fault::FillDisk(host, room) => {
                if self.hosts[host].is_some() {
                    let used: usize = self.disks[host].files().values().map(Vec::len).sum();
                    self.disks[host].set_capacity(used + room);
                }
            }
            Fault::DiskError(host) => {
                if self.hosts[host].is_some() {
                    self.disks[host].fail_next(1);
                }
            }
            Fault::Stall(host, length) => {
                if let Some(number) = self.hosts[host] {
                    let until = self.now + length;
                    self.processes[number].stalled_until = Some(until);
                }
            }
            Fault::Burst(host, readings) => {
                if let Some(number) = self.hosts[host] {
                    self.give(number, readings);
                }
            }
        }
    }

    /// It happens where a host leads, and to that one.
    pub(crate) fn fault_of_leader(&mut self, fault: Fault) {
        let leads = |process: &&Process| process.peer.standing() == Standing::Leader;
        let leader = self.alive().filter(leads).max_by(|a, b| a.peer.installed().cmp(&b.peer.installed()));
        if let Some(host) = leader.map(|process| process.host) {
            self.fault(fault.where_leads(host));
        }
    }

    fn kill(&mut self, host: usize) {
        if let Some(number) = self.hosts[host] {
            self.end(number, End::Killed);
        }
    }

    fn power_cut(&mut self, host: usize) {
        if let Some(number) = self.hosts[host] {
            self.end(number, End::Dark);
        }
        self.dark[host] = true;
        if self.said.is_some() {
            self.disks[host].lose_unsynced();
        } else {
            self.disks[host].power_cut(self.rng.random());
        }
        self.harm(host, if self.plan.durable { Damage::PowerCut } else { Damage::Unsynced });
    }

    /// Flips a bit of the journal in the part that an earlier life found.
    fn rot_within(&mut self, host: usize) {
        let Some(number) = self.hosts[host] else { return };
        self.kill(host);
        let kept = &self.processes[number].shelf;
        let vouched_for = kept.rows.batches().iter().take_while(|frame| frame.last() <= kept.vouched);
        let bytes: usize = vouched_for.map(|frame| frame.bytes().len()).sum();
        // Segments from the beginning may be removed.
        let is_segment =
            |path: &&String| path.strip_prefix("journal/").is_some_and(|name| name.strip_suffix(".log").is_some());
        let files = self.disks[host].files();
        let there: usize = files.iter().filter(|(path, _)| is_segment(path)).map(|(_, bytes)| bytes.len()).sum();
        let all: usize = kept.rows.batches().iter().map(|frame| frame.bytes().len()).sum();
        let bytes = bytes.saturating_sub(all.saturating_sub(there));
        if bytes == 0 || self.damage[host] != Damage::None {
            return;
        }
        let (mut at, bit) = (self.rng.random_range(0..bytes), self.rng.random_range(0..8));
        for (path, bytes) in self.disks[host].files().iter().filter(|(path, _)| path.starts_with("journal/")) {
            if at < bytes.len() {
                self.trace(|| format!("{path} flipped bit {bit} of byte {at}"));
                self.disks[host].flip(path, at, bit);
                return self.harm(host, Damage::Rot);
            }
            at -= bytes.len();
        }
        unreachable!("the journal holds its batches");
    }

    /// Notes that this happened to the disk of a host, too.
    pub(crate) fn harm(&mut self, host: usize, damage: Damage) {
        self.damage[host] = self.damage[host].max(damage);
    }

    /// Moves a host: its connections carry nothing more, and do not show it.
    fn move_host(&mut self, host: usize) {
        let Some(number) = self.hosts[host] else { return };
        self.connections.retain(|_, connection| connection.from != number && connection.to != number);
        let process = &mut self.processes[number];
        self.left.push(process.endpoint);
        let moves = u8::try_from(self.left.len()).expect("at most MOVES_MAX");
        process.endpoint = ([10, 1, moves, u8::try_from(host).expect("few hosts")], process.endpoint.port()).into();
    }

    fn break_links(&mut self, a: usize, b: usize) {
        let (Some(a), Some(b)) = (self.hosts[a], self.hosts[b]) else { return };
        let between = |c: &Connection| (c.from, c.to) == (a, b) || (c.from, c.to) == (b, a);
        let ids: Vec<u64> = self.connections.iter().filter(|(_, c)| between(c)).map(|(id, _)| *id).collect();
        for id in ids {
            self.lose_suffix(id);
            self.close(id);
        }
    }

    fn part(&mut self, split: &Split, length: Time) {
        let hosts = self.plan.hosts;
        for (from, to) in (0..hosts).flat_map(|from| (0..hosts).map(move |to| (from, to))) {
            if split.cuts(from, to) {
                self.cut_link(from, to, split.what, length);
            }
        }
    }

    fn cut_link(&mut self, from: usize, to: usize, what: Traffic, length: Time) {
        if from != to {
            self.cuts.cut(from, to, what, self.now + length);
        }
    }

    /// The faults are over: enough hosts run, stopped ones go on when their time has come, and all can reach all.
    pub(crate) fn end_of_faults(&mut self) {
        if let Some(outsider) = &mut self.outsider {
            outsider.breaks_in = false;
        }
        for disk in &self.disks {
            disk.set_capacity(usize::MAX);
            disk.fail_next(0);
            if !disk.is_crashed() {
                disk.revive();
            }
        }
        let stopped = self.alive().filter_map(|process| process.paused_until.max(process.stalled_until)).max();
        self.run_until(stopped.max(self.cuts.end()).unwrap_or_default());
        // Processes that were told to stop end first: then it is known how many are left.
        while self.alive().any(|process| process.stopping) && self.checks.broken.is_none() {
            self.run_until(self.now + STOP);
        }
        for host in 0..self.plan.hosts {
            let enough = self.hosts.iter().flatten().count() >= self.plan.quorum().unwrap_or(1);
            if enough && !self.plan.all_return {
                break;
            }
            self.start(host, false);
        }
    }
}
