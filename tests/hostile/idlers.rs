//! Members that do nothing, and peers that ask for everything again and again.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use peer::protocol::AHEAD_READINGS;
use peer::wire::{Message, RunList};

use super::ears::Conduct;
use super::harness::feeder;
use super::siege::{self, Siege};

/// How long a loop goes on.
const LOOP: Duration = Duration::from_secs(3);

#[test]
fn members_that_live_and_store_nothing_do_not_keep_the_others_from_committing() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let idlers: Vec<_> = ["x", "y", "z"].map(|id| siege.adversary(id)).into_iter().collect();
    for idler in &idlers {
        idler.join(siege.leader());
    }
    for idler in &idlers {
        idler.ears.set_conduct(Conduct::Idle);
    }
    // They are five: without the three nothing is committed until they are dropped.
    siege.wait_for_progress();
    siege.wait_for_progress();
    siege.end();
    drop(idlers);
}

#[test]
fn a_member_that_asks_for_the_log_again_and_again_is_sent_a_few_logs_at_most() {
    let mut siege = Siege::begin(&["a", "b"], &["b"], &[]);
    siege.peers[0].feed_numbered(0, READINGS);
    siege.peers[0].wait_for_rows(usize::try_from(READINGS).expect("not so many"));
    let greedy = siege.adversary("greedy");
    let link = greedy.join(siege.leader());
    let log = READINGS * feeder::line("a", READINGS).len() as u64;
    let term = greedy.view_of(siege.leader()).term;
    let before = greedy.ears.bytes.load(Ordering::Relaxed);
    let (begun, mut asked) = (Instant::now(), 0_u128);
    while begun.elapsed() < LOOP && link.say(&Message::Fetch { term: term.clone(), from: 1 }) {
        asked += 1;
        thread::park_timeout(Duration::from_millis(1));
    }
    let sent = greedy.ears.bytes.load(Ordering::Relaxed) - before;
    // This often in a row, and as often in each heartbeat timeout, however long the loop took on a busy machine.
    let times = AGAIN_MAX * (2 + begun.elapsed().as_secs() / HEARTBEAT_TIMEOUT.as_secs());
    let most = log + times * log.min(log * AHEAD_READINGS / READINGS);
    println!("FETCH {asked} times: {sent} bytes of a log of {log}, and {most} may be");
    assert!(sent <= most, "asked {asked} times, it was sent {sent} bytes of a log of {log}; {most} may be");
    assert!(u128::from(most) < u128::from(log) * asked / 4, "asked {asked} times: too few to see a bound of {most} by");
    drop(greedy);
    siege.peers[0].end_input();
    siege.end_with(&[("a", READINGS)]);
}

/// How often a member is sent again what it was sent before (docs/trust.md), in a heartbeat timeout of these tests.
const AGAIN_MAX: u64 = 16;
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(2);

/// A log of some MB.
const READINGS: u64 = 80_000;

#[test]
fn a_peer_that_joins_again_and_again_is_taken_in_a_few_times_at_most() {
    let mut siege = Siege::begin(&["a", "b"], &["a", "b"], &[]);
    let restless = siege.adversary("restless");
    restless.ears.set_conduct(Conduct::Faithful);
    let link = restless.dial(siege.leader());
    restless.ears.set_mouth(link.clone());
    let until = Instant::now() + LOOP;
    let mut asked = 0;
    while Instant::now() < until {
        link.say(&Message::Join { promised: None, priority: 0, runs: RunList::new(), last: 0, limits: None });
        asked += 1;
        thread::park_timeout(Duration::from_millis(1));
    }
    let added = restless.ears.count(|message| matches!(message, Message::Added { .. }));
    println!("JOIN {asked} times: taken in {added} times");
    assert!(added > 0 && added < 100, "asked {asked} times, it was taken in {added} times");
    siege.wait_for_progress();
    drop(restless);
    siege::wait_for_view(&siege.peers);
    siege.end();
}
