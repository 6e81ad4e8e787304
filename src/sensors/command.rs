//! A command whose standard output is lines of readings: `exec:COMMAND`. It is started again when it ends, ends with the peer,
//! and what it says on standard error goes into the log.
//!
//! | file | holds |
//! | --- | --- |
//! | `guard` | the process between the peer and the command, which ends the command when the peer is gone |
//! | `speech` | what the command says, line by line |

pub(super) mod guard;
mod speech;

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{poll, PollFd, PollFlags, Timespec};

use self::speech::Speech;
use super::lines::Input;
use crate::complaints::{Complaints, Subject};
use crate::descriptors;

/// Pauses before a command that ended is started again: the first, and the longest. Each is twice the one before.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A command that ran for this long works: when it ends, pauses begin with the first again.
const WORKS: Duration = Duration::from_secs(60);

/// One command is started at a time: for that moment it takes twice the descriptors.
static STARTS: Mutex<()> = Mutex::new(());

/// The name of the complaint.
const ENDED: &str = "command_ended";

/// A command that is run, again and again.
#[derive(Debug)]
pub struct Commanded {
    command: String,
    /// Time from one start to the next of a command that is to end each time; `None`: the command is to go on.
    interval: Option<Duration>,
    running: Option<Running>,
    /// When the command is started next.
    due: Instant,
    pause: Duration,
    speech: Speech,
    complaints: Arc<Complaints>,
}

/// One run.
#[derive(Debug)]
struct Running {
    guard: Child,
    /// While this is open, the guard lets the command live.
    life: ChildStdin,
    output: ChildStdout,
    errors: Option<ChildStderr>,
    since: Instant,
}

impl Commanded {
    #[must_use]
    pub fn new(command: &str, interval: Option<Duration>, complaints: Arc<Complaints>) -> Self {
        Self {
            command: command.to_owned(),
            interval,
            running: None,
            due: Instant::now(),
            pause: PAUSE_MIN,
            speech: Speech::new(&format!("exec:{command}")),
            complaints,
        }
    }

    fn start(&mut self) {
        thread::sleep(self.due.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        match run(&self.command) {
            Ok((guard, life, output, errors)) => {
                self.running = Some(Running { guard, life, output, errors: Some(errors), since: now });
            }
            Err(error) => self.fail(&format!("cannot be started: {error}"), now),
        }
    }

    /// The command has ended, with all that it started. Complains where it was to go on, or failed.
    fn end(&mut self, running: Running) {
        let Running { mut guard, life, errors, since, .. } = running;
        // All that the command said before its end can be read by now.
        if let Some(mut errors) = errors {
            while is_ready(&errors) && self.speech.hear(&mut errors).unwrap_or(false) {}
        }
        self.speech.end();
        drop(life);
        let status = guard.wait();
        if since.elapsed() >= WORKS {
            self.pause = PAUSE_MIN;
        }
        if self.interval.is_some() && status.as_ref().is_ok_and(ExitStatus::success) {
            self.due = self.next(since);
            self.complaints.over(&self.subject(), &[ENDED], &format!("{} ends as it should again", self.describe()));
        } else {
            self.fail(&format!("ended ({})", status.map_or_else(|error| error.to_string(), shown)), since);
        }
    }

    /// When the command is started next, after a start at this time.
    fn next(&self, since: Instant) -> Instant {
        since + self.interval.unwrap_or_default()
    }

    fn fail(&mut self, how: &str, since: Instant) {
        self.due = match self.interval {
            Some(_) => self.next(since),
            None => Instant::now() + self.pause,
        };
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        let wait = self.due.saturating_duration_since(Instant::now()).as_secs_f64();
        let last = self.speech.last().map_or_else(String::new, |last| format!("; it said last: '{last}'"));
        let text = format!("{} {how}, and is started again in {wait:.1} s{last}", self.describe());
        self.complaints.complain(self.subject(), ENDED, &text);
    }

    fn subject(&self) -> Subject {
        Subject::Own(self.describe())
    }
}

/// Starts a command, with this program as its guard.
fn run(command: &str) -> io::Result<(Child, ChildStdin, ChildStdout, ChildStderr)> {
    // The program that runs, even if its file has been replaced.
    let program = if cfg!(target_os = "linux") { "/proc/self/exe".into() } else { std::env::current_exe()? };
    let piped = Stdio::piped;
    // The guard is in a group of its own: Ctrl-C is for the peer, which ends the guard.
    let mut guard = Command::new(program);
    guard.arg(guard::WORD);
    if let Some(limit) = descriptors::limit_before() {
        guard.args([guard::OPEN_FILES, &limit.to_string()]);
    }
    guard.args(["--", command]).process_group(0);
    let mut guard = {
        let _alone = STARTS.lock().unwrap_or_else(PoisonError::into_inner);
        guard.stdin(piped()).stdout(piped()).stderr(piped()).spawn()?
    };
    let taken = "it is piped";
    let (life, output) = (guard.stdin.take().expect(taken), guard.stdout.take().expect(taken));
    let errors = guard.stderr.take().expect(taken);
    Ok((guard, life, output, errors))
}

/// Whether there is something to read, or the end.
fn is_ready(errors: &ChildStderr) -> bool {
    let immediately = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(errors, PollFlags::IN)], Some(&immediately)).is_ok_and(|ready| ready > 0)
}

fn shown(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => status.to_string(),
    }
}

impl Read for Commanded {
    /// Nothing, once, where the command has ended; then it waits for the next run.
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(running) = &mut self.running else {
                self.start();
                continue;
            };
            let (output, errors) = (&running.output, running.errors.as_ref());
            let mut fds = vec![PollFd::new(output, PollFlags::IN)];
            fds.extend(errors.map(|errors| PollFd::new(errors, PollFlags::IN)));
            poll(&mut fds, None)?;
            let [gives, says] = [0, 1].map(|at| fds.get(at).is_some_and(|fd| !fd.revents().is_empty()));
            if says {
                let errors = running.errors.as_mut().expect("it was asked");
                if !self.speech.hear(errors)? {
                    running.errors = None;
                }
            }
            if gives {
                let length = running.output.read(out)?;
                if length == 0 {
                    let running = self.running.take().expect("it was read");
                    self.end(running);
                }
                return Ok(length);
            }
        }
    }
}

impl Input for Commanded {
    fn is_over(&self) -> bool {
        false
    }

    fn close(&mut self) {
        // Its guard ends with its last descriptor.
        self.running = None;
    }

    fn describe(&self) -> String {
        format!("exec:{}", self.command)
    }
}
