//! What happens to the core: one byte draws what, the next ones draw how.

use std::net::SocketAddr;
use std::time::Duration;

use peer::ids::{Origin, PeerId};
use peer::protocol::{Alarm, Answer, ConnectionId, Input, Question, Standing};
use peer::wire::{Belongs, Contact, Hello, Here, Leadership, Lines, Message, Seat, ViewChange};

use super::super::draw::Draw;
use super::super::messages::well_formed;
use super::{own, Host, Line, LIFE, STEPS_MAX};

/// How many lives one input has, before the last check.
const RESTARTS_MAX: u64 = 6;

/// A step in time, in milliseconds.
const STEPS_MS: [u64; 8] = [0, 1, 50, 400, 1000, 5000, 11_000, 3_600_000];

pub(crate) fn core(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut host = Host::new(&mut draw);
    for _ in 0..STEPS_MAX {
        if draw.is_over() {
            break;
        }
        host.know(&mut draw);
        happen(&mut host, &mut draw);
    }
    host.settle();
    let last = host.peer.last();
    let ended = host.over;
    if host.options.resume {
        host.restart();
        assert!(ended || host.peer.last() == last, "the log of {last} is found as one of {}", host.peer.last());
    }
}

fn happen(host: &mut Host, draw: &mut Draw) {
    match draw.below(32) {
        0 | 1 => {
            host.now += Duration::from_millis(*draw.pick(&STEPS_MS));
            host.ring();
        }
        2 => host.step(Input::Alarm(*draw.pick(&Alarm::ALL))),
        3 | 4 => datagram(host, draw),
        5 => greeting(host, draw),
        6 => question(host, draw),
        7 | 8 => answer(host, draw),
        9..=15 => message(host, draw),
        16 => requests(host, draw),
        17 => end(host, draw),
        18 => {
            let peer = draw.id();
            host.step(Input::LinkUp { peer });
        }
        19 => {
            let peer = draw.id();
            host.step(Input::Refused { peer });
        }
        20 => {
            let (peer, why) = (draw.id(), draw.refusal());
            host.step(Input::Rejected { peer, why });
        }
        21 | 22 => readings(host, draw),
        23 | 24 => host.work(1 + draw.below(4)),
        25 => host.settle(),
        26 => introduction(host, draw),
        27 => following(host, draw),
        28 => founding(host),
        29 => membership(host, draw),
        30 => rare(host, draw),
        _ => fitting(host, draw),
    }
}

fn rare(host: &mut Host, draw: &mut Draw) {
    match draw.below(8) {
        0 => host.step(Input::Stop),
        1 => host.step(Input::DiskFailed),
        2 => host.step(Input::OtherQuorum { why: draw.refusal() }),
        3 => {
            let readings = draw.number();
            host.step(Input::EndOfInput { readings });
        }
        // Each restart reads the whole log.
        _ if host.life < LIFE + RESTARTS_MAX => {
            host.settle();
            host.restart();
        }
        _ => {}
    }
}

fn datagram(host: &mut Host, draw: &mut Draw) {
    let message =
        if draw.bool() { Message::Leader(draw.leadership()) } else { Message::NewPeerRequest(draw.contact()) };
    let (Message::Leader(Leadership { leader: contact, .. }) | Message::NewPeerRequest(contact)) = &message else {
        return;
    };
    let from = if draw.byte() < 230 { contact.endpoint.ip() } else { draw.contact().endpoint.ip() };
    host.step(Input::Datagram { from, message });
}

/// A connection brings its `HELLO`.
fn greet(host: &mut Host, draw: &mut Draw, hello: Hello) -> ConnectionId {
    let from = if draw.byte() < 230 { hello.endpoint.ip() } else { draw.contact().endpoint.ip() };
    let hello = Hello { quorum: if draw.byte() < 250 { host.options.quorum } else { Some(7) }, ..hello };
    let connection = host.line();
    host.step(Input::Hello { connection, from, at: at(), hello });
    connection
}

fn at() -> SocketAddr {
    "127.0.0.1:7000".parse().expect("an address")
}

