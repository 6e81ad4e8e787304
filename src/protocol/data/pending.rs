//! Pending readings: taken in, or cut from the log, and not yet committed in this peer's log. Here are their numbers,
//! and the text of those in memory. When they are ordered, and by which leader, is decided elsewhere
//! (docs/protocol.md, 4.1, 4.2).

use std::collections::BTreeMap;

use super::log::Log;
use crate::ids::{Number, Origin, PeerId, Sequence};
use crate::protocol::input::{Found, Time};
use crate::ranges::RangeSet;
use crate::wire::batch::READINGS_MAX;
use crate::wire::{Lines, Range, Request};

/// Readings of one origin under way to the leader: sent, and not yet in this peer's log. It is enough for several
/// batches, and few enough (1.5 MiB of the longest lines) for a leader to take in from all peers at the same time.
pub const WINDOW_READINGS: u64 = 8 * READINGS_MAX;

/// How many origins may have readings under way at the same time, beside this life. What is cut can be of very many
/// origins, and a window for each would be more than the leader could take in. The lowest go first: so all peers that
/// hold parts of an origin send them at the same time, and none waits for numbers that another does not send yet.
pub(crate) const ORIGINS_UNDER_WAY_MAX: usize = 15;

/// How many readings may be pending before sources have to wait. At most 3 MiB of text.
pub const PENDING_READINGS_MAX: u64 = 2 * WINDOW_READINGS;

#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// This life of this peer.
    own: Origin,
    /// The number of the last reading taken in.
    taken: Number,
    queues: BTreeMap<Origin, Queue>,
    /// What the log holds under this life's origin and has yet to be compared with what the storage keeps.
    pub(crate) contested: Vec<Request>,
}

#[derive(Debug, Clone, Default)]
struct Queue {
    /// What is pending.
    numbers: RangeSet,
    /// The texts in memory, by first number. What is pending and not here is on disk.
    lines: BTreeMap<Number, Lines>,
    /// Sent to the present leader up to here.
    sent: Number,
    /// The last number that the storage was asked for, until all of it came.
    recalled: Option<Number>,
    /// The first reading under way, since it last changed.
    waiting: Option<Waiting>,
}

/// A reading under way that does not come back in the log.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    number: Number,
    since: Time,
    /// How much the leader had committed then: nothing can be missed before the log reaches this.
    mark: Sequence,
    /// How often it was sent again.
    times: u32,
}

/// How often the wait doubles, each time that the same is sent again: a leader whose disk hangs has all of it already.
const WAIT_DOUBLINGS_MAX: u32 = 16;

/// What has to happen for pending readings to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// These are to go to the sequencer.
    Order(Request),
    /// These have to be read from disk first.
    Recall(Range),
}

impl Pending {
    pub(crate) fn new(own: Origin, found: &Found) -> Self {
        let mut pending = Self { own, taken: 0, queues: BTreeMap::new(), contested: Vec::new() };
        for range in &found.pending {
            pending.add(range);
        }
        pending
    }

    /// How many readings sources may hand in.
    pub(crate) fn room(&self) -> u64 {
        let waiting = self.queues.get(&self.own).map_or(0, |queue| queue.numbers.len());
        PENDING_READINGS_MAX.saturating_sub(waiting)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queues.values().all(|queue| queue.numbers.is_empty())
    }

    /// Readings of all origins.
    pub(crate) fn len(&self) -> u64 {
        self.queues.values().map(|queue| queue.numbers.len()).sum()
    }

    /// The first reading of this life that is not committed.
    pub(crate) fn first_own(&self) -> Option<Number> {
        self.queues.get(&self.own)?.numbers.spans().next().map(|(first, _)| first)
    }

    /// Readings taken in by this life.
    pub(crate) fn taken(&self) -> Number {
        self.taken
    }

    pub(crate) fn ranges(&self) -> Vec<Range> {
        let of = |(origin, queue): (&Origin, &Queue)| {
            let origin = origin.clone();
            let range = move |(first, last)| Range { origin: origin.clone(), first, count: last - first + 1 };
            queue.numbers.spans().map(range).collect::<Vec<_>>()
        };
        self.queues.iter().flat_map(of).collect()
    }

    pub(crate) fn own(&self) -> &Origin {
        &self.own
    }

    /// The next reading is numbered above this.
    pub(crate) fn skip_to(&mut self, number: Number) {
        self.taken = self.taken.max(number);
    }

