//! Sensors and their rows: the last of each, a range of time in buckets, and rows as they are in the files.

use std::io::{self, Write};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::api::{only, parsed};
use super::request::Request;
use super::response::{Body, Response};
use super::{Server, Site};
use crate::history::{Curve, Format, Indexes, Page, Plot, Rows, Sensor, Sensors, Step, TimeRange, Wanted};
use crate::ids::{SensorId, Sequence};
use crate::reading::Fields;
use crate::status::report::Readings;
use crate::status::written;

/// The shortest time between two looks at the files, however many programs ask.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Buckets of a plot.
const BUCKETS: usize = 300;
const BUCKETS_MAX: usize = 2_000;

/// Rows that are read together.
const ROWS_A_STEP_MAX: usize = 4_096;

/// What is known of the files, for all connections.
#[derive(Debug)]
pub(super) struct Files {
    sensors: Mutex<Looked>,
    indexes: Indexes,
}

#[derive(Debug)]
struct Looked {
    sensors: Sensors,
    /// The number of the last look, and when it began.
    number: u64,
    at: Option<Instant>,
}

impl Files {
    pub(super) fn new(directory: &std::path::Path) -> Self {
        let sensors = Looked { sensors: Sensors::new(directory.to_owned()), number: 0, at: None };
        Self { sensors: Mutex::new(sensors), indexes: Indexes::new(directory.to_owned()) }
    }

    fn looked(&self) -> MutexGuard<'_, Looked> {
        self.sensors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sensors that changed after the look of this number; and the number of the last look, and when it began.
    pub(super) fn changed_after(&self, look: u64) -> (Vec<LastRow>, u64, Instant) {
        let mut looked = self.looked();
        let mut at = looked.at.unwrap_or_else(Instant::now);
        if looked.at.is_none() || at.elapsed() >= LOOK_EVERY {
            at = Instant::now();
            // If this fails, the directory is being made or changed: a later look finds it.
            if let Ok(number) = looked.sensors.refresh() {
                looked.number = number;
            }
            looked.at = Some(at);
        }
        let changed = looked.sensors.iter().filter(|(_, sensor)| sensor.changed() > look);
        (changed.filter_map(|(id, sensor)| LastRow::new(id, sensor)).collect(), looked.number, at)
    }
}

/// The last row of a sensor.
#[derive(Debug, Serialize)]
pub(super) struct LastRow {
    sensor: String,
    written: String,
    bytes: u64,
    #[serde(flatten)]
    row: RowValues,
}

/// A row as members of an object.
#[derive(Debug, Serialize)]
struct RowValues {
    sequence: Sequence,
    timestamp: String,
    temperature_c: Option<f64>,
    humidity_pct: Option<f64>,
    pressure_hpa: Option<f64>,
}

impl RowValues {
    fn new(sequence: Sequence, fields: &Fields) -> Self {
        let value = |text: &str| text.parse().ok();
        Self {
            sequence,
            timestamp: fields.timestamp.to_owned(),
            temperature_c: value(fields.temperature),
            humidity_pct: value(fields.humidity),
            pressure_hpa: value(fields.pressure),
        }
    }
}

impl LastRow {
    fn new(id: &SensorId, sensor: &Sensor) -> Option<Self> {
        let (sequence, fields) = sensor.last()?.fields();
        let row = RowValues::new(sequence, &fields);
        Some(Self { sensor: id.to_string(), written: written(sensor.written()), bytes: sensor.bytes(), row })
    }
}

#[derive(Debug, Serialize)]
pub(super) struct LastRows {
    pub(super) sensors: Vec<LastRow>,
}

pub(super) fn sensors(files: &Files, request: &Request) -> Response {
    match only(request, &[]) {
        Ok(()) => Response::json(&LastRows { sensors: files.changed_after(0).0 }),
        Err(response) => response,
    }
}

/// A point in time in a query: RFC 3339, or milliseconds since 1970.
struct Moment(i64);

impl FromStr for Moment {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(ms) = text.parse() {
            return Ok(Self(ms));
        }
        text.parse::<jiff::Timestamp>().map(|time| Self(time.as_millisecond())).map_err(|_| ())
    }
}

