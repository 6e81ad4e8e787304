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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::trial::{id, Trial};
    use super::*;
    use crate::log_lines::captured;
    use crate::storage::{claim, directory_of, TempDir};
    use crate::wire::Range;

    /// What is found by a peer that starts for the first time.
    fn opened(config: &Config) -> Opened {
        let temp = TempDir::new();
        open(config, claim(temp.path(), &config.peer_id).unwrap()).unwrap().1
    }

    fn range(origin: &str, first: u64, count: u64) -> Range {
        Range { origin: origin.parse().unwrap(), first, count }
    }

    #[test]
    fn promises_are_kept_on_the_disk_wherever_readings_are_synced() {
        for (fsync, keeps) in
            [(Fsync::Never, false), (Fsync::Batch, true), (Fsync::Every(Duration::from_secs(1)), true)]
        {
            let mut trial = Trial::with(|config| config.fsync = fsync);
            trial.storage.save_state(Some(&"7@x/1".parse().unwrap()), None, 0).unwrap();
            let state = std::fs::read_to_string(directory_of(trial.temp.path(), &id("a")).join("state")).unwrap();
            assert_eq!(state.contains("7@x/1"), keeps, "{fsync:?}: {state}");
        }
    }

    #[test]
    fn the_operator_hears_what_was_mended_and_what_the_peer_goes_on_with() {
        let plain = Trial::new().node.config.clone();
        let found = opened(&plain);
        let repairs = vec![Repair::State { path: "d/state".into(), what: "it is missing", set_aside: None }];
        let pending = vec![range("a/1", 1, 3), range("b/1", 1, 4)];
        let events = |config: &Config, opened: &Opened| {
            let ((), lines) = captured(|| tell(config, opened));
            let event = |line: &String| line.split_once(':').unwrap().0.to_owned();
            (lines.iter().map(event).collect::<Vec<_>>(), lines)
        };
        for (quorum, needs, expected) in [
            (None, 0, vec![]),
            (None, NEEDS_ALL, vec![]),
            (Some(2), 0, vec![]),
            (Some(2), NEEDS_ALL, vec!["WARN log_incomplete"]),
        ] {
            let config = Config { quorum, ..plain.clone() };
            assert_eq!(events(&config, &Opened { needs, ..found.clone() }).0, expected, "{quorum:?} {needs}");
        }
        let config = Config { resume: true, ..plain };
        let (events, lines) = events(&config, &Opened { repairs, pending, last: 9, delivered: 5, ..found });
        assert_eq!(events, ["WARN repaired", "INFO resumed"]);
        assert_eq!(lines[1], "INFO resumed: Resumed: 9 entries, 5 delivered, 7 readings waiting");
    }

    #[test]
    fn the_core_is_told_all_that_was_found() {
        let term = |text: &str| text.parse().unwrap();
        let opened = Opened {
            promised: Some(term("7@x/1")),
            synced: Some(term("6@x/1")),
            needs: 8,
            runs: vec![(term("5@x/1"), 1)],
            base: 2,
            last: 9,
            origins: vec![range("x/1", 1, 9)],
            uncommitted: vec![(9, vec![range("x/1", 7, 3)])],
            keeps: vec![(9, 4)],
            delivered: 6,
            pending: vec![range("y/1", 1, 2)],
            ..opened(&Trial::new().node.config)
        };
        let Found { promised, synced, needs, runs, base, last, origins, delivered, uncommitted, keeps, pending } =
            found(opened.clone());
        assert_eq!((promised, synced, needs, runs), (opened.promised, opened.synced, opened.needs, opened.runs));
        assert_eq!((base, last, origins), (opened.base, opened.last, opened.origins));
        assert_eq!((delivered, uncommitted), (opened.delivered, opened.uncommitted));
        assert_eq!((keeps, pending), (opened.keeps, opened.pending));
    }
}
