//! How much the peers of a run say: messages by verb, and what it takes to say them.

use std::collections::BTreeMap;

use crate::wire::{encode_head, Message};

/// What was said since counting began.
#[derive(Debug, Default)]
pub struct Counts {
    messages: BTreeMap<String, u64>,
    /// Connections of links.
    pub dials: u64,
    /// Questions, each on a connection of its own.
    pub questions: u64,
}

impl Counts {
    pub(crate) fn message(&mut self, message: &Message) {
        let mut text = Vec::new();
        encode_head(message, &mut text);
        let verb = text.split(|byte| b":\n".contains(byte)).next().unwrap_or_default();
        *self.messages.entry(String::from_utf8_lossy(verb).into_owned()).or_default() += 1;
    }

    pub(crate) fn dial(&mut self) {
        self.dials += 1;
    }

    pub(crate) fn question(&mut self) {
        self.questions += 1;
    }

    /// All messages but those that a group at rest says, too.
    #[must_use]
    pub fn said(&self) -> u64 {
        self.messages.iter().filter(|(verb, _)| !verb.starts_with("HEARTBEAT")).map(|(_, count)| count).sum()
    }
}
