//! Random histories of a storage, compared with a model of what must hold. Processes die in any operation, and the
//! power fails at any time.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::ids::Number;
use crate::storage::pending::Limits;
use crate::storage::tests::rows::{all_rows_on, check_no_row_is_lost, rows_between, rows_on};
use crate::storage::tests::support::{dated, request, request_of};
use crate::storage::*;
use crate::wire::RunList;

const ORIGINS: [&str; 3] = ["p/1", "a/1", "b/7"];

pub(in crate::storage) type Reading = (usize, Number);

/// What the storage was told, and what it may have lost.
#[derive(Debug, Default)]
pub(in crate::storage) struct Model {
    /// Everything appended, as it is if nothing is lost.
    pub(in crate::storage) log: Vec<Frame>,
    /// How many batches of it are on the platter, or will be left by the cut under way.
    floor: usize,
    /// The same, for batches that are written.
    written: usize,
    /// Everything that is pending, if nothing is lost.
    pub(in crate::storage) pending: BTreeSet<Reading>,
    /// What was in the log or pending at the last sync.
    safe: BTreeSet<Reading>,
    /// A batch that was handed over and is not known to be on disk.
    doing: Option<Frame>,
    delivered: Sequence,
    /// Rows up to here were written.
    flushed: Sequence,
    /// The highest that was ever delivered.
    top: Sequence,
    promised: u64,
    incarnation: Incarnation,
    /// Numbers taken in, by origin.
    taken: [Number; 3],
}

pub(in crate::storage) fn readings(ranges: &[Range]) -> impl Iterator<Item = Reading> + '_ {
    ranges.iter().flat_map(|range| {
        let name = range.origin.to_string();
        let origin = ORIGINS.iter().position(|origin| *origin == name).unwrap();
        (range.first..=range.last()).map(move |number| (origin, number))
    })
}

pub(in crate::storage) fn entries(log: &[Frame]) -> BTreeSet<Reading> {
    log.iter().flat_map(|frame| readings(frame.ranges())).collect()
}

pub(in crate::storage) struct Run {
    pub(in crate::storage) rng: SmallRng,
    /// Draws when to pack, which no other draw depends on.
    packs: SmallRng,
    pub(in crate::storage) disk: MemoryDisk,
    pub(in crate::storage) options: Options,
    pub(in crate::storage) model: Model,
    /// Draws how rows are divided into files, in runs that change that; and readings are of several months then.
    layouts: Option<SmallRng>,
}

impl Run {
    pub(in crate::storage) fn new(seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let options = Options { resume: true, durable: rng.random_bool(0.5), ..Options::PLAIN };
        let packs = SmallRng::seed_from_u64(seed);
        Self { rng, packs, disk: MemoryDisk::new(), options, model: Model::default(), layouts: None }
    }

    /// A run whose lives divide rows into files in different ways.
    fn rotating(seed: u64) -> Self {
        let mut run = Self { layouts: Some(SmallRng::seed_from_u64(seed)), ..Self::new(seed) };
        run.draw_layout();
        run
    }

    fn draw_layout(&mut self) {
        if let Some(layouts) = &mut self.layouts {
            self.options.layout = if layouts.random_bool(0.5) { Layout::Month } else { Layout::Sensor };
        }
    }

    fn request(&self, origin: usize, first: Number, count: u64) -> Request {
        if self.layouts.is_none() {
            return request(ORIGINS[origin], first, count);
        }
        let month = |number| match number % 5 {
            0 | 2 => "2013-01",
            1 | 4 => "2013-02",
            _ => "2013-03",
        };
        let sensor = |number| if number / 3 % 2 == 0 { "a" } else { "B" };
        request_of(
            ORIGINS[origin],
            first,
            (first..first + count).map(|number| dated(sensor(number), month(number), number)),
        )
    }

