//! The thread of the disk, call by call: what it does with a group of items, and what the core is told.

mod due;

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crossbeam_channel::bounded;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::super::link::Link;
use super::super::lock::write;
use super::super::trial::{id, steps, Trial};
use super::*;
use crate::config::Config;
use crate::log_lines::captured;
use crate::protocol::State;
use crate::reading::Month;
use crate::storage::{claim, csv_name, directory_of, CsvName, Layout, Options, TempDir};
use crate::wire::{Frame, Lines, Request};

const HOUR: Duration = Duration::from_secs(3600);

/// Readings of the sensor `s` in these months.
fn batch(first: Sequence, months: &[u32]) -> Frame {
    let lines: Vec<String> = months.iter().map(|month| format!("DATA|s|2013-{month:02}-01T06:00:00Z|1||\n")).collect();
    let lines = Lines::new(lines.concat().into_bytes(), months.len() as u64);
    Frame::build("1@a/1".parse().unwrap(), first, &[Request { origin: "a/1".parse().unwrap(), first, lines }])
}

fn append(first: Sequence, months: &[u32]) -> StorageItem {
    StorageItem::Store(Store::Append(batch(first, months)))
}

fn deliver(up_to: Sequence) -> StorageItem {
    StorageItem::Store(Store::Deliver { up_to })
}

/// Hands items over, as a step of the core does.
fn hand_over(node: &Node, items: impl IntoIterator<Item = StorageItem>) {
    for item in items {
        if let StorageItem::Store(Store::Append(frame)) = &item {
            lock(&node.tail).push(frame.clone());
        }
        node.storage.send(item).unwrap();
    }
}

/// Does what waits as one group; returns what the core is told.
fn group(trial: &mut Trial, rest: &mut Rest) -> Vec<String> {
    let first = trial.for_storage.recv().unwrap();
    let (node, storage, inbox) = (&trial.node, &mut trial.storage, &trial.for_storage);
    let (done, steps) = steps(|| do_group(node, storage, inbox, first, rest));
    done.unwrap();
    steps
}

/// Does these items as one group.
fn group_of(trial: &mut Trial, rest: &mut Rest, items: impl IntoIterator<Item = StorageItem>) -> Vec<String> {
    hand_over(&trial.node, items);
    group(trial, rest)
}

fn told(dones: &[Done]) -> String {
    format!("<- {:?}", Input::Stored(dones.to_vec()))
}

fn appended(last: Sequence) -> String {
    told(&[Done::Appended { last }])
}

fn delivered(up_to: Sequence) -> String {
    told(&[Done::Delivered { up_to }])
}

/// The file with the rows.
fn csv_file(trial: &Trial) -> PathBuf {
    directory_of(trial.temp.path(), &id("a")).join(csv_name("s"))
}

/// The sequences of the rows in a file; none where there is no file.
fn rows_of(path: &Path) -> Vec<Sequence> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect()
}

fn rows(trial: &Trial) -> Vec<Sequence> {
    rows_of(&csv_file(trial))
}

/// How many syncs were timed, as a reader of the metrics is told.
fn syncs(node: &Node) -> u64 {
    let (mut registry, mut text) = (Registry::default(), String::new());
    registry.register("x", "x", node.counts.durations.syncs.clone());
    encode(&mut text, &registry).unwrap();
    text.lines().find_map(|line| line.strip_prefix("x_count ")?.parse().ok()).unwrap()
}

/// Nothing is due within an hour.
fn calm(trial: &Trial) -> Rest {
    let later = Instant::now() + HOUR;
    Rest { names_at: later, pack_at: later, room_at: later, ..Rest::new(&trial.storage) }
}

/// A peer with some delivered rows, which wait where there is an interval.
fn with_rows(change: impl FnOnce(&mut Config), count: usize) -> (Trial, Rest) {
    let mut trial = Trial::with(change);
    let mut rest = calm(&trial);
    group_of(&mut trial, &mut rest, [append(1, &vec![1; count]), deliver(count as u64)]);
    (trial, rest)
}

/// The time until then, from the first or the second of these moments on.
fn after(time: Option<Instant>, begun: Instant, ended: Instant) -> RangeInclusive<Duration> {
    let time = time.unwrap();
    time.saturating_duration_since(ended)..=time.saturating_duration_since(begun)
}

fn waits_an_hour(config: &mut Config) {
    config.flush_interval = Some(HOUR);
}

/// A time that has come. It was not long ago: the clock may begin with the host.
fn past() -> Instant {
    Instant::now()
}

