//! `peer bridge`: hands the rows of a peer's directory to an engine that many groups share, in their order. `history` finds
//! the rows, as it does for `peer tail`; an engine (`carrier/engine.rs`) takes them and acknowledges them; `carrier/known.rs` says which
//! readings it has, so that none goes there twice; `carrier/leader.rs` tells whether this peer's bridge is the one to work.
//!
//! It is a process of its own: a peer notices nothing, and an engine that is away holds up nobody but its bridge.

#[cfg(feature = "bridge")]
mod carrier;
mod error;
mod target;

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

pub use self::error::BridgeError;
pub use self::target::{Scheme, Target, TargetError};
use crate::ids::SensorId;
use crate::tail::Start;

/// The topic of a row in MQTT, unless another one is asked for.
pub const TOPIC: &str = "peer/{group}/{sensor}";

/// Which rows go where.
#[derive(Debug, Clone)]
pub struct Asked {
    pub data_dirs: Vec<PathBuf>,
    /// By id or path; none for the only one below the data directories.
    pub peer: Option<PathBuf>,
    pub target: Target,
    pub group: String,
    /// Where to begin if nothing says how far it came.
    pub start: Start,
    /// None for all.
    pub sensors: Vec<SensorId>,
    /// Where the position is kept; beside the peer's directory by default.
    pub cursor: Option<PathBuf>,
    /// Work only while this peer leads.
    pub only_leader: bool,
    /// The key of a closed group, to ask the peer whether it leads.
    pub key_file: Option<PathBuf>,
    /// Credentials of the engine, and the authorities that its certificate may be of.
    pub credentials: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    /// Make what is to hold the rows, where it is missing.
    pub create: bool,
    /// Of MQTT: the topic of a row, whether the last row of each stays there, and where Home Assistant looks.
    pub topic: String,
    pub retain: bool,
    pub home_assistant: Option<String>,
}

/// Hands rows over until `pause` returns that the program is to end; otherwise `pause` waits for that long. What happens goes
/// to `errors`.
///
/// # Errors
/// Where this program is built without that engine, something cannot be read or written, or the engine refuses what it is
/// given.
pub fn run(asked: &Asked, errors: &mut dyn Write, pause: &dyn Fn(Duration) -> bool) -> Result<(), BridgeError> {
    #[cfg(feature = "bridge")]
    return carrier::run(asked, errors, pause);
    #[cfg(not(feature = "bridge"))]
    {
        let _ = (errors, pause);
        Err(BridgeError::not_built(asked.target.scheme))
    }
}
