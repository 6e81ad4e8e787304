//! What is written is read back; what is not in the grammar is refused; nothing makes the decoder panic.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::ids::{Origin, PeerId, Term, INCARNATION_MAX, NUMBER_MAX};

mod bounds;
mod lines;
mod payloads;
mod ranges;

fn id() -> impl Strategy<Value = PeerId> {
    prop_oneof![8 => "[A-Za-z0-9][A-Za-z0-9._-]{0,12}", 1 => "[A-Za-z0-9][A-Za-z0-9._-]{63}"]
        .prop_map(|text| text.parse().unwrap())
}

/// A number that is at its bounds as often as between them.
fn up_to(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![0..=2u64, max - 2..=max, 0..=max]
}

fn number() -> impl Strategy<Value = u64> {
    up_to(NUMBER_MAX)
}

fn incarnation() -> impl Strategy<Value = u64> {
    up_to(INCARNATION_MAX)
}

fn term() -> impl Strategy<Value = Term> {
    (number(), id(), incarnation()).prop_map(|(counter, leader, incarnation)| Term { counter, leader, incarnation })
}

fn endpoint() -> impl Strategy<Value = std::net::SocketAddr> {
    prop_oneof![
        (any::<[u8; 4]>(), any::<u16>()).prop_map(std::net::SocketAddr::from),
        (any::<[u8; 16]>(), any::<u16>()).prop_map(std::net::SocketAddr::from),
    ]
}

fn contact() -> impl Strategy<Value = Contact> {
    (id(), any::<i64>(), incarnation(), endpoint()).prop_map(|(id, priority, incarnation, endpoint)| Contact {
        id,
        priority,
        incarnation,
        endpoint,
    })
}

/// A run list and the last sequence of its log.
fn runs() -> impl Strategy<Value = (RunList, u64)> {
    proptest::collection::vec((1u64..50, id(), incarnation()), 0..6).prop_map(|items| {
        let (mut counter, mut first, mut runs) = (0, 1, RunList::new());
        for (step, leader, incarnation) in items {
            counter += step;
            runs.push((Term { counter, leader, incarnation }, first));
            first += step;
        }
        (runs, first - 1)
    })
}

fn view() -> impl Strategy<Value = ViewChange> {
    let seat = (any::<i64>(), incarnation(), endpoint()).prop_map(|(priority, incarnation, endpoint)| Seat {
        priority,
        incarnation,
        endpoint,
    });
    let members = proptest::collection::btree_map(id(), seat, 0..5);
    (term(), 0u64..99, members, any::<[u16; 3]>(), runs()).prop_map(|(term, change, members, millis, (runs, last))| {
        let [interval, timeout, election] = millis.map(|millis| Duration::from_millis(millis.into()));
        ViewChange {
            term,
            change,
            members,
            timing: Timing { heartbeat_interval: interval, heartbeat_timeout: timeout, election_timeout: election },
            start: TermStart { runs, last },
        }
    })
}

