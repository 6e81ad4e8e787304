//! What a query for rows that were removed (docs/protocol.md, 10) or damaged is answered with, and how a client notices a removal.

use std::path::{Path, PathBuf};

use super::tests::request;
use super::*;
use crate::history::tests::driven::Driven;
use crate::http::metrics::Figures;
use crate::status::{Happening, Report};
use crate::storage::TempDir;

/// A peer whose storage is driven by hand, and what it says of itself.
struct Shown {
    root: PathBuf,
    report: Mutex<Report>,
}

impl Site for Shown {
    fn report(&self) -> Report {
        self.report.lock().unwrap().clone()
    }

    fn happenings_after(&self, _: u64) -> Vec<Happening> {
        Vec::new()
    }

    fn wait_after(&self, _: u64, _: Duration) {}

    fn figures(&self) -> Figures {
        unreachable!("nobody asks for metrics")
    }

    fn directory(&self) -> &Path {
        &self.root
    }
}

/// Its server, with the report that the page of docs shows.
fn server(peer: &Driven) -> Arc<Server<Shown>> {
    let shown = include_str!("../../../docs/http.md").split("```json\n").find(|block| block.contains("\"readings\""));
    let report = shown.and_then(|block| block.split("```").next()).expect("it is there");
    let report = Mutex::new(serde_json::from_str(report).expect("a report"));
    Arc::new(Server::new(Shown { root: peer.root.clone(), report }, Vec::new(), 2))
}

/// The sequences of the rows that a query is answered with.
fn sequences(server: &Server<Shown>, query: &str) -> Vec<Sequence> {
    let mut out = Vec::new();
    write_rows(server, &Query::new(&request(query)).ok().expect("a query"), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().skip(1).map(|row| row.split(',').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn rows_begin_with_the_first_that_is_kept_wherever_a_query_goes_on() {
    let temp = TempDir::new();
    let mut peer = Driven::with_rows(temp.path());
    let server = server(&peer);
    assert_eq!(sequences(&server, "after=2&limit=3"), [3, 4, 5]);
    assert_eq!(sequences(&server, "sensor=s1"), [2, 5, 8, 11, 14, 17]);
    peer.remove(12);
    for after in [0, 5, 11, 12] {
        assert_eq!(sequences(&server, &format!("after={after}")), [13, 14, 15, 16, 17, 18], "{after}");
        assert_eq!(sequences(&server, &format!("after={after}&limit=2")), [13, 14], "{after}");
        assert_eq!(sequences(&server, &format!("after={after}&sensor=s1")), [14, 17], "{after}");
        assert_eq!(sequences(&server, &format!("after={after}&sensor=s1&sensor=s2")), [14, 15, 17, 18], "{after}");
    }
    assert_eq!(sequences(&server, "after=15"), [16, 17, 18]);
    assert_eq!(sequences(&server, "sensor=s0&from=2013-01-01T00:00:00Z&after=1"), [13, 16]);
    // Everything goes.
    peer.remove(18);
    assert!(sequences(&server, "after=3").is_empty());
    peer.append(3);
    peer.deliver(3);
    assert_eq!((sequences(&server, "after=3"), sequences(&server, "sensor=s1")), (vec![19, 20, 21], vec![20]));
}

/// Takes what is written, and makes something happen after the first row.
struct Meanwhile<F: FnMut()> {
    happens: Option<F>,
    written: usize,
}

impl<F: FnMut()> Write for Meanwhile<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len();
        if self.written > crate::reading::HEADER_LINE.len() {
            self.happens.take().into_iter().for_each(|mut happens| happens());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_answer_breaks_off_where_rows_are_replaced() {
    for query in ["sensor=s1", "sensor=s1&sensor=s2"] {
        let temp = TempDir::new();
        let mut peer = Driven::new(temp.path());
        (0..30).for_each(|_| peer.append(1000));
        peer.deliver(30_000);
        let server = server(&peer);
        let merge = || {
            peer.cut(0);
            (0..30).for_each(|_| peer.append(1000));
            peer.deliver(30_000);
        };
        let mut out = Meanwhile { happens: Some(merge), written: 0 };
        let error =
            write_rows(&server, &Query::new(&request(query)).ok().expect("a query"), &mut out).expect_err(query);
        assert_eq!(error.to_string(), "rows were replaced meanwhile", "{query}");
    }
}

#[test]
fn an_answer_breaks_off_where_the_journal_is_damaged() {
    let temp = TempDir::new();
    let peer = Driven::with_rows(temp.path());
    let server = server(&peer);
    peer.rot();
    let error = write_rows(&server, &Query::new(&request("")).ok().expect("a query"), &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains(" is damaged: "), "{error}");
}

#[test]
fn a_tag_changes_when_rows_are_removed() {
    let temp = TempDir::new();
    let server = server(&Driven::with_rows(temp.path()));
    let tag = || {
        let headers = readings(&server, &request("")).headers;
        headers.split("ETag: ").nth(1).and_then(|rest| rest.lines().next()).expect("a tag").to_owned()
    };
    let before = tag();
    let status = |known: &str| readings(&server, &Request { known: Some(known.to_owned()), ..request("") }).status;
    assert_eq!((tag(), status(&before)), (before.clone(), 304));
    server.site.report.lock().unwrap().readings.first = 13;
    assert_ne!(tag(), before);
    assert_eq!(status(&before), 200, "some of what is known is gone");
}
