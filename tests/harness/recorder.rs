//! Writes down what happens to the peers of a run, as `tests/history/checker/record.rs` says, and has that decided.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStdin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::checker::{self, Verdict, HISTORY};
use super::Peer;

/// Where the logs of lives are kept, below the directory of the run.
const LOGS: &str = "logs";

/// If this is set, what was recorded stays where a run held, too.
pub(crate) const KEEP: &str = "PEER_KEEP_RUNS";

/// What happens in one directory.
pub(crate) struct Recorder {
    directory: PathBuf,
    begun: Instant,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// It is made with the first thing that happens: most runs record nothing.
    file: Option<File>,
    /// How many lives each peer has had.
    lives: BTreeMap<String, u64>,
    /// Readings that are known to be on a disk.
    stored: BTreeSet<String>,
}

impl Recorder {
    pub(crate) fn new(directory: &Path) -> Arc<Self> {
        Arc::new(Self { directory: directory.to_owned(), begun: Instant::now(), kept: Mutex::default() })
    }

    /// Nanoseconds since the begin.
    fn time(&self) -> u128 {
        self.begun.elapsed().as_nanos()
    }

    fn note(&self, line: &str, block: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let file = kept.file.get_or_insert_with(|| {
            let mut file = File::create(self.directory.join(HISTORY)).expect("the run's own directory");
            file.write_all(b"history 1\n").expect("room");
            file
        });
        file.write_all(format!("{line}\n{block}").as_bytes()).expect("room");
    }

    /// Others than the peers of the run hand in these readings, and the group may take them.
    pub(crate) fn claim(&self, lines: &str) {
        self.note(&format!("claimed {}", lines.lines().count()), lines);
    }

    /// Decides whether the run was as it has to be. These peers are one group in its end, and their files rest.
    pub(crate) fn check(&self, peers: &[&Peer]) -> Verdict {
        for peer in peers {
            if let Some(scribe) = &peer.scribe {
                scribe.keep_log(&peer.log());
            }
            let data = peer.data.strip_prefix(&self.directory).expect("it is in the directory of the run");
            self.note(&format!("files {} {}", peer.id, data.display()), "");
        }
        let verdict = self.decide();
        assert!(verdict.holds(), "{verdict}\nThe run is kept in {}", self.directory.display());
        println!("{verdict}");
        if env::var_os(KEEP).is_some() {
            println!("The run is kept in {}", self.directory.display());
        }
        verdict
    }

    /// How many readings were on disks of processes that ended.
    pub(crate) fn stored(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).stored.len()
    }

    /// Decides by what is recorded.
    pub(crate) fn decide(&self) -> Verdict {
        checker::check(&self.directory).unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Writes down what happens to one life of a peer.
#[derive(Clone)]
pub(crate) struct Scribe {
    recorder: Arc<Recorder>,
    peer: String,
    life: u64,
}

impl Scribe {
    /// A process with these options has begun.
    pub(crate) fn begin(recorder: &Arc<Recorder>, peer: &str, options: &[String]) -> Self {
        let mut kept = recorder.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = kept.lives.entry(peer.to_owned()).or_default();
        let scribe = Self { recorder: Arc::clone(recorder), peer: peer.to_owned(), life: *lives };
        *lives += 1;
        drop(kept);
        scribe.note("began", &options.join(" "), "");
        scribe
    }

    fn note(&self, verb: &str, rest: &str, block: &str) {
        let (peer, life, time) = (&self.peer, self.life, self.recorder.time());
        let said = format!("{verb} {peer} {life} {time} {rest}");
        self.recorder.note(said.trim_end(), block);
    }

    /// Writes lines to the standard input of the process.
    pub(crate) fn feed(&self, input: &mut ChildStdin, lines: &str) -> io::Result<()> {
        let unread = unread(input).map_or("-".to_owned(), |bytes| bytes.to_string());
        let before = self.recorder.time();
        let written = input.write_all(lines.as_bytes());
        let after = if written.is_ok() { self.recorder.time().to_string() } else { "-".to_owned() };
        let (peer, life, count) = (&self.peer, self.life, lines.lines().count());
        self.recorder.note(&format!("fed {peer} {life} {before} {after} {unread} {count}"), lines);
        written
    }

    /// Rows were in a file just now: all that the file holds, or those after the ones that were seen before.
    pub(crate) fn look(&self, file: &str, whole: bool, rows: &str) {
        let whole = if whole { "whole" } else { "more" };
        self.note("looked", &format!("{file} {whole} {}", rows.lines().count()), rows);
    }

    /// These readings are on the disk of the process, which is gone.
    pub(crate) fn store(&self, mut readings: Vec<String>) {
        let mut kept = self.recorder.kept.lock().unwrap_or_else(PoisonError::into_inner);
        readings.retain(|reading| kept.stored.insert(reading.clone()));
        drop(kept);
        let lines: String = readings.iter().flat_map(|reading| [reading, "\n"]).collect();
        self.note("stored", &readings.len().to_string(), &lines);
    }

    /// The process is about to be sent a signal, or was just sent the one that wakes it: so it ran no longer than that.
    pub(crate) fn signal(&self, signal: &str) {
        match signal {
            "-STOP" | "-KILL" => self.note("stopped", "", ""),
            "-CONT" => self.note("woken", "", ""),
            _ => self.note("#", signal, ""),
        }
    }

    /// The process is gone.
    pub(crate) fn end(&self, killed: bool, log: &[String]) {
        self.note("ended", if killed { "killed" } else { "left" }, "");
        self.keep_log(log);
    }

    fn keep_log(&self, log: &[String]) {
        let path = Path::new(LOGS).join(format!("{}.{}.txt", self.peer, self.life));
        let whole = self.recorder.directory.join(&path);
        fs::create_dir_all(self.recorder.directory.join(LOGS)).expect("the run's own directory");
        fs::write(whole, log.join("\n")).expect("room");
        self.recorder.note(&format!("log {} {} {}", self.peer, self.life, path.display()), "");
    }
}

/// The standard input of a process, written down where somebody wants to know.
pub(crate) struct Input {
    pub(crate) stdin: ChildStdin,
    pub(crate) scribe: Option<Scribe>,
}

impl Input {
    pub(crate) fn feed(&mut self, lines: &str) -> io::Result<()> {
        match &self.scribe {
            Some(scribe) => scribe.feed(&mut self.stdin, lines),
            None => self.stdin.write_all(lines.as_bytes()),
        }
    }

    /// Writes down how much the process never read, where the system tells. It is gone.
    pub(crate) fn close(self) {
        if let (Some(scribe), Some(bytes)) = (&self.scribe, unread(&self.stdin)) {
            scribe.note("unread", &bytes.to_string(), "");
        }
    }
}

/// How many bytes of a pipe its reader has not read.
#[cfg(unix)]
fn unread(pipe: &ChildStdin) -> Option<u64> {
    rustix::io::ioctl_fionread(pipe).ok()
}

/// The system does not tell.
#[cfg(not(unix))]
fn unread(_: &ChildStdin) -> Option<u64> {
    None
}

impl From<ChildStdin> for Input {
    fn from(stdin: ChildStdin) -> Self {
        Self { stdin, scribe: None }
    }
}
