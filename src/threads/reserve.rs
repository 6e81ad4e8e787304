//! Room on the disk that is kept free (`--min-free`): below it the sources wait, and nothing that was taken in is lost to a
//! full disk. Once the peer runs, the `storage` thread alone looks, since it is the one that fills the disk. Where the disk
//! hangs, so does a thread that asks for its room; all others take what was seen last.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::time::Duration;

use super::lock::lock;
use crate::complaints::{Complaints, Kind, Subject};
use crate::config::Config;
use crate::size::Size;
use crate::status::report::{low_disk_bytes, Disk};
use crate::storage::{self, Room};

/// The shortest time between two looks under load: a look takes a microsecond, and a fast disk takes 200 MB meanwhile.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Sources go on only once free space exceeds the reserve by one part in this many of it. Otherwise they would stop and
/// start with each file that another program removes.
const MARGIN: u64 = 8;

/// Names of complaints.
const LOW: &str = "disk_low";
const WAITING: &str = "sources_wait";

#[derive(Debug)]
pub(super) struct Reserve {
    directory: PathBuf,
    min_free: u64,
    waits: AtomicBool,
    /// As it was seen last; `None` where the system does not know.
    room: Mutex<Option<Room>>,
}

impl Reserve {
    pub(super) fn of(config: &Config) -> Self {
        let directory = storage::directory_of(&config.data_dir, &config.peer_id);
        Self::new(directory, config.min_free)
    }

    fn new(directory: PathBuf, min_free: u64) -> Self {
        Self { directory, min_free, waits: AtomicBool::new(false), room: Mutex::default() }
    }

    /// What a report says of it, from the last look; `None` where the system does not know.
    pub(super) fn disk(&self) -> Option<Disk> {
        let Room { free, total } = (*lock(&self.room))?;
        Some(Disk { free, total, min_free: self.min_free, sources_wait: self.sources_wait() })
    }

    /// Whether sources have to wait for room on the disk.
    pub(super) fn sources_wait(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    /// Looks how much room there is, and says what that means. Returns whether waiting sources may go on.
    pub(super) fn look(&self, complaints: &Complaints) -> bool {
        // What the system does not know is no reason to stop measuring.
        let room = Room::of(&self.directory).ok();
        *lock(&self.room) = room;
        room.is_some_and(|room| self.judge(room.free, complaints))
    }

    fn judge(&self, free: u64, complaints: &Complaints) -> bool {
        let (disk, subject) = (self.directory.display(), Subject::Own(self.directory.display().to_string()));
        let (left, reserve) = (Size(free), Size(self.min_free));
        if free < self.min_free {
            self.waits.store(true, Ordering::Release);
            let text = format!(
                "The disk of {disk} has {left} left, and --min-free keeps {reserve}: sources wait until there is more. \
                 What other peers measure is still stored; make room"
            );
            complaints.complain(subject, Kind::new(WAITING, "").seldom(), &text);
            return false;
        }
        let goes_on = free >= self.min_free.saturating_add(self.min_free / MARGIN) && self.sources_wait();
        if goes_on {
            self.waits.store(false, Ordering::Release);
            complaints.over(&subject, &[WAITING], &format!("The disk of {disk} has {left} left: sources go on"));
        }
        if free >= low_disk_bytes(self.min_free) {
            complaints.over(&subject, &[LOW], &format!("The disk of {disk} has {left} left, which is enough"));
        } else if !self.sources_wait() {
            let then = match self.min_free {
                0 => "once it is full, this peer ends".to_owned(),
                _ => format!("below {reserve} (--min-free) its sources wait"),
            };
            let text = format!("The disk of {disk} has {left} left; make room: {then}");
            complaints.complain(subject, Kind::new(LOW, "").seldom(), &text);
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::TempDir;

    /// What is said about this many free bytes each, one look after the other, and whether sources wait then.
    fn looks(min_free: u64, all: &[u64]) -> Vec<(Vec<&'static str>, bool, bool)> {
        let reserve = Reserve::new(PathBuf::from("d"), min_free);
        all.iter()
            .map(|free| {
                let complaints = Complaints::default();
                let goes_on = reserve.judge(*free, &complaints);
                let said = complaints.heard().iter().map(|(_, kind, _)| kind.event).collect();
                (said, goes_on, reserve.sources_wait())
            })
            .collect()
    }

    #[test]
    fn sources_wait_below_the_reserve_until_there_is_an_eighth_more() {
        const MIB: u64 = 1 << 20;
        let all = [1001, 1000, 999, 500, 499, 500, 562, 563, 562, 1000].map(|mib| mib * MIB);
        let expected = [
            (vec![], false, false),
            (vec![], false, false),
            (vec![LOW], false, false),
            (vec![LOW], false, false),
            (vec![WAITING], false, true),
            (vec![], false, true),
            (vec![], false, true),
            (vec![LOW], true, false),
            (vec![LOW], false, false),
            (vec![], false, false),
        ];
        assert_eq!(looks(500 * MIB, &all), expected);
    }

    #[test]
    fn a_report_tells_of_the_last_look_and_does_not_look_itself() {
        let temp = TempDir::new();
        let (reserve, complaints) = (Reserve::new(temp.path().to_owned(), 0), Complaints::default());
        let is_known = || reserve.disk().is_some_and(|disk| disk.total > 0);
        assert!(!is_known());
        reserve.look(&complaints);
        drop(temp);
        assert!(is_known(), "the directory is gone, and nobody has looked since");
        reserve.look(&complaints);
        assert!(!is_known());
    }

    #[test]
    fn a_look_says_whether_sources_that_waited_may_go_on() {
        let temp = TempDir::new();
        let (mut reserve, complaints) = (Reserve::new(temp.path().to_owned(), 0), Complaints::default());
        assert!(!reserve.look(&complaints), "none waited");
        reserve.min_free = u64::MAX;
        assert!(!reserve.look(&complaints));
        assert!(reserve.sources_wait() && reserve.disk().is_some_and(|disk| disk.sources_wait));
        reserve.min_free = 0;
        assert!(reserve.look(&complaints));
        assert!(!reserve.sources_wait());
    }

    #[test]
    fn it_is_told_what_comes_next_on_a_low_disk() {
        for (min_free, then) in [
            (0, "make room: once it is full, this peer ends"),
            (40 << 20, "make room: below 40 MiB (--min-free) its sources wait"),
        ] {
            let (reserve, complaints) = (Reserve::new(PathBuf::from("d"), min_free), Complaints::default());
            reserve.judge(50 << 20, &complaints);
            let text = format!("The disk of d has 50 MiB left; {then}");
            assert_eq!(complaints.heard().into_iter().map(|(_, _, text)| text).collect::<Vec<_>>(), [text]);
        }
    }

    #[test]
    fn without_a_reserve_a_disk_is_low_and_no_source_waits() {
        assert_eq!(looks(0, &[64 << 20, 0]), [(vec![], false, false), (vec![LOW], false, false)]);
    }
}
