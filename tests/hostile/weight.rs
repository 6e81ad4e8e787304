//! Connections that are meant to cost memory: silent ones, ones that announce much, members that never read, floods of
//! requests. The memory of the peers stays bounded, and a newcomer gets through.

use std::io::Write;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use peer::ids::Origin;
use peer::wire::{Belongs, Contact, Here, Lines, Message, Request};

use super::adversary::{peer_id, term, Adversary};
use super::ears::{self, Asked, Conduct};
use super::floods::THREADS_MAX;
use super::going::Going;
use super::harness::Peer;
use super::hoards::MEMORY_MAX;
use super::link::Link;
use super::siege::{figure, Siege};

/// The longest name of a peer: rows are long, and few of them make a long log.
const LONG: &str = "a-long-long-long-long-long-long-long-long-long-long-long-long-x";

/// How many readings of some 150 bytes there are: 64 MB.
const READINGS: u64 = 440_000;

/// How many connections a round has: of ten, one is silent, four send `HELLO` and nothing more, five announce a block
/// that never comes.
const CONNECTIONS: u64 = 800;

/// The pause between two rounds, in which the connections of the last round are held. What strangers cost a peer at a
/// time is bounded, and a newcomer is a stranger, too.
const ROUND_PAUSE: Duration = Duration::from_secs(3);

/// How many silent connections are held to each peer all the time.
const SILENT: usize = 80;

/// A message of an election that announces a block of the greatest length that is read.
const ANNOUNCEMENT: &[u8] = b"LOG_STATE:1@x/1:-:0:8388608\n";

/// Feeds a long log, and ends the input.
fn feed(peer: &mut Peer) -> JoinHandle<()> {
    let (mut input, id) = (peer.take_input(), peer.id.clone());
    thread::spawn(move || {
        for heap in 0..READINGS / 1_000 {
            let line = |number: u64| format!("DATA|{id}|2013-01-01T06:00:00Z|{number}|50.{0:021}|1.{0:022}\n", 0);
            let lines: Vec<String> = (heap * 1_000..(heap + 1) * 1_000).map(line).collect();
            // A peer that ended fails the test elsewhere.
            let _ = input.write_all(lines.concat().as_bytes());
        }
    })
}

/// Many names at one address: it confirms each connection by its token.
fn crowd(siege: &Siege) -> Adversary {
    let crowd = siege.adversary("crowd");
    let me = crowd.me.clone();
    crowd.ears.set_answer(Box::new(move |asked: &Asked| {
        let contact = one_of(&me, asked.token.map_or(0, |token| token.0));
        let (nonce, belongs) = (asked.nonce, Belongs::Nowhere);
        let here = Here { nonce, contact, seeking: false, serves: true, dialled: true, belongs };
        ears::bytes(&Message::Here(Box::new(here)))
    }));
    crowd
}

fn one_of(crowd: &Contact, number: u64) -> Contact {
    Contact { id: peer_id(&format!("crowd{number}")), incarnation: number, ..crowd.clone() }
}

/// One round of costly connections, of all kinds in turn.
fn one_round(crowd: &Adversary, (id, address): &(String, String)) -> Vec<Link> {
    let mut links = Vec::new();
    for number in 0..CONNECTIONS {
        // A peer with a full queue does not accept it.
        let Some(link) = Link::try_to(address) else { continue };
        let whom = one_of(&crowd.me, 1_000 + number);
        match number % 10 {
            // Silent.
            0 => {}
            1..=4 => {
                link.say(&crowd.hello(&whom, Some(id)));
            }
            _ => {
                // Half of them as a link, half as a question.
                link.say(&crowd.hello(&whom, if number % 2 == 0 { Some(id) } else { None }));
                link.raw(ANNOUNCEMENT);
            }
        }
        links.push(link);
    }
    links
}

