//! Tests of `restore.rs` and `in_place.rs`: what other programs do to the files of a peer that runs.

use std::sync::Arc;

use super::*;
use crate::storage::tests::rows::{rows_of, rows_on};
use crate::storage::tests::support::{frame, TempDir};
use crate::storage::{MemoryDisk, Options, RealDisk, Storage, StorageError};
use crate::wire::Frame;

/// What another program does.
type Meddle = fn(&MemoryDisk);

const RESUME: Options = Options { resume: true, ..Options::PLAIN };

fn open<D: Disk>(disk: Arc<D>) -> Storage<D> {
    Storage::open(disk, &"p".parse().unwrap(), 1, RESUME).unwrap().0
}

/// Appends and delivers the next readings, of the sensors `o0`, `o1` and `o2` in turn.
fn write<D: Disk>(storage: &mut Storage<D>, log: &mut Vec<Frame>, count: u64) {
    let first = storage.last() + 1;
    let batch = frame(1, first, "o/1", first, count);
    storage.tail().lock().unwrap().push(batch.clone());
    storage.append(&batch).unwrap();
    log.push(batch);
    storage.deliver(storage.last()).unwrap();
}

/// What another program does to `o1.csv`, and how many foreign files it leaves.
fn meddlings() -> [(&'static str, Meddle, u64); 6] {
    [
        ("moved", |disk| disk.rename("o1.csv", "elsewhere").unwrap(), 0),
        ("removed", |disk| disk.remove("o1.csv").unwrap(), 0),
        ("replaced", |disk| disk.replace("o1.csv", b"time,value\n", false).unwrap(), 1),
        ("emptied", |disk| disk.truncate("o1.csv", 0).unwrap(), 0),
        ("cut", |disk| disk.truncate("o1.csv", 100).unwrap(), 0),
        ("added to", |disk| disk.append("o1.csv", b"mine\n").map(drop).unwrap(), 1),
    ]
}

#[test]
fn all_rows_of_a_meddled_file_are_restored_and_foreign_files_are_kept() {
    for (what, meddle, aside) in meddlings() {
        // Rows may wait when it is noticed, or be written before that; the life may be the first, or a later one.
        for (waits, later) in [(true, false), (false, false), (true, true), (false, true)] {
            let (disk, mut log) = (MemoryDisk::new(), Vec::new());
            let mut storage = open(Arc::new(disk.clone()));
            write(&mut storage, &mut log, 30);
            storage.flush().unwrap();
            if later {
                storage = open(Arc::new(disk.clone()));
            }
            meddle(&disk);
            let theirs = disk.files().remove("o1.csv");
            write(&mut storage, &mut log, 30);
            if !waits {
                storage.flush().unwrap();
            }
            storage.check_names().unwrap();
            assert_eq!(rows_on(&disk), rows_of(&log, 60), "{what}, {waits} {later}");
            let told = storage.take_restored();
            assert_eq!(told.iter().map(|done| (done.files, done.rows)).collect::<Vec<_>>(), [(1, 20)], "{what}");
            let text = told[0].to_string();
            assert_eq!(text.contains("set aside"), told[0].set_aside > 0, "{what}: {text}");
            assert!(text.starts_with("o1.csv was moved, removed or changed by another program"), "{text}");
            let mut kept = disk.files();
            kept.retain(|name, _| name.ends_with(".damaged"));
            assert_eq!(kept.len() as u64, told[0].set_aside, "{what}");
            if waits {
                assert_eq!(told[0].set_aside, aside, "{what}: {text}");
                assert!(kept.into_values().all(|bytes| Some(bytes) == theirs), "{what}: nothing is added to it");
            } else {
                // Rows that went into the foreign file before anybody noticed are there, too.
                assert!(told[0].set_aside >= aside, "{what}: {text}");
            }
            write(&mut storage, &mut log, 3);
            storage.flush().unwrap();
            storage.check_names().unwrap();
            assert_eq!((storage.take_restored(), rows_on(&disk)), (Vec::new(), rows_of(&log, 63)), "once, {what}");
            assert!(!disk.files().contains_key("o1.csv.tmp"));
        }
    }
}

#[test]
fn a_file_that_is_gone_is_there_again_when_rows_are_cut() {
    for (what, meddle, _) in meddlings() {
        let (disk, mut log) = (MemoryDisk::new(), Vec::new());
        let mut storage = open(Arc::new(disk.clone()));
        write(&mut storage, &mut log, 30);
        write(&mut storage, &mut log, 30);
        storage.flush().unwrap();
        meddle(&disk);
        storage.tail().lock().unwrap().cut(30);
        storage.cut(30, None, None, 0).unwrap();
        assert_eq!(rows_on(&disk), rows_of(&log, 30), "{what}");
    }
}

#[test]
fn a_foreign_file_under_the_name_of_a_new_sensor_is_set_aside() {
    let (disk, mut log) = (MemoryDisk::new(), Vec::new());
    let mut storage = open(Arc::new(disk.clone()));
    disk.append("o1.csv", b"notes\n").unwrap();
    write(&mut storage, &mut log, 9);
    storage.flush().unwrap();
    assert_eq!(rows_on(&disk), rows_of(&log, 9));
    assert!(disk.files()["o1.csv.damaged"].starts_with(b"notes\n"));
    assert_eq!(storage.take_restored()[0].set_aside, 1);
}

#[test]
fn a_foreign_file_under_the_name_of_one_that_was_cut_away_is_set_aside() {
    let (disk, mut log) = (MemoryDisk::new(), Vec::new());
    let mut storage = open(Arc::new(disk.clone()));
    write(&mut storage, &mut log, 9);
    storage.flush().unwrap();
    storage.tail().lock().unwrap().cut(0);
    storage.cut(0, None, None, 0).unwrap();
    disk.append("o1.csv", b"notes\n").unwrap();
    storage.check_names().unwrap();
    assert_eq!((rows_on(&disk), storage.take_restored()[0].set_aside), (rows_of(&[], 0), 1));
    assert_eq!(disk.files()["o1.csv.damaged"], b"notes\n");
}

#[test]
fn a_log_that_is_gone_cannot_be_restored() {
    let gone: [(&str, Meddle); 3] = [
        ("journal/00000000000000000001.log", |disk| disk.remove("journal/00000000000000000001.log").unwrap()),
        ("journal/00000000000000000001.log", |disk| disk.truncate("journal/00000000000000000001.log", 9).unwrap()),
        ("pending", |disk| disk.remove("pending").unwrap()),
    ];
    for (name, meddle) in gone {
        let (disk, mut log) = (MemoryDisk::new(), Vec::new());
        let mut storage = open(Arc::new(disk.clone()));
        write(&mut storage, &mut log, 9);
        storage.keep(&crate::storage::tests::support::request("o/1", 10, 1)).unwrap();
        storage.check_names().unwrap();
        meddle(&disk);
        let error = storage.check_names().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{name} was moved, removed or replaced")), "{error}");
    }
}

#[test]
fn a_removed_directory_ends_the_peer_even_if_another_takes_its_name() {
    let (temp, disk) = TempDir::disk("p");
    let mut log = Vec::new();
    let mut storage: Storage<RealDisk> = open(Arc::new(disk));
    write(&mut storage, &mut log, 9);
    storage.check_names().unwrap();
    let root = temp.path().join("p");
    std::fs::rename(&root, temp.path().join("q")).unwrap();
    std::fs::create_dir(&root).unwrap();
    std::fs::write(root.join("lock"), "7").unwrap();
    let error = storage.check_names().unwrap_err();
    assert!(matches!(&error, StorageError::Gone { path } if path == &root.join("")), "{error}");
}

#[test]
#[cfg(unix)]
fn a_swapped_file_on_a_real_disk_is_restored_with_more_files_than_may_be_open() {
    let (temp, disk) = TempDir::disk("p");
    let mut log = Vec::new();
    let mut storage = open(Arc::new(disk.with_open_files(1)));
    write(&mut storage, &mut log, 9);
    storage.flush().unwrap();
    let root = temp.path().join("p");
    std::fs::rename(root.join("o1.csv"), root.join("o1.csv.old")).unwrap();
    write(&mut storage, &mut log, 9);
    storage.flush().unwrap();
    let rows: std::collections::BTreeMap<_, _> = rows_of(&log, 18);
    assert_eq!(std::fs::read(root.join("o1.csv")).unwrap(), rows["o1.csv"], "the append itself told");
    assert_eq!(storage.take_restored().len(), 1);
}

/// Lines of a follower, as they come.
#[cfg(target_os = "linux")]
fn follow(path: &std::path::Path) -> Option<(std::process::Child, std::sync::mpsc::Receiver<String>)> {
    use std::io::BufRead;
    let mut tail = std::process::Command::new("tail");
    // It looks at the file now and then, as on a network file system.
    tail.args(["-n", "+1", "-s", "0.05", "-F", "---disable-inotify"]).arg(path);
    let mut child = tail.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().ok()?;
    let (lines, out) = (std::io::BufReader::new(child.stdout.take().unwrap()).lines(), std::sync::mpsc::channel());
    std::thread::spawn(move || lines.map_while(Result::ok).all(|line| out.0.send(line).is_ok()));
    Some((child, out.1))
}

#[test]
#[cfg(target_os = "linux")]
fn a_follower_of_a_name_gets_the_new_rows_and_an_open_file_keeps_the_old_ones() {
    use std::io::Read;
    let (temp, disk) = TempDir::disk("p");
    let mut log = Vec::new();
    let mut storage = open(Arc::new(disk));
    write(&mut storage, &mut log, 3);
    write(&mut storage, &mut log, 6);
    storage.flush().unwrap();
    let path = temp.path().join("p/o1.csv");
    let before = std::fs::read_to_string(&path).unwrap();
    let mut reader = std::fs::File::open(&path).unwrap();
    let Some((mut tail, lines)) = follow(&path) else { return eprintln!("SKIPPED: there is no tail") };
    let next = || lines.recv_timeout(std::time::Duration::from_secs(60)).unwrap();
    assert_eq!((0..before.lines().count()).map(|_| next() + "\n").collect::<String>(), before);
    // Other rows take the place of some, and the file is as long as before from then on.
    storage.tail().lock().unwrap().cut(3);
    storage.cut(3, None, None, 0).unwrap();
    log.truncate(1);
    let other = frame(2, 4, "o/2", 4, 6);
    storage.append(&other).unwrap();
    log.push(other);
    storage.deliver(9).unwrap();
    storage.flush().unwrap();
    let after = String::from_utf8(rows_of(&log, 9).remove("o1.csv").unwrap()).unwrap();
    assert_eq!((0..after.lines().count()).map(|_| next() + "\n").collect::<String>(), after, "all of the new file");
    let mut kept = String::new();
    reader.read_to_string(&mut kept).unwrap();
    assert_eq!(kept, before);
    tail.kill().unwrap();
    tail.wait().unwrap();
}
