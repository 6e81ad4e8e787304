//! How threads lock and wait, and which locks there are.
//!
//! A thread waits on a channel for what others hand over, up to a deadline where there is one; with [`wait`] for what
//! others change under a lock; or in a call of the system for a socket. It sleeps only where nothing can happen
//! earlier: after an error that would return immediately, and until a sensor's time has come.
//!
//! Locks are taken in the order of this table, and none while a later one is held. The last sixteen are leaves: no
//! other lock is taken under them.
//!
//! | lock | guards | held for |
//! | --- | --- | --- |
//! | a link's `writer` | the connection, and what is being written on it | a write, which may wait for the receiver |
//! | `core` | the state of the protocol | one step and the handing on of its effects; nothing under it waits |
//! | `links` | which peer has which link | looking one up, putting one in, taking one out |
//! | a link's `state` | its outbox, and which connection is the present one | putting in and taking out |
//! | the voice's `writing` | the order of lines | writing lines; taken with no lock of the above held |
//! | the complaints' `pools` | how often what was wrong | counting, and writing one line; as above |
//! | the voice's `waiting` | lines in the order of their steps | putting in, taking out |
//! | the log's tail | the last batches | cloning handles of batches |
//! | a bell's `due` | one deadline of the core | setting it; its loop gives it back while it waits |
//! | the watch's `attendance` | which peers are there, and since when | noting an event, making a report |
//! | the watch's `happenings` | what happened lately | adding a line, cloning those that are new |
//! | the counts' `under_way`, `events` | times of readings under way; lines by event | putting in, taking out, counting |
//! | the leader clock's `state` | what the leader's clock said | reading it, changing it |
//! | the porter's `words` | what the core said of connections | leaving word, taking all |
//! | the ends' `waiting` | the other direction of links | putting one in, taking one out |
//! | `connections` | incoming connections that were admitted | noting one, taking one out |
//! | the reserve's `room` | how much room the disk has | noting it, copying it |
//! | the keyring's `keys` | the keys of a closed group | cloning a handle, changing them |
//! | what `stood` | what the peer was when that was last logged | comparing it |
//! | an asked source's `wait` | since when it is asked | noting it, looking at it |
//! | the marks' `busy`, `positions` | a source that notes how far it was read; how far that is | setting it; writing a small file |
//! | `questions`, `datagrams`, `failure` | questions to ask; the discovery sockets; how the disk failed | one call |
//!
//! The `writer` and the `core` are never held together: a thread leaves the core before it writes, so that a peer that
//! does not read never holds up a step.

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
