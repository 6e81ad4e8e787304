//! The keys of a closed group: what is derived from them, and what that seals. Nothing here reads a socket or a clock.
//!
//! A key is 32 bytes that all peers of a group share. It seals nothing itself. For each group name two other keys are
//! derived from it, one for datagrams ([`datagram`]) and one for connections ([`session`]): nothing sealed with one
//! counts under the other, or in another group.

pub mod datagram;
pub mod file;
pub mod session;

use std::fmt;

use blake2::digest::Mac;
use blake2::Blake2sMac256;
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// How many keys a group may have at a time: while a key is replaced, all peers know both.
pub const KEYS_MAX: usize = 8;

/// A secret of this many bytes, which is wiped when it is dropped.
type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// What a person compares to see that two peers have the same key. It reveals nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint([u8; 8]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, pair) in self.0.chunks(2).enumerate() {
            let dash = if at == 0 { "" } else { "-" };
            write!(f, "{dash}{:02x}{:02x}", pair[0], pair[1])?;
        }
        Ok(())
    }
}

/// One key.
#[derive(Clone)]
pub struct Key(Secret);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

impl Key {
    fn new(bytes: Secret) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = self.derive(b"fingerprint", "");
        Fingerprint(*digest.first_chunk().expect("a digest is longer"))
    }

    /// A key for one use in one group.
    fn derive(&self, used_for: &[u8], group: &str) -> Secret {
        let mut mac = <Blake2sMac256 as Mac>::new_from_slice(&*self.0).expect("a key of 32 bytes");
        mac.update(b"peer 1 ");
        mac.update(used_for);
        mac.update(b" ");
        mac.update(group.as_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }
}

/// The keys that one key gives in a group.
struct Derived {
    fingerprint: Fingerprint,
    datagrams: Secret,
    connections: Secret,
}

/// The keys of a group. A peer speaks with the first and understands all.
pub struct Keys {
    group: String,
    keys: Vec<Derived>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fingerprints()).finish()
    }
}

impl Keys {
    /// # Panics
    /// Where there is no key: a group without a key is an open one.
    #[must_use]
    pub fn new(keys: &[Key], group: &str) -> Self {
        assert!(!keys.is_empty(), "a closed group has a key");
        let derived = keys.iter().map(|key| Derived {
            fingerprint: key.fingerprint(),
            datagrams: key.derive(b"datagrams", group),
            connections: key.derive(b"connections", group),
        });
        Self { group: group.to_owned(), keys: derived.collect() }
    }

    /// The fingerprints of all keys. The key that this peer speaks with comes first.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.keys.iter().map(|key| key.fingerprint)
    }

    /// The key that this peer speaks with.
    #[must_use]
    pub fn speaks(&self) -> Fingerprint {
        self.keys[0].fingerprint
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A key of a test.
    pub(crate) fn key(byte: u8) -> Key {
        Key::new(Zeroizing::new([byte; KEY_BYTES]))
    }

    #[test]
    fn each_use_and_each_group_has_its_own_key() {
        let derived = |byte, used_for: &[u8], group| *key(byte).derive(used_for, group);
        let mut all = Vec::new();
        for byte in [1, 2] {
            for used_for in [&b"datagrams"[..], b"connections", b"fingerprint"] {
                for group in ["a", "b", ""] {
                    all.push(derived(byte, used_for, group));
                }
            }
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn a_key_prints_as_its_fingerprint() {
        let (one, other) = (key(1), key(2));
        assert_eq!(format!("{one:?}"), format!("Key({})", one.fingerprint()));
        assert_ne!(one.fingerprint(), other.fingerprint());
        let text = one.fingerprint().to_string();
        assert_eq!((text.len(), text.matches('-').count()), (19, 3), "{text}");
        assert_eq!(format!("{:?}", Keys::new(&[one], "g")), format!("[{:?}]", key(1).fingerprint()));
    }
}
