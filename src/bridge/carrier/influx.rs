//! Rows into a database or a bucket of InfluxDB, as points of line protocol. A point is known by its tags and its time, so a row
//! that is written again is the same point: what a crash repeats changes nothing.

mod part;

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use self::part::Part;
use super::engine::{Engine, Fault};
use super::known::Known;
use super::row::Row;
use super::{access, tls, Asked, BridgeError};
use crate::history::influx_line;

/// The longest wait for an answer: a server that has just started reads its files first.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of an answer is shown.
const WHY_CHARS_MAX: usize = 300;

/// The longest pause that a server may ask for.
const BUSY_MAX: Duration = Duration::from_secs(300);

/// The statuses of a database that took points, and of one that was made. Something else that answers, such as the page of a
/// network that wants a user first, has a status of its own.
const TAKEN: RangeInclusive<u16> = 204..=204;
const MADE: RangeInclusive<u16> = 200..=299;

/// What the server says, in earlier and in later versions, about rows that are older than it keeps any, or outside the
/// times that it takes: it drops these and not the others, and to send them again is of no use. The last is what it may
/// say about a request without rows.
const HARMLESS: [&str; 3] = ["beyond retention policy", "outside retention policy", "writing requires points"];

/// The bridge's side of a database.
pub(super) struct Influx {
    agent: Agent,
    /// Where points are written to, and how the database is made.
    write: String,
    make: Option<String>,
    /// The header that lets this bridge in.
    authorization: Option<String>,
    /// What holds the rows.
    of: String,
    /// How much goes at a time.
    part: Part,
    asked: Asked,
}

/// Nothing was taken.
enum Untaken {
    /// No answer came.
    Unanswered(Fault),
    TooLarge(Fault),
    Other(Fault),
}

impl From<Untaken> for Fault {
    fn from(untaken: Untaken) -> Self {
        match untaken {
            Untaken::Unanswered(fault) | Untaken::TooLarge(fault) | Untaken::Other(fault) => fault,
        }
    }
}

impl Influx {
    pub(super) fn new(asked: &Asked) -> Result<Self, BridgeError> {
        let target = &asked.target;
        let mut config = Agent::config_builder().timeout_global(Some(PATIENCE));
        // What redirects a request is not a database.
        config = config.http_status_as_error(false).max_redirects(0);
        if target.has_tls {
            let found = tls::authorities(asked.ca_file.as_deref())?;
            let found: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            let provider = rustls::crypto::ring::default_provider();
            let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider.into());
            config = config.tls_config(tls.root_certs(RootCerts::new_with_certs(&found)).build());
        }
        let base = format!("{}://{}:{}", if target.has_tls { "https" } else { "http" }, target.host, target.port);
        let place = encoded(&target.place);
        let user = access::user(asked)?;
        let (write, make) = if let Some(org) = &target.org {
            (format!("{base}/api/v2/write?org={}&bucket={place}&precision=ns", encoded(org)), None)
        } else {
            let query = encoded(&format!("CREATE DATABASE \"{}\"", target.place.replace(['"', '\\'], "")));
            let make = asked.create.then(|| format!("{base}/query?q={query}"));
            (format!("{base}/write?db={place}&precision=ns"), make)
        };
        let authorization = user.map(|(name, password)| {
            // A token may have a colon in it, too.
            let whole = if password.is_empty() { name } else { format!("{name}:{password}") };
            if target.org.is_some() {
                format!("Token {whole}")
            } else {
                format!("Basic {}", STANDARD.encode(whole))
            }
        });
        let of = target.org.as_ref().map_or_else(|| target.to_string(), |org| format!("{target} of {org}"));
        Ok(Self {
            agent: config.build().new_agent(),
            write,
            make,
            authorization,
            of,
            part: Part::WHOLE,
            asked: asked.clone(),
        })
    }

    fn post(&self, url: &str, body: &[u8], good: &RangeInclusive<u16>) -> Result<(), Untaken> {
        let mut request = self.agent.post(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request.send(body).map_err(|error| Untaken::Unanswered(self.unsent(&error)))?;
        let is_too_large = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
        judge(response, good).map_err(if is_too_large { Untaken::TooLarge } else { Untaken::Other })
    }

    /// Writes as many of these rows as go at a time. Returns how many that are.
    fn write(&mut self, rows: &[Row]) -> Result<usize, Fault> {
        loop {
            let part = self.part.of(rows);
            let points: String =
                part.iter().filter_map(|row| influx_line(&row.fields, Some(&self.asked.group))).collect();
            let before = Instant::now();
            let taken = if points.is_empty() { Ok(()) } else { self.post(&self.write, points.as_bytes(), &TAKEN) };
            match taken {
                Ok(()) => {
                    self.part.went(part.len(), before.elapsed());
                    return Ok(part.len());
                }
                Err(Untaken::TooLarge(_)) if self.part.is_too_large(part.len()) => {}
                Err(untaken) => {
                    if matches!(untaken, Untaken::Unanswered(_)) {
                        self.part.is_unanswered(part.len());
                    }
                    return Err(untaken.into());
                }
            }
        }
    }

    fn unsent(&self, error: &ureq::Error) -> Fault {
        // It names no source.
        let cause: &(dyn std::error::Error + 'static) = match error {
            ureq::Error::Io(cause) => cause,
            ureq::Error::Rustls(cause) => cause,
            other => other,
        };
        tls::fault(cause, &self.asked).unwrap_or_else(|| Fault::Away(error.to_string()))
    }
}

