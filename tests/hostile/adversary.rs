//! The adversary: a name, a listener that answers as it likes, a socket for the discovery port, and connections to
//! anybody.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use peer::ids::{PeerId, Term};
use peer::wire::{
    Belongs, Community, Contact, Hello, Here, Leadership, Message, RunList, Seat, TermStart, Timing, Token, ViewChange,
    PROTOCOL_VERSION,
};

use super::ears::{self, Answer, Conduct, Ears};
use super::harness::Peer;
use super::link::Link;

/// A number close to the highest that is read: no count of anything comes near.
pub(crate) const HUGE: u64 = (1 << 62) - (1 << 32);

/// An address where nobody listens: to listen there takes rights that a test does not need.
pub(crate) const NOWHERE: &str = "127.0.0.1:1";

const GROUP: &str = "sensors";

pub(crate) struct Adversary {
    pub(crate) me: Contact,
    pub(crate) ears: Arc<Ears>,
    quorum: Option<u32>,
    voice: UdpSocket,
    discovery: SocketAddr,
    listening: Option<JoinHandle<()>>,
}

/// Lives of adversaries differ, so that no peer takes one for another of the same name.
static LIVES: AtomicU64 = AtomicU64::new(1_000);

pub(crate) fn peer_id(id: &str) -> PeerId {
    id.parse().expect("a name")
}

impl Adversary {
    /// An adversary that speaks on this discovery port, listens, and tells the truth about itself.
    pub(crate) fn new(id: &str, broadcast_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let endpoint = listener.local_addr().expect("bound");
        let incarnation = LIVES.fetch_add(1, Ordering::Relaxed);
        let me = Contact { id: peer_id(id), priority: 0, incarnation, endpoint };
        let ears = Arc::new(Ears::new(here(me.clone(), Belongs::Nowhere)));
        let voice = UdpSocket::bind("127.0.0.1:0").expect("loopback");
        voice.set_broadcast(true).expect("a datagram socket");
        let hears = Arc::clone(&ears);
        let listening = Some(thread::spawn(move || hears.listen(&listener)));
        let discovery = SocketAddr::from(([127, 255, 255, 255], broadcast_port));
        Self { me, ears, quorum: None, voice, discovery, listening }
    }

    pub(crate) fn with_quorum(mut self, quorum: Option<u32>) -> Self {
        self.quorum = quorum;
        self
    }

    /// Broadcasts bytes. A flood is more than sockets hold, so losses do not matter.
    pub(crate) fn cast_raw(&self, bytes: &[u8]) {
        let _ = self.voice.send_to(bytes, self.discovery);
    }

    pub(crate) fn cast(&self, message: &Message) {
        self.cast_for(self.quorum, message);
    }

    /// Broadcasts as a peer of a group with this quorum.
    pub(crate) fn cast_for(&self, quorum: Option<u32>, message: &Message) {
        self.cast_raw(&datagram(quorum, message));
    }

    /// The datagram for this message.
    pub(crate) fn datagram(&self, message: &Message) -> Vec<u8> {
        datagram(self.quorum, message)
    }

    pub(crate) fn hello(&self, as_whom: &Contact, addressee: Option<&str>) -> Message {
        Message::Hello(Hello {
            version: PROTOCOL_VERSION,
            group: GROUP.to_owned(),
            quorum: self.quorum,
            peer: as_whom.id.clone(),
            incarnation: as_whom.incarnation,
            endpoint: as_whom.endpoint,
            addressee: addressee.map(peer_id),
            token: Token(as_whom.incarnation),
        })
    }

    /// A connection under its own name, which is proven once the peer has asked back.
    pub(crate) fn dial(&self, to: &Peer) -> Link {
        self.dial_as(&self.me, to)
    }

    /// A connection under another's name.
    pub(crate) fn dial_as(&self, whom: &Contact, to: &Peer) -> Link {
        let link = Link::to(&to.address());
        link.say(&self.hello(whom, Some(&to.id)));
        link
    }

    /// Asks a peer who it is, and may add a hint.
    pub(crate) fn ask(&self, to: &Peer, hint: Option<&Message>) -> Here {
        let link = Link::to(&to.address());
        link.say(&self.hello(&self.me, None));
        if let Some(hint) = hint {
            link.say(hint);
        }
        link.say(&Message::Who { nonce: Token(7), dialled: None });
        match link.hear() {
            Some(Message::Here(here)) => *here,
            other => panic!("{} answered {other:?}", to.id),
        }
    }

    /// The view of a peer that leads.
    pub(crate) fn view_of(&self, leader: &Peer) -> ViewChange {
        match self.ask(leader, None).belongs {
            Belongs::Leads(view) => view,
            other => panic!("{} leads nobody: {other:?}", leader.id),
        }
    }

    /// Becomes a member as an honest peer does. Returns the link that it speaks on.
    pub(crate) fn join(&self, leader: &Peer) -> Link {
        self.ears.set_conduct(Conduct::Faithful);
        let link = self.dial(leader);
        self.ears.set_mouth(link.clone());
        link.say(&Message::Join { promised: None, priority: 0, runs: RunList::new(), last: 0, limits: None });
        let me = self.me.id.clone();
        self.ears.wait("that it is a member", |message| match message {
            Message::ViewChange(view) if view.members.contains_key(&me) => Some(()),
            _ => None,
        });
        link
    }

    /// What the leader of many members, with a long log, says of itself.
    pub(crate) fn leadership(&self, counter: u64) -> Leadership {
        Leadership { term: term(counter, &self.me), leader: self.me.clone(), size: 99, last: 999 }
    }

    /// A view that it leads, with many members that do not exist.
    pub(crate) fn view(&self, counter: u64) -> ViewChange {
        view(counter, &self.me)
    }
}

fn datagram(quorum: Option<u32>, message: &Message) -> Vec<u8> {
    Community { group: GROUP.to_owned(), quorum }.encode(message)
}

pub(crate) fn term(counter: u64, leader: &Contact) -> Term {
    Term { counter, leader: leader.id.clone(), incarnation: leader.incarnation }
}

/// A view with many members that do not exist.
pub(crate) fn view(counter: u64, leader: &Contact) -> ViewChange {
    let Contact { priority, incarnation, endpoint, .. } = *leader;
    let seat = Seat { priority, incarnation, endpoint };
    let mut members: std::collections::BTreeMap<PeerId, Seat> =
        (0..98).map(|number| (peer_id(&format!("ghost{number}")), seat.clone())).collect();
    members.insert(leader.id.clone(), seat);
    let timing = Timing {
        heartbeat_interval: Duration::from_millis(500),
        heartbeat_timeout: Duration::from_secs(2),
        election_timeout: Duration::from_millis(500),
    };
    let start = TermStart { runs: vec![(term(1, leader), 1)], last: 999 };
    ViewChange { term: term(counter, leader), change: 9, members, timing, start }
}

/// `HERE`: this contact listens, made every connection, and belongs to a group in this way.
pub(crate) fn here(contact: Contact, belongs: Belongs) -> Answer {
    let answer = Here { nonce: Token(0), contact, seeking: false, serves: true, dialled: true, belongs };
    Box::new(move |asked| ears::bytes(&Message::Here(Box::new(Here { nonce: asked.nonce, ..answer.clone() }))))
}

impl Drop for Adversary {
    fn drop(&mut self) {
        self.ears.close();
        if let Some(listening) = self.listening.take() {
            // It only accepts.
            let _ = listening.join();
        }
    }
}
