//! `sensor-watch`: sees that a source has been asked and does not answer. Its own thread is the one that waits, and cannot tell.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::lock::lock;
use crate::complaints::{Complaints, Subject};
use crate::sensors::Source;

/// The name of the complaint.
const BLOCKED: &str = "sensor_blocked";

/// Since when a source is being asked.
#[derive(Debug)]
pub(super) struct Asked {
    what: String,
    patience: Duration,
    wait: Mutex<Wait>,
}

#[derive(Debug, Default)]
struct Wait {
    since: Option<Instant>,
    /// The log says so.
    reported: bool,
}

impl Asked {
    /// `None`: this source may take as long as it likes.
    pub(super) fn of(source: &dyn Source) -> Option<Self> {
        Some(Self { what: source.describe(), patience: source.patience()?, wait: Mutex::default() })
    }

    /// Asks. While it lasts, others see since when.
    pub(super) fn timing<T>(&self, complaints: &Complaints, ask: impl FnOnce() -> T) -> T {
        lock(&self.wait).since = Some(Instant::now());
        let answer = ask();
        let Wait { reported, .. } = std::mem::take(&mut *lock(&self.wait));
        if reported {
            let text = format!("{} answers again", self.what);
            complaints.over(&Subject::Own(self.what.clone()), &[BLOCKED], &text);
        }
        answer
    }

    /// Complains if it has lasted too long.
    fn look(&self, complaints: &Complaints, now: Instant) {
        let mut wait = lock(&self.wait);
        let Some(since) = wait.since.filter(|since| now.saturating_duration_since(*since) >= self.patience) else {
            return;
        };
        wait.reported = true;
        drop(wait);
        let lasts = now.saturating_duration_since(since).as_secs();
        let text =
            format!("{} was asked {lasts} s ago and does not answer; no readings of it until it does", self.what);
        complaints.complain(Subject::Own(self.what.clone()), BLOCKED, &text);
    }
}

/// Looks at all of them, for ever: each is reported within twice its patience.
pub(super) fn run(complaints: &Complaints, all: &[Arc<Asked>]) {
    let pause = all.iter().map(|asked| asked.patience).min().expect("there is one to look at");
    loop {
        thread::sleep(pause);
        for asked in all {
            asked.look(complaints, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::trial::until;
    use super::*;
    use crate::sensors::Taken;

    #[test]
    fn it_is_told_while_a_source_does_not_answer_and_when_it_does() {
        let complaints = Complaints::default();
        let second = Duration::from_secs(1);
        let asked = Asked { what: "iio:0".to_owned(), patience: 2 * second, wait: Mutex::default() };
        let heard = || complaints.heard().into_iter().map(|(_, _, text)| text).collect::<Vec<_>>();
        asked.look(&complaints, Instant::now() + 9 * second);
        asked.timing(&complaints, || {
            let since = lock(&asked.wait).since.unwrap();
            asked.look(&complaints, since + second);
            assert_eq!(heard(), [""; 0]);
            asked.look(&complaints, since + 3 * second);
        });
        assert_eq!(heard(), ["iio:0 was asked 3 s ago and does not answer; no readings of it until it does"]);
        asked.look(&complaints, Instant::now() + 9 * second);
        assert_eq!(heard().len(), 1, "it has answered");
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
        assert!(Asked::of(&Slow(None)).is_none());
    }

    #[test]
    fn all_that_are_asked_are_looked_at_for_ever() {
        let complaints = Arc::new(Complaints::default());
        let [quick, slow] = [10, 20].map(|ms| Arc::new(Asked::of(&Slow(Some(Duration::from_millis(ms)))).unwrap()));
        let (shared, all) = (Arc::clone(&complaints), [Arc::clone(&quick), Arc::clone(&slow)]);
        let looks = thread::spawn(move || run(&shared, &all));
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
