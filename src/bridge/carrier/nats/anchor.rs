//! Does a stream still hold what it is known to hold? A server that comes back without the end of its stream gives the numbers
//! of those messages to others, so how far the stream reaches does not tell. The last message that is known of the group tells:
//! it has the same number and the same name as before, or what came before it may be gone as well.

use async_nats::jetstream::stream::{Config, RetentionPolicy};

use super::super::known::Last;

/// Looks out for that message among those that the stream holds from its number on.
pub(super) struct Anchor {
    last: Option<Last>,
    /// Newer messages of a sensor remove older ones.
    is_limited_by_subject: bool,
    /// What is gone says nothing of the rest.
    is_let_go: bool,
    is_there: bool,
}

impl Anchor {
    pub(super) fn new(last: Option<Last>, config: &Config) -> Self {
        Self {
            is_there: last.is_none(),
            last,
            is_limited_by_subject: config.max_messages_per_subject > 0,
            // Where readers of the stream take messages away.
            is_let_go: config.retention != RetentionPolicy::Limits,
        }
    }

    /// Where to begin to read.
    pub(super) fn start(&self) -> u64 {
        self.last.as_ref().map_or(1, |last| last.at)
    }

    /// There is this message of the group. Returns whether it is no other than what was there.
    pub(super) fn meet(&mut self, at: u64, id: &str, subject: &str) -> bool {
        let Some(last) = &self.last else { return true };
        if at == last.at {
            self.is_there = id == last.id;
            return self.is_there;
        }
        self.is_there |= self.is_limited_by_subject && subject == last.subject;
        true
    }

    /// Is it there, after all was read, or was it removed as the stream is to do it? `first` is where the stream begins.
    pub(super) fn holds(&self, first: u64) -> bool {
        self.is_there || self.is_let_go || self.last.as_ref().is_some_and(|last| last.at < first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(config: &Config) -> Anchor {
        let last = Last { at: 7, id: "lab/a/5/3".to_owned(), subject: "lab.roof".to_owned() };
        Anchor::new(Some(last), config)
    }

    #[test]
    fn a_message_that_is_another_or_gone_is_lost_with_what_came_before_it() {
        let mut same = anchor(&Config::default());
        assert!(same.start() == 7 && same.meet(7, "lab/a/5/3", "lab.roof") && same.holds(1));
        assert!(!anchor(&Config::default()).meet(7, "lab/a/5/4", "lab.roof"));
        let mut gone = anchor(&Config::default());
        assert!(gone.meet(8, "lab/a/5/4", "lab.roof") && !gone.holds(1));
    }

    #[test]
    fn what_the_stream_is_to_remove_is_not_lost() {
        assert!(anchor(&Config::default()).holds(8), "it begins after that");
        let by_subject = Config { max_messages_per_subject: 1, ..Config::default() };
        let mut limited = anchor(&by_subject);
        assert!(limited.meet(8, "lab/a/5/4", "lab.cellar") && !limited.holds(1));
        assert!(limited.meet(9, "lab/a/5/5", "lab.roof") && limited.holds(1));
        let taken = Config { retention: RetentionPolicy::WorkQueue, ..Config::default() };
        assert!(anchor(&taken).holds(1));
    }

    #[test]
    fn where_no_message_is_known_all_are_read() {
        let mut none = Anchor::new(None, &Config::default());
        assert!(none.start() == 1 && none.meet(1, "lab/a/5/3", "lab.roof") && none.holds(1));
    }
}
