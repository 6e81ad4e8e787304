//! How many files and connections this process may have open, and how many each use gets. To run out of them would look
//! like a broken disk.

use std::io;
#[cfg(unix)]
use std::sync::OnceLock;

/// Standard streams, the lock, listening, discovery on a few networks, signals, and what is open for a moment: files, the other
/// ends of the pipes of a command that is started, a connection to the page that is turned away.
const FIXED: u64 = 32;

/// What each peer takes: the link to it, the old link, and the connection that is read.
const A_PEER: u64 = 3;

/// What each command takes that is a source: a pipe to its guard, its output, and what it says on standard error.
const A_COMMAND: u64 = 3;

/// What each connection to the page takes: itself, and the file that is read for it.
const A_PAGE: u64 = 2;

/// With fewer beside what is fixed no peer can work: two peers, and the least shares of files and strangers.
const LEAST: u64 = 2 * SHARE_LEAST + 2 * A_PEER;

/// What files, strangers and pages get at least, and at most. A new leader of a hundred peers gets two connections of each in the
/// same moment: a link, and the question about its own link.
const SHARE_LEAST: u64 = 4;
const FILES_MOST: u64 = 64;
const STRANGERS_MOST: u64 = 256;
const PAGES_MOST: u64 = 32;

/// No group has more peers, and each has threads of its own.
const PEERS_MAX: u64 = 4096;

/// The limit if the system does not say it: the lowest usual one.
const USUAL: u64 = 1024;

/// What a peer is asked for, as far as that takes descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Uses {
    /// It serves a page.
    pub page: bool,
    /// Sources of readings that are commands.
    pub commands: usize,
    /// Those that are files.
    pub files: usize,
}

impl Uses {
    /// What is taken, whatever the limit.
    fn fixed(self) -> u64 {
        FIXED + A_COMMAND * self.commands as u64 + self.files as u64
    }
}

/// How many descriptors each use gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Files that stay open for appending.
    pub files: usize,
    /// Connections that have not said who they are.
    pub strangers: usize,
    /// Connections to the page.
    pub pages: usize,
    /// Peers to talk to, and connections of peers.
    pub peers: usize,
}

/// There are too few descriptors for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process may have {limit} files open, and needs {least} at least; raise the limit (ulimit -n)")]
pub struct TooFew {
    limit: u64,
    least: u64,
}

impl Budget {
    /// The budget of this process, after it raised its limit as far as it may.
    ///
    /// # Errors
    /// [`TooFew`].
    pub fn of_process(uses: Uses) -> Result<Self, TooFew> {
        Self::of(limit(), uses)
    }

    /// Divides what a limit leaves: an eighth each for files, strangers and pages, the rest for peers.
    ///
    /// # Errors
    /// [`TooFew`].
    pub fn of(limit: u64, uses: Uses) -> Result<Self, TooFew> {
        let pages_least = if uses.page { SHARE_LEAST } else { 0 };
        let least = uses.fixed() + LEAST + A_PAGE * pages_least;
        if limit < least {
            return Err(TooFew { limit, least });
        }
        let free = limit - uses.fixed();
        let share = |most| (free / 8).clamp(SHARE_LEAST, most);
        let (files, strangers) = (share(FILES_MOST), share(STRANGERS_MOST));
        let pages = if uses.page { (free / 8 / A_PAGE).clamp(pages_least, PAGES_MOST) } else { 0 };
        let peers = ((free - files - strangers - A_PAGE * pages) / A_PEER).min(PEERS_MAX);
        let small = |number: u64| usize::try_from(number).expect("it is bounded");
        Ok(Self { files: small(files), strangers: small(strangers), pages: small(pages), peers: small(peers) })
    }
}

/// The limit before it was raised.
#[cfg(unix)]
static BEFORE: OnceLock<u64> = OnceLock::new();

/// The limit of open files that this process was started with. Programs that it starts may try every descriptor that
/// the limit allows, so the raised limit is not for them.
#[cfg(unix)]
#[must_use]
pub fn limit_before() -> Option<u64> {
    BEFORE.get().copied()
}

/// Limits the files that this process, and what it starts from now on, may have open.
///
/// # Errors
/// The system's.
#[cfg(unix)]
pub fn lower(limit: u64) -> io::Result<()> {
    let (_, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE)?;
    rlimit::setrlimit(rlimit::Resource::NOFILE, limit.min(hard), hard)
}

