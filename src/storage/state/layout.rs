//! How rows are divided into CSV files: by sensor, or by sensor and month. If files of both kinds are there, `state`
//! says which ones count.

use crate::ids::{SensorId, Sequence};
use crate::reading::{self, Month};
use crate::storage::error::StorageError;
use crate::storage::file_names::CsvName;

/// Which rows a CSV file has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// All rows of a sensor.
    #[default]
    Sensor,
    /// Those of a sensor and month.
    Month,
}

/// Separates sensor and month; no id holds it.
const MARK: u8 = b'+';

impl Layout {
    /// The layout that has files of this kind.
    pub(in crate::storage) fn of(name: &CsvName) -> Self {
        if name.month.is_some() {
            Self::Month
        } else {
            Self::Sensor
        }
    }

    /// Where `state` says nothing, files of months count if there are any.
    pub(in crate::storage) fn guessed<'a>(names: impl IntoIterator<Item = &'a CsvName>) -> Self {
        names.into_iter().map(Self::of).find(|layout| *layout == Self::Month).unwrap_or_default()
    }

    pub(in crate::storage) fn other(self) -> Self {
        match self {
            Self::Sensor => Self::Month,
            Self::Month => Self::Sensor,
        }
    }

    /// Tells the file of a reading from those of others, of either layout. What is told is in `space`, or a part of the
    /// payload.
    pub(crate) fn key<'a>(self, payload: &'a [u8], space: &'a mut Vec<u8>) -> &'a [u8] {
        let sensor = reading::sensor_of(payload);
        match self {
            Self::Sensor => sensor,
            Self::Month => join(sensor, Month::of_payload(payload), space),
        }
    }

    /// The name of the file of a reading.
    ///
    /// # Errors
    /// A payload without a valid sensor id. It becomes a file name, so it is checked here whatever checked it before.
    pub(crate) fn name(self, payload: &[u8], sequence: Sequence) -> Result<CsvName, StorageError> {
        let sensor =
            std::str::from_utf8(reading::sensor_of(payload)).ok().and_then(|text| text.parse::<SensorId>().ok());
        let month = (self == Self::Month).then(|| Month::of_payload(payload));
        Ok(CsvName { sensor: sensor.ok_or(StorageError::Sensor { sequence })?, month })
    }
}

impl CsvName {
    /// As [`Layout::key`].
    pub(crate) fn key(&self) -> Box<[u8]> {
        let (sensor, mut space) = (self.sensor.as_str().as_bytes(), Vec::new());
        self.month.map_or(sensor, |month| join(sensor, month, &mut space)).into()
    }
}

fn join<'a>(sensor: &[u8], month: Month, space: &'a mut Vec<u8>) -> &'a [u8] {
    space.clear();
    space.extend_from_slice(sensor);
    space.push(MARK);
    space.extend_from_slice(month.as_bytes());
    space
}
