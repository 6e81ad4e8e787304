//! Rows into a database or a bucket of InfluxDB, as points of line protocol. A point is known by its tags and its time, so a row
//! that is written again is the same point: what a crash repeats changes nothing.

use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::Engine as _;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::engine::{Engine, Fault};
use super::known::Known;
use super::row::Row;
use super::{tls, Asked, BridgeError};
use crate::history::influx_line;

/// The longest wait for an answer: a server that has just started reads its files first.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of an answer is shown.
const WHY_BYTES_MAX: usize = 300;

/// What the server says of rows that are older than it keeps any: they are gone there, and to send them again is no use. And
/// what it may say of no rows.
const HARMLESS: [&str; 2] = ["beyond retention policy", "writing requires points"];

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
    group: String,
}

impl Influx {
    pub(super) fn new(asked: &Asked) -> Result<Self, BridgeError> {
        let target = &asked.target;
        let mut config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        if target.has_tls {
            let found = tls::authorities(asked.ca_file.as_deref())?;
            let found: Vec<_> = found.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
            let provider = rustls::crypto::ring::default_provider();
            let tls = TlsConfig::builder().unversioned_rustls_crypto_provider(provider.into());
            config = config.tls_config(tls.root_certs(RootCerts::new_with_certs(&found)).build());
        }
        let base = format!("{}://{}:{}", if target.has_tls { "https" } else { "http" }, target.host, target.port);
        let place = encoded(&target.place);
        let user = tls::credentials(asked)?;
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
        Ok(Self { agent: config.build().new_agent(), write, make, authorization, of, group: asked.group.clone() })
    }

    fn post(&self, url: &str, body: &[u8]) -> Result<(), Fault> {
        let mut request = self.agent.post(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request.send(body).map_err(|error| Fault::Away(error.to_string()))?;
        judge(response)
    }
}

impl Engine for Influx {
    fn open(&mut self, known: &mut Known) -> Result<(), Fault> {
        if let Some(make) = &self.make {
            self.post(make, &[])?;
        }
        // Nothing is written by no points, but everything is checked that is checked for some.
        self.post(&self.write, b"\n")?;
        known.settle(&self.of, known.at);
        Ok(())
    }

    fn send(&mut self, rows: &[Row], known: &mut Known) -> Result<(), Fault> {
        let points: String = rows.iter().filter_map(|row| influx_line(&row.fields, Some(&self.group))).collect();
        if !points.is_empty() {
            self.post(&self.write, points.as_bytes())?;
        }
        for row in rows {
            known.add(row.identity.origin, row.identity.number);
        }
        Ok(())
    }

    fn close(&mut self) {}
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What an answer means for the rows.
fn judge(mut response: Response<Body>) -> Result<(), Fault> {
    let status = response.status().as_u16();
    if (200..300).contains(&status) {
        return Ok(());
    }
    let text = response.body_mut().read_to_string().unwrap_or_default();
    if matches!(status, 400 | 422) && HARMLESS.iter().any(|harmless| text.contains(harmless)) {
        return Ok(());
    }
    let why: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_BYTES_MAX).collect();
    Err(match status {
        401 | 403 => Fault::Refused(format!(
            "the server does not let this bridge in ({status}); give influx://USER:PASSWORD@… or --credentials FILE: {why}"
        )),
        404 => Fault::Refused(format!(
            "there is no such database or bucket; make it, or give --create for a database of InfluxDB 1: {why}"
        )),
        400..=499 if status != 408 && status != 429 => Fault::Refused(format!("the server refuses rows ({status}): {why}")),
        _ => Fault::Away(format!("the server answers {status}: {why}")),
    })
}
