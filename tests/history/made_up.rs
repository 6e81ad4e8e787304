//! Runs that are made up: what was fed, what was seen, and the files in the end, in a directory of their own.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::checker::{self, Verdict, HISTORY};

/// A run of peers. Sensor and number tell its readings apart: `("a", 3)` is the fourth of sensor `a`.
pub(crate) struct Run {
    pub(crate) directory: PathBuf,
    record: String,
    _temp: tempfile::TempDir,
}

/// The line of a reading.
fn line((sensor, number): (&str, u64)) -> String {
    format!("DATA|{sensor}|2013-01-01T06:00:00Z|{number}|50.5|\n")
}

/// The row of a reading.
pub(crate) fn row(sequence: usize, (sensor, number): (&str, u64)) -> String {
    format!("{sequence},2013-01-01T06:00:00Z,{sensor},{number},50.5,\n")
}

impl Run {
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().expect("a directory for the test");
        Self { directory: temp.path().to_owned(), _temp: temp, record: "history 1\n".to_owned() }
    }

    pub(crate) fn say(&mut self, line: &str) {
        writeln!(self.record, "{line}").expect("a string takes all");
    }

    /// A life was fed these readings of its sensor within a moment.
    pub(crate) fn feed(&mut self, life: (&str, u64), at: u64, numbers: std::ops::Range<u64>) {
        let (peer, life) = life;
        self.say(&format!("fed {peer} {life} {at} {} 0 {}", at + 1, numbers.end - numbers.start));
        self.record.extend(numbers.map(|number| line((peer, number))));
    }

    /// These rows were in the file of this sensor.
    pub(crate) fn look(&mut self, life: (&str, u64), at: u64, rows: &[(usize, (&str, u64))], whole: &str) {
        let sensor = rows[0].1 .0;
        self.say(&format!("looked {} {} {at} {sensor}.csv {whole} {}", life.0, life.1, rows.len()));
        self.record.extend(rows.iter().map(|(sequence, reading)| row(*sequence, *reading)));
    }

    /// The log of a life.
    pub(crate) fn log(&mut self, life: (&str, u64), text: &str) {
        let name = format!("{}.{}.txt", life.0, life.1);
        fs::write(self.directory.join(&name), text).expect("room");
        self.say(&format!("log {} {} {name}", life.0, life.1));
    }

    /// In the end, all that these peers hold, in this order.
    pub(crate) fn hold(&mut self, peers: &[&str], order: &[(&str, u64)]) {
        for peer in peers {
            fs::create_dir_all(self.directory.join(peer)).expect("room");
            let mut sensors: Vec<&str> = order.iter().map(|(sensor, _)| *sensor).collect();
            sensors.sort_unstable();
            sensors.dedup();
            for sensor in sensors {
                let mut text = "sequence,timestamp,sensor_id,temperature_c,humidity_pct,pressure_hpa\n".to_owned();
                let rows = order.iter().zip(1..).filter(|((of, _), _)| *of == sensor);
                text.extend(rows.map(|(reading, sequence)| row(sequence, *reading)));
                fs::write(self.directory.join(peer).join(format!("{sensor}.csv")), text).expect("room");
            }
            self.say(&format!("files {peer} {peer}"));
        }
    }

    /// Replaces text in a file that was written.
    pub(crate) fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.directory.join(file);
        let text = fs::read_to_string(&path).expect("written before");
        assert!(text.contains(from), "{file} has no {from:?}: {text}");
        fs::write(path, text.replacen(from, to, 1)).expect("room");
    }

    pub(crate) fn write(&self) {
        fs::write(self.directory.join(HISTORY), &self.record).expect("room");
    }

    pub(crate) fn decide(&self) -> Result<Verdict, String> {
        self.write();
        checker::check(&self.directory)
    }

    /// Expects this to be broken and nothing else; returns what is said of it.
    pub(crate) fn expect(&self, broken: &[&str]) -> String {
        let verdict = self.decide().expect("a run");
        assert_eq!(verdict.broken(), broken, "{verdict}");
        verdict.to_string()
    }

    /// What is said of a run that nobody can decide.
    pub(crate) fn refused(&self) -> String {
        self.decide().map(|verdict| verdict.to_string()).expect_err("nothing can be decided")
    }
}
