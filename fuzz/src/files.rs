//! Files of one peer, on a disk in memory; one of them is damaged or made up. The peer starts whatever that file holds.
//! Each reading that is whole in the files is found again, rows are the log's, and the next start has nothing to mend.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use peer::ids::{Number, Origin};
use peer::reading::{append_row, sensor_of, Month, HEADER_LINE};
use peer::storage::{CsvName, Disk, Layout, MemoryDisk, Opened, Options, Read, Storage, StorageError};
use peer::wire::frame::FrameHead;
use peer::wire::{Cursor, Frame, Range, Request};

use super::damage::{damage, reseal};
use super::directory::{files, frame, is_csv, request, ID};
use super::draw::Draw;

type Files = BTreeMap<String, Vec<u8>>;
type Readings = BTreeSet<(Origin, Number)>;

/// Longest head line that any record has, its LF included.
const HEAD_BYTES_MAX: usize = peer::wire::batch::HEAD_BYTES_MAX;

const OPTIONS: Options = Options { resume: true, durable: true, ..Options::PLAIN };

pub(crate) fn journal(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut files = files().clone();
    let names: Vec<String> = files.keys().filter(|name| name.starts_with("journal/")).cloned().collect();
    let name = draw.pick(&names).clone();
    change(&mut draw, &mut files, &name, Some("BATCH:"));
    if draw.bool() {
        // Gives it another name, by which it begins elsewhere.
        let bytes = files.remove(&name).unwrap_or_default();
        files.insert(format!("journal/{:020}.log", draw.number()), bytes);
    }
    check(&mut draw, &files);
}

/// The only segment of a small log, packed: the tests of the form have it, too.
const PACKED: &[u8] = include_bytes!("../../src/storage/journal/packed/recorded.pack");

pub(crate) fn packed(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut files = files().clone();
    files.retain(|name, _| !name.starts_with("journal/"));
    let name = "journal/00000000000000000001.pack";
    files.insert(name.to_owned(), PACKED.to_vec());
    change(&mut draw, &mut files, name, Some("BLOCK:"));
    check(&mut draw, &files);
}

pub(crate) fn pending(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut files = files().clone();
    change(&mut draw, &mut files, "pending", Some("PENDING:"));
    check(&mut draw, &files);
}

pub(crate) fn state(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut files = files().clone();
    let fits = draw.bool();
    change(&mut draw, &mut files, "state", None);
    if let Some(text) = files.get_mut("state").filter(|_| fits) {
        if let Some(at) = text.windows(5).rposition(|window| window == b"\ncrc:") {
            text.truncate(at + 1);
            let crc = crc32fast::hash(text);
            text.extend(format!("crc:{crc:08x}\n").bytes());
        }
    }
    check(&mut draw, &files);
}

pub(crate) fn base(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut files = shortened().clone();
    change(&mut draw, &mut files, "base", Some("BASE:"));
    check(&mut draw, &files);
}

/// The same files once the entries of the first segment were removed.
fn shortened() -> &'static Files {
    static SHORTENED: OnceLock<Files> = OnceLock::new();
    SHORTENED.get_or_init(|| {
        let disk = disk_of(files());
        let mut storage = open(&disk, 1_000_000).expect("a sound directory").0;
        storage.remove(6);
        storage.finish_removals().expect("a disk in memory does not fail");
        assert_eq!(storage.base(), 6);
        disk.files()
    })
}

pub(crate) fn csv(input: &[u8]) {
    let mut draw = Draw::new(input);
    let mut files = files().clone();
    let name = *draw.pick(&["a.csv", "b.csv", "c.csv", "Con.csv", "+Con+1.csv", "con.csv"]);
    change(&mut draw, &mut files, name, None);
    check(&mut draw, &files);
}

/// Changes one file: made from the input alone, or from what it was. `verb`: how its records begin, if it has any;
/// these may get lengths and checksums that fit.
fn change(draw: &mut Draw, files: &mut Files, name: &str, verb: Option<&str>) {
    let how = draw.byte();
    let bytes = files.entry(name.to_owned()).or_default();
    if how & 1 == 0 {
        damage(draw, bytes);
    } else {
        let length = usize::from(draw.u16());
        *bytes = draw.some(length).to_vec();
    }
    if let Some(verb) = verb.filter(|_| how & 2 == 0) {
        *bytes = reseal(bytes, verb);
    }
    if how >= 250 {
        files.remove(name);
    }
}

