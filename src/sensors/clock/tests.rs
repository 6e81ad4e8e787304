//! Clocks that are set late, as the system reports them.

use std::fs;

use tempfile::TempDir;

use super::*;

const RELEASE: &str = "2026-11-25T00:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A file system with what the system says of clocks.
struct Root(TempDir);

impl Root {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = Self(TempDir::new().unwrap());
        for (path, text) in files {
            root.write(path, text);
        }
        root
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What is known on this host, since `begun` on its clock.
    fn setting(&self, begun: &str) -> Setting {
        Setting { begun: (Instant::now(), time(begun)), ..Setting::new(time(RELEASE), self.0.path()) }
    }
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

#[test]
fn a_time_before_the_release_is_never_right() {
    let root = Root::new(&[]);
    let setting = root.setting("1970-01-01T00:00:10Z");
    assert!(!setting.is_set_at(time("1970-01-01T00:01:10Z"), minute()));
    assert!(!setting.is_set_at(time("2026-11-24T23:59:59Z"), minute()), "a step to a wrong time");
    assert!(setting.is_set_at(time("2026-11-25T00:00:00Z"), minute()));
}

#[test]
fn a_host_without_a_clock_of_its_own_waits_until_its_time_comes_from_the_network() {
    let root = Root::new(&[("run/systemd/timesync/x", ""), ("sys/class/rtc/rtc0/hctosys", "0\n")]);
    let setting = root.setting("2026-12-01T00:00:00Z");
    assert!(!setting.is_set_at(time("2026-12-01T00:01:00Z"), minute()));
    assert!(!setting.is_set_at(time("2026-12-01T00:01:01Z"), minute()), "clocks are slewed");
    assert!(setting.is_set_at(time("2026-12-03T00:01:00Z"), minute()), "somebody set it");
    assert!(setting.is_set_at(time("2026-11-30T00:01:00Z"), minute()), "backwards, too");
    root.write("run/systemd/timesync/synchronized", "");
    assert!(setting.is_set_at(time("2026-12-01T00:01:00Z"), minute()));
}

#[test]
fn a_clock_that_runs_while_the_host_is_off_is_enough() {
    let root = Root::new(&[("run/systemd/timesync/x", ""), ("sys/class/rtc/rtc0/hctosys", "1\n")]);
    assert!(root.setting("2026-12-01T00:00:00Z").is_set_at(time("2026-12-01T00:01:00Z"), minute()));
}

#[test]
fn readings_are_marked_and_told_of_until_the_clock_is_set() {
    let root = Root::new(&[]);
    let (setting, complaints) = (Arc::new(root.setting("1970-01-01T00:00:10Z")), Arc::default());
    let early = Clock::of_host(|| time("1970-01-01T00:00:11Z"), &setting, &complaints);
    let stamp = early.stamp();
    assert_eq!((stamp.text.as_str(), stamp.mark), ("1970-01-01T00:00:11.000Z", UNSURE_TIME));
    assert!(complaints.heard().is_empty(), "no reading has it yet");
    early.gave(&stamp);
    assert_eq!(complaints.heard().len(), 1);

    let late = Clock::of_host(|| time("2026-12-01T00:00:00Z"), &setting, &complaints);
    let stamp = late.stamp();
    late.gave(&stamp);
    assert_eq!((stamp.mark, complaints.heard().len()), ("", 1));
    assert_eq!(early.stamp().mark, "", "once is enough: a clock that goes back later is another fault");
}

#[test]
fn a_clock_that_was_set_and_went_back_before_the_release_tells_no_time() {
    let root = Root::new(&[]);
    for (not_before, is_known) in [("1971-01-01T00:00:00Z", true), ("9999-01-01T00:00:00Z", false)] {
        let setting = Setting::new(time(not_before), root.0.path());
        setting.is_set.store(true, Ordering::Relaxed);
        assert_eq!(setting.now_if_set(&Complaints::default()).is_some(), is_known, "{not_before}");
    }
}
