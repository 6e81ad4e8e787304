//! From messages to text. The grammar is in docs/protocol.md 2.

use std::fmt::Write;
use std::time::Duration;

use super::limits::Limits;
use super::message::{Belongs, Contact, Hello, Here, Leadership, Message, RunList, ViewChange};
use crate::ids::{append_number, PeerId, Term};

/// Appends a message: its line, and its block where it has one.
pub fn encode(message: &Message, out: &mut Vec<u8>) {
    encode_head(message, out);
    out.extend_from_slice(readings(message));
}

/// The text of the readings that a message carries, which comes last; empty for other messages. A connection writes it
/// from here, uncopied, after the head.
#[must_use]
pub fn readings(message: &Message) -> &[u8] {
    match message {
        Message::SequencerRequest { request, .. } => request.lines.as_bytes(),
        Message::Ordered { frame, .. } => frame.bytes(),
        _ => &[],
    }
}

/// Appends a message up to its [`readings`].
pub fn encode_head(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::SequencerRequest { term, request } => {
            let from = out.len();
            out.extend_from_slice(b"SEQUENCER_REQUEST:");
            term.append_to(out);
            request.end_head(from, out);
        }
        Message::Ordered { term, frame } => of_term("ORDERED", term, frame.bytes().len() as u64, out),
        Message::Stored { term, last } => of_term("STORED", term, *last, out),
        Message::Commit { term, up_to } => of_term("COMMIT", term, *up_to, out),
        Message::ViewChange(view) => with_runs(&format!("VIEW_CHANGE:{}", view_text(view)), &view.start.runs, out),
        Message::Added { view, incarnation } => {
            with_runs(&format!("ADDED TO NETWORK:{incarnation}:{}", view_text(view)), &view.start.runs, out);
        }
        Message::Join { promised, priority, runs, last, limits } => {
            with_limits(&format!("JOIN:{}:{priority}:{last}", or_dash(promised.as_ref())), runs, *limits, out);
        }
        Message::Here(here) => match &here.belongs {
            Belongs::Leads(view) => with_runs(&here_text(here), &view.start.runs, out),
            Belongs::Nowhere | Belongs::Follows(_) => with_runs(&here_text(here), &RunList::new(), out),
        },
        Message::LogState { term, synced, runs, last, limits } => {
            with_limits(&format!("LOG_STATE:{term}:{}:{last}", or_dash(synced.as_ref())), runs, *limits, out);
        }
        Message::Base { term, base } => {
            let block = base.block();
            line(&format!("BASE:{term}:{}:{}", base.last, block.len()), out);
            out.extend_from_slice(&block);
        }
        _ => line(&short(message), out),
    }
}

/// A line of a verb, a term and a number, as each batch needs some.
fn of_term(verb: &str, term: &Term, number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(verb.as_bytes());
    out.push(b':');
    term.append_to(out);
    out.push(b':');
    append_number(number, out);
    out.push(b'\n');
}

fn line(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
    out.push(b'\n');
}

/// Ends a line with the length of the block of runs that follows it.
fn with_runs(head: &str, runs: &RunList, out: &mut Vec<u8>) {
    with_limits(head, runs, None, out);
}

/// The same; where there are limits, they end the line.
fn with_limits(head: &str, runs: &RunList, limits: Option<Limits>, out: &mut Vec<u8>) {
    let mut block = String::new();
    for (term, first) in runs {
        writeln!(block, "{term}:{first}").expect("a string takes all");
    }
    let limits = limits.map_or_else(String::new, |limits| format!(":{limits}"));
    line(&format!("{head}:{}{limits}", block.len()), out);
    out.extend_from_slice(block.as_bytes());
}

