//! The sensors whose rows a bridge hands over. Bridges of one group that take different ones work beside each other, so
//! what one of them says about how far it came counts only for those that want no more than it does.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::ids::{NameError, SensorId};

/// All, as text: no sensor has that name.
const ALL: &str = "*";

/// Some sensors, or all where none is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chosen(BTreeSet<SensorId>);

impl Chosen {
    pub(super) fn of(sensors: &[SensorId]) -> Self {
        Self(sensors.iter().cloned().collect())
    }

    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    /// None where all are.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(SensorId::as_str)
    }

    /// Whether all of the others are among these.
    pub(super) fn covers(&self, others: &Self) -> bool {
        self.is_all() || !others.is_all() && others.0.is_subset(&self.0)
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str(ALL);
        }
        let names: Vec<&str> = self.names().collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Chosen {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == ALL {
            return Ok(Self::default());
        }
        Ok(Self(text.split(',').map(str::parse).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Chosen {
        text.parse().unwrap()
    }

    #[test]
    fn some_sensors_cover_fewer_and_never_all() {
        for (these, others, expected) in [
            ("*", "*", true),
            ("*", "roof", true),
            ("roof", "*", false),
            ("cellar,roof", "roof", true),
            ("roof", "cellar,roof", false),
            ("roof", "cellar", false),
        ] {
            assert_eq!(chosen(these).covers(&chosen(others)), expected, "{these} {others}");
        }
    }

    #[test]
    fn the_same_sensors_are_the_same_text() {
        assert_eq!(chosen("roof,cellar,roof").to_string(), "cellar,roof");
        assert_eq!(Chosen::of(&[]).to_string(), "*");
        assert!("".parse::<Chosen>().is_err() && "a b".parse::<Chosen>().is_err());
    }
}