    /// The parts of a request under this life's origin that are pending here: the first number of each, the request's
    /// text, and this peer's text, `None` if that is on disk. If the texts differ, somebody else used the number, and
    /// this peer's reading has to be ordered under another one (docs/trust.md).
    pub(crate) fn pieces(&self, request: &Request) -> Vec<(Number, Lines, Option<Lines>)> {
        let Some(queue) = self.queues.get(&self.own) else { return Vec::new() };
        let (mut pieces, last) = (Vec::new(), request.range().last());
        let mut next = request.first;
        for (from, to) in queue.numbers.missing(request.first, last).into_iter().chain([(last + 1, last + 1)]) {
            while next < from {
                let text = Queue::text(&queue.lines, next, from - 1);
                let count = text.as_ref().map_or_else(|| queue.absent(next, from - 1), Lines::count);
                pieces.push((next, request.lines.slice(next - request.first, count), text));
                next += count;
            }
            next = to + 1;
        }
        pieces
    }

    /// Drops numbers of this life that others used.
    pub(crate) fn drop_own(&mut self, first: Number, last: Number) {
        let own = self.own.clone();
        self.committed(&Range { origin: own, first, count: last - first + 1 });
    }

    /// docs/protocol.md, 4.1: takes readings of this peer's sources in and numbers them without gaps, which is how a
    /// leader knows what it lacks.
    pub(crate) fn take(&mut self, lines: Lines) -> Request {
        let first = self.taken + 1;
        self.taken += lines.count();
        let queue = self.queues.entry(self.own.clone()).or_default();
        queue.numbers.insert(first, self.taken);
        queue.lines.insert(first, lines.clone());
        Request { origin: self.own.clone(), first, lines }
    }

    /// docs/protocol.md, 6.2: notes readings that the storage keeps, cut from the log or found at the start. They keep
    /// origin and number, by which the sequencer recognizes what the leader's log has.
    pub(crate) fn add(&mut self, range: &Range) {
        let queue = self.queues.entry(range.origin.clone()).or_default();
        queue.numbers.insert(range.first, range.last());
        queue.sent = queue.sent.min(range.first - 1);
    }

    /// Takes back what the storage was asked for, or a piece of it.
    pub(crate) fn on_recalled(&mut self, request: Request) {
        let Some(queue) = self.queues.get_mut(&request.origin) else { return };
        let (first, last) = (request.first, request.range().last());
        // Pieces come in number order. To ask for the rest again at each piece would bring all of them again and again. A
        // piece that ends elsewhere may belong to an earlier question.
        if queue.recalled == Some(last) {
            queue.recalled = None;
        }
        // What was committed meanwhile is no longer needed.
        if queue.numbers.missing(first, last) != (first, last).into() {
            queue.lines.insert(first, request.lines);
        }
    }

    /// docs/protocol.md, 1: what is committed in this peer's log is no longer pending. To be stored is not enough: it
    /// can still be cut.
    pub(crate) fn committed(&mut self, range: &Range) {
        let Some(queue) = self.queues.get_mut(&range.origin) else { return };
        queue.numbers.remove(range.first, range.last());
        queue.forget_lines(range);
        if queue.numbers.is_empty() {
            // If readings come alone, this life's queue becomes empty after each.
            if range.origin == self.own {
                *queue = Queue::default();
            } else {
                self.queues.remove(&range.origin);
            }
        }
    }

    /// docs/protocol.md, 4.2: begins again with the first reading that is not in the log, for a new leader, or a new link
    /// to it. What was under way may be lost; the sequencer drops what it has already (4.3).
    pub(crate) fn restart(&mut self) {
        for queue in self.queues.values_mut() {
            (queue.sent, queue.waiting) = (0, None);
        }
    }

    /// docs/protocol.md, 4.2: the same for what these peers took in. While they were in the view the leader took it
    /// from them alone, so what others sent of it was turned away.
    pub(crate) fn restart_of(&mut self, peers: &[PeerId]) {
        for (_, queue) in self.queues.iter_mut().filter(|(origin, _)| peers.contains(&origin.peer)) {
            (queue.sent, queue.waiting) = (0, None);
        }
    }

    /// docs/protocol.md, 4.2: gives up waiting for what was under way for `timeout` and did not come back, although the
    /// log reached what the leader had committed then. A leader that could not keep so much dropped it without a word,
    /// or a disk lost it. A peer whose log lags would otherwise send again what is already ordered.
    pub(crate) fn give_up_waiting(&mut self, log: &Log, leader_commit: Sequence, now: Time, timeout: Time) {
        for (origin, queue) in &mut self.queues {
            queue.give_up_waiting(origin, log, leader_commit, now, timeout);
        }
    }

