//! Lines of a file that another program writes, or of a named pipe: `file:PATH`. A file is read from its beginning and
//! then as it grows, even if it is emptied, or replaced by another one of its name. If it cannot be read, it is opened
//! again. A pipe is read writer after writer.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::form;
use super::lines::Input;
use super::positions::{self, Mark, Resumed};
use crate::complaints::{Complaints, Subject};
use crate::identity;

/// How often a file is looked at that had nothing more to read: no call of std waits for that.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// The longest pause before a file is opened again that was there and could not be read: to find where it broke off, it is read
/// from its beginning.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The name of the complaint.
const ABSENT: &str = "file_absent";

/// A file that is followed.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    pause: Duration,
    open: Option<Open>,
    /// It was complained of.
    trouble: Option<Trouble>,
    complaints: Arc<Complaints>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// A pipe, say, whose end is that of a writer.
    ends: bool,
    /// Bytes read so far.
    position: u64,
}

/// Why no readings of a file come.
#[derive(Debug, Default)]
struct Trouble {
    /// How often in a row it was there and could not be read.
    failures: u32,
    /// At which byte that was. A disk gives what is before a broken place, again and again.
    position: u64,
}

impl Trouble {
    /// Whether it is over after a read of this length that ended here.
    fn is_over(&self, length: usize, position: u64) -> bool {
        length == 0 || position > self.position
    }

    /// How long to wait before the next try.
    fn pause(&self, first: Duration) -> Duration {
        first.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(PAUSE_MAX.max(first))
    }
}

impl Followed {
    /// `pause`: how often it is looked at, where that is said.
    #[must_use]
    pub fn new(path: &Path, pause: Option<Duration>, complaints: Arc<Complaints>) -> Self {
        Self { path: path.to_owned(), pause: pause.unwrap_or(LOOK_AGAIN), open: None, trouble: None, complaints }
    }

    /// The file, which is waited for, and so is the writer of a pipe.
    fn opened(&mut self) -> &mut Open {
        while self.open.is_none() {
            match Open::file(&self.path) {
                Ok(open) => self.open = Some(open),
                Err(error) => {
                    self.complain(&error);
                    thread::sleep(self.pause);
                }
            }
        }
        self.open.as_mut().expect("it has been opened")
    }

    /// Reads once. `None`: there is nothing more yet.
    fn look(&mut self, out: &mut [u8]) -> io::Result<Option<usize>> {
        self.opened();
        let open = self.open.as_mut().expect("it has been opened");
        // Asked before the read, which then gives all that was written to the old file.
        let replaced = !open.ends && open.is_replaced(&self.path);
        let length = open.file.read(out)?;
        open.position += length as u64;
        let ends = length == 0 && (open.ends || replaced);
        let emptied = length == 0 && !ends && open.is_emptied()?;
        let position = open.position;
        if self.trouble.take_if(|trouble| trouble.is_over(length, position)).is_some() {
            let name = self.describe();
            let text = format!("{name} can be read");
            self.complaints.over(&Subject::Own(name), &[ABSENT], &text);
        }
        if ends {
            self.open = None;
        }
        Ok((length > 0 || ends || emptied).then_some(length))
    }

    /// It was there, and cannot be read. An error of a disk or a network may pass, and another file may have the name by then.
    fn fail(&mut self, error: &io::Error) {
        let position = self.open.take().map_or(0, |open| open.position);
        let first = self.pause;
        let trouble = self.complain(error);
        (trouble.failures, trouble.position) = (trouble.failures.saturating_add(1), position);
        thread::sleep(trouble.pause(first));
    }

    fn complain(&mut self, error: &io::Error) -> &mut Trouble {
        let name = self.describe();
        let text = match error.kind() {
            ErrorKind::IsADirectory => format!("{name} is a directory; name a file"),
            _ => format!("{name} cannot be read: {error}; no readings of it until it can"),
        };
        self.complaints.complain(Subject::Own(name), ABSENT, &text);
        self.trouble.get_or_insert_default()
    }
}

impl Open {
    fn file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Ok(Self { file, ends: !found.is_file(), position: 0 })
    }

    /// Whether another file has the name by now. A file that lost its name may still be written to.
    fn is_replaced(&self, path: &Path) -> bool {
        let that = identity::under(path, fs::metadata(path));
        matches!((identity::of(&self.file), that), (Ok((this, _)), Ok((that, _))) if this != that)
    }

    /// Begins again where the file has become shorter than what was read of it.
    fn is_emptied(&mut self) -> io::Result<bool> {
        let emptied = self.file.metadata()?.len() < self.position;
        if emptied {
            self.file.rewind()?;
            self.position = 0;
        }
        Ok(emptied)
    }
}

impl Read for Followed {
    /// Nothing, once, where a writer has gone, or the file begins again; then it waits for more.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.look(out) {
                Ok(Some(length)) => return Ok(length),
                Ok(None) => thread::sleep(self.pause),
                Err(error) => {
                    if error.kind() != ErrorKind::Interrupted {
                        self.fail(&error);
                    }
                    return Err(error);
                }
            }
        }
    }
}