/// Messages of one line.
fn short(message: &Message) -> String {
    match message {
        Message::Hello(hello) => hello_text(hello),
        Message::Error { why } => format!("ERROR:{}", why.to_string().replace(|c: char| c.is_control(), " ")),
        Message::NewPeerRequest(contact) => format!("NEW_PEER_REQUEST:{}", contact_text(contact)),
        Message::Leader(leadership) => leader_text(leadership),
        Message::Who { nonce, dialled } => match dialled {
            Some((token, at)) => format!("WHO:{nonce}:{token}:{at}"),
            None => format!("WHO:{nonce}:-"),
        },
        Message::Status => "STATUS".to_owned(),
        Message::Report { json } => format!("REPORT:{json}"),
        Message::Heartbeat { term, committed } => format!("HEARTBEAT:{term}:{committed}"),
        Message::HeartbeatAck { term, stored } => format!("HEARTBEAT_ACK:{term}:{stored}"),
        Message::Election { term, from } => format!("ELECTION:{from}:{}", or_dash(term.as_ref())),
        Message::Ok { term } => format!("OK:{}", or_dash(term.as_ref())),
        Message::Coordinator { term } => format!("COORDINATOR:{}:{term}", term.leader),
        Message::Fetch { term, from } => format!("FETCH:{term}:{from}"),
        Message::Stale { term, leader } => {
            format!("STALE:{}:{}", or_dash(term.as_ref()), contact_or_dash(leader.as_ref()))
        }
        Message::Yield { term, leader } => format!("YIELD:{term}:{}", contact_or_dash(leader.as_ref())),
        Message::Leave { term } => format!("LEAVE:{}", or_dash(term.as_ref())),
        Message::SequencerRequest { .. }
        | Message::Ordered { .. }
        | Message::Stored { .. }
        | Message::Commit { .. }
        | Message::ViewChange(_)
        | Message::Added { .. }
        | Message::Here(_)
        | Message::Join { .. }
        | Message::Base { .. }
        | Message::LogState { .. } => unreachable!("`encode_head` writes them itself"),
    }
}

fn or_dash(term: Option<&Term>) -> String {
    term.map_or_else(|| "-".to_owned(), Term::to_string)
}

fn contact_text(contact: &Contact) -> String {
    let Contact { id, priority, incarnation, endpoint } = contact;
    format!("{id}:{priority}:{incarnation}:{endpoint}")
}

fn contact_or_dash(contact: Option<&Contact>) -> String {
    contact.map_or_else(|| "-".to_owned(), contact_text)
}

fn hello_text(hello: &Hello) -> String {
    let Hello { version, group, quorum, peer, incarnation, endpoint, addressee, token } = hello;
    let quorum = quorum.map_or_else(|| "-".to_owned(), |quorum| quorum.to_string());
    let addressee = addressee.as_ref().map_or("", PeerId::as_str);
    format!("HELLO:{version}:{group}:{quorum}:{peer}:{incarnation}:{endpoint}:{addressee}:{token}")
}

fn here_text(here: &Here) -> String {
    let Here { nonce, contact, seeking, serves, dialled, belongs } = here;
    let belongs = match belongs {
        Belongs::Nowhere => "-".to_owned(),
        Belongs::Follows(leader) => contact_text(leader),
        Belongs::Leads(view) => view_text(view),
    };
    let [seeking, serves, dialled] = [seeking, serves, dialled].map(|fact| u8::from(*fact));
    format!("HERE:{nonce}:{seeking}:{serves}:{dialled}:{}:{belongs}", contact_text(contact))
}

fn leader_text(leadership: &Leadership) -> String {
    let Leadership { term, leader, size, last } = leadership;
    format!("LEADER:{term}:{size}:{last}:{}", contact_text(leader))
}

/// `[<ids>]-[<seats>]-<counter>.<change>@<leader>:…`, up to the length of the runs.
fn view_text(view: &ViewChange) -> String {
    let ids: Vec<&str> = view.ordered_peer_list().into_iter().map(PeerId::as_str).collect();
    let seat =
        |(id, seat): (&PeerId, &super::Seat)| format!("{id}={}/{}/{}", seat.priority, seat.endpoint, seat.incarnation);
    let seats: Vec<String> = view.members.iter().map(seat).collect();
    let Term { counter, leader, incarnation } = &view.term;
    let timing = view.timing;
    format!(
        "[{}]-[{}]-{counter}.{}@{leader}:{incarnation}:{}:{}:{}:{}",
        ids.join(","),
        seats.join(","),
        view.change,
        millis(timing.heartbeat_interval),
        millis(timing.heartbeat_timeout),
        millis(timing.election_timeout),
        view.start.last,
    )
}

fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}