#[test]
fn rows_wait_for_an_interval_or_for_too_many_of_them_and_without_one_for_an_idle_moment() {
    let (mut trial, mut rest) = with_rows(waits_an_hour, 2);
    let storage = &trial.storage;
    assert_eq!((storage.waiting(), storage.written()), (2, 0));
    for is_idle in [false, true] {
        assert_eq!(rest.is_time_to_write(storage, None, is_idle), is_idle);
        rest.found = 1;
        let is_time = rest.is_time_to_write(storage, Some(HOUR), is_idle);
        assert_eq!(is_time, is_idle, "rows of an earlier life wait no longer");
        rest.found = 0;
    }
    rest.flush_by = None;
    let begun = Instant::now();
    assert!(!rest.is_time_to_write(storage, Some(HOUR), true));
    let flush_by = rest.flush_by;
    assert!(after(flush_by, begun, Instant::now()).contains(&HOUR));
    assert!(!rest.is_time_to_write(storage, Some(2 * HOUR), true) && rest.flush_by == flush_by, "the first one counts");
    rest.flush_by = Some(past());
    assert!(rest.is_time_to_write(storage, Some(HOUR), false));
    trial.storage.flush().unwrap();
    assert!(!rest.is_time_to_write(&trial.storage, Some(HOUR), true));
    assert_eq!(rest.flush_by, None, "nothing waits");

    let many = vec![1; 1024];
    for piece in 0..ROWS_WAITING_MAX / 1024 {
        assert!(!rest.is_time_to_write(&trial.storage, Some(HOUR), true));
        trial.storage.append(&batch(3 + piece * 1024, &many)).unwrap();
        trial.storage.deliver(2 + (piece + 1) * 1024).unwrap();
    }
    assert!(rest.is_time_to_write(&trial.storage, Some(HOUR), false), "so many are in memory");
}

#[test]
fn an_item_is_taken_in_time_and_what_is_due_comes_before_it() {
    let trial = Trial::new();
    hand_over(&trial.node, [StorageItem::Probe]);
    assert!(next(&trial.for_storage, past()).is_none());
    assert!(matches!(next(&trial.for_storage, Instant::now() + HOUR), Some(StorageItem::Probe)));
    assert!(next(&trial.for_storage, Instant::now() + Duration::from_millis(1)).is_none(), "nothing comes");
}

#[test]
fn the_core_is_told_once_of_all_that_a_group_stored_and_then_of_its_rows() {
    let mut trial = Trial::new();
    let mut rest = calm(&trial);
    let steps = group_of(&mut trial, &mut rest, [append(1, &[1, 1]), append(3, &[1]), deliver(2)]);
    let both = [Done::Appended { last: 2 }, Done::Appended { last: 3 }];
    assert_eq!((steps, rows(&trial)), (vec![told(&both), delivered(2)], vec![1, 2]));
    assert_eq!(group_of(&mut trial, &mut rest, [StorageItem::Probe]), [""; 0], "it knows that");
}

#[test]
fn a_group_is_bounded_and_rows_wait_while_there_is_more() {
    let mut trial = Trial::new();
    let mut rest = calm(&trial);
    hand_over(&trial.node, [append(1, &[1]), deliver(1)]);
    hand_over(&trial.node, (0..GROUP_MAX).map(|_| StorageItem::Probe));
    assert_eq!((group(&mut trial, &mut rest), trial.for_storage.len()), (vec![appended(1)], 1));
    assert_eq!((rows(&trial), rest.flush_by), (vec![], None));
    assert_eq!((group(&mut trial, &mut rest), rows(&trial)), (vec![delivered(1)], vec![1]));
}

#[test]
fn rows_that_wait_are_written_when_the_peer_ends() {
    let (mut trial, mut rest) = with_rows(waits_an_hour, 1);
    assert!(rest.flush_by.is_some());
    assert_eq!(
        (group_of(&mut trial, &mut rest, [append(2, &[1]), deliver(2)]), rows(&trial)),
        (vec![appended(2)], vec![])
    );
    let (answer, answers) = bounded(1);
    assert_eq!(group_of(&mut trial, &mut rest, [StorageItem::Finish(answer)]), [delivered(2)]);
    assert_eq!((rows(&trial), rest.flush_by, answers.try_recv()), (vec![1, 2], None, Ok(())));
    fs::write(csv_file(&trial), "").unwrap();
    let (answer, answers) = bounded(1);
    group_of(&mut trial, &mut rest, [StorageItem::Finish(answer)]);
    assert_eq!((rows(&trial), answers.try_recv()), (vec![1, 2], Ok(())), "names are compared a last time");
}

