//! What no limit keeps is removed (docs/protocol.md, 10): a leader whose whole group has the same limits orders it, and
//! every peer removes it once that is delivered. A peer that asks for what was removed is told where the log begins.

use super::data::role::Role;
use super::data::view;
use super::effect::{Effect, Store};
use super::event::Event;
use super::peer::Peer;
use super::turn::Turn;
use crate::ids::{PeerId, Sequence, Term};
use crate::wire::{Base, Limits, Message};

impl Peer {
    /// docs/protocol.md, 10.1: a peer says with `JOIN` and `LOG_STATE` how much it is told to keep.
    pub(super) fn note_limits(&mut self, from: &PeerId, limits: Option<Limits>) {
        if let Some(known) = self.contacts.get_mut(from) {
            known.limits = limits;
        }
    }

    /// docs/protocol.md, 10.1: followers of this leader that are told to keep another amount. While there is one
    /// nothing goes: a peer that was started with a wrong limit must not remove the rows of others.
    fn other_limits(&self) -> Vec<(PeerId, Option<Limits>)> {
        let Some(leading) = self.leading() else { return Vec::new() };
        let of = |id: &PeerId| self.contacts.get(id).and_then(|known| known.limits);
        let others = leading.followers.keys().filter(|id| of(id) != self.settings.limits);
        others.map(|id| (id.clone(), of(id))).collect()
    }

    /// docs/protocol.md, 10.1: says once which peers of this leader's are told to keep another amount.
    pub(super) fn compare_limits(&mut self, turn: &mut Turn) {
        let others = self.other_limits();
        if self.notices.limits != others {
            self.notices.limits.clone_from(&others);
            if !others.is_empty() {
                turn.tell(Event::OtherLimits { own: self.settings.limits, peers: others });
            }
        }
    }

    /// docs/protocol.md, 10.2: a leader asks its storage from time to time what the limits no longer keep. The storage
    /// alone knows the times of readings and the sizes of files.
    pub(super) fn look_for_old(&mut self, turn: &mut Turn) {
        if self.settings.limits.is_none() {
            return;
        }
        let every = self.settings.survey_every;
        let Role::Leader(leading) = &mut self.role else { return };
        if turn.now >= leading.survey_at {
            leading.survey_at = turn.now + every;
            turn.store(Store::Survey);
        }
    }

    /// docs/protocol.md, 10.2: the storage says up to where no limit keeps the log. It is only noted here: the next
    /// batch says it to all, so that all remove the same rows.
    pub(super) fn on_surveyed(&mut self, to: Sequence) {
        let base = self.log.base();
        if let Role::Leader(leading) = &mut self.role {
            leading.keep = (to > base).then_some(to + 1);
        }
    }

    /// docs/protocol.md, 10.2: the first sequence to keep, for the next batch to say. What goes is delivered here,
    /// every follower has stored it, and all of them have the same limits: then nobody has to ask for what is gone.
    pub(super) fn keep_to_order(&self) -> Option<Sequence> {
        let leading = self.leading()?;
        let first = leading.keep?;
        let is_everywhere = leading.followers.values().all(|follower| follower.has_stored(first - 1));
        let is_delivered = first <= self.delivery.up_to.min(self.log.committed()) + 1;
        let may_go = first > self.log.base() + 1 && is_everywhere && is_delivered && self.other_limits().is_empty();
        may_go.then_some(first)
    }

    /// docs/protocol.md, 10.3: a batch that says where the log begins is committed, so what is before goes, at a peer with
    /// limits. A follower that was still served from there is told where the log begins, or served after what it has stored.
    pub(super) fn remove_old(&mut self, turn: &mut Turn) {
        let Some(base) = self.log.take_keep().map(|first| first - 1) else { return };
        if self.settings.limits.is_none() || base <= self.log.base() {
            return;
        }
        self.log.remove(base);
        turn.store(Store::Remove { to: base });
        let Role::Leader(leading) = &mut self.role else { return };
        for (to, follower) in &mut leading.followers {
            if follower.needs(base) {
                follower.ask_for_base(follower.stored + 1);
                turn.store(Store::SayBase { to: to.clone(), term: leading.term.clone() });
            } else if let Some(serve) = follower.skip_removed(base, &leading.term, &self.log) {
                turn.out.push(Effect::Serve { to: to.clone(), serve });
            }
        }
    }

    /// docs/protocol.md, 10.4, 10.5: the storage has removed whole batches only, wherever a leader said that the log
    /// begins; or nothing, if what has to be remembered would be too much. A follower that asked for what is still
    /// there is served from there: nothing else would come for it.
    pub(super) fn on_removed(&mut self, asked: Sequence, base: Sequence, turn: &mut Turn) {
        if asked != self.log.base() {
            return;
        }
        self.log.remove(base);
        let Role::Leader(leading) = &mut self.role else { return };
        for (to, follower) in &mut leading.followers {
            if let Some(serve) = follower.begin_where_asked(base, &leading.term, &self.log) {
                turn.out.push(Effect::Serve { to: to.clone(), serve });
            }
        }
    }

    /// docs/protocol.md, 10.5: what this peer asked for was removed everywhere. Its log is a part of what went, so it takes
    /// the beginning as told, and asks for what follows.
    pub(super) fn on_base(&mut self, from: &PeerId, term: &Term, base: &Base, turn: &mut Turn) {
        let Some(recovering) = self.serves_this(from, term, turn) else { return };
        if base.last <= self.log.last() {
            // What it asked for came before it was removed. It is served again once it says how far it is.
            return self.fetch_on(from, term, recovering, turn);
        }
        let agreed = view::common_prefix(&base.runs, base.last, self.log.runs(), self.log.last());
        let follows = base.runs.last().is_some_and(|(last, _)| last <= term);
        if agreed < self.log.last() || !follows {
            let what = "sent the beginning of another log";
            turn.tell(Event::Misbehaved { peer: from.clone(), what, at: base.last });
            return self.turn_away(from, turn);
        }
        self.log.begin_after(base);
        for range in &base.origins {
            self.pending.committed(range);
        }
        turn.store(Store::Begin(base.clone()));
        self.settle(turn);
        self.fetch_on(from, term, recovering, turn);
        if recovering {
            return self.lead_when_recovered(turn);
        }
        self.pump(turn);
    }

    /// docs/protocol.md, 10.5: asks for what follows, of the peer that serves the log: the owner of the best one while
    /// this peer recovers, its leader otherwise.
    fn fetch_on(&mut self, from: &PeerId, term: &Term, recovering: bool, turn: &mut Turn) {
        if recovering {
            turn.say(from, Message::Fetch { term: term.clone(), from: self.log.last() + 1 });
        } else {
            self.fetch(turn);
        }
    }
}

#[cfg(test)]
mod tests;
