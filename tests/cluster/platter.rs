//! How much of a recorded peer's files a power cut would leave, by what POSIX promises and no more: bytes are safe once
//! their file was synced after the write, and names once their directory was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;

use peer::ids::{Incarnation, Sequence, Term};

use crate::record::Event;

/// The content of a file `state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateOnDisk {
    pub(super) incarnation: Incarnation,
    pub(super) promised: Option<Term>,
    pub(super) synced: Option<Term>,
}

impl StateOnDisk {
    fn read(lines: &[String]) -> Self {
        let field = |name: &str| {
            let value = lines.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.unwrap_or_else(|| panic!("no {name} in {lines:?}"))
        };
        let term = |text: &str| (text != "-").then(|| parsed(text));
        Self {
            incarnation: parsed(field("incarnation")),
            promised: term(field("promised")),
            synced: term(field("synced")),
        }
    }
}

/// Reads what a peer wrote or said.
pub(super) fn parsed<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error:?}"))
}

#[derive(Debug)]
struct Batch {
    last: Sequence,
    file: String,
    /// Its file was synced after it was written, and not shortened since. Later batches in the same file take nothing from that.
    is_safe: bool,
}

/// The files of one peer.
#[derive(Debug)]
pub(super) struct Platter {
    directory: String,
    /// Names that were seen: any other file or directory is new.
    known: BTreeSet<String>,
    /// Files with bytes that may be lost, or may come back.
    bytes: BTreeSet<String>,
    /// Names that may be lost, or may come back.
    names: BTreeSet<String>,
    /// Segments whose end may come back.
    shortened: BTreeSet<String>,
    /// Batches of the log, by first sequence.
    batches: BTreeMap<Sequence, Batch>,
    /// Lines of the files `state` and `state.tmp`.
    states: BTreeMap<String, Vec<String>>,
    state: Option<StateOnDisk>,
}

impl Platter {
    /// The platter of a peer that has no files yet.
    pub(super) fn new(id: &str) -> Self {
        Self {
            directory: format!("data/{id}"),
            known: BTreeSet::new(),
            bytes: BTreeSet::new(),
            names: BTreeSet::new(),
            shortened: BTreeSet::new(),
            batches: BTreeMap::new(),
            states: BTreeMap::new(),
            state: None,
        }
    }

    pub(super) fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// The `state` that is safe.
    pub(super) fn state(&self) -> Option<&StateOnDisk> {
        self.state.as_ref()
    }

    /// Whether all bytes and names are safe of the files that `of` picks.
    pub(super) fn holds(&self, of: impl Fn(&str) -> bool) -> bool {
        !self.bytes.iter().chain(&self.names).any(|path| of(path))
    }

    /// Whether the bytes of this file are safe.
    pub(super) fn holds_bytes(&self, file: &str) -> bool {
        !self.bytes.contains(file)
    }

    /// Whether something may come back that was cut from the log.
    pub(super) fn has_unsynced_cut(&self) -> bool {
        let journal = self.path("journal/");
        let removed = self.names.iter().any(|name| name.starts_with(&journal) && !self.known.contains(name));
        removed || !self.shortened.is_empty()
    }

    /// Whether the log is safe up to here.
    pub(super) fn holds_log(&self, up_to: Sequence) -> bool {
        let Some((_, Batch { last, .. })) = self.batches.range(..=up_to).next_back() else { return up_to == 0 };
        // The parent directories count, too.
        let mut paths = BTreeSet::from(["data".to_owned(), self.directory.clone(), self.path("journal")]);
        let mut batches = self.batches.range(..=up_to).map(|(_, batch)| batch);
        paths.extend(batches.clone().map(|batch| batch.file.clone()));
        *last >= up_to && batches.all(|batch| batch.is_safe) && !self.names.iter().any(|path| paths.contains(path))
    }

    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Write { path, line } => self.write(path, line),
            Event::Make { path } => self.make(path),
            Event::Sync { path } => {
                self.bytes.remove(path);
                self.names.retain(|name| parent(name) != path);
                self.shortened.remove(path);
                self.batches_in(path).for_each(|batch| batch.is_safe = true);
            }
            Event::Rename { from, to } => self.rename(from, to),
            Event::Unlink { path } => {
                self.known.remove(path);
                self.bytes.remove(path);
                self.names.insert(path.clone());
                self.shortened.remove(path);
                self.batches.retain(|_, batch| batch.file != *path);
            }
            Event::Truncate { path } => {
                // Other batches in their place show later which batches went.
                self.bytes.insert(path.clone());
                if path.starts_with(&self.path("journal/")) {
                    self.shortened.insert(path.clone());
                    self.batches_in(path).for_each(|batch| batch.is_safe = false);
                }
            }
            Event::Send { .. } => {}
        }
        let state = self.path("state");
        if self.holds(|path| path == state) {
            self.state = self.states.get(&state).map(|lines| StateOnDisk::read(lines));
        }
    }

    fn batches_in<'a>(&'a mut self, path: &'a str) -> impl Iterator<Item = &'a mut Batch> {
        self.batches.values_mut().filter(move |batch| batch.file == path)
    }

    /// Notes a new name, if it was not there before.
    fn make(&mut self, path: &str) {
        if self.known.insert(path.to_owned()) {
            self.names.insert(path.to_owned());
        }
    }

    fn write(&mut self, path: &str, line: &str) {
        self.make(path);
        self.bytes.insert(path.to_owned());
        if path.starts_with(&self.path("state")) {
            self.states.entry(path.to_owned()).or_default().push(line.to_owned());
        }
        let head: Vec<&str> = line.split(':').collect();
        if let (["BATCH", _, first, count, ..], true) = (&head[..], path.starts_with(&self.path("journal/"))) {
            let (first, count): (Sequence, u64) = (parsed(first), parsed(count));
            self.batches.retain(|other, _| *other < first);
            let batch = Batch { last: first + count - 1, file: path.to_owned(), is_safe: false };
            self.batches.insert(first, batch);
        }
    }

    fn rename(&mut self, from: &str, to: &str) {
        self.known.remove(from);
        self.known.insert(to.to_owned());
        self.names.extend([from, to].map(str::to_owned));
        if self.bytes.remove(from) {
            self.bytes.insert(to.to_owned());
        } else {
            self.bytes.remove(to);
        }
        if let Some(lines) = self.states.remove(from) {
            self.states.insert(to.to_owned(), lines);
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(parent, _)| parent)
}
