//! Processes come and go: starts, ends, faults, and the readings of their sensors.

use std::mem;

use rand::RngExt;

use crate::ids::{Incarnation, PeerId};
use crate::protocol::{Exit, Input, Secret, Settings, Time};
use crate::simulation::event::Event;
use crate::simulation::fault::Damage;
use crate::simulation::network::Connection;
use crate::simulation::plan::Mode;
use crate::simulation::process::Process;
use crate::simulation::sabotage::Sabotage;
use crate::simulation::shelf::{found, Shelf};
use crate::simulation::world::World;
use crate::storage::{MemoryDisk, Options};

/// How a process ends, as its peers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// What it had written still arrives, and then its connections end.
    Clean,
    /// Some of what it had written is lost.
    Killed,
    /// The same, and its host is dark: until it starts again, no connection ends and no dial is answered.
    Dark,
}

impl World {
    pub(crate) fn id_of(&self, host: usize) -> PeerId {
        self.plan.id_of(host)
    }

    /// Starts a process on the disk that the last one left, or on a `cleared` one. It does nothing if a process runs.
    pub(crate) fn start(&mut self, host: usize, cleared: bool) {
        if self.hosts[host].is_some() {
            return;
        }
        self.light(host);
        let number = self.processes.len();
        let port = if self.plan.join_only || self.plan.same_port {
            7000
        } else {
            u16::try_from(7001 + number).expect("few processes")
        };
        let [high, low] = u16::try_from(host).expect("few hosts").to_be_bytes();
        let endpoint = std::net::SocketAddr::from(([10, 0, high, low], port));
        let resume = self.plan.mode != Mode::Default;
        // The directory was removed, or another disk put in.
        let replaced = if resume { cleared } else { number % 3 == 2 };
        if replaced {
            self.disks[host] = MemoryDisk::new();
        }
        let twins = self.sabotage == Sabotage::TwoLivesAsOne;
        let now = self.start_time(host, replaced && number % 2 == 0);
        let (id, disk, now) = if twins {
            (self.id_of(0), MemoryDisk::new(), 1)
        } else {
            (self.id_of(host), self.disks[host].clone(), now)
        };
        // An operator that starts a peer again on a full disk has made room.
        disk.set_capacity(usize::MAX);
        disk.fail_next(0);
        disk.revive();
        let quorum = self.plan.quorum().map(|quorum| u32::try_from(quorum).expect("few hosts"));
        let retention = self.plan.retention;
        let limits = retention.map(|retention| retention.limits);
        let segment_bytes = retention.map(|retention| retention.segment_bytes);
        let options = Options {
            resume,
            durable: self.plan.durable,
            quorum,
            layout: self.plan.layout(number),
            limits,
            segment_bytes,
        };
        let (storage, opened) = Shelf::open_with(disk, &id, now, options, &self.checks.archive).expect("there is room");
        let kept = if resume && !cleared { Damage::None } else { Damage::Cleared };
        let damage = mem::take(&mut self.damage[host]).max(kept);
        let settings = self.sabotage.settings(Settings {
            id,
            priority: self.plan.priorities[host],
            incarnation: opened.incarnation,
            endpoint: if self.plan.any_address { ([0, 0, 0, 0], port).into() } else { endpoint },
            group: "sensors".into(),
            quorum,
            resume,
            limits,
            survey_every: retention.map_or(Time::ZERO, |retention| retention.survey_every),
            timing: self.plan.timing,
            joins: self.plan.join_only,
            seed: self.rng.random(),
            secret: Secret(self.rng.random()),
        });
        self.trace(|| format!("p{host} starts as process {number} after {damage:?}: {opened:?}"));
        let found = self.sabotage.found(found(&opened));
        let mut process = Process::new(host, settings, storage, &found, self.clocks[host].shows(self.now));
        process.endpoint = endpoint;
        process.months = self.plan.months.is_some();
        process.shelf.rows_wait = self.plan.rows_wait.is_some();
        let before = self.processes.iter().rfind(|before| before.host == host);
        self.checks.started(before, &mut process, &opened, damage);
        self.processes.push(process);
        self.hosts[host] = Some(number);
        self.note_state(number);
        self.set_alarms(number);
        self.after(self.plan.reading_gap, Event::Readings(number));
    }

