//! Real peer processes on loopback, and what they log, line by line, as it comes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that is waited for takes so long unless it is broken; a slow machine may take a good part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Peers that find each other and nobody else, in a directory of their own.
pub(crate) struct Group {
    pub(crate) directory: PathBuf,
    pub(crate) broadcast_port: u16,
}

static GROUPS: AtomicU32 = AtomicU32::new(0);

impl Group {
    pub(crate) fn new() -> Self {
        let number = GROUPS.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("peer-cluster-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).expect("a directory for the test");
        Self { directory, broadcast_port: free_port() }
    }

    /// Starts a peer with short timeouts that makes no readings by itself.
    pub(crate) fn start(&self, id: &str) -> Peer {
        self.start_with(id, &["--sensor", "none"])
    }

    /// Starts a peer that reads readings from its standard input.
    pub(crate) fn start_fed(&self, id: &str) -> Peer {
        self.start_with(id, &["--sensor", "stdin"])
    }

    pub(crate) fn start_with(&self, id: &str, options: &[&str]) -> Peer {
        let mut command = self.command(id);
        command.args(options);
        Peer::start(id, command, self.directory.join("data").join(id))
    }

    /// A peer's command line, for tests that want another.
    pub(crate) fn command(&self, id: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
        command
            .current_dir(&self.directory)
            .env_clear()
            .args(["--peer-id", id, "--bind", "127.0.0.1"])
            .args(["--broadcast-port", &self.broadcast_port.to_string()])
            .args(["--heartbeat-interval", "500ms", "--heartbeat-timeout", "2s", "--election-timeout", "500ms"]);
        command
    }

    /// Starts these one after the other, so that the first leads, and waits until they are one group.
    pub(crate) fn start_all(&self, ids: &[&str]) -> Vec<Peer> {
        let mut peers: Vec<Peer> = Vec::new();
        for id in ids {
            peers.push(self.start_fed(id));
            let mut view = ids[..peers.len()].to_vec();
            view.sort_unstable();
            for peer in &peers {
                peer.wait_for_view(&view);
            }
        }
        peers
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !thread::panicking() {
            // What is left over lies in the system's temporary directory.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

/// A UDP port that is free now.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback");
    socket.local_addr().expect("bound").port()
}

/// One process. It is killed when dropped.
pub(crate) struct Peer {
    pub(crate) id: String,
    child: Child,
    input: Option<ChildStdin>,
    log: Arc<Log>,
    data: PathBuf,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Peer {
    pub(crate) fn start(id: &str, mut command: Command, data: PathBuf) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let stderr = child.stderr.take().expect("piped");
        let log = Arc::new(Log::default());
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.lines.lock().expect("no panic").push(line);
                written.more.notify_all();
            }
        });
        Self { id: id.to_owned(), input: child.stdin.take(), child, log, data }
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines.lock().expect("no panic").clone()
    }

    pub(crate) fn said(&self, text: &str) -> bool {
        self.log().iter().any(|line| line.contains(text))
    }

