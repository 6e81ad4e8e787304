//! Every byte and every line of small directories is damaged in turn; and harmless changes are no damage.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::ids::Sequence;
use crate::storage::{claim, Inspection, Options, RealDisk, Storage, TempDir};
use crate::wire::{Frame, Lines, Request};

mod asked;
mod months;
mod names;
mod removed;
mod sensors;

/// A data directory of its own, removed when dropped.
pub(super) struct Data(pub(super) TempDir);

impl Data {
    pub(super) fn new() -> Self {
        Self(TempDir::new())
    }

    /// Writes a peer's directory: these batches, delivered up to a sequence.
    pub(super) fn peer(&self, id: &str, frames: &[Frame], delivered: Sequence) -> PathBuf {
        self.running(id, Options::default(), frames, delivered);
        self.0.path().join(id)
    }

    /// The same of a peer that runs until it is dropped.
    pub(super) fn running(
        &self,
        id: &str,
        options: Options,
        frames: &[Frame],
        delivered: Sequence,
    ) -> Storage<RealDisk> {
        self.running_with(id, options, None, frames, delivered)
    }

    /// The same, whose rows may wait for this long.
    fn running_with(
        &self,
        id: &str,
        options: Options,
        rows_wait: Option<Duration>,
        frames: &[Frame],
        delivered: Sequence,
    ) -> Storage<RealDisk> {
        let id = id.parse().unwrap();
        let disk = Arc::new(claim(self.0.path(), &id).unwrap());
        disk.note("127.0.0.1:7000".parse().unwrap(), rows_wait).unwrap();
        let (mut storage, _) = Storage::open(disk, &id, 1, options).unwrap();
        for frame in frames {
            storage.append(frame).unwrap();
        }
        storage.deliver(delivered).unwrap();
        storage.flush().unwrap();
        storage
    }

    pub(super) fn verify(&self) -> (Verdict, String) {
        self.verify_with(None, Duration::ZERO)
    }

    pub(super) fn verify_with(&self, up_to: Option<Sequence>, patience: Duration) -> (Verdict, String) {
        let json = false;
        ask(&Asked { data_dirs: vec![self.0.path().to_owned()], peers: Vec::new(), up_to, json, patience })
    }
}

pub(super) fn ask(asked: &Asked) -> (Verdict, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let verdict = run(asked, &mut out, &mut errors).unwrap();
    (verdict, String::from_utf8([out, errors].concat()).unwrap())
}

fn request(origin: &str, first: u64, count: u64) -> Request {
    let line = |number: u64| format!("DATA|s{}|2013-01-01T06:00:00Z|{number}|-0.5|\n", number % 3);
    let text: String = (first..first + count).map(line).collect();
    Request { origin: origin.parse().unwrap(), first, lines: Lines::new(text.into_bytes(), count) }
}

fn frame(term: u64, sequence: Sequence, origin: &str, first: u64, count: u64) -> Frame {
    Frame::build(format!("{term}@l/1").parse().unwrap(), sequence, &[request(origin, first, count)])
}

/// Twelve entries of two terms and two origins.
pub(super) fn frames() -> Vec<Frame> {
    vec![frame(1, 1, "a/1", 1, 5), frame(1, 6, "b/1", 1, 3), frame(2, 9, "a/1", 6, 4)]
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "csv" || extension == "log") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn no_byte_can_change_unseen() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    assert_eq!(data.verify().0, Verdict::Agree);
    assert_eq!(files(&root).len(), 4);
    for path in files(&root) {
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in [1, 4, 128] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                fs::write(&path, changed).unwrap();
                let (verdict, text) = data.verify();
                assert_eq!(verdict, Verdict::Disagree, "byte {at} of {}\n{text}", path.display());
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(data.verify().0, Verdict::Agree);
}

