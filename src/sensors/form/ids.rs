//! Names of sensors of other programs as sensor ids: each character that an id may not have is a `-`, and what an id may not begin
//! with is left out. `zigbee/attic` is `zigbee-attic`, `A4:C1:38` is `A4-C1-38`.

use std::collections::BTreeMap;

use crate::ids::NAME_BYTES_MAX;
use crate::reading::ReadingError;

const EMPTY: ReadingError = ReadingError { field: "sensor_id", reason: "has no letter or digit" };
const TOO_LONG: ReadingError = ReadingError { field: "sensor_id", reason: "is longer than 64 characters" };
const TAKEN: ReadingError = ReadingError {
    field: "sensor_id",
    reason: "would be that of another sensor, whose name has other characters in place of '-'; see --stdin-fields",
};

/// Names that are remembered. Those beyond are not compared.
const NAMES_MAX: usize = 4096;

/// The name of each id that was given.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<String, String>);

impl Ids {
    /// The id of a name, which no other name gets.
    pub(super) fn sensor_id(&mut self, name: &str) -> Result<String, ReadingError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let mapped: String = name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        let id = mapped.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        if id.is_empty() {
            return Err(EMPTY);
        }
        if id.len() > NAME_BYTES_MAX {
            return Err(TOO_LONG);
        }
        match self.0.get(id) {
            Some(known) if known != name => Err(TAKEN),
            None if self.0.len() < NAMES_MAX => {
                self.0.insert(id.to_owned(), name.to_owned());
                Ok(id.to_owned())
            }
            _ => Ok(id.to_owned()),
        }
    }
}
