//! Notices that connections of links end, without a thread for each: the listener's thread waits for them beside its own.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod waiting;

use std::sync::{Arc, Weak};

use super::link::Link;
use super::node::Node;
use crate::net::{Incoming, ReadError};
use crate::wire::Message;

#[cfg(not(unix))]
pub(super) use elsewhere::Ends;
#[cfg(unix)]
pub(super) use waiting::Ends;

/// What the receiver of a link says: `None` where it hangs up.
pub(super) type Said = Result<Option<Message>, ReadError>;

/// How many bytes the receiver of a link may say: one line.
const ERROR_BYTES_MAX: usize = 4096;

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
        let Self { link, incoming, connection } = self;
        let Some(known) = link.upgrade() else { return };
        let shared = Arc::clone(node);
        let wait = move || {
            if let Some((link, said)) = word(&link, incoming) {
                link.hears(&shared, said, connection);
            }
        };
        if !node.try_spawn(known.thread_name(), wait) {
            // Without this thread its end would not be noticed.
            known.lost(node, connection);
        }
    }
}

/// Waits for what the receiver says, and does not keep the link meanwhile: one that is over hangs up, and nothing else may
/// end this wait. `None`: it is over.
fn word(link: &Weak<Link>, incoming: Incoming) -> Option<(Arc<Link>, Said)> {
    let said = incoming.at_most(ERROR_BYTES_MAX).read_message();
    Some((link.upgrade()?, said))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::net::Outgoing;

    /// Its connection is neither the present one nor being written to when it is dialled again, so nobody else ends it.
    #[test]
    fn a_receiver_that_says_half_a_word_does_not_keep_a_link_that_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let (mut receiver, _) = listener.accept().unwrap();
        let link = Arc::new(Link::new("b".parse().unwrap()));
        link.begin_on(&stream, Outgoing::default(), Instant::now()).unwrap();
        let weak = Arc::downgrade(&link);
        let waiting = thread::spawn(move || word(&weak, Incoming::new(stream)).is_none());
        receiver.write_all(b"ERR").unwrap();
        link.redial();
        link.close();
        drop(link);
        assert!(waiting.join().unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn the_thread_of_the_poll_hears_of_ends_and_of_nothing_else() {
        use mio::{Events, Token};

        use crate::net::uninterrupted;
        use crate::threads::lock::lock;
        use crate::threads::trial::{until, Trial, PATIENCE};

        let mut trial = Trial::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut links = Vec::new();
        for name in ["b", "c"] {
            let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            let link = Arc::new(Link::new(name.parse().unwrap()));
            // Nobody dials again while the test looks.
            lock(&link.state).has_thread = true;
            let connection = link.begin_on(&stream, Outgoing::default(), Instant::now()).unwrap();
            trial.node.ends.wait_for(&trial.node, End::new(&link, Incoming::new(stream), connection));
            links.push((link, listener.accept().unwrap().0));
        }
        assert!(!trial.node.ends.on_event(&trial.node, Token(0)) && !trial.node.ends.on_event(&trial.node, Token(7)));
        for (link, receiver) in links {
            assert!(lock(&link.state).up.is_some());
            drop(receiver);
            let mut events = Events::with_capacity(8);
            uninterrupted(|| trial.poll.poll(&mut events, Some(PATIENCE))).unwrap();
            let tokens: Vec<Token> = events.iter().map(mio::event::Event::token).collect();
            assert_eq!(tokens.len(), 1);
            assert!(trial.node.ends.on_event(&trial.node, tokens[0]));
            until(|| lock(&link.state).up.is_none());
            assert!(!trial.node.ends.on_event(&trial.node, tokens[0]), "it was one end");
        }
    }
}
