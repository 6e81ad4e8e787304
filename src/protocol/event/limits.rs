//! What is kept, and what goes, in words.

use std::fmt;

use super::Event;
use crate::size::Size;
use crate::wire::base::BASE_BYTES_MAX;
use crate::wire::Limits;

impl Event {
    /// What is kept, and what goes.
    pub(super) fn fmt_limits(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherLimits { own, peers } => {
                write!(f, "Nothing old is removed: this leader runs with {}", Kept(*own))?;
                for (peer, limits) in peers {
                    write!(f, ", {peer} with {}", Kept(*limits))?;
                }
                f.write_str("; give every peer the same --keep and --keep-bytes")
            }
            Self::Removed { first, readings, bytes, newest } => {
                write!(f, "Removed {readings} readings that are kept no longer")?;
                if let Some(newest) = newest {
                    write!(f, ", up to {newest}")?;
                }
                write!(f, " ({}); kept from #{first} on", Size(*bytes))
            }
            Self::NotShortened => write!(
                f,
                "Nothing old is removed any more: what has to be remembered of it, its terms and whose readings it held, takes \
                 more than {} MiB, or a reading is in it twice",
                BASE_BYTES_MAX >> 20
            ),
            _ => Ok(()),
        }
    }
}

/// Limits, as options.
struct Kept(Option<Limits>);

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Limits { age, bytes }) = self.0 else { return f.write_str("no --keep") };
        if let Some(age) = age {
            write!(f, "--keep {}h", age.as_secs() / 3600)?;
        }
        if let Some(bytes) = bytes {
            write!(f, "{}--keep-bytes {bytes}", if age.is_some() { " " } else { "" })?;
        }
        Ok(())
    }
}
