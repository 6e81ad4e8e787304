//! What happened lately: the lines of the log that an operator sees at its default level, kept in memory for the page and for
//! programs.

use std::collections::VecDeque;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// How many are kept; the oldest go.
pub const KEPT_MAX: usize = 1_000;

/// The longest text of one, in bytes: a view of a hundred peers. A longer text is cut, and ends with `…`.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// One line of the log (or two, with LF between them).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// 1, 2, 3 … in this life of the peer.
    pub id: u64,
    pub time: String,
    pub level: String,
    pub event: String,
    pub text: String,
}

/// The latest events.
#[derive(Debug, Default)]
pub struct Happenings {
    kept: VecDeque<Happening>,
    last: u64,
}

impl Happenings {
    pub fn add(&mut self, time: SystemTime, level: &str, event: &str, text: &str) {
        self.last += 1;
        if self.kept.len() == KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Happening {
            id: self.last,
            time: super::written(time),
            level: level.to_owned(),
            event: event.to_owned(),
            text: shortened(text),
        });
    }

    /// The id of the newest, 0 where there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Events with higher ids, oldest first.
    #[must_use]
    pub fn after(&self, id: u64) -> Vec<Happening> {
        self.kept.iter().filter(|happening| happening.id > id).cloned().collect()
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_ids_go_on() {
        let mut happenings = Happenings::default();
        for number in 0..=KEPT_MAX {
            happenings.add(SystemTime::UNIX_EPOCH, "info", "view", &format!("{number}"));
        }
        let kept = happenings.after(0);
        assert_eq!((kept.len(), kept[0].id, kept[0].text.as_str()), (KEPT_MAX, 2, "1"));
        assert_eq!(happenings.after(KEPT_MAX as u64).len(), 1);
        assert_eq!(kept[0].time, "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = shortened(&"é".repeat(TEXT_BYTES_MAX));
        assert!(text.len() <= TEXT_BYTES_MAX + '…'.len_utf8() && text.ends_with("é…"));
    }
}
