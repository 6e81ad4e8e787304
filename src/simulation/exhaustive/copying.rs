//! A second world that goes on where the first one is now.

use crate::simulation::network::Connection;
use crate::simulation::process::Process;
use crate::simulation::world::World;
use crate::storage::MemoryDisk;

impl World {
    /// The same world; nothing that either does is seen in the other. Nobody in it lies, and its group is open.
    pub(crate) fn copy(&self) -> Self {
        assert!(self.liar.is_none() && self.closed.is_none(), "only honest and open groups are searched");
        let disks: Vec<MemoryDisk> = self.disks.iter().map(MemoryDisk::duplicate).collect();
        let processes = self.processes.iter().map(|process| process.copied_to(&disks[process.host])).collect();
        let connections = self.connections.iter().map(|(id, connection)| (*id, connection.copy())).collect();
        Self {
            now: self.now,
            queue: self.queue.clone(),
            scheduled: self.scheduled,
            rng: self.rng.clone(),
            plan: self.plan.clone(),
            processes,
            hosts: self.hosts.clone(),
            dark: self.dark.clone(),
            disks,
            damage: self.damage.clone(),
            clocks: self.clocks.clone(),
            cuts: self.cuts.clone(),
            left: self.left.clone(),
            connections,
            liar: None,
            closed: None,
            outsider: None,
            checks: self.checks.clone(),
            sabotage: self.sabotage,
            answer: self.answer.clone(),
            counts: None,
            views: self.views,
            feeding: self.feeding,
            in_this_moment: self.in_this_moment,
            events: self.events,
            events_max: self.events_max,
            trace: self.trace.clone(),
            record: self.record.clone(),
            said: self.said,
            fingerprint: self.fingerprint,
        }
    }
}

impl Process {
    fn copied_to(&self, disk: &MemoryDisk) -> Self {
        Self {
            host: self.host,
            origin: self.origin.clone(),
            endpoint: self.endpoint,
            peer: self.peer.clone(),
            steps: self.steps,
            alive: self.alive,
            exit: self.exit.clone(),
            shelf: self.shelf.copied_to(disk),
            work: self.work.clone(),
            working: self.working,
            stalled_until: self.stalled_until,
            writes_later: self.writes_later,
            links: self.links.clone(),
            inbox: self.inbox.clone(),
            ended: self.ended.clone(),
            alarms: self.alarms,
            paused_until: self.paused_until,
            stopping: self.stopping,
            months: self.months,
            taken: self.taken,
            held: self.held.clone(),
            input_delivered: self.input_delivered,
            told_of_merging: self.told_of_merging,
            committed: self.committed,
            checked: self.checked.clone(),
        }
    }
}

impl Connection {
    fn copy(&self) -> Self {
        Self {
            from: self.from,
            to: self.to,
            link: self.link.clone(),
            pipe: self.pipe.clone(),
            channel: None,
            greeted: self.greeted,
            held: self.held,
            reading: self.reading,
            writable: self.writable,
            last_arrival: self.last_arrival,
            stalled_until: self.stalled_until,
        }
    }
}
