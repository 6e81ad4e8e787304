//! Why `peer bridge` ends, in one line each.

use crate::storage::StorageError;
use crate::tail::TailError;

use super::Scheme;

/// Why it ends.
#[derive(Debug, thiserror::Error)]
pub enum BridgeError {
    #[error("{0}")]
    Rows(#[from] TailError),
    #[error("{}", .0.to_reader())]
    Storage(#[from] StorageError),
    #[error("this program is built without bridges to {engine}; take that of a package, or build it with --features {feature}")]
    NotBuilt { engine: &'static str, feature: &'static str },
    #[error("--key-file {0}")]
    Key(#[from] crate::keys::file::KeyFileError),
    #[error("{0}")]
    Engine(String),
}

impl BridgeError {
    #[cfg_attr(
        all(feature = "bridge-influx", feature = "bridge-mqtt", feature = "bridge-nats"),
        expect(dead_code, reason = "all of them are built")
    )]
    pub(super) fn not_built(scheme: Scheme) -> Self {
        Self::NotBuilt { engine: scheme.engine(), feature: scheme.feature() }
    }
}