    /// The time that becomes the number of a peer's life. The clock of a host without a battery may have gone `back` to
    /// before its earlier lives. The time is so fine that no two lives get the same number.
    fn start_time(&self, host: usize, back: bool) -> Incarnation {
        if self.said.is_some() {
            // A search meets equal states once, whenever in them a process began.
            return self.processes.len() as Incarnation + 1;
        }
        let now = u64::try_from(self.now.as_millis()).expect("short runs");
        let taken = |time| self.processes.iter().any(|p| p.host == host && p.origin.incarnation == time);
        let mut time = if back { now / 3 } else { now };
        while taken(time) {
            time += 1;
        }
        time
    }

    /// The clock of a host jumps ahead.
    pub fn jump(&mut self, host: usize, by: Time) {
        self.clocks[host].jump(by);
        if let Some(number) = self.hosts[host] {
            self.set_alarms(number);
        }
    }

    /// The process is gone.
    pub(crate) fn end(&mut self, number: usize, how: End) {
        let process = &mut self.processes[number];
        process.alive = false;
        self.hosts[process.host] = None;
        self.note_state(number);
        let connections: Vec<u64> =
            self.connections.iter().filter(|(_, c)| c.from == number || c.to == number).map(|(id, _)| *id).collect();
        for id in connections {
            if how != End::Clean && self.toss() {
                self.lose_suffix(id);
            }
            if how != End::Dark {
                self.close(id);
            }
        }
    }

    /// A host is up again. It answers what still comes for its earlier processes: they are gone.
    fn light(&mut self, host: usize) {
        if !mem::replace(&mut self.dark[host], false) {
            return;
        }
        let stale = |connection: &Connection| {
            let to = self.processes.get(connection.to);
            to.is_some_and(|to| to.host == host && !to.alive) && connection.writable
        };
        let stale: Vec<u64> = self.connections.iter().filter(|(_, c)| stale(c)).map(|(id, _)| *id).collect();
        self.close_all(stale);
    }

    pub(crate) fn feed(&mut self, number: usize) {
        if !self.processes[number].alive || !self.feeding {
            return;
        }
        let count = self.rng.random_range(1..4);
        self.give(number, count);
        let gap = self.plan.reading_gap.mul_f64(self.rng.random_range(0.1..2.0));
        self.after(gap, Event::Readings(number));
    }

    pub fn give(&mut self, number: usize, readings: u64) {
        if let Some(input) = self.processes[number].measure(readings) {
            self.step(number, input);
        }
    }

    /// The sources of all peers end.
    pub fn end_of_input(&mut self) {
        self.feeding = false;
        for number in 0..self.processes.len() {
            let readings = self.processes[number].taken;
            self.step(number, Input::EndOfInput { readings });
        }
    }

    pub(crate) fn exit(&mut self, number: usize, exit: Exit) {
        self.checks.exited(&self.processes[number], &exit);
        if exit == Exit::Disk {
            // Nothing more can be stored, and messages that wait for that are lost.
            self.processes[number].work.clear();
        }
        let writes = exit != Exit::Disk && self.plan.rows_wait.is_some();
        self.processes[number].exit = Some(exit);
        // What was handed to storage and links before is written and sent.
        while !self.processes[number].work.is_empty() {
            self.do_work(number);
        }
        if writes && self.processes[number].alive {
            self.write_last_rows(number);
        }
        let peers: Vec<PeerId> = self.processes[number].links.keys().cloned().collect();
        for peer in peers {
            self.flush(number, &peer);
        }
        self.end(number, End::Clean);
    }
}
