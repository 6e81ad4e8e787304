//! Datagrams: one line that says which peers they are for, and one message.

use std::fmt::Write;

use super::cursor::Cursor;
use super::encode::encode;
use super::error::WireError;
use super::message::{Message, PROTOCOL_VERSION};
use super::parse::{self, Parsed};

/// Longest datagram that is looked at; `LEADER` with the longest names has some 400 bytes.
pub const DATAGRAM_BYTES_MAX: usize = 2_048;

/// The peers that share one conversation: others on the same port are not listened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Community {
    pub group: String,
    pub quorum: Option<u32>,
}

impl Community {
    /// Writes a datagram.
    #[must_use]
    pub fn encode(&self, message: &Message) -> Vec<u8> {
        let mut head = format!("PEER:{PROTOCOL_VERSION}:{}:", self.group);
        match self.quorum {
            Some(quorum) => writeln!(head, "{quorum}"),
            None => writeln!(head, "-"),
        }
        .expect("a string takes all");
        let mut bytes = head.into_bytes();
        encode(message, &mut bytes);
        bytes
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// [`WireError::OtherGroup`] and [`WireError::OtherQuorum`] for datagrams of other peers, other errors for what is
    /// no datagram.
    pub fn parse(&self, bytes: &[u8]) -> Result<Message, WireError> {
        let verb = "PEER";
        let text = std::str::from_utf8(bytes).map_err(|_| WireError::Text { verb })?;
        let (head, rest) = text.split_once('\n').ok_or(WireError::Verb)?;
        let mut fields = Cursor::new(head, verb)?;
        let version = fields.number("version")?;
        if version != u64::from(PROTOCOL_VERSION) {
            return Err(WireError::Version { version });
        }
        let group = parse::group(&mut fields)?;
        if group != self.group {
            return Err(WireError::OtherGroup { group });
        }
        let quorum: Option<u32> = fields.optional("quorum", "-")?;
        fields.end()?;
        let line = rest.strip_suffix('\n').filter(|line| !line.contains('\n')).ok_or(WireError::Count { verb })?;
        let parsed = parse::parse(line)?;
        if quorum != self.quorum {
            let leader = match parsed {
                Parsed::Whole(Message::Leader(leadership)) => Some(leadership.leader.endpoint),
                _ => None,
            };
            return Err(WireError::OtherQuorum { quorum, leader });
        }
        match parsed {
            Parsed::Whole(message @ (Message::NewPeerRequest(_) | Message::Leader(_))) => Ok(message),
            Parsed::Whole(_) | Parsed::Head { .. } => Err(WireError::Verb),
        }
    }
}
