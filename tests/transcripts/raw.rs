//! Bytes as they come on a connection, whoever wrote them.

use peer::ids::PeerId;
use peer::protocol::{ConnectionId, Input};
use peer::wire::Message;

use crate::cast::Cast;
use crate::show;

impl Cast {
    /// Reads text as the daemon does: what makes no sense ends the connection.
    pub(crate) fn read(&mut self, who: &PeerId, number: u64, text: &str) -> String {
        let connection = ConnectionId(number);
        let mut out = String::new();
        let mut messages = Vec::new();
        let decoder = self.actors.get_mut(who).expect("it started").decoders.entry(number).or_default();
        let bytes = text.as_bytes();
        decoder.space()[..bytes.len()].copy_from_slice(bytes);
        decoder.filled(bytes.len());
        let failure = loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        for message in messages {
            out += &self.step(
                who,
                match message {
                    Message::Hello(hello) => Input::Hello { connection, hello },
                    Message::SequencerRequest { term, request } => Input::Requests(vec![(connection, term, request)]),
                    message => Input::Received { connection, message },
                },
            );
        }
        if let Some(error) = failure {
            out += &show::behind("  closed: ", [error.to_string().as_str()]);
            out += &self.step(who, Input::Ended { connection });
        }
        if out.is_empty() {
            "  nothing\n".to_owned()
        } else {
            out
        }
    }
}
