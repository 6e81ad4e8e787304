//! When a source is asked, and what becomes of what it gives.

use std::collections::VecDeque;

use crossbeam_channel::Receiver;

use super::super::inbox::StorageItem;
use super::super::trial::{ended, steps, Trial};
use super::*;
use crate::config::tests::config;
use crate::protocol::PENDING_READINGS_MAX;
use crate::sensors::{Mark, Positions};

/// A source that gives these, one after the other.
struct Script {
    interval: Option<Duration>,
    gives: VecDeque<Taken>,
    readings: u64,
    /// When it was asked, and for how many readings.
    asked: Vec<(Instant, u64)>,
    mark: Option<Mark>,
}

impl Source for Script {
    fn interval(&self) -> Option<Duration> {
        self.interval
    }

    fn take(&mut self, room: u64) -> Taken {
        self.asked.push((Instant::now(), room));
        let taken = self.gives.pop_front().expect("it is not asked after its end");
        if let Taken::Readings(lines) = &taken {
            self.readings += lines.count();
        }
        taken
    }

    fn mark(&self) -> Option<Mark> {
        self.mark
    }

    fn readings(&self) -> u64 {
        self.readings
    }

    fn describe(&self) -> String {
        "file:f".to_owned()
    }
}

fn script(gives: impl IntoIterator<Item = Taken>, interval: Option<Duration>) -> Script {
    Script { interval, gives: gives.into_iter().collect(), readings: 0, asked: Vec::new(), mark: None }
}

fn lines(count: u64) -> Lines {
    Lines::new("DATA|s||1||\n".repeat(usize::try_from(count).unwrap()).into_bytes(), count)
}

fn readings(count: u64) -> Taken {
    Taken::Readings(lines(count))
}

/// Runs the source to its end; returns what the core is told.
fn runs(trial: &Trial, mut source: Script, marks: Option<Marks>) -> (Script, Vec<String>) {
    let node = Arc::clone(&trial.node);
    ended(thread::spawn(move || {
        let ((), steps) = steps(|| run(&node, (0, &mut source), (None, marks.as_ref())));
        (source, steps)
    }))
}

/// Asks the source once; returns what it gave.
fn takes(trial: &Trial, mut source: Script) -> (Script, Taken) {
    let node = Arc::clone(&trial.node);
    ended(thread::spawn(move || {
        let taken = take(&node, &mut source, None);
        (source, taken)
    }))
}

fn told(input: &Input) -> String {
    format!("<- {input:?}")
}

#[test]
fn what_a_source_gives_is_handed_in_and_counted_and_its_end_told() {
    let trial = Trial::with(|into| into.sensors = config().sensors);
    let gives = [readings(1), Taken::Nothing, Taken::Again, readings(2), Taken::End];
    let (source, steps) = runs(&trial, script(gives, None), None);
    let expected = [Input::Readings(lines(1)), Input::Readings(lines(2)), Input::EndOfInput { readings: 3 }];
    assert_eq!(steps, expected.each_ref().map(told));
    assert_eq!(trial.node.counts.sources(), [("mock".to_owned(), 3)]);
    let room = source.asked.iter().map(|(_, room)| *room).collect::<Vec<_>>();
    let full = PENDING_READINGS_MAX;
    assert_eq!(room, [full, full - 1, full - 1, full - 1, full - 3]);
}

#[test]
fn a_source_with_an_interval_is_asked_no_more_often() {
    let (trial, interval, begun) = (Trial::new(), Duration::from_millis(20), Instant::now());
    let gives = [Taken::Nothing, Taken::Nothing, Taken::Nothing, Taken::End];
    let (source, _) = runs(&trial, script(gives, Some(interval)), None);
    for (times, (asked, _)) in (0..).zip(source.asked) {
        assert!(asked.duration_since(begun) >= interval * times, "{times}");
    }
}

#[test]
fn the_rest_of_a_reading_is_asked_for_within_the_interval() {
    let (trial, begun) = (Trial::new(), Instant::now());
    let interval = Duration::from_millis(160);
    let (source, taken) = takes(&trial, script([Taken::Again, Taken::Again, readings(1)], Some(interval)));
    assert_eq!(taken, readings(1));
    let last = source.asked.last().unwrap().0;
    assert!(last.duration_since(begun) >= 2 * pause_of(interval), "it needs a moment");
    for (interval, pause) in [(160, 20), (8000, 1000), (15_000, 1000)] {
        assert_eq!(pause_of(Duration::from_millis(interval)), Duration::from_millis(pause));
    }
    let (_, taken) = takes(&trial, script([Taken::Again, readings(1)], None));
    assert_eq!(taken, Taken::Again, "it has waited itself");
}

#[test]
fn a_source_waits_for_room_in_the_core_and_on_the_disk() {
    // No disk has so much.
    let trial = Trial::with(|config| config.min_free = u64::MAX);
    let has_room = || room(&trial.node, &lock(&trial.node.core));
    assert_eq!(has_room(), Some(PENDING_READINGS_MAX));
    for _ in 1..PENDING_READINGS_MAX / ROOM_READINGS {
        trial.node.step(Input::Readings(lines(ROOM_READINGS)));
    }
    assert_eq!(has_room(), Some(ROOM_READINGS));
    trial.node.step(Input::Readings(lines(1)));
    assert_eq!(has_room(), None);

    let trial = Trial::with(|config| config.min_free = u64::MAX);
    trial.node.reserve.look(&trial.node.complaints);
    assert_eq!(room(&trial.node, &lock(&trial.node.core)), None);
}

/// The storage says of all that it is safe.
fn says_safe(inbox: &Receiver<StorageItem>) {
    while let Ok(StorageItem::Safe(answer)) = inbox.recv() {
        answer.send(()).unwrap();
    }
}

#[test]
fn where_it_is_kept_how_far_a_source_was_read_its_end_is_noted_too() {
    for (bytes, gives) in [(7, vec![readings(1), Taken::End]), (9, vec![Taken::End])] {
        let trial = Trial::new();
        let path = trial.temp.path().join("positions");
        let (mark, marks) = (Mark { bytes, sum: 1 }, Marks::new(Positions::open(&path).unwrap()));
        let inbox = trial.for_storage.clone();
        let storage = thread::spawn(move || says_safe(&inbox));
        runs(&trial, Script { mark: Some(mark), ..script(gives, None) }, Some(marks));
        assert_eq!(Positions::open(&path).unwrap().of("file:f"), mark);
        trial.node.storage.send(StorageItem::Probe).unwrap();
        storage.join().unwrap();
    }
}
