//! Finds out whether the clock of this host lags. A clock without a battery starts at the time that it last knew. Only
//! the times of readings that come without one depend on it, so a warning comes once, and the peer goes on.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::config::Config;
use crate::elapsed::Elapsed;
use crate::ids::SensorId;
use crate::storage;

/// A version, and the day on which it was made: no right clock shows an earlier time. The day is written here by hand,
/// beside its version (a test fails if only the version changes). It is not the time of the build: one source gives one
/// binary, whenever it is built.
const MADE: (&str, &str) = ("0.1.0", "2026-11-25T00:00:00Z");

/// File systems round times, and may be another host's, with a clock of its own.
const ROUNDING: Duration = Duration::from_secs(60);

/// Warns if the clock shows an impossible time. This comes before anything is written. Returns a time before which no right
/// clock is: this version was not made then, or this peer's files were not written.
pub(super) fn check(config: &Config) -> Timestamp {
    let written = storage::last_written(&config.data_dir, &config.peer_id);
    let readings = storage::last_readings(&config.data_dir, &config.peer_id);
    if let Some((by, why)) = doubt(SystemTime::now(), written, newest(readings)) {
        log::warn!(
            event = "clock_behind", seconds = by.as_secs();
            "{why}; readings that come without a time get a wrong one until it is set"
        );
    }
    let written = written.and_then(|time| Timestamp::try_from(time.checked_sub(ROUNDING)?).ok());
    written.map_or(made(), |time| time.max(made()))
}

fn made() -> Timestamp {
    MADE.1.parse().expect("a time")
}

/// The newest of readings, with its sensor.
fn newest(readings: Vec<(SensorId, String)>) -> Option<(SystemTime, SensorId)> {
    let times = readings.into_iter().filter_map(|(sensor, text)| Some((text.parse::<Timestamp>().ok()?, sensor)));
    let (time, sensor) = times.max()?;
    Some((SystemTime::try_from(time).ok()?, sensor))
}

/// By how much a clock that says `now` is behind, and how that is known: from the time at which a file of this peer was
/// last `written`, or from its `newest` reading. The file counts first: only its source vouches for the time of a
/// reading.
fn doubt(
    now: SystemTime,
    written: Option<SystemTime>,
    newest: Option<(SystemTime, SensorId)>,
) -> Option<(Duration, String)> {
    let behind = |time: SystemTime| time.duration_since(now).ok().filter(|by| *by > ROUNDING);
    let says = Timestamp::try_from(now).map_or_else(|_| "an impossible time".to_owned(), |now| format!("{now:.0}"));
    let says = format!("The clock of this host says {says}");
    if let Some(by) = written.and_then(behind) {
        return Some((by, format!("{says}, {} before this peer last wrote a file: it went back", Elapsed(by))));
    }
    if let Some(by) = behind(made().try_into().expect("a time of this century")) {
        let day = &MADE.1[.."2026-11-25".len()];
        let why =
            format!("{says}, and this version of peer was made on {day}: it is behind by {} or more", Elapsed(by));
        return Some((by, why));
    }
    let (time, sensor) = newest?;
    let by = behind(time)?;
    let why = format!(
        "{says}, {} before the newest reading in its files, of sensor {sensor}: it went back, or the clock of that source runs \
         ahead",
        Elapsed(by)
    );
    Some((by, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::log_lines::captured;
    use crate::storage::TempDir;

    fn time(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().try_into().unwrap()
    }

    #[test]
    fn the_day_is_that_of_this_version() {
        assert_eq!(MADE.0, env!("CARGO_PKG_VERSION"), "write down when this version was made");
    }

    #[test]
    fn a_clock_is_doubted_only_if_it_shows_a_time_that_is_known_to_be_past() {
        let doubt = |now: &str, written: Option<&str>| doubt(time(now), written.map(time), None);
        assert_eq!(doubt(MADE.1, None), None);
        assert_eq!(doubt("2030-01-01T00:00:00Z", Some("2029-12-31T00:00:00Z")), None);
        assert_eq!(doubt("2030-01-01T00:00:00Z", Some("2030-01-01T00:01:00Z")), None, "rounded");
        let (by, text) = doubt("2030-01-01T00:00:00Z", Some("2030-01-04T00:00:01Z")).unwrap();
        assert_eq!(by, Duration::from_secs(3 * 86_400 + 1));
        assert_eq!(
            text,
            "The clock of this host says 2030-01-01T00:00:00Z, 3 days before this peer last wrote a file: it went back"
        );
        let (_, text) = doubt("1970-01-01T00:00:12Z", None).unwrap();
        assert!(text.contains("says 1970-01-01T00:00:12Z, and this version of peer was made on"), "{text}");
        assert!(text.ends_with(": it is behind by 56 years or more"), "{text}");
    }

    #[test]
    fn a_reading_from_the_future_is_named_with_its_sensor() {
        let readings = [("roof", "2030-01-02T00:00:00Z"), ("cellar", "2030-01-03T02:00:00+02:00"), ("attic", "now")];
        let newest = newest(readings.map(|(sensor, text)| (sensor.parse().unwrap(), text.to_owned())).to_vec());
        assert_eq!(doubt(time("2030-01-03T00:00:00Z"), None, newest.clone()), None);
        let (by, text) = doubt(time("2030-01-01T00:00:00Z"), None, newest.clone()).unwrap();
        assert_eq!(by, Duration::from_secs(2 * 86_400));
        assert_eq!(
            text,
            "The clock of this host says 2030-01-01T00:00:00Z, 2 days before the newest reading in its files, of sensor cellar: \
             it went back, or the clock of that source runs ahead"
        );
        let (_, text) = doubt(time("2030-01-01T00:00:00Z"), Some(time("2031-01-01T00:00:00Z")), newest).unwrap();
        assert!(text.ends_with("before this peer last wrote a file: it went back"), "{text}");
    }

    #[test]
    fn no_right_clock_is_before_the_version_or_before_what_was_written() {
        let temp = TempDir::new();
        let config = Config { data_dir: temp.path().to_owned(), ..config() };
        let checked = || captured(|| check(&config));
        let version: Timestamp = MADE.1.parse().unwrap();
        assert_eq!(checked().0, version);
        let directory = storage::directory_of(&config.data_dir, &config.peer_id);
        std::fs::create_dir(&directory).unwrap();
        let file = std::fs::File::create(directory.join("state")).unwrap();
        let tomorrow = Timestamp::from_second(Timestamp::now().max(version).as_second() + 86_400).unwrap();
        file.set_modified(tomorrow.try_into().unwrap()).unwrap();
        let (not_before, lines) = checked();
        assert_eq!(not_before, tomorrow - ROUNDING);
        let is_told =
            |line: &String| line.starts_with("WARN clock_behind: ") && line.contains("before this peer last wrote");
        assert!(lines.len() == 1 && is_told(&lines[0]), "{lines:?}");
        file.set_modified(time("2001-01-01T00:00:00Z")).unwrap();
        assert_eq!(checked().0, version);
    }
}
