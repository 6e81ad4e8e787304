//! If the system can wait for a socket that others block on, the listener's thread waits for all ends.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use mio::unix::SourceFd;
use mio::{Interest, Poll, Registry, Token};

use super::End;
use crate::threads::lock::lock;

/// Tokens with this bit are those of ends. The listener never gets so far.
const ENDS: usize = 1 << (usize::BITS - 1);

pub(in crate::threads) struct Ends {
    registry: Registry,
    waiting: Mutex<BTreeMap<usize, End>>,
    next: AtomicUsize,
}

impl Ends {
    /// Those that the thread of this poll waits for.
    pub(in crate::threads) fn new(poll: &Poll) -> io::Result<Self> {
        Ok(Self { registry: poll.registry().try_clone()?, waiting: Mutex::default(), next: AtomicUsize::new(0) })
    }

    /// Waits for an end. Gives one back that the poll does not take: it is to be read without that.
    #[must_use]
    pub(in crate::threads) fn wait_for(&self, end: End) -> Option<End> {
        let descriptor = end.incoming.stream().as_raw_fd();
        let token = ENDS | self.next.fetch_add(1, Ordering::Relaxed);
        let mut waiting = lock(&self.waiting);
        // The descriptor stays open for as long as the end is kept.
        if self.registry.register(&mut SourceFd(&descriptor), Token(token), Interest::READABLE).is_ok() {
            waiting.insert(token, end);
            return None;
        }
        Some(end)
    }

    /// The listener's thread heard of this token. Gives back the end that has come, to be read now; `None`: it is not
    /// the token of one.
    pub(in crate::threads) fn on_event(&self, Token(token): Token) -> Option<End> {
        if token & ENDS == 0 {
            return None;
        }
        let end = lock(&self.waiting).remove(&token)?;
        // One that cannot be taken out of the poll is closed soon.
        let _ = self.registry.deregister(&mut SourceFd(&end.incoming.stream().as_raw_fd()));
        Some(end)
    }
}
