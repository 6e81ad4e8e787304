//! A liar without the key of a closed group. It hears all that is sent and can send anything to anybody: inventions,
//! what others sealed, recordings, whole, cut or changed. It also breaks into connections. None of that may reach a
//! core.

use std::collections::VecDeque;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use crate::keys::session::HANDSHAKE_BYTES;
use crate::keys::Keys;
use crate::simulation::closed::{other_keys, text_of};
use crate::simulation::event::Event;
use crate::simulation::liar::{own_name, Level, Liar};
use crate::simulation::lies::Lies;
use crate::simulation::network::Datagram;
use crate::simulation::network::Item;
use crate::simulation::plan::pick;
use crate::simulation::world::World;
use crate::wire::Message;

/// The habits that a seed draws for it.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    pub seed: u64,
    /// How often it does something while there are faults.
    pub times: u32,
    /// It breaks into connections and plays datagrams back: that disturbs a group as a bad network does. The rest must not be
    /// noticed at all.
    pub disturbs: bool,
}

impl Habits {
    /// `rng`: a separate stream.
    pub(crate) fn draw(rng: &mut SmallRng) -> Option<Self> {
        let (seed, times, disturbs) = (rng.random(), *pick(rng, &[30, 100, 300]), rng.random_bool(0.8));
        rng.random_bool(0.5).then_some(Self { seed, times, disturbs })
    }
}

pub(crate) struct Outsider {
    habits: Habits,
    rng: SmallRng,
    other: Keys,
    /// As long as there are faults.
    pub breaks_in: bool,
}

impl Outsider {
    pub(crate) fn new(habits: Habits) -> Self {
        Self { habits, rng: SmallRng::seed_from_u64(habits.seed), other: other_keys(), breaks_in: habits.disturbs }
    }

    fn noise(&mut self, most: usize) -> Vec<u8> {
        let mut bytes = vec![0; self.rng.random_range(0..=most)];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Bytes that are cut off somewhere, or have a bit flipped: never as they were, and random ones where there is
    /// nothing to damage.
    fn damaged(&mut self, bytes: &[u8]) -> Vec<u8> {
        if bytes.is_empty() {
            return self.noise(300);
        }
        let at = self.rng.random_range(0..bytes.len());
        if self.rng.random_bool(0.5) {
            return bytes[..at].to_vec();
        }
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << self.rng.random_range(0..8);
        bytes
    }
}

fn any<T: Clone>(rng: &mut SmallRng, of: &VecDeque<T>) -> Option<T> {
    (!of.is_empty()).then(|| of[rng.random_range(0..of.len())].clone())
}

impl World {
    /// Does something, and again a little later.
    pub(crate) fn meddle(&mut self) {
        let Some(mut outsider) = self.outsider.take() else { return };
        let gap = self.plan.faults_end / outsider.habits.times;
        let gap = gap.mul_f64(outsider.rng.random_range(0.1..1.9));
        self.after(gap, Event::Meddle);
        let reached: Vec<usize> = (0..self.processes.len()).filter(|n| self.is_reached_by_the_liar(*n)).collect();
        if !reached.is_empty() {
            let to = *pick(&mut outsider.rng, &reached);
            match outsider.rng.random_range(0..10) {
                0..=4 => self.cast_at(to, &mut outsider),
                5..=7 => self.knock_at(to, &mut outsider),
                _ => self.break_in(&mut outsider),
            }
        }
        self.outsider = Some(outsider);
    }

    /// The lies of a host that knows everything.
    fn lie_in_plain_text(&self, to: usize, outsider: &mut Outsider) -> Vec<u8> {
        let timing = self.plan.timing;
        let endpoint = if outsider.rng.random_bool(0.5) { self.processes[to].endpoint } else { Liar::home() };
        let mut lies = Lies { rng: &mut outsider.rng, processes: &self.processes, level: Level::Stranger, timing };
        let (contact, message) = lies.datagram(to, endpoint);
        let as_datagram = lies.rng.random_bool(0.5);
        let closed = self.closed.as_ref().expect("outsiders are of closed groups");
        if as_datagram {
            return closed.community.encode(&message);
        }
        let said = lies.message(to, &contact.id, endpoint).unwrap_or(message);
        [text_of(&said), text_of(&Message::Hello(self.processes[to].hello(Some(&own_name(endpoint)))))].concat()
    }

