//! Lines of a file that another program writes, or of a named pipe: `file:PATH`. A file is read from its beginning and then as
//! it grows, also where it is emptied, or replaced by another one of its name. A pipe is read writer after writer.

use std::fs::{self, File};
use std::io::{self, Read, Seek};
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

/// The name of the complaint.
const ABSENT: &str = "file_absent";

/// A file that is followed.
#[derive(Debug)]
pub struct Followed {
    path: PathBuf,
    pause: Duration,
    open: Option<Open>,
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

impl Followed {
    /// `pause`: how often it is looked at, where that is said.
    #[must_use]
    pub fn new(path: &Path, pause: Option<Duration>, complaints: Arc<Complaints>) -> Self {
        Self { path: path.to_owned(), pause: pause.unwrap_or(LOOK_AGAIN), open: None, complaints }
    }

    /// The file, which is waited for, and so is the writer of a pipe.
    fn opened(&mut self) -> &mut Open {
        while self.open.is_none() {
            self.open();
            if self.open.is_none() {
                thread::sleep(self.pause);
            }
        }
        self.open.as_mut().expect("it has been opened")
    }

    /// Opens the file. Complains where it is not there yet.
    fn open(&mut self) {
        let opened = File::open(&self.path).and_then(|file| Ok((file.metadata()?, file)));
        let subject = Subject::Own(self.describe());
        match opened {
            Ok((found, _)) if found.is_dir() => {
                self.complaints.complain(subject, ABSENT, &format!("{} is a directory; name a file", self.describe()));
            }
            Ok((found, file)) => {
                self.complaints.over(&subject, &[ABSENT], &format!("{} can be read", self.describe()));
                self.open = Some(Open { file, ends: !found.is_file(), position: 0 });
            }
            Err(error) => {
                let text = format!("{} cannot be read: {error}; no readings of it until it can", self.describe());
                self.complaints.complain(subject, ABSENT, &text);
            }
        }
    }
}

impl Open {
    /// Does another file have the name by now? A file that lost its name may still be written to.
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
            self.opened();
            let open = self.open.as_mut().expect("it has been opened");
            // Asked before the read, which then gives all that was written to the old file.
            let replaced = !open.ends && open.is_replaced(&self.path);
            let length = open.file.read(out)?;
            open.position += length as u64;
            if length > 0 {
                return Ok(length);
            }
            if open.ends || replaced {
                self.open = None;
                return Ok(0);
            }
            if open.is_emptied()? {
                return Ok(0);
            }
            thread::sleep(self.pause);
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

    fn resume(&mut self, mark: Mark) -> Option<Resumed> {
        let open = self.opened();
        if open.ends {
            return None;
        }
        let resumed = positions::resume(&mut open.file, mark, form::LINE_BYTES_MAX).ok()?;
        open.position = resumed.mark.bytes;
        Some(resumed)
    }

    fn describe(&self) -> String {
        format!("file:{}", self.path.display())
    }
}

#[cfg(all(test, unix))]
mod tests {
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

    /// The path of a file for a test, in a directory that is gone with it.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("peer-file-{name}-{}", std::process::id()));
            fs::create_dir_all(&directory).unwrap();
            Self(directory.join("lines"))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            // What is left in the temporary directory does no harm.
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }

    #[test]
    fn a_file_is_read_as_it_grows() {
        let Scratch(path) = &Scratch::new("grows");
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
        let Scratch(path) = &Scratch::new("replaced");
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
        let Scratch(path) = &Scratch::new("emptied");
        fs::write(path, "one and more\n").unwrap();
        let mut followed = followed(path);
        assert_eq!(next(&mut followed), "one and more\n");
        fs::write(path, "two\n").unwrap();
        assert_eq!([next(&mut followed), next(&mut followed)], ["", "two\n"]);
    }
}
