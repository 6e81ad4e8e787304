//! From one line to a message, or to what is known of it before its block has come. The grammar is in docs/protocol.md
//! 2.

use std::collections::BTreeMap;
use std::time::Duration;

use super::base::{Base, BASE_BYTES_MAX};
use super::batch::{Request, RequestHead, BODY_BYTES_MAX, HEAD_BYTES_MAX};
use super::cursor::Cursor;
use super::error::WireError;
use super::frame::Frame;
use super::limits::Limits;
use super::message::{
    Belongs, Contact, Hello, Here, Leadership, Message, RunList, Seat, TermStart, Timing, Token, ViewChange,
    PROTOCOL_VERSION,
};
use super::refusal::Refusal;
use crate::ids::{check_name, Incarnation, PeerId, Sequence, Term};

/// Longest block of runs, in bytes: some hundred thousand elections.
const RUNS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A line that was read.
#[derive(Debug)]
pub(super) enum Parsed {
    Whole(Message),
    /// A block of this many bytes follows.
    Head {
        block: usize,
        head: Head,
    },
}

/// A message whose block is still to come.
#[derive(Debug)]
pub(super) enum Head {
    Join { promised: Option<Term>, priority: i64, last: Sequence, limits: Option<Limits> },
    LogState { term: Term, synced: Option<Term>, last: Sequence, limits: Option<Limits> },
    Base { term: Term, last: Sequence },
    ViewChange(ViewChange),
    Added { view: ViewChange, incarnation: Incarnation },
    Here(Box<Here>),
    SequencerRequest { term: Term, head: RequestHead },
    Ordered { term: Term },
}

/// Reads a line, without its LF.
pub(super) fn parse(line: &str) -> Result<Parsed, WireError> {
    let verb = line.split(':').next().unwrap_or("");
    let whole = match verb {
        "HELLO" => hello(line),
        "ERROR" => Ok(Message::Error { why: refusal(Cursor::new(line, "ERROR")?.remainder()) }),
        "NEW_PEER_REQUEST" => {
            let mut fields = Cursor::new(line, "NEW_PEER_REQUEST")?;
            let contact = contact(&mut fields)?;
            fields.end().map(|()| Message::NewPeerRequest(contact))
        }
        "LEADER" => leader(line),
        "WHO" => who(line),
        "STATUS" => Cursor::new(line, "STATUS")?.end().map(|()| Message::Status),
        "REPORT" => Ok(Message::Report { json: Cursor::new(line, "REPORT")?.remainder().to_owned() }),
        "ELECTION" => {
            let mut fields = Cursor::new(line, "ELECTION")?;
            let (from, term) = (fields.parse("peer id")?, fields.optional("term", "-")?);
            fields.end().map(|()| Message::Election { term, from })
        }
        "OK" => optional_term(line, "OK", |term| Message::Ok { term }),
        "LEAVE" => optional_term(line, "LEAVE", |term| Message::Leave { term }),
        "COORDINATOR" => coordinator(line),
        "HEARTBEAT" => numbered(line, "HEARTBEAT", |term, committed| Message::Heartbeat { term, committed }),
        "HEARTBEAT_ACK" => numbered(line, "HEARTBEAT_ACK", |term, stored| Message::HeartbeatAck { term, stored }),
        "FETCH" => numbered(line, "FETCH", |term, from| Message::Fetch { term, from }),
        "STORED" => numbered(line, "STORED", |term, last| Message::Stored { term, last }),
        "COMMIT" => numbered(line, "COMMIT", |term, up_to| Message::Commit { term, up_to }),
        "STALE" => {
            let mut fields = Cursor::new(line, "STALE")?;
            let (term, leader) = (fields.optional("term", "-")?, optional_contact(&mut fields)?);
            fields.end().map(|()| Message::Stale { term, leader })
        }
        "YIELD" => {
            let mut fields = Cursor::new(line, "YIELD")?;
            let (term, leader) = (fields.parse("term")?, optional_contact(&mut fields)?);
            fields.end().map(|()| Message::Yield { term, leader })
        }
        _ => return parse_head(verb, line),
    };
    whole.map(Parsed::Whole)
}

