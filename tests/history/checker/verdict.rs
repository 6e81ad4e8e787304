//! What was decided: promises that were broken, readings that are missing by a rule, and how much was looked at.

use std::collections::BTreeMap;
use std::fmt;

/// How many breaches of one promise are printed; the others are counted.
const SHOWN: usize = 3;

/// A promise, named by what breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Breach {
    Malformed,
    Gap,
    Different,
    Twice,
    Invented,
    Lost,
    OutOfTurn,
    Vanished,
    Changed,
    Hole,
    Stale,
    Unfinished,
}

impl Breach {
    fn promise(self) -> &'static str {
        match self {
            Self::Malformed => "a CSV file has a header, and whole rows of one sensor in the order of their sequences",
            Self::Gap => "the sequences over all files of a peer are 1, 2, 3 and so on",
            Self::Different => "each sequence is the same reading at every peer",
            Self::Twice => "no reading is there twice",
            Self::Invented => "what is in a file was fed before, just so",
            Self::Lost => "a reading is missing by a rule of docs/guarantees.md alone",
            Self::OutOfTurn => "readings of one life stay in the order in which it was fed",
            Self::Vanished => "a row that was in a file stays, while what keeps it lasts",
            Self::Changed => "with a quorum a row never changes",
            Self::Hole => "with a quorum a file grows row by row",
            Self::Stale => "with a quorum what is fed after a row was seen is ordered after it",
            Self::Unfinished => "a life that lasts says in the end that all it was fed is delivered",
        }
    }
}

/// Why a reading may be missing. docs/guarantees.md has the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Excuse {
    /// It was in the pipe of a process that ended.
    Unread,
    /// It was in the block that a process had just read from its pipe when it ended.
    JustRead,
    /// It was taken in within the last moment of a process, and not yet stored.
    Moment,
    /// It was taken in and not yet sent by a process that was killed, or that told in its log that it left some behind.
    Unsent,
    /// It was seen only in files of processes that ended, and whose disks were cleared.
    Cleared,
    /// It is before another of its life, and a log reports a gap that a cleared disk left.
    Told,
    /// It is not there in its turn, since it turned up after a log had told that it was lost.
    Late,
}

impl Excuse {
    fn rule(self) -> &'static str {
        match self {
            Self::Unread => "left in the pipe of a process that ended",
            Self::JustRead => "just read by a process that ended",
            Self::Moment => "taken in within the last moment of a process",
            Self::Unsent => "taken in and not yet sent by a process that ended",
            Self::Cleared => "seen only in files that were cleared",
            Self::Told => "told as lost with a cleared disk",
            Self::Late => "out of turn, told as lost before",
        }
    }
}

/// How much was looked at.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) peers: usize,
    pub(crate) lives: usize,
    pub(crate) fed: usize,
    pub(crate) rows: usize,
    /// Rows that were seen in a file before the end, each once.
    pub(crate) seen: usize,
    /// Readings that were fed when others had been seen, so that their order is known.
    pub(crate) after: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) counts: Counts,
    breaches: BTreeMap<Breach, (usize, Vec<String>)>,
    excuses: BTreeMap<Excuse, usize>,
}

impl Verdict {
    pub(crate) fn breach(&mut self, breach: Breach, what: impl FnOnce() -> String) {
        let (count, shown) = self.breaches.entry(breach).or_default();
        *count += 1;
        if shown.len() < SHOWN {
            shown.push(what());
        }
    }

    pub(crate) fn excuse(&mut self, excuse: Excuse) {
        *self.excuses.entry(excuse).or_default() += 1;
    }

    pub(crate) fn holds(&self) -> bool {
        self.breaches.is_empty()
    }

    /// The promises that were broken.
    #[cfg(test)]
    pub(crate) fn broken(&self) -> Vec<String> {
        self.breaches.keys().map(|breach| format!("{breach:?}")).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { peers, lives, fed, rows, seen, after } = self.counts;
        write!(f, "{fed} readings fed to {lives} lives of {peers} peers, {rows} rows at each; {seen} seen on the way")?;
        if after > 0 {
            write!(f, ", {after} fed after others were seen")?;
        }
        for (excuse, count) in &self.excuses {
            write!(f, "; {count} {}", excuse.rule())?;
        }
        for (breach, (count, shown)) in &self.breaches {
            write!(f, "\nBROKEN, {count} times: {}", breach.promise())?;
            for text in shown {
                write!(f, "\n  {text}")?;
            }
        }
        Ok(())
    }
}
