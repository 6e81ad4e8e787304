//! One turn of the core: the time at which something happened, and its effects.

use super::effect::{Effect, Effects, Store};
use super::event::Event;
use super::input::Time;
use crate::ids::PeerId;
use crate::wire::Message;

#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Time,
    pub(super) out: &'a mut Effects,
}

impl Turn<'_> {
    /// Hands a message to its link now.
    pub(super) fn send(&mut self, to: &PeerId, message: Message) {
        self.out.push(Effect::Send { to: to.clone(), message });
    }

    /// Hands a message to its link once all that was given to the storage before is stored.
    pub(super) fn say(&mut self, to: &PeerId, message: Message) {
        self.store(Store::Say { to: to.clone(), message });
    }

    pub(super) fn store(&mut self, what: Store) {
        self.out.push(Effect::Store(what));
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.out.push(Effect::Tell(event));
    }
}
