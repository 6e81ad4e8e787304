//! One question to one running peer, on a connection for that alone; and which peers are asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Asked;
use crate::keys::Keys;
use crate::net::{self, DialError, Dialled, ReadError};
use crate::selection::peers_below;
use crate::status::words::{Reply, Unanswered};
use crate::status::Report;
use crate::storage::{occupant, Occupant};

use crate::wire::Message;

/// The longest wait for a connection, and then for the answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of an answer: a view of some thousand members.
const ANSWER_BYTES_MAX: usize = 1024 * 1024 + 16;

/// Asks all peers that are named, or all below the data directories.
///
/// # Errors
/// Says which place does not exist.
pub(super) fn all(asked: &Asked, keys: Option<&Keys>) -> Result<Vec<Reply>, String> {
    let mut found = Vec::new();
    let mut directories = Vec::new();
    if asked.places.is_empty() {
        for dir in asked.data_dirs.iter().filter(|dir| dir.exists()) {
            directories.extend(peers_below(dir)?);
        }
    }
    for place in &asked.places {
        let path = Path::new(place);
        if path.is_dir() {
            directories.extend(peers_below(path)?);
        } else if place.contains(':') {
            let answer = at_address(place, keys);
            found.push(Reply { place: place.clone(), answer });
        } else if let Some(dir) = asked.data_dirs.iter().find_map(|dir| named(dir, place)) {
            directories.push(dir);
        } else {
            return Err(format!(
                "{place} is no directory, no id of a peer with one in --data-dir, and no HOST:PORT; name one of these"
            ));
        }
    }
    for directory in directories {
        let answer = in_directory(&directory, keys);
        found.push(Reply { place: directory.display().to_string(), answer });
    }
    Ok(found)
}

/// The directory of a peer of this id.
fn named(data_dir: &Path, id: &str) -> Option<PathBuf> {
    let directory = crate::storage::directory_of(data_dir, &id.parse().ok()?);
    directory.is_dir().then_some(directory)
}

fn in_directory(directory: &Path, keys: Option<&Keys>) -> Result<Box<Report>, Unanswered> {
    match occupant(directory) {
        None => Err(Unanswered::Stopped),
        Some(Occupant { endpoint: Some(endpoint), .. }) => at(here(endpoint), keys),
        Some(Occupant { process, .. }) => {
            let process = process.map_or_else(|| "a process".to_owned(), |process| format!("process {process}"));
            let why = format!("{process} uses the directory, and does not say where it listens; name HOST:PORT");
            Err(Unanswered::Unreachable(why))
        }
    }
}

/// How to reach a peer of this host that may listen at all addresses.
pub(crate) fn here(endpoint: SocketAddr) -> SocketAddr {
    let ip = match endpoint.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, endpoint.port())
}

/// Asks the first address of a name that answers.
fn at_address(place: &str, keys: Option<&Keys>) -> Result<Box<Report>, Unanswered> {
    let endpoints = net::resolve(place).map_err(|error| Unanswered::Unreachable(error.to_string()))?;
    let mut answer = Err(Unanswered::Unreachable("no address".to_owned()));
    for endpoint in endpoints {
        answer = at(endpoint, keys);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

fn at(endpoint: SocketAddr, keys: Option<&Keys>) -> Result<Box<Report>, Unanswered> {
    put(endpoint, keys).map(Box::new).map_err(Unanswered::Unreachable)
}

/// Asks at one address. The error says why there is no report, and what to do.
pub(crate) fn put(endpoint: SocketAddr, keys: Option<&Keys>) -> Result<Report, String> {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let stream = net::dial(endpoint, PATIENCE, any).map_err(|error| in_words(&error, endpoint))?;
    let mut dialled = Dialled::new(stream, keys, PATIENCE).map_err(|error| in_words(&error, endpoint))?;
    dialled.outgoing.put(Message::Status);
    dialled.outgoing.write_last(&dialled.stream).map_err(|error| error.to_string())?;
    match dialled.incoming.at_most(ANSWER_BYTES_MAX).message_within(PATIENCE) {
        Ok(Some(Message::Report { json })) => {
            let unread = |error| format!("its report cannot be read ({error}): it is another version of peer");
            serde_json::from_str(&json).map_err(unread)
        }
        Ok(Some(Message::Error { why })) => Err(format!("{why}; it is another version of peer")),
        Ok(Some(_)) => Err("it says what is no report".to_owned()),
        Ok(None) if keys.is_none() => {
            Err("it hung up without a word: its group is a closed one, and needs --key-file and --group".to_owned())
        }
        Ok(None) => Err("it hung up".to_owned()),
        Err(ReadError::Io(error)) if keys.is_none() && error.kind() == std::io::ErrorKind::ConnectionReset => {
            Err("it hung up without a word: its group is a closed one, and needs --key-file and --group".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn in_words(error: &DialError, endpoint: SocketAddr) -> String {
    match error {
        DialError::Refused => format!("nobody listens at {endpoint}"),
        DialError::Key => format!("{endpoint} has another key than this --key-file, none, or another --group"),
        _ => format!("{endpoint}: {error}"),
    }
}
