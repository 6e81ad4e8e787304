//! What is read of an admitted connection, and why one is not read any further.

use std::io::Write;
use std::net::Shutdown;

use super::super::share::Pool;
use super::super::trial::{self, accept, all_said, contact, id, inputs, listener, nobody, ok, steps, until, Trial};
use super::*;
use crate::wire::encode;

const CONNECTION: ConnectionId = ConnectionId(7);

fn reader(trial: &Trial) -> Reader {
    let (requests, held) = (Share::new(&trial.node.requested), Share::new(&trial.node.held));
    let node = Arc::clone(&trial.node);
    Reader { node, peer: id("b"), connection: CONNECTION, requests, held, kept: None, kept_bytes: 0 }
}

/// Both ends of a connection: its maker's, and the one that is read.
fn connection() -> (TcpStream, TcpStream) {
    let (listener, endpoint) = listener();
    let maker = TcpStream::connect(endpoint).unwrap();
    (maker, accept(&listener))
}

fn request(readings: u64) -> Message {
    let lines = b"DATA|s|2013-01-01T06:00:00Z|1||\n".repeat(usize::try_from(readings).unwrap());
    let lines = crate::wire::Lines::new(lines, readings);
    let request = crate::wire::Request { origin: "b/1".parse().unwrap(), first: 1, lines };
    Message::SequencerRequest { term: "1@m/1".parse().unwrap(), request }
}

/// `b` is a member of the group that this peer leads.
fn led() -> Trial {
    let trial = Trial::new();
    lock(&trial.node.core).leads(contact("b", nobody()), trial.node.now());
    trial
}

#[test]
fn a_message_goes_to_the_core_and_readings_to_whom_they_belong() {
    let trial = Trial::new();
    let ((), told) = steps(|| reader(&trial).take(ok(), false).unwrap());
    assert_eq!(told, [format!("<- {:?}", Input::Received { connection: CONNECTION, message: ok() })]);
    // The core drops readings of a peer that was not taken in, and nobody keeps them.
    let ((), told) = steps(|| reader(&trial).take(request(1), true).unwrap());
    assert!(told[0].starts_with("<- Requests("), "{told:?}");
    assert!(trial.for_sequencer.is_empty());

    let trial = led();
    let ((), told) = steps(|| reader(&trial).take(request(1), false).unwrap());
    assert!(told[0].starts_with("<- Requests(") && trial.for_sequencer.is_empty(), "it came alone: {told:?}");
    let ((), told) = steps(|| reader(&trial).take(request(1), true).unwrap());
    assert!(told.is_empty(), "{told:?}");
    assert!(matches!(trial.for_sequencer.try_recv(), Ok(SequencerItem::Request((CONNECTION, ..), _))));
}

#[test]
fn readings_that_wait_count_with_what_they_take_beside_their_text() {
    let trial = led();
    let Message::SequencerRequest { request: one, .. } = request(1) else { unreachable!("that is one") };
    let text = one.lines.as_bytes().len();
    for (room, fits) in [(text + 256, true), (text + 255, false)] {
        let mut reader = Reader { requests: Share::new(&Pool::new(room, room)), ..reader(&trial) };
        let taken = reader.take(request(1), true);
        assert_eq!(taken.is_ok(), fits, "{room}");
        assert!(fits || matches!(taken, Err(End::Requests)));
    }
}

#[test]
fn a_long_message_is_kept_in_what_all_share_and_only_a_member_may_have_more() {
    const FREE: usize = 96 * 1024;
    let trial = Trial::new();
    let pool = Pool::new(2 * FREE, 2 * FREE);
    let mut reader = Reader { held: Share::new(&pool), ..reader(&trial) };
    for (held, kept) in [(0, 0), (FREE, 0), (FREE + 1, FREE + 1), (2 * FREE, 2 * FREE), (2 * FREE, 2 * FREE), (1, 0)] {
        reader.account(held).unwrap();
        assert_eq!(reader.kept_bytes, kept, "{held}");
        let left = 2 * FREE - kept;
        assert!(reader.held.keep(left).is_some() && reader.held.keep(left + 1).is_none(), "{held}");
    }
    assert!(matches!(reader.account(2 * FREE + 1), Err(End::Long)));
    reader.account(0).unwrap();
    lock(&trial.node.core).leads(contact("b", nobody()), trial.node.now());
    reader.account(2 * FREE + 1).unwrap();
}

