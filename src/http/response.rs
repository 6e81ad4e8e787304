//! An answer, and how it is written: whole, with its length, or in chunks as it comes, so that a reader knows whether
//! all of it came.

use std::io::{self, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::request::Request;

/// How long one write waits for a reader before the connection ends.
const WRITE_TIME: Duration = Duration::from_secs(10);

/// How long a whole answer may take, beside the time that a modem would need for it: a slower reader occupies a
/// connection for nothing.
const ANSWER_TIME: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_A_SECOND: u64 = 8 * 1024;

/// Bytes that are gathered before they are sent.
const CHUNK_BYTES: usize = 32 * 1024;

/// In every answer: nothing is loaded from elsewhere, nothing is shown inside another page, and no type is guessed.
const SAFETY: &str =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'\r\n\
     X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
     Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n";

/// Writes a body as it comes.
pub(super) type Source = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

pub(super) enum Body {
    Whole(Vec<u8>),
    Fixed(&'static [u8]),
    /// In chunks.
    Flowing(Source),
    /// Without an end: each flush is sent.
    Endless(Source),
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    /// Further header lines, each with CR LF.
    pub(super) headers: String,
    pub(super) body: Body,
}

impl Response {
    pub(super) fn new(kind: &'static str, body: Body) -> Self {
        Self { status: 200, kind, headers: "Cache-Control: no-store\r\n".to_owned(), body }
    }

    /// One line of text.
    pub(super) fn text(status: u16, text: &str) -> Self {
        let body = Body::Whole(format!("{text}\n").into_bytes());
        Self { status, ..Self::new("text/plain; charset=utf-8", body) }
    }

    pub(super) fn json(value: &impl serde::Serialize) -> Self {
        let bytes = serde_json::to_vec(value).expect("made of texts and numbers");
        Self::new("application/json", Body::Whole(bytes))
    }

    /// Writes the answer. Returns whether another request may follow.
    pub(super) fn write(self, stream: &TcpStream, request: Option<&Request>) -> io::Result<bool> {
        stream.set_write_timeout(Some(WRITE_TIME))?;
        let head_only = request.is_some_and(|request| request.head_only);
        let old = request.is_none_or(|request| request.old);
        let endless = matches!(self.body, Body::Endless(_));
        let goes_on = request.is_some_and(|request| request.goes_on) && !endless && !(old && self.flows());
        let mut head = format!("HTTP/1.1 {} {}\r\nContent-Type: {}\r\n", self.status, reason(self.status), self.kind);
        head.push_str(SAFETY);
        head.push_str(&self.headers);
        head.push_str(if goes_on { "Connection: keep-alive\r\n" } else { "Connection: close\r\n" });
        match &self.body {
            _ if self.status == 304 => {}
            Body::Whole(bytes) => head.push_str(&content_length(bytes)),
            Body::Fixed(bytes) => head.push_str(&content_length(bytes)),
            Body::Flowing(_) if !old => head.push_str("Transfer-Encoding: chunked\r\n"),
            Body::Flowing(_) | Body::Endless(_) => {}
        }
        head.push_str("\r\n");
        let mut out = Paced { stream, begun: Instant::now(), bytes: 0, endless };
        out.write_all(head.as_bytes())?;
        if !head_only && self.status != 304 {
            match self.body {
                Body::Whole(bytes) => out.write_all(&bytes)?,
                Body::Fixed(bytes) => out.write_all(bytes)?,
                Body::Flowing(source) if !old => {
                    let mut chunks = Chunks { out: &mut out, waiting: Vec::new() };
                    source(&mut chunks)?;
                    chunks.end()?;
                }
                Body::Flowing(source) => {
                    let mut out = io::BufWriter::with_capacity(CHUNK_BYTES, &mut out);
                    source(&mut out)?;
                    out.flush()?;
                }
                Body::Endless(source) => source(&mut io::BufWriter::with_capacity(CHUNK_BYTES, &mut out))?,
            }
        }
        Ok(goes_on)
    }

    fn flows(&self) -> bool {
        matches!(self.body, Body::Flowing(_))
    }
}

fn content_length(body: &[u8]) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// A connection whose reader has to keep a pace.
struct Paced<'a> {
    stream: &'a TcpStream,
    begun: Instant,
    bytes: u64,
    endless: bool,
}

impl Write for Paced<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = ANSWER_TIME + Duration::from_secs(self.bytes / SLOWEST_BYTES_A_SECOND);
        if !self.endless && self.begun.elapsed() > most {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let written = self.stream.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A body in chunks. Without `end` the reader knows that something is missing.
struct Chunks<'a, W: Write> {
    out: &'a mut W,
    waiting: Vec<u8>,
}

impl<W: Write> Chunks<'_, W> {
    fn send(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut chunk = format!("{:x}\r\n", self.waiting.len()).into_bytes();
        chunk.append(&mut self.waiting);
        chunk.extend_from_slice(b"\r\n");
        self.out.write_all(&chunk)
    }

    fn end(mut self) -> io::Result<()> {
        self.send()?;
        self.out.write_all(b"0\r\n\r\n")
    }
}

impl<W: Write> Write for Chunks<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= CHUNK_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_flows_says_where_it_ends() {
        let mut out = Vec::new();
        let mut chunks = Chunks { out: &mut out, waiting: Vec::new() };
        chunks.write_all(b"abc").unwrap();
        chunks.flush().unwrap();
        chunks.write_all(&vec![b'x'; CHUNK_BYTES]).unwrap();
        chunks.end().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("3\r\nabc\r\n8000\r\nxxx") && text.ends_with("x\r\n0\r\n\r\n"));
    }
}
