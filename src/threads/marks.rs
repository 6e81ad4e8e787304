//! What was read of files is noted once it is on the disk: nothing is read twice after a restart, and nothing missed, not even
//! after a power cut.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;

use super::inbox::StorageItem;
use super::lock::{lock, wait};
use super::node::Node;
use crate::complaints::Subject;
use crate::protocol::Input;
use crate::sensors::{Mark, Positions};
use crate::wire::Lines;

/// The name of the complaint.
const UNWRITTEN: &str = "position_unwritten";

/// The positions of all sources. One at a time hands readings in and notes how far they go.
#[derive(Debug)]
pub(super) struct Marks {
    positions: Mutex<Positions>,
    /// A source is between handing in and noting.
    busy: Mutex<bool>,
    free: Condvar,
}

impl Marks {
    pub(super) fn new(positions: Positions) -> Self {
        Self { positions: Mutex::new(positions), busy: Mutex::new(false), free: Condvar::new() }
    }

    /// Hands readings in, where there are any, and notes the mark after them once they are on the disk.
    pub(super) fn hand_in(&self, node: &Arc<Node>, source: &str, (lines, mark): (Option<Lines>, Mark)) {
        let mut busy = lock(&self.busy);
        while *busy {
            busy = wait(&self.free, busy, None);
        }
        *busy = true;
        drop(busy);
        let taken = lines.is_none_or(|lines| node.takes_in(Input::Readings(lines)));
        if taken && is_safe(node) {
            self.note(node, source, mark);
        }
        *lock(&self.busy) = false;
        self.free.notify_all();
    }

    fn note(&self, node: &Node, source: &str, mark: Mark) {
        let noted = lock(&self.positions).note(source, mark);
        let subject = Subject::Own(source.to_owned());
        match noted {
            Ok(()) => node.complaints.over(&subject, &[UNWRITTEN], &format!("The position in {source} is noted again")),
            Err(error) => {
                let text =
                    format!("The position in {source} cannot be noted, and may be read again after a restart: {error}");
                node.complaints.complain(subject, UNWRITTEN, &text);
            }
        }
    }

    /// Waits until what was handed in is noted, for this long at most.
    pub(super) fn settle(&self, most: Duration) {
        let until = Instant::now() + most;
        let mut busy = lock(&self.busy);
        while *busy && Instant::now() < until {
            busy = wait(&self.free, busy, Some(until.saturating_duration_since(Instant::now())));
        }
    }
}

/// Waits until all that was handed to the storage is on the disk. A storage that ended has not synced it.
fn is_safe(node: &Node) -> bool {
    let (safe, wait) = bounded(1);
    node.storage.send(StorageItem::Safe(safe)).is_ok() && wait.recv().is_ok()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use crossbeam_channel::Sender;

    use super::super::trial::{ended, Trial};
    use super::*;
    use crate::storage::TempDir;

    const MARK: Mark = Mark { bytes: 12, sum: 7 };

    fn marks(trial: &Trial) -> Marks {
        Marks::new(Positions::open(&trial.temp.path().join("positions")).unwrap())
    }

    /// How far the file says that the source was read.
    fn noted(trial: &Trial) -> Mark {
        Positions::open(&trial.temp.path().join("positions")).unwrap().of("file:f")
    }

    fn reading() -> Lines {
        Lines::new(b"DATA|s||1||\n".to_vec(), 1)
    }

    /// Hands in, and the storage does this when it is asked whether all is safe. Returns how far the source was read by
    /// then, and whether the storage was asked.
    fn hands_in(trial: &Trial, lines: Option<Lines>, answer: impl FnOnce(Sender<()>) + Send) -> (Mark, bool) {
        let marks = marks(trial);
        let inbox = trial.for_storage.clone();
        let asked = thread::scope(|scope| {
            let storage = scope.spawn(move || match inbox.recv().unwrap() {
                StorageItem::Safe(asks) => {
                    answer(asks);
                    true
                }
                _ => false,
            });
            marks.hand_in(&trial.node, "file:f", (lines, MARK));
            trial.node.storage.send(StorageItem::Probe).unwrap();
            storage.join().unwrap()
        });
        assert!(!*lock(&marks.busy), "the next source may");
        (noted(trial), asked)
    }

    #[test]
    fn how_far_a_source_was_read_is_noted_once_that_is_safe() {
        for (lines, taken) in [(Some(reading()), 1), (None, 0)] {
            let trial = Trial::new();
            let answer = |asks: Sender<()>| {
                assert_eq!(noted(&trial), Mark::default(), "not yet");
                asks.send(()).unwrap();
            };
            assert_eq!(hands_in(&trial, lines, answer), (MARK, true));
            assert_eq!(lock(&trial.node.core).taken(), taken);
        }
    }

    #[test]
    fn nothing_is_noted_that_a_storage_which_ends_may_not_have() {
        let trial = Trial::new();
        assert_eq!(hands_in(&trial, Some(reading()), drop), (Mark::default(), true), "it was asked, and ended");
        let Trial { node, for_storage, temp: _temp, .. } = trial;
        drop(for_storage);
        assert!(!is_safe(&node), "it has ended before");
    }

    #[test]
    fn nothing_is_noted_that_a_peer_which_stops_does_not_take() {
        let trial = Trial::new();
        trial.node.step(Input::Stop);
        assert_eq!(hands_in(&trial, Some(reading()), |asks| asks.send(()).unwrap()), (Mark::default(), false));
    }

    /// Waits for what is to be noted, as a peer does that ends.
    fn settles(marks: &Arc<Marks>, most: Duration) {
        let shared = Arc::clone(marks);
        ended(thread::spawn(move || shared.settle(most)));
    }

    #[test]
    fn the_end_waits_for_a_source_that_notes_how_far_it_is_and_not_for_ever() {
        let temp = TempDir::new();
        let marks = Arc::new(Marks::new(Positions::open(&temp.path().join("positions")).unwrap()));
        let (most, begun) = (Duration::from_millis(50), Instant::now());
        *lock(&marks.busy) = true;
        settles(&marks, most);
        assert!(begun.elapsed() >= most, "it may be about to");
        thread::scope(|scope| {
            scope.spawn(|| {
                *lock(&marks.busy) = false;
                marks.free.notify_all();
            });
            settles(&marks, Duration::from_secs(3600));
            assert!(!*lock(&marks.busy));
        });
    }
}
