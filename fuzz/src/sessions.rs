//! Connections of a closed group: what one side seals, what happens to it on the way, and what the other side reads.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use peer::keys::session::{Opener, Sealer, Session, SessionError, HANDSHAKE_BYTES};
use peer::wire::{Decoder, WireError};

use super::draw::Draw;
use super::key_files::keys;

/// How many bytes may be under way: beyond that they arrive first. An input of a few bytes can double them with each step.
const SENT_BYTES_MAX: usize = 1 << 16;

/// How much is said one way before long texts are left out. A byte that is said is allocated some thirty times here, on its way
/// through all that notes it.
const SAID_BYTES_MAX: usize = 1 << 20;

/// One direction of a connection.
struct Way {
    sealer: Sealer,
    opener: Opener,
    /// What was sealed and has not arrived; it may be changed here.
    sent: VecDeque<u8>,
    said: Vec<u8>,
    heard: Vec<u8>,
    /// What was sealed has been changed.
    touched: bool,
    ended: bool,
    broken: bool,
    decoder: Decoder,
}

impl Way {
    fn new(sealer: Sealer, opener: Opener) -> Self {
        Self {
            sealer,
            opener,
            sent: VecDeque::new(),
            said: Vec::new(),
            heard: Vec::new(),
            touched: false,
            ended: false,
            broken: false,
            decoder: Decoder::new(),
        }
    }

    fn say(&mut self, text: &[u8], now: Instant) {
        let mut bytes = Vec::new();
        if !self.ended {
            self.sealer.seal(text, now, &mut bytes);
            self.said.extend(text);
            self.sent.extend(bytes);
        }
    }

    fn end(&mut self) {
        let mut bytes = Vec::new();
        if !std::mem::replace(&mut self.ended, true) {
            self.sealer.end(&mut bytes);
            self.sent.extend(bytes);
        }
    }

    /// Hands over this many bytes as one piece, in one of the two possible ways.
    fn come(&mut self, count: usize, by_space: bool) {
        let came: Vec<u8> = self.sent.drain(..count.min(self.sent.len())).collect();
        if self.broken {
            return;
        }
        if by_space {
            let mut rest = &came[..];
            while !rest.is_empty() {
                let space = self.opener.space();
                let now = rest.len().min(space.len());
                space[..now].copy_from_slice(&rest[..now]);
                self.opener.filled(now);
                rest = &rest[now..];
                self.open();
            }
        } else {
            self.opener.put(&came);
            self.open();
        }
        assert!(self.said.starts_with(&self.heard), "something else was heard than was said");
    }

    fn open(&mut self) {
        while !self.broken {
            let mut text = Vec::new();
            let opened = self.opener.next_text(|length| {
                text.resize(length, 0);
                &mut text
            });
            match opened {
                Ok(Some(length)) => {
                    self.heard.extend(&text[..length]);
                    self.decoder.put(&text[..length]);
                    while let Ok(Some(_)) = self.decoder.next_message() {}
                }
                Ok(None) => return,
                Err(error) => {
                    assert!(self.touched && error == SessionError::Forged, "{error}");
                    self.broken = true;
                }
            }
        }
    }

    fn finish(&mut self) {
        self.come(usize::MAX, true);
        if self.touched {
            return;
        }
        assert_eq!(self.heard, self.said);
        assert_eq!(self.opener.finish().is_ok(), self.ended);
        let whole: Result<(), WireError> = self.decoder.finish();
        assert!(whole.is_ok() || !self.said.is_empty());
    }
}

pub(crate) fn sessions(input: &[u8]) {
    let mut draw = Draw::new(input);
    let Some((one, other)) = pair(&mut draw) else { return };
    let mut ways = [Way::new(one.sealer, other.opener), Way::new(other.sealer, one.opener)];
    let mut now = Instant::now();
    for _ in 0..64 {
        if draw.is_over() {
            break;
        }
        let way = draw.below(2);
        step(&mut draw, &mut ways, way, &mut now);
    }
    ways.iter_mut().for_each(Way::finish);
}

