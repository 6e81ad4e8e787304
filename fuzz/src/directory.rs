//! The sound files of a peer, the base for damaged ones.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use peer::ids::{Number, Sequence};
use peer::storage::{Disk, MemoryDisk, Options, Storage};
use peer::wire::{Frame, Lines, Request};

/// The peer that the readings and directories belong to.
pub(crate) const ID: &str = "p";

/// Readings of an origin. The number decides which of three sensors each is of.
pub(crate) fn request(origin: &str, first: Number, count: u64) -> Request {
    let mut text = String::new();
    for number in first..first + count {
        let sensor = ["a", "b", "Con"][usize::try_from(number % 3).expect("below 3")];
        writeln!(text, "DATA|{sensor}|2013-01-01T06:00:00Z|{number}|-0.5|").expect("a string takes all");
    }
    Request { origin: origin.parse().expect("an origin"), first, lines: Lines::new(text.into_bytes(), count) }
}

pub(crate) fn frame(term: &str, first: Sequence, parts: &[Request]) -> Frame {
    Frame::build(term.parse().expect("a term"), first, parts)
}

/// Whether it is the file of a sensor.
pub(crate) fn is_csv(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, kind)| kind == "csv")
}

/// Two segments, mostly with rows, and pending readings beside.
pub(crate) fn files() -> &'static BTreeMap<String, Vec<u8>> {
    static FILES: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(make)
}

fn make() -> BTreeMap<String, Vec<u8>> {
    let disk = MemoryDisk::new();
    let options = Options { resume: true, durable: true, ..Options::PLAIN };
    let fine = "a disk in memory does not fail";
    let opened = Storage::open(Arc::new(disk.clone()), &ID.parse().expect("a name"), 7, options);
    let mut storage = opened.expect("an empty directory").0;
    let frames = [
        frame("1@l/1", 1, &[request("p/7", 1, 3), request("q/2", 1, 1)]),
        frame("1@l/1", 5, &[request("p/7", 4, 2)]),
        frame("3@m/4", 7, &[request("q/2", 2, 4)]),
        frame("3@m/4", 11, &[request("p/7", 6, 1), request("r/1", 9, 1)]),
    ];
    for frame in &frames {
        storage.append(frame).expect(fine);
    }
    for (first, count) in [(5, 3), (8, 1), (20, 2)] {
        storage.keep(&request("p/7", first, count)).expect(fine);
    }
    let (promised, synced) = ("4@n/1".parse().expect("a term"), "3@m/4".parse().expect("a term"));
    storage.save_state(Some(&promised), Some(&synced), 8).expect(fine);
    storage.deliver(9).expect(fine);
    storage.flush().expect(fine);
    storage.sync().expect(fine);
    disk.append("lock", b"").expect(fine);
    let mut files = disk.files();
    let log = files.get_mut("journal/00000000000000000001.log").expect("there is one segment");
    let second = log.split_off(frames[..2].iter().map(|frame| frame.bytes().len()).sum());
    files.insert("journal/00000000000000000007.log".to_owned(), second);
    files
}
