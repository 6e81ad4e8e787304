//! The peers of a transcript: starts, ends, time and alarms.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use peer::ids::PeerId;
use peer::protocol::{Alarm, Call, ConnectionId, Effect, Found, Input, Peer, Secret, Settings, Store, Time};
use peer::storage::{LogReader, MemoryDisk, Options, Storage};
use peer::threads::outbox::Outbox;
use peer::wire::{Decoder, Limits, Message, Timing};

use crate::show;

/// How long a segment gets of a peer that does not keep everything.
const SEGMENT_BYTES: u64 = 200;

#[derive(Debug)]
pub(crate) struct Actor {
    pub peer: Peer,
    pub storage: Storage<MemoryDisk>,
    pub log: LogReader<MemoryDisk>,
    /// What the storage has still to do.
    pub work: VecDeque<Store>,
    /// What it sends of its log to each.
    pub serving: BTreeMap<PeerId, Outbox>,
    /// `--keep-bytes`
    pub limits: Option<Limits>,
    pub measured: u64,
    pub decoders: BTreeMap<u64, Decoder>,
}

#[derive(Debug, Default)]
pub(crate) struct Cast {
    pub now: Time,
    pub actors: BTreeMap<PeerId, Actor>,
    /// Messages under way, of each sender to each receiver.
    pub mail: BTreeMap<(PeerId, PeerId), VecDeque<Message>>,
    pub datagrams: BTreeMap<(PeerId, PeerId), VecDeque<Message>>,
    pub connections: BTreeMap<(PeerId, PeerId), ConnectionId>,
    /// Questions that are not carried out yet, and questions to strangers that wait for an answer.
    pub calls: VecDeque<(PeerId, Call)>,
    pub open: Vec<(PeerId, Call)>,
    /// The answer to the last question.
    pub answer: Option<Message>,
    /// Addresses of processes that are gone.
    pub gone: Vec<SocketAddr>,
    /// This peer reads nothing at present.
    pub deaf: Option<PeerId>,
}

impl Cast {
    /// Plays one input and the questions that it causes. Returns the text of the outcome.
    pub(crate) fn act(&mut self, command: &str, block: &str) -> String {
        let did = self.input(command, block);
        did + &self.ask()
    }

    fn input(&mut self, command: &str, block: &str) -> String {
        let words: Vec<&str> = command.split(' ').collect();
        let id = |text: &str| text.parse::<PeerId>().expect("a name");
        match words[..] {
            [who, "starts"] => self.start(&id(who), 0, None),
            [who, "starts", "with", "priority", number] => {
                self.start(&id(who), number.parse().expect("a number"), None)
            }
            [who, "starts", "keeping", bytes, "bytes"] => self.start(&id(who), 0, bytes.parse().ok()),
            [who, "stops"] => self.step(&id(who), Input::Stop),
            [who, "alarm", which, "after", time] => self.alarm(&id(who), which, time),
            [who, "hears", from] => self.hear(&id(who), &id(from)),
            [who, "receives", from] => self.receive(&id(who), &id(from)),
            ["all", "talk"] => self.talk(None),
            ["all", "talk", "but", who] => self.talk(Some(&id(who))),
            [who, "refuses", other] => self.refuse(&id(who), &id(other)),
            [who, "stored"] => self.stored(&id(who)),
            [who, "measures", readings] => self.measure(&id(who), readings.parse().expect("a number")),
            [who, "reads", connection, from, ..] => {
                let connection = connection.trim_end_matches(':').parse().expect("a number");
                let from = from.strip_prefix('@').map(|from| from.trim_end_matches(':').parse().expect("an address"));
                let (_, line) = command.split_once(": ").unwrap_or((command, ""));
                self.read(&id(who), connection, from, &format!("{line}\n{block}"))
            }
            [from, "answers", who, ..] => {
                let who = who.trim_end_matches(':');
                let (_, line) = command.split_once(": ").expect("an answer");
                self.stranger_answers(from.parse().expect("an address"), &id(who), &format!("{line}\n{block}"))
            }
            _ => panic!("{command:?} is no input"),
        }
    }

