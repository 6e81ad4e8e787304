//! The options that a storage is opened with, and what it finds.

use crate::ids::{Incarnation, Sequence, Term};
use crate::storage::repair::Repair;
use crate::storage::state::layout::Layout;
use crate::wire::{Limits, Range, RunList};

/// What to do with the files of earlier lives, and when something counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Keep what earlier lives left.
    pub resume: bool,
    /// Promises, and what a cut keeps, are on the platter before anybody hears of them.
    pub durable: bool,
    /// `--quorum`, which is the same in every life.
    pub quorum: Option<u32>,
    /// How rows are divided into files. Files of the other layout are replaced at the start.
    pub layout: Layout,
    /// What a leader orders to be removed is removed. Without it everything is kept.
    pub limits: Option<Limits>,
    /// How long a segment of the journal gets. Only tests and the simulator set it: several are full sooner.
    pub segment_bytes: Option<u64>,
}

impl Options {
    /// As a peer runs that is given no option: nothing of earlier lives is kept.
    pub const PLAIN: Self =
        Self { resume: false, durable: false, quorum: None, layout: Layout::Sensor, limits: None, segment_bytes: None };

    /// Whether anybody will rely on these files after a power loss. Then what replaces or shortens one of them is
    /// synced before anything is built on it.
    pub(in crate::storage) fn careful(self) -> bool {
        self.resume || self.durable
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// What a peer finds when it starts. Without `resume`, nothing but the incarnation.
#[derive(Debug, Clone)]
pub struct Opened {
    /// This life: the time of its start, or one more than the highest earlier life where the clock says less.
    pub incarnation: Incarnation,
    pub promised: Option<Term>,
    pub synced: Option<Term>,
    /// The sequence that the log has to reach, or it was damaged; [`NEEDS_ALL`](crate::ids::NEEDS_ALL) where it was.
    pub needs: Sequence,
    pub runs: RunList,
    /// Entries up to here were removed. `runs` and `origins` still cover them.
    pub base: Sequence,
    /// The sequence of the last entry.
    pub last: Sequence,
    /// Which numbers of which origin are in the log; those of one origin are disjoint, merged and rising.
    pub origins: Vec<Range>,
    /// Last sequence and ranges of each batch that ends above `delivered`.
    pub uncommitted: Vec<(Sequence, Vec<Range>)>,
    /// Last sequence of each of them that says where the log begins, and that sequence.
    pub keeps: Vec<(Sequence, Sequence)>,
    /// Highest sequence with a CSV row.
    pub delivered: Sequence,
    /// Readings kept as pending and not delivered.
    pub pending: Vec<Range>,
    /// `state` could not be read, or was missing although it must have been there. So the promises are forgotten, and
    /// only the clock and the log tell this life from earlier ones.
    pub state_damaged: bool,
    /// What was wrong with the files, and what was done: one line each for the operator.
    pub repairs: Vec<Repair>,
}

impl Opened {
    /// What is left of a directory that was cleared.
    pub(in crate::storage) fn cleared(incarnation: Incarnation, repairs: Vec<Repair>) -> Self {
        Self {
            incarnation,
            promised: None,
            synced: None,
            needs: 0,
            runs: RunList::new(),
            base: 0,
            last: 0,
            origins: Vec::new(),
            uncommitted: Vec::new(),
            keeps: Vec::new(),
            delivered: 0,
            pending: Vec::new(),
            state_damaged: !repairs.is_empty(),
            repairs,
        }
    }
}
