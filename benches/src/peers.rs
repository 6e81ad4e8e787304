//! Processes to measure, and what the system says about them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::yardstick;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(180);

/// The key of a closed group, in its directory.
const KEY_FILE: &str = "key";

/// What all groups of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Lab {
    /// The program.
    pub(crate) peer: PathBuf,
    /// Whether groups are closed ones.
    pub(crate) is_closed: bool,
    /// The directory that peers write to. It holds nothing else.
    pub(crate) directory: PathBuf,
}

pub(crate) struct Group {
    pub(crate) processes: Vec<Process>,
    lab: Lab,
    port: String,
}

impl Group {
    /// Starts peers with these options beside the defaults, and waits until they are one group.
    pub(crate) fn start(lab: &Lab, count: usize, sensor: &str, options: &[&str]) -> Self {
        let Lab { directory, is_closed, .. } = lab;
        // It may be left over from an earlier run.
        let _ = fs::remove_dir_all(directory);
        fs::create_dir_all(directory).expect("a directory to work in");
        if *is_closed {
            peer::keys::file::create(&directory.join(KEY_FILE)).expect("a new file");
        }
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("loopback");
        let port = socket.local_addr().expect("bound").port().to_string();
        drop(socket);
        let with = [&["--sensor", sensor], options].concat();
        let processes = (1..=count).map(|number| Process::start(lab, number, &with, &port)).collect();
        let group = Self { processes, lab: lab.clone(), port };
        group.wait_for_all(&BTreeMap::new());
        group
    }

    /// How many lines each process has written.
    pub(crate) fn lines_so_far(&self) -> BTreeMap<u32, usize> {
        self.processes.iter().map(|process| (process.child.id(), process.lines_so_far())).collect()
    }

    /// Waits until each process says, after these lines, that all of them are in its view.
    pub(crate) fn wait_for_all(&self, seen: &BTreeMap<u32, usize>) {
        for process in &self.processes {
            let after = seen.get(&process.child.id()).copied().unwrap_or(0);
            process.wait_for_view(self.processes.len(), after);
        }
    }

    /// Starts the peer of this number, without a source.
    pub(crate) fn start_peer(&self, number: usize, options: &[&str]) -> Process {
        Process::start(&self.lab, number, &[&["--sensor", "none"], options].concat(), &self.port)
    }

    /// A process that does not lead, by its place.
    pub(crate) fn a_member(&self) -> usize {
        self.processes.iter().position(|process| !process.leads()).expect("only one leads")
    }

    /// The process that leads, by its place.
    pub(crate) fn leader(&self) -> usize {
        self.processes.iter().position(Process::leads).expect("one leads")
    }

    /// Waits until each peer's file of this sensor ends with the row of this reading.
    pub(crate) fn wait_for_row(&self, sensor: &str, number: u64) {
        let begun = Instant::now();
        let end = format!(",{sensor},{number},59.37,1012.0\n");
        for process in &self.processes {
            let path = process.data.join(format!("{sensor}.csv"));
            while !ends_with(&path, end.as_bytes()) {
                assert!(begun.elapsed() < PATIENCE, "a row is missing: see {}", self.lab.directory.display());
                thread::park_timeout(Duration::from_micros(20));
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.processes.clear();
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.lab.directory);
        }
    }
}

/// How many members a view has, if the line has one.
fn members_of(line: &str) -> Option<usize> {
    let (_, list) = line.split_once(": View ")?.1.split_once(": [")?;
    Some(list.split(", ").count())
}

fn ends_with(path: &PathBuf, end: &[u8]) -> bool {
    use std::io::{Read, Seek, SeekFrom};
    let Ok(mut file) = fs::File::open(path) else { return false };
    let mut tail = vec![0; end.len()];
    let back = i64::try_from(end.len()).expect("a short row");
    file.seek(SeekFrom::End(-back)).is_ok() && file.read_exact(&mut tail).is_ok() && tail == end
}

pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    data: PathBuf,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Process {
    fn start(lab: &Lab, number: usize, options: &[&str], broadcast_port: &str) -> Self {
        let id = format!("peer{number}");
        let mut child = Command::new(&lab.peer)
            .current_dir(&lab.directory)
            .env_clear()
            .args(["--peer-id", &id, "--bind", "127.0.0.1", "--broadcast-port", broadcast_port])
            .args(if lab.is_closed { &["--key-file", KEY_FILE][..] } else { &[] })
            .args(options)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let log = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (stderr, written) = (child.stderr.take().expect("piped"), Arc::clone(&log));
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.0.lock().expect("no panic").push(line);
                written.1.notify_all();
            }
        });
        Self { input: child.stdin.take(), child, data: lab.directory.join("data").join(id), log }
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits for a view of this many members, and for the next line, which says whether this peer leads them.
    pub(crate) fn wait_for_view(&self, members: usize, after: usize) {
        self.wait_until("view of all", |lines| {
            let lines = &lines[after..];
            let at = lines.iter().rposition(|line| members_of(line) == Some(members));
            at.is_some_and(|at| lines[at..].iter().any(|line| line.contains("Is Group Leader:")))
        });
    }

    fn lines_so_far(&self) -> usize {
        self.log.0.lock().expect("no panic").len()
    }

    fn wait_until(&self, what: &str, passes: impl Fn(&[String]) -> bool) {
        let begun = Instant::now();
        let mut lines = self.log.0.lock().expect("no panic");
        while !passes(&lines) {
            assert!(begun.elapsed() < PATIENCE, "no {what}; log:\n{}", lines.join("\n"));
            lines = self.log.1.wait_timeout(lines, Duration::from_secs(1)).expect("no panic").0;
        }
    }

    pub(crate) fn leads(&self) -> bool {
        let lines = self.log.0.lock().expect("no panic");
        lines.iter().rev().find(|line| line.contains("Is Group Leader:")).is_some_and(|line| line.ends_with("True"))
    }

    /// Connections that follow it over HTTP, and of which nothing is read.
    pub(crate) fn deaf_streams(&self, count: usize) -> Vec<TcpStream> {
        let address = {
            let lines = self.log.0.lock().expect("no panic");
            let line = lines.iter().find_map(|line| line.split_once("http://")).expect("it said where its page is");
            line.1.split(['/', ' ']).next().expect("the first of all").to_owned()
        };
        let ask = |_| {
            let mut stream = TcpStream::connect(&address).expect("it listens");
            stream.write_all(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it reads");
            stream
        };
        (0..count).map(ask).collect()
    }

    pub(crate) fn take_input(&mut self) -> ChildStdin {
        self.input.take().expect("taken once")
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
    }

    /// Bytes of all its CSV files.
    pub(crate) fn csv_bytes(&self) -> u64 {
        yardstick::csv_bytes(&self.data)
    }

    /// A number of `/proc/<pid>/status`, in KiB where it is a size.
    pub(crate) fn status_kib(&self, key: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// How often its threads have waited and were woken so far.
    pub(crate) fn wakeups(&self) -> u64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        let of = |path: PathBuf| -> Option<u64> {
            let status = fs::read_to_string(path.join("status")).ok()?;
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line?.trim().parse().ok()
        };
        tasks.filter_map(|task| of(task.path())).sum()
    }

    /// Stops it for good, without ending it.
    pub(crate) fn stop(&self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::STOP).expect("it runs");
    }

    /// The end of its file of this sensor, read again and again.
    pub(crate) fn csv(&self, sensor: &str) -> PathBuf {
        self.data.join(format!("{sensor}.csv"))
    }

    /// Time on a processor so far, in user and system mode, of all its threads.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id())).into_iter().flatten().flatten();
        // Nanoseconds on the processor come first.
        let nanos = |path: PathBuf| -> Option<f64> {
            fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
        };
        tasks.filter_map(|task| nanos(task.path())).sum::<f64>() / 1e9
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that was killed already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
