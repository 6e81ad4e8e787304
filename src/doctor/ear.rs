//! What is heard. A question goes out on the discovery port, as a seeking peer would send it. For some seconds
//! everything that comes is noted: datagrams, and connections of leaders that ask back.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::findings::Findings;
use super::others::with_quorum;
use super::Asked;
use crate::ids::{PeerId, INCARNATION_MAX};
use crate::keys::datagram::{is_sealed, SEAL_BYTES};
use crate::keys::Keys;
use crate::net;
use crate::wire::datagram::DATAGRAM_BYTES_MAX;
use crate::wire::{Community, Contact, Message, WireError};

/// The pause between two questions: no single datagram is sure to arrive.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// How long one look for datagrams takes at most; between two looks it checks for connections.
const LOOK: Duration = Duration::from_millis(50);

/// What came.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Peers of the group, and where they say that they listen.
    pub(super) peers: BTreeMap<PeerId, SocketAddr>,
    /// The addresses that connections came from.
    pub(super) callers: BTreeSet<IpAddr>,
    /// It heard its own question.
    own: bool,
    groups: BTreeMap<String, IpAddr>,
    versions: BTreeMap<u64, IpAddr>,
    quorums: BTreeMap<Option<u32>, IpAddr>,
    other_keys: BTreeSet<IpAddr>,
    open: BTreeSet<IpAddr>,
    nonsense: BTreeSet<IpAddr>,
}

struct Ear<'a> {
    community: Community,
    keys: Option<&'a Keys>,
    own: Contact,
    heard: Heard,
}

pub(super) fn listen(
    asked: &Asked,
    keys: Option<&Keys>,
    listener: Option<&TcpListener>,
    findings: &mut Findings,
) -> io::Result<Heard> {
    if asked.bind.is_ipv6() && asked.broadcast_address.is_none() {
        return Ok(Heard::default());
    }
    let port = asked.broadcast_port;
    let receiver = match net::Receiver::bind(asked.bind, asked.broadcast_address, port) {
        Ok(receiver) => receiver,
        Err(error) => {
            let text = format!("cannot listen on UDP port {port}: {error}; end the process that keeps it, or give all peers another --broadcast-port");
            findings.failed("discovery", &text)?;
            return Ok(Heard::default());
        }
    };
    let endpoint = listener.and_then(|listener| listener.local_addr().ok());
    let mut ear = Ear {
        community: Community { group: asked.group.clone(), quorum: asked.quorum },
        keys,
        own: contact(endpoint.unwrap_or_else(|| SocketAddr::new(asked.bind, 1))),
        heard: Heard::default(),
    };
    if let Some(listener) = listener {
        listener.set_nonblocking(true)?;
    }
    ear.listen(asked, &receiver, listener, findings)?;
    ear.tell(asked, findings)?;
    Ok(ear.heard)
}

/// A seeker of the lowest rank, for which nobody waits.
fn contact(endpoint: SocketAddr) -> Contact {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Contact {
        id: format!("doctor-{:08x}", rand::random::<u32>()).parse().expect("an id"),
        priority: i64::MIN,
        incarnation: u64::try_from(since.as_nanos()).unwrap_or(INCARNATION_MAX).min(INCARNATION_MAX),
        endpoint,
    }
}

