//! Rows as a table of an SQL database in one file.

use std::path::Path;

use rusqlite::{params, Connection};

use super::error::ExportError;
use super::{Row, Sink};

/// Times are texts of one length, so that they sort by time, and the functions of `SQLite` for time read them.
const SCHEMA: &str = "
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
BEGIN;
CREATE TABLE readings (
    sequence INTEGER NOT NULL,
    timestamp TEXT NOT NULL,
    sensor_id TEXT NOT NULL,
    temperature_c REAL,
    humidity_pct REAL,
    pressure_hpa REAL,
    clock_unset INTEGER NOT NULL
);
";

/// For the most frequent question: the values of a sensor in a range of time.
const END: &str = "
CREATE INDEX readings_of_sensor ON readings (sensor_id, timestamp);
COMMIT;
";

const INSERT: &str = "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?)";

struct Database<'a> {
    connection: Connection,
    path: &'a Path,
}

/// Rows into a new database. Nobody else knows of it before it is whole, so it needs no journal and no sync until then.
pub(super) fn to_file(path: &Path) -> Result<Box<dyn Sink + '_>, ExportError> {
    let open = || {
        let connection = Connection::open(path)?;
        connection.execute_batch(SCHEMA)?;
        Ok(connection)
    };
    let connection = open().map_err(ExportError::file::<rusqlite::Error>(path))?;
    Ok(Box::new(Database { connection, path }))
}

impl Sink for Database<'_> {
    fn write(&mut self, row: &Row) -> Result<(), ExportError> {
        let time = row.time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let [temperature, humidity, pressure] = row.values();
        let insert = || {
            let mut insert = self.connection.prepare_cached(INSERT)?;
            let (sequence, sensor, unset) = (row.signed_sequence(), row.fields.sensor_id, row.clock_unset);
            insert.execute(params![sequence, time, sensor, temperature, humidity, pressure, unset])
        };
        insert().map(drop).map_err(ExportError::file::<rusqlite::Error>(self.path))
    }

    fn finish(self: Box<Self>) -> Result<(), ExportError> {
        let Self { connection, path } = *self;
        let end = connection.execute_batch(END).and_then(|()| connection.close().map_err(|(_, error)| error));
        end.map_err(ExportError::file::<rusqlite::Error>(path))
    }
}
