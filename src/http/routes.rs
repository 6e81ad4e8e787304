//! Which function answers which path.

use std::sync::Arc;

use super::request::Request;
use super::response::Response;
use super::{api, metrics, page, rows, stream, Server, Site};

pub(super) fn answer<S: Site + 'static>(server: &Arc<Server<S>>, request: &Request) -> Response {
    match request.path.as_str() {
        "/api/v1/status" => Response::json(&server.site.report()),
        "/api/v1/events" => api::events(&server.site, request),
        "/api/v1/sensors" => rows::sensors(&server.files, request),
        "/api/v1/plot" => rows::plot(&server.files, request),
        "/api/v1/readings" | "/readings.csv" => rows::readings(server, request),
        "/api/v1/stream" => stream::open(server, request),
        "/healthz" => api::health(&server.site),
        "/metrics" => metrics::answer(&server.site, request),
        path => page::file(path, request).unwrap_or_else(|| {
            let text =
                "There is nothing here; / is the page, /api/v1/status, /api/v1/sensors, /api/v1/events, /api/v1/plot, \
                        /api/v1/readings, /api/v1/stream, /readings.csv, /healthz and /metrics are for programs";
            Response::text(404, text)
        }),
    }
}
