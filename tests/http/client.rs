//! An HTTP client of a few lines: one request on each connection, and a stream of events.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{Group, Peer, PATIENCE};

/// A peer that serves its page, and the address of the page.
pub(crate) fn start(group: &Group, id: &str, more: &[&str]) -> (Peer, String) {
    let options = [&["--sensor", "stdin", "--http", "0"], more].concat();
    let peer = group.start_with(id, &options);
    let address = address(&peer);
    (peer, address)
}

/// Where the page of a peer is, as its log says.
fn address(peer: &Peer) -> String {
    peer.wait_for("HTTP: http://");
    let log = peer.log();
    let line = log.iter().find_map(|line| line.split_once("HTTP: http://")).expect("it was said");
    line.1.split('/').next().expect("there is a first part").to_owned()
}

/// An answer, taken apart.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| *known == name));
        line.map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends this and reads until the connection ends.
pub(crate) fn exchange(address: &str, request: &str) -> Answer {
    try_exchange(address, request).expect("an answer and an end")
}

/// The same for a peer that may have too many guests: its answer to a guest that has not asked yet can be lost.
fn try_exchange(address: &str, request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let chunked = head.contains("\r\nTransfer-Encoding: chunked");
    let body = if chunked { unchunked(body) } else { body.to_owned() };
    Ok(Answer { status, head: head.to_owned(), body })
}

/// The text of chunks. A missing chunk is a failure: a reader has to notice.
fn unchunked(mut text: &str) -> String {
    let mut body = String::new();
    loop {
        let (length, rest) = text.split_once("\r\n").expect("a length");
        let length = usize::from_str_radix(length, 16).expect("a number");
        if length == 0 {
            assert_eq!(rest, "\r\n", "nothing follows the last chunk");
            return body;
        }
        body.push_str(&rest[..length]);
        text = rest[length..].strip_prefix("\r\n").expect("the end of a chunk");
    }
}

fn question(address: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
}

pub(crate) fn get(address: &str, path: &str) -> Answer {
    exchange(address, &question(address, path))
}

/// Asks again until the answer passes.
pub(crate) fn get_until(address: &str, path: &str, passes: impl Fn(&Answer) -> bool) -> Answer {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = try_exchange(address, &question(address, path));
        let said = match answer {
            Ok(answer) if passes(&answer) => return answer,
            Ok(answer) => format!("{} {}", answer.status, answer.body),
            Err(error) => error.to_string(),
        };
        assert!(Instant::now() < until, "{path} stays {said}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// A stream of events.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    pub(crate) fn open(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        write!(stream, "GET /api/v1/stream HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it reads");
        let mut events = Self(BufReader::new(stream));
        assert!(events.line().starts_with("HTTP/1.1 200 "));
        while !events.line().is_empty() {}
        events
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.0.read_line(&mut line).expect("more comes") > 0, "the stream ended");
        line.trim_end().to_owned()
    }

    /// The next event of this name that passes.
    pub(crate) fn wait_for(&mut self, name: &str, passes: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.line().strip_prefix("event: ") != Some(name) {
                continue;
            }
            let line = self.line();
            let data = line.strip_prefix("data: ").expect("data follows the name");
            let value = serde_json::from_str(data).expect("JSON");
            if passes(&value) {
                return value;
            }
        }
        panic!("no such {name} came");
    }
}
