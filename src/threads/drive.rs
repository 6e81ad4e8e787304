//! One step of the core: lock, read the clock once, step, hand the effects on, unlock; then everything that may take a
//! moment.

use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use super::inbox::StorageItem;
use super::link::{Fate, Link};
use super::lock::{lock, write};
use super::node::Node;
use super::porter::Word;
use super::talk::News;
use super::{caller, discovery, writer};
use crate::ids::PeerId;
use crate::protocol::{Alarm, Call, Effect, Input, Peer, Store};
use crate::storage::StorageError;
use crate::wire::{Hello, Message};

/// What is done after the core is unlocked: threads are started, lines and connections written.
#[derive(Default)]
struct Afterwards {
    /// The effects, as lines at `trace`.
    effects: Vec<String>,
    /// What the peer is, where that is new.
    news: Option<News>,
    /// Links that forgot what waited.
    forgot: Vec<Arc<Link>>,
    /// There were too many to make another.
    too_many_links: bool,
    /// Links that something was put into.
    links: Vec<Arc<Link>>,
    datagrams: Vec<Message>,
    calls: Vec<(Call, Hello)>,
}

impl Node {
    /// Tells the core what happened, and does what it asks for.
    pub(super) fn step(self: &Arc<Self>, input: Input) {
        self.takes_in(input);
    }

    /// The same. Returns whether readings were taken in. A peer that stops takes none.
    pub(super) fn takes_in(self: &Arc<Self>, input: Input) -> bool {
        if log::log_enabled!(Level::Trace) {
            log::trace!("<- {input:?}");
        }
        let (mut effects, mut afterwards) = (Vec::new(), Afterwards::default());
        let mut core = lock(&self.core);
        if let Input::LinkUp { peer } = &input {
            // The core is still locked, so that nothing comes in between.
            if let Some(link) = self.link(peer) {
                link.renewed();
            }
        }
        let takes = matches!(input, Input::Readings(_));
        let before = core.taken();
        let now = self.now();
        core.step(now, input, &mut effects);
        afterwards.news = self.stood.news(&core, now);
        let more = core.taken() > before;
        if takes {
            self.counts.taken(core.taken(), Instant::now());
        }
        self.counts.committed(|| core.first_pending());
        for effect in effects {
            self.hand_on(&core, effect, &mut afterwards);
        }
        for alarm in Alarm::ALL {
            self.bell(alarm).set(core.deadline(alarm));
        }
        if core.keeps_up() {
            self.room.notify_all();
        }
        drop(core);
        self.finish(afterwards);
        takes && more
    }

    fn finish(self: &Arc<Self>, afterwards: Afterwards) {
        let Afterwards { effects, news, forgot, too_many_links, links, datagrams, calls } = afterwards;
        for effect in effects {
            log::trace!("-> {effect}");
        }
        if let Some(news) = news {
            news.log();
        }
        for link in forgot {
            link.tell_forgotten();
        }
        for link in links {
            if !link.pump(&self.log) {
                writer::rouse(self, &link);
            }
        }
        for (call, hello) in calls {
            caller::call(self, call, hello);
        }
        if too_many_links {
            let text = format!("More than {} peers to talk to; what is for others is dropped", self.peers_max);
            self.complaints.warn("too_many_peers", &text);
        }
        self.voice.write(&self.complaints);
        for message in &datagrams {
            discovery::broadcast(self, message);
        }
    }

    /// Hands an effect to the thread that carries it out. Nothing here blocks.
    fn hand_on(&self, core: &Peer, effect: Effect, afterwards: &mut Afterwards) {
        if log::log_enabled!(Level::Trace) {
            afterwards.effects.push(format!("{effect:?}"));
        }
        match effect {
            Effect::Send { to, message } => {
                self.put(&to, message, afterwards);
            }
            Effect::Serve { to, serve } => {
                if let Some(link) = self.link(&to) {
                    link.serve(serve);
                    afterwards.touch(link);
                }
            }
            Effect::Broadcast(message) => afterwards.datagrams.push(message),
            Effect::Call(call) => afterwards.calls.push((call, core.hello(None))),
            Effect::Ask(question) => self.askers.iter().for_each(|asker| asker.ask(&question, core.hello(None))),
            Effect::Answer { connection, message } => {
                self.porter.bring(connection, Word::Answer(message));
            }
            Effect::Redial { peer } => {
                if let Some(link) = self.link(&peer) {
                    link.redial();
                    afterwards.touch(link);
                }
            }
            Effect::Close { peer } => {
                if let Some(link) = write(&self.links).remove(&peer) {
                    link.close();
                }
            }
            Effect::Admit { connection, admission } => {
                self.porter.bring(connection, Word::Admission(admission));
            }
            Effect::Drop { connection } => {
                if !self.shut(connection) {
                    self.porter.bring(connection, Word::Drop);
                }
            }
            Effect::Store(store) => self.hand_to_storage(store),
            Effect::Tell(event) => self.voice.put(event),
            Effect::Exit(exit) => {
                // The first reason counts; nobody listens for a second.
                let _ = self.exit.try_send(exit);
            }
        }
    }

    fn hand_to_storage(&self, store: Store) {
        match &store {
            // Links may send a batch while it is being stored, and must not send what was cut.
            Store::Append(frame) => lock(&self.tail).push(frame.clone()),
            Store::Cut { to, .. } => lock(&self.tail).cut(*to),
            Store::Begin(base) => lock(&self.tail).begin_after(base.last),
            _ => {}
        }
        // Without its storage the peer is ending.
        let _ = self.storage.send(StorageItem::Store(store));
    }

    /// Puts a message into the link to a peer, perhaps a new one.
    fn put(&self, to: &PeerId, mut message: Message, afterwards: &mut Afterwards) {
        while let Some(link) = self.link(to).or_else(|| self.new_link(to, afterwards)) {
            match link.put(message) {
                Fate::Waits => return afterwards.touch(link),
                Fate::Forgotten => {
                    afterwards.forgot.push(Arc::clone(&link));
                    return afterwards.touch(link);
                }
                // The link ended just now, and is no longer among the links.
                Fate::Back(back) => message = back,
            }
        }
    }

    fn new_link(&self, peer: &PeerId, afterwards: &mut Afterwards) -> Option<Arc<Link>> {
        let mut links = write(&self.links);
        let full = links.len() >= self.peers_max;
        match links.entry(peer.clone()) {
            // Another thread made it just now.
            Entry::Occupied(entry) => Some(Arc::clone(entry.get())),
            Entry::Vacant(_) if full => {
                afterwards.too_many_links = true;
                None
            }
            Entry::Vacant(entry) => Some(Arc::clone(entry.insert(Arc::new(Link::new(peer.clone()))))),
        }
    }

    /// Hands a message to a link from outside a step.
    pub(super) fn send(self: &Arc<Self>, to: &PeerId, message: Message) {
        let mut afterwards = Afterwards::default();
        self.put(to, message, &mut afterwards);
        self.finish(afterwards);
    }

    /// The disk failed, in writing or in reading: a peer with half of its data is of no use.
    pub(super) fn disk_failed(self: &Arc<Self>, error: &StorageError) {
        lock(&self.failure).get_or_insert_with(|| error.to_string());
        self.step(Input::DiskFailed);
    }
}

impl Afterwards {
    fn touch(&mut self, link: Arc<Link>) {
        if !self.links.iter().any(|known| Arc::ptr_eq(known, &link)) {
            self.links.push(link);
        }
    }
}

#[cfg(test)]
mod tests;