fn limit() -> u64 {
    #[cfg(unix)]
    if let Ok((soft, _)) = rlimit::getrlimit(rlimit::Resource::NOFILE) {
        BEFORE.get_or_init(|| soft);
    }
    rlimit::increase_nofile_limit(u64::MAX).unwrap_or(USUAL)
}

/// `EMFILE`: this process may have no more open; elsewhere `ERROR_TOO_MANY_OPEN_FILES` and `WSAEMFILE`.
const OF_PROCESS: &[i32] = if cfg!(windows) { &[4, 10_024] } else { &[24] };

/// `ENFILE`: the whole system has no more.
const OF_SYSTEM: &[i32] = if cfg!(windows) { &[] } else { &[23] };

/// Whether this error means that no descriptor is left, for this process or on the whole system.
#[must_use]
pub fn ran_out(error: &io::Error) -> bool {
    error.raw_os_error().is_some_and(|code| OF_PROCESS.contains(&code) || OF_SYSTEM.contains(&code))
}

/// What to do about an error that means that no descriptor is left.
#[must_use]
pub fn advice(error: &io::Error) -> String {
    if error.raw_os_error().is_some_and(|code| OF_SYSTEM.contains(&code)) {
        return "end what keeps so many files open, or raise the limit of the whole system (on Linux sysctl fs.file-max)"
            .to_owned();
    }
    format!("this process may have {} files open: raise the limit (ulimit -n)", limit())
}

/// The text of an error; where no descriptor is left, with the limit and with what to do.
#[must_use]
pub fn explain(error: &io::Error) -> String {
    if ran_out(error) {
        format!("{error}; {}", advice(error))
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Uses = Uses { page: false, commands: 0, files: 0 };
    const PAGE: Uses = Uses { page: true, ..NONE };

    #[test]
    fn all_shares_together_keep_any_limit() {
        let all_uses = [NONE, PAGE, Uses { commands: 3, files: 2, ..NONE }, Uses { commands: 20, files: 40, ..PAGE }];
        for uses in all_uses {
            let TooFew { least, .. } = Budget::of(0, uses).unwrap_err();
            for limit in (least..5000).chain([65_536, 1_048_576, u64::MAX]) {
                let Budget { files, strangers, pages, peers } = Budget::of(limit, uses).unwrap();
                let sources = (3 * uses.commands + uses.files) as u64;
                let all = FIXED + sources + (files + strangers + 2 * pages + 3 * peers) as u64;
                assert!(all <= limit, "{limit}: {all}");
                assert!((4..=64).contains(&files) && (4..=256).contains(&strangers) && (2..=4096).contains(&peers));
                assert!(if uses.page { (4..=32).contains(&pages) } else { pages == 0 }, "{limit}: {pages}");
            }
        }
        assert_eq!(Budget::of(64, NONE), Ok(Budget { files: 4, strangers: 4, pages: 0, peers: 8 }));
        assert_eq!(Budget::of(64, PAGE), Ok(Budget { files: 4, strangers: 4, pages: 4, peers: 5 }));
        assert_eq!(Budget::of(1024, NONE), Ok(Budget { files: 64, strangers: 124, pages: 0, peers: 268 }));
        assert_eq!(Budget::of(1024, PAGE), Ok(Budget { files: 64, strangers: 124, pages: 32, peers: 246 }));
    }

    #[test]
    fn too_few_are_refused_with_the_limit_and_what_to_do() {
        let sources = Uses { commands: 1, files: 1, ..NONE };
        for (limit, uses, least) in [(0, NONE, 46), (45, NONE, 46), (53, PAGE, 54), (49, sources, 50)] {
            let text = Budget::of(limit, uses).unwrap_err().to_string();
            let numbers = format!("may have {limit} files open, and needs {least} at least");
            assert!(text.contains(&numbers) && text.contains("ulimit -n"), "{text}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn only_a_lack_of_descriptors_is_explained_by_the_limit_that_was_met() {
        for (code, limit) in [(23, "fs.file-max"), (24, "ulimit -n"), (13, ""), (28, "")] {
            let error = io::Error::from_raw_os_error(code);
            let explained =
                explain(&error).strip_prefix(&error.to_string()).map(str::to_owned).expect("its own text first");
            assert!(ran_out(&error) != limit.is_empty() && explained.contains(limit), "{error}: {explained}");
            assert_eq!(explained.is_empty(), limit.is_empty());
        }
    }
}
