//! The record of a run: which processes lived, what each was fed and when, and what was seen in files on the way.
//!
//! Its first line is `history 1`. Peers have names and lives, which are counted from 0; times are nanoseconds.
//!
//! ```text
//! began PEER LIFE TIME OPTIONS…                   a process starts
//! fed PEER LIFE BEFORE AFTER UNREAD COUNT         then the lines; AFTER is `-` where the process ended meanwhile; UNREAD is how
//!                                                 many bytes were in its pipe before, or `-`
//! stopped PEER LIFE TIME, woken PEER LIFE TIME    SIGSTOP or SIGKILL is sent, SIGCONT was sent
//! unread PEER LIFE TIME BYTES                     what was left in its pipe, once it had ended
//! stored PEER LIFE TIME COUNT                     then lines: readings on its disk, once it had ended
//! looked PEER LIFE TIME FILE whole|more COUNT     then rows: of the whole file, or those that came after the last look
//! ended PEER LIFE TIME killed|left
//! log PEER LIFE PATH
//! claimed COUNT                                   then lines that others may have handed in, as often as they like
//! files PEER PATH                                 its directory, in the end
//! # anything
//! ```

use std::collections::HashMap;
use std::fs;
use std::iter::Enumerate;
use std::path::Path;
use std::str::Lines;
use std::time::Duration;

use super::lines::{read_log, row_of, split_row, Time, Told};
use super::HISTORY;

/// What the options of all peers promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each start begins with an empty directory.
    Cleared,
    /// `--resume`
    Kept,
    /// `--resume --quorum N`
    Quorum,
}

#[derive(Debug)]
pub(crate) struct Reading {
    /// Its row, but for the sequence.
    pub(crate) text: String,
    /// It was written to the process between these times; never wholly, where the second is missing.
    pub(crate) before: Time,
    pub(crate) after: Option<Time>,
    /// The process may have read it together with those of the same number, not with others.
    pub(crate) block: usize,
}

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) peer: String,
    pub(crate) number: u64,
    pub(crate) fed: Vec<Reading>,
    ended: Option<Ended>,
    /// Bytes of its pipe that it never read, where the system tells.
    pub(crate) unread: Option<usize>,
    /// When it was stopped, and when it was woken.
    stops: Vec<(Time, Option<Time>)>,
    pub(crate) told: Told,
    /// It is the last one of its peer, whose files are looked at in the end.
    pub(crate) lasts: bool,
    mode: Mode,
}

#[derive(Debug)]
struct Ended {
    at: Time,
    killed: bool,
}

/// Rows that were seen in a file.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) life: usize,
    /// When the file had been read.
    pub(crate) at: Time,
    pub(crate) file: String,
    /// From the begin of the file, not from where the last look ended.
    pub(crate) whole: bool,
    pub(crate) rows: Vec<(u64, String)>,
}

#[derive(Debug)]
pub(crate) struct History {
    pub(crate) mode: Mode,
    pub(crate) lives: Vec<Life>,
    pub(crate) looks: Vec<Look>,
    /// Rows that others than the peers may have handed in.
    pub(crate) claimed: Vec<String>,
    /// In which life a reading was found on the disk, by its row.
    pub(crate) stored: HashMap<String, usize>,
    /// Peers with their directories.
    pub(crate) files: Vec<(String, String)>,
    /// Life and place there of each reading, by its row.
    pub(crate) known: HashMap<String, (usize, usize)>,
}

impl History {
    pub(crate) fn reading(&self, text: &str) -> Option<(&Life, usize)> {
        self.known.get(text).map(|(life, at)| (&self.lives[*life], *at))
    }
}

