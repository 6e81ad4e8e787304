//! The group and its events as JSON, and health in a line.

use std::str::FromStr;

use serde::Serialize;

use super::request::Request;
use super::response::Response;
use super::Site;
use crate::status::Happening;

/// The value of a parameter of the query, as a type that parses itself; `None`: it is not there.
///
/// # Errors
/// The answer that says what is wrong.
pub(super) fn parsed<T: FromStr>(request: &Request, name: &str, what: &str) -> Result<Option<T>, Response> {
    let Some((_, text)) = request.query.iter().find(|(known, _)| known == name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| Response::text(400, &format!("{name}={text} is no {what}")))
}

/// Refuses a query with other parameters than these: a misspelt one would change nothing, and nobody would notice.
///
/// # Errors
/// The answer that says what is wrong.
pub(super) fn only(request: &Request, names: &[&str]) -> Result<(), Response> {
    match request.query.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, _)) => {
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(Response::text(400, &format!("There is no parameter {name} here; there are: {known}")))
        }
    }
}

#[derive(Serialize)]
pub(super) struct Events {
    pub(super) events: Vec<Happening>,
}

pub(super) fn events(site: &impl Site, request: &Request) -> Response {
    let after = only(request, &["after"]).and_then(|()| parsed(request, "after", "id of an event"));
    match after {
        Ok(after) => Response::json(&Events { events: site.happenings_after(after.unwrap_or(0)) }),
        Err(response) => response,
    }
}

/// 200 where the peer does its duty; otherwise 503 and the reasons, a line each.
pub(super) fn health(site: &impl Site) -> Response {
    let report = site.report();
    let lines: Vec<&str> = report.health.reasons.iter().map(|reason| reason.text.as_str()).collect();
    match (report.works(), lines.is_empty()) {
        (true, true) => Response::text(200, "ok"),
        (true, false) => Response::text(200, &format!("ok\n{}", lines.join("\n"))),
        (false, _) => Response::text(503, &lines.join("\n")),
    }
}