    fn cast_at(&mut self, to: usize, outsider: &mut Outsider) {
        let closed = self.closed.as_ref().expect("outsiders are of closed groups");
        let recorded = any(&mut outsider.rng, &closed.overheard.datagrams);
        let replays = outsider.habits.disturbs;
        let bytes = match (outsider.rng.random_range(0..5), recorded) {
            (0, Some(recorded)) if replays => recorded.to_vec(),
            (1 | 2, Some(recorded)) => outsider.damaged(&recorded),
            (3, _) => {
                let text = self.lie_in_plain_text(to, outsider);
                outsider.other.seal_datagram(outsider.rng.random(), &text)
            }
            (4, _) => outsider.noise(300),
            _ => self.lie_in_plain_text(to, outsider),
        };
        let is_recording = was_sealed(self, &bytes);
        let from = self.processes[to].endpoint.ip();
        if self.hear(to, from, Datagram::Bytes(bytes.into())) && !is_recording {
            let who = self.processes[to].id();
            self.fail(Err(format!("closed group: the core of {who} hears one without the key")));
        }
    }

    /// Connects, shows what it has instead of a key, and goes on with anything.
    fn knock_at(&mut self, to: usize, outsider: &mut Outsider) {
        let closed = self.closed.as_ref().expect("outsiders are of closed groups");
        let recorded = any(&mut outsider.rng, &closed.overheard.firsts);
        let records = any(&mut outsider.rng, &closed.overheard.records);
        let (mut first, kind) = ([0; HANDSHAKE_BYTES], outsider.rng.random_range(0..4));
        match (kind, recorded) {
            (0 | 1, Some(recorded)) => first = recorded,
            (2, _) => first = outsider.other.dial().1,
            _ => outsider.rng.fill_bytes(&mut first),
        }
        let Ok((_, mut session)) = closed.keys.answer(&first) else { return };
        let bytes = match (outsider.rng.random_range(0..3), records) {
            (0 | 1, Some(records)) => records.to_vec(),
            (2, _) => self.lie_in_plain_text(to, outsider),
            _ => outsider.noise(300),
        };
        session.opener.put(&bytes);
        let mut text = vec![0; bytes.len()];
        let heard = matches!(session.opener.next_text(|length| &mut text[..length]), Ok(Some(_)));
        if heard || recorded.is_none_or(|recorded| recorded != first) {
            let who = self.processes[to].id();
            self.fail(Err(format!("closed group: {who} takes one without the key for one of its own")));
        }
    }

    /// Drops, repeats, moves or changes what is under way on a connection, adds something, or cuts it off.
    fn break_in(&mut self, outsider: &mut Outsider) {
        let writable = self.connections.iter().filter(|(_, c)| c.writable && !c.pipe.is_empty()).map(|(id, _)| *id);
        let ids: Vec<u64> = writable.collect();
        if ids.is_empty() || !outsider.breaks_in {
            return;
        }
        let closed = self.closed.as_ref().expect("outsiders are of closed groups");
        let (id, kind) = (*pick(&mut outsider.rng, &ids), outsider.rng.random_range(0..6));
        let strange = any(&mut outsider.rng, &closed.overheard.records);
        let pipe = &mut self.connections.get_mut(&id).expect("just seen").pipe;
        let at = outsider.rng.random_range(0..pipe.len());
        let Item::Sealed(bytes) = pipe[at].clone() else { return };
        match (kind, strange) {
            (0, _) => return self.close(id),
            (1, _) => drop(pipe.remove(at)),
            (2, _) => pipe.insert(at, Item::Sealed(bytes)),
            (3, _) => pipe[at] = Item::Sealed(outsider.damaged(&bytes).into()),
            (4, Some(strange)) => pipe.insert(at, Item::Sealed(strange)),
            _ => pipe.insert(at, Item::Sealed(outsider.noise(300).into())),
        }
        // Additional items arrive, too.
        let last = self.connections[&id].last_arrival;
        self.at(last, Event::Arrive(id));
    }
}

/// Whether a holder of the key sent this datagram.
fn was_sealed(world: &World, bytes: &[u8]) -> bool {
    let overheard = world.closed.as_ref().map(|closed| &closed.overheard.datagrams);
    overheard.is_some_and(|datagrams| datagrams.iter().any(|datagram: &Arc<[u8]>| **datagram == *bytes))
}
