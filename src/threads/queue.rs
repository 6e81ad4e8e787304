//! How much is before a request that comes now: whether its reader orders it, or the sequencer.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What is to be ordered before anything that comes now.
#[derive(Debug, Default)]
pub(super) struct Queue(AtomicUsize);

impl Queue {
    /// Begins to order, if nothing is before it. All that came on any connection was ordered by then, so the readings of
    /// each stay in their order.
    pub(super) fn begin(&self) -> bool {
        self.0.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// This many more are to be ordered.
    pub(super) fn add(&self, items: usize) {
        self.0.fetch_add(items, Ordering::AcqRel);
    }

    /// This many were ordered.
    pub(super) fn end(&self, items: usize) {
        self.0.fetch_sub(items, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_orders_only_where_nothing_is_before_it() {
        let queue = Queue::default();
        assert!(queue.begin() && !queue.begin());
        queue.add(2);
        queue.end(1);
        assert!(!queue.begin());
        queue.end(2);
        assert!(queue.begin());
    }
}
