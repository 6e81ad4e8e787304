//! A headless Chromium with one page, driven over its debugging protocol: JSON messages that end with NUL, over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{json, Value};

use crate::harness::{skipped, PATIENCE};

/// Names under which it is installed.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// It reads commands from descriptor 3 and writes answers to 4. Here these are its standard input and output.
const START: &str = r#"exec "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#;

/// It talks to peers of this machine only, and needs no sandbox for that: tests run as root, too.
const OPTIONS: [&str; 9] = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

pub(crate) const ESCAPE: (&str, u32) = ("Escape", 27);
pub(crate) const ARROW_LEFT: (&str, u32) = ("ArrowLeft", 37);
pub(crate) const PLUS: (&str, u32) = ("+", 187);

/// The pause between two looks at something that does not announce its changes.
const LOOK: Duration = Duration::from_millis(20);

/// One process. It is ended when dropped.
pub(crate) struct Chromium {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Holds its profile.
    _profile: tempfile::TempDir,
    session: Option<String>,
    commanded: u64,
    /// Messages that it sent without being asked.
    told: Vec<Value>,
}

impl Chromium {
    /// Starts a browser with an empty page of a desktop's size, in English and UTC; or says that the test is skipped.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let is_there = |name: &&str| {
            let mut command = Command::new(name);
            command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let Some(name) = NAMES.into_iter().find(is_there) else {
            skipped(test, "there is no Chromium");
            return None;
        };
        let mut browser = Self::run(name);
        browser.attach();
        browser.resize(1280, 800);
        Some(browser)
    }

    fn run(name: &str) -> Self {
        let profile = tempfile::tempdir().expect("a directory for the test");
        let mut command = Command::new("bash");
        command
            .args(["-c", START, "bash", name])
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("bash is there");
        let (commands, answers) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("it writes JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self { child, commands, messages, _profile: profile, session: None, commanded: 0, told: Vec::new() }
    }

    fn attach(&mut self) {
        let target = self.command("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached =
            self.command("Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }));
        self.session = Some(attached["sessionId"].as_str().expect("a session").to_owned());
        for domain in ["Page", "Runtime", "Network", "Log", "Accessibility"] {
            self.command(&format!("{domain}.enable"), &json!({}));
        }
        self.command("Emulation.setTimezoneOverride", &json!({ "timezoneId": "UTC" }));
        self.command("Emulation.setLocaleOverride", &json!({ "locale": "en-GB" }));
    }

    /// Sends a command, and waits for the answer.
    pub(crate) fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.commanded += 1;
        let id = self.commanded;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).expect("it reads");
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut message =
                self.messages.recv_timeout(left).unwrap_or_else(|error| panic!("no answer to {method}: {error}"));
            if message["id"] != id {
                self.told.push(message);
                continue;
            }
            assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
            return message["result"].take();
        }
    }

    pub(crate) fn open(&mut self, url: &str) {
        let answer = self.command("Page.navigate", &json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {}", answer["errorText"]);
    }

    /// The value of an expression on the page.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.command("Runtime.evaluate", &parameters);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true on the page.
    pub(crate) fn wait_until(&mut self, expression: &str) {
        let until = Instant::now() + PATIENCE;
        while self.evaluate(&format!("Boolean({expression})")) != true {
            if Instant::now() > until {
                let shown = self.evaluate("document.body.innerText");
                panic!("this did not become true: {expression}\n{}\n{shown}", self.complaints().join("\n"));
            }
            thread::park_timeout(LOOK);
        }
    }

    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        self.scale(width, height, 1);
    }

    /// Makes the window this size, with `factor` points of the screen for one of the page.
    pub(crate) fn scale(&mut self, width: u32, height: u32, factor: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": factor, "mobile": width < 600 });
        self.command("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Makes the system prefer a scheme of colours.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", &features);
    }

    /// Presses a key, by its name and its number on keyboards.
    pub(crate) fn press(&mut self, (key, number): (&str, u32)) {
        for kind in ["keyDown", "keyUp"] {
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": number });
            self.command("Input.dispatchKeyEvent", &event);
        }
    }

    /// What went wrong so far: exceptions, what the console says, violations of the policy for contents, and requests to
    /// other hosts than this one.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        // The answer comes after all earlier messages.
        self.evaluate("0");
        self.told.iter().filter_map(complaint).collect()
    }
}

fn complaint(message: &Value) -> Option<String> {
    let told = &message["params"];
    match message["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", told["exceptionDetails"])),
        "Runtime.consoleAPICalled" => Some(format!("console: {}", told["args"])),
        "Log.entryAdded" => Some(format!("log: {}", told["entry"])),
        "Network.requestWillBeSent" => {
            let url = told["request"]["url"].as_str().expect("a request has an address");
            let is_ours = ["http://127.0.0.1:", "data:", "file:"].iter().any(|ours| url.starts_with(ours));
            (!is_ours).then(|| format!("asks {url}"))
        }
        _ => None,
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Its children end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
