//! If the system cannot wait for a socket that others block on, each end has a thread.

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