#[test]
fn no_line_can_vanish_repeat_or_move_unseen() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    data.peer("b", &frames(), 12);
    for path in files(&root) {
        let whole = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            let mut swapped = lines.clone();
            swapped.swap(at, (at + 1) % lines.len());
            // A copy of the journal's last line at its end is what a crash could leave.
            if path.extension().is_some_and(|extension| extension == "log") && at + 1 == lines.len() {
                twice.clone_from(&without);
            }
            for damaged in [without, twice, swapped] {
                fs::write(&path, damaged.concat()).unwrap();
                let (verdict, text) = data.verify();
                // A peer that lacks the last row of all holds nothing that is wrong.
                let said: Vec<&str> = text.lines().filter(|line| line.starts_with("a: ")).collect();
                let behind = said == ["a: behind: holds 1..11 of 1..12"];
                let expected = if behind { Verdict::Behind } else { Verdict::Disagree };
                assert_eq!(verdict, expected, "line {at} of {}\n{text}", path.display());
            }
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn a_journal_may_reach_beyond_the_rows_and_end_in_half_a_batch() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 7);
    assert_eq!(data.verify().0, Verdict::Agree);
    let segment = root.join("journal/00000000000000000001.log");
    let whole = fs::read(&segment).unwrap();
    fs::write(&segment, &whole[..whole.len() - 3]).unwrap();
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Agree && text.contains("as a crash leaves it after entry 8"), "{text}");
    // But not where there are rows of that batch.
    data.peer("a", &frames(), 10);
    fs::write(&segment, &whole[..whole.len() - 3]).unwrap();
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Disagree && text.contains("all entries from 9 on are lost"), "{text}");
}

#[test]
fn a_journal_without_order_is_reported() {
    for (frames, said) in [
        (
            vec![frame(2, 1, "a/1", 1, 5), frame(1, 6, "a/1", 6, 5)],
            "journal: the batch 6..10 is of term 1@l/1, after term 2@l/1",
        ),
        (
            vec![frame(1, 1, "a/1", 1, 5), frame(1, 6, "a/1", 4, 5)],
            "journal: reading 4 of a/1 comes again in the batch 6..10",
        ),
    ] {
        let data = Data::new();
        data.peer("a", &frames, 10);
        let (verdict, text) = data.verify();
        assert!(verdict == Verdict::Disagree && text.contains(said), "{text}");
    }
}

#[test]
fn a_segment_that_is_gone_leaves_a_gap_with_its_rows_checked_by_themselves() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    let journal = root.join("journal");
    let whole = fs::read(journal.join("00000000000000000001.log")).unwrap();
    let last = frames()[2].bytes().len();
    fs::remove_file(journal.join("00000000000000000001.log")).unwrap();
    fs::write(journal.join("00000000000000000009.log"), &whole[whole.len() - last..]).unwrap();
    let (_, text) = data.verify();
    assert!(text.contains("a: journal: has a gap, entries 1..8 are lost\nDISAGREE: 1 disagreement at 1"), "{text}");
    let file = root.join("s1.csv");
    let rows = fs::read_to_string(&file).unwrap();
    fs::write(&file, rows.replacen(",-0.5,", ",nan,", 1)).unwrap();
    let (_, text) = data.verify();
    assert!(text.contains("a: s1.csv: row 1 is no reading, humidity is not a finite decimal number"), "{text}");
}

#[test]
fn many_disagreements_are_counted_and_not_printed() {
    let data = Data::new();
    let batches: Vec<Frame> = (0..5).map(|at| frame(1, at * 500 + 1, "a/1", at * 500 + 1, 500)).collect();
    let root = data.peer("a", &batches, 2_500);
    for path in files(&root).iter().filter(|path| path.extension().is_some_and(|extension| extension == "csv")) {
        fs::write(path, fs::read_to_string(path).unwrap().replace("-0.5", "0.5")).unwrap();
    }
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree);
    assert!(text.contains("a: and 2480 more\nDISAGREE: 2500 disagreements at 1 of 1 peer."), "{text}");
    assert_eq!(text.lines().count(), 2 + 20 + 2);
}

#[test]
fn peers_are_compared_with_the_history_that_most_of_them_have() {
    let data = Data::new();
    for id in ["b", "c"] {
        data.peer(id, &frames(), 12);
    }
    let other = [frame(1, 1, "a/1", 1, 5), frame(3, 6, "z/1", 2, 9)];
    data.peer("a", &other, 14);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Disagree);
    assert!(text.contains("\na: s1.csv: at b, but not here: 2 rows from 6 to 10\n"), "{text}");
    assert!(!text.contains("\nb: ") && !text.contains("\nc: ") && text.contains("at 1 of 3 peers"), "{text}");
}

#[test]
fn a_file_that_goes_away_meanwhile_cannot_be_read() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    let inspection = Inspection::open(&root, None).unwrap();
    fs::remove_file(root.join("s0.csv")).unwrap();
    let error = unreadable(&check::check(inspection, None).unwrap_err());
    assert!(error.contains("cannot read") && error.contains("s0.csv"), "{error}");
}