/// Lines that a block follows. The length of the block is the last field, but for a checksum or limits.
fn parse_head(verb: &str, line: &str) -> Result<Parsed, WireError> {
    match verb {
        "JOIN" => {
            let mut fields = Cursor::new(line, "JOIN")?;
            let (promised, priority) = (fields.optional("promised", "-")?, fields.integer("priority")?);
            let last = fields.number("last")?;
            let (block, limits) = limited_block(&mut fields)?;
            Ok(Parsed::Head { block, head: Head::Join { promised, priority, last, limits } })
        }
        "LOG_STATE" => {
            let mut fields = Cursor::new(line, "LOG_STATE")?;
            let (term, synced) = (fields.parse("term")?, fields.optional("synced", "-")?);
            let last = fields.number("last")?;
            let (block, limits) = limited_block(&mut fields)?;
            Ok(Parsed::Head { block, head: Head::LogState { term, synced, last, limits } })
        }
        "BASE" => {
            let mut fields = Cursor::new(line, "BASE")?;
            let (term, last) = (fields.parse("term")?, fields.number("base")?);
            with_block(fields, BASE_BYTES_MAX, Head::Base { term, last })
        }
        "VIEW_CHANGE" => {
            let mut fields = Cursor::new(line, "VIEW_CHANGE")?;
            let view = view(&mut fields)?;
            with_block(fields, RUNS_BYTES_MAX, Head::ViewChange(view))
        }
        "ADDED TO NETWORK" => {
            let mut fields = Cursor::new(line, "ADDED TO NETWORK")?;
            let (incarnation, view) = (fields.incarnation("incarnation")?, view(&mut fields)?);
            with_block(fields, RUNS_BYTES_MAX, Head::Added { view, incarnation })
        }
        "HERE" => here(line),
        "ORDERED" => {
            let mut fields = Cursor::new(line, "ORDERED")?;
            let term = fields.parse("term")?;
            with_block(fields, HEAD_BYTES_MAX + BODY_BYTES_MAX, Head::Ordered { term })
        }
        "SEQUENCER_REQUEST" => {
            let mut fields = Cursor::new(line, "SEQUENCER_REQUEST")?;
            let term = fields.parse("term")?;
            let head = Request::parse_head(line, &mut fields)?;
            Ok(Parsed::Head { block: head.body_bytes, head: Head::SequencerRequest { term, head } })
        }
        _ => Err(WireError::Verb),
    }
}

fn with_block(mut fields: Cursor, max: usize, head: Head) -> Result<Parsed, WireError> {
    let block = fields.length("length of the block", max)?;
    fields.end()?;
    Ok(Parsed::Head { block, head })
}

/// The length of a block of runs, and the limits after it, if there are any.
fn limited_block(fields: &mut Cursor) -> Result<(usize, Option<Limits>), WireError> {
    let block = fields.length("length of the block", RUNS_BYTES_MAX)?;
    let limits = if fields.end().is_ok() { None } else { Some(fields.parse("limits")?) };
    fields.end().map(|()| (block, limits))
}

impl Head {
    /// Reads the block.
    pub(super) fn complete(self, block: &[u8]) -> Result<Message, WireError> {
        Ok(match self {
            Self::Join { promised, priority, last, limits } => {
                Message::Join { promised, priority, runs: runs(block, last, "JOIN")?, last, limits }
            }
            Self::LogState { term, synced, last, limits } => {
                Message::LogState { term, synced, runs: runs(block, last, "LOG_STATE")?, last, limits }
            }
            Self::Base { term, last } => Message::Base { term, base: Base::parse(last, block, "BASE")? },
            Self::ViewChange(mut view) => {
                view.start.runs = runs(block, view.start.last, "VIEW_CHANGE")?;
                Message::ViewChange(view)
            }
            Self::Added { mut view, incarnation } => {
                view.start.runs = runs(block, view.start.last, "ADDED TO NETWORK")?;
                Message::Added { view, incarnation }
            }
            Self::Here(mut here) => {
                match &mut here.belongs {
                    Belongs::Leads(view) => view.start.runs = runs(block, view.start.last, "HERE")?,
                    Belongs::Nowhere | Belongs::Follows(_) if block.is_empty() => {}
                    Belongs::Nowhere | Belongs::Follows(_) => return Err(WireError::Leftover { verb: "HERE" }),
                }
                Message::Here(here)
            }
            Self::SequencerRequest { term, head } => {
                Message::SequencerRequest { term, request: head.complete(block.to_vec())? }
            }
            Self::Ordered { term } => Message::Ordered { term, frame: Frame::parse(block.to_vec())? },
        })
    }
}

