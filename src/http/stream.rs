//! Server-sent events: the group and what happens in it, as it changes.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::api::Events;
use super::request::Request;
use super::response::{Body, Response};
use super::rows::LastRows;
use super::{Server, Site};

/// How long to wait between two looks at the report while nothing happens, and at least while much does. All streams
/// wait for the same instant: with separate wake-ups there would be more moments at which the group's threads find no
/// processor.
///
/// A thread of a peer waits for what is announced to it; this one is an exception, and looks again and again. What a
/// report says changes with each reading and each heartbeat, and no step of the core should have to announce that to
/// those who only watch. One report a second is made, and only while somebody follows.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The pause between two comments, which show the reader that the connection is alive, and this side that it is read.
const ALIVE_PAUSE: Duration = Duration::from_secs(5);

/// One of the streams, until it is dropped.
struct Place<S>(Arc<Server<S>>);

impl<S> Drop for Place<S> {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(super) fn open<S: Site + 'static>(server: &Arc<Server<S>>, request: &Request) -> Response {
    if request.cross_site {
        return Response::text(403, "A page of another site asks for this");
    }
    let before = server.streams.fetch_add(1, Ordering::Relaxed);
    let place = Place(Arc::clone(server));
    if before >= server.streams_max {
        let mut response = Response::text(503, "Too many programs and pages follow this peer; try again later");
        response.headers.push_str("Retry-After: 10\r\n");
        return response;
    }
    let body = Body::Endless(Box::new(move |out| follow(&place, out)));
    Response::new("text/event-stream", body)
}

/// What is shown of the group, made once for all streams: each stream looks when something happens, and once a second.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    at: Instant,
    /// It is not older than this event.
    event: u64,
    text: Arc<str>,
    delivered: u64,
    term: Option<u64>,
}

/// Returns what another stream made lately, or a new look; never one older than this event.
fn look<S: Site>(server: &Server<S>, event: u64) -> Shown {
    let mut shown = server.shown.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shown) = shown.as_ref().filter(|shown| shown.event >= event && shown.at.elapsed() < LOOK_PAUSE / 2) {
        return shown.clone();
    }
    let (at, report) = (Instant::now(), server.site.report());
    let text = serde_json::to_string(&report).expect("made of texts and numbers").into();
    let new = Shown { at, event, text, delivered: report.readings.delivered, term: report.term };
    *shown = Some(new.clone());
    new
}

/// Sends changes until nobody reads them.
fn follow<S: Site>(place: &Place<S>, out: &mut dyn Write) -> io::Result<()> {
    let server = &place.0;
    let mut last = 0;
    let mut sent: Option<Arc<str>> = None;
    // What was delivered when the files were shown last, and the number of that look.
    let (mut known, mut file_look) = (None, 0);
    let mut alive = Instant::now();
    loop {
        let begun = Instant::now();
        let events = server.site.happenings_after(last);
        let newest = events.last().map_or(last, |newest| newest.id);
        let shown = look(server, newest);
        if sent.as_ref() != Some(&shown.text) {
            send(out, "status", &shown.text)?;
            sent = Some(Arc::clone(&shown.text));
        }
        // Files change when rows are delivered, or replaced, and each of these changes one of the three.
        let now = (shown.delivered, shown.term, newest);
        if known != Some(now) {
            let (sensors, number, at) = server.files.changed_after(file_look);
            if !sensors.is_empty() {
                send_json(out, "sensors", &LastRows { sensors })?;
            }
            // Only a look that began after the report was made has seen all of it.
            known = (at >= shown.at).then_some(now);
            file_look = number;
        }
        if !events.is_empty() {
            last = newest;
            send_json(out, "events", &Events { events })?;
        }
        if alive.elapsed() >= ALIVE_PAUSE {
            out.write_all(b": alive\n\n")?;
            alive = Instant::now();
        }
        out.flush()?;
        server.site.wait_after(last, LOOK_PAUSE.saturating_sub(shown.at.elapsed()));
        // What happens together is shown together.
        std::thread::sleep(SHORTEST_PAUSE.saturating_sub(begun.elapsed()));
    }
}

fn send_json(out: &mut dyn Write, event: &str, value: &impl Serialize) -> io::Result<()> {
    send(out, event, &serde_json::to_string(value).expect("made of texts and numbers"))
}

/// JSON has no line ends, so that one line holds it.
fn send(out: &mut dyn Write, event: &str, json: &str) -> io::Result<()> {
    write!(out, "event: {event}\ndata: {json}\n\n")
}