#[test]
fn a_group_is_synced_as_the_option_says_and_always_before_a_position_is_noted() {
    let every = Fsync::Every(HOUR);
    for (fsync, asks, expected, later) in [
        (Fsync::Never, false, 0, false),
        (Fsync::Never, true, 1, false),
        (Fsync::Batch, false, 1, false),
        (every, false, 0, true),
        (every, true, 1, false),
    ] {
        let mut trial = Trial::with(|config| config.fsync = fsync);
        let mut rest = calm(&trial);
        let (answer, answers) = bounded(1);
        group_of(&mut trial, &mut rest, [append(1, &[1])].into_iter().chain(asks.then_some(StorageItem::Safe(answer))));
        assert_eq!((syncs(&trial.node), rest.sync_by.is_some()), (expected, later), "{fsync:?} {asks}");
        assert_eq!(answers.try_recv().is_ok(), asks);
    }
}

#[test]
fn the_first_of_what_is_not_synced_says_when_that_is_due() {
    let mut trial = Trial::with(|config| config.fsync = Fsync::Every(HOUR));
    let mut rest = calm(&trial);
    rest.sync_by = Some(past());
    let sync_by = rest.sync_by;
    group_of(&mut trial, &mut rest, [append(1, &[1])]);
    assert_eq!(rest.sync_by, sync_by);
}

/// The storage of another peer, of which no more than one file is open.
fn other_storage(temp: &TempDir, options: Options) -> Storage<RealDisk> {
    let disk = claim(temp.path(), &id("b")).unwrap().with_open_files(1);
    Storage::open(Arc::new(disk), &id("b"), 1, options).unwrap().0
}

/// Rows of a month are written before those of the next one, and meanwhile a file is found to be another.
#[test]
fn a_file_that_is_found_displaced_is_whole_before_the_core_hears_of_rows_in_it() {
    let (mut trial, temp) = (Trial::with(waits_an_hour), TempDir::new());
    trial.storage = other_storage(&temp, Options { layout: Layout::Month, ..Options::PLAIN });
    let mut rest = calm(&trial);
    let (finish, _finished) = bounded(1);
    let steps = group_of(&mut trial, &mut rest, [append(1, &[1]), deliver(1), StorageItem::Finish(finish)]);
    assert_eq!(steps, [appended(1), delivered(1)]);
    let of_month = |month: &str| {
        let name = CsvName { sensor: "s".parse().unwrap(), month: Month::parse(month.as_bytes()) };
        directory_of(temp.path(), &id("b")).join(name.file())
    };
    fs::write(of_month("2013-01"), "mine\n").unwrap();
    let steps = group_of(&mut trial, &mut rest, [append(2, &[1, 2]), deliver(3)]);
    assert_eq!(steps, [appended(3), delivered(2)]);
    assert_eq!(rows_of(&of_month("2013-01")), [1, 2]);
    let restored: Vec<u64> = trial.storage.take_restored().iter().map(|restored| restored.rows).collect();
    assert_eq!(restored, [2]);
    assert_eq!((rows_of(&of_month("2013-02")), trial.storage.waiting()), (vec![], 1), "the last row still waits");
}

#[test]
fn what_is_said_leaves_once_the_core_knows_that_it_is_stored() {
    let mut trial = Trial::new();
    let mut rest = calm(&trial);
    let link = Arc::new(Link::new(id("b")));
    // What is put in stays there.
    lock(&link.state).has_thread = true;
    write(&trial.node.links).insert(id("b"), Arc::clone(&link));
    let message = Message::Stored { term: "1@b/1".parse().unwrap(), last: 1 };
    let say = StorageItem::Store(Store::Say { to: id("b"), message: message.clone() });
    let steps = group_of(&mut trial, &mut rest, [append(1, &[1]), say]);
    assert_eq!(steps, [told(&[Done::Appended { last: 1 }, Done::said(&message).unwrap()])]);
    assert_eq!(lock(&link.state).outbox.take().messages, [message]);
}

#[test]
fn rows_that_a_cut_takes_back_are_told_of_again() {
    let mut trial = Trial::new();
    trial.storage.append(&batch(1, &[1])).unwrap();
    trial.storage.append(&batch(2, &[1])).unwrap();
    trial.storage.deliver(2).unwrap();
    let mut group = Group { reported: 2, ..Group::default() };
    let cut = Store::Cut { to: 1, state: State::default() };
    lock(&trial.node.tail).cut(1);
    group.take(StorageItem::Store(cut), &trial.node, &mut trial.storage).unwrap();
    assert!(matches!(&group.dones[..], [Done::Cut { to: 1, returned }] if returned.len() == 1), "{:?}", group.dones);
    assert_eq!(group.reported, 1);
}

