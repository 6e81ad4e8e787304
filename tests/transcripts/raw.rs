//! Bytes on a connection, from any writer.

use std::net::IpAddr;

use peer::ids::PeerId;
use peer::protocol::{ConnectionId, Input};
use peer::wire::{Decoder, Message, WireError};

use crate::cast::Cast;
use crate::show;

/// The messages of a text, and the error after them.
pub(crate) fn decoded(decoder: &mut Decoder, text: &str) -> (Vec<Message>, Option<WireError>) {
    let (mut messages, bytes) = (Vec::new(), text.as_bytes());
    decoder.space()[..bytes.len()].copy_from_slice(bytes);
    decoder.filled(bytes.len());
    loop {
        match decoder.next_message() {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(error) => return (messages, Some(error)),
        }
    }
}

impl Cast {
    /// Reads text as the daemon does: text that makes no sense ends the connection. It comes from the address that it
    /// names, or from another one.
    pub(crate) fn read(&mut self, who: &PeerId, number: u64, from: Option<IpAddr>, text: &str) -> String {
        let connection = ConnectionId(number);
        let mut out = String::new();
        let decoder = self.actors.get_mut(who).expect("it started").decoders.entry(number).or_default();
        let (messages, failure) = decoded(decoder, text);
        let at = self.actors[who].peer.hello(None).endpoint;
        for message in messages {
            out += &self.step(
                who,
                match message {
                    Message::Hello(hello) => {
                        Input::Hello { connection, from: from.unwrap_or(hello.endpoint.ip()), at, hello }
                    }
                    Message::SequencerRequest { term, request } => Input::Requests(vec![(connection, term, request)]),
                    message => Input::Received { connection, message },
                },
            );
        }
        if let Some(error) = failure {
            out += &show::prefixed("  closed: ", [error.to_string().as_str()]);
            out += &self.step(who, Input::Ended { connection });
        }
        out += &self.ask();
        if out.is_empty() {
            "  nothing\n".to_owned()
        } else {
            out
        }
    }
}
