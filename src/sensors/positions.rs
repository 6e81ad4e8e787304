//! How far files were read, over restarts: `--once FILE`. A file is known by its bytes: if it begins with those that
//! were read, reading goes on after them, and otherwise from its beginning.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use super::SensorError;
use crate::durable;
use crate::version;

/// What is written, and the latest that is read. A file of version 1 does not bear it.
const VERSION: u64 = 1;

/// What was read of a file, from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    pub bytes: u64,
    /// The checksum of these bytes.
    pub sum: u32,
}

/// The marks of all sources, and the file that keeps them.
#[derive(Debug)]
pub struct Positions {
    path: PathBuf,
    marks: BTreeMap<String, Mark>,
}

impl Positions {
    /// Reads the file, if there is one, and writes it: a peer that could not would read everything again.
    ///
    /// # Errors
    /// [`SensorError::Positions`] where it cannot be read or written, or is another one.
    pub fn open(path: &Path) -> Result<Self, SensorError> {
        let failed = |cause: String| SensorError::Positions { path: path.display().to_string(), cause };
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read.map_err(|error| failed(error.to_string()))?,
        };
        version::check(text.as_bytes(), VERSION).map_err(|newer| failed(format!("it {newer}")))?;
        let marks: Option<BTreeMap<_, _>> = text.lines().map(parsed).collect();
        let marks = marks.ok_or_else(|| failed("it holds something else than positions".to_owned()))?;
        let positions = Self { path: path.to_owned(), marks };
        positions.write().map_err(|error| failed(error.to_string()))?;
        Ok(positions)
    }

    /// How far this source was read.
    #[must_use]
    pub fn of(&self, source: &str) -> Mark {
        self.marks.get(&key(source)).copied().unwrap_or_default()
    }

    /// Keeps how far this source is read by now.
    ///
    /// # Errors
    /// Where that cannot be written.
    pub fn note(&mut self, source: &str, mark: Mark) -> io::Result<()> {
        self.marks.insert(key(source), mark);
        self.write()
    }

    /// Returns once the file is on the platter.
    fn write(&self) -> io::Result<()> {
        let lines = self.marks.iter().map(|(source, Mark { bytes, sum })| format!("{bytes} {sum:08x} {source}\n"));
        durable::replace(&self.path, lines.collect::<String>().as_bytes())
    }
}

/// A source in one line.
fn key(source: &str) -> String {
    source.escape_debug().to_string()
}

fn parsed(line: &str) -> Option<(String, Mark)> {
    let (bytes, rest) = line.split_once(' ')?;
    let (sum, source) = rest.split_once(' ')?;
    Some((source.to_owned(), Mark { bytes: bytes.parse().ok()?, sum: u32::from_str_radix(sum, 16).ok()? }))
}

/// Where a file is read on.
#[derive(Debug, Default)]
pub struct Resumed {
    pub mark: Mark,
    /// Lines before it.
    pub lines: u64,
    /// The first of them, which may be a header, as far as it is short.
    pub first: Vec<u8>,
}

