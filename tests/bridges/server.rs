//! A server on loopback, with its files in a directory of its own, which is killed and started again.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{skipped, PATIENCE};

pub(crate) struct Server {
    child: Option<Child>,
    command: Vec<String>,
    pub(crate) port: u16,
    pub(crate) directory: PathBuf,
}

/// What a program of a server's package does for a test. Returns whether it is there.
pub(crate) fn done(program: &str, directory: &Path, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    let Ok(output) = command.current_dir(directory).args(arguments).stdin(Stdio::null()).output() else {
        skipped("bridges", &format!("{program} is not installed"));
        return false;
    };
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("loopback").port()
}

impl Server {
    /// Starts one whose configuration `write` writes, from its port and its directory. `None`, with a word, where it is not
    /// installed.
    pub(crate) fn start(program: &str, option: &str, write: impl Fn(u16, &Path) -> String) -> Option<Self> {
        let mut server = Self::prepared(program, option, write)?;
        server.run();
        Some(server)
    }

    /// The same, not started yet.
    pub(crate) fn prepared(program: &str, option: &str, write: impl Fn(u16, &Path) -> String) -> Option<Self> {
        let found = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let paths = [program.to_owned(), format!("/usr/sbin/{program}")];
        let Some(program) = paths.iter().find(|path| found.is_ok() || Path::new(path).exists()) else {
            skipped("bridges", &format!("{program} is not installed"));
            return None;
        };
        let port = free_port();
        let directory = tempfile::Builder::new().prefix("peer-bridges-").tempdir().expect("a directory for the test");
        // If a test fails, the directory stays.
        let directory = directory.keep();
        let file = directory.join("conf");
        fs::write(&file, write(port, &directory)).expect("a file for the test");
        let command = [program.as_str(), option, file.to_str().expect("text")].map(str::to_owned).into();
        Some(Self { child: None, command, port, directory })
    }

    pub(crate) fn run(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.directory.join("log")).expect("a file");
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        self.child = Some(command.spawn().expect("it was found"));
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let said = fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "{} does not listen:\n{said}", self.command[0]);
            thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Ends it by this signal, and waits until it is gone.
    pub(crate) fn end(&mut self, signal: &str) {
        let mut child = self.child.take().expect("it runs");
        let status = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill is there");
        assert!(status.success());
        child.wait().expect("it is a child");
    }

    /// Makes one of its directories the same as another one.
    pub(crate) fn copy(&self, from: &str, to: &str) {
        // There may be none yet.
        let _ = fs::remove_dir_all(self.directory.join(to));
        assert!(done("cp", &self.directory, &["-a", from, to]), "cp is there");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // One that ended already needs neither.
            let _ = child.kill();
            let _ = child.wait();
        }
        if !thread::panicking() {
            // If that fails, something is left in the system's temporary directory.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}
