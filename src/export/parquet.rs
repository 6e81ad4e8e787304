//! Rows as a Parquet file, in groups of rows that fit into memory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::error::ExportError;
use super::{Row, Sink};

const SCHEMA: &str = "
message readings {
    required int64 sequence (INTEGER(64,false));
    required int64 timestamp (TIMESTAMP(MICROS,true));
    required binary sensor_id (UTF8);
    optional double temperature_c;
    optional double humidity_pct;
    optional double pressure_hpa;
    required boolean clock_unset;
}
";

/// Rows of a group: some 10 MiB in memory.
const GROUP_ROWS: usize = 128 * 1024;

struct Table<'a> {
    writer: SerializedFileWriter<File>,
    path: &'a Path,
    group: Group,
}

/// Columns of the rows that wait.
#[derive(Default)]
struct Group {
    sequences: Vec<i64>,
    times: Vec<i64>,
    sensors: Vec<ByteArray>,
    quantities: [Quantity; 3],
    clocks_unset: Vec<bool>,
}

/// Measured values, and for each row whether it has one.
#[derive(Default)]
struct Quantity {
    values: Vec<f64>,
    measured: Vec<i16>,
}

/// Rows into a new file.
pub(super) fn to_file(path: &Path) -> Result<Box<dyn Sink + '_>, ExportError> {
    let file = File::create(path).map_err(ExportError::file(path))?;
    let open = || {
        let schema = Arc::new(parse_message_type(SCHEMA)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        SerializedFileWriter::new(file, schema, Arc::new(properties))
    };
    let writer = open().map_err(ExportError::file::<ParquetError>(path))?;
    Ok(Box::new(Table { writer, path, group: Group::default() }))
}

impl Table<'_> {
    fn write_group(&mut self) -> Result<(), ParquetError> {
        let Group { sequences, times, sensors, quantities, clocks_unset } = std::mem::take(&mut self.group);
        let mut group = self.writer.next_row_group()?;
        column::<Int64Type>(&mut group, &sequences, None)?;
        column::<Int64Type>(&mut group, &times, None)?;
        column::<ByteArrayType>(&mut group, &sensors, None)?;
        for Quantity { values, measured } in &quantities {
            column::<DoubleType>(&mut group, values, Some(measured))?;
        }
        column::<BoolType>(&mut group, &clocks_unset, None)?;
        group.close().map(drop)
    }
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    measured: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.expect("the schema has it");
    column.typed::<T>().write_batch(values, measured, None)?;
    column.close()
}

impl Sink for Table<'_> {
    fn write(&mut self, row: &Row) -> Result<(), ExportError> {
        let group = &mut self.group;
        group.sequences.push(row.signed_sequence());
        group.times.push(row.time.as_microsecond());
        group.sensors.push(row.fields.sensor_id.into());
        for (quantity, value) in group.quantities.iter_mut().zip(row.values()) {
            quantity.measured.push(i16::from(value.is_some()));
            quantity.values.extend(value);
        }
        group.clocks_unset.push(row.clock_unset);
        if group.sequences.len() < GROUP_ROWS {
            return Ok(());
        }
        self.write_group().map_err(ExportError::file(self.path))
    }

    fn finish(mut self: Box<Self>) -> Result<(), ExportError> {
        let mut finish = || {
            if !self.group.sequences.is_empty() {
                self.write_group()?;
            }
            self.writer.finish().map(drop)
        };
        finish().map_err(ExportError::file(self.path))
    }
}
