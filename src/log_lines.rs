//! The log: lines on standard error, written by a thread of their own. Who says something does not wait for whoever reads it,
//! and least of all for a disk that stands still: a heartbeat must not wait for a line.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, Receiver, Sender};
use log::LevelFilter;

/// Lines that may wait: some seconds of a busy log, and less than a MiB.
const LINES_MAX: usize = 4096;

/// Where there is no room, who says something waits so long for it, and then its line is dropped and counted. Enough for a
/// reader that is only busy, little enough for a heartbeat.
const PATIENCE: Duration = Duration::from_millis(20);

/// How long the end of the process waits for what was said last.
const FAREWELL: Duration = Duration::from_millis(200);

/// What the writing thread is given.
enum Work {
    Line(Vec<u8>),
    /// Answer when everything before is written.
    Flush(Sender<()>),
}

static WRITER: OnceLock<Sender<Work>> = OnceLock::new();

/// Lines that were dropped, and not yet told of.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Where `env_logger` puts its lines, each in one piece.
struct Lines(Sender<Work>);

impl Write for Lines {
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

/// Starts the log: time in UTC with milliseconds, level, thread, text. `RUST_LOG` wins over the level.
///
/// # Errors
/// Where the system gives no thread.
pub fn start(level: LevelFilter) -> io::Result<()> {
    let (writer, lines) = bounded(LINES_MAX);
    thread::Builder::new().name("log".to_owned()).spawn(move || write(&lines))?;
    // Started once, by `main`.
    let _ = WRITER.set(writer.clone());
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level).parse_default_env();
    builder.target(env_logger::Target::Pipe(Box::new(Lines(writer))));
    builder.format(|out, record| {
        let thread = thread::current();
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        writeln!(out, "{time} {:<5} {}: {}", record.level(), thread.name().unwrap_or("?"), record.args())
    });
    builder.init();
    Ok(())
}

/// Waits, within reason, until what was said so far is written: before the process ends.
pub fn flush() {
    let Some(writer) = WRITER.get() else { return };
    let (written, wait) = bounded(1);
    if writer.send_timeout(Work::Flush(written), PATIENCE).is_ok() {
        // What is not written by then has no reader.
        let _ = wait.recv_timeout(FAREWELL);
    }
}

/// Writes until the process ends. A reader that went away is no reason to end.
fn write(lines: &Receiver<Work>) {
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
            let _ =
                writeln!(out, "({count} lines of the log were dropped here: it was not read or written fast enough)");
        }
    }
}