fn disk_of(files: &Files) -> MemoryDisk {
    let disk = MemoryDisk::new();
    for (path, bytes) in files {
        disk.replace(path, bytes, true).expect("a disk in memory");
    }
    disk
}

fn check(draw: &mut Draw, files: &Files) {
    let disk = disk_of(files);
    let opened = open(&disk, 1_000_000);
    let (mut storage, found) = match opened {
        Ok(opened) => opened,
        Err(StorageError::OtherPeer { .. } | StorageError::OtherQuorum { .. } | StorageError::Newer { .. }) => return,
        Err(error) => panic!("it does not start: {error}"),
    };
    if [7, 8, 9, 11].contains(&found.base) {
        // No peer writes a beginning that ends within a batch: it is enough that the peer starts.
        return;
    }
    let held = held(&found);
    // A made-up beginning is believed if its checksum fits: then other entries are gone.
    if found.base == 0 || files.get("base") == shortened().get("base") {
        assert_all_in(&whole(files), &held);
    }
    check_rows(&disk, &storage, &found);
    check_pending(&storage, &found);
    if draw.bool() {
        work(draw, &mut storage, &found);
    }
    let (last, delivered, base) = (storage.last(), storage.delivered(), storage.base());
    drop(storage);
    let (storage, again) = open(&disk, 1_000_000).expect("it started before");
    assert!(again.repairs.is_empty() && !again.state_damaged, "nothing was left to mend: {:?}", again.repairs);
    assert!(again.incarnation > found.incarnation);
    assert_eq!((again.last, again.delivered, again.base), (last, delivered, base));
    // A cut below the beginning leaves nothing of what was removed.
    if base == found.base {
        assert_all_in(&held, &self::held(&again));
    }
    check_rows(&disk, &storage, &again);
    check_pending(&storage, &again);
    drop(storage);
    if draw.bool() {
        check_months(draw, &disk);
    }
}

/// Divides the rows by month, damages a file, and divides them by sensor again.
fn check_months(draw: &mut Draw, disk: &MemoryDisk) {
    let open = |layout| {
        let options = Options { layout, ..OPTIONS };
        let id = ID.parse().expect("a name");
        let (storage, found) =
            Storage::open(Arc::new(disk.clone()), &id, 1_000_000, options).expect("it started before");
        check_rows_in(disk, &storage, &found, layout);
        found
    };
    open(Layout::Month);
    let csv: Files = disk.files().into_iter().filter(|(name, _)| is_csv(name)).collect();
    if let Some((name, mut bytes)) = csv.into_iter().next() {
        damage(draw, &mut bytes);
        disk.replace(&name, &bytes, true).expect("a disk in memory");
        open(Layout::Month);
    }
    assert!(open(Layout::Month).repairs.is_empty(), "nothing was left to mend");
    open(Layout::Sensor);
}

fn open(disk: &MemoryDisk, now: u64) -> Result<(Storage<MemoryDisk>, Opened), StorageError> {
    Storage::open(Arc::new(disk.clone()), &ID.parse().expect("a name"), now, OPTIONS)
}

/// The readings of these ranges.
fn numbers<'a>(ranges: impl IntoIterator<Item = &'a Range>) -> Readings {
    let each = |range: &Range| {
        let (origin, first, last) = (range.origin.clone(), range.first, range.last());
        (first..=last).map(move |number| (origin.clone(), number))
    };
    ranges.into_iter().flat_map(each).collect()
}

fn assert_all_in(some: &Readings, all: &Readings) {
    let lost: Vec<_> = some.difference(all).collect();
    assert!(lost.is_empty(), "{lost:?} is lost");
}

/// In the log, or pending.
fn held(found: &Opened) -> Readings {
    numbers(found.origins.iter().chain(&found.pending))
}

