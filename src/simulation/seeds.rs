//! Many runs on all cores. The results come in order, and do not depend on the number of cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// The results of `job` for `count` numbers from `first` on, in order.
pub fn in_order<T: Send>(first: u64, count: u64, job: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= first + count {
            return;
        }
        let result = job(number);
        done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The first result that `job` gives, among `count` numbers from `first` on.
pub fn find<T: Send>(first: u64, count: u64, job: impl Fn(u64) -> Option<T> + Sync) -> Option<(u64, T)> {
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let mut from = first;
    while from < first + count {
        let found = in_order(from, cores.min(first + count - from), |number| job(number).map(|found| (number, found)));
        if let Some(found) = found.into_iter().flatten().next() {
            return Some(found);
        }
        from += cores;
    }
    None
}
