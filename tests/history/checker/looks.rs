//! Checks that rows that were seen on the way agree with the files in the end.
//!
//! With a quorum the peers are one log to which readings are appended. A reading is appended at some moment after it was
//! handed in, and before it was first seen in a file. The order of these moments is given, by the sequences: so the log is
//! linearisable if no reading that was handed in when another had been seen is ordered before that one. One pass over the order
//! decides it: what was handed in latest of all that comes before a reading was handed in before that reading was seen.

use std::collections::{HashMap, HashSet};

use super::lines::{sensor_of, Time};
use super::record::{History, Look, Mode, Reading};
use super::rows::Held;
use super::verdict::{Breach, Verdict};

pub(crate) fn check(history: &History, held: &[Held], verdict: &mut Verdict) {
    let first = first_seen(history);
    verdict.counts.seen = first.len();
    invented(history, verdict);
    for one in held {
        vanished(history, one, verdict);
        if history.mode == Mode::Quorum {
            changed(history, one, verdict);
            stale(history, one, &first, verdict);
        }
    }
    if history.mode == Mode::Quorum {
        holes(history, &held[0], verdict);
        verdict.counts.after = fed_after(history, &first);
    }
}

/// When each row was first seen, whatever its sequence was.
fn first_seen(history: &History) -> HashMap<&str, Time> {
    let mut first = HashMap::new();
    for look in &history.looks {
        for (_, text) in &look.rows {
            let at = first.entry(text.as_str()).or_insert(look.at);
            *at = look.at.min(*at);
        }
    }
    first
}

/// How many readings were fed after the first of all was seen.
fn fed_after(history: &History, first: &HashMap<&str, Time>) -> usize {
    let Some(first) = first.values().min() else { return 0 };
    history.lives.iter().flat_map(|life| &life.fed).filter(|reading| reading.before > *first).count()
}

fn describe(history: &History, look: &Look, (sequence, text): &(u64, String)) -> String {
    let life = &history.lives[look.life];
    format!("#{sequence} {text:?}, seen in {} of {}, life {}, before {}", look.file, life.peer, life.number, look.at)
}

/// What was seen had been fed.
fn invented(history: &History, verdict: &mut Verdict) {
    for look in &history.looks {
        for row in &look.rows {
            match history.reading(&row.1) {
                Some((life, at)) if life.fed[at].before > look.at => verdict.breach(Breach::Invented, || {
                    format!("{}; it was fed later: {}", describe(history, look, row), life.describe(at))
                }),
                None if !history.claimed.contains(&row.1) => {
                    verdict.breach(Breach::Invented, || format!("{}: nobody fed this", describe(history, look, row)));
                }
                _ => {}
            }
        }
    }
}

/// What was seen is there, where no disk was cleared since.
fn vanished(history: &History, held: &Held, verdict: &mut Verdict) {
    let there: HashSet<&str> = held.rows.iter().map(|row| row.text.as_str()).collect();
    let mut told = HashSet::new();
    for look in history.looks.iter().filter(|look| history.mode != Mode::Cleared || history.lives[look.life].lasts) {
        for row in look.rows.iter().filter(|(_, text)| !there.contains(text.as_str())) {
            if told.insert(&row.1) {
                verdict
                    .breach(Breach::Vanished, || format!("{}: {} lacks it", describe(history, look, row), held.peer));
            }
        }
    }
}

/// What was seen has the same sequence as then.
fn changed(history: &History, held: &Held, verdict: &mut Verdict) {
    let rows: HashMap<u64, &str> = held.rows.iter().map(|row| (row.sequence, row.text.as_str())).collect();
    for look in &history.looks {
        for row in look.rows.iter().filter(|(sequence, text)| rows.get(sequence).is_some_and(|now| now != text)) {
            verdict.breach(Breach::Changed, || {
                format!("{}: {} has {:?}", describe(history, look, row), held.peer, rows[&row.0])
            });
        }
    }
}

/// What was handed in when a reading had been seen comes after it.
fn stale(history: &History, held: &Held, first: &HashMap<&str, Time>, verdict: &mut Verdict) {
    let mut latest: Option<(&Reading, String)> = None;
    for row in &held.rows {
        let Some((life, at)) = history.reading(&row.text) else { continue };
        if let (Some(seen), Some((before, whose))) = (first.get(row.text.as_str()), &latest) {
            if before.before > *seen {
                verdict.breach(Breach::Stale, || {
                    format!(
                        "{} was seen before {seen}, but it is after what was fed later: {whose}",
                        held.describe(row)
                    )
                });
            }
        }
        let reading = &life.fed[at];
        if latest.as_ref().is_none_or(|(before, _)| before.before < reading.before) {
            latest = Some((reading, format!("#{}, {}", row.sequence, life.describe(at))));
        }
    }
}

/// Each file was seen to grow by all rows of its sensor, one after the other.
fn holes(history: &History, held: &Held, verdict: &mut Verdict) {
    // The place of each row among those of its sensor, and the row before it.
    let (mut sizes, mut places) = (HashMap::new(), HashMap::new());
    for row in &held.rows {
        let (size, before) = sizes.entry(sensor_of(&row.text)).or_insert((0, None));
        places.insert(row.text.as_str(), (*size, *before));
        (*size, *before) = (*size + 1, Some(row));
    }
    // How many rows of each file were seen.
    let mut seen: HashMap<(usize, &str), usize> = HashMap::new();
    for look in &history.looks {
        let seen = seen.entry((look.life, &look.file)).or_default();
        if look.whole {
            *seen = 0;
        }
        for row in &look.rows {
            // What is not there in the end is told elsewhere.
            let (place, before) = places.get(row.1.as_str()).copied().unwrap_or((*seen, None));
            if let Some(before) = before.filter(|_| place > *seen) {
                let before = held.describe(before);
                verdict.breach(Breach::Hole, || format!("{}: not there was {before}", describe(history, look, row)));
            }
            *seen = place + 1;
        }
    }
}
