//! One connection: request after request, until it ends, asks for the last time, or takes too long.

use std::io::Read;
use std::net::{Shutdown, TcpStream};

use super::request::{Heads, Unheard};
use super::response::Response;
use super::{routes, Server, Site};

/// How many requests a connection may bring; then it is closed, so that others get a place.
const REQUESTS_MAX: usize = 1_000;

/// Serves a connection until its end.
pub fn serve<S: Site + 'static>(server: &std::sync::Arc<Server<S>>, stream: &TcpStream) {
    let mut heads = Heads::default();
    for _ in 0..REQUESTS_MAX {
        let written = match heads.next(stream, &server.names) {
            Ok(request) => routes::answer(server, &request).write(stream, Some(&request)),
            Err(Unheard::Refused(status, text)) => {
                let mut response = Response::text(status, &text);
                if status == 405 {
                    response.headers.push_str("Allow: GET, HEAD\r\n");
                }
                // The connection is closed even if this fails.
                response.write(stream, None).map(|_| false)
            }
            Err(Unheard::Over) => return,
        };
        if !written.unwrap_or(false) {
            return;
        }
    }
}

/// Tells a connection that there is no room for it.
pub fn turn_away(stream: &TcpStream) {
    let mut response = Response::text(503, "This peer has as many connections as it takes; try again soon");
    response.headers.push_str("Retry-After: 2\r\n");
    // The connection is closed even if this fails.
    let _ = response.write(stream, None);
    let _ = stream.shutdown(Shutdown::Write);
    // If a request has come already and stays unread, the system discards the answer.
    let _ = (&mut &*stream).read(&mut [0; 4096]);
}
