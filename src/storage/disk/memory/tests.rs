//! What power cuts, crashes and faults leave on a disk in memory.

use std::collections::BTreeSet;

use super::*;

/// What a file holds after a power cut, over many draws.
fn outcomes(path: &str, prepare: impl Fn(&MemoryDisk)) -> BTreeSet<Option<Vec<u8>>> {
    let after = |seed| {
        let disk = MemoryDisk::new();
        prepare(&disk);
        disk.power_cut(seed);
        disk.files().remove(path)
    };
    (0..300).map(after).collect()
}

fn all(outcomes: &[Option<&[u8]>]) -> BTreeSet<Option<Vec<u8>>> {
    outcomes.iter().map(|bytes| bytes.map(<[u8]>::to_vec)).collect()
}

#[test]
fn what_was_synced_outlives_a_power_cut_and_the_rest_perhaps() {
    let synced = |disk: &MemoryDisk| {
        disk.append("journal/a", b"old").unwrap();
        disk.sync("journal/a").unwrap();
    };
    assert_eq!(outcomes("journal/a", synced), all(&[Some(b"old")]));
    let appended = |disk: &MemoryDisk| {
        synced(disk);
        disk.append("journal/a", &[b'n'; 2000]).unwrap();
    };
    let torn = outcomes("journal/a", appended);
    assert!(torn.iter().all(|bytes| bytes.as_ref().unwrap().starts_with(b"old")), "{torn:?}");
    let has = |bytes: &[u8]| torn.contains(&Some([b"old", bytes].concat()));
    assert!(has(b"") && has(&[b'n'; 2000]) && torn.len() > 50, "{} of them", torn.len());
    assert!(torn.iter().flatten().any(|bytes| bytes.get(3) == Some(&0) && bytes.ends_with(b"n")), "pages in any order");
}

#[test]
fn what_was_cut_off_may_come_back_under_what_was_written_since() {
    let outcomes = outcomes("a", |disk| {
        disk.append("a", &[b'1'; 600]).unwrap();
        disk.sync("a").unwrap();
        disk.append("a", &[b'2'; 600]).unwrap();
        disk.truncate("a", 300).unwrap();
        disk.append("a", &[b'3'; 1500]).unwrap();
    });
    let outcomes: BTreeSet<Vec<u8>> = outcomes.into_iter().flatten().collect();
    assert!(outcomes.iter().all(|bytes| bytes.starts_with(&[b'1'; 300])));
    let kinds = |bytes: &Vec<u8>| bytes[300..].iter().copied().collect::<BTreeSet<u8>>().into_iter().collect();
    let kinds: BTreeSet<Vec<u8>> = outcomes.iter().map(kinds).collect();
    for kind in [&b"1"[..], b"12", b"3", b"13", b"123"] {
        assert!(kinds.contains(kind), "{kind:?} of {kinds:?}");
    }
}

#[test]
fn names_are_as_any_of_the_changes_since_their_sync_left_them() {
    let begun = |disk: &MemoryDisk| {
        disk.replace("a", b"1", true).unwrap();
        disk.replace("b", b"2", true).unwrap();
    };
    let removed = |disk: &MemoryDisk| {
        begun(disk);
        disk.remove("a").unwrap();
    };
    assert_eq!(outcomes("a", removed), all(&[None, Some(b"1")]));
    let renamed = |disk: &MemoryDisk| {
        begun(disk);
        disk.rename("b", "a").unwrap();
    };
    assert_eq!(outcomes("a", renamed), all(&[Some(b"1"), Some(b"2")]));
    let replaced = |disk: &MemoryDisk| {
        begun(disk);
        disk.replace("a", b"3", false).unwrap();
    };
    assert_eq!(outcomes("a", replaced), all(&[Some(b"1"), Some(b""), Some(b"\0"), Some(b"3")]));
    for change in [&removed as &dyn Fn(&MemoryDisk), &renamed, &replaced] {
        let synced = |disk: &MemoryDisk| {
            change(disk);
            let _ = disk.sync("a");
            disk.sync_names("").unwrap();
        };
        assert_eq!(outcomes("a", synced).len(), 1);
    }
}

#[test]
fn a_process_dies_in_the_change_it_is_told_to_and_the_next_one_finds_what_was_written() {
    let disk = MemoryDisk::new();
    disk.crash_after(2);
    disk.append("a", b"one ").unwrap();
    disk.sync("a").unwrap();
    assert!(!disk.is_crashed());
    assert!(disk.append("a", b"two ").is_err() && disk.is_crashed());
    assert!(disk.append("a", b"more").is_err() && disk.read("a", 0, 9).is_err() && disk.sync("a").is_err());
    disk.revive();
    assert_eq!(disk.read("a", 0, 9).unwrap(), b"one tw");
    disk.append("a", b"!").unwrap();
}

#[test]
fn the_same_seed_does_the_same_damage() {
    let damaged = |seed| {
        let disk = MemoryDisk::new();
        disk.append("a", &[b'x'; 700]).unwrap();
        disk.append("b", b"y").unwrap();
        (disk.corrupt(seed), disk.files())
    };
    let untouched = BTreeMap::from([("a".to_owned(), vec![b'x'; 700]), ("b".to_owned(), b"y".to_vec())]);
    assert!((0..50).all(|seed| damaged(seed) == damaged(seed) && damaged(seed).1 != untouched));
    assert_eq!(MemoryDisk::new().corrupt(1), None);
}

#[test]
fn what_a_sync_failed_to_write_is_lost_even_if_a_later_sync_succeeds() {
    let disk = MemoryDisk::new();
    disk.append("a", b"old ").unwrap();
    disk.sync("a").unwrap();
    disk.append("a", b"lost ").unwrap();
    disk.fail_syncs(1);
    assert!(disk.sync("a").is_err());
    disk.append("a", b"new").unwrap();
    disk.sync("a").unwrap();
    assert_eq!(disk.read("a", 0, 99).unwrap(), b"old lost new", "the system still has it in memory");
    disk.lose_unsynced();
    assert_eq!(disk.read("a", 0, 99).unwrap(), b"old \0\0\0\0\0new");
    disk.sync("a").unwrap();
    disk.append("a", b"!").unwrap();
    disk.lose_unsynced();
    assert_eq!(disk.read("a", 0, 99).unwrap(), b"old \0\0\0\0\0new");
}
