//! Notices that connections of links end, without a thread for each: the listener's thread waits for them beside its own.

use std::sync::{Arc, Weak};

use super::link::Link;
use super::node::Node;
use crate::net::Incoming;

/// The receiver's direction of a connection that a link made.
pub(super) struct End {
    /// A link that is over hangs up, and that is an end like any other.
    link: Weak<Link>,
    incoming: Incoming,
    /// The number of the connection in its link.
    connection: u64,
}

impl End {
    pub(super) fn new(link: &Arc<Link>, incoming: Incoming, connection: u64) -> Self {
        Self { link: Arc::downgrade(link), incoming, connection }
    }

    /// Reads what came, or will come, in a thread of its own: nobody waits for a receiver that says half of a word.
    fn read(self, node: &Arc<Node>) {
        let Some(link) = self.link.upgrade() else { return };
        let Self { incoming, connection, .. } = self;
        let (shared, watched) = (Arc::clone(node), Arc::clone(&link));
        if !node.try_spawn(link.thread_name(), move || watched.watch(&shared, incoming, connection)) {
            // Without this thread its end would not be noticed.
            link.lost(node, connection);
        }
    }
}

pub(super) use waiting::Ends;

/// Where the system can wait for a socket that others block on.
#[cfg(unix)]
mod waiting {
    use std::collections::BTreeMap;
    use std::io;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use mio::unix::SourceFd;
    use mio::{Interest, Poll, Registry, Token};

    use super::End;
    use crate::threads::lock::lock;
    use crate::threads::node::Node;

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

        /// Waits for an end.
        pub(in crate::threads) fn wait_for(&self, node: &Arc<Node>, end: End) {
            let descriptor = end.incoming.stream().as_raw_fd();
            let token = ENDS | self.next.fetch_add(1, Ordering::Relaxed);
            let mut waiting = lock(&self.waiting);
            // The descriptor stays open for as long as the end is kept.
            if self.registry.register(&mut SourceFd(&descriptor), Token(token), Interest::READABLE).is_ok() {
                waiting.insert(token, end);
                return;
            }
            drop(waiting);
            end.read(node);
        }

        /// The listener's thread heard of this token. False: it is none of an end.
        pub(in crate::threads) fn on_event(&self, node: &Arc<Node>, Token(token): Token) -> bool {
            if token & ENDS == 0 {
                return false;
            }
            let Some(end) = lock(&self.waiting).remove(&token) else { return false };
            // One that cannot be taken out of the poll is closed soon.
            let _ = self.registry.deregister(&mut SourceFd(&end.incoming.stream().as_raw_fd()));
            end.read(node);
            true
        }
    }
}

/// Elsewhere each end has a thread.
#[cfg(not(unix))]
mod waiting {
    use std::io;
    use std::sync::Arc;

    use mio::{Poll, Token};

    use super::End;
    use crate::threads::node::Node;

    pub(in crate::threads) struct Ends;

    impl Ends {
        pub(in crate::threads) fn new(_: &Poll) -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::threads) fn wait_for(&self, node: &Arc<Node>, end: End) {
            end.read(node);
        }

        pub(in crate::threads) fn on_event(&self, _: &Arc<Node>, _: Token) -> bool {
            false
        }
    }
}
