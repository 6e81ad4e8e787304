//! Notices that connections of links end, without a thread for each: the listener's thread waits for them beside its own.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod waiting;

use std::sync::{Arc, Weak};

use super::link::Link;
use crate::net::Incoming;

#[cfg(not(unix))]
pub(super) use elsewhere::Ends;
#[cfg(unix)]
pub(super) use waiting::Ends;

/// The receiver's direction of a connection that a link made. `dial.rs` reads it.
pub(super) struct End {
    /// A link that is over hangs up, and that is an end like any other.
    pub(super) link: Weak<Link>,
    pub(super) incoming: Incoming,
    /// The number of the connection in its link.
    pub(super) connection: u64,
}

impl End {
    pub(super) fn new(link: &Arc<Link>, incoming: Incoming, connection: u64) -> Self {
        Self { link: Arc::downgrade(link), incoming, connection }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use mio::{Events, Token};

    use super::super::lock::lock;
    use super::super::trial::{until, Trial, PATIENCE};
    use super::*;
    use crate::net::{uninterrupted, Outgoing};

    #[test]
    fn the_thread_of_the_poll_hears_of_ends_and_of_nothing_else() {
        let mut trial = Trial::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut links = Vec::new();
        for name in ["b", "c"] {
            let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
            let link = Arc::new(Link::new(name.parse().unwrap()));
            // Nobody dials again while the test looks.
            lock(&link.state).has_thread = true;
            let connection = link.begin_on(&stream, Outgoing::default(), Instant::now()).unwrap();
            assert!(trial.node.ends.wait_for(End::new(&link, Incoming::new(stream), connection)).is_none());
            links.push((link, listener.accept().unwrap().0));
        }
        assert!([0, 7].iter().all(|token| trial.node.ends.on_event(Token(*token)).is_none()));
        for (link, receiver) in links {
            assert!(lock(&link.state).up.is_some());
            drop(receiver);
            let mut events = Events::with_capacity(8);
            uninterrupted(|| trial.poll.poll(&mut events, Some(PATIENCE))).unwrap();
            let tokens: Vec<Token> = events.iter().map(mio::event::Event::token).collect();
            assert_eq!(tokens.len(), 1);
            trial.node.ends.on_event(tokens[0]).expect("it is that of an end").read(&trial.node);
            until(|| lock(&link.state).up.is_none());
            assert!(trial.node.ends.on_event(tokens[0]).is_none(), "it was one end");
        }
    }
}
