//! Floods of datagrams: they make few threads, and few connections to whoever they name.

use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use peer::wire::{Contact, Leadership, Message};

use super::adversary::{peer_id, term};
use super::siege::{figure, Siege};

/// Threads of a peer in a small group, whatever strangers do.
pub(crate) const THREADS_MAX: u64 = 64;

/// Ports that the flood names, each several times and under other names.
const PORTS: usize = 500;

/// Datagrams of the flood.
const DATAGRAMS: usize = 5_000;

/// Questions that strangers' words may cost a peer: at once, and each second.
const QUESTIONS: (u64, u64) = (64, 16);

/// Counts, and so ends, connections that wait.
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
    // One second more, since seconds are cut.
    let allowed = 2 * (QUESTIONS.0 + QUESTIONS.1 * (began.elapsed().as_secs() + 1));
    assert!(made <= allowed, "{made} connections, of {allowed} at most");
    drop((adversary, listeners));
    siege.assert_calm();
    siege.end();
}
