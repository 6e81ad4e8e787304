//! Checks that each reading is there that must be. What is missing is missing by a rule of docs/guarantees.md, as
//! narrow as it can be seen from outside.
//!
//! - Of a life that lasts, nothing may be missing.
//! - A process that ended may have left readings in its pipe. Those are the last ones that it was fed, and the system tells how
//!   many bytes they are.
//! - It may just have read a block of those before. What had been read whenever more was fed is in an earlier block.
//! - One that was killed may have taken readings in within its last moment, and not stored them. Without `--resume` it takes
//!   all with it that it had not sent, and no more than a peer keeps waiting.
//! - With `--resume` nothing may be missing that was on the disk of a process when it ended: in a file of rows, in the log, or
//!   among what waited.
//! - Without `--resume` the disk of each process that ends is cleared. So a reading may be gone that was seen in no other files.
//! - A reading before one that is there was sent before it. It may be missing only where disks are cleared, and a log tells
//!   that nobody has it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::record::{History, Life, Mode};
use super::rows::Held;
use super::verdict::{Breach, Excuse, Verdict};

/// What a pipe holds at most, where the system does not tell what is in it.
const PIPE_BYTES: usize = 64 * 1024;

/// The last moment of a process, while it ran: longer than a disk takes for what waits, on a machine that is busy.
const MOMENT: Duration = Duration::from_secs(5);

/// How many readings a peer takes in at most that are not committed.
const WAITING: usize = 16_384;

pub(crate) fn check(history: &History, held: &[Held], verdict: &mut Verdict) {
    let seen = seen(history);
    for (number, one) in held.iter().enumerate() {
        let there: HashSet<&str> = one.rows.iter().map(|row| row.text.as_str()).collect();
        for life in &history.lives {
            let is_there = |at: &usize| there.contains(life.fed[*at].text.as_str());
            let missing: Vec<usize> = (0..life.fed.len()).filter(|at| !is_there(at)).collect();
            let last = (0..life.fed.len()).rev().find(is_there);
            // All peers lack the same, or differ, which is told elsewhere.
            Missing { history, seen: &seen, held: one, life, last }.judge(&missing, verdict, number == 0);
        }
    }
    for life in history.lives.iter().filter(|life| life.lasts && !life.fed.is_empty()) {
        if life.told.delivered != Some(life.fed.len() as u64) {
            verdict.breach(Breach::Unfinished, || {
                let (fed, told) = (life.fed.len(), life.told.delivered);
                format!("life {} of {} was fed {fed} readings, and its log tells of {told:?}", life.number, life.peer)
            });
        }
    }
}

/// The lives in whose files each reading was seen on the way.
fn seen(history: &History) -> HashMap<&str, Vec<&Life>> {
    let mut seen: HashMap<&str, Vec<&Life>> = HashMap::new();
    for look in &history.looks {
        for (_, text) in &look.rows {
            seen.entry(text).or_default().push(&history.lives[look.life]);
        }
    }
    seen
}

/// What is missing of a life in the files of a peer.
struct Missing<'a> {
    history: &'a History,
    seen: &'a HashMap<&'a str, Vec<&'a Life>>,
    held: &'a Held,
    life: &'a Life,
    /// The last reading of the life that is there.
    last: Option<usize>,
}

impl Missing<'_> {
    fn judge(&self, missing: &[usize], verdict: &mut Verdict, count: bool) {
        let pipe = self.life.unread.unwrap_or(PIPE_BYTES);
        let in_memory = self.life.was_killed() || self.history.mode == Mode::Cleared;
        let mut room = Room { life: self.life, pipe, block: None, in_memory, waiting: self.waiting() };
        for at in missing.iter().rev().copied() {
            match self.excuse(at, &mut room) {
                Ok(excuse) if count => verdict.excuse(excuse),
                Ok(_) => {}
                Err(why) => verdict.breach(Breach::Lost, || {
                    let (life, end) = (self.life, self.life.end());
                    format!("{} is not at {}: {why}; this life: {end}", life.describe(at), self.held.peer)
                }),
            }
        }
    }

    /// How many readings the life may have taken with it that it had taken in.
    fn waiting(&self) -> usize {
        match (self.history.mode, self.life.was_killed()) {
            (Mode::Cleared, true) => WAITING,
            (Mode::Cleared, false) => {
                usize::try_from(self.life.told.left_behind).map_or(WAITING, |left| left.min(WAITING))
            }
            _ => 0,
        }
    }

    fn excuse(&self, at: usize, room: &mut Room) -> Result<Excuse, String> {
        if self.life.lasts || !self.life.has_ended() {
            return Err("the process lasted".to_owned());
        }
        let reading = &self.life.fed[at];
        let holders = self.seen.get(reading.text.as_str());
        if let Some(life) = holders.and_then(|lives| lives.iter().find(|life| life.lasts)) {
            return Err(format!("it was seen in a file of {}, whose process lasted", life.peer));
        }
        if holders.is_some() && self.history.mode != Mode::Cleared {
            return Err("it was seen in a file, and no disk was cleared".to_owned());
        }
        if let Some(life) = self.history.stored.get(&reading.text).filter(|_| self.history.mode != Mode::Cleared) {
            let Life { peer, number, .. } = &self.history.lives[*life];
            return Err(format!("it was on the disk of {peer} when its life {number} ended, and no disk was cleared"));
        }
        if self.last.is_some_and(|last| at < last) {
            let told = self.history.mode == Mode::Cleared && self.history.told_as_lost(&self.life.peer);
            return told.then_some(Excuse::Told).ok_or_else(|| "later ones of its life are there".to_owned());
        }
        if holders.is_some() {
            return Ok(Excuse::Cleared);
        }
        room.take(at).ok_or_else(|| "it was neither in the pipe nor taken in within the last moment".to_owned())
    }
}

/// Where the last readings that a life was fed may have been when it ended, each place before the next.
struct Room<'a> {
    life: &'a Life,
    /// How many bytes of its pipe are not accounted for.
    pipe: usize,
    /// The block that it read last.
    block: Option<usize>,
    /// What it took in last may have been in its memory alone.
    in_memory: bool,
    waiting: usize,
}

impl Room<'_> {
    /// Where this reading was; those after it have their places.
    fn take(&mut self, at: usize) -> Option<Excuse> {
        let reading = &self.life.fed[at];
        // How much of what was not written wholly is in the pipe, nobody knows.
        let bytes = reading.after.map_or(0, |_| "DATA|".len() + reading.text.len() + "\n".len());
        if bytes == 0 || self.pipe > 0 {
            self.pipe = self.pipe.saturating_sub(bytes);
            return Some(Excuse::Unread);
        }
        if *self.block.get_or_insert(reading.block) == reading.block {
            return Some(Excuse::JustRead);
        }
        if self.in_memory && self.life.ran_from(reading.before) <= MOMENT {
            return Some(Excuse::Moment);
        }
        self.waiting = self.waiting.checked_sub(1)?;
        Some(Excuse::Unsent)
    }
}

impl History {
    /// Whether a log says that nobody has some readings of the peer. It names the first of them; what is lost of the
    /// same peer within a minute is counted and not named.
    pub(crate) fn told_as_lost(&self, peer: &str) -> bool {
        self.lives.iter().any(|life| life.told.lost.iter().any(|whose| whose == peer))
    }
}
