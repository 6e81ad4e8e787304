//! What lets a bridge in at an engine: the file of `--credentials`, or a name and a password in the URL, where
//! everybody on the host can read them.

use std::fmt::Display;
use std::fs;

use super::{Asked, BridgeError};

/// The text of `--credentials`, if there is any.
///
/// # Errors
/// Where the file cannot be read, or holds nothing.
pub(super) fn text(asked: &Asked) -> Result<Option<String>, BridgeError> {
    let Some(path) = &asked.credentials else { return Ok(None) };
    let unfit = |why: &dyn Display| BridgeError::Engine(format!("--credentials {}: {why}", path.display()));
    let text = fs::read_to_string(path).map_err(|error| unfit(&error))?;
    if text.trim().is_empty() {
        return Err(unfit(&"holds nothing"));
    }
    // A password may end with a space.
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A name and a password, of `--credentials` or of the URL. A token alone is a name without a password.
///
/// # Errors
/// Where the file cannot be read, or holds nothing.
#[cfg(any(feature = "bridge-influx", feature = "bridge-mqtt"))]
pub(super) fn user(asked: &Asked) -> Result<Option<(String, String)>, BridgeError> {
    Ok(text(asked)?.as_deref().map(pair).or_else(|| asked.target.user.clone()))
}

/// A name and a password, of what a file holds.
pub(super) fn pair(text: &str) -> (String, String) {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    (name.to_owned(), password.to_owned())
}
