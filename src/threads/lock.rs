//! How threads lock and wait, and which locks there are.
//!
//! A thread waits on a channel for what others hand over, up to a deadline where there is one; with [`wait`] for what
//! others change under a lock; or in a call of the system for a socket. It sleeps only where nothing can happen
//! earlier: after an error that would return immediately, and until a sensor's time has come. Only what nobody
//! announces is looked at again and again: files that grow, and the report that streams of the page show.
//!
//! Locks are taken in the order of this table, and none while a later one is held. The last column names the locks
//! under which one is taken. One that is not named there is a leaf: no other is taken under it.
//!
//! | lock | guards | held for | taken under |
//! | --- | --- | --- | --- |
//! | the page's `shown` | what all streams show of the group | making a report | none |
//! | the page's `sensors` | what is known of the sensors' files | looking at files that changed | none |
//! | an `index` of the page | where the rows of one file are | reading that file | none |
//! | `kept` of the page | all these indexes | looking one up, dropping others | an `index` |
//! | a link's `writer` | the connection, and what is being written on it | a write, which may wait for the receiver | none |
//! | a session's `transport` | the keys of one connection in a closed group | sealing or opening a record, changing a key | `writer` |
//! | `core` | the state of the protocol | one step and the handing on of its effects; nothing under it waits | `shown` |
//! | `links` | which peer has which link | looking one up, putting one in, taking one out | `core` |
//! | a link's `state` | its outbox, and which connection is the present one | putting in and taking out | `writer`, `core`, `links` |
//! | the voice's `writing` | the order of lines | writing lines | none |
//! | the voice's `waiting` | lines in the order of their steps | putting in, taking out | `core`, `writing` |
//! | the complaints' `counts`, `pools` | how often what was wrong | counting; a line is written afterwards | `writing` |
//! | the log's `tail` | the last batches | cloning handles of batches | `writer`, `core` |
//! | the journal's `index` | where the rest of the log is | finding a place, noting one; never while the disk works | `tail` |
//! | a bell's `due` | one deadline of the core | setting it; its loop gives it back while it waits | `core` |
//! | the watch's `attendance` | which peers are there, and since when | noting an event, making a report | `shown`, `writing` |
//! | the watch's `happenings` | what happened lately | adding a line, cloning those that are new | `writing` |
//! | the counts' `under_way` | times of readings under way | putting in, taking out | `core` |
//! | the counts' `events` | lines by event | counting, cloning | `writing` |
//! | the leader clock's `state` | what the leader's clock said | reading it, changing it | none |
//! | the porter's `words` | what the core said of connections | leaving word, taking all | `core` |
//! | the ends' `waiting` | the other direction of links | putting one in, taking one out | none |
//! | `connections` | incoming connections that were admitted | noting one, taking one out | `core` |
//! | the reserve's `room` | how much room the disk has | noting it, copying it | `shown` |
//! | the keyring's `keys` | the keys of a closed group | cloning a handle, changing them | none |
//! | what `stood` | what the peer was when that was last logged | comparing it | `core` |
//! | an asked source's `wait` | since when it is asked | noting it, looking at it | none |
//! | `at` of the next look at sources | when that is | setting it; the thread that looks gives it back while it waits | none |
//! | the marks' `busy`, `positions` | a source that notes how far it was read; how far that is | setting it; writing a small file | none |
//! | `STARTS` of commands | that one is started at a time | starting a process | none |
//! | the disk's `appending` | files that are open for appending | a call of the disk, which may hang: the `storage` alone takes it | none |
//! | `datagrams` | the discovery sockets | one datagram to each network, each with a line at `trace` | none |
//! | `questions`, `failure` | questions to ask; how the disk failed | one call | none |
//!
//! The `writer` and the `core` are never held together: a thread leaves the core before it writes, so that a peer that
//! does not read never holds up a step.
//!
//! A line of the log takes `happenings` and `events`, and waits for a moment where nobody reads the log. So lines are
//! written under `writer`, `writing` or `datagrams`, or with no lock held. Locks inside of libraries, as those of
//! channels and metrics, are leaves, too; what is set once (`OnceLock`) makes nobody wait.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Duration;

/// Locks. A thread that panics ends the process, so nobody finds its work half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks if that needs no waiting.
pub(super) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

pub(super) fn read<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the lock back until `changed` is signalled, or the time is over. It may return early for no reason: the caller
/// checks again what it waits for.
pub(super) fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>, most: Option<Duration>) -> MutexGuard<'a, T> {
    match most {
        Some(most) => changed.wait_timeout(guard, most).unwrap_or_else(PoisonError::into_inner).0,
        None => changed.wait(guard).unwrap_or_else(PoisonError::into_inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_free_is_taken_without_waiting_even_after_a_panic() {
        let mutex = Mutex::new(7);
        assert_eq!(try_lock(&mutex).as_deref(), Some(&7));
        let held = lock(&mutex);
        assert!(try_lock(&mutex).is_none());
        drop(held);
        std::thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _held = lock(&mutex);
                panic!("as it is meant");
            });
            assert!(panics.join().is_err());
        });
        assert!(mutex.is_poisoned());
        assert_eq!(try_lock(&mutex).as_deref(), Some(&7));
    }
}
