//! The file of a bridge's position: what it is called, and that no two bridges write it. Several may work beside one peer, for
//! other engines, sensors or topics.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::chosen::Chosen;
use super::{Asked, BridgeError};
use crate::tail::{CursorFile, TailError};

/// The file of the position of this bridge.
///
/// # Errors
/// Where another bridge has it, or nothing can be written there.
pub(super) fn take(asked: &Asked, root: &Path) -> Result<CursorFile, BridgeError> {
    match &asked.cursor {
        Some(path) => held(path),
        None => named(root, asked.target.scheme.name(), &of(asked)),
    }
}

/// The one beside the directory of the peer, which holds nothing but what the peer wrote.
fn named(root: &Path, engine: &str, of: &str) -> Result<CursorFile, BridgeError> {
    let beside = |what: &str| {
        let mut name = root.as_os_str().to_owned();
        name.push(format!(".{what}.bridge"));
        PathBuf::from(name)
    };
    let file = held(&beside(&format!("{engine}-{:08x}", crc32fast::hash(of.as_bytes()))))?;
    let path = file.path();
    // An earlier version had one name for all bridges to an engine. The first one takes it over.
    if !path.exists() {
        match fs::rename(beside(engine), path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(TailError::Cursor { path: path.to_owned(), doing: "written", cause }.into());
            }
            _ => {}
        }
    }
    Ok(file)
}

fn held(path: &Path) -> Result<CursorFile, BridgeError> {
    CursorFile::take(path).map_err(|error| match error {
        TailError::CursorTaken { path } => {
            let path = path.display();
            BridgeError::Engine(format!("{path} is the position of another bridge that runs; give --cursor"))
        }
        error => error.into(),
    })
}

/// Which rows go where: a bridge that is asked for something else has another position.
fn of(asked: &Asked) -> String {
    let Asked { target, group, topic, sensors, .. } = asked;
    format!("{target} {} {group} {topic} {}", target.org.as_deref().unwrap_or_default(), Chosen::of(sensors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::TempDir;

    #[test]
    fn each_bridge_has_a_position_that_no_other_one_takes() {
        let temp = TempDir::new();
        let take = |of| named(&temp.path().join("a"), "nats", of);
        let (one, two) = (take("one").unwrap(), take("two").unwrap());
        assert_ne!(one.path(), two.path());
        let error = take("one").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{} is the position of another bridge that runs; give --cursor", one.path().display())
        );
        let path = one.path().to_owned();
        drop(one);
        assert_eq!(take("one").unwrap().path(), path);
    }

    #[test]
    fn the_position_of_an_earlier_version_is_taken_over_once() {
        let temp = TempDir::new();
        let take = |of| named(&temp.path().join("a"), "nats", of).unwrap();
        fs::write(temp.path().join("a.nats.bridge"), "rows").unwrap();
        let (one, two) = (take("one"), take("two"));
        assert_eq!(fs::read_to_string(one.path()).unwrap(), "rows");
        assert!(!two.path().exists());
    }
}