impl Engine for Influx {
    fn open(&mut self, known: &mut Known) -> Result<(), Fault> {
        if let Some(make) = &self.make {
            self.post(make, &[], &MADE)?;
        }
        // Nothing is written by no points, but everything is checked that is checked for some.
        self.post(&self.write, b"\n", &TAKEN)?;
        known.settle(&self.of, known.at);
        Ok(())
    }

    fn send(&mut self, rows: &[Row], known: &mut Known) -> Result<(), Fault> {
        let taken = self.write(rows)?;
        rows[..taken].iter().for_each(|row| row.add_to(known));
        Ok(())
    }

    fn close(&mut self) {}
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// As much of a text as goes into a line.
fn shown(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_CHARS_MAX).collect()
}

/// What an answer means for the rows.
fn judge(mut response: Response<Body>, good: &RangeInclusive<u16>) -> Result<(), Fault> {
    let status = response.status().as_u16();
    if good.contains(&status) {
        return Ok(());
    }
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = header("Retry-After").and_then(|seconds| seconds.parse().ok());
    let place = shown(header("Location").unwrap_or("nowhere"));
    let text = response.body_mut().read_to_string().unwrap_or_default();
    if matches!(status, 400 | 422) && HARMLESS.iter().any(|harmless| text.contains(harmless)) {
        return Ok(());
    }
    let why = shown(&text);
    Err(match status {
        200..=299 => Fault::Away(format!("what answers there ({status}) is no InfluxDB: {why}")),
        301 | 308 => Fault::Refused(format!("the server has moved to {place} ({status}); name that in the URL")),
        300..=399 => Fault::Away(format!("what answers there sends rows on to {place} ({status}), and takes none")),
        401 | 403 => Fault::Refused(format!(
            "the server does not let this bridge in ({status}); give influx://USER:PASSWORD@… or --credentials FILE: {why}"
        )),
        404 => Fault::Refused(format!(
            "there is no such database or bucket; make it, or give --create for a database of InfluxDB 1: {why}"
        )),
        400..=499 if status != 408 && status != 429 => Fault::Refused(format!("the server refuses rows ({status}): {why}")),
        _ => {
            let why = format!("the server answers {status}: {why}");
            match wait {
                Some(seconds) => Fault::Busy(why, Duration::from_secs(seconds).min(BUSY_MAX)),
                None => Fault::Away(why),
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after: Option<&str>, text: &'static str) -> Result<(), Fault> {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header("Retry-After", value);
        }
        judge(response.body(Body::builder().data(text)).unwrap(), &TAKEN)
    }

    #[test]
    fn a_server_that_says_when_to_come_again_is_not_asked_before() {
        for (status, value, seconds) in [(429, "7", 7), (503, "0", 0), (429, "86400", 300)] {
            let fault = judged(status, Some(value), "");
            assert!(matches!(fault, Err(Fault::Busy(_, wait)) if wait == Duration::from_secs(seconds)), "{fault:?}");
        }
        for value in [None, Some("Wed, 21 Oct 2026 07:28:00 GMT"), Some("-1")] {
            assert!(matches!(judged(503, value, ""), Err(Fault::Away(_))), "{value:?}");
        }
    }

    #[test]
    fn what_answers_and_is_no_database_takes_no_rows() {
        for (status, is_refused) in [(200, false), (201, false), (302, false), (303, false), (307, false), (301, true)]
        {
            let mut response = Response::builder().status(status);
            response = response.header("Location", "https://hub.example.org/");
            let fault = judge(response.body(Body::builder().data("<html>")).unwrap(), &TAKEN).unwrap_err();
            assert_eq!(matches!(fault, Fault::Refused(_)), is_refused, "{fault}");
            assert!(status < 300 || fault.to_string().contains("https://hub.example.org/ ("), "{fault}");
        }
    }

    #[test]
    fn what_a_server_answers_says_whether_it_took_the_rows() {
        assert!(judged(204, None, "").is_ok());
        assert!(judged(422, None, "partial write: points beyond retention policy dropped=3").is_ok());
        for bound in ["Retention Policy Lower Bound", "Write Window Upper Bound"] {
            let text = format!(
                "{{\"code\":\"unprocessable entity\",\"message\":\"failure writing points to database: partial write: dropped 3 \
                 points outside retention policy of duration 24h0m0s - oldest point reading,sensor=roof at \
                 2026-01-15T07:00:00Z dropped because it violates a {bound} at 2026-02-15T07:00:00Z\"}}"
            );
            assert!(judged(422, None, text.leak()).is_ok(), "{bound}");
        }
        let conflict = "partial write: field type conflict: input field \"value\" is type float dropped=1";
        assert!(judged(422, None, conflict).is_err());
        for status in [400, 401, 403, 404, 413, 422] {
            assert!(matches!(judged(status, None, "no"), Err(Fault::Refused(_))), "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(judged(status, None, "no"), Err(Fault::Away(_))), "{status}");
        }
    }
}