    /// docs/protocol.md, 4.2: what may go to the sequencer now, in number order for each origin, a window at a time. It
    /// counts as sent then. The window bounds what a leader has to take in from all peers together.
    pub(crate) fn next(&mut self, log: &Log) -> Vec<Next> {
        let mut out = Vec::new();
        let mut others = 0;
        for (origin, queue) in &mut self.queues {
            let is_own = *origin == self.own;
            if !is_own && others == ORIGINS_UNDER_WAY_MAX {
                continue;
            }
            let under_way = queue.next(origin, log, &mut out);
            others += usize::from(under_way && !is_own);
        }
        out
    }
}

impl Queue {
    /// Returns whether anything is under way, or asked for, after that.
    fn next(&mut self, origin: &Origin, log: &Log, out: &mut Vec<Next>) -> bool {
        let mut window = WINDOW_READINGS;
        for (first, last) in self.numbers.spans() {
            for (first, last) in log.missing(origin, first, last) {
                let last = last.min(first.saturating_add(window - 1));
                window -= last - first + 1;
                let mut at = first.max(self.sent + 1);
                while at <= last {
                    let Some(lines) = Self::text(&self.lines, at, last) else {
                        // What the storage was asked for is on its way; nothing may overtake it.
                        if self.recalled.is_none() {
                            let ranges = self.to_recall(at, origin, log);
                            self.recalled = ranges.last().map(Range::last);
                            out.extend(ranges.into_iter().map(Next::Recall));
                        }
                        return true;
                    };
                    let request = Request { origin: origin.clone(), first: at, lines };
                    at += request.lines.count();
                    self.sent = at - 1;
                    out.push(Next::Order(request));
                }
                if window == 0 {
                    return true;
                }
            }
        }
        window < WINDOW_READINGS
    }

    /// What to ask the storage for: readings from `from` on that are not in memory, up to the first that is. A disk that lost
    /// writes leaves gaps, and to ask after each of them would take a turn of the storage for a few readings.
    fn to_recall(&self, from: Number, origin: &Origin, log: &Log) -> Vec<Range> {
        let (mut ranges, mut left) = (Vec::new(), READINGS_MAX);
        let spans = self.numbers.spans().flat_map(|(first, last)| log.missing(origin, first, last));
        for (first, last) in spans.filter(|(_, last)| *last >= from) {
            let first = first.max(from);
            let count = self.absent(first, last).min(left);
            if count > 0 {
                ranges.push(Range { origin: origin.clone(), first, count });
            }
            left -= count;
            if left == 0 || first + count <= last {
                break;
            }
        }
        ranges
    }

    fn give_up_waiting(&mut self, origin: &Origin, log: &Log, leader_commit: Sequence, now: Time, timeout: Time) {
        let missing = |(first, last)| log.missing(origin, first, last).into_iter().next();
        let first = self.numbers.spans().find_map(missing).map(|(first, _)| first);
        let Some(number) = first.filter(|first| *first <= self.sent || self.recalled.is_some()) else {
            self.waiting = None;
            return;
        };
        let fresh = Waiting { number, since: now, mark: leader_commit, times: 0 };
        let waiting = self.waiting.filter(|waiting| waiting.number == number).unwrap_or(fresh);
        let patience = timeout * 2u32.pow(waiting.times.min(WAIT_DOUBLINGS_MAX));
        let over = now >= waiting.since + patience && log.last() >= waiting.mark;
        if over {
            (self.sent, self.recalled) = (0, None);
        }
        self.waiting = Some(if over { Waiting { times: waiting.times + 1, ..fresh } } else { waiting });
    }

    /// Text from `first` on, at most up to `last`, if it is in memory.
    fn text(lines: &BTreeMap<Number, Lines>, first: Number, last: Number) -> Option<Lines> {
        let (begins, lines) = lines.range(..=first).next_back()?;
        let skip = first - begins;
        (skip < lines.count()).then(|| lines.slice(skip, last - first + 1))
    }

    /// How many readings from `first` on, at most up to `last`, are not in memory.
    fn absent(&self, first: Number, last: Number) -> u64 {
        let before = self.lines.range(..first).next_back();
        if before.is_some_and(|(begins, lines)| begins + lines.count() > first) {
            return 0;
        }
        self.lines.range(first..=last).next().map_or(last + 1, |(begins, _)| *begins) - first
    }

    /// Lets go of texts in which nothing is pending any more.
    fn forget_lines(&mut self, range: &Range) {
        let mut from = self.lines.range(..=range.first).next_back().map_or(range.first, |(begins, _)| *begins);
        while let Some((begins, lines)) = self.lines.range(from..).next() {
            let (begins, last) = (*begins, *begins + lines.count() - 1);
            if begins > range.last() {
                return;
            }
            // Nothing of it is in `numbers` if all of it is missing there.
            if self.numbers.missing(begins, last) == (begins, last).into() {
                self.lines.remove(&begins);
            }
            from = begins + 1;
        }
    }
}

#[cfg(test)]
mod tests;
