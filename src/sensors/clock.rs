//! The time for readings that come without one, and whether the clock of this host is known to be set.
//!
//! A Raspberry Pi has no clock that runs while it is off. It starts with the time that it last knew, or in 1970, and learns the
//! right one from the network, perhaps minutes later, perhaps never. Readings taken until then carry a mark in the log.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::text_of;
use crate::complaints::{Complaints, Subject};
use crate::reading::UNSURE_TIME;

/// The name of the complaint.
const UNSET: &str = "clock_unset";

/// Somebody set the clock if it has moved by this much more, or less, than the time that passed.
const STEP: Duration = Duration::from_secs(2);

/// A timestamp for a reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) text: String,
    /// What ends the payload of a reading that has this timestamp: nothing, or the mark.
    pub(super) mark: &'static str,
}

/// Tells the time of day; only the timestamps of readings come from it.
pub struct Clock {
    now: Box<dyn Fn() -> Timestamp + Send>,
    watch: Option<(Arc<Setting>, Arc<Complaints>)>,
}

impl Clock {
    /// A clock that asks `now` each time, and is set.
    #[must_use]
    pub fn new(now: impl Fn() -> Timestamp + Send + 'static) -> Self {
        Self { now: Box::new(now), watch: None }
    }

    /// The clock of this host, of which `setting` knows whether it is set.
    pub(super) fn of_host(now: fn() -> Timestamp, setting: &Arc<Setting>, complaints: &Arc<Complaints>) -> Self {
        Self { now: Box::new(now), watch: Some((Arc::clone(setting), Arc::clone(complaints))) }
    }

    pub(super) fn stamp(&self) -> Stamp {
        let now = (self.now)();
        let is_set = self.watch.as_ref().is_none_or(|(setting, complaints)| setting.look(now, complaints));
        Stamp { text: text_of(now), mark: if is_set { "" } else { UNSURE_TIME } }
    }

    /// A reading got this timestamp: a doubtful one is reported.
    pub(super) fn gave(&self, stamp: &Stamp) {
        if let Some((_, complaints)) = self.watch.as_ref().filter(|_| !stamp.mark.is_empty()) {
            let text = format!(
                "The clock of this host is not set yet: readings that come without a time get {}, and a mark in the log",
                stamp.text
            );
            complaints.complain(Subject::Own(String::new()), UNSET, &text);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", (self.now)())
    }
}

/// Whether the clock of this host is known to be set. Once it is, that stays so.
#[derive(Debug)]
pub struct Setting {
    /// No right clock shows an earlier time.
    not_before: Timestamp,
    /// Where systemd-timesyncd says that it has set the clock, on a host that has nothing else to set it by.
    awaited: Option<Box<Path>>,
    begun: (Instant, Timestamp),
    is_set: AtomicBool,
}

impl Setting {
    /// `not_before`: no right clock shows an earlier time. `root`: of the file system, below which the system says what sets
    /// the clock.
    #[must_use]
    pub fn new(not_before: Timestamp, root: &Path) -> Self {
        let sync = root.join("run/systemd/timesync");
        let awaited = sync.is_dir() && !has_hardware_clock(root);
        Self {
            not_before,
            awaited: awaited.then(|| sync.join("synchronized").into_boxed_path()),
            begun: (Instant::now(), Timestamp::now()),
            is_set: AtomicBool::new(false),
        }
    }

    /// The time of this host, if its clock is known to be set, and did not go back to a time that cannot be right.
    #[must_use]
    pub fn now_if_set(&self, complaints: &Complaints) -> Option<Timestamp> {
        let now = Timestamp::now();
        (self.look(now, complaints) && now >= self.not_before).then_some(now)
    }

    fn look(&self, now: Timestamp, complaints: &Complaints) -> bool {
        if self.is_set.load(Ordering::Relaxed) {
            return true;
        }
        let is_set = self.is_set_at(now, self.begun.0.elapsed());
        if is_set {
            self.is_set.store(true, Ordering::Relaxed);
            let text = format!("The clock of this host is set: it says {now:.0}");
            complaints.over(&Subject::Own(String::new()), &[UNSET], &text);
        }
        is_set
    }

    /// `passed`: how long this peer runs.
    fn is_set_at(&self, now: Timestamp, passed: Duration) -> bool {
        let moved = Duration::try_from(now.duration_since(self.begun.1)).unwrap_or_default();
        let is_stepped = moved.abs_diff(passed) >= STEP;
        now >= self.not_before && (is_stepped || self.awaited.as_ref().is_none_or(|path| path.exists()))
    }
}

/// Whether a clock that runs while the host is off gave the system its time.
fn has_hardware_clock(root: &Path) -> bool {
    let clocks = root.join("sys/class/rtc").read_dir();
    clocks.is_ok_and(|clocks| {
        let gave = |path: &Path| std::fs::read(path.join("hctosys")).is_ok_and(|text| text.starts_with(b"1"));
        clocks.flatten().any(|clock| gave(&clock.path()))
    })
}

#[cfg(test)]
mod tests;
