//! Rows as CSV, with the columns of the files, or as JSON, one object on each line. Where the clock of any row was not set,
//! CSV has one column more.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::error::ExportError;
use super::{Format, Row, Sink};
use crate::history::json_line;
use crate::reading::{Fields, CSV_HEADER};

/// How much is written in one step, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

struct Text<W: Write, F> {
    format: Format,
    /// Some clock was not set.
    has_marks: bool,
    out: BufWriter<W>,
    failed: F,
}

/// Rows into a new file.
pub(super) fn to_file(format: Format, path: &Path) -> Result<Box<dyn Sink + '_>, ExportError> {
    let file = File::create(path).map_err(ExportError::file(path))?;
    Ok(text(format, file, ExportError::file(path)))
}

/// Rows to an open output.
pub(super) fn to<'a>(format: Format, out: &'a mut dyn Write) -> Box<dyn Sink + 'a> {
    text(format, out, ExportError::Output)
}

fn text<'a, W: Write + 'a>(
    format: Format,
    out: W,
    failed: impl Fn(std::io::Error) -> ExportError + 'a,
) -> Box<dyn Sink + 'a> {
    let out = BufWriter::with_capacity(BUFFER_BYTES, out);
    Box::new(Text { format, has_marks: false, out, failed })
}

impl<W: Write, F: Fn(std::io::Error) -> ExportError> Sink for Text<W, F> {
    fn begin(&mut self, has_marks: bool) -> Result<(), ExportError> {
        self.has_marks = has_marks;
        if self.format != Format::Csv {
            return Ok(());
        }
        let mark = if has_marks { ",clock_unset" } else { "" };
        writeln!(self.out, "{CSV_HEADER}{mark}").map_err(&self.failed)
    }

    fn write(&mut self, row: &Row) -> Result<(), ExportError> {
        let time = row.time.to_string();
        let fields = Fields { timestamp: &time, ..row.fields };
        let done = if self.format == Format::Csv {
            let Fields { timestamp, sensor_id, temperature, humidity, pressure } = fields;
            // Nothing in a row needs quotes (`append_row`), and the header has the column that is added.
            let mark = if self.has_marks { format!(",{}", row.clock_unset) } else { String::new() };
            writeln!(self.out, "{},{timestamp},{sensor_id},{temperature},{humidity},{pressure}{mark}", row.sequence)
        } else {
            self.out.write_all(json_line(row.sequence, &fields, row.clock_unset).as_bytes())
        };
        done.map_err(&self.failed)
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        self.out.flush().map_err(&self.failed)
    }
}
