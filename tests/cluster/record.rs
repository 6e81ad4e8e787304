//! What a peer process asks of the system, in order: `record.c` writes it down, and this file reads it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Group, Peer, PATIENCE};
use crate::preload::library;

/// One request to the system. Paths are relative to the directory of the group, which is `.` itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A written line; of a long one the beginning.
    Write {
        path: String,
        line: String,
    },
    /// A directory was made.
    Make {
        path: String,
    },
    Sync {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Unlink {
        path: String,
    },
    Truncate {
        path: String,
    },
    /// A line that is about to be sent to anybody.
    Send {
        line: String,
    },
}

impl Event {
    /// Reads a line of `record.c`.
    fn parse(text: &str) -> Self {
        let (verb, rest) = text.split_once(' ').expect("a verb");
        if verb == "send" {
            return Self::Send { line: rest.to_owned() };
        }
        let (path, rest) = rest.split_once(' ').expect("a path");
        let (path, rest) = (path.to_owned(), rest.to_owned());
        match verb {
            "write" => Self::Write { path, line: rest },
            "mkdir" => Self::Make { path },
            "sync" => Self::Sync { path },
            "rename" => Self::Rename { from: path, to: rest },
            "unlink" => Self::Unlink { path },
            "truncate" => Self::Truncate { path },
            _ => panic!("{text:?} is no line of a record"),
        }
    }
}

/// Starts peers, and records what they ask of the system.
pub(super) struct Recorder<'a> {
    group: &'a Group,
    library: String,
}

impl<'a> Recorder<'a> {
    /// `None` where this system does not allow it, with a message.
    pub(super) fn new(group: &'a Group) -> Option<Self> {
        Some(Self { group, library: library(group, "record", "no system calls can be recorded here")? })
    }

    /// Starts a peer that is fed on standard input. Its lives have one record.
    pub(super) fn start(&self, id: &str, options: &[&str]) -> Peer {
        let mut command = self.group.command(id);
        command.args(["--sensor", "stdin"]).args(options).arg("--data-dir").arg(self.group.directory.join("data"));
        Peer::start(id, self.recorded(command, id), self.group.data_of(id))
    }

    /// Runs a command of the program to its end, and returns what it asked of the system.
    pub(super) fn run(&self, name: &str, arguments: &[&str]) -> Vec<Event> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
        command.current_dir(&self.group.directory).env_clear().args(arguments);
        let output = self.recorded(command, name).output().expect("the binary was built");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        self.record(name)
    }

    /// The same command, recorded under this name.
    fn recorded(&self, mut command: Command, name: &str) -> Command {
        command.env("LD_PRELOAD", &self.library).env("RECORD_DIR", &self.group.directory);
        command.env("RECORD_FILE", self.file(name));
        command
    }

    /// What a peer asked of the system so far.
    pub(super) fn record(&self, id: &str) -> Vec<Event> {
        let bytes = fs::read(self.file(id)).expect("a recorded peer has started");
        // The last line may be incomplete.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        String::from_utf8_lossy(&bytes[..whole]).split_terminator('\n').map(Event::parse).collect()
    }

    /// Waits for a record that passes. It reads the file again and again, since files do not announce that they grew.
    pub(super) fn wait_until(&self, id: &str, what: &str, passes: impl Fn(&[Event]) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !passes(&self.record(id)) {
            assert!(Instant::now() < until, "{id}: {what} did not come; it asked for {:#?}", self.files_of(id));
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// What it asked of files, without what it said.
    fn files_of(&self, id: &str) -> Vec<Event> {
        self.record(id).into_iter().filter(|event| !matches!(event, Event::Send { .. })).collect()
    }

    fn file(&self, id: &str) -> PathBuf {
        self.group.directory.join(format!("record-{id}"))
    }
}