    pub(in crate::storage) fn open(&mut self) -> Result<(Storage<MemoryDisk>, Opened), StorageError> {
        let (mut storage, opened) = Storage::open(Arc::new(self.disk.clone()), &"p".parse().unwrap(), 5, self.options)?;
        // Small, so that a history has several segments, and shrinks what is pending.
        storage.journal.segment_bytes = 600;
        storage.journal.block_bytes = 250;
        storage.pending.limits = Limits { compact: 300, at_sync: 50, at_once: 200 };
        Ok((storage, opened))
    }

    /// Takes one step with the storage, and notes the outcome in the model.
    pub(in crate::storage) fn step(&mut self, storage: &mut Storage<MemoryDisk>) -> Result<(), StorageError> {
        self.pack(storage)?;
        match self.rng.random_range(0..20) {
            0..7 => self.append(storage),
            7..10 => self.keep(storage),
            10..14 => {
                let up_to = self.rng.random_range(self.model.delivered..=storage.last());
                self.model.top = self.model.top.max(up_to);
                storage.deliver(up_to)?;
                self.model.delivered = up_to;
                for frame in &self.model.log {
                    let above: BTreeSet<_> = readings(&frame.ranges_after(up_to)).collect();
                    self.model.pending.retain(|reading| {
                        above.contains(reading) || !readings(frame.ranges()).any(|one| one == *reading)
                    });
                }
                Ok(())
            }
            14..16 => {
                storage.flush()?;
                self.model.flushed = self.model.delivered;
                Ok(())
            }
            16 => self.cut(storage),
            17 => {
                self.model.promised += 1;
                let promised = format!("{}@l/1", self.model.promised + 1000).parse().unwrap();
                storage.save_state(Some(&promised), None, 0)
            }
            _ => {
                storage.sync()?;
                self.model.synced();
                Ok(())
            }
        }
    }

    /// Packs some pieces of the log, or none.
    fn pack(&mut self, storage: &mut Storage<MemoryDisk>) -> Result<(), StorageError> {
        for _ in 0..self.packs.random_range(0..6_u32).saturating_sub(2) {
            storage.pack()?;
        }
        Ok(())
    }

    fn append(&mut self, storage: &mut Storage<MemoryDisk>) -> Result<(), StorageError> {
        let mut parts = Vec::new();
        // Mostly what is pending here, as the protocol has it; otherwise what others took in.
        let logged = entries(&self.model.log);
        let waiting = self.model.pending.iter().find(|reading| !logged.contains(reading)).copied();
        if let Some((origin, number)) = waiting.filter(|_| self.rng.random_bool(0.6)) {
            parts.push(self.request(origin, number, 1));
        }
        for _ in 0..self.rng.random_range(0..3) {
            parts.push(self.fresh());
        }
        if parts.is_empty() {
            return Ok(());
        }
        let term = self.model.log.last().map_or(1, |frame| frame.term().counter) + u64::from(self.rng.random_bool(0.1));
        let frame = Frame::build(format!("{term}@l/1").parse().unwrap(), storage.last() + 1, &parts);
        storage.tail().lock().unwrap().push(frame.clone());
        self.model.doing = Some(frame.clone());
        storage.append(&frame)?;
        self.model.doing = None;
        self.model.log.push(frame);
        self.model.written += 1;
        Ok(())
    }

    fn fresh(&mut self) -> Request {
        let origin = self.rng.random_range(0..ORIGINS.len());
        let (first, count) = (self.model.taken[origin] + 1, self.rng.random_range(1..4));
        self.model.taken[origin] += count;
        self.request(origin, first, count)
    }

    fn keep(&mut self, storage: &mut Storage<MemoryDisk>) -> Result<(), StorageError> {
        let request = self.fresh();
        storage.keep(&request)?;
        self.model.pending.extend(readings(&[request.range()]));
        Ok(())
    }

