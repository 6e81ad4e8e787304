//! Descriptor 0 of this process: when what it gives is over, and that its later writers notice that nobody reads.
//!
//! The end of a file, of a terminal's input or of an anonymous pipe is the end. A named pipe (`mkfifo`) ends each time that
//! its last writer closes it, and goes on with the next one: it is over once it has no name any more either.

use std::io::{self, ErrorKind, Read};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use super::form;
use super::lines::Input;
use super::positions::{Mark, Resumed};

/// How often a named pipe without a writer is asked for the next one: no system tells when it comes. One that somebody
/// else has told not to block is asked as often.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The standard input of this process.
#[derive(Debug)]
pub struct StandardInput {
    stdin: io::Stdin,
    named_pipe: bool,
    /// It gave nothing, and its reader knows that.
    idle: bool,
    over: bool,
}

impl StandardInput {
    #[must_use]
    pub fn open() -> Self {
        let stdin = io::stdin();
        Self { named_pipe: system::is_named_pipe(&stdin), stdin, idle: false, over: false }
    }
}

impl Read for StandardInput {
    /// Nothing, once, after the last writer of a named pipe has gone; then it waits for the next.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            // Asked before the read: what was written until the name was removed is still read.
            let last = !(self.named_pipe && system::has_name(&self.stdin));
            match self.stdin.read(out) {
                Ok(0) if self.idle && !last => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => {
                    self.idle = matches!(read, Ok(0));
                    self.over = self.idle && last;
                    return read;
                }
            }
            thread::sleep(ASK_AGAIN);
        }
    }
}

impl Input for StandardInput {
    fn is_over(&self) -> bool {
        self.over
    }

    fn close(&mut self) {
        if let Err(error) = system::close() {
            log::warn!(event = "input_not_closed"; "Standard input has ended and cannot be closed, who writes to it will not notice: {error}");
        }
    }

    fn resume(&mut self, mark: Mark) -> io::Result<Option<Resumed>> {
        system::resume(&self.stdin, mark)
    }

    fn describe(&self) -> String {
        "stdin".to_owned()
    }

    fn name(&self) -> String {
        "standard input".to_owned()
    }

    fn title(&self) -> String {
        "Standard input".to_owned()
    }
}

#[cfg(unix)]
mod system {
    use std::fs::File;
    use std::io;
    use std::os::fd::AsFd;

    use rustix::fs::{fstat, FileType};

    use super::{form, Mark, Resumed};
    use crate::sensors::positions;

    /// Anonymous pipes are in no directory, but all together on a device of their own.
    pub(super) fn is_named_pipe(stdin: &io::Stdin) -> bool {
        let is_named = || {
            let found = fstat(stdin)?;
            let (anonymous, _) = rustix::pipe::pipe()?;
            rustix::io::Result::Ok(
                FileType::from_raw_mode(found.st_mode).is_fifo() && found.st_dev != fstat(&anonymous)?.st_dev,
            )
        };
        is_named().unwrap_or(false)
    }

    /// Goes on in a file. Nothing of it is in a buffer yet: it has one place, however it is read.
    pub(super) fn resume(stdin: &io::Stdin, mark: Mark) -> io::Result<Option<Resumed>> {
        let mut file = File::from(stdin.as_fd().try_clone_to_owned()?);
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        positions::resume(&mut file, mark, form::LINE_BYTES_MAX).map(Some)
    }

    /// Whether another writer can open it.
    pub(super) fn has_name(stdin: &io::Stdin) -> bool {
        fstat(stdin).is_ok_and(|found| found.st_nlink > 0)
    }

    /// The number stays taken, so that nothing else that is opened gets it.
    pub(super) fn close() -> io::Result<()> {
        Ok(rustix::stdio::dup2_stdin(File::open("/dev/null")?)?)
    }
}

#[cfg(not(unix))]
mod system {
    use std::io;

    pub(super) fn is_named_pipe(_: &io::Stdin) -> bool {
        false
    }

    pub(super) fn has_name(_: &io::Stdin) -> bool {
        false
    }

    #[expect(clippy::unnecessary_wraps, reason = "on other systems it may fail")]
    pub(super) fn resume(_: &io::Stdin, _: super::Mark) -> io::Result<Option<super::Resumed>> {
        Ok(None)
    }

    pub(super) fn close() -> io::Result<()> {
        Ok(())
    }
}
