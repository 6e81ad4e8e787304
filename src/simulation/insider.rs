//! The liar as an insider: it joins as others do, and says what it likes about the log that it is served.

use rand::RngExt;

use crate::ids::Term;
use crate::protocol::Standing;
use crate::simulation::liar::{self, Level, Liar, Line, Place, LIFE};
use crate::simulation::lies::well_formed;
use crate::simulation::plan::pick;
use crate::simulation::process::Process;
use crate::simulation::world::World;
use crate::wire::{Contact, Message, Token};

impl World {
    /// The connection on which it joins.
    fn home_line(&self, to: usize) -> Option<(u64, bool)> {
        let home = |line: &Line| line.to == to && line.hello.endpoint == Liar::home() && line.hello.incarnation == LIFE;
        let liar = self.liar.as_ref()?;
        liar.lines.iter().rfind(|(_, line)| home(line)).map(|(id, line)| (*id, line.open))
    }

    /// An insider asks the leader to take it in, unless it is in already.
    pub(crate) fn join_as_insider(&mut self) {
        let leads = |process: &Process| process.alive && process.peer.standing() == Standing::Leader;
        let leaders: Vec<usize> = (0..self.processes.len()).filter(|n| leads(&self.processes[*n])).collect();
        if leaders.is_empty() {
            return;
        }
        let leader = *pick(&mut self.liar().rng, &leaders);
        let peer = &self.processes[leader].peer;
        let (term, me) = (peer.installed().cloned(), liar::own_name(Liar::home()));
        let placed = self.liar().place.as_ref().is_some_and(|place| Some(&place.term) == term.as_ref());
        if !self.is_reached_by_the_liar(leader) || (placed && self.liar().rng.random_bool(0.9)) {
            return;
        }
        match self.home_line(leader) {
            Some((id, true)) => {
                let promised = term.filter(|_| self.liar().rng.random_bool(0.5));
                let up = self.liar().rng.random_range(0..4);
                let promised = promised.map(|term| Term { counter: term.counter + up, ..term });
                self.say_on(id, Message::Join { promised, priority: 0, runs: Vec::new(), last: 0, limits: None });
            }
            Some((_, false)) => {}
            None => {
                let contact = Contact { id: me, priority: 0, incarnation: LIFE, endpoint: Liar::home() };
                let token = Token(self.liar().rng.random());
                let hello = self.hello_to(leader, &contact, token);
                self.open(leader, Liar::home().ip(), hello);
            }
        }
    }

    /// What its leader said to the insider.
    pub(crate) fn act_as_insider(&mut self, from: usize, message: Message) {
        let Level::Insider { stores, answers } = self.liar().habits.level else { return };
        let Some((line, true)) = self.home_line(from) else { return };
        let reply = match message {
            Message::Added { view, .. } => {
                self.liar().place = Some(Place { leader: from, term: view.term.clone(), stored: 0 });
                Some(Message::Fetch { term: view.term, from: 1 })
            }
            Message::Ordered { term, frame } => {
                let Some(place) = self.liar().place.as_mut().filter(|place| place.leader == from) else { return };
                if frame.first() == place.stored + 1 {
                    place.stored = frame.last();
                }
                let near = place.stored;
                let last = if stores { near } else { near + self.liar().rng.random_range(0..100) };
                Some(Message::Stored { term, last })
            }
            Message::Heartbeat { term, .. } if answers => {
                let stored = self.liar().place.as_ref().map_or(0, |place| place.stored);
                Some(Message::HeartbeatAck { term, stored })
            }
            _ => None,
        };
        if let Some(reply) = reply.as_ref().and_then(well_formed) {
            self.say_on(line, reply);
        }
    }
}