#[test]
fn a_connection_has_a_thread_until_its_end_and_there_are_no_more_than_fit() {
    let trial = Trial::new().changed(|node| node.peers_max = 1);
    let starts = |stream, connection| start(&trial.node, (stream, None, Decoder::new()), id("b"), connection);
    let (maker, read) = connection();
    assert!(starts(read, CONNECTION));
    assert!(lock(&trial.node.connections).contains_key(&CONNECTION));
    let (_other, second) = connection();
    assert!(!starts(second, ConnectionId(8)));
    let text = "More than 1 peers connect; closing others".to_owned();
    assert_eq!(trial.complaints(), [("too_many_connections", text)]);
    assert!(!lock(&trial.node.connections).contains_key(&ConnectionId(8)));
    drop(maker);
    assert!(matches!(trial.for_sequencer.recv_timeout(trial::PATIENCE), Ok(SequencerItem::Ended(CONNECTION))));
    until(|| lock(&trial.node.connections).is_empty());
    assert_eq!(trial.complaints().len(), 1, "an end is nothing to complain of");
}

/// What the core is told of a connection on which this is said, the complaints, and the last word of the reader.
fn reads(trial: &Trial, said: &[u8]) -> (Vec<String>, Vec<&'static str>, Vec<Message>) {
    let (mut maker, read) = connection();
    maker.write_all(said).unwrap();
    maker.shutdown(Shutdown::Write).unwrap();
    let ((), told) = inputs(|| reader(trial).run(&Arc::new(read), None, Decoder::new()));
    (told, trial.events(), all_said(&Arc::new(maker)))
}

#[test]
fn a_connection_is_read_to_its_end_and_one_that_makes_no_sense_is_told_so() {
    let mut text = Vec::new();
    encode(&ok(), &mut text);
    let received = |message| format!("<- {:?}", Input::Received { connection: CONNECTION, message });
    let both = vec![received(ok()), received(ok())];
    let whole = [text.clone(), text.clone()].concat();
    for (said, complaints) in [(whole.clone(), vec![]), ([&whole[..], b"OK"].concat(), vec![])] {
        let trial = Trial::new();
        assert_eq!(reads(&trial, &said), (both.clone(), complaints, vec![]));
        assert!(matches!(trial.for_sequencer.try_recv(), Ok(SequencerItem::Ended(CONNECTION))));
    }
    let trial = Trial::new();
    let (told, complaints, said) = reads(&trial, &[&whole[..], b"x\n"].concat());
    assert_eq!((told, complaints), (both, vec!["connection_closed"]));
    let why = trial.complaints()[0].1.clone();
    assert!(why.starts_with("Peer b sent what makes no sense: ") && why.ends_with("; connection closed"), "{why}");
    assert!(matches!(&said[..], [Message::Error { why: Refusal::Other(_) }]), "{said:?}");
    assert!(matches!(trial.for_sequencer.try_recv(), Ok(SequencerItem::Ended(CONNECTION))));
}

#[test]
fn more_requests_than_anybody_may_have_end_a_connection() {
    let trial = led();
    let (mut maker, read) = connection();
    let mut text = Vec::new();
    (0..2).for_each(|_| encode(&request(1), &mut text));
    maker.write_all(&text).unwrap();
    let mut reader = Reader { requests: Share::new(&Pool::new(1, 1)), ..reader(&trial) };
    reader.run(&Arc::new(read), None, Decoder::new());
    let text = "Connection of peer b closed: it sent more readings than anybody may have under way".to_owned();
    assert_eq!(trial.complaints(), [("connection_closed", text)]);
    assert_eq!(all_said(&Arc::new(maker)).len(), 1);
}

#[test]
fn what_a_sender_says_after_its_refusal_is_thrown_away_so_that_it_hears_why() {
    let (mut maker, read) = connection();
    // It neither reads nor ends while it is told.
    maker.write_all(&vec![b'x'; 100 * 1024]).unwrap();
    say_error(&read, None, "no".to_owned());
    read.set_nonblocking(true).unwrap();
    assert_eq!(read.peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nothing is left");
    drop(read);
    assert_eq!(all_said(&Arc::new(maker)), [Message::Error { why: Refusal::Other("no".to_owned()) }]);
}

#[test]
fn a_sender_that_says_more_and_more_is_not_listened_to_for_ever() {
    const MUCH: usize = 64 * 1024 * 1024;
    let (mut maker, read) = connection();
    let says = std::thread::spawn(move || {
        let piece = vec![b'x'; 64 * 1024];
        (0..MUCH / piece.len()).all(|_| maker.write_all(&piece).is_ok())
    });
    say_error(&read, None, "no".to_owned());
    drop(read);
    assert!(!says.join().unwrap(), "all of it was read");
}
