//! The process between a peer and a command. It holds the reading end of a pipe whose other end the peer has. When the
//! peer is gone, however it ended, the pipe ends, and the guard ends the command with all that it started.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{poll, PollFd, PollFlags, Timespec};
use rustix::process::{kill_process_group, Pid, Signal};

use crate::descriptors;

/// The word that makes this program a guard.
pub(in crate::sensors) const WORD: &str = "guard";

/// The option before the number of files that the command may have open.
pub(in crate::sensors) const OPEN_FILES: &str = "--open-files";

/// How long a command that is asked to end has before it is killed.
const GRACE: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Runs a command until it ends, or until standard input does. Its exit status is the command's. `open_files`: how many
/// the command may have open, if the peer has raised that for itself.
///
/// # Errors
/// Where the command cannot be started or waited for.
pub fn guard(command: &str, open_files: Option<u64>) -> io::Result<u8> {
    open_files.map_or(Ok(()), descriptors::lower)?;
    let (mut exits, exited) = UnixStream::pair()?;
    exits.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal_hook::consts::SIGCHLD, exited)?;
    // The command and what it starts are a group, so that all of it can be ended.
    let mut child = Command::new("/bin/sh").args(["-c", command]).stdin(Stdio::null()).process_group(0).spawn()?;
    let group = Pid::from_child(&child);
    let stdin = io::stdin();
    let ended = loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(&exits, PollFlags::IN)];
        poll(&mut fds, None).or_else(again)?;
        let gone = !fds[0].revents().is_empty();
        if let Some(status) = ended(&mut child, &mut exits)? {
            break status;
        }
        if gone {
            end(&mut child, group, &mut exits)?;
            return Ok(1);
        }
    };
    // Whatever the command left running would go on, and nobody would end it.
    let _ = kill_process_group(group, Signal::KILL);
    Ok(ended.code().or_else(|| Some(128 + ended.signal()?)).and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// How the command ended, if it has. A signal says when to look.
fn ended(child: &mut Child, exits: &mut UnixStream) -> io::Result<Option<ExitStatus>> {
    while exits.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
    child.try_wait()
}

/// Ends the command: asks it to end, and kills what is left after a while.
fn end(child: &mut Child, group: Pid, exits: &mut UnixStream) -> io::Result<()> {
    let _ = kill_process_group(group, Signal::TERM);
    if ended(child, exits)?.is_none() {
        poll(&mut [PollFd::new(exits, PollFlags::IN)], Some(&GRACE)).or_else(again)?;
    }
    // The command may have ended while what it started goes on.
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().map(drop)
}

/// A signal interrupted the call; the caller looks at what has changed.
fn again(error: rustix::io::Errno) -> rustix::io::Result<usize> {
    if error == rustix::io::Errno::INTR {
        Ok(0)
    } else {
        Err(error)
    }
}
