//! Checks that all peers hold one order, without gaps, each reading once and none that nobody fed, those of a life in
//! their turn.

use std::collections::{HashMap, HashSet};

use super::record::{History, Mode};
use super::rows::Held;
use super::verdict::{Breach, Excuse, Verdict};

pub(crate) fn check(history: &History, held: &[Held], verdict: &mut Verdict) {
    verdict.counts.peers = held.len();
    verdict.counts.lives = history.lives.len();
    verdict.counts.fed = history.known.len();
    verdict.counts.rows = held[0].rows.len();
    for (number, one) in held.iter().enumerate() {
        sequences(one, verdict);
        readings(history, one, verdict);
        turns(history, one, verdict, number == 0);
    }
    for other in &held[1..] {
        compare(&held[0], other, verdict);
    }
}

/// 1, 2, 3 and so on.
fn sequences(held: &Held, verdict: &mut Verdict) {
    let mut next = 1;
    for row in &held.rows {
        if row.sequence < next {
            verdict.breach(Breach::Twice, || format!("{}: this sequence is there twice", held.describe(row)));
        } else if row.sequence > next {
            verdict.breach(Breach::Gap, || format!("{}: #{next} is not there", held.describe(row)));
        }
        next = row.sequence + 1;
    }
}

/// The first sequence at which two peers differ.
fn compare(one: &Held, other: &Held, verdict: &mut Verdict) {
    let differs = |(one, other): &(&_, &_)| {
        let (one, other): (&super::rows::Row, &super::rows::Row) = (one, other);
        (one.sequence, &one.text) != (other.sequence, &other.text)
    };
    if let Some((first, second)) = one.rows.iter().zip(&other.rows).find(differs) {
        let (first, second) = (one.describe(first), other.describe(second));
        verdict.breach(Breach::Different, || format!("{first}, but {second}; they are equal before"));
    } else if one.rows.len() != other.rows.len() {
        let (longer, shorter) = if one.rows.len() > other.rows.len() { (one, other) } else { (other, one) };
        let row = longer.describe(&longer.rows[shorter.rows.len()]);
        verdict.breach(Breach::Different, || format!("{row} is not at {}, which ends before", shorter.peer));
    }
}

/// Each reading was fed, and is there once. What others hand in may be there as often as they like.
fn readings(history: &History, held: &Held, verdict: &mut Verdict) {
    let mut found = HashMap::new();
    let claimed: HashSet<&String> = history.claimed.iter().collect();
    for row in held.rows.iter().filter(|row| !claimed.contains(&row.text)) {
        if let Some(before) = found.insert(&row.text, row) {
            verdict.breach(Breach::Twice, || format!("{}, and {}", held.describe(before), held.describe(row)));
        }
        if history.reading(&row.text).is_none() {
            verdict.breach(Breach::Invented, || format!("{}: nobody fed this", held.describe(row)));
        }
    }
}

/// Readings of each life come in the order in which it was fed. Where disks are cleared a reading may turn up after a log told
/// that it is lost.
fn turns(history: &History, held: &Held, verdict: &mut Verdict, count: bool) {
    let mut last = HashMap::new();
    for row in &held.rows {
        let Some((life, at)) = history.reading(&row.text) else { continue };
        let latest = last.entry((&life.peer, life.number)).or_insert((at, row));
        if at >= latest.0 {
            *latest = (at, row);
        } else if history.mode == Mode::Cleared && !life.lasts && history.told_as_lost(&life.peer) {
            if count {
                verdict.excuse(Excuse::Late);
            }
        } else {
            let before = held.describe(latest.1);
            verdict.breach(Breach::OutOfTurn, || {
                format!("{} is after {before}: {}", held.describe(row), life.describe(at))
            });
        }
    }
}