fn greeting(host: &mut Host, draw: &mut Draw) {
    let hello = draw.hello();
    greet(host, draw, hello);
}

fn question(host: &mut Host, draw: &mut Draw) {
    if host.over {
        return;
    }
    let hello = Hello { addressee: None, quorum: host.options.quorum, ..draw.hello() };
    let hint = draw.maybe(|draw| {
        if draw.bool() {
            Message::Leader(draw.leadership())
        } else {
            Message::NewPeerRequest(draw.contact())
        }
    });
    let question = Question { nonce: draw.token(), hint, dialled: draw.maybe(|draw| (draw.token(), at())) };
    let (from, connection) = (hello.endpoint.ip(), host.line());
    host.step(Input::Asked { connection, from, hello, question });
}

/// Answers a question that was asked, or one that was not.
fn answer(host: &mut Host, draw: &mut Draw) {
    let (mut nonce, mut from) = (draw.token(), draw.contact().endpoint);
    if !host.calls.is_empty() && draw.byte() < 230 {
        let open = host.calls.len();
        (nonce, from) = host.calls.remove(open - 1 - draw.below(open.min(200)));
    }
    let answer = match draw.below(8) {
        0 => Answer::Refused,
        1 => Answer::Silent,
        2 => Answer::Error(draw.refusal()),
        _ => {
            let mut here = draw.here();
            if draw.byte() < 230 {
                here.nonce = nonce;
                here.contact.endpoint = from;
            }
            // It has the form in which a connection brings it.
            let Some(Message::Here(here)) = well_formed(&Message::Here(Box::new(here))) else { return };
            Answer::Here(here)
        }
    };
    host.step(Input::Answered { nonce, from, answer });
}

fn message(host: &mut Host, draw: &mut Draw) {
    let message = draw.message();
    say(host, draw, &message);
}

/// A connection brings a message, if it has the form of one.
fn say(host: &mut Host, draw: &mut Draw, message: &Message) {
    let (Some(connection), Some(message)) = (host.speaker(draw), well_formed(message)) else { return };
    match message {
        Message::SequencerRequest { term, request } => host.step(Input::Requests(vec![(connection, term, request)])),
        message => host.step(Input::Received { connection, message }),
    }
}

fn requests(host: &mut Host, draw: &mut Draw) {
    let mut requests = Vec::new();
    for _ in 0..=draw.below(4) {
        let Some(connection) = host.speaker(draw) else { return };
        let term = host.peer.installed().filter(|_| draw.byte() < 240).cloned().unwrap_or_else(|| draw.term());
        requests.push((connection, term, draw.request()));
    }
    host.step(Input::Requests(requests));
}

/// Ends any connection, whatever its state.
fn end(host: &mut Host, draw: &mut Draw) {
    let Some(connection) = host.speaker(draw) else { return };
    host.lines.insert(connection.0, Line::Over);
    host.step(Input::Ended { connection });
}

fn readings(host: &mut Host, draw: &mut Draw) {
    let lines = draw.lines();
    let room = host.peer.room();
    if room > 0 {
        let lines: Lines = lines.slice(0, room);
        host.step(Input::Readings(lines));
    }
}

/// A process connects, and says that it made the connection.
fn introduction(host: &mut Host, draw: &mut Draw) {
    let id = draw.id();
    introduce(host, draw, &id);
}

fn introduce(host: &mut Host, draw: &mut Draw, id: &PeerId) -> Option<ConnectionId> {
    let incarnation = draw.life();
    let endpoint = draw.endpoint_of(id);
    let contact = Contact { id: id.clone(), priority: 0, incarnation, endpoint };
    let hello = Hello { peer: id.clone(), incarnation, endpoint, group: "sensors".to_owned(), ..draw.hello() };
    let connection = greet(host, draw, Hello { addressee: Some(own()), ..hello });
    answer_all(host, &contact, &Belongs::Nowhere);
    (host.lines[&connection.0] == Line::Speaks).then_some(connection)
}

