//! Rows into a stream of NATS JetStream, each once and in order.
//!
//! The stream itself says what it holds: each message bears the name of its reading. What a bridge hands over, it hands over on
//! condition that it follows what the bridge expects. So a bridge that is behind, since it was killed
//! or since another one works as well, has all that it sends refused; it reads what it does not know, and goes on after
//! it. That holds for ever, while the stream's own window for duplicates ends (after two minutes, unless it is told
//! otherwise).

mod access;
mod held;
mod link;

use tokio::runtime::{Builder, Runtime};

use self::link::{Link, Place};
use super::chosen::Chosen;
use super::engine::{Engine, Fault};
use super::known::{Known, Last};
use super::row::Row;
use super::{tls, Asked, BridgeError};

/// How often in a row others may be faster, before that is worth a word.
const OVERTAKEN_MAX: usize = 100;

/// The bridge's side of a stream.
pub(super) struct Nats {
    place: Place,
    /// Which of its servers works, or is to be tried next.
    at: usize,
    /// The client works on its thread: it answers the server also while no rows come.
    runtime: Runtime,
    link: Option<Link>,
}

impl Nats {
    pub(super) fn new(asked: &Asked) -> Result<Self, BridgeError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| BridgeError::Engine(format!("no thread can be started: {error}")))?;
        Ok(Self { place: Place::of(asked)?, at: 0, runtime, link: None })
    }
}

impl Engine for Nats {
    fn open(&mut self, known: &mut Known) -> Result<(), Fault> {
        self.link = None;
        let servers = self.place.servers();
        let mut faults = Vec::new();
        for _ in 0..servers.len() {
            let opened = self.runtime.block_on(async {
                let link = Link::open(&self.place, &servers[self.at % servers.len()]).await?;
                link.read(known).await?;
                Ok(link)
            });
            match opened {
                Ok(link) => {
                    self.link = Some(link);
                    return Ok(());
                }
                // A server that is cut off from the others of its cluster answers, and has nothing to say.
                Err(fault) => {
                    self.at += 1;
                    faults.push(fault);
                }
            }
        }
        Err(together(faults))
    }

    fn send(&mut self, rows: &[Row], known: &mut Known) -> Result<(), Fault> {
        let Some(link) = &mut self.link else { return Err(Fault::Away("not connected".to_owned())) };
        for _ in 0..OVERTAKEN_MAX {
            let left: Vec<&Row> = rows.iter().filter(|row| !row.is_in(known)).collect();
            match self.runtime.block_on(link.send(&left, known)) {
                Err(Fault::Overtaken) => {
                    self.runtime.block_on(link.read(known))?;
                    if known.is_new() {
                        // It lacks more than these rows: the bridge has to begin there, as with any that it has not seen.
                        return Err(Fault::Away("the stream is another one, or lost rows".to_owned()));
                    }
                }
                Err(fault) => {
                    self.at += 1;
                    return Err(fault);
                }
                Ok(()) => return Ok(()),
            }
        }
        Err(Fault::Overtaken)
    }

    fn close(&mut self) {
        self.link = None;
    }
}

/// What the faults of all servers come to. What one refuses is worth more words than that another is away; but that one may take
/// rows when it is back.
fn together(mut faults: Vec<Fault>) -> Fault {
    let refused = faults.iter().position(|fault| matches!(fault, Fault::Refused(_)));
    let all = faults.iter().all(|fault| matches!(fault, Fault::Refused(_)));
    match faults.swap_remove(refused.unwrap_or(0)) {
        Fault::Refused(why) if !all => Fault::Away(why),
        fault => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_refuse_where_all_do() {
        let (away, refused) = (|| Fault::Away("away".to_owned()), || Fault::Refused("refused".to_owned()));
        for (faults, expected) in [
            (vec![refused(), refused()], refused()),
            (vec![away(), refused()], Fault::Away("refused".to_owned())),
            (vec![refused(), away()], Fault::Away("refused".to_owned())),
            (vec![away()], away()),
        ] {
            assert_eq!(format!("{:?}", together(faults)), format!("{expected:?}"));
        }
    }
}