    fn start(&mut self, id: &PeerId, priority: i64, keeps: Option<u64>) -> String {
        let number = self.actors.len() + 1;
        let address = [10, 0, 0, u8::try_from(number).expect("few peers")];
        let limits = keeps.map(|bytes| Limits { age: None, bytes: Some(bytes) });
        let options = Options { limits, segment_bytes: keeps.map(|_| SEGMENT_BYTES), ..Options::default() };
        let (storage, opened) =
            Storage::open(MemoryDisk::new().into(), id, number as u64 * 100, options).expect("a disk in memory");
        let settings = Settings {
            id: id.clone(),
            priority,
            incarnation: opened.incarnation,
            endpoint: (address, 7000 + u16::try_from(number).expect("few peers")).into(),
            group: "sensors".into(),
            quorum: None,
            resume: false,
            limits,
            survey_every: Time::from_secs(3600),
            timing: Timing {
                heartbeat_interval: Duration::from_secs(1),
                heartbeat_timeout: Duration::from_secs(3),
                election_timeout: Duration::from_secs(2),
            },
            joins: false,
            seed: 0,
            secret: Secret([address[3]; 32]),
        };
        let actor = Actor {
            peer: Peer::new(settings, &Found::default(), self.now),
            log: storage.log_reader(),
            storage,
            work: VecDeque::new(),
            serving: BTreeMap::new(),
            limits,
            measured: 0,
            decoders: BTreeMap::new(),
        };
        self.actors.insert(id.clone(), actor);
        String::new()
    }

    fn alarm(&mut self, who: &PeerId, which: &str, after: &str) -> String {
        let alarm = match which {
            "discovery" => Alarm::Discovery,
            "heartbeat" => Alarm::Heartbeat,
            "leader-check" => Alarm::LeaderCheck,
            "election" => Alarm::Election,
            _ => panic!("{which:?} is no alarm"),
        };
        self.now += match after.strip_suffix("ms") {
            Some(millis) => Duration::from_millis(millis.parse().expect("a number")),
            None => Duration::from_secs(after.trim_end_matches('s').parse().expect("a number")),
        };
        let due = self.actors[who].peer.deadline(alarm).is_some_and(|due| due <= self.now);
        let early = if due { "" } else { "  (too early)\n" };
        early.to_owned() + &self.step(who, Input::Alarm(alarm))
    }

    /// Something happens to a peer. Returns what it does.
    pub(crate) fn step(&mut self, who: &PeerId, input: Input) -> String {
        let mut effects = Vec::new();
        self.actors.get_mut(who).expect("it started").peer.step(self.now, input, &mut effects);
        let mut out = String::new();
        for effect in effects {
            out.push_str(&show::effect(&effect));
            out.push_str(&self.carry_out(who, effect));
        }
        out
    }

    fn carry_out(&mut self, who: &PeerId, effect: Effect) -> String {
        match effect {
            Effect::Send { to, message } => self.post(who, &to, message),
            Effect::Broadcast(message) => {
                for other in self.actors.keys().filter(|other| *other != who) {
                    let way = (who.clone(), other.clone());
                    self.datagrams.entry(way).or_default().push_back(message.clone());
                }
            }
            Effect::Store(store) => self.hand_over(who, store),
            Effect::Call(call) => self.calls.push_back((who.clone(), call)),
            Effect::Answer { message, .. } => self.answer = Some(message),
            Effect::Serve { to, serve } => return self.serve(who, &to, serve),
            Effect::Exit(_) => {
                let rest = self.stored(who);
                self.remove(who);
                return rest;
            }
            _ => {}
        }
        String::new()
    }

    pub(crate) fn remove(&mut self, who: &PeerId) {
        if let Some(actor) = self.actors.remove(who) {
            self.gone.push(actor.peer.hello(None).endpoint);
        }
    }

    pub(crate) fn post(&mut self, from: &PeerId, to: &PeerId, message: Message) {
        self.mail.entry((from.clone(), to.clone())).or_default().push_back(message);
    }
}
