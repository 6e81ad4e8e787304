//! Messages of every kind, and their parts.

use std::collections::BTreeMap;
use std::time::Duration;

use peer::ids::{Origin, NUMBER_MAX};
use peer::wire::{
    encode, Base, Belongs, Decoder, Frame, Hello, Here, Leadership, Limits, Lines, Message, Range, Refusal, Request,
    RunList, Seat, TermStart, Timing, ViewChange, PROTOCOL_VERSION,
};

use super::draw::Draw;

/// The text of one message.
pub(crate) fn text(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}

/// The message as others read it; `None` where they refuse it.
pub(crate) fn well_formed(message: &Message) -> Option<Message> {
    let mut decoder = Decoder::new();
    decoder.put(&text(message));
    let read = decoder.next_message().ok()??;
    decoder.finish().ok().map(|()| read)
}

/// Checks that others read what a peer says, unchanged.
pub(crate) fn check_said(message: &Message) {
    assert_eq!(well_formed(message).as_ref(), Some(message), "{}", text(message).escape_ascii());
}

impl Draw<'_> {
    /// Payload lines: few, or as many as there may be.
    pub(crate) fn lines(&mut self) -> Lines {
        let byte = self.byte();
        let count = if byte == u8::MAX { 1024 } else { u64::from(byte % 4) + 1 };
        let (sensor, value) = (*self.pick(&["a", "a", "b", "Con"]), self.byte());
        let line = format!("DATA|{sensor}|2013-01-01T06:00:00Z|{value}||\n");
        Lines::new(line.repeat(usize::try_from(count).expect("few")).into_bytes(), count)
    }

    pub(crate) fn request(&mut self) -> Request {
        let origin = self.origin();
        self.request_of(origin)
    }

    pub(crate) fn request_of(&mut self, origin: Origin) -> Request {
        let (first, lines) = (self.number(), self.lines());
        Request { origin, first: first.clamp(1, NUMBER_MAX - lines.count()), lines }
    }

    pub(crate) fn frame(&mut self) -> Frame {
        let (term, first) = (self.term(), self.number());
        let mut parts = vec![self.request()];
        while parts.len() < 3 && self.byte() > 200 {
            parts.push(self.request());
            if parts.iter().map(|part| part.lines.count()).sum::<u64>() > 1024 {
                parts.pop();
            }
        }
        Frame::build(term, first.clamp(1, NUMBER_MAX - 1024), &parts)
    }

    /// Runs, and where their log ends.
    pub(crate) fn start(&mut self) -> TermStart {
        let (mut runs, mut first) = (RunList::new(), 1);
        for _ in 0..self.below(4) {
            runs.push((self.term(), first));
            first += 1 + self.number() % (1 << 40);
        }
        let last = if runs.is_empty() { 0 } else { self.number().max(first - 1) };
        TermStart { runs, last: last.min(NUMBER_MAX) }
    }

    pub(crate) fn view(&mut self) -> ViewChange {
        let (term, change) = (self.term(), self.number());
        let mut members = BTreeMap::new();
        for _ in 0..self.below(7) {
            let contact = self.contact();
            let (priority, incarnation, endpoint) = (contact.priority, contact.incarnation, contact.endpoint);
            members.insert(contact.id, Seat { priority, incarnation, endpoint });
        }
        if !self.bool() {
            let endpoint = self.endpoint_of(&term.leader);
            members.insert(term.leader.clone(), Seat { priority: 0, incarnation: term.incarnation, endpoint });
        }
        ViewChange { term, change, members, timing: self.timing(), start: self.start() }
    }

    fn timing(&mut self) -> Timing {
        let [interval, timeout, election] = match self.byte() {
            0..200 => [5000, 10_000, 5000],
            _ => [self.number(), self.number(), self.number()],
        };
        let [heartbeat_interval, heartbeat_timeout, election_timeout] =
            [interval, timeout, election].map(Duration::from_millis);
        Timing { heartbeat_interval, heartbeat_timeout, election_timeout }
    }

    pub(crate) fn hello(&mut self) -> Hello {
        let contact = self.contact();
        Hello {
            version: PROTOCOL_VERSION,
            group: self.pick(&["sensors", "sensors", "sensors", "x"]).to_string(),
            quorum: None,
            peer: contact.id,
            incarnation: contact.incarnation,
            endpoint: contact.endpoint,
            addressee: (self.byte() < 250).then(|| "m".parse().expect("a name")),
            token: self.token(),
        }
    }

    pub(crate) fn here(&mut self) -> Here {
        let (nonce, contact) = (self.token(), self.contact());
        let facts = self.byte();
        let belongs = match self.below(4) {
            0 => Belongs::Nowhere,
            1 => Belongs::Follows(self.contact()),
            _ => Belongs::Leads(self.view()),
        };
        Here { nonce, contact, seeking: facts & 1 != 0, serves: facts & 2 != 0, dialled: facts & 4 == 0, belongs }
    }

    pub(crate) fn leadership(&mut self) -> Leadership {
        let (term, leader) = (self.term(), self.contact());
        Leadership { term, leader, size: self.number(), last: self.number() }
    }

    pub(crate) fn refusal(&mut self) -> Refusal {
        match self.below(7) {
            0 => Refusal::WrongAddressee,
            1 => Refusal::IdInUse(self.maybe(|draw| draw.contact().endpoint)),
            2 => Refusal::NoAnswer,
            3 => Refusal::NobodyListens,
            4 => Refusal::Itself,
            5 => Refusal::WrongQuorum {
                group: self.maybe(|draw| u32::from(draw.byte())),
                newcomer: self.maybe(|draw| u32::from(draw.byte())),
            },
            _ => Refusal::Other(String::from_utf8_lossy(self.some(9)).into_owned()),
        }
    }

    fn limits(&mut self) -> Option<Limits> {
        let (age, bytes) = (self.byte(), self.byte());
        (age & 3 == 3).then(|| Limits { age: None, bytes: Some(u64::from(bytes) * 1000) })
    }

    /// The beginning of a log, each entry of which is accounted for.
    pub(crate) fn base(&mut self) -> Base {
        let start = self.start();
        let (mut origins, mut entries): (Vec<Range>, u64) = (Vec::new(), 0);
        let last = start.last.clamp(1, 5000);
        let mut known: Vec<Origin> = (0..self.below(4)).map(|_| self.origin()).collect();
        known.sort_unstable();
        known.dedup();
        for origin in known {
            let count = 1 + self.below(usize::try_from(last).expect("few")) as u64;
            let count = count.min(last - entries);
            if count > 0 {
                origins.push(Range { origin, first: 1, count });
                entries += count;
            }
        }
        match origins.last_mut() {
            Some(rest) => rest.count += last - entries,
            None => origins.push(Range { origin: self.origin(), first: 1, count: last }),
        }
        let mut runs = start.runs;
        runs.retain(|(_, first)| *first <= last);
        if runs.is_empty() {
            runs.push((self.term(), 1));
        }
        Base { last, runs, origins }
    }

    pub(crate) fn message(&mut self) -> Message {
        match self.below(23) {
            0 => Message::Hello(self.hello()),
            1 => Message::Error { why: self.refusal() },
            2 => Message::NewPeerRequest(self.contact()),
            3 => Message::Leader(self.leadership()),
            4 => Message::Who {
                nonce: self.token(),
                dialled: self.maybe(|draw| (draw.token(), draw.contact().endpoint)),
            },
            5 => Message::Here(Box::new(self.here())),
            6 => {
                let (promised, priority, start) = (self.maybe(Self::term), self.priority(), self.start());
                Message::Join { promised, priority, runs: start.runs, last: start.last, limits: self.limits() }
            }
            7 => Message::Added { view: self.view(), incarnation: self.life() },
            8 => Message::ViewChange(self.view()),
            9 => Message::Heartbeat { term: self.term(), committed: self.number() },
            10 => Message::HeartbeatAck { term: self.term(), stored: self.number() },
            11 => Message::Election { term: self.maybe(Self::term), from: self.id() },
            12 => Message::Ok { term: self.maybe(Self::term) },
            13 => Message::Coordinator { term: self.term() },
            14 => {
                let (term, synced, start) = (self.term(), self.maybe(Self::term), self.start());
                Message::LogState { term, synced, runs: start.runs, last: start.last, limits: self.limits() }
            }
            15 => Message::Fetch { term: self.term(), from: self.number() },
            16 => Message::SequencerRequest { term: self.term(), request: self.request() },
            17 => Message::Ordered { term: self.term(), frame: self.frame() },
            18 => Message::Stored { term: self.term(), last: self.number() },
            19 => Message::Commit { term: self.term(), up_to: self.number() },
            20 => Message::Stale { term: self.maybe(Self::term), leader: self.maybe(Self::contact) },
            21 => Message::Yield { term: self.term(), leader: self.maybe(Self::contact) },
            _ if self.below(4) == 0 => Message::Base { term: self.term(), base: self.base() },
            _ => Message::Leave { term: self.maybe(Self::term) },
        }
    }
}
