//! Datagrams of a closed group are sealed whole. A listener without the key learns that there is a closed group, but
//! not its name, and no ids or addresses. A code beside readable text would cost as many bytes and hide nothing.
//!
//! ```text
//! PEER+1 LF │ nonce, 24 bytes │ sealed: counter, 8 bytes │ datagram of an open group │ code, 16 bytes
//! ```
//!
//! Each datagram has its own nonce, drawn at random; 24 bytes are enough for that (XChaCha20-Poly1305). The counter
//! shows which datagrams are played back: see [`Windows`].

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key as CipherKey, KeyInit, XChaCha20Poly1305, XNonce};
use rand::Rng;

use super::{Fingerprint, Keys, Secret};
use crate::ids::{parse_number, Incarnation, PeerId};

/// The version of the seal.
pub const VERSION: u64 = 1;

/// The beginning of a sealed datagram, and of no datagram of an open group.
pub const MAGIC: &[u8] = b"PEER+1\n";

const NONCE_BYTES: usize = 24;
const COUNTER_BYTES: usize = 8;
const CODE_BYTES: usize = 16;

/// How much longer a sealed datagram is than its content.
pub const SEAL_BYTES: usize = MAGIC.len() + NONCE_BYTES + COUNTER_BYTES + CODE_BYTES;

/// What was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Each datagram of a sender has a higher counter than the one before.
    pub counter: u64,
    /// The datagram as in an open group.
    pub datagram: Vec<u8>,
    /// The key it was sealed with.
    pub fingerprint: Fingerprint,
}

/// Whether this is a datagram of some closed group.
#[must_use]
pub fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// A datagram is sealed in another way than this program seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it seals in version {version}, this peer seals in version {VERSION}; upgrade {}",
    if *version > VERSION { "this peer" } else { "that one" }
)]
pub struct OtherSeal {
    version: u64,
}

/// How a datagram is sealed, if in another way than this program seals.
#[must_use]
pub fn other_seal(bytes: &[u8]) -> Option<OtherSeal> {
    let rest = bytes.strip_prefix(b"PEER+")?;
    let line = std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == b'\n')?]).ok()?;
    parse_number(line).filter(|version| *version != VERSION).map(|version| OtherSeal { version })
}

fn cipher(key: &Secret) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(CipherKey::from_slice(&**key))
}

impl Keys {
    /// Seals a datagram with the key that this peer speaks with.
    #[must_use]
    pub fn seal_datagram(&self, counter: u64, datagram: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        rand::rng().fill_bytes(&mut nonce);
        let plain = [&counter.to_be_bytes(), datagram].concat();
        let payload = Payload { msg: &plain, aad: MAGIC };
        let sealed = cipher(&self.keys[0].datagrams).encrypt(XNonce::from_slice(&nonce), payload);
        [MAGIC, &nonce, &sealed.expect("a datagram is short")].concat()
    }

    /// Opens a datagram with the key that it was sealed with. `None`: it was sealed with none of these keys for this
    /// group.
    #[must_use]
    pub fn open_datagram(&self, bytes: &[u8]) -> Option<Opened> {
        let (nonce, sealed) = bytes.strip_prefix(MAGIC)?.split_at_checked(NONCE_BYTES)?;
        self.keys.iter().find_map(|key| {
            let payload = Payload { msg: sealed, aad: MAGIC };
            let plain = cipher(&key.datagrams).decrypt(XNonce::from_slice(nonce), payload).ok()?;
            let (counter, datagram) = plain.split_first_chunk::<COUNTER_BYTES>()?;
            let (counter, datagram) = (u64::from_be_bytes(*counter), datagram.to_vec());
            Some(Opened { counter, datagram, fingerprint: key.fingerprint })
        })
    }
}

/// How many senders are remembered. Only a holder of the key can be one.
const SENDERS_MAX: usize = 1024;

/// The datagrams that came from each life of each sender: each of the last 64 counters counts once, and none before
/// them.
#[derive(Debug, Default)]
pub struct Windows {
    senders: BTreeMap<(PeerId, Incarnation), Window>,
    /// Datagrams that counted, ever.
    heard: u64,
}

#[derive(Debug, Default)]
struct Window {
    /// The highest counter, and which of the 64 up to it came: the lowest bit is its own.
    highest: u64,
    came: u64,
    /// When it was heard last, as a number of datagrams.
    at: u64,
}

