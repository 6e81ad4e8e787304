//! How much of the log no limit keeps. By age that is everything before the first batch with a reading of a month that is
//! kept, as far as a later batch shows that it is old; by bytes, whole segments from the beginning, until the rest takes
//! less than the limit. Never the last segment: it is still written.

use std::time::Duration;

use jiff::tz::Offset;
use jiff::Timestamp;

use crate::ids::Sequence;
use crate::reading;
use crate::storage::disk::Disk;
use crate::storage::error::StorageError;
use crate::storage::journal::Read;
use crate::storage::{Storage, READ_BYTES};
use crate::wire::{Frame, Limits};

/// Once files take more than the limit, they are cut down to this part of it, in eighths: otherwise a little would be
/// removed each hour.
const KEPT_EIGHTHS: u64 = 7;

/// The journal is read from its beginning.
#[derive(Debug, Clone)]
pub(super) struct Survey {
    /// Everything up to here is too much in bytes.
    by_bytes: Sequence,
    /// Readings at or after the first of these times are kept; what is later than the second (now) says nothing.
    kept: Option<(Timestamp, Timestamp)>,
    /// Everything up to here is too old.
    old: Sequence,
    /// Everything up to here was looked at, and nothing in it is kept.
    after: Sequence,
    /// No further than this.
    up_to: Sequence,
}

impl<D: Disk> Storage<D> {
    /// Begins to look for what these limits no longer keep, at the time `now`, if that is known.
    pub fn survey(&mut self, limits: Limits, now: Option<Timestamp>) {
        let segments = self.journal.segments();
        // The last segment is open.
        let up_to = segments.last().map_or(0, |(first, _)| first - 1).min(self.delivered);
        let by_bytes = limits.bytes.map_or(self.base, |bytes| self.too_much(bytes)).min(up_to);
        let kept = limits.age.zip(now).and_then(|(age, now)| Some((month_of_oldest(age, now)?, now)));
        // What was too old once is too old, unless the clock went back.
        let known = self.retention.old.zip(kept).filter(|((_, before), (oldest, _))| oldest >= before);
        let old = known.map_or(self.base, |((old, _), _)| old.max(self.base));
        self.retention.survey = Some(Survey { by_bytes, kept, old, after: old, up_to });
    }

    /// Whether something is to be looked for.
    #[must_use]
    pub fn is_surveying(&self) -> bool {
        self.retention.survey.is_some()
    }

    /// Looks at a piece of the journal. Returns, once it is known, up to which entry nothing keeps the log.
    ///
    /// # Errors
    /// The disk's, or where what it holds is damaged.
    pub fn survey_step(&mut self) -> Result<Option<Sequence>, StorageError> {
        let Some(mut survey) = self.retention.survey.take() else { return Ok(None) };
        survey.after = survey.after.max(self.base);
        let mut is_over = survey.kept.is_none() || survey.after >= survey.up_to;
        if let Some((oldest, now)) = survey.kept.filter(|_| !is_over) {
            let (reader, cuts) = (self.journal.reader(), self.journal.cuts());
            match reader.read_from(survey.after, survey.up_to, cuts, READ_BYTES)? {
                Read::Frames(frames) => {
                    for frame in frames {
                        let age = age_of(&frame, oldest, now);
                        is_over |= frame.last() > survey.up_to || age == Age::Kept;
                        if is_over {
                            break;
                        }
                        survey.after = frame.last();
                        if age == Age::Old {
                            survey.old = survey.after;
                        }
                    }
                }
                Read::Nothing | Read::Cut | Read::Removed => is_over = true,
            }
        }
        if !is_over {
            self.retention.survey = Some(survey);
            return Ok(None);
        }
        let by_age = if survey.kept.is_some() { survey.old.max(self.base) } else { self.base };
        self.retention.old = survey.kept.map(|(oldest, _)| (by_age, oldest)).or(self.retention.old);
        let by_bytes = self.journal.batch_end(survey.by_bytes.max(self.base))?;
        Ok(Some(by_age.max(by_bytes)))
    }

    /// Up to where the log has to go for the files to take less than this.
    fn too_much(&self, bytes: u64) -> Sequence {
        let segments = self.journal.segments();
        let (journal, rows): (u64, u64) = (segments.iter().map(|(_, bytes)| bytes).sum(), self.csv.bytes());
        let taken = journal + rows + self.pending.bytes();
        if taken <= bytes {
            return self.base;
        }
        let wanted = taken - bytes / 8 * KEPT_EIGHTHS;
        let entries = (self.delivered - self.base).max(1);
        let (mut freed, mut to) = (0, self.base);
        for (segment, next) in segments.iter().zip(segments.iter().skip(1)) {
            let last = next.0 - 1;
            // Rows are alike: as many bytes of them go as the entries are a part of all.
            let of_rows = u128::from(rows) * u128::from(last.saturating_sub(to)) / u128::from(entries);
            freed += segment.1 + u64::try_from(of_rows).unwrap_or(u64::MAX);
            to = to.max(last);
            if freed >= wanted {
                break;
            }
        }
        to
    }
}

/// What the times of a batch say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Age {
    /// A reading is of a time that is kept.
    Kept,
    /// None is, and one is from before that.
    Old,
    /// Nothing: by the clock of this host all of it is yet to come, or it is from clocks that were not set.
    Unknown,
}

/// A later time than now keeps nothing, and neither does that of a clock that was not set: otherwise one such reading would
/// keep everything for ever. Nor is it a sign of age: the clock that is wrong may be that of this host.
fn age_of(frame: &Frame, oldest: Timestamp, now: Timestamp) -> Age {
    let mut age = Age::Unknown;
    for (_, payload) in frame.entries().filter(|(_, payload)| !reading::has_unsure_time(payload)) {
        let time = reading::unix_time(reading::timestamp_of(payload));
        if (oldest..=now).contains(&time) {
            return Age::Kept;
        }
        if time < oldest {
            age = Age::Old;
        }
    }
    age
}

/// The beginning of the month, in UTC, of the oldest reading that a limit keeps.
fn month_of_oldest(age: Duration, now: Timestamp) -> Option<Timestamp> {
    let oldest = Offset::UTC.to_datetime(now.checked_sub(age).ok()?).date();
    Offset::UTC.to_timestamp(oldest.first_of_month().to_datetime(jiff::civil::Time::midnight())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_months_are_kept() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        for (age, now, oldest) in [
            (1, "2026-03-01T12:00:00Z", "2026-02-01T00:00:00Z"),
            (1, "2026-03-02T12:00:00Z", "2026-03-01T00:00:00Z"),
            (400, "2026-11-26T14:00:00Z", "2025-10-01T00:00:00Z"),
        ] {
            assert_eq!(month_of_oldest(days(age), time(now)), Some(time(oldest)), "{age} days before {now}");
        }
        assert_eq!(month_of_oldest(days(99_999_999), time("2026-03-01T12:00:00Z")), None);
    }
}
