//! Bytes that connections keep in memory: bounded for each, and for all together. Where all together keep too much,
//! connections that keep more than others give way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// What all connections together may keep of one kind.
#[derive(Debug)]
pub(super) struct Pool {
    each: usize,
    all: usize,
    kept: AtomicUsize,
    sharers: AtomicUsize,
}

impl Pool {
    pub(super) fn new(each: usize, all: usize) -> Arc<Self> {
        Arc::new(Self { each, all, kept: AtomicUsize::new(0), sharers: AtomicUsize::new(0) })
    }
}

/// One connection's part.
#[derive(Debug)]
pub(super) struct Share {
    pool: Arc<Pool>,
    kept: AtomicUsize,
}

impl Share {
    pub(super) fn new(pool: &Arc<Pool>) -> Arc<Self> {
        pool.sharers.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { pool: Arc::clone(pool), kept: AtomicUsize::new(0) })
    }

    /// Keeps this many more bytes, until the returned value is dropped. `None`: that is too much.
    pub(super) fn keep(self: &Arc<Self>, bytes: usize) -> Option<Kept> {
        let (own, all) = (self.kept.load(Ordering::Relaxed) + bytes, self.pool.kept.load(Ordering::Relaxed) + bytes);
        let average = all / self.pool.sharers.load(Ordering::Relaxed).max(1);
        if own > self.pool.each || (all > self.pool.all && own > average) {
            return None;
        }
        self.kept.fetch_add(bytes, Ordering::Relaxed);
        self.pool.kept.fetch_add(bytes, Ordering::Relaxed);
        Some(Kept { share: Arc::clone(self), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.sharers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes are kept until this is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    share: Arc<Share>,
    bytes: usize,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.share.kept.fetch_sub(self.bytes, Ordering::Relaxed);
        self.share.pool.kept.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keeps_no_more_than_allowed_until_it_gives_some_back() {
        let share = Share::new(&Pool::new(100, 1000));
        let kept = share.keep(80).unwrap();
        assert!(share.keep(21).is_none() && share.keep(20).is_some());
        drop(kept);
        assert!(share.keep(100).is_some());
    }

    #[test]
    fn where_all_keep_too_much_the_ones_that_keep_more_give_way() {
        let pool = Pool::new(100, 120);
        let (greedy, other, modest) = (Share::new(&pool), Share::new(&pool), Share::new(&pool));
        let _kept = (greedy.keep(90).unwrap(), other.keep(30).unwrap());
        assert!(greedy.keep(10).is_none() && other.keep(20).is_none());
        assert!(modest.keep(10).is_some());
    }

    #[test]
    fn a_connection_gives_way_only_above_the_average_and_where_all_keep_more_than_allowed() {
        let pool = Pool::new(100, 120);
        let (more, less) = (Share::new(&pool), Share::new(&pool));
        let _kept = (less.keep(50).unwrap(), more.keep(70).unwrap());
        assert!(less.keep(21).is_none() && less.keep(20).is_some(), "with 140 bytes each may have 70");
    }

    #[test]
    fn a_connection_that_ended_is_no_part_of_the_average() {
        let pool = Pool::new(100, 120);
        let (greedy, ended, other) = (Share::new(&pool), Share::new(&pool), Share::new(&pool));
        let _kept = (greedy.keep(70).unwrap(), other.keep(50).unwrap());
        assert!(other.keep(10).is_none(), "three have 43 bytes each");
        drop(ended);
        assert!(other.keep(10).is_some(), "two have 65");
    }
}
