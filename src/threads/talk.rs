//! What a peer says, hears and is, as lines at `trace`: `peer log2html` draws a group from them.

use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use log::Level;

use super::lock::lock;
use crate::ids::PeerId;
use crate::json::{array, quoted, Object};
use crate::protocol::{Peer, Time};
use crate::wire::{encode_head, Message};

/// How a message travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Connection,
    Datagram,
    /// A question or its answer, on a connection of its own.
    Question,
}

impl Way {
    const ALL: [Self; 3] = [Self::Connection, Self::Datagram, Self::Question];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Datagram => "datagram",
            Self::Question => "question",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }
}

/// A message leaves. `None`: it goes to all, or to an address.
pub(super) fn said(to: Option<&PeerId>, way: Way, message: &Message) {
    if log::log_enabled!(Level::Trace) {
        let (text, other) = (text_of(message), to.map_or("", PeerId::as_str));
        log::trace!(event = "said", to = other, way = way.name(), text = text, micros = micros(); "{other} < {text}");
    }
}

/// A message came. `None`: it names its sender itself, or answers this peer.
pub(super) fn heard(from: Option<&PeerId>, way: Way, message: &Message) {
    if log::log_enabled!(Level::Trace) {
        let (text, other) = (text_of(message), from.map_or("", PeerId::as_str));
        log::trace!(event = "heard", from = other, way = way.name(), text = text, micros = micros(); "{other} > {text}");
    }
}

/// What this peer was when that was last logged.
#[derive(Debug, Default)]
pub(super) struct Stood(Mutex<String>);

/// What it is since a moment ago.
pub(super) struct News {
    word: &'static str,
    fields: String,
    micros: u64,
}

impl Stood {
    /// What the peer is, where that is new and to be logged.
    pub(super) fn news(&self, core: &Peer, now: Time) -> Option<News> {
        if !log::log_enabled!(Level::Trace) {
            return None;
        }
        let picture = core.picture(now);
        let mut fields = Object::new();
        fields.text("is", picture.standing.word());
        if let Some(term) = &picture.term {
            fields.text("term", &term.in_words());
        }
        fields.raw("members", &array(core.members().iter().map(|member| quoted(member.as_str()))));
        for (name, number) in [
            ("taken", core.taken()),
            ("last", picture.last),
            ("committed", picture.committed),
            ("delivered", picture.delivered),
        ] {
            fields.raw(name, &number.to_string());
        }
        let fields = fields.members().to_owned();
        let mut stood = lock(&self.0);
        let is_new = *stood != fields;
        is_new.then(|| {
            stood.clone_from(&fields);
            News { word: picture.standing.word(), fields, micros: micros() }
        })
    }
}

impl News {
    /// Logs it. Not under the core's lock: a log that nobody reads makes one wait.
    pub(super) fn log(self) {
        log::trace!(event = "stands", fields = self.fields, micros = self.micros; "{}", self.word);
    }
}

/// How many characters of a message are shown.
const TEXT_MAX: usize = 400;

/// A message without readings; a long one is cut short.
#[must_use]
pub fn text_of(message: &Message) -> String {
    let mut text = Vec::new();
    encode_head(message, &mut text);
    let text = String::from_utf8_lossy(&text).trim_end().replace('\n', " ");
    match text.char_indices().nth(TEXT_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// Microseconds since 1970, by this host's clock.
fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::trial::{contact, id, leader, Trial};
    use super::*;
    use crate::log_lines::captured;
    use crate::wire::Refusal;

    fn error(length: usize) -> Message {
        Message::Error { why: Refusal::Other("ä".repeat(length)) }
    }

    #[test]
    fn a_way_is_found_by_its_name() {
        let names = [(Way::Connection, "connection"), (Way::Datagram, "datagram"), (Way::Question, "question")];
        for (way, name) in names {
            assert_eq!((way.name(), Way::named(name)), (name, Some(way)));
        }
        assert_eq!(Way::named(""), None);
    }

    #[test]
    fn what_is_said_and_heard_is_logged() {
        let message = Message::NewPeerRequest(contact("b", "127.0.0.1:7".parse().unwrap()));
        let text = "NEW_PEER_REQUEST:b:0:1:127.0.0.1:7";
        let ((), lines) = captured(|| {
            said(Some(&id("c")), Way::Connection, &message);
            said(None, Way::Datagram, &message);
            heard(Some(&id("c")), Way::Connection, &message);
            heard(None, Way::Datagram, &message);
        });
        let told = |way, other, sign| format!("TRACE {way}: {other} {sign} {text}");
        let [said, heard] = [("said", "<"), ("heard", ">")].map(|(way, sign)| ["c", ""].map(|it| told(way, it, sign)));
        assert_eq!(lines, [said, heard].concat());
    }

    #[test]
    fn a_long_message_is_cut_between_characters_and_is_one_line() {
        let head = "ERROR:";
        for (length, cut) in [(1, false), (TEXT_MAX - head.len(), false), (TEXT_MAX - head.len() + 1, true)] {
            let shown = text_of(&error(length));
            assert_eq!((shown.chars().count() > TEXT_MAX, shown.ends_with('…')), (cut, cut), "{length}");
            assert!(shown.starts_with("ERROR:ä"), "{shown}");
        }
        assert_eq!(text_of(&error(500)).chars().count(), TEXT_MAX + 1);
    }

    #[test]
    fn what_a_peer_is_is_logged_once_it_is_new() {
        let (trial, other) = (Trial::new(), leader(None));
        let stood = Stood::default();
        let news = |trial: &Trial| stood.news(&lock(&trial.node.core), trial.node.now());
        assert!(news(&trial).is_none(), "nobody reads it");
        let ((), lines) = captured(|| {
            for trial in [&trial, &trial, &other, &other, &trial] {
                news(trial).into_iter().for_each(News::log);
            }
        });
        assert_eq!(lines, ["TRACE stands: seeks", "TRACE stands: leads", "TRACE stands: seeks"]);
        let (fields, _) = captured(|| news(&other).expect("it is another one").fields);
        let (start, end) =
            (r#""is":"leads","term":""#, r#""members":["a"],"taken":0,"last":0,"committed":0,"delivered":0"#);
        assert!(fields.starts_with(start) && fields.ends_with(end), "{fields}");
    }

    #[test]
    fn times_are_microseconds_since_1970() {
        let at = |time: &str| u64::try_from(time.parse::<jiff::Timestamp>().unwrap().as_microsecond()).unwrap();
        assert!((at("2025-01-01T00:00:00Z")..at("2100-01-01T00:00:00Z")).contains(&micros()));
    }
}
