//! Turns bytes into choices, one after the other. After the last byte come zeros, so that the beginning of an input is
//! a shorter input.

use std::net::{IpAddr, SocketAddr};

use peer::ids::{Incarnation, Origin, PeerId, Sequence, Term, INCARNATION_MAX, NUMBER_MAX};
use peer::wire::{Contact, Token};

/// Names of peers. Their order is that of their ranks.
pub(crate) const NAMES: [&str; 6] =
    ["a", "b", "m", "n", "z", "z23456789-123456789-123456789-123456789-123456789-123456789-1234"];

/// What is true of the receiver: random values rarely fit.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub terms: Vec<Term>,
    pub sequences: Vec<Sequence>,
    pub tokens: Vec<Token>,
    pub life: Incarnation,
}

#[derive(Debug)]
pub(crate) struct Draw<'a> {
    bytes: &'a [u8],
    pub known: Known,
}

impl<'a> Draw<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, known: Known::default() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    /// This many bytes, or what is left.
    pub(crate) fn some(&mut self, count: usize) -> &'a [u8] {
        let (some, rest) = self.bytes.split_at(count.min(self.bytes.len()));
        self.bytes = rest;
        some
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.some(1).first().copied().unwrap_or(0)
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub(crate) fn u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        bytes.fill_with(|| self.byte());
        u64::from_le_bytes(bytes)
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Less than `end`, which is at most 256.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    pub(crate) fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    pub(crate) fn maybe<T>(&mut self, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.bool().then(|| draw(self))
    }

    /// Small, near what is known, or at the end of all numbers.
    pub(crate) fn number(&mut self) -> u64 {
        let byte = self.byte();
        let step = u64::from(byte % 16);
        match byte / 16 {
            0..4 => step,
            4..8 if !self.known.sequences.is_empty() => {
                let near =
                    *self.known.sequences.get(usize::from(byte / 16 - 4) % self.known.sequences.len()).expect("below");
                (near + step).saturating_sub(4).min(NUMBER_MAX)
            }
            8..14 => 1 << (step * 4),
            14 => NUMBER_MAX - step,
            _ => self.u64() % (NUMBER_MAX + 1),
        }
    }

    pub(crate) fn life(&mut self) -> Incarnation {
        match self.byte() {
            0..200 => 5,
            byte @ 200..220 => u64::from(byte - 200),
            byte @ 220..240 => (self.known.life + u64::from(byte - 220)).saturating_sub(10).min(INCARNATION_MAX),
            _ => self.number().min(INCARNATION_MAX),
        }
    }

    pub(crate) fn id(&mut self) -> PeerId {
        self.pick(&NAMES).parse().expect("a name")
    }

    pub(crate) fn origin(&mut self) -> Origin {
        Origin { peer: self.id(), incarnation: self.life() }
    }

    pub(crate) fn term(&mut self) -> Term {
        let known = self.known.terms.len();
        if known > 0 && self.bool() {
            let mut term = {
                let at = self.below(known);
                self.known.terms[at].clone()
            };
            term.counter = (term.counter + self.below(3) as u64).min(NUMBER_MAX);
            return term;
        }
        Term { counter: self.number(), leader: self.id(), incarnation: self.life() }
    }

    pub(crate) fn token(&mut self) -> Token {
        let known = self.known.tokens.len();
        if known > 0 && self.bool() {
            let at = self.below(known);
            return self.known.tokens[at];
        }
        Token(self.u64())
    }

    /// Mostly where the peer of this name is.
    pub(crate) fn endpoint_of(&mut self, id: &PeerId) -> SocketAddr {
        let at = NAMES.iter().position(|name| *name == id.as_str()).unwrap_or(0);
        let (ip, port): (IpAddr, u16) = match self.byte() {
            0..180 => ([127, 0, 0, 1].into(), 8000 + u16::try_from(at).expect("few names")),
            byte @ 180..220 => ([127, 0, 0, 1].into(), 8000 + u16::from(byte - 180)),
            220..230 => ([0, 0, 0, 0].into(), 8000),
            230..240 => ([10, 0, 0, self.byte()].into(), self.u16()),
            240..250 => ([0xfd, 0, 0, 0, 0, 0, 0, u16::from(self.byte())].into(), 7),
            _ => ([0_u16; 8].into(), 0),
        };
        SocketAddr::new(ip, port)
    }

    pub(crate) fn contact(&mut self) -> Contact {
        let id = self.id();
        let endpoint = self.endpoint_of(&id);
        Contact { id, priority: self.priority(), incarnation: self.life(), endpoint }
    }

    pub(crate) fn priority(&mut self) -> i64 {
        match self.byte() {
            0..200 => 0,
            byte @ 200..240 => i64::from(byte) - 220,
            byte if byte % 2 == 0 => i64::MIN,
            _ => i64::MAX,
        }
    }
}
