//! A running `peer tail`, and what it has printed.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::harness::{Rows, PATIENCE};

/// The command, with these arguments, in a directory that holds `data`.
pub(crate) fn tail(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.env_clear().current_dir(directory).arg("tail").args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Applies a line of CSV to rows. A row that comes a second time has to be the same.
pub(crate) fn apply(rows: &mut Rows, line: &str) {
    if line == peer::reading::CSV_HEADER {
        return;
    }
    if let Some(after) = line.strip_prefix("# rewind ") {
        rows.split_off(&(after.parse::<u64>().expect("a sequence") + 1));
        return;
    }
    let (sequence, rest) = line.split_once(',').expect("a row");
    let before = rows.insert(sequence.parse().expect("a sequence"), rest.to_owned());
    assert!(before.is_none_or(|before| before == rest), "{line} was another row");
}

#[derive(Default)]
struct Taken {
    rows: Rows,
    /// How many lines are rows.
    lines: u64,
    rewinds: u64,
}

/// A running `peer tail`, whose lines are taken as they come.
pub(crate) struct Tail {
    child: Child,
    taken: Arc<(Mutex<Taken>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

impl Tail {
    pub(crate) fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut child = tail(directory, arguments).spawn().expect("the binary was built");
        let out = child.stdout.take().expect("piped");
        let taken = Arc::<(Mutex<Taken>, Condvar)>::default();
        let shared = Arc::clone(&taken);
        let reader = thread::spawn(move || {
            let mut out = BufReader::new(out);
            loop {
                let mut line = String::new();
                // A killed process leaves half a line.
                if out.read_line(&mut line).is_err() || line.pop() != Some('\n') {
                    return;
                }
                let mut taken = shared.0.lock().expect("no panic");
                taken.rewinds += u64::from(line.starts_with("# rewind"));
                taken.lines += u64::from(line.starts_with(|c: char| c.is_ascii_digit()));
                apply(&mut taken.rows, &line);
                shared.1.notify_all();
            }
        });
        Self { child, taken, reader: Some(reader) }
    }

    /// Waits until it has printed these rows, and no others.
    pub(crate) fn wait_for(&self, rows: &Rows) {
        let until = Instant::now() + PATIENCE;
        let mut taken = self.taken.0.lock().expect("no panic");
        while taken.rows != *rows {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} rows of {} came", taken.rows.len(), rows.len());
            taken = self.taken.1.wait_timeout(taken, left).expect("no panic").0;
        }
    }

    /// Waits until it has printed a row.
    pub(crate) fn wait_for_some(&self) {
        let until = Instant::now() + PATIENCE;
        let mut taken = self.taken.0.lock().expect("no panic");
        while taken.rows.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no row came");
            taken = self.taken.1.wait_timeout(taken, left).expect("no panic").0;
        }
    }

    /// Kills it with `kill -9` in the middle of its work; returns the rows that it has printed.
    pub(crate) fn kill(mut self) -> Rows {
        self.child.kill().expect("it runs");
        self.reader.take().expect("once").join().expect("it takes lines");
        std::mem::take(&mut self.taken.0.lock().expect("no panic").rows)
    }

    /// How many rows and how many rewinds it has printed.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let taken = self.taken.0.lock().expect("no panic");
        (taken.lines, taken.rewinds)
    }

    /// Waits for its first words on standard error.
    pub(crate) fn error_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.child.stderr.as_mut().expect("piped")).read_line(&mut line).expect("text");
        line
    }

    /// Asks it to end; returns its exit status.
    pub(crate) fn end(mut self) -> Option<i32> {
        let told = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(told.expect("kill is there").success());
        let status = self.child.wait().expect("a child");
        self.reader.take().expect("once").join().expect("it takes lines");
        let mut errors = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut errors).expect("text");
        assert_eq!(errors, "");
        status.code()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // A process that ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
