//! Leaders that answer and take nobody in: a starting peer finds its group, or founds one, all the same.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use peer::wire::{Belongs, Contact, Here, Leadership, Message};

use super::adversary::{peer_id, term, view, Adversary};
use super::ears::{self, Asked, Ears};
use super::harness::{Group, Peer};
use super::siege::{wait_for_view, Siege};

/// The pause between two calls.
const PAUSE: Duration = Duration::from_millis(25);

/// How long a group is called.
const CALLS: Duration = Duration::from_secs(8);

/// A starting peer has a group within this time: sixty election timeouts.
const PATIENCE: Duration = Duration::from_secs(30);

/// A leader under many names that calls all the time; every name answers that it leads many.
struct Sirens {
    ears: Arc<Ears>,
    over: Arc<AtomicBool>,
    calling: Option<JoinHandle<()>>,
}

impl Sirens {
    fn call(siren: Adversary, names: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let me = siren.me.clone();
        let name_of = move |number: usize| Contact { id: peer_id(&format!("siren{}", number % names)), ..me.clone() };
        let answers = name_of.clone();
        siren.ears.set_answer(Box::new(move |asked: &Asked| {
            let contact = answers(asked.before);
            let belongs = Belongs::Leads(view(9, &contact));
            let here = Here { nonce: asked.nonce, contact, seeking: false, serves: true, dialled: true, belongs };
            ears::bytes(&Message::Here(Box::new(here)))
        }));
        let ears = Arc::clone(&siren.ears);
        let ended = Arc::clone(&over);
        let calling = thread::spawn(move || {
            // It ends by itself, even if nobody stops it.
            for number in 0..2_400 {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let leader = name_of(number);
                let leadership = Leadership { term: term(9, &leader), leader, size: 99, last: 999 };
                siren.cast(&Message::Leader(leadership));
                thread::park_timeout(PAUSE);
            }
        });
        Self { ears, over, calling: Some(calling) }
    }

    fn asked(&self) -> usize {
        self.ears.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Sirens {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(calling) = self.calling.take() {
            // It only sends.
            let _ = calling.join();
        }
    }
}

#[test]
fn a_starting_peer_among_leaders_that_take_nobody_in_founds_a_group() {
    let group = Group::new();
    let sirens = Sirens::call(Adversary::new("siren", group.broadcast_port), 20);
    let began = Instant::now();
    let mut peer: Peer = group.start_fed("a");
    peer.feed_numbered(0, 100);
    peer.end_input();
    peer.wait_for("End of input, 100 readings delivered");
    println!("founded among sirens after {:?}, asked {} times", began.elapsed(), sirens.asked());
    assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
    drop(sirens);
    wait_for_view(&[peer]);
}

#[test]
fn a_starting_peer_among_leaders_that_take_nobody_in_finds_the_group() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let sirens = Sirens::call(siege.adversary("siren"), 20);
    let began = Instant::now();
    siege.add("c");
    siege.peers[2].wait_for_rows(1);
    println!("found the group among sirens after {:?}, asked {} times", began.elapsed(), sirens.asked());
    assert!(began.elapsed() < PATIENCE, "it took {:?}", began.elapsed());
    // Peers of a group are called, too, and it costs them no more than a few terms.
    let until = Instant::now() + CALLS;
    while Instant::now() < until {
        thread::park_timeout(PAUSE);
    }
    let began = Instant::now();
    siege.wait_for_progress();
    println!("went on among sirens after {:?}, asked {} times", began.elapsed(), sirens.asked());
    drop(sirens);
    siege.end();
    for (at, peer) in siege.peers.iter().enumerate() {
        let views = siege.since(at).iter().filter(|line| line.contains(": View ")).count();
        println!("{}: {views} views", peer.id);
    }
}