/// The readings that are whole in the files, in their right place or not.
fn whole(files: &Files) -> Readings {
    let mut all = Readings::new();
    let segment = |name: &String| {
        let digits = name.strip_prefix("journal/").and_then(|name| name.strip_suffix(".log"));
        digits.is_some_and(|digits| digits.len() == 20 && digits.parse::<u64>().is_ok())
    };
    for (_, bytes) in files.iter().filter(|(name, _)| segment(name)) {
        each_record(bytes, b"BATCH:", |head, rest| {
            let length = head.len() + 1 + FrameHead::parse(head).ok()?.body_bytes;
            let frame = Frame::parse(rest.get(..length)?.to_vec()).ok()?;
            all.extend(numbers(frame.ranges()));
            Some(length)
        });
    }
    each_record(files.get("pending").map_or(&[], Vec::as_slice), b"PENDING", |head, rest| {
        let line = std::str::from_utf8(head).ok()?;
        let parsed = Request::parse_head(line, &mut Cursor::new(line, "PENDING").ok()?).ok()?;
        let length = head.len() + 1 + parsed.body_bytes;
        let request = parsed.complete(rest.get(head.len() + 1..length)?.to_vec()).ok()?;
        all.extend(numbers([&request.range()]));
        Some(length)
    });
    all
}

/// Shows each place where a record may begin: its head line, and all from there on. It shows nothing within a record.
fn each_record(bytes: &[u8], verb: &[u8], mut take: impl FnMut(&[u8], &[u8]) -> Option<usize>) {
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = rest.iter().take(HEAD_BYTES_MAX).position(|byte| *byte == b'\n').filter(|_| rest.starts_with(verb));
        at += end.and_then(|end| take(&rest[..end], rest)).unwrap_or(1);
    }
}

fn check_rows(disk: &MemoryDisk, storage: &Storage<MemoryDisk>, found: &Opened) {
    check_rows_in(disk, storage, found, Layout::Sensor);
}

/// Checks that the CSV files hold the delivered part of the log above its beginning, and nothing else.
fn check_rows_in(disk: &MemoryDisk, storage: &Storage<MemoryDisk>, found: &Opened, layout: Layout) {
    let base = storage.base();
    let (reader, mut rows, mut after) = (storage.log_reader(), BTreeMap::<String, Vec<u8>>::new(), base);
    while after < found.last {
        let Ok(Read::Frames(frames)) = reader.read(after, found.last, 0, 1 << 20) else {
            panic!("the log ends at {after}")
        };
        for frame in &frames {
            after = frame.last();
            for (sequence, payload) in frame.entries().filter(|(at, _)| (base + 1..=storage.delivered()).contains(at)) {
                let sensor = std::str::from_utf8(sensor_of(payload)).expect("a name").parse().expect("an id");
                let month = (layout == Layout::Month).then(|| Month::of_payload(payload));
                let rows =
                    rows.entry(CsvName { sensor, month }.file()).or_insert_with(|| HEADER_LINE.as_bytes().to_vec());
                append_row(sequence, payload, rows);
            }
        }
    }
    let csv: Files = disk.files().into_iter().filter(|(name, _)| is_csv(name)).collect();
    assert!(csv == rows, "rows are not those of the log: {:?}", csv.keys());
}

fn check_pending(storage: &Storage<MemoryDisk>, found: &Opened) {
    for range in &found.pending {
        let recalled = storage.recall(range).expect("what is pending can be read");
        assert_eq!(recalled.iter().map(|request| request.lines.count()).sum::<u64>(), range.count);
    }
}

/// The peer goes on with what it found.
fn work(draw: &mut Draw, storage: &mut Storage<MemoryDisk>, found: &Opened) {
    let fine = "a disk in memory does not fail";
    let last = storage.last();
    storage.deliver(last - u64::from(draw.byte()).min(last - storage.delivered())).expect(fine);
    if draw.bool() {
        let to = u64::from(draw.byte()).min(last);
        storage.cut(to, found.promised.as_ref(), found.synced.as_ref(), found.needs).expect(fine);
    }
    let term = found.promised.clone().unwrap_or_else(|| "9@z/1".parse().expect("a term"));
    let term = found.runs.last().map_or(term, |(last, _)| last.clone());
    storage.append(&frame(&term.to_string(), storage.last() + 1, &[request("x/1", 1, 2)])).expect(fine);
    storage.keep(&request("p/7", 50, 3)).expect(fine);
    storage.flush().expect(fine);
    storage.sync().expect(fine);
}