    fn cut(&mut self, storage: &mut Storage<MemoryDisk>) -> Result<(), StorageError> {
        let keep = self.model.log.len() - self.rng.random_range(0..=self.model.log.len().min(4));
        let to = keep.checked_sub(1).map_or(0, |at| self.model.log[at].last());
        // From now on, until it is done, the log may be as before or cut.
        self.model.floor = self.model.floor.min(keep);
        self.model.written = keep;
        self.model.flushed = self.model.flushed.min(to);
        storage.tail().lock().unwrap().cut(to);
        storage.cut(to, None, None, 0)?;
        let above = self.model.log.split_off(keep);
        self.model.pending.extend(entries(&above));
        self.model.delivered = self.model.delivered.min(to);
        self.model.promised = 0;
        self.model.synced();
        Ok(())
    }

    /// Begins a new life, perhaps after several interrupted starts, and compares what it finds.
    fn resume(&mut self, power_lost: bool) -> Storage<MemoryDisk> {
        let mut power_lost = power_lost;
        // What a power cut leaves is on the platter, and no start may lose it, whatever interrupts that.
        let mut rows = if power_lost { all_rows_on(&self.disk) } else { BTreeSet::new() };
        while self.rng.random_bool(0.4) {
            self.disk.crash_after(self.rng.random_range(0..if self.layouts.is_some() { 40 } else { 12 }));
            self.draw_layout();
            if self.open().is_ok() {
                self.model.incarnation += 1;
            }
            self.disk.revive();
            if self.rng.random_bool(0.3) {
                power_lost = true;
                self.disk.power_cut(self.rng.random());
                rows.extend(all_rows_on(&self.disk));
            }
        }
        self.draw_layout();
        let (storage, opened) = self.open().unwrap();
        self.check(&storage, &opened, power_lost);
        check_no_row_is_lost(&rows, &self.model.log, &self.disk);
        let files = self.disk.files();
        let (storage_again, again) = self.open().unwrap();
        assert_eq!(again.repairs, [], "after {:?}", opened.repairs);
        let mut files_again = self.disk.files();
        files_again.insert("state".into(), files["state"].clone());
        assert_eq!(files_again, files);
        assert_eq!((again.last, again.delivered, &again.runs), (opened.last, opened.delivered, &opened.runs));
        assert_eq!((&again.origins, &again.pending), (&opened.origins, &opened.pending));
        self.model.incarnation = again.incarnation;
        drop(storage);
        storage_again
    }

    fn check(&mut self, storage: &Storage<MemoryDisk>, opened: &Opened, power_lost: bool) {
        let model = &mut self.model;
        let found = read_all(storage);
        let written = entries(&model.log);
        model.log.extend(model.doing.take());
        assert!(model.log.starts_with(&found), "{found:?} is no beginning of {:?}", model.log);
        assert!(found.len() >= model.floor, "{} of {} batches that were synced", found.len(), model.floor);
        let kept: BTreeSet<Reading> = readings(&opened.pending).collect();
        let held: BTreeSet<Reading> = entries(&found).union(&kept).copied().collect();
        if power_lost {
            assert!(held.is_superset(&model.safe), "lost {:?}", model.safe.difference(&held).collect::<Vec<_>>());
        } else {
            assert!(held.is_superset(&written) && held.is_superset(&model.pending), "a killed process lost something");
            assert!(found.len() >= model.written, "{} of {} batches", found.len(), model.written);
            assert!(opened.delivered >= model.flushed, "{} < {}", opened.delivered, model.flushed);
        }
        check_contents(opened, &found, &kept);
        assert_ne!(opened.needs, NEEDS_ALL, "a crash is taken for damage: {:?}", opened.repairs);
        assert!(opened.delivered <= model.top.min(opened.last));
        assert_eq!(rows_on(&self.disk), rows_between(&found, self.options.layout, 0, opened.delivered));
        assert!(opened.incarnation > model.incarnation && !opened.state_damaged);
        model.incarnation = opened.incarnation;
        model.log = found;
        model.delivered = opened.delivered;
        model.flushed = opened.delivered;
        model.pending = kept;
        model.synced();
    }
}