impl Life {
    /// Its reading at this place, in words.
    pub(crate) fn describe(&self, at: usize) -> String {
        let Reading { text, before, after, .. } = &self.fed[at];
        let after = after.map_or("its end".to_owned(), |after| after.to_string());
        format!(
            "reading {} of life {} of {} ({text:?}), fed between {before} and {after}",
            at + 1,
            self.number,
            self.peer
        )
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    pub(crate) fn was_killed(&self) -> bool {
        self.ended.as_ref().is_some_and(|ended| ended.killed)
    }

    /// How long it ran from then until its end; it did nothing while it was stopped.
    pub(crate) fn ran_from(&self, from: Time) -> Duration {
        let Some(Ended { at: end, .. }) = self.ended else { return Duration::MAX };
        let stopped = |(stop, woken): &(Time, Option<Time>)| {
            let until = woken.unwrap_or(end).min(end);
            until.0.saturating_sub(stop.max(&from).0)
        };
        let stopped: u64 = self.stops.iter().map(stopped).sum();
        Duration::from_nanos(end.0.saturating_sub(from.0).saturating_sub(stopped))
    }

    pub(crate) fn end(&self) -> String {
        match &self.ended {
            Some(Ended { at, killed: true }) => format!("killed at {at}"),
            Some(Ended { at, killed: false }) => format!("left at {at}"),
            None => "alive".to_owned(),
        }
    }
}

struct Reader<'a> {
    lines: Enumerate<Lines<'a>>,
    history: History,
    places: HashMap<(String, u64), usize>,
}

/// Reads the record in this directory, and the logs that it names.
pub(crate) fn read(directory: &Path) -> Result<History, String> {
    let path = directory.join(HISTORY);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let history = History {
        mode: Mode::Quorum,
        lives: Vec::new(),
        looks: Vec::new(),
        claimed: Vec::new(),
        stored: HashMap::new(),
        files: Vec::new(),
        known: HashMap::new(),
    };
    let mut reader = Reader { lines: text.lines().enumerate(), history, places: HashMap::new() };
    if reader.lines.next().is_none_or(|(_, line)| line != "history 1") {
        return Err(format!("{}: its first line is not `history 1`", path.display()));
    }
    while let Some((at, line)) = reader.lines.next() {
        let said = reader.line(directory, line);
        said.map_err(|why| format!("{}:{}: {why}: {line:?}", path.display(), at + 1))?;
    }
    reader.conclude()
}

impl<'a> Reader<'a> {
    fn line(&mut self, directory: &Path, said: &str) -> Result<(), String> {
        let words: Vec<&str> = said.split(' ').collect();
        match words[..] {
            ["began", peer, life, _, ref options @ ..] => self.began(peer, number(life)?, options),
            ["fed", peer, life, before, after, unread, count] => {
                let (life, lines) = (self.life(peer, life)?, self.block(count)?);
                let after = if after == "-" { None } else { Some(time(after)?) };
                self.fed(life, (time(before)?, after), unread == "0", &lines)
            }
            ["stopped", peer, life, at] => {
                let life = self.life(peer, life)?;
                let (stops, at) = (&mut self.history.lives[life].stops, time(at)?);
                // One that is stopped may be killed.
                if stops.last().is_none_or(|(_, woken)| woken.is_some()) {
                    stops.push((at, None));
                }
                Ok(())
            }
            ["woken", peer, life, at] => {
                let life = self.life(peer, life)?;
                let stop = self.history.lives[life].stops.last_mut().ok_or("it was not stopped")?;
                stop.1 = Some(time(at)?);
                Ok(())
            }
            ["unread", peer, life, _, bytes] => {
                let life = self.life(peer, life)?;
                self.history.lives[life].unread = Some(count_of(bytes)?);
                Ok(())
            }
            ["stored", peer, life, _, count] => {
                let life = self.life(peer, life)?;
                for line in self.block(count)? {
                    self.history.stored.insert(row_of(line).ok_or("a line on a disk is no reading")?, life);
                }
                Ok(())
            }
            ["looked", peer, life, at, file, whole @ ("whole" | "more"), count] => {
                let (life, at) = (self.life(peer, life)?, time(at)?);
                let split = |row| split_row(row).map(|(sequence, text)| (sequence, text.to_owned()));
                let rows: Option<Vec<_>> = self.block(count)?.into_iter().map(split).collect();
                let (rows, file) = (rows.ok_or("a row that was seen is none")?, file.to_owned());
                self.history.looks.push(Look { life, at, file, whole: whole == "whole", rows });
                Ok(())
            }
            ["ended", peer, life, at, how @ ("killed" | "left")] => {
                let life = self.life(peer, life)?;
                self.history.lives[life].ended = Some(Ended { at: time(at)?, killed: how == "killed" });
                Ok(())
            }
            ["log", peer, life, path] => {
                let life = self.life(peer, life)?;
                let log = fs::read(directory.join(path)).map_err(|error| format!("{path}: {error}"))?;
                self.history.lives[life].told = read_log(&String::from_utf8_lossy(&log));
                Ok(())
            }
            ["claimed", count] => {
                for line in self.block(count)? {
                    self.history.claimed.push(row_of(line).ok_or("a line that was claimed is no reading")?);
                }
                Ok(())
            }
            ["files", peer, path] => {
                self.history.files.push((peer.to_owned(), path.to_owned()));
                Ok(())
            }
            ["#", ..] => Ok(()),
            _ => Err("no line of a history".to_owned()),
        }
    }

