//! Why the daemon may end with exit status 1: one line each for the operator, what is wrong and what to do.
//!
//! Wrong options end it earlier, with status 2; `cli` says what is wrong with them.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::descriptors::{self, TooFew};
use crate::ids::PeerId;
use crate::keys::file::KeyFileError;
use crate::sensors::SensorError;

/// Why the daemon ends. Each is printed as one line on standard error.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// Another process listens at the TCP address.
    #[error("{endpoint} is in use by another process; stop that one, or choose another --port (0 takes any free one)")]
    PortInUse { endpoint: SocketAddr },

    /// The TCP address cannot be listened on for another reason.
    #[error(
        "cannot listen on {endpoint}: {cause}; give --bind an address of this host, and --port one that you may use"
    )]
    Bind { endpoint: SocketAddr, cause: io::Error },

    /// The UDP port of discovery cannot be listened on.
    #[error(
        "cannot listen for discovery on UDP port {port}: {cause}; stop the process that keeps it, or give every peer of \
         the group another --broadcast-port"
    )]
    Broadcast { port: u16, cause: io::Error },

    /// The address of the page cannot be listened on.
    #[error("--http: cannot listen on {address}: {cause}; give it an address of this host, and a port that is free (0 takes any)")]
    Http { address: SocketAddr, cause: io::Error },

    /// A sensor cannot be read at all.
    #[error("{0}")]
    Sensor(#[from] SensorError),

    /// The key of the group cannot be used.
    #[error("--key-file {0}")]
    Key(#[from] KeyFileError),

    /// Files cannot be read or written; the storage says which, and what to do.
    #[error("{0}")]
    Storage(String),

    /// What this peer promised cannot be read, and with a quorum others rely on it.
    #[error(
        "{} cannot be relied on ({why}): what this peer promised under --quorum is forgotten, and to go on could change \
         rows that others delivered; restore the file, or, while all the others are in one view, remove the directory",
        path.display()
    )]
    Forgotten { path: PathBuf, why: String },

    /// A living process answers to this peer's id, at this address if that is known.
    #[error("{}", duplicate(id, *endpoint))]
    Duplicate { id: PeerId, endpoint: Option<SocketAddr> },

    /// SIGINT and SIGTERM cannot be heard.
    #[error(
        "cannot listen for SIGINT and SIGTERM: {0}; start peer from a shell or service manager that leaves them to it"
    )]
    Signals(io::Error),

    /// There are too few file descriptors to start, or none was left at the start.
    #[error("{0}")]
    Descriptors(String),

    /// The operating system gives no thread.
    #[error("cannot start the thread {name}: {cause}; raise the limit on processes (ulimit -u), or free memory")]
    Thread { name: String, cause: io::Error },
}

impl From<TooFew> for Fatal {
    fn from(few: TooFew) -> Self {
        Self::Descriptors(few.to_string())
    }
}

impl Fatal {
    /// The failure to listen on a TCP address.
    #[must_use]
    pub fn of_bind(endpoint: SocketAddr, cause: io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse { endpoint },
            _ if descriptors::ran_out(&cause) => {
                Self::Descriptors(format!("cannot listen on {endpoint}: {}", descriptors::explain(&cause)))
            }
            _ => Self::Bind { endpoint, cause },
        }
    }
}

fn duplicate(id: &PeerId, endpoint: Option<SocketAddr>) -> String {
    let place = endpoint.map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
    format!("peer id {id} is already in the group{place}; choose another --peer-id, or stop that peer first")
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn each_reason_is_one_line_that_says_what_to_do() {
        let id: PeerId = "peer1".parse().unwrap();
        let endpoint: SocketAddr = "127.0.0.1:7001".parse().unwrap();
        let cause = || io::Error::from(ErrorKind::PermissionDenied);
        for (fatal, parts) in [
            (Fatal::of_bind(endpoint, ErrorKind::AddrInUse.into()), ["127.0.0.1:7001 is in use", "--port"]),
            (Fatal::of_bind(endpoint, cause()), ["permission denied", "--bind"]),
            (Fatal::Broadcast { port: 9999, cause: cause() }, ["9999", "--broadcast-port"]),
            (Fatal::Duplicate { id: id.clone(), endpoint: Some(endpoint) }, ["at 127.0.0.1:7001", "--peer-id"]),
            (Fatal::Duplicate { id: id.clone(), endpoint: None }, ["already in the group;", "--peer-id"]),
            (
                descriptors::Budget::of(9, descriptors::Uses::default()).unwrap_err().into(),
                ["may have 9 files open", "ulimit -n"],
            ),
            (Fatal::Signals(cause()), ["SIGTERM", "start peer"]),
            (Fatal::Thread { name: "tx-peer2".to_owned(), cause: cause() }, ["tx-peer2", "ulimit"]),
            (Fatal::Storage("disk full; free some".to_owned()), ["disk full", "free some"]),
        ] {
            let text = fatal.to_string();
            assert!(parts.iter().all(|part| text.contains(part)) && !text.contains('\n'), "{text}");
        }
    }
}
