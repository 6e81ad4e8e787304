//! The head of a request, parsed by `httparse`: bounded in size and time, and checked that it is meant for this host.

use std::io::{self, Read};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longest head, in bytes, and most lines of it.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const LINES_MAX: usize = 64;

/// How long a head may take to come, from its first byte on.
const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long a connection may be silent between two requests.
const IDLE_TIME: Duration = Duration::from_secs(15);

/// A request that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of the head by itself")]
pub(super) struct Request {
    /// The body is left out: `HEAD` instead of `GET`.
    pub(super) head_only: bool,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// `Accept`
    pub(super) accept: String,
    /// `If-None-Match`
    pub(super) known: Option<String>,
    /// Another request may follow on the connection.
    pub(super) goes_on: bool,
    /// The request is of HTTP/1.0, which has no chunks.
    pub(super) old: bool,
    /// A browser says that a page of another site asks.
    pub(super) cross_site: bool,
}

/// Why there is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unheard {
    /// The connection ended between two requests, or broke.
    Over,
    /// It is answered with this status and text, and the connection is closed.
    Refused(u16, String),
}

/// Reads heads off a connection.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Bytes that came and are not taken out.
    bytes: Vec<u8>,
}

impl Heads {
    /// The next request. `names`: what this host may be called, in small letters.
    pub(super) fn next(&mut self, stream: &TcpStream, names: &[String]) -> Result<Request, Unheard> {
        let mut until = Instant::now() + if self.bytes.is_empty() { IDLE_TIME } else { HEAD_TIME };
        loop {
            if let Some(request) = self.take(names)? {
                return Ok(request);
            }
            if self.bytes.len() >= HEAD_BYTES_MAX {
                return Err(refused(431, "The head of the request is too long"));
            }
            let had_none = self.bytes.is_empty();
            self.fill(stream, until)?;
            if had_none {
                until = Instant::now() + HEAD_TIME;
            }
        }
    }

    fn fill(&mut self, mut stream: &TcpStream, until: Instant) -> Result<(), Unheard> {
        let late = if self.bytes.is_empty() { Unheard::Over } else { refused(408, "The request did not come in time") };
        let mut piece = [0; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(late);
            }
            stream.set_read_timeout(Some(left)).map_err(|_| Unheard::Over)?;
            match stream.read(&mut piece) {
                Ok(0) => return Err(Unheard::Over),
                Ok(bytes) => {
                    self.bytes.extend_from_slice(&piece[..bytes]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(late);
                }
                Err(_) => return Err(Unheard::Over),
            }
        }
    }

    /// Takes out a whole head, if one has come.
    fn take(&mut self, names: &[String]) -> Result<Option<Request>, Unheard> {
        let mut lines = [httparse::EMPTY_HEADER; LINES_MAX];
        let mut head = httparse::Request::new(&mut lines);
        match head.parse(&self.bytes) {
            Ok(httparse::Status::Partial) => Ok(None),
            Ok(httparse::Status::Complete(length)) => {
                let request = understood(&head, names);
                self.bytes.drain(..length);
                request.map(Some)
            }
            Err(httparse::Error::TooManyHeaders) => Err(refused(431, "The request has too many header lines")),
            Err(error) => Err(refused(400, &format!("This is no HTTP request: {error}"))),
        }
    }
}

fn refused(status: u16, text: &str) -> Unheard {
    Unheard::Refused(status, text.to_owned())
}

fn understood(head: &httparse::Request, names: &[String]) -> Result<Request, Unheard> {
    let header = |name: &str| {
        let line = head.headers.iter().find(|line| line.name.eq_ignore_ascii_case(name));
        line.map(|line| String::from_utf8_lossy(line.value).trim().to_owned())
    };
    let old = head.version == Some(0);
    match header("host") {
        Some(host) if !is_ours(&host, names) => {
            let text = format!("This peer is not called {host}; start it with --http-host NAME if it may be");
            return Err(refused(403, &text));
        }
        None if !old => return Err(refused(400, "The request names no Host")),
        _ => {}
    }
    let head_only = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        method => {
            let text = format!("{} is not answered here, only GET and HEAD", method.unwrap_or("Nothing"));
            return Err(refused(405, &text));
        }
    };
    let has_body = header("transfer-encoding").is_some() || header("content-length").is_some_and(|bytes| bytes != "0");
    if has_body {
        return Err(refused(400, "The request has a body; none is wanted here"));
    }
    let target = head.path.unwrap_or("");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if !path.starts_with('/') {
        return Err(refused(400, "The request names no path"));
    }
    let connection = header("connection").unwrap_or_default().to_ascii_lowercase();
    Ok(Request {
        head_only,
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        accept: header("accept").unwrap_or_default(),
        known: header("if-none-match"),
        goes_on: if old { connection.contains("keep-alive") } else { !connection.contains("close") },
        old,
        cross_site: header("sec-fetch-site").is_some_and(|site| site == "cross-site"),
    })
}

/// Whether a request may give this host that name. Any address is fine. A name is the danger: a page of another site
/// could have its own name lead here, and read this peer through a browser.
fn is_ours(host: &str, names: &[String]) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok() || name == "localhost" || name.ends_with(".localhost") || names.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Result<Option<Request>, Unheard> {
        Heads { bytes: text.as_bytes().to_vec() }.take(&["pi.local".to_owned()])
    }

    fn status(text: &str) -> u16 {
        match heard(text) {
            Err(Unheard::Refused(status, _)) => status,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_request_is_its_path_and_its_query() {
        let request =
            heard("GET /api/v1/plot?sensor=a%2Fb&from=1+2 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n").unwrap().unwrap();
        assert_eq!(request.path, "/api/v1/plot");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(request.query, [pair("sensor", "a/b"), pair("from", "1 2")]);
        assert!(request.goes_on && !request.head_only && !request.old);
        assert_eq!(heard("GET / HTTP/1.1\r\nHost: x").unwrap(), None, "more is to come");
    }

    #[test]
    fn what_was_not_asked_for_is_left_for_the_next_request() {
        let one = "HEAD / HTTP/1.0\r\n\r\n";
        let mut heads = Heads { bytes: format!("{one}{one}").into_bytes() };
        let first = heads.take(&[]).unwrap().unwrap();
        assert!(first.head_only && first.old && !first.goes_on);
        assert!(heads.take(&[]).unwrap().is_some() && heads.bytes.is_empty());
    }

    #[test]
    fn only_names_of_this_host_are_answered() {
        for host in
            ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "[fd00::7]", "localhost:1", "LOCALHOST.", "Pi.local:80"]
        {
            assert!(heard(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).is_ok(), "{host}");
        }
        for host in ["example.org", "127.0.0.1.example.org", "localhost.example.org:8080", ""] {
            assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), 403, "{host}");
        }
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
    }

    #[test]
    fn what_is_no_question_is_refused() {
        for method in ["POST", "PUT", "OPTIONS", "CONNECT", "DELETE"] {
            assert_eq!(status(&format!("{method} / HTTP/1.1\r\nHost: localhost\r\n\r\n")), 405, "{method}");
        }
        assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert_eq!(status("GET http:example HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400);
        assert_eq!(status("HELLO:2:sensors\r\n\r\n"), 400);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(100))), 431);
    }
}