#[test]
fn each_reading_that_is_delivered_is_logged_once_where_that_is_wanted() {
    let mut trial = Trial::new();
    let mut rest = calm(&trial);
    let ((), lines) = captured(|| {
        hand_over(&trial.node, [append(1, &[1, 2, 3]), append(4, &[4]), deliver(1), deliver(4)]);
        let first = trial.for_storage.recv().unwrap();
        do_group(&trial.node, &mut trial.storage, &trial.for_storage, first, &mut rest).unwrap();
    });
    let logged: Vec<&String> = lines.iter().filter(|line| line.starts_with("DEBUG delivered: ")).collect();
    let line = |n: u32| format!("DEBUG delivered: Delivered #{n}: DATA|s|2013-{n:02}-01T06:00:00Z|1||");
    assert_eq!(logged, [line(1), line(2), line(3), line(4)].iter().collect::<Vec<_>>());
}

/// Takes a turn; returns what the core is told.
fn take_turn(trial: &mut Trial, rest: &mut Rest) -> Vec<String> {
    let (node, storage, inbox) = (&trial.node, &mut trial.storage, &trial.for_storage);
    let (done, steps) = steps(|| turn(node, storage, inbox, rest));
    done.unwrap();
    steps
}

#[test]
fn a_probe_costs_nothing_unless_rows_wait_that_nothing_else_would_write() {
    for (interval, writes) in [(Some(HOUR), false), (None, true)] {
        let mut trial = Trial::with(|config| (config.fsync, config.flush_interval) = (Fsync::Batch, interval));
        let mut rest = calm(&trial);
        hand_over(&trial.node, [StorageItem::Probe, append(1, &[1]), deliver(1)]);
        hand_over(&trial.node, (0..GROUP_MAX).map(|_| StorageItem::Probe));
        assert_eq!(take_turn(&mut trial, &mut rest), [""; 0]);
        assert_eq!((syncs(&trial.node), trial.for_storage.len()), (0, 2 + GROUP_MAX), "nothing was to be done");
        assert_eq!(take_turn(&mut trial, &mut rest), [appended(1)]);
        assert_eq!((syncs(&trial.node), trial.for_storage.len(), rows(&trial)), (1, 1, vec![]));
        let (told, written) = if writes { (vec![delivered(1)], vec![1]) } else { (vec![], vec![]) };
        assert_eq!((take_turn(&mut trial, &mut rest), rows(&trial)), (told, written));
        assert_eq!(syncs(&trial.node), 1 + u64::from(writes));
        assert_eq!(trial.node.turns.load(Ordering::Relaxed), 3);
    }
}

#[test]
fn a_turn_without_an_item_does_what_is_due_and_tells_the_operator_what_was_restored() {
    let (mut trial, mut rest) = with_rows(|_| {}, 1);
    fs::write(csv_file(&trial), "").unwrap();
    (rest.names_at, rest.room_at) = (past(), past());
    take_turn(&mut trial, &mut rest);
    let heard = trial.node.complaints.heard();
    let [(subject, kind, text)] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((subject, kind.event), (&Subject::Own(csv_name("s")), "rows_restored"));
    assert!(text.contains("written again from the journal, 1 rows"), "{text}");
    assert!(trial.node.reserve.disk().is_some(), "it has looked how much room there is");
}

#[test]
fn it_runs_until_the_disk_fails() {
    let mut trial = Trial::with(|config| config.quorum = Some(1));
    // What a quorum has committed is never cut.
    let cut = || StorageItem::Store(Store::Cut { to: 0, state: State::default() });
    let mut rest = calm(&trial);
    hand_over(&trial.node, [append(1, &[1]), deliver(1), cut()]);
    let (node, storage, inbox) = (&trial.node, &mut trial.storage, &trial.for_storage);
    let error = turn(node, storage, inbox, &mut rest).unwrap_err();
    assert!(matches!(error, StorageError::CutsDelivered { to: 0, delivered: 1 }), "{error}");
    hand_over(node, [cut()]);
    let error = run(node, storage, inbox);
    assert!(matches!(error, StorageError::CutsDelivered { to: 0, delivered: 1 }), "{error}");
}
