//! Opens the storage by the options, and says what it found, to the core and to the operator.

use std::sync::Arc;

use super::opening::now_nanos;
use crate::config::{Config, Fsync, Rotate};
use crate::fatal::Fatal;
use crate::ids::NEEDS_ALL;
use crate::protocol::Found;
use crate::storage::{self, Layout, Opened, Options, RealDisk, Repair, Storage, StorageError};

/// Opens the files of this peer, which no other process may use from then on.
pub(super) fn open(config: &Config, disk: RealDisk) -> Result<(Storage<RealDisk>, Opened), Fatal> {
    let failed = |error: StorageError| Fatal::Storage(error.to_string());
    if config.quorum.is_some() {
        // A peer that does not know its last promise must not make another.
        storage::check_state(&disk).map_err(|error| match error {
            StorageError::Damaged { path, why } => Fatal::Forgotten { path, why },
            error => failed(error),
        })?;
    }
    let layout = match config.rotate {
        Rotate::Never => Layout::Sensor,
        Rotate::Month => Layout::Month,
    };
    let (durable, quorum) = (config.fsync != Fsync::Never, config.quorum);
    let options =
        Options { resume: config.resume, durable, quorum, layout, limits: config.limits(), segment_bytes: None };
    Storage::open(Arc::new(disk), &config.peer_id, now_nanos(), options).map_err(failed)
}

/// Says what was mended, and what this peer goes on with.
pub(super) fn tell(config: &Config, opened: &Opened) {
    for repair in &opened.repairs {
        match repair {
            Repair::Renamed(renamed) => log::warn!(event = "renamed"; "{renamed}"),
            Repair::Relaid(relaid) => log::info!(event = "layout_changed"; "{relaid}"),
            repair => log::warn!(event = "repaired"; "{repair}"),
        }
    }
    if config.quorum.is_some() && opened.needs == NEEDS_ALL {
        log::warn!(
            event = "log_incomplete";
            "The log of this peer may lack readings that others count on: it takes part in no quorum until it has \
             fetched what the group holds"
        );
    }
    if config.resume {
        let waiting: u64 = opened.pending.iter().map(|range| range.count).sum();
        let (entries, delivered) = (opened.last, opened.delivered);
        log::info!(
            event = "resumed", entries = entries, delivered = delivered, waiting = waiting;
            "Resumed: {entries} entries, {delivered} delivered, {waiting} readings waiting"
        );
    }
}

pub(super) fn found(opened: Opened) -> Found {
    let Opened { promised, synced, needs, runs, base, last, origins, uncommitted, keeps, delivered, pending, .. } =
        opened;
    Found { promised, synced, needs, runs, base, last, origins, delivered, uncommitted, keeps, pending }
}
