//! TLS of engines: who may vouch for one, and what to do where nobody does.

use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription, CertificateError, InvalidMessage};

use super::engine::Fault;
use super::{Asked, BridgeError, Scheme};

/// Checks that TLS is used if a file of authorities is given.
///
/// # Errors
/// If it is not: a password would go out in the clear, and nobody would notice.
pub(super) fn check(asked: &Asked) -> Result<(), BridgeError> {
    let target = &asked.target;
    // A server of NATS asks for TLS by itself.
    if asked.ca_file.is_none() || target.has_tls || target.scheme == Scheme::Nats {
        return Ok(());
    }
    let name = target.scheme.name();
    Err(BridgeError::Engine(format!("--ca-file is for TLS, and {name}:// goes without; give {name}s://")))
}

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
    let unread = |why: &dyn Display| BridgeError::Engine(format!("--ca-file {}: {why}", path.display()));
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unread(&error))?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| unread(&error))?;
    if found.is_empty() {
        Err(unread(&"holds no certificate"))
    } else {
        Ok(found)
    }
}

/// How a client with these authorities talks.
///
/// # Errors
/// Where there are none.
#[cfg(any(feature = "bridge-mqtt", feature = "bridge-nats"))]
pub(super) fn configuration(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, BridgeError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(authorities(ca_file)?);
    let builder = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| BridgeError::Engine(format!("TLS cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// If TLS is why a client failed, what that means, in words that say what to do.
pub(super) fn fault(error: &(dyn Error + 'static), asked: &Asked) -> Option<Fault> {
    use AlertDescription::{BadCertificate, CertificateRequired};
    Some(match cause(error)? {
        rustls::Error::InvalidCertificate(error) => unfit(error, asked),
        rustls::Error::AlertReceived(BadCertificate | CertificateRequired) => Fault::Refused(
            "the server wants a certificate of this bridge, which has none; let it in by a password".to_owned(),
        ),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Fault::Refused(format!("nobody speaks TLS there; {}:// goes without", asked.target.scheme.name()))
        }
        error => Fault::Away(format!("TLS: {error}")),
    })
}

/// The error of TLS that an error of a client is about.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // The source of one of these is the source of what it wraps.
        let wrapped =
            error.downcast_ref().and_then(io::Error::get_ref).map(|wrapped| wrapped as &(dyn Error + 'static));
        next = wrapped.or_else(|| error.source());
    }
    None
}

/// The certificate of an engine does not prove that it is the one that was asked for.
fn unfit(error: &CertificateError, asked: &Asked) -> Fault {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForNameContext, NotValidYet, NotValidYetContext, Other,
        UnknownIssuer,
    };
    Fault::Refused(match error {
        UnknownIssuer | BadSignature => match &asked.ca_file {
            Some(path) => format!(
                "no authority of --ca-file {} vouches for the server; give the file of the one that does",
                path.display()
            ),
            None => "no authority that the system trusts vouches for the server; give --ca-file with the one that does"
                .to_owned(),
        },
        NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = names.join(", ");
            format!(
                "the certificate of the server is for {names}; name it so in the URL, or get it one for its name there"
            )
        }
        Expired | ExpiredContext { .. } => "the certificate of the server has expired; get it another one".to_owned(),
        NotValidYet | NotValidYetContext { .. } => {
            // It passes: a host without a clock of its own learns the time after its start.
            let why = "the certificate of the server is not valid yet; is the clock of this host set?";
            return Fault::Away(why.to_owned());
        }
        error => {
            let why = if let Other(error) = error { error.0.to_string() } else { error.to_string() };
            format!(
                "the certificate of the server cannot be used ({why}); get it one of version 3 that names the host \
                 (subjectAltName) and is not that of an authority (CA:FALSE)"
            )
        }
    })
}

/// A name as it is in a certificate, out of `DnsName("hub.example.org")` or `IpAddress(127.0.0.1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_said_as_it_stands_in_the_certificate() {
        for (presented, name) in [
            ("DnsName(\"*.example.org\")", "*.example.org"),
            ("IpAddress(127.0.0.1)", "127.0.0.1"),
            ("fd00::1", "fd00::1"),
        ] {
            assert_eq!(bare(presented), name);
        }
    }

    #[test]
    fn the_cause_is_found_through_what_wraps_it() {
        let wrapped = || io::Error::other(rustls::Error::InvalidCertificate(CertificateError::Expired));
        for error in [wrapped(), io::Error::other(wrapped())] {
            assert_eq!(cause(&error), Some(&rustls::Error::InvalidCertificate(CertificateError::Expired)));
        }
        assert_eq!(cause(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
