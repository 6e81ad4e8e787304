//! What lets a bridge in at an engine: the file of `--credentials`, or what stands in the URL, where everybody on the host can
//! read it.

use std::fs;

use super::{Asked, BridgeError};

/// The text of `--credentials`, if there is any.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn text(asked: &Asked) -> Result<Option<String>, BridgeError> {
    let Some(path) = &asked.credentials else { return Ok(None) };
    let text = fs::read_to_string(path);
    text.map(Some).map_err(|error| BridgeError::Engine(format!("--credentials {}: {error}", path.display())))
}

/// A name and a password, of `--credentials` or of the URL. A token alone is a name without a password.
///
/// # Errors
/// Where the file cannot be read.
#[cfg(any(feature = "bridge-influx", feature = "bridge-mqtt"))]
pub(super) fn user(asked: &Asked) -> Result<Option<(String, String)>, BridgeError> {
    Ok(text(asked)?.as_deref().map(pair).or_else(|| asked.target.user.clone()))
}

/// A name and a password, of what a file holds.
pub(super) fn pair(text: &str) -> (String, String) {
    let (name, password) = text.trim_end().split_once(':').unwrap_or((text.trim_end(), ""));
    (name.to_owned(), password.to_owned())
}
