//! What is done from time to time.

use super::*;

/// Does what is due; returns what the core is told.
fn do_due(trial: &mut Trial, rest: &mut Rest) -> Vec<String> {
    let (node, storage, inbox) = (&trial.node, &mut trial.storage, &trial.for_storage);
    let (done, steps) = steps(|| do_what_is_due(node, storage, inbox, rest));
    done.unwrap();
    steps
}

#[test]
fn what_is_no_longer_kept_is_looked_for_and_removed_a_piece_at_a_time() {
    for store in [Store::Survey, Store::Remove { to: 2 }] {
        let (mut trial, mut rest) = with_rows(|config| config.keep = Some(HOUR), 3);
        let begun = Instant::now();
        group_of(&mut trial, &mut rest, [StorageItem::Store(store)]);
        assert!(after(rest.retain_at, begun, Instant::now()).contains(&Duration::ZERO), "now");
    }
    let (mut trial, mut rest) = with_rows(|_| {}, 2);
    group_of(&mut trial, &mut rest, [append(3, &[1]), deliver(3), StorageItem::Store(Store::Remove { to: 2 })]);
    let mut all = Vec::new();
    for _ in 0..9 {
        let Some(due) = rest.retain_at else { break };
        assert!(trial.storage.is_removing());
        rest.retain_at = Some(due + HOUR);
        assert_eq!(do_due(&mut trial, &mut rest), [""; 0], "it is not time");
        assert_eq!(rest.retain_at, Some(due + HOUR));
        rest.retain_at = Some(past());
        let begun = Instant::now();
        let steps = do_due(&mut trial, &mut rest);
        assert!(rest.retain_at.is_none_or(|time| time >= begun + PACK_PAUSE));
        all.extend(steps.into_iter().filter(|step| step.starts_with('<')));
    }
    let bytes = 2 * "1,2013-01-01T06:00:00Z,s,1,,\n".len() as u64;
    let (asked, base, readings, bytes, newest) = (2, 2, 2, bytes, Some("2013-01-01T06:00:00Z".to_owned()));
    assert_eq!(all, [told(&[Done::Removed { asked, base, readings, bytes, newest, too_much: false }])]);
    assert_eq!((rows(&trial), trial.storage.is_removing()), (vec![3], false));
}

#[test]
fn a_survey_that_is_done_is_told_of() {
    let (mut trial, mut rest) = with_rows(|config| config.keep = Some(HOUR), 1);
    group_of(&mut trial, &mut rest, [StorageItem::Store(Store::Survey)]);
    assert_eq!(do_due(&mut trial, &mut rest), [told(&[Done::Surveyed { to: 0 }])]);
    assert_eq!((rest.retain_at, trial.storage.is_surveying()), (None, false));
}

#[test]
fn what_was_handed_to_the_system_is_on_the_disk_when_that_is_due() {
    let (mut trial, mut rest) = with_rows(|_| {}, 1);
    rest.sync_by = Some(Instant::now() + HOUR);
    do_due(&mut trial, &mut rest);
    assert_eq!((syncs(&trial.node), rest.sync_by.is_some()), (0, true));
    rest.sync_by = Some(past());
    do_due(&mut trial, &mut rest);
    assert_eq!((syncs(&trial.node), rest.sync_by), (1, None));
}

#[test]
fn rows_that_wait_are_written_when_that_is_due() {
    let (mut trial, mut rest) = with_rows(waits_an_hour, 2);
    assert_eq!((do_due(&mut trial, &mut rest), rows(&trial)), (vec![], vec![]));
    assert!(rest.flush_by.is_some());
    rest.flush_by = Some(past());
    assert_eq!((do_due(&mut trial, &mut rest), rows(&trial)), (vec![delivered(2)], vec![1, 2]));
    assert_eq!(rest.flush_by, None);
}

