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

    /// Seals a datagram.
    pub(super) fn seal(&self, datagram: &[u8]) -> Vec<u8> {
        let counter = self.sealed.fetch_add(1, Ordering::Relaxed);
        self.keys().seal_datagram(counter, datagram)
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