/// Reads a block of runs: rising in term and first sequence, none beyond the log's last.
pub(super) fn runs(block: &[u8], last: Sequence, verb: &'static str) -> Result<RunList, WireError> {
    let text = std::str::from_utf8(block).map_err(|_| WireError::Text { verb })?;
    let wrong = WireError::Field { verb, field: "runs" };
    let mut runs = RunList::new();
    for line in text.split_inclusive('\n') {
        let (term, first) = line.strip_suffix('\n').and_then(|line| line.rsplit_once(':')).ok_or(wrong.clone())?;
        let term: Term = term.parse().map_err(|_| wrong.clone())?;
        let first = crate::ids::parse_number(first).ok_or(wrong.clone())?;
        let follows = runs.last().map_or(first == 1, |(before, at)| *before < term && *at < first);
        if !follows || first > last {
            return Err(wrong);
        }
        runs.push((term, first));
    }
    if runs.is_empty() && last > 0 {
        return Err(wrong);
    }
    Ok(runs)
}

fn refusal(text: &str) -> Refusal {
    let Ok(refusal) = text.parse();
    refusal
}

fn hello(line: &str) -> Result<Message, WireError> {
    let mut fields = Cursor::new(line, "HELLO")?;
    let version = fields.number("version")?;
    // What follows may have another form in another version.
    if version != u64::from(PROTOCOL_VERSION) {
        return Err(WireError::Version { version });
    }
    let hello = Hello {
        version: PROTOCOL_VERSION,
        group: group(&mut fields)?,
        quorum: fields.optional("quorum", "-")?,
        peer: fields.parse("peer id")?,
        incarnation: fields.incarnation("incarnation")?,
        endpoint: fields.endpoint()?,
        addressee: fields.optional("addressee", "")?,
        token: fields.parse("token")?,
    };
    fields.end().map(|()| Message::Hello(hello))
}

/// A group's name has the form of a peer's.
pub(super) fn group(fields: &mut Cursor) -> Result<String, WireError> {
    let text = fields.text("group")?;
    check_name(text.as_bytes()).map_err(|_| WireError::Field { verb: fields.verb(), field: "group" })?;
    Ok(text.to_owned())
}

fn leader(line: &str) -> Result<Message, WireError> {
    let mut fields = Cursor::new(line, "LEADER")?;
    let (term, size, last) = (fields.parse("term")?, fields.number("size")?, fields.number("last")?);
    let leader = contact(&mut fields)?;
    fields.end().map(|()| Message::Leader(Leadership { term, leader, size, last }))
}

fn who(line: &str) -> Result<Message, WireError> {
    let mut fields = Cursor::new(line, "WHO")?;
    let nonce = fields.parse("nonce")?;
    let token: Option<Token> = fields.optional("token", "-")?;
    let dialled = token.map(|token| fields.endpoint().map(|at| (token, at))).transpose()?;
    fields.end().map(|()| Message::Who { nonce, dialled })
}

fn here(line: &str) -> Result<Parsed, WireError> {
    let mut fields = Cursor::new(line, "HERE")?;
    let nonce = fields.parse("nonce")?;
    let mut fact = |field| match fields.text(field)? {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(WireError::Field { verb: "HERE", field }),
    };
    let (seeking, serves, dialled) = (fact("seeking")?, fact("serves")?, fact("dialled")?);
    let contact = contact(&mut fields)?;
    let belongs = if fields.is_bracketed() {
        Belongs::Leads(view(&mut fields)?)
    } else if fields.take("-") {
        Belongs::Nowhere
    } else {
        Belongs::Follows(self::contact(&mut fields)?)
    };
    let here = Here { nonce, contact, seeking, serves, dialled, belongs };
    with_block(fields, RUNS_BYTES_MAX, Head::Here(Box::new(here)))
}

