//! Which thread orders what, and what is ordered together.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded, RecvTimeoutError};

use super::super::opening;
use super::super::share::{Pool, Share};
use super::super::trial::{ended, steps, Trial, PATIENCE};
use super::*;
use crate::protocol::{Done, Found, Peer, AHEAD_READINGS};
use crate::wire::Lines;

type Asked = (ConnectionId, Term, Request);

/// The readings from this number on, which came on the connection of that number.
fn request(first: u64, count: u64) -> Asked {
    let lines = Lines::new("DATA|s||1||\n".repeat(usize::try_from(count).unwrap()).into_bytes(), count);
    (ConnectionId(first), "1@a/1".parse().unwrap(), Request { origin: "b/1".parse().unwrap(), first, lines })
}

fn kept() -> Kept {
    Share::new(&Pool::new(1, 1)).keep(0).unwrap()
}

fn ordered(requests: &[Asked]) -> String {
    format!("<- {:?}", Input::Requests(requests.to_vec()))
}

/// The storage has reached that much of a log that is as long as it may be ahead.
fn stored(node: &Arc<Node>, last: u64) {
    node.step(Input::Stored(vec![Done::Appended { last }]));
}

/// A peer whose storage is behind.
fn slow() -> Trial {
    let trial = Trial::new();
    let found = Found { runs: vec![("1@a/1".parse().unwrap(), 1)], last: AHEAD_READINGS, ..Found::default() };
    let settings = opening::settings(&trial.node.config, 1, "127.0.0.1:9".parse().unwrap());
    *lock(&trial.node.core) = Peer::new(settings, &found, Duration::ZERO);
    stored(&trial.node, 0);
    trial
}

#[test]
fn a_request_is_ordered_by_its_reader_where_it_comes_alone_and_the_storage_keeps_up() {
    for (is_slow, is_before, more, by_reader) in [
        (false, false, false, true),
        (false, false, true, false),
        (false, true, false, false),
        (true, false, false, false),
        (true, false, true, false),
    ] {
        let case = format!("slow {is_slow}, something before {is_before}, more {more}");
        let trial = if is_slow { slow() } else { Trial::new() };
        if is_before {
            trial.node.hand_to_sequencer(SequencerItem::Ended(ConnectionId(1)));
            assert!(matches!(trial.for_sequencer.try_recv(), Ok(SequencerItem::Ended(ConnectionId(1)))));
        }
        let ((), steps) = steps(|| trial.node.order(request(7, 1), kept(), more));
        assert_eq!(steps, if by_reader { vec![ordered(&[request(7, 1)])] } else { vec![] }, "{case}");
        let handed =
            matches!(trial.for_sequencer.try_recv(), Ok(SequencerItem::Request(handed, _)) if handed == request(7, 1));
        assert_eq!((handed, trial.node.queue.begin()), (!by_reader, by_reader), "{case}");
    }
}

/// Makes the sequencer do all of that, and returns what the core is told.
fn sequenced(trial: &Trial, items: Vec<SequencerItem>) -> Vec<String> {
    trial.node.queue.add(items.len());
    let (queue, inbox) = unbounded();
    for item in items {
        queue.send(item).unwrap();
    }
    drop(queue);
    let node = Arc::clone(&trial.node);
    ended(thread::spawn(move || steps(|| run(&node, &inbox)).1))
}

#[test]
fn requests_that_wait_are_ordered_together_up_to_a_batch_and_an_end_comes_after_what_was_before_it() {
    let trial = Trial::new();
    let pool = Pool::new(100, 100);
    let all = [request(1, READINGS_MAX - 1), request(2000, 1), request(3000, 1), request(4000, 1), request(5000, 1)];
    let ended = ConnectionId(3000);
    let share = Share::new(&pool);
    let mut items: Vec<_> =
        all.iter().map(|request| SequencerItem::Request(request.clone(), share.keep(20).unwrap())).collect();
    items.insert(3, SequencerItem::Ended(ended));
    let expected = [
        ordered(&all[..2]),
        ordered(&all[2..3]),
        format!("<- {:?}", Input::Ended { connection: ended }),
        ordered(&all[3..]),
    ];
    assert!(share.keep(1).is_none());
    assert_eq!(sequenced(&trial, items), expected);
    assert!(share.keep(100).is_some(), "what was ordered waits no longer");
    assert!(trial.node.queue.begin(), "nothing is before what comes now");
}

#[test]
fn nothing_is_ordered_until_the_storage_keeps_up() {
    let trial = slow();
    let node = Arc::clone(&trial.node);
    let (done, waits) = bounded(1);
    let thread = thread::spawn(move || {
        wait_for_storage(&node);
        done.send(()).unwrap();
    });
    // It would be there by now if it did not wait.
    assert_eq!(waits.recv_timeout(Duration::from_millis(50)), Err(RecvTimeoutError::Timeout));
    stored(&trial.node, 1);
    assert_eq!(waits.recv_timeout(PATIENCE), Ok(()));
    thread.join().unwrap();
}