#[test]
fn names_are_compared_when_that_is_due_and_then_again_after_a_pause() {
    let (mut trial, mut rest) = with_rows(|_| {}, 1);
    fs::write(csv_file(&trial), "").unwrap();
    let names_at = rest.names_at;
    do_due(&mut trial, &mut rest);
    assert_eq!((rows(&trial), rest.names_at), (vec![], names_at));
    rest.names_at = past();
    let begun = Instant::now();
    do_due(&mut trial, &mut rest);
    assert_eq!(rows(&trial), [1]);
    assert!(rest.names_at >= begun + NAMES_EVERY);
}

#[test]
fn the_log_is_packed_when_that_is_due_and_there_is_nothing_else_to_do() {
    let (mut trial, mut rest) = with_rows(|_| {}, 1);
    let pack_at = rest.pack_at;
    do_due(&mut trial, &mut rest);
    assert_eq!(rest.pack_at, pack_at);
    for (items, expected) in [(0, PACK_EVERY), (1, PACK_PAUSE)] {
        hand_over(&trial.node, (0..items).map(|_| StorageItem::Probe));
        rest.pack_at = past();
        let begun = Instant::now();
        do_due(&mut trial, &mut rest);
        let pause = after(Some(rest.pack_at), begun, Instant::now());
        assert!(pause.contains(&expected), "{pause:?}");
    }
}

#[test]
fn what_is_done_from_time_to_time_takes_a_part_of_the_time() {
    let [short, long] = [1, 40].map(Duration::from_millis);
    assert_eq!(pause_after(short, 20, long), long);
    assert_eq!(pause_after(short, 60, long), 60 * short);
}

#[test]
fn pieces_are_packed_one_soon_after_the_other_and_a_damaged_segment_stays_as_it_is() {
    let trial = Trial::new();
    for is_damaged in [false, true] {
        let temp = TempDir::new();
        let mut storage = other_storage(&temp, Options { segment_bytes: Some(1), ..Options::PLAIN });
        for first in [1, 2] {
            storage.append(&batch(first, &[1])).unwrap();
        }
        assert_eq!(pack(&trial.node, &mut storage).unwrap(), PACK_EVERY, "rows are not delivered");
        storage.deliver(2).unwrap();
        assert!(pack(&trial.node, &mut storage).unwrap() >= PACK_PAUSE);
        let plain = directory_of(temp.path(), &id("b")).join("journal").join(format!("{:020}.log", 1));
        if is_damaged {
            fs::write(&plain, "x".repeat(1000)).unwrap();
        }
        assert!((0..100).any(|_| pack(&trial.node, &mut storage).unwrap() == PACK_EVERY));
        assert_eq!(plain.exists(), is_damaged);
        let complaints: Vec<_> = trial.complaints().into_iter().map(|(event, _)| event).collect();
        assert_eq!(complaints, ["not_packed"].repeat(usize::from(is_damaged)));
    }
}

#[test]
fn the_room_on_the_disk_is_looked_at_from_time_to_time() {
    let trial = Trial::new();
    let mut rest = calm(&trial);
    let now = Instant::now();
    let is_known = || trial.node.reserve.disk().is_some();
    rest.room_at = now + Duration::from_nanos(1);
    look_for_room(&trial.node, &mut rest, now);
    assert!(!is_known() && rest.room_at == now + Duration::from_nanos(1));
    rest.room_at = now;
    look_for_room(&trial.node, &mut rest, now);
    assert!(is_known());
    assert_eq!(rest.room_at, now + reserve::LOOK_EVERY);
}

#[test]
fn the_storage_waits_no_longer_than_for_the_first_of_what_is_due() {
    let trial = Trial::new();
    let (now, later) = (Instant::now(), Instant::now() + 2 * HOUR);
    let rest = || Rest { names_at: later, pack_at: later, ..calm(&trial) };
    assert_eq!(rest().due(), later, "room is looked for in between");
    for first in [
        Rest { names_at: now, ..rest() },
        Rest { pack_at: now, ..rest() },
        Rest { flush_by: Some(now), ..rest() },
        Rest { sync_by: Some(now), ..rest() },
        Rest { retain_at: Some(now), ..rest() },
    ] {
        assert_eq!(first.due(), now);
    }
}
