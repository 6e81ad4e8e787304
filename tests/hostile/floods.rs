//! Floods of datagrams: they cause few threads, and few connections to the addresses that they name.

use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use peer::wire::{Contact, Leadership, Message};

use super::adversary::{peer_id, term};
use super::siege::{figure, Siege};

/// How many threads a peer of a small group has, whatever strangers do.
pub(crate) const THREADS_MAX: u64 = 64;

/// How many ports the flood names, each several times and under different names.
const PORTS: usize = 500;

/// How many datagrams the flood has.
const DATAGRAMS: usize = 5_000;

/// How many connections come in the name of a member.
const GREETINGS: usize = 1_000;

/// How many questions strangers' words may cost a peer: in a row, and then each second.
const QUESTIONS: (u64, u64) = (64, 16);

/// Accepts, ends and counts the waiting connections.
fn take_all(listeners: &[TcpListener]) -> u64 {
    listeners.iter().map(|listener| std::iter::from_fn(|| listener.accept().ok()).count() as u64).sum()
}

#[test]
fn a_flood_of_names_makes_few_threads_and_few_connections() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let adversary = siege.adversary("flood");
    let listener = |_| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        listener.set_nonblocking(true).expect("a socket");
        listener
    };
    let listeners: Vec<TcpListener> = (0..PORTS).map(listener).collect();
    let began = Instant::now();
    let mut made = 0;
    let mut threads = 0;
    for number in 0..DATAGRAMS {
        let endpoint = listeners[number % PORTS].local_addr().expect("bound");
        let contact = Contact { id: peer_id(&format!("x{number}")), priority: 9, incarnation: 9, endpoint };
        adversary.cast(&if number % 2 == 0 {
            Message::NewPeerRequest(contact)
        } else {
            Message::Leader(Leadership { term: term(9, &contact), leader: contact, size: 99, last: 999 })
        });
        if number % 50 == 0 {
            threads = siege.peers.iter().map(|peer| figure(peer, "Threads")).fold(threads, u64::max);
            thread::park_timeout(Duration::from_millis(20));
        }
        if number % 1_000 == 0 {
            made += take_all(&listeners);
        }
    }
    siege.wait_for_progress();
    threads = siege.peers.iter().map(|peer| figure(peer, "Threads")).fold(threads, u64::max);
    made += take_all(&listeners);
    println!("{DATAGRAMS} datagrams: {threads} threads, {made} connections in {:?}", began.elapsed());
    assert!(threads < THREADS_MAX, "{threads} threads");
    // One second more, since seconds are rounded down.
    let allowed = 2 * (QUESTIONS.0 + QUESTIONS.1 * (began.elapsed().as_secs() + 1));
    assert!(made <= allowed, "{made} connections, of {allowed} at most");
    drop((adversary, listeners));
    siege.assert_calm();
    siege.end();
}

#[test]
fn a_flood_of_names_does_not_make_peers_ask_the_same_address_without_end() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let known = siege.adversary("known");
    // Known from here on: it answered.
    known.cast(&Message::Leader(known.leadership(9)));
    known.ears.wait_until_asked();
    let began = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let first = listener.local_addr().expect("bound").port();
    for number in 0..DATAGRAMS {
        if number % 2 == 0 {
            known.cast(&Message::Leader(known.leadership(9)));
        } else {
            let port = first ^ u16::try_from(number).expect("not so many");
            let contact = Contact { endpoint: ([127, 0, 0, 1], port.max(1)).into(), ..known.me.clone() };
            known.cast(&Message::Leader(Leadership {
                leader: Contact { id: peer_id(&format!("x{number}")), ..contact },
                ..known.leadership(9)
            }));
        }
        if number % 50 == 0 {
            thread::park_timeout(Duration::from_millis(10));
        }
    }
    siege.wait_for_progress();
    let asked = u64::try_from(known.ears.asked.load(Ordering::Relaxed)).expect("a count");
    println!("one that answers was asked {asked} times in {:?}", began.elapsed());
    let allowed = 2 * (QUESTIONS.0 + QUESTIONS.1 * (began.elapsed().as_secs() + 1));
    assert!(asked <= allowed, "{asked} questions, of {allowed} at most");
    siege.assert_calm();
    drop((known, listener));
    siege.end();
}

#[test]
fn a_flood_of_greetings_in_the_name_of_a_member_disturbs_nobody() {
    let mut siege = Siege::begin(&["a", "b", "c"], &["a", "b"], &[]);
    let thief = siege.adversary("thief");
    let member = thief.ask(&siege.peers[1], None).contact;
    let mut threads = 0;
    for number in 0..GREETINGS {
        let victim = &siege.peers[if number % 2 == 0 { 0 } else { 2 }];
        // Some wait for the answer, and most do not.
        let link = thief.dial_as(&member, victim);
        if number % 50 == 0 {
            let refused = link.last_words();
            assert!(refused.is_empty() || refused.starts_with("ERROR:"), "{refused:?}");
            threads = siege.peers.iter().map(|peer| figure(peer, "Threads")).fold(threads, u64::max);
        }
    }
    siege.wait_for_progress();
    println!("{GREETINGS} greetings in the name of a member: {threads} threads");
    assert!(threads < THREADS_MAX, "{threads} threads");
    siege.assert_calm();
    drop(thief);
    siege.end();
}
