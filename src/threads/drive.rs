//! One step of the core: lock, read the clock once, step, hand the effects on, unlock; then whatever may take a moment.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use log::Level;

use super::link::Link;
use super::listener::Word;
use super::node::{lock, Node};
use super::storage::Work;
use crate::ids::PeerId;
use crate::protocol::{Alarm, Answer, Effect, Input, Peer, Store};
use crate::wire::{Message, Token};

/// What is done after the core is unlocked.
#[derive(Default)]
struct Afterwards {
    datagrams: Vec<Message>,
    /// Links that something was put into.
    links: Vec<Arc<Link>>,
    /// Questions that there is no room for.
    unasked: Vec<(Token, SocketAddr)>,
}

impl Node {
    /// Tells the core what happened, and does what it asks for.
    pub(super) fn step(self: &Arc<Self>, input: Input) {
        if log::log_enabled!(Level::Trace) {
            log::trace!("<- {input:?}");
        }
        let (mut effects, mut afterwards) = (Vec::new(), Afterwards::default());
        let mut core = lock(&self.core);
        if let Input::LinkUp { peer } = &input {
            // With the core locked, so that nothing comes in between.
            if let Some(link) = self.link(peer) {
                link.renewed();
            }
        }
        core.step(self.now(), input, &mut effects);
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
        for link in afterwards.links {
            link.pump(self);
        }
        self.voice.write(&self.complaints);
        for message in &afterwards.datagrams {
            self.broadcast(message);
        }
        for (nonce, from) in afterwards.unasked {
            self.step(Input::Answered { nonce, from, answer: Answer::Silent });
        }
    }

    /// Hands an effect to the thread that carries it out. Nothing here blocks.
    fn hand_on(self: &Arc<Self>, core: &Peer, effect: Effect, afterwards: &mut Afterwards) {
        if log::log_enabled!(Level::Trace) {
            log::trace!("-> {effect:?}");
        }
        match effect {
            Effect::Send { to, message } => {
                if let Some(link) = self.put(&to, message) {
                    afterwards.touch(link);
                }
            }
            Effect::Serve { to, serve } => {
                if let Some(link) = self.link(&to) {
                    link.serve(serve);
                    afterwards.touch(link);
                }
            }
            Effect::Broadcast(message) => afterwards.datagrams.push(message),
            Effect::Call(call) => {
                let asked = (call.question.nonce, call.to);
                if !self.call(call, core.hello(None)) {
                    afterwards.unasked.push(asked);
                }
            }
            Effect::Ask(question) => self.askers.iter().for_each(|asker| asker.ask(&question, core.hello(None))),
            Effect::Answer { connection, message } => {
                self.porter.bring(connection, Word::Answer(message));
            }
            Effect::Redial { peer } => {
                if let Some(link) = self.link(&peer) {
                    link.redial();
                }
            }
            Effect::Close { peer } => {
                let link = self.links.write().unwrap_or_else(PoisonError::into_inner).remove(&peer);
                if let Some(link) = link {
                    link.close();
                }
            }
            Effect::Admit { connection, verdict } => {
                self.porter.bring(connection, Word::Verdict(verdict));
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
            _ => {}
        }
        // Without its storage the peer is ending.
        let _ = self.storage.send(Work::Store(store));
    }

    /// Puts a message into the link to a peer; a new link has a thread of its own. Returns the link to be pumped.
    fn put(self: &Arc<Self>, to: &PeerId, mut message: Message) -> Option<Arc<Link>> {
        loop {
            let link = self.link(to).or_else(|| self.new_link(to))?;
            match link.put(message) {
                None => return Some(link),
                // It ended just now. One that did is not among the links any more.
                Some(back) => message = back,
            }
        }
    }

    fn new_link(self: &Arc<Self>, peer: &PeerId) -> Option<Arc<Link>> {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        let most = self.peers_max;
        if links.len() >= most {
            let text = format!("More than {most} peers to talk to; what is for others is dropped");
            self.complaints.warn("too_many_peers", &text);
            return None;
        }
        if let Some(link) = links.get(peer) {
            return Some(Arc::clone(link));
        }
        // Without a thread there is no link, and what was to be said is lost as on a connection that breaks.
        let link = Link::start(self, peer)?;
        links.insert(peer.clone(), Arc::clone(&link));
        Some(link)
    }

    /// Ends a link, if it is `over`, and its thread with it; the next message makes a new one.
    /// Returns whether it was the present link to its peer, and is no more.
    pub(super) fn retire(&self, link: &Arc<Link>, over: impl FnOnce(&Link) -> bool) -> bool {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        if !over(link) || !links.get(&link.peer).is_some_and(|present| Arc::ptr_eq(present, link)) {
            return false;
        }
        links.remove(&link.peer);
        link.close();
        true
    }

    /// Hands a message to a link from outside a step.
    pub(super) fn send(self: &Arc<Self>, to: &PeerId, message: Message) {
        if let Some(link) = self.put(to, message) {
            link.pump(self);
        }
    }
}

impl Afterwards {
    fn touch(&mut self, link: Arc<Link>) {
        if !self.links.iter().any(|known| Arc::ptr_eq(known, &link)) {
            self.links.push(link);
        }
    }
}
