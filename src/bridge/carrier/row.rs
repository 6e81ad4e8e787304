//! A row on its way to an engine, and what it is known by there.

use super::known::Known;
#[cfg(any(feature = "bridge-mqtt", feature = "bridge-nats"))]
use crate::history::json_line;
use crate::history::{Identity, Page};
use crate::ids::Sequence;
use crate::reading::Fields;

/// A row, with everything that engines learn about it.
#[cfg_attr(
    not(any(feature = "bridge-mqtt", feature = "bridge-nats")),
    expect(dead_code, reason = "some engines want less")
)]
pub(super) struct Row<'a> {
    pub(super) sequence: Sequence,
    pub(super) fields: Fields<'a>,
    pub(super) identity: Identity<'a>,
    pub(super) has_unsure_time: bool,
}

impl<'a> Row<'a> {
    /// The rows of a page of the log.
    pub(super) fn all(page: &'a Page) -> impl Iterator<Item = Self> {
        page.rows().filter_map(|(sequence, fields)| {
            let identity = page.identity(sequence)?;
            Some(Self { sequence, fields, identity, has_unsure_time: page.has_unsure_time(sequence) })
        })
    }

    /// Whether the engine has it.
    pub(super) fn is_in(&self, known: &Known) -> bool {
        known.holds(&self.identity, self.fields.sensor_id)
    }

    /// The engine has it now.
    pub(super) fn add_to(&self, known: &mut Known) {
        known.add(self.identity.origin, self.fields.sensor_id, self.identity.number);
    }

    /// The name of the reading, which nothing changes: of its group, the peer and the life that took it in, and its number there.
    #[cfg(any(feature = "bridge-mqtt", feature = "bridge-nats"))]
    pub(super) fn id(&self, group: &str) -> String {
        format!("{group}/{}/{}", self.identity.origin, self.identity.number)
    }

    /// The row as an object of JSON, with its name.
    #[cfg(any(feature = "bridge-mqtt", feature = "bridge-nats"))]
    pub(super) fn json(&self, group: &str) -> String {
        let line = json_line(self.sequence, &self.fields, self.has_unsure_time);
        // Neither a group nor an id of a peer has a character that needs escaping.
        format!("{{\"id\":\"{}\",{}", self.id(group), line.trim_start_matches('{').trim_end())
    }
}
