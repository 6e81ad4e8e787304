//! `peer doctor`: which step of finding and reaching others fails on this host, and what to do. It speaks as a seeker
//! of the lowest rank, and joins nothing.
//!
//! | file | holds |
//! | --- | --- |
//! | `host` | what this host has: limits, networks, ports, disk |
//! | `ear` | what is heard while a question goes out on the discovery port, and which connections come over TCP |
//! | `others` | the peers that were heard or named, asked over TCP |
//! | `findings` | what was found, in lines |

mod ear;
mod findings;
mod host;
mod others;

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::keys::{self, Keys};
use findings::Findings;

/// The options of a peer on this host, as far as others notice them.
#[derive(Debug)]
pub struct Asked {
    pub bind: IpAddr,
    pub port: u16,
    pub broadcast_port: u16,
    pub broadcast_address: Option<IpAddr>,
    pub join: Vec<String>,
    pub group: String,
    pub quorum: Option<u32>,
    pub key_file: Option<PathBuf>,
    pub data_dir: PathBuf,
    /// How long it listens.
    pub listen_for: Duration,
}

/// How bad the worst finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Diagnosis {
    Fine,
    /// A peer works, but something needs a look.
    Warned,
    /// A peer does not start, or reaches nobody that it should.
    Failed,
}

impl Diagnosis {
    /// The exit status that says so.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Warned => 6,
        }
    }
}

/// Looks at everything in turn, and writes what it finds as it goes.
///
/// # Errors
/// Where that cannot be written.
pub fn run(asked: &Asked, out: &mut dyn Write) -> io::Result<Diagnosis> {
    let mut findings = Findings::new(out);
    let keys = match &asked.key_file {
        None => None,
        Some(path) => match keys::file::read(path) {
            Ok(keys) => {
                let keys = Keys::new(&keys, &asked.group);
                findings.fine("key", &format!("speaks with key {}", keys.speaks()))?;
                Some(keys)
            }
            Err(error) => {
                findings.failed("key", &format!("--key-file {error}"))?;
                None
            }
        },
    };
    host::limits(&mut findings)?;
    host::disk(asked, &mut findings)?;
    let running = others::of_this_host(asked, keys.as_ref(), &mut findings)?;
    host::networks(asked, &mut findings)?;
    let listener = host::tcp(asked, &running, &mut findings)?;
    let heard = ear::listen(asked, keys.as_ref(), listener.as_ref(), &mut findings)?;
    others::over_tcp(asked, keys.as_ref(), &heard, &mut findings)?;
    others::joined(asked, keys.as_ref(), &mut findings)?;
    findings.end()
}
