//! The bytes of a connection, as the decoder takes them apart.

use peer::wire::{Decoder, Message, WireError};

use super::draw::Draw;
use super::messages::{text, well_formed};

/// What a decoder holds beyond twice what came: a piece as large as it asks for.
const SPARE_BYTES: usize = 128 * 1024;

/// The messages in pieces of at most this many bytes, and the error after them.
fn decode(bytes: &[u8], piece: usize) -> (Vec<Message>, Result<(), WireError>) {
    let (mut decoder, mut messages) = (Decoder::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        decoder.put(piece);
        assert!(decoder.held() <= 2 * bytes.len() + SPARE_BYTES, "{} for {}", decoder.held(), bytes.len());
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
    }
    (messages, decoder.finish())
}

/// Any bytes. What is read of them is written, and read again unchanged.
pub(crate) fn lines(input: &[u8]) {
    let mut draw = Draw::new(input);
    let piece = usize::from(draw.byte()) + 1;
    let bytes = draw.rest();
    let (messages, end) = decode(bytes, bytes.len().max(1));
    assert_eq!(decode(bytes, piece), (messages.clone(), end), "in pieces of {piece}");
    let said: Vec<u8> = messages.iter().flat_map(text).collect();
    let (again, end) = decode(&said, said.len().max(1));
    assert_eq!((again.len(), end), (messages.len(), Ok(())));
    for (message, again) in messages.iter().zip(&again) {
        // Control characters, which no log line may hold, are not passed on.
        assert!(message == again || matches!(message, Message::Error { .. }), "{message:?} is read as {again:?}");
    }
    assert_eq!(again.iter().flat_map(text).collect::<Vec<u8>>(), said);
}

/// Messages as peers write them, and the same with one byte changed.
pub(crate) fn messages(input: &[u8]) {
    let mut draw = Draw::new(input);
    let (piece, flip, at) = (usize::from(draw.u16()) + 1, draw.byte(), usize::from(draw.u16()));
    let (mut messages, mut bytes) = (Vec::new(), Vec::new());
    while !draw.is_over() && messages.len() < 8 {
        let message = draw.message();
        // The types can hold more than can be said.
        if let Some(message) = well_formed(&message) {
            bytes.extend(text(&message));
            messages.push(message);
        }
    }
    assert_eq!(decode(&bytes, piece), (messages.clone(), Ok(())));
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= flip;
        let batches = |messages: &[Message]| -> Vec<_> {
            let bytes = messages.iter().map(|message| peer::wire::readings(message).to_vec());
            bytes.filter(|bytes| !bytes.is_empty()).collect()
        };
        let sound = batches(&messages);
        for batch in batches(&decode(&bytes, piece).0) {
            assert!(sound.contains(&batch), "the checksum does not notice one byte");
        }
    }
}
