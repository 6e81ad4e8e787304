//! Reading on: after a restart, and where what was read broke off.

use std::io;

use super::{Input, LineSource, Supply, BYTE_ORDER_MARK};
use crate::sensors::positions::{Follow, Mark, Resumed};

impl<R: Input> LineSource<R> {
    /// Goes on after what was read before, where that is kept, and follows what is read.
    #[must_use]
    pub(in crate::sensors) fn once(mut self, from: Option<Mark>) -> Self {
        self.once = from.is_some();
        self.follow = from.or_else(|| self.reader.comes_back().then(Mark::default)).map(Follow::new);
        self
    }

    /// Opens what is read next, and moves to where it was read before.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        let Some(follow) = self.follow.as_mut().filter(|follow| !follow.opened) else { return Ok(()) };
        let Some(Resumed { mark, lines, first }) = self.reader.resume(follow.from)? else {
            if self.once {
                log::warn!(
                    event = "not_once";
                    "{} is no file, and cannot be read on where it was: --once does nothing for it", self.reader.title()
                );
            }
            self.follow = None;
            return Ok(());
        };
        follow.begin(mark);
        if mark.bytes > 0 {
            self.first = false;
            if self.line == 0 {
                self.line = lines;
                log::info!(
                    event = "reads_on", line = lines;
                    "{} is read on after line {lines}, where it was read to", self.reader.title()
                );
            }
            if let Some(converter) = &mut self.converter {
                converter.begin();
                // It may be a header. If it is a reading, it was taken before.
                let _ = converter.convert(first.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&first));
            }
        }
        Ok(())
    }

    /// It cannot be read for now: a line that was begun is read again, if reading can go on there. Returns what there
    /// is.
    pub(super) fn break_off(&mut self) -> (Supply, usize) {
        let Some(follow) = &mut self.follow else { return (Supply::Rests, self.end) };
        follow.break_off();
        self.skipping = false;
        (Supply::Rests, self.start)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read};
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::sensors::{positions, Clock, Source, Taken};

    const A: &str = "DATA|a|2013-01-01T06:00:00Z|3.90|59.37|1012.0\n";
    const B: &str = "DATA|b|2013-01-01T07:00:00+01:00|1e1||\n";

    /// A file that fails at some places, each once.
    struct Shaky {
        file: io::Cursor<Vec<u8>>,
        /// Places, from the last to the first.
        faults: Vec<u64>,
        /// What has its name after the last fault.
        other: Option<Vec<u8>>,
    }

    impl Read for Shaky {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let left = self.faults.last().map_or(u64::MAX, |fault| fault - self.file.position());
            if left == 0 {
                self.faults.pop();
                if let Some(other) = self.other.take_if(|_| self.faults.is_empty()) {
                    self.file = io::Cursor::new(other);
                }
                return Err(ErrorKind::Other.into());
            }
            Read::by_ref(&mut self.file).take(left).read(out)
        }
    }

    impl io::Seek for Shaky {
        fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    impl Input for Shaky {
        fn is_over(&self) -> bool {
            self.faults.is_empty()
        }

        fn close(&mut self) {}

        fn resume(&mut self, mark: Mark) -> io::Result<Option<Resumed>> {
            self.file.set_position(0);
            positions::resume(self, mark, 10).map(Some)
        }

        fn comes_back(&self) -> bool {
            true
        }

        fn describe(&self) -> String {
            "file:lines".to_owned()
        }
    }

    /// What a source gives of these, with and without `--once`, and what it refuses.
    fn given(file: &[u8], faults: &[u64], other: Option<&[u8]>, from: Option<Mark>) -> (Vec<String>, u64) {
        let faults = faults.iter().rev().copied().collect();
        let shaky = Shaky { file: io::Cursor::new(file.to_vec()), faults, other: other.map(<[u8]>::to_vec) };
        let mut source = LineSource::new(shaky, Clock::new(Timestamp::now), Arc::default()).once(from);
        let mut all = Vec::new();
        loop {
            match source.take(10) {
                Taken::Readings(lines) => {
                    all.extend(lines.iter().map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())));
                }
                Taken::Nothing | Taken::Again => unreachable!("there is room"),
                Taken::End => return (all, source.refused),
            }
        }
    }

    #[test]
    fn a_file_that_breaks_off_goes_on_after_its_last_line() {
        let (file, one) = ([A, B, A].concat().into_bytes(), A.len() as u64);
        let mark = Mark { bytes: one, sum: crc32fast::hash(&file[..A.len()]) };
        // In a line, after one, within what was read before, and at the beginning.
        for faults in [&[][..], &[one + 5], &[one], &[one + 5, 3, 4, 2 * one], &[0]] {
            let all = [A, B, A].map(str::to_owned).to_vec();
            assert_eq!(given(&file, faults, None, None), (all.clone(), 0), "{faults:?}");
            assert_eq!(given(&file, faults, None, Some(Mark::default())), (all.clone(), 0), "{faults:?}");
            assert_eq!(given(&file, faults, None, Some(mark)), (all[1..].to_vec(), 0), "{faults:?}");
        }
    }

    #[test]
    fn another_file_after_it_broke_off_is_read_from_its_beginning() {
        let (file, one) = ([A, B].concat().into_bytes(), A.len() as u64);
        for from in [None, Some(Mark::default())] {
            assert_eq!(given(&file, &[one + 5], Some(B.as_bytes()), from), ([A, B].map(str::to_owned).to_vec(), 0));
            assert_eq!(given(&file, &[one + 5], Some(b"x\n"), from), (vec![A.to_owned()], 1));
        }
    }
}