#[test]
fn lines_longer_than_any_block_are_no_rows() {
    let data = Data::new();
    let root = data.peer("a", &frames(), 12);
    let path = root.join("s0.csv");
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{whole}{}\n", "7".repeat(600_000))).unwrap();
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Disagree && text.contains("a: s0.csv: line 6 is no row: \"\""), "{text}");
    fs::write(&path, format!("{whole}{}", "7".repeat(600_000))).unwrap();
    let (_, text) = data.verify();
    assert!(text.contains("a: s0.csv: ends in half a row, line 6"), "{text}");
}

#[test]
fn a_running_peer_whose_rows_do_not_come_disagrees_with_its_journal() {
    type Meddle = fn(&Path);
    // What another program does, and what is said of it.
    let meddlings: [(Meddle, &str); 3] = [
        (
            |root| fs::rename(root.join("s1.csv"), root.join("../s1.csv")).unwrap(),
            "a: s1.csv: lacks 4 rows from 1 to 10",
        ),
        (
            |root| fs::write(root.join("s1.csv"), format!("{}\n", crate::reading::CSV_HEADER)).unwrap(),
            "a: s1.csv: lacks",
        ),
        (|root| (0..3).for_each(|at| fs::remove_file(root.join(format!("s{at}.csv"))).unwrap()), "a: s0.csv: lacks"),
    ];
    for (meddle, said) in meddlings {
        let data = Data::new();
        let _running = data.running("a", Options::default(), &frames(), 12);
        assert_eq!(data.verify().0, Verdict::Agree);
        meddle(&data.0.path().join("a"));
        let (verdict, text) = data.verify();
        assert!(verdict == Verdict::Disagree && text.contains(said), "{text}");
        assert!(text.contains("did not come within 0 s though the peer runs"), "{text}");
    }
}

#[test]
fn verify_waits_for_rows_of_a_running_peer_that_are_under_way() {
    let data = Data::new();
    let mut running = data.running("a", Options::default(), &frames(), 7);
    let (verdict, text) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| data.verify_with(None, Duration::from_secs(600)));
        running.deliver(12).unwrap();
        running.flush().unwrap();
        looking.join().unwrap()
    });
    assert_eq!(verdict, Verdict::Agree, "{text}");
}

#[test]
fn readings_may_wait_for_a_quorum_for_long() {
    let data = Data::new();
    let options = Options { resume: true, durable: true, quorum: Some(2), ..Options::PLAIN };
    let running = data.running("a", options, &frames(), 7);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    fs::remove_file(data.0.path().join("a/s1.csv")).unwrap();
    let (verdict, text) = data.verify();
    assert!(
        verdict == Verdict::Disagree && text.contains("a: s1.csv: lacks"),
        "it has rows that were delivered: {text}"
    );
    drop(running);
    // More than any peer takes in.
    let data = Data::new();
    let many: Vec<Frame> = (0..20).map(|at| frame(1, at * 1000 + 1, "a/1", at * 1000 + 1, 1000)).collect();
    let _running = data.running("a", options, &many, 0);
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Disagree && text.contains("s0.csv: lacks"), "{text}");
}

#[test]
fn rows_that_are_written_together_may_wait() {
    let (data, wait) = (Data::new(), Some(Duration::from_secs(600)));
    let running = data.running_with("a", Options::default(), wait, &frames(), 7);
    let (verdict, text) = data.verify();
    assert_eq!(verdict, Verdict::Agree, "{text}");
    let note = "note: a: 5 entries have no row yet: rows are written together, within 10 min (--flush-interval)";
    assert!(text.contains(note), "{text}");
    fs::remove_file(data.0.path().join("a/s1.csv")).unwrap();
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Disagree && text.contains("a: s1.csv: lacks"), "others were written: {text}");
    drop(running);
    let (_, text) = data.verify();
    assert!(!text.contains("--flush-interval"), "nothing waits where no peer runs: {text}");
    // More than ever wait.
    let data = Data::new();
    let many: Vec<Frame> = (0..9).map(|at| frame(1, at * 1000 + 1, "a/1", at * 1000 + 1, 1000)).collect();
    let _running = data.running_with("a", Options::default(), wait, &many, 0);
    let (verdict, text) = data.verify();
    assert!(verdict == Verdict::Disagree && text.contains("s0.csv: lacks"), "{text}");
}
