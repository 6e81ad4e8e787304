//! Brings what the core says about incoming connections to the listener's thread.

use std::io;
use std::sync::Mutex;

use mio::{Poll, Token, Waker};

use super::lock::lock;
use crate::protocol::{Admission, ConnectionId};
use crate::wire::Message;

/// The token that wakes the listener when there is word.
pub(super) const PORTER: Token = Token(1);

pub(super) struct Porter {
    /// Bounded by the number of connections: each gets one admission or one answer, and is dropped once. The listener
    /// takes all of it at each turn.
    words: Mutex<Vec<(ConnectionId, Word)>>,
    waker: Waker,
}

/// What the core says.
pub(super) enum Word {
    Admission(Admission),
    Answer(Message),
    Drop,
}

impl Porter {
    /// Returns the porter, and the poll on which the listener waits.
    pub(super) fn new() -> io::Result<(Self, Poll)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), PORTER)?;
        Ok((Self { words: Mutex::default(), waker }, poll))
    }

    /// Leaves word. Does not wait.
    pub(super) fn bring(&self, connection: ConnectionId, word: Word) {
        lock(&self.words).push((connection, word));
        // If it cannot be woken, it looks by itself soon.
        let _ = self.waker.wake();
    }

    pub(super) fn take(&self) -> Vec<(ConnectionId, Word)> {
        std::mem::take(&mut *lock(&self.words))
    }
}

#[cfg(test)]
mod tests {
    use mio::Events;

    use super::super::trial::PATIENCE;
    use super::*;
    use crate::net::uninterrupted;

    #[test]
    fn word_wakes_the_listener_and_is_taken_once() {
        let (porter, mut poll) = Porter::new().unwrap();
        porter.bring(ConnectionId(7), Word::Drop);
        porter.bring(ConnectionId(8), Word::Drop);
        let mut events = Events::with_capacity(8);
        uninterrupted(|| poll.poll(&mut events, Some(PATIENCE))).unwrap();
        assert!(events.iter().all(|event| event.token() == PORTER) && !events.is_empty());
        let taken: Vec<ConnectionId> = porter.take().into_iter().map(|(connection, _)| connection).collect();
        assert_eq!(taken, [ConnectionId(7), ConnectionId(8)]);
        assert!(porter.take().is_empty());
    }
}
