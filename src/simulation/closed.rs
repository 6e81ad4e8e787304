//! A closed group: what honest processes say goes over the virtual network sealed, and is opened as in the daemon. Keys
//! are drawn from the system's generator, so no two runs have the same bytes, but nothing that happens depends on them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::ids::{Incarnation, PeerId};
use crate::keys::datagram::{is_sealed, Windows};
use crate::keys::session::{Opener, Sealer, HANDSHAKE_BYTES, RECORD_BYTES_MAX};
use crate::keys::{file, Key, Keys};
use crate::net::announced;
use crate::protocol::{Input, Question};
use crate::simulation::network::{Datagram, Item};
use crate::simulation::sabotage::Sabotage;
use crate::simulation::world::World;
use crate::wire::{encode, Community, Decoder, Hello, Leadership, Message};

pub(crate) struct Closed {
    pub keys: Keys,
    pub community: Community,
    /// By process.
    hearing: BTreeMap<usize, Hearing>,
    /// Datagrams sealed.
    sealed: u64,
    /// What was sent and anybody could hear.
    pub overheard: Overheard,
    /// A clock for sessions, which want one and ignore it within an hour.
    started: Instant,
}

/// What a process remembers of datagrams.
#[derive(Default)]
struct Hearing {
    windows: Windows,
    /// The datagrams that counted, to check that each does once.
    counted: BTreeSet<(PeerId, Incarnation, u64)>,
}

/// What an outsider can play back: the last of each kind.
#[derive(Default)]
pub(crate) struct Overheard {
    pub datagrams: VecDeque<Arc<[u8]>>,
    pub firsts: VecDeque<[u8; HANDSHAKE_BYTES]>,
    pub records: VecDeque<Arc<[u8]>>,
}

const OVERHEARD_MAX: usize = 64;

fn keep<T>(kept: &mut VecDeque<T>, new: T) {
    kept.push_back(new);
    if kept.len() > OVERHEARD_MAX {
        kept.pop_front();
    }
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Channel {
    sealer: Sealer,
    opener: Opener,
    /// Texts on their way.
    texts: VecDeque<Vec<u8>>,
    now: Instant,
}

/// Keys of two groups, made once as users make them.
fn keys() -> &'static [Key; 2] {
    static KEYS: OnceLock<[Key; 2]> = OnceLock::new();
    KEYS.get_or_init(|| {
        let temp = tempfile::tempdir().expect("a place for temporary files");
        ["own", "other"].map(|name| {
            let path = temp.path().join(name);
            file::create(&path).expect("a new file");
            file::read(&path).expect("a key").remove(0)
        })
    })
}

/// The keys of a peer of another group.
pub(crate) fn other_keys() -> Keys {
    Keys::new(&keys()[1..], "sensors")
}

pub(crate) fn text_of(message: &Message) -> Vec<u8> {
    let mut text = Vec::new();
    encode(message, &mut text);
    text
}

fn message_of(text: &[u8]) -> Message {
    let mut decoder = Decoder::new();
    decoder.put(text);
    decoder.next_message().expect("it was a message").expect("it was whole")
}

impl Closed {
    pub(crate) fn new(quorum: Option<usize>) -> Self {
        let quorum = quorum.map(|quorum| u32::try_from(quorum).expect("few hosts"));
        Self {
            keys: Keys::new(&keys()[..1], "sensors"),
            community: Community { group: "sensors".to_owned(), quorum },
            hearing: BTreeMap::new(),
            sealed: 0,
            overheard: Overheard::default(),
            started: Instant::now(),
        }
    }

    fn seal_datagram(&mut self, message: &Message) -> Arc<[u8]> {
        self.sealed += 1;
        let bytes: Arc<[u8]> = self.keys.seal_datagram(self.sealed, &self.community.encode(message)).into();
        keep(&mut self.overheard.datagrams, Arc::clone(&bytes));
        bytes
    }

    /// What a process reads in a datagram; an error where a datagram counts twice.
    fn open_datagram(&mut self, number: usize, bytes: &[u8], sabotage: Sabotage) -> Result<Option<Message>, String> {
        if !is_sealed(bytes) && sabotage == Sabotage::PlainTextHeard {
            return Ok(self.community.parse(bytes).ok());
        }
        let Some(opened) = self.keys.open_datagram(bytes) else { return Ok(None) };
        let message = self.community.parse(&opened.datagram).expect("who has the key says what can be read");
        let (Message::NewPeerRequest(sender) | Message::Leader(Leadership { leader: sender, .. })) = &message else {
            return Err(format!("{message:?} is no datagram"));
        };
        let hearing = self.hearing.entry(number).or_default();
        let is_new = hearing.windows.is_new(&sender.id, sender.incarnation, opened.counter);
        if !is_new && sabotage != Sabotage::ReplaysCount {
            return Ok(None);
        }
        if !hearing.counted.insert((sender.id.clone(), sender.incarnation, opened.counter)) {
            return Err(format!("closed group: a datagram of {} counts twice", sender.id));
        }
        Ok(Some(message))
    }