fn here() -> impl Strategy<Value = Here> {
    let belongs =
        prop_oneof![Just(Belongs::Nowhere), contact().prop_map(Belongs::Follows), view().prop_map(Belongs::Leads)];
    (any::<u64>(), contact(), any::<[bool; 3]>(), belongs).prop_map(
        |(nonce, contact, [seeking, serves, dialled], belongs)| Here {
            nonce: Token(nonce),
            contact,
            seeking,
            serves,
            dialled,
            belongs,
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    let origin = (id(), incarnation()).prop_map(|(peer, incarnation)| Origin { peer, incarnation });
    (origin, 1u64..1000, 1u64..20).prop_map(|(origin, first, count)| {
        let text: Vec<String> = (0..count).map(|n| format!("DATA|s{n}|2013-01-01T06:00:00Z|{n}.5||1012\n")).collect();
        Request { origin, first, lines: Lines::new(text.concat().into_bytes(), count) }
    })
}

fn limits() -> impl Strategy<Value = Option<Limits>> {
    let (age, bytes) = (proptest::option::of(number()), proptest::option::of(number()));
    (age, bytes).prop_map(|(age, bytes)| {
        let age = age.map(Duration::from_secs);
        (age.is_some() || bytes.is_some()).then_some(Limits { age, bytes })
    })
}

fn base() -> impl Strategy<Value = Base> {
    let counts = proptest::collection::btree_map(id(), (incarnation(), 1u64..50, 1u64..50), 1..5);
    (term(), counts).prop_map(|(term, counts)| {
        let range = |(peer, (incarnation, first, count))| Range { origin: Origin { peer, incarnation }, first, count };
        let origins: Vec<Range> = counts.into_iter().map(range).collect();
        Base { last: origins.iter().map(|range| range.count).sum(), runs: vec![(term, 1)], origins }
    })
}

fn batch() -> impl Strategy<Value = Frame> {
    (term(), 1u64..1000, proptest::collection::vec(request(), 1..4), proptest::option::of(2u64..1000)).prop_map(
        |(term, first, parts, keep)| Frame::build_with(term, first, &parts, keep.filter(|keep| *keep <= first)),
    )
}

fn message() -> impl Strategy<Value = Message> {
    let opt = || proptest::option::of(term());
    let hello = (
        id(),
        proptest::option::of(1u32..9),
        id(),
        incarnation(),
        endpoint(),
        proptest::option::of(id()),
        any::<u64>(),
    )
        .prop_map(|(group, quorum, peer, incarnation, endpoint, addressee, token)| Hello {
            version: PROTOCOL_VERSION,
            group: group.to_string(),
            quorum,
            peer,
            incarnation,
            endpoint,
            addressee,
            token: Token(token),
        });
    let leader = (term(), contact(), number(), number()).prop_map(|(term, leader, size, last)| Leadership {
        term,
        leader,
        size,
        last,
    });
    let dialled = proptest::option::of((any::<u64>().prop_map(Token), endpoint()));
    prop_oneof![
        hello.prop_map(Message::Hello),
        "[ -~]{0,40}".prop_map(|why| Message::Error { why: Refusal::Other(why) }),
        contact().prop_map(Message::NewPeerRequest),
        leader.prop_map(Message::Leader),
        (any::<u64>(), dialled).prop_map(|(nonce, dialled)| Message::Who { nonce: Token(nonce), dialled }),
        here().prop_map(|here| Message::Here(Box::new(here))),
        (opt(), any::<i64>(), runs(), limits()).prop_map(|(promised, priority, (runs, last), limits)| Message::Join {
            promised,
            priority,
            runs,
            last,
            limits
        }),
        (term(), base()).prop_map(|(term, base)| Message::Base { term, base }),
        (view(), incarnation()).prop_map(|(view, incarnation)| Message::Added { view, incarnation }),
        view().prop_map(Message::ViewChange),
        (term(), number()).prop_map(|(term, committed)| Message::Heartbeat { term, committed }),
        (term(), number()).prop_map(|(term, stored)| Message::HeartbeatAck { term, stored }),
        (opt(), id()).prop_map(|(term, from)| Message::Election { term, from }),
        opt().prop_map(|term| Message::Ok { term }),
        term().prop_map(|term| Message::Coordinator { term }),
        (term(), opt(), runs(), limits()).prop_map(|(term, synced, (runs, last), limits)| Message::LogState {
            term,
            synced,
            runs,
            last,
            limits
        }),
        (term(), number()).prop_map(|(term, from)| Message::Fetch { term, from }),
        (term(), request()).prop_map(|(term, request)| Message::SequencerRequest { term, request }),
        (term(), batch()).prop_map(|(term, frame)| Message::Ordered { term, frame }),
        (term(), number()).prop_map(|(term, last)| Message::Stored { term, last }),
        (term(), number()).prop_map(|(term, up_to)| Message::Commit { term, up_to }),
        (opt(), proptest::option::of(contact())).prop_map(|(term, leader)| Message::Stale { term, leader }),
        (term(), proptest::option::of(contact())).prop_map(|(term, leader)| Message::Yield { term, leader }),
        opt().prop_map(|term| Message::Leave { term }),
        Just(Message::Status),
        "\\{\"[ -~é]{0,40}\"\\}".prop_map(|json| Message::Report { json }),
    ]
}

/// Feeds bytes in pieces of these lengths.
fn decode(bytes: &[u8], pieces: &[usize]) -> Result<Vec<Message>, WireError> {
    let (mut decoder, mut messages, mut rest) = (Decoder::new(), Vec::new(), bytes);
    let mut pieces = pieces.iter().copied().chain(std::iter::repeat(usize::MAX));
    while !rest.is_empty() {
        let space = decoder.space();
        let taken = rest.len().min(space.len()).min(pieces.next().unwrap_or(usize::MAX)).max(1);
        space[..taken].copy_from_slice(&rest[..taken]);
        decoder.filled(taken);
        rest = &rest[taken..];
        while let Some(message) = decoder.next_message()? {
            messages.push(message);
        }
    }
    decoder.finish()?;
    Ok(messages)
}

fn text(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn messages_are_read_as_they_were_written_however_they_come(
        messages in proptest::collection::vec(message(), 0..6),
        pieces in proptest::collection::vec(1usize..300, 0..60),
    ) {
        let bytes: Vec<u8> = messages.iter().flat_map(text).collect();
        prop_assert_eq!(decode(&bytes, &pieces), Ok(messages));
    }

    #[test]
    fn a_message_cut_short_is_never_taken_for_whole(message in message(), at in any::<proptest::sample::Index>()) {
        let bytes = text(&message);
        let cut = at.index(bytes.len());
        let got = decode(&bytes[..cut], &[]);
        prop_assert!(got == Ok(vec![]) && cut == 0 || got.is_err(), "{:?}", got);
    }

    #[test]
    fn one_changed_byte_never_makes_the_decoder_panic(
        message in message(), at in any::<proptest::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = text(&message);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&bytes, &[]);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode(&bytes, &[3, 50]);
        let _ = Community { group: "sensors".into(), quorum: None }.parse(&bytes);
    }

    #[test]
    fn a_batch_with_a_changed_byte_is_refused(request in request(), at in any::<proptest::sample::Index>(), flip in 1u8..) {
        let term: Term = "3@a/1".parse().unwrap();
        let mut bytes = Frame::build(term, 7, &[request]).bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(Frame::parse(bytes).is_err());
    }

    #[test]
    fn datagrams_are_read_by_their_own_group_only(contact in contact(), quorum in proptest::option::of(1u32..9)) {
        let community = Community { group: "sensors".into(), quorum };
        let term = Term { counter: 7, leader: contact.id.clone(), incarnation: contact.incarnation };
        let leadership = Leadership { term, leader: contact.clone(), size: 3, last: 9 };
        let at = Some(contact.endpoint);
        for (message, leader) in [(Message::NewPeerRequest(contact), None), (Message::Leader(leadership), at)] {
            let bytes = community.encode(&message);
            prop_assert!(bytes.len() <= datagram::DATAGRAM_BYTES_MAX);
            prop_assert_eq!(community.parse(&bytes), Ok(message));
            let other = Community { group: "others".into(), quorum };
            prop_assert_eq!(other.parse(&bytes), Err(WireError::OtherGroup { group: community.group.clone() }));
            let other = Community { group: "sensors".into(), quorum: Some(11) };
            prop_assert_eq!(other.parse(&bytes), Err(WireError::OtherQuorum { quorum, leader }));
        }
    }
}

#[test]
fn the_text_of_the_verbs_users_grep_is_that_of_the_contract() {
    let term: Term = "4@peer-3/17".parse().unwrap();
    let seat = |priority, port| Seat { priority, incarnation: 17, endpoint: ([127, 0, 0, 1], port).into() };
    let members: BTreeMap<PeerId, Seat> =
        [("peer-1".parse().unwrap(), seat(5, 7001)), ("peer-3".parse().unwrap(), seat(0, 7003))].into();
    let timing = Timing {
        heartbeat_interval: Duration::from_secs(5),
        heartbeat_timeout: Duration::from_secs(10),
        election_timeout: Duration::from_millis(5500),
    };
    let start = TermStart { runs: vec![("2@peer-1/9".parse().unwrap(), 1)], last: 12 };
    let view = ViewChange { term: term.clone(), change: 2, members, timing, start };
    for (message, expected) in [
        (Message::Election { term: None, from: "a".parse().unwrap() }, "ELECTION:a:-\n"),
        (Message::Ok { term: Some(term.clone()) }, "OK:4@peer-3/17\n"),
        (Message::Coordinator { term }, "COORDINATOR:peer-3:4@peer-3/17\n"),
        (
            Message::ViewChange(view),
            "VIEW_CHANGE:[peer-3,peer-1]-[peer-1=5/127.0.0.1:7001/17,peer-3=0/127.0.0.1:7003/17]-4.2@peer-3:17:5000:\
             10000:5500:12:13\n2@peer-1/9:1\n",
        ),
    ] {
        assert_eq!(String::from_utf8(text(&message)).unwrap(), expected);
    }
}

#[test]
fn what_is_not_of_the_grammar_is_refused() {
    for bad in [
        "",
        "HELLO",
        "hello:1:sensors:-:a:1:127.0.0.1:80:",
        "HELLO:2:sensors:-:a:1:127.0.0.1:80",
        "HELLO:2:sensors:-:a:1:127.0.0.1:80:b",
        "HELLO:2:sensors:-:a:1:127.0.0.1:80:b:0123456789abcdeF",
        "HELLO:2:sensors:-:a:1:127.0.0.1:80:b:0123456789abcdef:c",
        "HELLO:3:sensors:-:a:1:127.0.0.1:80::0123456789abcdef",
        "HELLO:2:sensors:-:../a:1:127.0.0.1:80::0123456789abcdef",
        "WHO:0123456789abcdef",
        "WHO:0123456789abcdef:0123456789abcdef",
        "HERE:0123456789abcdef:1:0:2:a:0:1:127.0.0.1:80:-:0",
        "OKAY:-",
        "OK",
        "OK:4@a",
        "COORDINATOR:b:4@a/1",
        "STORED:4@a/1:-1",
        "STORED:4@a/1:01",
        "STORED:4@a/1:1:",
        "STORED:4@a/1:18446744073709551616",
        "STALE:-:-:",
        "LEADER:1@a/1:2:3:2:a:0:1:127.0.0.1:80",
        "ORDERED:1@a/1:999999999",
        "JOIN:-:0:5:0",
        "JOIN:-:+0:0:0",
        "VIEW_CHANGE:[a,b]-[a=0/127.0.0.1:1/1]-1.1@a:1:1:1:1:0:0",
        "VIEW_CHANGE:[a]-[a=0/127.0.0.1:1/1]-1@a:1:1:1:1:0:0",
        "GET / HTTP/1.1\r",
    ] {
        assert!(decode(format!("{bad}\n").as_bytes(), &[]).is_err(), "{bad}");
    }
    assert_eq!(decode(b"HELLO:3:of another form\n", &[]), Err(WireError::Version { version: 3 }));
    assert_eq!(decode(b"HELLO:1:x\n", &[]), Err(WireError::Version { version: 1 }));
    assert_eq!(decode(b"\xff\xfe\n", &[]), Err(WireError::Text { verb: "?" }));
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_memory() {
    for (begin, max) in [("X", decoder::LINE_BYTES_MAX), ("VIEW_CHANGE:", decoder::VIEW_LINE_BYTES_MAX)] {
        let bytes: Vec<u8> = begin.bytes().chain(std::iter::repeat_n(b'x', 2 * max)).collect();
        assert_eq!(decode(&bytes, &[]), Err(WireError::TooLong { max }));
    }
}
