//! Rows as CSV, with the columns of the files, or as JSON, one object on each line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::error::ExportError;
use super::{Format, Row, Sink};
use crate::history::json_line;
use crate::reading::{Fields, HEADER_LINE};

/// How much is written in one step, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

struct Text<W: Write, F> {
    format: Format,
    out: BufWriter<W>,
    failed: F,
}

/// Rows into a new file.
pub(super) fn to_file(format: Format, path: &Path) -> Result<Box<dyn Sink + '_>, ExportError> {
    let file = File::create(path).map_err(ExportError::file(path))?;
    begin(format, file, ExportError::file(path))
}

/// Rows to an open output.
pub(super) fn to<'a>(format: Format, out: &'a mut dyn Write) -> Result<Box<dyn Sink + 'a>, ExportError> {
    begin(format, out, ExportError::Output)
}

fn begin<'a, W: Write + 'a>(
    format: Format,
    out: W,
    failed: impl Fn(std::io::Error) -> ExportError + 'a,
) -> Result<Box<dyn Sink + 'a>, ExportError> {
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, out);
    if format == Format::Csv {
        out.write_all(HEADER_LINE.as_bytes()).map_err(&failed)?;
    }
    Ok(Box::new(Text { format, out, failed }))
}

impl<W: Write, F: Fn(std::io::Error) -> ExportError> Sink for Text<W, F> {
    fn write(&mut self, row: &Row) -> Result<(), ExportError> {
        let time = row.time.to_string();
        let fields = Fields { timestamp: &time, ..row.fields };
        let done = if self.format == Format::Csv {
            let Fields { timestamp, sensor_id, temperature, humidity, pressure } = fields;
            writeln!(self.out, "{},{timestamp},{sensor_id},{temperature},{humidity},{pressure}", row.sequence)
        } else {
            self.out.write_all(json_line(row.sequence, &fields, false).as_bytes())
        };
        done.map_err(&self.failed)
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.out.flush().map_err(&self.failed)
    }
}
