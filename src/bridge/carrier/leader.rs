//! Finds out whether the peer of this bridge leads. Only the peer itself knows, so it is asked, as `peer status` asks.
//!
//! Two may think that they lead for a moment, and a bridge may learn late that its peer does not lead any more. That
//! does no harm: the engine has the last word on what it holds (`nats.rs`), or takes a row twice without harm.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Asked, BridgeError};
use crate::inquiry::{ask, here};
use crate::keys::{self, Keys};
use crate::status::report::PeerState;
use crate::storage::{occupant, Occupant};

/// How long an answer counts.
const FRESH: Duration = Duration::from_millis(500);

/// Whether this bridge is the one to work.
pub(super) enum Leadership {
    /// It works whatever its peer does.
    Always,
    /// Only while its peer leads.
    Asked { root: PathBuf, keys: Option<Keys>, leads: bool, since: Option<Instant> },
}

impl Leadership {
    /// # Errors
    /// Where the key of the group cannot be used.
    pub(super) fn of(asked: &Asked, root: &Path) -> Result<Self, BridgeError> {
        if !asked.only_leader {
            return Ok(Self::Always);
        }
        let read = |path: &PathBuf| keys::file::read(path).map(|keys| Keys::new(&keys, &asked.group));
        let keys = asked.key_file.as_ref().map(read).transpose()?;
        Ok(Self::Asked { root: root.to_owned(), keys, leads: false, since: None })
    }

    /// Whether it is now.
    pub(super) fn is_here(&mut self) -> bool {
        let Self::Asked { root, keys, leads, since } = self else { return true };
        if since.is_none_or(|since| since.elapsed() >= FRESH) {
            let endpoint = occupant(root).and_then(|Occupant { endpoint, .. }| endpoint);
            let report = endpoint.and_then(|endpoint| ask(here(endpoint), keys.as_ref()).ok());
            *leads = report.is_some_and(|report| report.state == PeerState::Leads);
            *since = Some(Instant::now());
        }
        *leads
    }
}