    fn began(&mut self, peer: &str, life: u64, options: &[&str]) -> Result<(), String> {
        let has = |name: &str| options.iter().any(|option| option.split('=').next() == Some(name));
        let mode = match (has("--quorum"), has("--resume")) {
            (true, _) => Mode::Quorum,
            (false, true) => Mode::Kept,
            (false, false) => Mode::Cleared,
        };
        let place = self.history.lives.len();
        if self.places.insert((peer.to_owned(), life), place).is_some() {
            return Err("this life began before".to_owned());
        }
        let (peer, told) = (peer.to_owned(), Told::default());
        let fed = Vec::new();
        let stops = Vec::new();
        let life = Life { peer, number: life, fed, ended: None, unread: None, stops, told, lasts: false, mode };
        self.history.lives.push(life);
        Ok(())
    }

    /// A life was fed these lines; it had `read` all those before.
    fn fed(
        &mut self,
        life: usize,
        (before, after): (Time, Option<Time>),
        read: bool,
        lines: &[&str],
    ) -> Result<(), String> {
        let fed = &mut self.history.lives[life].fed;
        let block = fed.last().map_or(0, |last| last.block + usize::from(read));
        for line in lines {
            let text = row_of(line).ok_or("a line that was fed is no reading")?;
            if self.history.known.insert(text.clone(), (life, fed.len())).is_some() {
                return Err(format!("{line:?} was fed twice, so nothing can be decided"));
            }
            fed.push(Reading { text, before, after, block });
        }
        Ok(())
    }

    fn life(&self, peer: &str, life: &str) -> Result<usize, String> {
        let place = self.places.get(&(peer.to_owned(), number(life)?));
        place.copied().ok_or_else(|| "this life did not begin".to_owned())
    }

    /// The next lines.
    fn block(&mut self, count: &str) -> Result<Vec<&'a str>, String> {
        let count = count_of(count)?;
        let lines: Vec<&'a str> = self.lines.by_ref().take(count).map(|(_, line)| line).collect();
        if lines.len() < count {
            return Err(format!("{} of {count} lines follow", lines.len()));
        }
        Ok(lines)
    }

    fn conclude(mut self) -> Result<History, String> {
        let history = &mut self.history;
        for (peer, _) in &history.files {
            let last = history.lives.iter_mut().filter(|life| life.peer == *peer).max_by_key(|life| life.number);
            last.ok_or_else(|| format!("{peer} has files and never began"))?.lasts = true;
        }
        let modes: Vec<Mode> = history.lives.iter().map(|life| life.mode).collect();
        history.mode = *modes.first().ok_or("nobody lives")?;
        if history.files.is_empty() || modes.iter().any(|mode| *mode != history.mode) {
            return Err("there are no files in the end, or the lives promise different things".to_owned());
        }
        Ok(self.history)
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

fn count_of(word: &str) -> Result<usize, String> {
    number(word)?.try_into().map_err(|_| format!("{word} is too much"))
}

fn time(word: &str) -> Result<Time, String> {
    number(word).map(Time)
}