/// Moves to the mark of a file, or stays at its beginning if the file does not begin with what was read.
pub(super) fn resume(file: &mut (impl Read + Seek), mark: Mark, first_max: usize) -> io::Result<Resumed> {
    let start = file.stream_position()?;
    let (mut hasher, mut resumed) = (Hasher::new(), Resumed { mark, ..Resumed::default() });
    let mut block = [0; 16 * 1024];
    let mut rest = mark.bytes;
    while rest > 0 {
        let most = block.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        let length = match file.read(&mut block[..most]) {
            Ok(0) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        let bytes = &block[..length];
        if resumed.lines == 0 && resumed.first.len() < first_max {
            resumed.first.extend_from_slice(&bytes[..memchr::memchr(b'\n', bytes).unwrap_or(length)]);
        }
        hasher.update(bytes);
        resumed.lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        rest -= length as u64;
    }
    if rest == 0 && hasher.finalize() == mark.sum {
        return Ok(resumed);
    }
    file.seek(SeekFrom::Start(start))?;
    Ok(Resumed::default())
}

/// Follows what is read, for the next mark.
#[derive(Debug)]
pub(super) struct Follow {
    /// Where to go on in what is opened next.
    pub(super) from: Mark,
    /// The file at hand has been opened, and moved to where it was read before.
    pub(super) opened: bool,
    hasher: Hasher,
    bytes: u64,
    /// The end of the last line that is done with.
    pub(super) mark: Mark,
}

impl Follow {
    pub(super) fn new(from: Mark) -> Self {
        Self { from, opened: false, hasher: Hasher::new(), bytes: 0, mark: from }
    }

    /// What is read begins here. What is opened after it is new.
    pub(super) fn begin(&mut self, mark: Mark) {
        (self.from, self.opened) = (Mark::default(), true);
        (self.hasher, self.bytes, self.mark) = (Hasher::new_with_initial_len(mark.sum, mark.bytes), mark.bytes, mark);
    }

    /// What was read ends here, and what is opened next is new.
    pub(super) fn end(&mut self) {
        self.opened = false;
    }

    /// It broke off, and may be what is opened next.
    pub(super) fn break_off(&mut self) {
        if std::mem::take(&mut self.opened) {
            self.from = self.mark;
        }
    }

    /// These bytes are done with.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// A line ends here.
    pub(super) fn end_line(&mut self) {
        self.mark = Mark { bytes: self.bytes, sum: self.hasher.clone().finalize() };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tempfile::TempDir;

    use super::*;

    fn mark(bytes: &[u8]) -> Mark {
        Mark { bytes: bytes.len() as u64, sum: crc32fast::hash(bytes) }
    }

    /// What is left to be read, and how many lines are before it.
    fn rest(file: &[u8], mark: Mark) -> (String, u64, Vec<u8>) {
        let mut file = Cursor::new(file);
        let resumed = resume(&mut file, mark, 10).unwrap();
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        (rest, resumed.lines, resumed.first)
    }

    #[test]
    fn a_file_goes_on_where_it_begins_with_what_was_read() {
        let read = b"one\ntwo\n";
        assert_eq!(rest(b"one\ntwo\nthree\n", mark(read)), ("three\n".to_owned(), 2, b"one".to_vec()));
        assert_eq!(rest(b"one\ntwo\n", mark(read)), (String::new(), 2, b"one".to_vec()));
        for other in [&b"one\ntwO\nthree\n"[..], b"one\n", b""] {
            let whole = String::from_utf8(other.to_vec()).unwrap();
            assert_eq!(rest(other, mark(read)), (whole, 0, Vec::new()));
        }
        assert_eq!(rest(b"one\n", Mark::default()), ("one\n".to_owned(), 0, Vec::new()));
    }

    #[test]
    fn what_is_followed_has_a_mark_at_the_end_of_its_last_line() {
        let mut follow = Follow::new(mark(b"one\n"));
        assert_eq!((follow.from, follow.opened), (mark(b"one\n"), false));
        follow.begin(mark(b"one\n"));
        assert_eq!((follow.from, follow.opened), (Mark::default(), true));
        follow.pass(b"tw");
        assert_eq!(follow.mark, mark(b"one\n"));
        follow.pass(b"o\n");
        follow.end_line();
        assert_eq!(follow.mark, mark(b"one\ntwo\n"));
        // It goes on where it broke off, however often it is tried.
        (0..2).for_each(|_| follow.break_off());
        assert_eq!((follow.from, follow.opened), (mark(b"one\ntwo\n"), false));
        follow.begin(mark(b"one\ntwo\n"));
        follow.end();
        assert_eq!((follow.from, follow.opened), (Mark::default(), false));
        // Nothing was read of the new one.
        follow.break_off();
        assert_eq!(follow.from, Mark::default());
    }

    #[test]
    fn positions_are_kept_in_a_file_of_their_own() {
        let temp = TempDir::new().unwrap();
        let path = temp.path().join("positions");
        let mut positions = Positions::open(&path).unwrap();
        positions.note("stdin", mark(b"one\n")).unwrap();
        positions.note("file:/a b\nc", mark(b"two\n")).unwrap();
        let again = Positions::open(&path).unwrap();
        assert_eq!((again.of("stdin"), again.of("file:/a b\nc")), (mark(b"one\n"), mark(b"two\n")));
        assert_eq!(again.of("file:/d"), Mark::default());
        fs::write(&path, "DATA|a||1|2|3\n").unwrap();
        let error = Positions::open(&path).unwrap_err().to_string();
        assert!(error.contains("holds something else than positions"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "DATA|a||1|2|3\n");
        fs::write(&path, "version:2\n").unwrap();
        let error = Positions::open(&path).unwrap_err().to_string();
        assert!(error.contains("it is of version 2, and this program reads up to version 1"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "version:2\n");
        drop(temp);
        assert!(matches!(Positions::open(&path), Err(SensorError::Positions { .. })));
    }
}