    /// Both directions of a new connection, the dialler's first.
    pub(crate) fn connect(&mut self) -> (Channel, Channel) {
        let (dialling, first) = self.keys.dial();
        let (answer, there) = self.keys.answer(&first).expect("the same key");
        let here = dialling.finish(&answer).expect("the same key");
        keep(&mut self.overheard.firsts, first);
        (Channel::new(here.sealer, there.opener, self.started), Channel::new(there.sealer, here.opener, self.started))
    }

    /// Passes a message through a connection.
    fn carry(&mut self, channel: &mut Channel, message: &Message) -> Message {
        let bytes = channel.seal(message);
        keep(&mut self.overheard.records, Arc::clone(&bytes));
        channel.open(&bytes).expect("nobody comes between").expect("all of it came")
    }
}

impl Channel {
    fn new(sealer: Sealer, opener: Opener, now: Instant) -> Self {
        Self { sealer, opener, texts: VecDeque::new(), now }
    }

    fn seal(&mut self, message: &Message) -> Arc<[u8]> {
        let (text, mut sealed) = (text_of(message), Vec::new());
        self.sealer.seal(&text, self.now, &mut sealed);
        self.texts.push_back(text);
        sealed.into()
    }

    /// The message that came; `None` where it is not whole or makes no sense; an error where it is not the one that was
    /// sent.
    fn open(&mut self, bytes: &[u8]) -> Result<Option<Message>, String> {
        self.opener.put(bytes);
        let (mut text, mut piece) = (Vec::new(), vec![0; RECORD_BYTES_MAX]);
        let sent = self.texts.pop_front().unwrap_or_default();
        while let Ok(Some(length)) = self.opener.next_text(|length| &mut piece[..length]) {
            text.extend_from_slice(&piece[..length]);
        }
        if text.is_empty() {
            return Ok(None);
        }
        if text != sent {
            return Err("closed group: a connection brings what was not sent next".to_owned());
        }
        Ok(Some(message_of(&text)))
    }
}

impl World {
    /// What a process broadcasts.
    pub(crate) fn datagram(&mut self, from: usize, message: &Message) -> Datagram {
        let message = announced(message.clone(), self.processes[from].endpoint.ip());
        match &mut self.closed {
            Some(closed) => Datagram::Bytes(closed.seal_datagram(&message)),
            None => Datagram::Open(message),
        }
    }

    /// A datagram comes to a process. Does it reach the core?
    pub(crate) fn hear(&mut self, number: usize, from: IpAddr, datagram: Datagram) -> bool {
        let message = match (datagram, &mut self.closed) {
            (Datagram::Open(message), _) => Ok(Some(message)),
            (Datagram::Bytes(bytes), Some(closed)) => closed.open_datagram(number, &bytes, self.sabotage),
            (Datagram::Bytes(_), None) => Ok(None),
        };
        match message {
            Ok(Some(message)) => self.step(number, Input::Datagram { from, message }),
            Ok(None) => return false,
            Err(why) => self.fail(Err(why)),
        }
        true
    }

    /// What is written to a connection, as it travels.
    pub(crate) fn sealed(&mut self, id: u64, item: Item) -> Item {
        let channel = self.connections.get_mut(&id).and_then(|connection| connection.channel.as_mut());
        let (Some(channel), Some(closed)) = (channel, &mut self.closed) else { return item };
        let message = match item {
            Item::Hello(hello) => Message::Hello(hello),
            Item::Message(message) => message,
            item => return item,
        };
        let bytes = channel.seal(&message);
        keep(&mut closed.overheard.records, Arc::clone(&bytes));
        Item::Sealed(bytes)
    }

    /// What the reader of a connection gets; `None`: it makes no sense.
    pub(crate) fn opened(&mut self, id: u64, item: Item) -> Option<Item> {
        let Item::Sealed(bytes) = item else { return Some(item) };
        let channel = self.connections.get_mut(&id)?.channel.as_mut()?;
        match channel.open(&bytes) {
            Ok(Some(Message::Hello(hello))) => Some(Item::Hello(hello)),
            Ok(message) => message.map(Item::Message),
            Err(why) => {
                self.fail(Err(why));
                None
            }
        }
    }

    /// A question as it comes out of its connection, and the channel for the answer.
    pub(crate) fn carry_question(&mut self, hello: Hello, question: Question) -> (Hello, Question, Option<Channel>) {
        let Some(closed) = &mut self.closed else { return (hello, question, None) };
        let (mut there, back) = closed.connect();
        let Message::Hello(hello) = closed.carry(&mut there, &Message::Hello(hello)) else {
            unreachable!("it was a greeting")
        };
        let hint = question.hint.map(|hint| closed.carry(&mut there, &hint));
        let who = Message::Who { nonce: question.nonce, dialled: question.dialled };
        let Message::Who { nonce, dialled } = closed.carry(&mut there, &who) else { unreachable!("it was a question") };
        (hello, Question { nonce, hint, dialled }, Some(back))
    }

    /// An answer as it comes back.
    pub(crate) fn carry_answer(&mut self, back: Option<Channel>, answer: Message) -> Message {
        match (&mut self.closed, back) {
            (Some(closed), Some(mut back)) => closed.carry(&mut back, &answer),
            _ => answer,
        }
    }
}
