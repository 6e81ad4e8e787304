//! What a peer stores, and the readings of its sensors.

use std::fmt::Write;

use peer::ids::PeerId;
use peer::protocol::{Done, Input, State, Store};
use peer::wire::{Lines, Message};

use crate::cast::{Actor, Cast};

impl Cast {
    pub(crate) fn hand_over(&mut self, who: &PeerId, store: Store) {
        let actor = self.actors.get_mut(who).expect("it started");
        let tail = actor.storage.tail();
        let mut tail = tail.lock().expect("no holder of the lock panics");
        match &store {
            Store::Append(frame) => tail.push(frame.clone()),
            Store::Cut { to, .. } => tail.cut(*to),
            Store::Begin(base) => tail.begin_after(base.last),
            _ => {}
        }
        actor.work.push_back(store);
    }

    /// The storage does all that waits, and reports; what waited for it goes out.
    pub(crate) fn stored(&mut self, who: &PeerId) -> String {
        let actor = self.actors.get_mut(who).expect("it started");
        let (mut dones, mut says) = (Vec::new(), Vec::new());
        for store in std::mem::take(&mut actor.work) {
            if let Store::SayBase { to, term } = store {
                let base = actor.storage.told_base().expect("a disk in memory").expect("something was removed");
                says.push((to, Message::Base { term, base }));
            } else if let Store::Say { to, message } = store {
                dones.extend(Done::said(&message));
                says.push((to, message));
            } else {
                dones.extend(execute(actor, store));
            }
        }
        actor.storage.flush().expect("a disk in memory");
        for (to, message) in says {
            self.post(who, &to, message);
        }
        self.step(who, Input::Stored(dones))
    }

    pub(crate) fn measure(&mut self, who: &PeerId, readings: u64) -> String {
        let actor = self.actors.get_mut(who).expect("it started");
        let mut text = String::new();
        for n in actor.measured + 1..=actor.measured + readings {
            writeln!(text, "DATA|{who}-t|2013-01-01T06:00:00Z|{n}.5||").expect("a string takes all");
        }
        actor.measured += readings;
        self.step(who, Input::Readings(Lines::new(text.into_bytes(), readings)))
    }
}

fn execute(actor: &mut Actor, store: Store) -> Vec<Done> {
    let storage = &mut actor.storage;
    let failed = "a disk in memory";
    match store {
        Store::State(State { promised, synced, needs }) => {
            storage.save_state(promised.as_ref(), synced.as_ref(), needs).expect(failed);
            Vec::new()
        }
        Store::Append(frame) => {
            storage.append(&frame).expect(failed);
            vec![Done::Appended { last: frame.last() }]
        }
        Store::Keep(request) => {
            storage.keep(&request).expect(failed);
            Vec::new()
        }
        Store::Cut { to, state: State { promised, synced, needs } } => {
            let returned = storage.cut(to, promised.as_ref(), synced.as_ref(), needs).expect(failed);
            vec![Done::Cut { to, returned }]
        }
        Store::Deliver { up_to } => {
            storage.deliver(up_to).expect(failed);
            vec![Done::Delivered { up_to }]
        }
        Store::Recall(range) => storage.recall(&range).expect(failed).into_iter().map(Done::Recalled).collect(),
        Store::Survey => {
            storage.survey(actor.limits.expect("it has some"), None);
            let mut dones = Vec::new();
            while storage.is_surveying() {
                dones.extend(storage.survey_step().expect(failed).map(|to| Done::Surveyed { to }));
            }
            dones
        }
        Store::Remove { to } => {
            storage.remove(to);
            storage.finish_removals().expect(failed);
            storage.take_removed().into_iter().map(Done::from).collect()
        }
        Store::Begin(base) => {
            storage.begin_after(&base).expect(failed);
            vec![Done::Appended { last: base.last }, Done::Delivered { up_to: base.last }]
        }
        Store::SayBase { .. } | Store::Say { .. } => unreachable!("said by the caller"),
    }
}
