//! Reading back the rows of a peer, running or not: which sensors there are (`sensors.rs`), a sensor's rows by time and
//! in buckets (`index.rs`, `plot.rs`), and all rows in sequence order as they come (`rows.rs`).
//!
//! It only looks at files, and takes no lock: the peer that writes them notices nothing. All that is kept in memory is
//! bounded, however long the histories are.

mod format;
mod index;
mod indexes;
mod page;
mod plot;
mod rows;
mod sensors;

pub use format::{influx_line, json_line, Format};
pub use indexes::Indexes;
pub use page::{Identity, Page};
pub use plot::{Curve, Plot};
pub use rows::{Position, PositionError, Rows, Step, Wanted};
pub use sensors::{LastRow, Sensor, Sensors};

/// A range of time in milliseconds since 1970, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub from: i64,
    pub to: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self { from: i64::MIN, to: i64::MAX };

    #[must_use]
    pub fn contains(&self, time: i64) -> bool {
        (self.from..=self.to).contains(&time)
    }
}

#[cfg(test)]
pub(crate) mod tests;