/// The range of a query, if it names an end of one.
fn range(request: &Request) -> Result<Option<TimeRange>, Response> {
    let what = "time: write 2026-01-15T06:00:00Z, or milliseconds since 1970";
    let from = parsed::<Moment>(request, "from", what)?;
    let to = parsed::<Moment>(request, "to", what)?;
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    let from = from.map_or(TimeRange::ALL.from, |moment| moment.0);
    let to = to.map_or(TimeRange::ALL.to, |moment| moment.0);
    // The two ends may come in either order.
    Ok(Some(TimeRange { from: from.min(to), to: from.max(to) }))
}

#[derive(Debug, Serialize)]
struct Plotted<'a> {
    sensor: &'a str,
    from: i64,
    to: i64,
    bucket_ms: i64,
    gap_ms: i64,
    first: Option<i64>,
    last: Option<i64>,
    t: &'a [i64],
    n: &'a [u32],
    temperature_c: Columns<'a>,
    humidity_pct: Columns<'a>,
    pressure_hpa: Columns<'a>,
}

#[derive(Debug, Serialize)]
struct Columns<'a> {
    min: &'a [Option<f64>],
    max: &'a [Option<f64>],
    mean: &'a [Option<f64>],
}

impl<'a> From<&'a Curve> for Columns<'a> {
    fn from(curve: &'a Curve) -> Self {
        Self { min: &curve.min, max: &curve.max, mean: &curve.mean }
    }
}

pub(super) fn plot(files: &Files, request: &Request) -> Response {
    plotted(files, request).unwrap_or_else(|response| response)
}

fn plotted(files: &Files, request: &Request) -> Result<Response, Response> {
    only(request, &["sensor", "from", "to", "buckets"])?;
    let sensor = parsed::<SensorId>(request, "sensor", "id of a sensor")?;
    let sensor =
        sensor.ok_or_else(|| Response::text(400, "Which sensor? Add sensor=ID; /api/v1/sensors names them"))?;
    let (range, buckets) = (range(request)?, parsed::<usize>(request, "buckets", "number")?.unwrap_or(BUCKETS));
    if !(1..=BUCKETS_MAX).contains(&buckets) {
        return Err(Response::text(400, &format!("buckets={buckets} is not between 1 and {BUCKETS_MAX}")));
    }
    let plot = files.indexes.plot(&sensor, range, buckets);
    let plot = plot.map_err(|error| Response::text(500, &format!("The files cannot be read: {error}")))?;
    let plot: Plot = plot.ok_or_else(|| Response::text(404, &format!("There is no sensor {sensor}")))?;
    let [temperature, humidity, pressure] = &plot.curves;
    Ok(Response::json(&Plotted {
        sensor: sensor.as_str(),
        from: plot.range.from,
        to: plot.range.to,
        bucket_ms: plot.bucket_ms,
        gap_ms: plot.gap_ms,
        first: plot.history.map(|history| history.from),
        last: plot.history.map(|history| history.to),
        t: &plot.times,
        n: &plot.rows,
        temperature_c: temperature.into(),
        humidity_pct: humidity.into(),
        pressure_hpa: pressure.into(),
    }))
}

/// Which rows a query wants, and how.
#[derive(Debug)]
struct Query {
    sensors: Vec<SensorId>,
    range: TimeRange,
    after: Sequence,
    limit: usize,
    format: Format,
}

impl Query {
    fn new(request: &Request) -> Result<Self, Response> {
        only(request, &["sensor", "from", "to", "after", "limit", "format"])?;
        let named = request.query.iter().filter(|(name, _)| name == "sensor");
        let sensors = named
            .map(|(_, id)| id.parse().map_err(|_| Response::text(400, &format!("sensor={id} is no id of a sensor"))))
            .collect::<Result<_, _>>()?;
        let format = match parsed::<String>(request, "format", "format")? {
            None => Format::Csv,
            Some(name) => {
                let wrong = || Response::text(400, &format!("format={name} is none of {}", Format::NAMES.join(", ")));
                Format::parse(&name).ok_or_else(wrong)?
            }
        };
        Ok(Self {
            sensors,
            range: range(request)?.unwrap_or(TimeRange::ALL),
            after: parsed(request, "after", "sequence")?.unwrap_or(0),
            limit: parsed(request, "limit", "number")?.unwrap_or(usize::MAX),
            format,
        })
    }
}