impl Model {
    fn synced(&mut self) {
        self.floor = self.log.len();
        self.written = self.log.len();
        self.safe = entries(&self.log).union(&self.pending).copied().collect();
    }
}

pub(in crate::storage) fn read_all(storage: &Storage<MemoryDisk>) -> Vec<Frame> {
    let (mut all, mut after) = (Vec::new(), 0);
    while let Read::Frames(frames) = storage.log_reader().read(after, Sequence::MAX, 0, 1000).unwrap() {
        after = frames.last().unwrap().last();
        all.extend(frames);
    }
    assert_eq!(after, storage.last());
    all
}

/// Checks that the report agrees with the files.
pub(in crate::storage) fn check_contents(opened: &Opened, log: &[Frame], pending: &BTreeSet<Reading>) {
    assert_eq!(opened.last, log.last().map_or(0, Frame::last));
    assert_eq!(readings(&opened.origins).collect::<BTreeSet<_>>(), entries(log));
    let apart = |w: &[Range]| w[0].origin < w[1].origin || (w[0].origin == w[1].origin && w[0].last() + 1 < w[1].first);
    assert!(opened.origins.windows(2).all(apart) && opened.pending.windows(2).all(apart));
    let above = log.iter().filter(|frame| frame.last() > opened.delivered);
    let above: Vec<_> = above.map(|frame| (frame.last(), frame.ranges().to_vec())).collect();
    assert_eq!(opened.uncommitted, above);
    let mut runs = RunList::new();
    for frame in log {
        if runs.last().is_none_or(|(term, _)| term != frame.term()) {
            runs.push((frame.term().clone(), frame.first()));
        }
    }
    assert_eq!(opened.runs, runs);
    assert!(opened.needs == opened.last || opened.needs == NEEDS_ALL);
    for frame in log {
        let above: BTreeSet<_> = readings(&frame.ranges_after(opened.delivered)).collect();
        let delivered = readings(frame.ranges()).filter(|reading| !above.contains(reading));
        assert!(delivered.into_iter().all(|reading| !pending.contains(&reading)), "what is delivered is not pending");
    }
}

fn run(seed: u64) {
    live(Run::new(seed));
}

fn run_rotating(seed: u64) {
    live(Run::rotating(seed));
}

fn live(mut run: Run) {
    let mut storage = run.open().unwrap().0;
    for _ in 0..3 {
        if run.rng.random_bool(0.7) {
            run.disk.crash_after(run.rng.random_range(0..60));
        }
        for _ in 0..run.rng.random_range(0..40) {
            if let Err(error) = run.step(&mut storage) {
                assert!(run.disk.is_crashed(), "{error}");
                break;
            }
        }
        drop(storage);
        let power_lost = run.rng.random_bool(0.6);
        if power_lost {
            run.disk.power_cut(run.rng.random());
        }
        run.disk.revive();
        storage = run.resume(power_lost);
    }
}

/// How many histories; `PEER_STORAGE_SEEDS` asks for more, or with `from..to` for some.
fn seeds() -> std::ops::Range<u64> {
    let asked = std::env::var("PEER_STORAGE_SEEDS").unwrap_or_else(|_| "2000".to_owned());
    match asked.split_once("..") {
        Some((from, to)) => from.parse().unwrap()..to.parse().unwrap(),
        None => 0..asked.parse().unwrap(),
    }
}

/// Runs them all; says how to repeat one that fails.
pub(in crate::storage) fn run_all(run: fn(u64)) {
    for seed in seeds() {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "repeat with: PEER_STORAGE_SEEDS={seed}..{} cargo test --lib storage", seed + 1);
    }
}

#[test]
fn after_any_crash_or_power_cut_the_next_life_finds_what_was_stored() {
    run_all(run);
}

#[test]
fn that_holds_where_each_life_divides_rows_into_files_in_its_own_way() {
    run_all(run_rotating);
}