impl Windows {
    /// Whether this datagram counts. It does not if it came before, or is older than 64 others.
    pub fn is_new(&mut self, sender: &PeerId, life: Incarnation, counter: u64) -> bool {
        self.heard += 1;
        let key = (sender.clone(), life);
        if !self.senders.contains_key(&key) && self.senders.len() >= SENDERS_MAX {
            let oldest = self.senders.iter().min_by_key(|(_, window)| window.at).map(|(key, _)| key.clone());
            oldest.and_then(|oldest| self.senders.remove(&oldest));
        }
        let window = self.senders.entry(key).or_default();
        window.at = self.heard;
        window.take(counter)
    }
}

impl Window {
    fn take(&mut self, counter: u64) -> bool {
        if counter > self.highest || self.came == 0 {
            let by = counter.saturating_sub(self.highest);
            self.came = u32::try_from(by).ok().and_then(|by| self.came.checked_shl(by)).unwrap_or(0) | 1;
            self.highest = counter;
            return true;
        }
        let bit = u32::try_from(self.highest - counter).ok().and_then(|back| 1_u64.checked_shl(back));
        let is_new = bit.is_some_and(|bit| self.came & bit == 0);
        self.came |= bit.unwrap_or(0);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::key;
    use super::*;

    #[test]
    fn only_a_holder_of_the_key_opens_what_is_sealed() {
        let (old, new, other) = (key(1), key(2), key(3));
        let sealed = Keys::new(&[new.clone(), old.clone()], "g").seal_datagram(7, b"PEER:2:g:-\nNEW\n");
        assert_eq!(sealed.len(), b"PEER:2:g:-\nNEW\n".len() + SEAL_BYTES);
        assert!(is_sealed(&sealed));
        let opened = Keys::new(&[old.clone(), new.clone()], "g").open_datagram(&sealed).unwrap();
        assert_eq!((opened.counter, &opened.datagram[..]), (7, &b"PEER:2:g:-\nNEW\n"[..]));
        assert_eq!(opened.fingerprint, new.fingerprint());
        assert_eq!(Keys::new(&[old], "g").open_datagram(&sealed), None, "without the new key");
        assert_eq!(Keys::new(&[other], "g").open_datagram(&sealed), None, "another key");
        assert_eq!(Keys::new(&[new], "h").open_datagram(&sealed), None, "another group");
    }

    #[test]
    fn a_sealed_datagram_shows_nothing_of_what_is_in_it() {
        let keys = Keys::new(&[key(1)], "greenhouse");
        let text = b"PEER:2:greenhouse:-\nNEW_PEER_REQUEST:kitchen:0:1:10.0.0.7:7000\n";
        let (one, other) = (keys.seal_datagram(1, text), keys.seal_datagram(1, text));
        for word in [&b"greenhouse"[..], b"kitchen", b"7000", b"NEW"] {
            assert!(!one.windows(word.len()).any(|window| window == word));
        }
        assert_ne!(one[MAGIC.len()..], other[MAGIC.len()..], "the same text twice");
    }

    #[test]
    fn another_seal_is_told_from_no_seal() {
        assert_eq!(MAGIC, format!("PEER+{VERSION}\n").as_bytes());
        for (bytes, version) in [
            (&b"PEER+2\n\x00\xff"[..], Some(2)),
            (b"PEER+1\n\x00\xff", None),
            (b"PEER:3:sensors:-\nNEW", None),
            (b"PEER+\n", None),
            (b"PEER+02\n", None),
            (b"PEER+2", None),
        ] {
            assert_eq!(other_seal(bytes).map(|other| other.version), version, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn every_byte_counts() {
        let keys = Keys::new(&[key(1)], "g");
        let sealed = keys.seal_datagram(1, b"text");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(keys.open_datagram(&changed), None, "byte {at}");
            assert_eq!(keys.open_datagram(&sealed[..at]), None, "{at} bytes");
        }
    }

    #[test]
    fn a_datagram_counts_once() {
        let mut windows = Windows::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        for (counter, counts) in
            [(5, true), (5, false), (4, true), (4, false), (68, true), (5, false), (6, true), (4, false), (67, true)]
        {
            assert_eq!(windows.is_new(&a, 1, counter), counts, "{counter}");
        }
        assert!(windows.is_new(&a, 1, u64::MAX) && !windows.is_new(&a, 1, 68));
        assert!(windows.is_new(&a, 2, 5), "another life");
        assert!(windows.is_new(&b, 1, 0) && !windows.is_new(&b, 1, 0), "another peer");
    }

    #[test]
    fn the_senders_heard_last_are_remembered() {
        let mut windows = Windows::default();
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(windows.is_new(&a, 0, 1));
        for life in 0..2 * SENDERS_MAX as u64 {
            assert!(windows.is_new(&b, life, 1));
            assert!(!windows.is_new(&a, 0, 1));
        }
        assert_eq!(windows.senders.len(), SENDERS_MAX);
    }
}
