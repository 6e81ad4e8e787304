//! `sensor-watch`: sees that a source has been asked and does not answer. Its own thread is the one that waits, and cannot tell.

use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::lock::{lock, wait};
use crate::complaints::{Complaints, Subject};
use crate::sensors::Source;

/// The name of the complaint.
const BLOCKED: &str = "sensor_blocked";

/// When to look at the sources next. While none is asked, nobody looks.
#[derive(Debug, Default)]
pub(super) struct NextLook {
    at: Mutex<Option<Instant>>,
    sooner: Condvar,
}

impl NextLook {
    /// Looks then at the latest. A thread that waits for an earlier time finds out when that comes, so a source that
    /// answers as it should wakes it no more than twice within its patience.
    fn no_later_than(&self, at: Instant) {
        let mut next = lock(&self.at);
        if next.is_none_or(|next| at < next) {
            *next = Some(at);
            self.sooner.notify_one();
        }
    }

    /// Waits until it is time.
    fn wait(&self) {
        let mut next = lock(&self.at);
        loop {
            let left = next.map(|at| at.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            next = wait(&self.sooner, next, left);
        }
        // The look that follows names the next one.
        *next = None;
    }
}

/// Since when a source is being asked.
#[derive(Debug)]
pub(super) struct Asked {
    what: String,
    patience: Duration,
    wait: Mutex<Wait>,
    next: Arc<NextLook>,
}

#[derive(Debug, Default)]
struct Wait {
    since: Option<Instant>,
    /// The log says so.
    reported: bool,
}

impl Asked {
    /// `None`: this source may take as long as it likes.
    pub(super) fn of(source: &dyn Source, next: &Arc<NextLook>) -> Option<Self> {
        let (what, patience) = (source.describe(), source.patience()?);
        Some(Self { what, patience, wait: Mutex::default(), next: Arc::clone(next) })
    }

    /// Asks. While it lasts, others see since when.
    pub(super) fn timing<T>(&self, complaints: &Complaints, ask: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        lock(&self.wait).since = Some(since);
        self.next.no_later_than(since + self.patience);
        let answer = ask();
        let Wait { reported, .. } = std::mem::take(&mut *lock(&self.wait));
        if reported {
            let text = format!("{} answers again", self.what);
            complaints.over(&Subject::Own(self.what.clone()), &[BLOCKED], &text);
        }
        answer
    }

    /// Complains if it has lasted too long. Returns when to look again; `None`: it is not asked.
    fn look(&self, complaints: &Complaints, now: Instant) -> Option<Instant> {
        let since = lock(&self.wait).since?;
        if now < since + self.patience {
            return Some(since + self.patience);
        }
        let lasts = now.saturating_duration_since(since).as_secs();
        let text =
            format!("{} was asked {lasts} s ago and does not answer; no readings of it until it does", self.what);
        complaints.complain(Subject::Own(self.what.clone()), BLOCKED, &text);
        // Set after the complaint, so that an answer that sees it ends a complaint that is there. If the answer came
        // meanwhile, the next answer ends it.
        lock(&self.wait).reported = true;
        Some(now + self.patience)
    }
}

/// Looks at all of them, for ever: each is reported once its patience is over, and again each time that it is over again.
pub(super) fn run(complaints: &Complaints, next: &NextLook, all: &[Arc<Asked>]) {
    loop {
        next.wait();
        for at in all.iter().filter_map(|asked| asked.look(complaints, Instant::now())) {
            next.no_later_than(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::trial::{ended, until};
    use super::*;
    use crate::sensors::Taken;

    #[test]
    fn it_is_told_while_a_source_does_not_answer_and_when_it_does() {
        let complaints = Complaints::default();
        let second = Duration::from_secs(1);
        let asked =
            Asked { what: "iio:0".to_owned(), patience: 2 * second, wait: Mutex::default(), next: Arc::default() };
        let heard = || complaints.heard().into_iter().map(|(_, _, text)| text).collect::<Vec<_>>();
        assert_eq!(asked.look(&complaints, Instant::now() + 9 * second), None);
        asked.timing(&complaints, || {
            let since = lock(&asked.wait).since.unwrap();
            assert_eq!(asked.look(&complaints, since + second), Some(since + 2 * second));
            assert_eq!(heard(), [""; 0]);
            assert_eq!(asked.look(&complaints, since + 3 * second), Some(since + 5 * second));
        });
        assert_eq!(heard(), ["iio:0 was asked 3 s ago and does not answer; no readings of it until it does"]);
        assert_eq!(asked.look(&complaints, Instant::now() + 9 * second), None);
        assert_eq!(heard().len(), 1, "it has answered");
    }

    #[test]
    fn a_look_waits_for_the_earliest_time_and_without_end_while_nobody_is_asked() {
        let next = Arc::new(NextLook::default());
        let begun = Instant::now();
        let [soon, late] = [20, 3_600_000].map(|ms| begun + Duration::from_millis(ms));
        for (at, expected) in [(late, late), (soon, soon), (late, soon)] {
            next.no_later_than(at);
            assert_eq!(*lock(&next.at), Some(expected));
        }
        next.wait();
        assert!(begun.elapsed() >= Duration::from_millis(20));
        assert_eq!(*lock(&next.at), None);
        let shared = Arc::clone(&next);
        let waits = thread::spawn(move || shared.wait());
        thread::sleep(Duration::from_millis(20));
        assert!(!waits.is_finished(), "nobody is asked");
        next.no_later_than(late);
        next.no_later_than(Instant::now());
        ended(waits);
    }

    #[test]
    fn a_source_names_the_next_look_when_it_is_asked() {
        let next = Arc::default();
        let asked = Asked::of(&Slow(Some(Duration::from_secs(7))), &next).unwrap();
        asked.timing(&Complaints::default(), || {
            let since = lock(&asked.wait).since.unwrap();
            assert_eq!(*lock(&next.at), Some(since + Duration::from_secs(7)));
        });
    }

    /// A source that is given up on after this long.
    struct Slow(Option<Duration>);

    impl Source for Slow {
        fn interval(&self) -> Option<Duration> {
            None
        }

        fn take(&mut self, _: u64) -> Taken {
            Taken::End
        }

        fn patience(&self) -> Option<Duration> {
            self.0
        }

        fn readings(&self) -> u64 {
            0
        }

        fn describe(&self) -> String {
            "slow".to_owned()
        }
    }

    #[test]
    fn a_source_that_may_take_as_long_as_it_likes_is_not_watched() {
        assert!(Asked::of(&Slow(None), &Arc::default()).is_none());
    }

    #[test]
    fn all_that_are_asked_are_looked_at_for_ever() {
        let complaints = Arc::new(Complaints::default());
        let next = Arc::default();
        let asked = |ms| Arc::new(Asked::of(&Slow(Some(Duration::from_millis(ms))), &next).unwrap());
        let [quick, slow] = [10, 20].map(asked);
        let (shared, all) = (Arc::clone(&complaints), [Arc::clone(&quick), Arc::clone(&slow)]);
        let own = Arc::clone(&next);
        let looks = thread::spawn(move || run(&shared, &own, &all));
        for asked in [&slow, &quick] {
            let before = complaints.heard().len();
            asked.timing(&complaints, || until(|| complaints.heard().len() > before || looks.is_finished()));
        }
        assert!(!looks.is_finished());
        let heard = complaints.heard();
        assert!(heard
            .iter()
            .all(|(subject, kind, _)| (subject, kind.event) == (&Subject::Own("slow".to_owned()), BLOCKED)));
    }
}