    /// Waits until the log says something that passes.
    pub(crate) fn wait_until(&self, what: &str, passes: impl Fn(&[String]) -> bool) {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().expect("no panic");
        while !passes(&lines) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}: {what} did not come; log:\n{}", self.id, lines.join("\n"));
            lines = self.log.more.wait_timeout(lines, left).expect("no panic").0;
        }
    }

    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |lines| lines.iter().any(|line| line.contains(text)));
    }

    /// Waits until the last view has these members.
    pub(crate) fn wait_for_view(&self, members: &[&str]) {
        let list = format!(": [{}]", members.join(", "));
        self.wait_until(&list, |lines| {
            let view = lines.iter().rev().find(|line| line.contains(": View "));
            view.is_some_and(|view| view.ends_with(&list))
        });
        self.wait_until("Is Group Leader", |lines| {
            lines
                .iter()
                .rev()
                .find(|line| line.contains("Is Group Leader") || line.contains(": View "))
                .is_some_and(|line| line.contains("Is Group Leader"))
        });
    }

    /// Does the last view say that this peer leads?
    pub(crate) fn leads(&self) -> bool {
        let log = self.log();
        log.iter().rev().find(|line| line.contains("Is Group Leader:")).is_some_and(|line| line.ends_with("True"))
    }

    /// The TCP address that it listens on.
    pub(crate) fn address(&self) -> String {
        self.wait_for("Listening on ");
        let log = self.log();
        let line = log.iter().find_map(|line| line.split_once("Listening on "));
        line.expect("just seen").1.to_owned()
    }

    /// Writes lines to its standard input.
    pub(crate) fn feed(&mut self, lines: &str) {
        let input = self.input.as_mut().expect("the input is open");
        input.write_all(lines.as_bytes()).expect("it reads");
    }

    /// Readings `from..to` of a sensor of this peer's, as lines of input.
    pub(crate) fn feed_numbered(&mut self, from: u64, to: u64) {
        let id = self.id.clone();
        let line = |n: u64| format!("DATA|{id}|2013-01-01T06:00:00Z|{n}|50.5|\n");
        let lines: Vec<String> = (from..to).map(line).collect();
        self.feed(&lines.concat());
    }

    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill is there");
        assert!(status.success(), "kill {signal}");
    }

    /// `kill -9`, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it is a child");
    }

    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it is a child");
        // The log's last lines are on their way through the pipe.
        self.wait_until("the end of the log", |lines| !lines.is_empty());
        status
    }

    /// Waits until rows up to this sequence stand in its files, as its debug log tells.
    pub(crate) fn wait_for_rows(&self, count: usize) {
        let until = Instant::now() + PATIENCE;
        while self.rows().len() < count {
            assert!(
                Instant::now() < until,
                "{} has {} of {count} rows; log:\n{}",
                self.id,
                self.rows().len(),
                self.log().join("\n")
            );
            // Files tell nobody that they grew.
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Its CSV files by name, each checked to be one.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let Ok(entries) = fs::read_dir(&self.data) else { return BTreeMap::new() };
        let mut files = BTreeMap::new();
        for path in entries.map(|entry| entry.expect("readable").path()).filter(|path| is_csv(path)) {
            let text = fs::read_to_string(&path).expect("text");
            if text.is_empty() {
                // Made, and not yet written.
                continue;
            }
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            assert!(text.starts_with(peer::reading::CSV_HEADER), "{name} begins with {:?}", text.lines().next());
            files.insert(name, text);
        }
        files
    }

    /// Sequence and the rest of each row over all files, in order.
    pub(crate) fn rows(&self) -> BTreeMap<u64, String> {
        let mut rows = BTreeMap::new();
        for (name, text) in self.files() {
            // A row that is just being written has no LF.
            for line in text.lines().skip(1).take(text.matches('\n').count() - 1) {
                let (sequence, rest) = line.split_once(',').expect("a row");
                let sequence = sequence.parse().expect("a sequence");
                assert!(rows.insert(sequence, rest.to_owned()).is_none(), "{}: #{sequence} twice in {name}", self.id);
            }
        }
        rows
    }
}

fn is_csv(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "csv")
}

impl Drop for Peer {
    fn drop(&mut self) {
        // One that ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All hold the same rows, `count` of them, 1, 2, 3 …
pub(crate) fn assert_same_rows(peers: &[&Peer], count: usize) {
    for peer in peers {
        peer.wait_for_rows(count);
    }
    let first = peers[0].rows();
    assert!(first.keys().copied().eq(1..=count as u64), "{} holds {} rows", peers[0].id, first.len());
    for peer in &peers[1..] {
        assert_eq!(peer.files(), peers[0].files(), "{} and {} differ", peer.id, peers[0].id);
    }
}

/// Every reading `from..to` that was fed to this peer stands in the rows once.
pub(crate) fn assert_fed(rows: &BTreeMap<u64, String>, id: &str, from: u64, to: u64) {
    let prefix = format!("2013-01-01T06:00:00Z,{id},");
    let mut numbers: Vec<u64> = rows
        .values()
        .filter_map(|row| row.strip_prefix(&prefix)?.split(',').next()?.parse().ok())
        .filter(|number| (from..to).contains(number))
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(from..to), "readings of {id}: {} of {}", numbers.len(), to - from);
}