/// All questions to this address are answered with this.
fn answer_all(host: &mut Host, contact: &Contact, belongs: &Belongs) {
    let (asked, others) = std::mem::take(&mut host.calls).into_iter().partition(|(_, to)| *to == contact.endpoint);
    host.calls = others;
    let asked: Vec<_> = asked;
    for (nonce, from) in asked {
        let seeking = *belongs == Belongs::Nowhere;
        let here = Here {
            nonce,
            contact: contact.clone(),
            seeking,
            serves: !seeking,
            dialled: true,
            belongs: belongs.clone(),
        };
        let Some(Message::Here(here)) = well_formed(&Message::Here(Box::new(here))) else { return };
        host.step(Input::Answered { nonce, from, answer: Answer::Here(here) });
    }
}

/// A leader is heard of, shows its view, and takes this peer in.
fn following(host: &mut Host, draw: &mut Draw) {
    let view = draw.view();
    let leader = view.term.leader.clone();
    let Some(Seat { priority, incarnation, endpoint }) = view.members.get(&leader).cloned() else { return };
    introduce(host, draw, &leader);
    let contact = Contact { id: leader, priority, incarnation, endpoint };
    let (size, last) = (view.members.len() as u64, view.start.last);
    let leadership = Leadership { term: view.term.clone(), leader: contact.clone(), size, last };
    host.step(Input::Datagram { from: endpoint.ip(), message: Message::Leader(leadership) });
    answer_all(host, &contact, &Belongs::Leads(view.clone()));
    say(host, draw, &Message::Added { view, incarnation: host.life });
}

/// It finds nobody.
fn founding(host: &mut Host) {
    for _ in 0..8 {
        if host.over || host.peer.standing() != Standing::Seeking {
            return;
        }
        host.now = host.peer.deadline(Alarm::Discovery).map_or(host.now, |due| host.now.max(due));
        host.ring();
    }
}

/// If it leads, a peer joins it, and may say that it stored everything. Otherwise its leader's view lists it.
fn membership(host: &mut Host, draw: &mut Draw) {
    if host.peer.standing() == Standing::Leader {
        return joining(host, draw);
    }
    let Some(term) = host.peer.installed().cloned() else { return };
    let mut view: ViewChange = draw.view();
    let incarnation = host.life;
    view.members.insert(own(), Seat { priority: 0, incarnation, endpoint: at() });
    let endpoint = draw.endpoint_of(&term.leader);
    view.members.insert(term.leader.clone(), Seat { priority: 0, incarnation: term.incarnation, endpoint });
    view.term = term;
    if draw.bool() {
        (view.start.runs, view.start.last) = (host.peer.runs(), host.peer.last());
    }
    say(host, draw, &Message::ViewChange(view));
}

fn joining(host: &mut Host, draw: &mut Draw) {
    let id = draw.id();
    let Some(connection) = introduce(host, draw, &id) else { return };
    let (runs, last) = if draw.bool() { (host.peer.runs(), host.peer.last()) } else { (Vec::new(), 0) };
    let join = Message::Join { promised: draw.maybe(Draw::term), priority: draw.priority(), runs, last, limits: None };
    host.step(Input::Received { connection, message: join });
    host.settle();
    if let Some(term) = host.peer.installed().cloned().filter(|_| draw.bool()) {
        host.step(Input::Received { connection, message: Message::Stored { term, last: host.peer.last() } });
    }
}

/// A message that continues its log in its term, or counts there.
fn fitting(host: &mut Host, draw: &mut Draw) {
    let Some(term) = host.peer.installed().cloned() else { return };
    let (last, origin) = (host.peer.last(), draw.origin());
    let origin = if draw.byte() < 230 { origin } else { Origin { peer: own(), incarnation: host.life } };
    let message = match draw.below(4) {
        0 => Message::Commit { term, up_to: last },
        1 => Message::Stored { term, last },
        2 => Message::Heartbeat { term, committed: draw.number() },
        _ => {
            let request = draw.request_of(origin);
            let frame = peer::wire::Frame::build(term.clone(), last + 1, &[request]);
            Message::Ordered { term, frame }
        }
    };
    say(host, draw, &message);
}
