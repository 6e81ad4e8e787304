//! What a bridge needs of an engine, and which engines there are.

use std::fmt;
use std::time::Duration;

use super::known::Known;
use super::row::Row;
use super::{Asked, BridgeError, Scheme};

/// An engine that rows are handed to.
pub(super) trait Engine {
    /// Connects. An engine that can tell which rows it holds adds them to `known`.
    fn open(&mut self, known: &mut Known) -> Result<(), Fault>;

    /// Hands rows over in their order, all or as many as go at a time, and adds to `known` what was acknowledged. After a
    /// fault nobody knows what became of the rest: the engine is opened again.
    fn send(&mut self, rows: &[Row], known: &mut Known) -> Result<(), Fault>;

    /// Hangs up.
    fn close(&mut self);
}

/// Why rows are not with the engine.
#[derive(Debug)]
pub(super) enum Fault {
    /// It cannot be reached, or does not answer: that passes.
    Away(String),
    /// It takes no rows for this long, as it says.
    #[cfg_attr(not(feature = "bridge-influx"), expect(dead_code, reason = "other engines do not tell"))]
    Busy(String, Duration),
    /// Another bridge handed over a row meanwhile.
    #[cfg_attr(not(feature = "bridge-nats"), expect(dead_code, reason = "other engines cannot tell"))]
    Overtaken,
    /// It does not take rows from here until somebody changes something.
    Refused(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) | Self::Busy(why, _) | Self::Refused(why) => f.write_str(why),
            Self::Overtaken => f.write_str("other bridges are faster again and again"),
        }
    }
}

/// The engine that is asked for.
///
/// # Errors
/// Where this program is built without it.
pub(super) fn of(asked: &Asked) -> Result<Box<dyn Engine>, BridgeError> {
    match asked.target.scheme {
        #[cfg(feature = "bridge-nats")]
        Scheme::Nats => Ok(Box::new(super::nats::Nats::new(asked)?)),
        #[cfg(feature = "bridge-mqtt")]
        Scheme::Mqtt => Ok(Box::new(super::mqtt::Mqtt::new(asked)?)),
        #[cfg(feature = "bridge-influx")]
        Scheme::Influx => Ok(Box::new(super::influx::Influx::new(asked)?)),
        #[cfg(not(all(feature = "bridge-nats", feature = "bridge-mqtt", feature = "bridge-influx")))]
        scheme => Err(BridgeError::not_built(scheme)),
    }
}
