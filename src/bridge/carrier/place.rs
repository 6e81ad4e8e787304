//! The file of a bridge's position: what it is called, and that no two bridges write it. Several may work beside one peer, for
//! other engines, sensors or topics.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

use super::chosen::Chosen;
use super::{Asked, BridgeError};
use crate::tail::TailError;

/// The file of a position, which is this bridge's as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Held by being open.
    _held: File,
}

impl Place {
    /// # Errors
    /// Where another bridge has it, or nothing can be written there.
    pub(super) fn take(asked: &Asked, root: &Path) -> Result<Self, BridgeError> {
        match &asked.cursor {
            Some(path) => Self::held(path.clone()),
            None => Self::named(root, asked.target.scheme.name(), &of(asked)),
        }
    }

    /// The one beside the directory of the peer, which holds nothing but what the peer wrote.
    fn named(root: &Path, engine: &str, of: &str) -> Result<Self, BridgeError> {
        let beside = |what: &str| {
            let mut name = root.as_os_str().to_owned();
            name.push(format!(".{what}.bridge"));
            PathBuf::from(name)
        };
        let place = Self::held(beside(&format!("{engine}-{:08x}", crc32fast::hash(of.as_bytes()))))?;
        // An earlier version had one name for all bridges to an engine. The first one takes it over.
        if !place.path.exists() {
            match fs::rename(beside(engine), &place.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(&place.path, error)),
                _ => {}
            }
        }
        Ok(place)
    }

    fn held(path: PathBuf) -> Result<Self, BridgeError> {
        // The file itself is replaced each time.
        let mut lock = path.clone().into_os_string();
        lock.push(".lock");
        let opened = File::options().create(true).truncate(false).write(true).open(&lock);
        let held = opened.map_err(|error| unusable(&path, error))?;
        match FileExt::try_lock(&held) {
            Ok(()) => Ok(Self { path, _held: held }),
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                Err(BridgeError::Engine(format!("{path} is the position of another bridge that runs; give --cursor")))
            }
            Err(TryLockError::Error(error)) => Err(unusable(&path, error)),
        }
    }
}

/// Which rows go where: a bridge that is asked for something else has another position.
fn of(asked: &Asked) -> String {
    let Asked { target, group, topic, sensors, .. } = asked;
    format!("{target} {} {group} {topic} {}", target.org.as_deref().unwrap_or_default(), Chosen::of(sensors))
}

fn unusable(path: &Path, cause: io::Error) -> BridgeError {
    TailError::Cursor { path: path.to_owned(), doing: "written", cause }.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::TempDir;

    #[test]
    fn each_bridge_has_a_position_that_no_other_one_takes() {
        let temp = TempDir::new();
        let take = |of| Place::named(&temp.path().join("a"), "nats", of);
        let (one, two) = (take("one").unwrap(), take("two").unwrap());
        assert_ne!(one.path, two.path);
        let error = take("one").unwrap_err().to_string();
        assert_eq!(error, format!("{} is the position of another bridge that runs; give --cursor", one.path.display()));
        let path = one.path.clone();
        drop(one);
        assert_eq!(take("one").unwrap().path, path);
    }

    #[test]
    fn the_position_of_an_earlier_version_is_taken_over_once() {
        let temp = TempDir::new();
        let take = |of| Place::named(&temp.path().join("a"), "nats", of).unwrap();
        fs::write(temp.path().join("a.nats.bridge"), "rows").unwrap();
        let (one, two) = (take("one"), take("two"));
        assert_eq!(fs::read_to_string(&one.path).unwrap(), "rows");
        assert!(!two.path.exists());
    }
}