pub(super) fn readings<S: Site + 'static>(server: &Arc<Server<S>>, request: &Request) -> Response {
    let query = match Query::new(request) {
        Ok(query) => query,
        Err(response) => return response,
    };
    if query.format != Format::Csv && request.path == "/readings.csv" {
        return Response::text(400, "This path is for CSV; /api/v1/readings has other formats");
    }
    // The answer has the same rows as long as nothing was delivered or removed, and nobody else leads.
    let report = server.site.report();
    let (term, Readings { first, delivered, .. }) = (report.term.unwrap_or(0), report.readings);
    let tag = format!("\"{}-{term}-{first}-{delivered}\"", report.started);
    let known = request.known.as_deref().is_some_and(|known| known.contains(&tag));
    let (server, kind) = (Arc::clone(server), query.format.media_type());
    let body = Body::Flowing(Box::new(move |out| write_rows(&server, &query, out)));
    let mut response = Response::new(kind, body);
    response.headers = format!("Cache-Control: no-cache\r\nETag: {tag}\r\n");
    if known {
        response.status = 304;
    }
    response
}

/// Rows were replaced during the read: the client sees that the answer breaks off, and asks again.
fn replaced() -> io::Error {
    io::Error::other("rows were replaced meanwhile")
}

fn write_rows<S: Site>(server: &Server<S>, query: &Query, out: &mut dyn Write) -> io::Result<()> {
    let failed = |error: crate::storage::StorageError| io::Error::other(error.to_string());
    out.write_all(query.format.header().as_bytes())?;
    let mut text = Vec::new();
    let mut write = |page: &Page| {
        text.clear();
        query.format.write(page, &mut text);
        out.write_all(&text)
    };
    let mut left = query.limit;
    if let [sensor] = &query.sensors[..] {
        let (indexes, mut after, mut made) = (&server.files.indexes, query.after, None);
        while left > 0 {
            let rows = indexes.rows(sensor, after, &query.range, left.min(ROWS_A_STEP_MAX)).map_err(failed)?;
            let now = indexes.made(sensor, &query.range).map_err(failed)?;
            if *made.get_or_insert(now) != now {
                return Err(replaced());
            }
            let Some(page) = rows.filter(|page| page.after > after) else { return Ok(()) };
            write(&page)?;
            (after, left) = (page.after, left - page.len());
        }
        return Ok(());
    }
    let wanted = Wanted { sensors: query.sensors.clone(), range: query.range };
    let mut rows = Rows::new(server.site.directory().to_owned(), &wanted, query.after);
    while left > 0 {
        match rows.step_patiently(left.min(ROWS_A_STEP_MAX)).map_err(failed)? {
            Step::Rows(page) => {
                write(&page)?;
                left -= page.len();
            }
            Step::Rewind { .. } => return Err(replaced()),
            // It begins with the first row that is kept.
            Step::Gone { .. } => {}
            Step::Nothing => return Ok(()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod removed;

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn request(query: &str) -> Request {
        Request {
            head_only: false,
            path: "/api/v1/readings".to_owned(),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            accept: String::new(),
            known: None,
            goes_on: false,
            old: false,
            cross_site: false,
        }
    }

    #[test]
    fn a_query_names_sensors_a_range_and_where_to_go_on() {
        let query = Query::new(&request("sensor=a&sensor=b&from=1970-01-01T00:00:01Z&after=7&limit=9&format=jsonl"));
        let query = query.ok().expect("a query");
        assert_eq!(query.sensors.iter().map(SensorId::as_str).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((query.range.from, query.range.to), (1000, i64::MAX));
        assert_eq!((query.after, query.limit, query.format), (7, 9, Format::Jsonl));
        let turned = range(&request("from=2000&to=1000")).ok().flatten().expect("a range");
        assert_eq!((turned.from, turned.to), (1000, 2000));
    }

    #[test]
    fn a_query_that_makes_no_sense_is_refused() {
        for query in
            ["sensor=../x", "sensor=", "from=yesterday", "to=", "after=-1", "limit=many", "format=xml", "form=csv"]
        {
            assert!(matches!(Query::new(&request(query)), Err(Response { status: 400, .. })), "{query}");
        }
    }
}
