//! Who may vouch for an engine, and what lets a bridge in there.

use std::fs;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;

use super::{Asked, BridgeError};

/// The authorities of a file, or those that the system trusts.
///
/// # Errors
/// Where there are none.
pub(super) fn authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, BridgeError> {
    let Some(path) = ca_file else {
        let found = rustls_native_certs::load_native_certs().certs;
        return if found.is_empty() {
            Err(BridgeError::Engine("the system trusts no authority for TLS; give --ca-file".to_owned()))
        } else {
            Ok(found)
        };
    };
    let unread = |why: &dyn std::fmt::Display| BridgeError::Engine(format!("--ca-file {}: {why}", path.display()));
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unread(&error))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| unread(&error))?;
    if found.is_empty() {
        Err(unread(&"holds no certificate"))
    } else {
        Ok(found)
    }
}

/// A name and a password, of `--credentials` or of the URL. A token alone is a name without a password.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn credentials(asked: &Asked) -> Result<Option<(String, String)>, BridgeError> {
    let Some(path) = &asked.credentials else { return Ok(asked.target.user.clone()) };
    let text = fs::read_to_string(path)
        .map_err(|error| BridgeError::Engine(format!("--credentials {}: {error}", path.display())))?;
    let (name, password) = text.trim_end().split_once(':').unwrap_or((text.trim_end(), ""));
    Ok(Some((name.to_owned(), password.to_owned())))
}
