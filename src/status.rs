//! What a peer says of itself and its group to people and programs: one report as JSON, for the page, for scripts and
//! for `peer status`.
//!
//! | file | holds |
//! | --- | --- |
//! | `report` | its members, as `docs/http.md` describes them |
//! | `attendance` | since when the view exists, which peers are missing, and since when |
//! | `happenings` | what happened lately |
//! | `words` | the same in words, for a terminal |

pub mod attendance;
pub mod happenings;
pub mod report;
pub mod words;

pub use attendance::Attendance;
pub use happenings::{Happening, Happenings};
pub use report::Report;

use std::time::SystemTime;

use jiff::Timestamp;

use crate::log_lines;

/// A time of this host as the log writes it.
#[must_use]
pub fn written(time: SystemTime) -> String {
    // A time that cannot be written is shown as the beginning of time.
    log_lines::written(Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH))
}