fn step(draw: &mut Draw, ways: &mut [Way; 2], at: usize, now: &mut Instant) {
    if ways.iter().any(|way| way.sent.len() > SENT_BYTES_MAX) {
        for way in ways.iter_mut() {
            way.come(usize::MAX, true);
        }
    }
    let way = &mut ways[at];
    match draw.below(10) {
        0 | 1 => {
            let length = draw.below(256);
            way.say(draw.some(length), *now);
        }
        2 => {
            let (byte, length) = (draw.byte(), usize::from(draw.u16()) * 3);
            if way.said.len() < SAID_BYTES_MAX {
                way.say(&vec![byte; length], *now);
            }
        }
        3 | 4 => way.come(usize::from(draw.u16()), draw.bool()),
        5 => *now += Duration::from_secs(u64::from(draw.byte()) * 30),
        6 => way.end(),
        7 => touch(draw, way),
        8 => {
            // Bytes of one way go back the other way.
            let bytes: Vec<u8> = way.sent.iter().copied().collect();
            ways[1 - at].touched |= !bytes.is_empty();
            ways[1 - at].sent.extend(bytes);
        }
        _ => {
            let again: Vec<u8> = way.sent.iter().copied().collect();
            way.touched |= !again.is_empty();
            way.sent.extend(again);
        }
    }
}

/// Changes, removes or adds bytes on the way.
fn touch(draw: &mut Draw, way: &mut Way) {
    let at = usize::from(draw.u16()) % (way.sent.len() + 1);
    match draw.below(3) {
        0 => {
            let flip = draw.byte();
            if let Some(byte) = way.sent.get_mut(at) {
                *byte ^= flip;
                way.touched |= flip != 0;
            }
        }
        1 => {
            way.touched |= at < way.sent.len();
            way.sent.truncate(at);
        }
        _ => {
            let rest = way.sent.split_off(at);
            let length = draw.below(64);
            let put = draw.some(length);
            way.touched |= !put.is_empty();
            way.sent.extend(put);
            way.sent.extend(rest);
        }
    }
}

/// Both ends, if the handshake comes through.
fn pair(draw: &mut Draw) -> Option<(Session, Session)> {
    let (dialler, listener) = (*draw.pick(&[&[0][..], &[1, 0]]), *draw.pick(&[&[0, 1][..], &[1], &[0, 1, 2]]));
    let group = draw.pick(&["g", "g", "g", "g", "h"]);
    let (dialler, fits) = (keys(dialler, "g"), listener.contains(&dialler[0]) && *group == "g");
    let listener = keys(listener, group);
    let (dialling, mut first) = dialler.dial();
    let changed = change(draw, &mut first, || dialler.dial().1);
    let answered = listener.answer(&first);
    match changed {
        // Somebody with a recording gets an answer, and can do nothing with it.
        Change::None | Change::Recorded => assert_eq!(answered.is_ok(), fits),
        Change::Part => assert!(answered.is_err(), "a handshake that was changed"),
        // It may be a recording, of another key: libFuzzer gives back what it saw compared.
        Change::All => assert!(answered.is_err() || *group == "g", "a handshake that does not fit"),
    }
    let (mut answer, other) = answered.ok()?;
    let given = answer;
    let again = change(draw, &mut answer, || listener.answer(&dialler.dial().1).map_or(given, |(answer, _)| answer));
    let finished = dialling.finish(&answer);
    assert_eq!(finished.is_ok(), (changed, again) == (Change::None, Change::None));
    Some((finished.ok()?, other))
}

/// What happens to one side's bytes of the handshake on their way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Change {
    None,
    /// One byte is another.
    Part,
    /// Any of them are.
    All,
    /// They are those of another handshake.
    Recorded,
}

fn change(
    draw: &mut Draw,
    bytes: &mut [u8; HANDSHAKE_BYTES],
    recorded: impl FnOnce() -> [u8; HANDSHAKE_BYTES],
) -> Change {
    if draw.byte() < 240 {
        return Change::None;
    }
    let before = *bytes;
    let changed = match draw.below(3) {
        0 => {
            bytes[draw.below(HANDSHAKE_BYTES)] ^= draw.byte();
            Change::Part
        }
        1 => {
            let other = draw.some(HANDSHAKE_BYTES);
            bytes[..other.len()].copy_from_slice(other);
            Change::All
        }
        _ => {
            *bytes = recorded();
            Change::Recorded
        }
    };
    if *bytes == before {
        Change::None
    } else {
        changed
    }
}