fn coordinator(line: &str) -> Result<Message, WireError> {
    let mut fields = Cursor::new(line, "COORDINATOR")?;
    let (peer, term): (PeerId, Term) = (fields.parse("peer id")?, fields.parse("term")?);
    if peer != term.leader {
        return Err(WireError::Field { verb: "COORDINATOR", field: "peer id" });
    }
    fields.end().map(|()| Message::Coordinator { term })
}

fn optional_term(
    line: &str,
    verb: &'static str,
    message: impl FnOnce(Option<Term>) -> Message,
) -> Result<Message, WireError> {
    let mut fields = Cursor::new(line, verb)?;
    let term = fields.optional("term", "-")?;
    fields.end().map(|()| message(term))
}

fn numbered(
    line: &str,
    verb: &'static str,
    message: impl FnOnce(Term, Sequence) -> Message,
) -> Result<Message, WireError> {
    let mut fields = Cursor::new(line, verb)?;
    let (term, sequence) = (fields.parse("term")?, fields.number("sequence")?);
    fields.end().map(|()| message(term, sequence))
}

fn contact(fields: &mut Cursor) -> Result<Contact, WireError> {
    Ok(Contact {
        id: fields.parse("peer id")?,
        priority: fields.integer("priority")?,
        incarnation: fields.incarnation("incarnation")?,
        endpoint: fields.endpoint()?,
    })
}

fn optional_contact(fields: &mut Cursor) -> Result<Option<Contact>, WireError> {
    if fields.take_if_last("-") {
        return Ok(None);
    }
    contact(fields).map(Some)
}

/// `[<ids>]-[<seats>]-<counter>.<change>@<leader>:<incarnation>:<interval>:<timeout>:<election>:<last>`.
fn view(fields: &mut Cursor) -> Result<ViewChange, WireError> {
    let verb = fields.verb();
    let wrong = WireError::View { verb };
    let ids = fields.bracketed("-").ok_or(wrong.clone())?;
    let seats = fields.bracketed("-").ok_or(wrong.clone())?;
    let mut members = BTreeMap::new();
    for seat in seats.split(',').filter(|seat| !seat.is_empty()) {
        let (id, seat) = parse_seat(seat).ok_or(wrong.clone())?;
        if members.insert(id, seat).is_some() {
            return Err(wrong);
        }
    }
    let id = fields.text("view id")?;
    let (counter, rest) = id.split_once('.').ok_or(wrong.clone())?;
    let (change, leader) = rest.split_once('@').ok_or(wrong.clone())?;
    let number = |text: &str| crate::ids::parse_number(text).ok_or(wrong.clone());
    let (counter, change) = (number(counter)?, number(change)?);
    let leader = leader.parse().map_err(|_| wrong.clone())?;
    let term = Term { counter, leader, incarnation: fields.incarnation("leader's incarnation")? };
    let mut millis = |field| fields.number(field).map(Duration::from_millis);
    let timing = Timing {
        heartbeat_interval: millis("heartbeat interval")?,
        heartbeat_timeout: millis("heartbeat timeout")?,
        election_timeout: millis("election timeout")?,
    };
    let start = TermStart { runs: RunList::new(), last: fields.number("last")? };
    let view = ViewChange { term, change, members, timing, start };
    // Both lists must say the same: a reader of the first list alone must not be misled.
    if !view.ordered_peer_list().into_iter().map(PeerId::as_str).eq(ids.split(',').filter(|id| !id.is_empty())) {
        return Err(wrong);
    }
    Ok(view)
}

/// `<id>=<priority>/<address>:<port>/<incarnation>`
fn parse_seat(text: &str) -> Option<(PeerId, Seat)> {
    let (id, rest) = text.split_once('=')?;
    let (priority, rest) = rest.split_once('/')?;
    let (endpoint, incarnation) = rest.rsplit_once('/')?;
    let seat = Seat {
        priority: super::cursor::parse_integer(priority)?,
        incarnation: crate::ids::parse_incarnation(incarnation)?,
        endpoint: endpoint.parse().ok()?,
    };
    Some((id.parse().ok()?, seat))
}
