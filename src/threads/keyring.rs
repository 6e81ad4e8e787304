//! The keys of a closed group, from their file: read at the start, and again on SIGHUP.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use super::lock::read;
#[cfg(unix)]
use super::lock::write;
use crate::keys::file::{self, KeyFileError};
use crate::keys::Keys;

/// The present keys. Connections that are up keep the keys that they were made with.
pub(super) struct Keyring {
    #[cfg(unix)]
    path: PathBuf,
    #[cfg(unix)]
    group: String,
    keys: RwLock<Arc<Keys>>,
    /// Datagrams sealed so far in this life.
    sealed: AtomicU64,
}

impl Keyring {
    /// # Errors
    /// Says what is wrong with the file.
    pub(super) fn open(path: PathBuf, group: String) -> Result<Self, KeyFileError> {
        let keys = Keys::new(&file::read(&path)?, &group);
        tell(&keys);
        Ok(Self {
            #[cfg(unix)]
            path,
            #[cfg(unix)]
            group,
            keys: RwLock::new(Arc::new(keys)),
            sealed: AtomicU64::new(0),
        })
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&read(&self.keys))
    }

    /// What seals datagrams with the present keys, without a lock.
    pub(super) fn seal(&self) -> impl Fn(&[u8]) -> Vec<u8> + '_ {
        let keys = self.keys();
        move |datagram| keys.seal_datagram(self.sealed.fetch_add(1, Ordering::Relaxed), datagram)
    }

    /// Reads the file again. Where it cannot be read, the keys stay as they are.
    #[cfg(unix)]
    pub(super) fn read_again(&self) {
        match file::read(&self.path) {
            Ok(keys) => {
                let keys = Arc::new(Keys::new(&keys, &self.group));
                *write(&self.keys) = Arc::clone(&keys);
                tell(&keys);
            }
            Err(error) => {
                log::warn!(event = "keys_kept"; "Asked to read the keys again: {error}; the earlier keys still count");
            }
        }
    }
}

fn tell(keys: &Keys) {
    let (speaks, count) = (keys.speaks(), keys.fingerprints().count());
    let others = match count {
        1 => String::new(),
        _ => format!(", and understands {count} keys"),
    };
    log::info!(event = "closed_group", key:% = speaks, keys = count; "Closed group: this peer speaks with key {speaks}{others}");
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::super::discovery;
    use super::super::lock::try_lock;
    use super::super::trial::{contact, ended, nobody, write_key, Trial};
    use super::*;
    use crate::keys::tests::key;
    use crate::log_lines::captured;
    use crate::storage::TempDir;
    use crate::wire::Message;

    /// A file with the first of these keys, and the other ones below it.
    fn write_keys(path: &Path, bytes: &[u8]) {
        write_key(path, bytes[0]);
        let keys = bytes.iter().map(|byte| format!("peer-key-1 {}\n", format!("{byte:02x}").repeat(32)));
        std::fs::write(path, keys.collect::<String>()).unwrap();
    }

    fn open(temp: &TempDir, bytes: &[u8]) -> (Keyring, Vec<String>) {
        let path = temp.path().join("key");
        write_keys(&path, bytes);
        let (keyring, lines) = captured(|| Keyring::open(path, "g".to_owned()));
        (keyring.unwrap(), lines)
    }

    #[test]
    fn it_is_told_which_key_a_peer_speaks_with_and_how_many_it_understands() {
        let first = key(1).fingerprint();
        for (bytes, others) in [(&[1][..], ""), (&[1, 2, 3], ", and understands 3 keys")] {
            let (keyring, lines) = open(&TempDir::new(), bytes);
            let text = format!("INFO closed_group: Closed group: this peer speaks with key {first}{others}");
            assert_eq!(lines, [text]);
            assert_eq!(keyring.keys().fingerprints().count(), bytes.len());
        }
    }

    #[test]
    fn each_datagram_is_sealed_under_a_number_of_its_own() {
        let (keyring, _) = open(&TempDir::new(), &[1]);
        for counter in 0..3 {
            let opened = keyring.keys().open_datagram(&keyring.seal()(b"text")).expect("the key is the same");
            assert_eq!((opened.counter, &opened.datagram[..]), (counter, &b"text"[..]));
        }
    }

    #[test]
    fn keys_are_read_again_and_stay_where_they_cannot_be() {
        let temp = TempDir::new();
        let (keyring, _) = open(&temp, &[1]);
        let path = temp.path().join("key");
        write_keys(&path, &[2]);
        let ((), lines) = captured(|| keyring.read_again());
        let second = key(2).fingerprint();
        assert_eq!(keyring.keys().speaks(), second);
        assert_eq!(lines, [format!("INFO closed_group: Closed group: this peer speaks with key {second}")]);
        std::fs::write(&path, "nonsense").unwrap();
        let ((), lines) = captured(|| keyring.read_again());
        assert_eq!(keyring.keys().speaks(), second);
        let is_told =
            |line: &String| line.starts_with("WARN keys_kept: ") && line.ends_with("the earlier keys still count");
        assert!(lines.len() == 1 && is_told(&lines[0]), "{lines:?}");
    }

    /// Which of two locks it waits for shows only where another thread holds the first.
    #[test]
    fn a_thread_that_waits_for_the_keys_keeps_no_other_from_the_discovery_sockets() {
        let trial = Trial::closed(1);
        let node = Arc::clone(&trial.node);
        let changing = write(&trial.node.keyring.as_ref().unwrap().keys);
        let broadcasts = thread::spawn(move || {
            discovery::broadcast(&node, &Message::NewPeerRequest(contact("a", nobody())));
        });
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(50) {
            assert!(try_lock(trial.node.datagrams.as_ref().unwrap()).is_some());
            thread::sleep(Duration::from_millis(1));
        }
        assert!(!broadcasts.is_finished());
        drop(changing);
        ended(broadcasts);
    }
}
