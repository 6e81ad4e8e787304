//! The log: lines on standard error, written by a thread of their own. A thread that logs does not wait for the reader,
//! and least of all for a disk that hangs: a heartbeat must not wait for a line.

#[cfg(test)]
mod captured;
mod events;
mod form;
mod overhear;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, Receiver, Sender};
use log::{Level, LevelFilter};

#[cfg(test)]
pub(crate) use captured::captured;
pub use events::EVENTS;
pub(crate) use form::written;
pub use form::{Form, Format};
pub use overhear::overhear;

/// Lines that may wait: some seconds of a busy log, and less than a MiB.
const LINES_MAX: usize = 4096;

/// How long a thread waits for room before its line is dropped and counted: enough for a reader that is only busy,
/// little enough for a heartbeat.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long the end of the process waits for the last lines.
const FAREWELL: Duration = Duration::from_millis(200);

/// What the writing thread is given.
enum Work {
    Line(Vec<u8>),
    /// Answer when everything before is written.
    Flush(Sender<()>),
}

static WRITER: OnceLock<Sender<Work>> = OnceLock::new();

/// How many lines were dropped and not yet reported.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Where `env_logger` puts its lines, each in one piece.
struct LinePipe(Sender<Work>);

impl Write for LinePipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.send_timeout(Work::Line(line.to_vec()), PATIENCE).is_err() {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the log. `RUST_LOG` wins over the level.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(level: LevelFilter, form: Form) -> io::Result<()> {
    let (writer, lines) = bounded(LINES_MAX);
    let of_writer = form.clone();
    thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines, &of_writer))?;
    // Started once, by `main`.
    let _ = WRITER.set(writer.clone());
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    builder.target(env_logger::Target::Pipe(Box::new(LinePipe(writer))));
    builder.format(move |out, record| {
        let thread = thread::current();
        out.write_all(form.of_record(record, thread.name().unwrap_or("?")).as_bytes())
    });
    overhear::install(builder.build());
    Ok(())
}

/// A text as one line that is harmless on a terminal: characters that control the terminal, or that end a line, are
/// written as `\x1b` or `\u{202e}`. So a log line can hold whatever others send.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        // A string takes whatever is written to it.
        let _ = match u32::from(c) {
            _ if !is_dangerous(c) => out.write_char(c),
            code @ ..=0xff => write!(out, "\\x{code:02x}"),
            code => write!(out, "\\u{{{code:x}}}"),
        };
    }
    Cow::Owned(out)
}

/// Control characters, line and paragraph separators, and characters that change the direction of writing.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Waits, within reason, until what was logged so far is written, before the process ends.
pub fn flush() {
    let Some(writer) = WRITER.get() else { return };
    let (written, wait) = bounded(1);
    if writer.send_timeout(Work::Flush(written), PATIENCE).is_ok() {
        // Lines that are not written by then have no reader.
        let _ = wait.recv_timeout(FAREWELL);
    }
}

/// Writes until the process ends. A reader that went away is no reason to end.
fn write(lines: &Receiver<Work>, form: &Form) {
    while let Ok(work) = lines.recv() {
        let mut out = io::stderr();
        match work {
            Work::Line(line) => {
                let _ = out.write_all(&line);
            }
            Work::Flush(written) => {
                let _ = written.try_send(());
            }
        }
        let count = DROPPED.swap(0, Ordering::Relaxed);
        if count > 0 {
            let text = format!("{count} lines of the log were dropped here: it was not read or written fast enough");
            let _ = out.write_all(form.plain(Level::Warn, "log_dropped", &text).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_a_cursor_or_end_a_line_is_written_out() {
        for (text, expected) in [
            ("3.9 °C, \u{1f321} and ünïcode", "3.9 °C, \u{1f321} and ünïcode"),
            ("\u{1b}[2Jx\r\n\t\0\u{7f}", "\\x1b[2Jx\\x0d\\x0a\\x09\\x00\\x7f"),
            ("\u{85}\u{9b}31m", "\\x85\\x9b31m"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            ("\u{202e}evil\u{2066}\u{200f}", "\\u{202e}evil\\u{2066}\\u{200f}"),
        ] {
            assert_eq!(escaped(text), expected);
            assert_eq!(escaped(expected), expected, "said once");
        }
        assert!((0..=0x9f_u8).map(char::from).all(|c| !escaped(&c.to_string()).contains(char::is_control)));
    }
}
