//! One real peer process, and what it logs, line by line, as it comes.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::feeder::line;
use super::recorder::{Input, Recorder, Scribe};

/// Longer than anything takes that works, even on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How many lines of each peer's log a failing test prints.
const LAST_LINES: usize = 40;

/// One process. It is killed when dropped.
pub(crate) struct Peer {
    pub(crate) id: String,
    child: Child,
    input: Option<ChildStdin>,
    log: Arc<Log>,
    reader: Option<JoinHandle<()>>,
    pub(crate) data: PathBuf,
    options: Vec<String>,
    /// Writes down its life, until it ends.
    pub(crate) scribe: Option<Scribe>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Peer {
    pub(crate) fn start(id: &str, command: Command, data: PathBuf) -> Self {
        Self::start_reading(id, command, data, Stdio::piped())
    }

    /// A process with this standard input.
    pub(crate) fn start_reading(id: &str, mut command: Command, data: PathBuf, stdin: Stdio) -> Self {
        command.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let stderr = child.stderr.take().expect("piped");
        let log = Arc::new(Log::default());
        let written = Arc::clone(&log);
        let reader = thread::spawn(move || {
            // Only the LF is removed from a line: tests have to see everything else in it.
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                written.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                written.more.notify_all();
            }
        });
        let options = command.get_args().map(|option| option.to_string_lossy().into_owned()).collect();
        let (id, input, reader) = (id.to_owned(), child.stdin.take(), Some(reader));
        Self { id, input, child, log, reader, data, options, scribe: None }
    }

    /// From now on, its life is written down.
    pub(crate) fn record(mut self, recorder: &Arc<Recorder>) -> Self {
        self.scribe = Some(Scribe::begin(recorder, &self.id, &self.options));
        self
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().expect("no panic").clone()
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.log().iter().any(|line| line.contains(text))
    }

    /// Waits until the log passes.
    pub(crate) fn wait_until(&self, what: &str, passes: impl Fn(&[String]) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().expect("no panic");
        while !passes(&lines) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: {what} did not come; log:\n{}", self.id, lines.join("\n"));
            lines = self.log.more.wait_timeout(lines, left).expect("no panic").0;
        }
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits until the last view has these members.
    pub(crate) fn wait_for_view(&self, members: &[&str]) {
        let list = format!(": [{}]", members.join(", "));
        self.wait_until(&list, |lines| {
            let view = lines.iter().rev().find(|line| line.contains(": View "));
            view.is_some_and(|view| view.ends_with(&list))
        });
        self.wait_until("Is Group Leader", |lines| {
            lines
                .iter()
                .rev()
                .find(|line| line.contains("Is Group Leader") || line.contains(": View "))
                .is_some_and(|line| line.contains("Is Group Leader"))
        });
    }

    /// Whether the last view says that this peer leads.
    pub(crate) fn leads(&self) -> bool {
        let log = self.log();
        log.iter().rev().find(|line| line.contains("Is Group Leader:")).is_some_and(|line| line.ends_with("True"))
    }

    /// The last view in its log, with its members.
    pub(crate) fn last_view(&self) -> Option<String> {
        let lines = self.log.lines.lock().expect("no panic");
        lines.iter().rev().find_map(|line| line.split_once(": View ")).map(|(_, view)| view.to_owned())
    }

    /// The TCP address that it listens on.
    pub(crate) fn address(&self) -> String {
        self.wait_for("Listening on ");
        let log = self.log();
        let line = log.iter().find_map(|line| line.split_once("Listening on "));
        line.expect("just seen").1.to_owned()
    }

    /// Writes lines to its standard input.
    pub(crate) fn feed(&mut self, lines: &str) {
        let mut input = self.take_recorded_input();
        input.feed(lines).expect("it reads");
        self.input = Some(input.stdin);
    }

    /// Readings `from..to` of a sensor of this peer's, as lines of input.
    pub(crate) fn feed_numbered(&mut self, from: u64, to: u64) {
        let lines: Vec<String> = (from..to).map(|number| line(&self.id, number)).collect();
        self.feed(&lines.concat());
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn signal(&self, signal: &str) {
        let scribe = self.scribe.as_ref();
        if let Some(scribe) = scribe.filter(|_| signal != "-CONT") {
            scribe.signal(signal);
        }
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill is there");
        assert!(status.success(), "kill {signal}");
        if let Some(scribe) = scribe.filter(|_| signal == "-CONT") {
            scribe.signal(signal);
        }
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(scribe) = &self.scribe {
            scribe.signal("-KILL");
        }
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is a child");
        self.end_record(true);
    }

    fn end_record(&mut self, killed: bool) {
        if let Some(scribe) = self.scribe.take() {
            scribe.end(killed, &self.log());
        }
    }

    /// Waits for its end, and reads its log to the end.
    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        self.poll("its end", |peer| !peer.is_running());
        if let Some(reader) = self.reader.take() {
            reader.join().expect("it reads lines");
        }
        let status = self.child.wait().expect("it is a child");
        self.end_record(status.code().is_none());
        status
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is a child").is_none()
    }

    /// Hands its standard input over, to be written by another.
    pub(crate) fn take_input(&mut self) -> ChildStdin {
        self.input.take().expect("the input is open")
    }

    /// The same, and what is written is written down.
    pub(crate) fn take_recorded_input(&mut self) -> Input {
        Input { stdin: self.take_input(), scribe: self.scribe.clone() }
    }

    /// Waits for something that does not announce itself.
    pub(crate) fn poll(&mut self, what: &str, passes: impl Fn(&mut Self) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !passes(self) {
            assert!(Instant::now() < until, "{}: {what} did not come; log:\n{}", self.id, self.log().join("\n"));
            thread::park_timeout(Duration::from_millis(5));
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // A process that ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let lines = self.log.lines.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("last lines of {}:", self.id);
            for line in &lines[lines.len().saturating_sub(LAST_LINES)..] {
                eprintln!("  {line}");
            }
        }
    }
}