impl Ear<'_> {
    fn listen(
        &mut self,
        asked: &Asked,
        receiver: &net::Receiver,
        listener: Option<&TcpListener>,
        findings: &mut Findings,
    ) -> io::Result<()> {
        let mut sender = net::Sender::new(asked.bind, asked.broadcast_address, asked.broadcast_port);
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX + SEAL_BYTES + 1];
        let mut unsent = BTreeSet::new();
        let (until, mut ask_at, mut counter) = (Instant::now() + asked.listen_for, Instant::now(), 0);
        while Instant::now() < until {
            if Instant::now() >= ask_at {
                ask_at += ASK_EVERY;
                let message = |local| self.question(local, counter);
                for (target, error) in sender.send_each(Instant::now(), message) {
                    if unsent.insert(target) {
                        let text = format!("nothing can be sent to {target}: {error}; check the network or a firewall");
                        findings.failed("discovery", &text)?;
                    }
                }
                counter += 1;
            }
            while let Some((_, from)) = listener.and_then(|listener| listener.accept().ok()) {
                self.heard.callers.insert(from.ip().to_canonical());
            }
            if let Some((length, from)) = receiver.recv_within(&mut buffer, LOOK)? {
                self.hear(&buffer[..length], from);
            }
        }
        Ok(())
    }

    fn question(&self, local: IpAddr, counter: u64) -> Vec<u8> {
        let message = net::announced(Message::NewPeerRequest(self.own.clone()), local);
        let datagram = self.community.encode(&message);
        self.keys.map_or_else(|| datagram.clone(), |keys| keys.seal_datagram(counter, &datagram))
    }

    fn hear(&mut self, bytes: &[u8], from: SocketAddr) {
        let ip = from.ip().to_canonical();
        let opened = self.keys.and_then(|keys| keys.open_datagram(bytes));
        let bytes = match (self.keys, &opened) {
            (None, _) if !is_sealed(bytes) => bytes,
            (Some(_), Some(opened)) => &opened.datagram,
            _ => {
                let which = if is_sealed(bytes) { &mut self.heard.other_keys } else { &mut self.heard.open };
                which.insert(ip);
                return;
            }
        };
        match self.community.parse(bytes).map(|message| net::seen(message, from)) {
            Ok(Message::NewPeerRequest(contact)) if contact.id == self.own.id => self.heard.own = true,
            Ok(Message::NewPeerRequest(contact)) => {
                self.heard.peers.insert(contact.id, contact.endpoint);
            }
            Ok(Message::Leader(leadership)) => {
                self.heard.peers.insert(leadership.leader.id, leadership.leader.endpoint);
            }
            Ok(_) => {}
            Err(WireError::OtherGroup { group }) => {
                self.heard.groups.insert(group, ip);
            }
            Err(WireError::Version { version }) => {
                self.heard.versions.insert(version, ip);
            }
            Err(WireError::OtherQuorum { quorum, .. }) => {
                self.heard.quorums.insert(quorum, ip);
            }
            Err(_) => {
                self.heard.nonsense.insert(ip);
            }
        }
    }

    fn tell(&self, asked: &Asked, findings: &mut Findings) -> io::Result<()> {
        let (heard, port) = (&self.heard, asked.broadcast_port);
        if heard.own {
            findings.fine("discovery", &format!("what goes out on UDP port {port} is heard here"))?;
        } else {
            let text = format!(
                "what goes out on UDP port {port} is not heard here: a firewall of this host drops it, or --broadcast-address is none of \
                 its networks; open UDP {port}"
            );
            findings.failed("discovery", &text)?;
        }
        for (group, from) in &heard.groups {
            let text = format!(
                "peers of the group {group} are there (from {from}), and not of {}; is that --group meant?",
                asked.group
            );
            findings.warned("group", &text)?;
        }
        for (version, from) in &heard.versions {
            findings
                .warned("version", &format!("of a peer at {from}: {}", WireError::Version { version: *version }))?;
        }
        for (quorum, from) in &heard.quorums {
            let text = format!("a peer at {from} runs with {}; give all peers the same", with_quorum(*quorum));
            findings.warned("quorum", &text)?;
        }
        for from in &heard.other_keys {
            let text = format!(
                "a closed group is there (from {from}) whose key is not known here; give --key-file, or the right one"
            );
            findings.warned("key", &text)?;
        }
        for from in &heard.open {
            findings.warned("key", &format!("a peer without --key-file is there (from {from})"))?;
        }
        for from in &heard.nonsense {
            findings.warned(
                "discovery",
                &format!("datagrams that are no peer's come from {from}; is UDP port {port} another program's?"),
            )?;
        }
        Ok(())
    }
}
