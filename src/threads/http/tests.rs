//! The places of connections to the page, and what the server is shown.

use std::io::{Read, Write};
use std::time::Instant;

use super::super::lock::write;
use super::super::trial::{id, leader, listener, until, Trial, PATIENCE};
use super::*;
use crate::protocol::Event;

fn shown(trial: &Trial) -> Shown {
    Shown { node: Arc::clone(&trial.node), clock: Arc::default(), directory: PathBuf::from("d") }
}

/// The first line of the answer to this; `None` where none comes.
fn asks(mut stream: &TcpStream, request: &str) -> Option<String> {
    stream.write_all(request.as_bytes()).ok()?;
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        line.push(byte[0]);
    }
    Some(String::from_utf8(line).unwrap().trim_end().to_owned())
}

const OK: &str = "HTTP/1.1 200 OK";

#[test]
fn a_connection_is_served_while_there_is_a_place_and_each_place_is_given_back() {
    let trial = Trial::new().changed(|node| node.pages_max = 1);
    let (listener, endpoint) = listener();
    let node = Arc::clone(&trial.node);
    thread::spawn(move || run(&node, &listener));
    let connect = || {
        let stream = TcpStream::connect(endpoint).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let request = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let first = connect();
    assert_eq!(asks(&first, request).as_deref(), Some(OK));
    let turned_away = asks(&connect(), "").expect("an answer that nobody asked for");
    assert!(turned_away.starts_with("HTTP/1.1 503 "), "{turned_away}");
    drop(first);
    until(|| asks(&connect(), request).as_deref() == Some(OK));
}

#[test]
fn a_system_that_gives_no_connection_is_complained_of_and_a_browser_that_went_away_is_not() {
    let trial = Trial::new();
    assert!(taken(&trial.node, Err(io::ErrorKind::ConnectionAborted.into())).is_none());
    assert_eq!(trial.complaints(), []);
    let begun = Instant::now();
    assert!(taken(&trial.node, Err(io::ErrorKind::PermissionDenied.into())).is_none());
    assert!(begun.elapsed() >= ACCEPT_PAUSE, "it would fail again immediately");
    let text = "Cannot accept a connection to the page: permission denied".to_owned();
    assert_eq!(trial.complaints(), [("accept_failed", text)]);
    let (listener, endpoint) = listener();
    let _connected = TcpStream::connect(endpoint).unwrap();
    assert!(taken(&trial.node, listener.accept()).is_some());
}

#[test]
fn the_server_is_shown_what_the_peer_knows_and_what_happens() {
    let trial = Trial::new();
    let shown = shown(&trial);
    assert_eq!(shown.directory(), Path::new("d"));
    assert_eq!(shown.report().peer, "a");
    assert_eq!(shown.happenings_after(0), []);
    // A wait may end early for no reason.
    let most = Duration::from_millis(20);
    let lasts = || {
        let begun = Instant::now();
        shown.wait_after(0, most);
        begun.elapsed() >= most
    };
    assert!((0..10).any(|_| lasts()), "nothing happens that it could show");
    trial.node.watch.hear("info", "view", "x");
    trial.node.watch.hear("info", "joined", "y");
    let texts = |id| shown.happenings_after(id).into_iter().map(|happening| happening.text).collect::<Vec<_>>();
    assert_eq!((texts(0), texts(1)), (vec!["x".to_owned(), "y".to_owned()], vec!["y".to_owned()]));
}

#[test]
fn the_figures_are_those_of_this_life() {
    let trial = leader(None);
    let node = &trial.node;
    node.counts.happened("view");
    node.complaints.warn("accept_failed", "x");
    node.watch.note(&Event::Merging { leader: id("b"), readings: 3 });
    let link = Arc::new(Link::new(id("b")));
    link.sent.store(7, Ordering::Relaxed);
    lock(&link.state).connections = 2;
    write(&node.links).insert(link.peer.clone(), Arc::clone(&link));
    let figures = shown(&trial).figures();
    assert_eq!(figures.events, [("view".to_owned(), 1)]);
    assert_eq!(figures.complaints, [("accept_failed", "", 1)]);
    assert_eq!((figures.merged, figures.clock_offset), (3, Some(0.0)));
    let links: Vec<_> = figures.links.iter().map(|link| (&*link.peer, link.sent_bytes, link.connections)).collect();
    assert_eq!(links, [("b", 7, 2)]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_counts_of_a_process_is_read() {
    let stat =
        "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 9 9 20 0 6 0 12345 99999999 250 18446744073709551615";
    let figures = of_stat(stat, 100, 4096);
    assert_eq!((figures.cpu_seconds, figures.threads), (Some(2.0), Some(6)));
    assert_eq!((figures.resident_bytes, figures.open_files), (Some(1_024_000), None));
    let unknown = of_stat("", 100, 4096);
    assert_eq!((unknown.cpu_seconds, unknown.threads, unknown.resident_bytes), (None, None, None));
    let own = process();
    assert!(own.cpu_seconds.is_some() && own.threads.is_some_and(|count| count > 0), "{own:?}");
    // Standard input and output, and the directory that is read.
    assert!(own.resident_bytes.is_some_and(|bytes| bytes > 4096) && own.open_files.is_some_and(|count| count > 2));
}