/// Makes such connections again and again; each round is held until the next one is made.
fn weigh(siege: &Siege, crowd: &Arc<Adversary>) -> Vec<Going> {
    let weigh = |peer: &Peer| {
        let (whom, crowd, mut held) = ((peer.id.clone(), peer.address()), Arc::clone(crowd), Vec::new());
        Going::on(move || {
            drop(std::mem::replace(&mut held, one_round(&crowd, &whom)));
            thread::park_timeout(ROUND_PAUSE);
            true
        })
    };
    siege.peers.iter().map(weigh).collect()
}

/// A member that never reads, and says all the while that it lives.
fn never_read(deaf: &Adversary, leader: &Peer) -> Going {
    let link = deaf.join(leader);
    let term = deaf.view_of(leader).term;
    deaf.ears.set_conduct(Conduct::Deaf);
    Going::on(move || {
        thread::park_timeout(Duration::from_millis(300));
        link.say(&Message::HeartbeatAck { term: term.clone(), stored: 0 })
    })
}

/// The longest requests, from a peer that may order nothing.
fn request_without_end(stranger: &Adversary, leader: &Peer) -> Going {
    let link = stranger.dial(leader);
    let origin = Origin { peer: peer_id("nobody"), incarnation: 1 };
    let reading = format!("DATA|{}|2013-01-01T06:00:00Z|1.{:022}|50.5|\n", "s".repeat(60), 0);
    let lines = Lines::new(reading.repeat(1_000).into_bytes(), 1_000);
    let (term, mut first) = (term(1, &stranger.me), 1);
    Going::on(move || {
        let request = Request { origin: origin.clone(), first, lines: lines.clone() };
        first += 1_000;
        link.say(&Message::SequencerRequest { term: term.clone(), request })
    })
}

#[test]
fn costly_connections_leave_the_memory_of_peers_bounded_and_a_newcomer_joins() {
    let mut siege = Siege::begin(&["l", LONG, "m"], &["m"], &[]);
    let (crowd, deaf) = (Arc::new(crowd(&siege)), siege.adversary("deaf"));
    let floods: Vec<Adversary> = ["f", "g"].map(|id| siege.adversary(id)).into_iter().collect();
    let going = never_read(&deaf, siege.leader());
    let weighing = weigh(&siege, &crowd);
    let flooding: Vec<Going> = floods.iter().map(|flood| request_without_end(flood, siege.leader())).collect();
    let feeding = feed(&mut siege.peers[1]);
    siege.add("newcomer");
    siege.wait_until_all_meet();
    let threads = siege.peers.iter().map(|peer| figure(peer, "Threads")).max().expect("three");
    feeding.join().expect("it only writes");
    siege.peers[1].wait_for(&format!("End of input, {READINGS} readings delivered"));
    let memory: Vec<u64> = siege.peers.iter().map(|peer| figure(peer, "VmHWM")).collect();
    println!("at most {memory:?} kB, {threads} threads");
    assert!(threads < THREADS_MAX, "{threads} threads");
    assert!(memory.iter().all(|memory| *memory < MEMORY_MAX), "{memory:?} kB, of {MEMORY_MAX}");
    drop((going, weighing, flooding, crowd, deaf, floods));
    siege.end_with(&[(LONG, READINGS)]);
}

#[test]
fn connections_that_say_nothing_do_not_keep_a_newcomer_out() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    // Each closed connection is replaced.
    let press = |peer: &Peer| {
        let address = peer.address();
        let mut held: Vec<Option<Link>> = vec![None; SILENT];
        Going::on(move || {
            for place in &mut held {
                if place.as_ref().is_none_or(Link::is_over) {
                    *place = Link::try_to(&address);
                }
            }
            thread::park_timeout(Duration::from_millis(1));
            true
        })
    };
    let pressing: Vec<Going> = siege.peers.iter().map(press).collect();
    siege.wait_for_progress();
    let began = Instant::now();
    siege.add("newcomer");
    siege.wait_until_all_meet();
    println!("the newcomer was in after {:?}", began.elapsed());
    siege.peers[2].wait_for_rows(1);
    siege.wait_for_progress();
    drop(pressing);
    siege.end();
}