impl Input for Followed {
    fn is_over(&self) -> bool {
        false
    }

    fn close(&mut self) {
        self.open = None;
    }

    fn resume(&mut self, mark: Mark) -> io::Result<Option<Resumed>> {
        let open = self.opened();
        if open.ends {
            return Ok(None);
        }
        match positions::resume(&mut open.file, mark, form::LINE_BYTES_MAX) {
            Ok(resumed) => {
                open.position = resumed.mark.bytes;
                Ok(Some(resumed))
            }
            Err(error) => {
                self.fail(&error);
                Err(error)
            }
        }
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        format!("file:{}", self.path.display())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const PAUSE: Duration = Duration::from_millis(1);

    fn followed(path: &Path) -> Followed {
        Followed::new(path, Some(PAUSE), Arc::default())
    }

    /// What the next call gives, as text.
    fn next(followed: &mut Followed) -> String {
        let mut out = [0; 100];
        let length = followed.read(&mut out).unwrap();
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    /// The path of a file for a test, and the directory that it is in.
    fn scratch() -> (PathBuf, TempDir) {
        let temp = TempDir::new().unwrap();
        (temp.path().join("lines"), temp)
    }

    #[test]
    fn a_file_is_read_as_it_grows() {
        let (path, _temp) = &scratch();
        fs::write(path, "one\ntw").unwrap();
        let mut followed = followed(path);
        assert_eq!(next(&mut followed), "one\ntw");
        fs::OpenOptions::new()
            .append(true)
            .open(path)
            .and_then(|mut file| io::Write::write_all(&mut file, b"o\n"))
            .unwrap();
        assert_eq!(next(&mut followed), "o\n");
        assert!(!followed.is_over());
    }

    #[test]
    fn a_file_that_is_replaced_is_read_to_its_end_and_then_the_new_one() {
        let (path, _temp) = &scratch();
        fs::write(path, "one\n").unwrap();
        let mut followed = followed(path);
        assert_eq!(next(&mut followed), "one\n");
        let mut old = fs::OpenOptions::new().append(true).open(path).unwrap();
        fs::rename(path, path.with_extension("1")).unwrap();
        fs::write(path, "three\n").unwrap();
        io::Write::write_all(&mut old, b"two\n").unwrap();
        assert_eq!([next(&mut followed), next(&mut followed), next(&mut followed)], ["two\n", "", "three\n"]);
    }

    #[test]
    fn a_file_that_is_emptied_is_read_from_its_beginning() {
        let (path, _temp) = &scratch();
        fs::write(path, "one and more\n").unwrap();
        let mut followed = followed(path);
        assert_eq!(next(&mut followed), "one and more\n");
        fs::write(path, "two\n").unwrap();
        assert_eq!([next(&mut followed), next(&mut followed)], ["", "two\n"]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_cannot_be_read_is_told_of_and_opened_again() {
        let (path, _temp) = &scratch();
        // Nothing is at the beginning of the memory of a process.
        std::os::unix::fs::symlink("/proc/self/mem", path).unwrap();
        let mut followed = followed(path);
        for read in [followed.read(&mut [0; 10]), followed.read(&mut [0; 10])] {
            assert_ne!(read.unwrap_err().kind(), ErrorKind::Interrupted);
        }
        let mark = Mark { bytes: 4, sum: crc32fast::hash(b"one\n") };
        assert!(followed.resume(mark).is_err(), "it is unknown what the file begins with");
        assert_eq!(followed.trouble.as_ref().map(|trouble| trouble.failures), Some(3));
        assert!(followed.comes_back());
        fs::remove_file(path).unwrap();
        fs::write(path, "one\ntwo\n").unwrap();
        assert_eq!(followed.resume(mark).unwrap().map(|resumed| resumed.mark), Some(mark));
        assert!(followed.trouble.is_some(), "it was read only to where it was read before");
        assert_eq!(next(&mut followed), "two\n");
        assert!(followed.trouble.is_none());
        let heard: Vec<_> = followed.complaints.heard().into_iter().map(|(_, kind, _)| kind.event).collect();
        assert_eq!(heard, [ABSENT; 3]);
    }

    #[test]
    fn a_trouble_is_over_past_the_broken_place_and_is_looked_at_ever_less_often() {
        let mut trouble = Trouble { failures: 1, position: 100 };
        assert_eq!(
            [(10, 100), (10, 101), (0, 50)].map(|(length, at)| trouble.is_over(length, at)),
            [false, true, true]
        );
        let second = Duration::from_secs(1);
        let pauses = [1, 2, 3, 7, u32::MAX].map(|failures| {
            trouble.failures = failures;
            trouble.pause(second)
        });
        assert_eq!(pauses, [1, 2, 4, 60, 60].map(Duration::from_secs));
        assert_eq!(trouble.pause(100 * second), 100 * second);
    }
}
