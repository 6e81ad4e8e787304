//! A pause that a signal ends: SIGINT, SIGTERM, or SIGHUP as of a terminal that is closed.

use std::io;
use std::time::Duration;

/// How long a reader has to take what is written before the process ends without it.
#[cfg(unix)]
const GRACE: Duration = Duration::from_millis(500);

/// Returns a function that waits for a time, and returns `true` once this process was told to end. If the process is
/// then not done within half a second, since nobody takes what it writes, it is ended here.
///
/// # Errors
/// Where signals cannot be heard.
#[cfg(unix)]
pub fn pause() -> io::Result<impl Fn(Duration) -> bool> {
    use std::{process, thread};

    use crossbeam_channel::{bounded, RecvTimeoutError};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (told, asked) = bounded::<()>(0);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            drop(told);
            thread::sleep(GRACE);
            process::exit(0);
        }
    })?;
    Ok(move |time| asked.recv_timeout(time) == Err(RecvTimeoutError::Disconnected))
}

/// Elsewhere the system ends the process.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn pause() -> io::Result<impl Fn(Duration) -> bool> {
    Ok(|time| {
        std::thread::sleep(time);
        false
    })
}
