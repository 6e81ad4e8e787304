//! Comma-separated values: a header with the names of columns, or columns that are known by their numbers, `#1`, `#2` ….
//!
//! The separator is the comma, the semicolon or the tab, whichever the first line has most of. If it is the semicolon,
//! a number may have a comma before its decimals, as is usual in many countries.

use super::Pair;
use crate::reading::ReadingError;

const BROKEN: ReadingError = ReadingError { field: "line", reason: "is no line of CSV: a quote is not closed" };
const OTHER_LENGTH: ReadingError =
    ReadingError { field: "line", reason: "has another number of columns than the header" };

/// A table as far as it is read.
#[derive(Debug)]
pub(super) struct Table {
    /// Columns have numbers, and no header.
    numbered: bool,
    header: Option<Vec<String>>,
    separator: Option<u8>,
}

/// The number of a column that is named by it.
pub(super) fn number(name: &str) -> Option<usize> {
    name.strip_prefix('#')?.parse().ok().filter(|number| *number > 0)
}

impl Table {
    pub(super) fn new(numbered: bool) -> Self {
        Self { numbered, header: None, separator: None }
    }

    /// A writer begins: with a header of its own.
    pub(super) fn begin(&mut self) {
        (self.header, self.separator) = (None, None);
    }

    /// The columns of a line; `None`: it is the header, which writers give again when they are started again.
    pub(super) fn pairs(&mut self, line: &str) -> Result<Option<Vec<Pair>>, ReadingError> {
        let separator = *self.separator.get_or_insert_with(|| separator_of(line));
        let cells = cells(line, separator).ok_or(BROKEN)?;
        if self.numbered {
            let names = (1..).map(|number| format!("#{number}"));
            return Ok(Some(names.zip(cells.iter().map(|cell| value(cell, separator))).collect()));
        }
        match &self.header {
            None => {
                self.header = Some(cells.into_iter().map(|cell| cell.trim().to_owned()).collect());
                Ok(None)
            }
            Some(header) if header.iter().eq(cells.iter().map(|cell| cell.trim())) => Ok(None),
            Some(header) if header.len() != cells.len() => Err(OTHER_LENGTH),
            Some(header) => {
                Ok(Some(header.iter().cloned().zip(cells.iter().map(|cell| value(cell, separator))).collect()))
            }
        }
    }
}

fn separator_of(line: &str) -> u8 {
    let count = |separator: &u8| line.bytes().filter(|byte| byte == separator).count();
    // Of equal ones the last counts, which is the comma.
    [b'\t', b';', b','].into_iter().max_by_key(count).expect("there are three")
}

/// The cells of a line, without their quotes; `None`: a quote is not closed.
fn cells(line: &str, separator: u8) -> Option<Vec<String>> {
    let closed = line.bytes().filter(|byte| *byte == b'"').count() % 2 == 0;
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let mut record = ::csv::StringRecord::new();
    let read = closed && reader.read_record(&mut record).is_ok();
    read.then(|| record.iter().map(str::to_owned).collect())
}

/// A cell without what surrounds its text; a decimal comma is a point.
fn value(cell: &str, separator: u8) -> String {
    let text = cell.trim();
    let is_number = |(whole, decimals): (&str, &str)| {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(decimals)
    };
    if separator == b';' && text.split_once(',').is_some_and(is_number) {
        text.replace(',', ".")
    } else {
        text.to_owned()
    }
}
