//! How many files and connections this process may have open, and who gets how many of them. Whoever runs out of them would
//! look like a broken disk.

use std::io;

/// Standard streams, the lock, listening, discovery on a few networks, signals, and files that are open for a moment.
const FIXED: u64 = 32;

/// What each peer takes: the link to it, the one before, and the connection that is read.
const A_PEER: u64 = 3;

/// Fewer serve nobody: two peers, and what is written to them.
const LEAST: u64 = FIXED + 2 * SHARE_LEAST + 2 * A_PEER;

/// What files and strangers get at least, and at most.
const SHARE_LEAST: u64 = 4;
const SHARE_MOST: u64 = 64;

/// No group has more peers, and each has threads of its own.
const PEERS_MAX: u64 = 4096;

/// Where the limit stays unknown, it is taken for the lowest that is usual.
const USUAL: u64 = 1024;

/// Who gets how many descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Files that stay open for appending.
    pub files: usize,
    /// Connections that have not said who they are.
    pub strangers: usize,
    /// Peers to talk to, and connections of peers.
    pub peers: usize,
}

/// There are too few descriptors for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process may have {limit} files open, and needs {LEAST} at least; raise the limit (ulimit -n)")]
pub struct TooFew {
    limit: u64,
}

impl Budget {
    /// What this process has, after it raised its limit as far as it may.
    ///
    /// # Errors
    /// [`TooFew`].
    pub fn of_process() -> Result<Self, TooFew> {
        Self::of(limit())
    }

    /// Shares a limit out: an eighth each for files and strangers, the rest for peers.
    ///
    /// # Errors
    /// [`TooFew`].
    pub fn of(limit: u64) -> Result<Self, TooFew> {
        if limit < LEAST {
            return Err(TooFew { limit });
        }
        let free = limit - FIXED;
        let share = (free / 8).clamp(SHARE_LEAST, SHARE_MOST);
        let peers = ((free - 2 * share) / A_PEER).min(PEERS_MAX);
        let small = |number: u64| usize::try_from(number).expect("it is bounded");
        Ok(Self { files: small(share), strangers: small(share), peers: small(peers) })
    }
}

fn limit() -> u64 {
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(USUAL)
}

/// Does this error say that there is no descriptor left, for this process or on the whole system?
#[must_use]
pub fn ran_out(error: &io::Error) -> bool {
    /// `ENFILE` and `EMFILE`, the same on all of them; elsewhere `ERROR_TOO_MANY_OPEN_FILES` and `WSAEMFILE`.
    const CODES: [i32; 2] = if cfg!(windows) { [4, 10_024] } else { [23, 24] };
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// The text of an error; where there is no descriptor left, with what the limit is and what to do.
#[must_use]
pub fn explain(error: &io::Error) -> String {
    if ran_out(error) {
        format!("{error}; this process may have {} files open: raise the limit (ulimit -n)", limit())
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_limit_is_all_shares_together_keep_it() {
        for limit in (LEAST..5000).chain([65_536, 1_048_576, u64::MAX]) {
            let Budget { files, strangers, peers } = Budget::of(limit).unwrap();
            let all = FIXED + (files + strangers) as u64 + A_PEER * peers as u64;
            assert!(all <= limit, "{limit}: {all}");
            assert!((4..=64).contains(&files) && (4..=64).contains(&strangers) && (2..=4096).contains(&peers));
        }
        assert_eq!(Budget::of(64), Ok(Budget { files: 4, strangers: 4, peers: 8 }));
        assert_eq!(Budget::of(1024), Ok(Budget { files: 64, strangers: 64, peers: 288 }));
    }

    #[test]
    fn too_few_are_refused_with_the_limit_and_what_to_do() {
        for limit in [0, LEAST - 1] {
            let text = Budget::of(limit).unwrap_err().to_string();
            assert!(text.contains(&format!("may have {limit} files")) && text.contains("ulimit -n"), "{text}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn only_a_lack_of_descriptors_is_explained_by_the_limit() {
        for (code, explained) in [(23, true), (24, true), (13, false), (28, false)] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!((ran_out(&error), explain(&error).contains("ulimit -n")), (explained, explained), "{error}");
        }
    }
}
