//! Discovery datagrams: to all peers of the networks that this host is on, and from them.
//!
//! Several peers of one host share the port. A datagram to a broadcast address reaches each of them, a datagram to one
//! of the host's own addresses only one. Nothing here looks at what a datagram says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::interfaces::{networks, Network};
use super::uninterrupted::uninterrupted;

/// Whether this system knows `SO_REUSEPORT`. If it does not, only `SO_REUSEADDR` lets peers share the port.
pub const REUSE_PORT: bool = cfg!(all(unix, not(any(target_os = "solaris", target_os = "illumos"))));

/// How long a list of this host's networks is used: they come and go, but to list them costs more than to send.
const LISTED_FOR: Duration = Duration::from_secs(10);

/// Reaches every peer on the loopback interface.
const LOOPBACK_BROADCAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);

/// Hears what others broadcast.
#[derive(Debug)]
pub struct Receiver {
    socket: UdpSocket,
}

impl Receiver {
    /// Listens on the discovery port. `bind` and `broadcast` are as given to [`Sender::new`]: a peer that keeps to
    /// loopback does not listen to the network either, where the system allows that.
    ///
    /// # Errors
    /// The system's, `AddrInUse` where a process that does not share has the port.
    pub fn bind(bind: IpAddr, broadcast: Option<IpAddr>, port: u16) -> io::Result<Self> {
        let loopback = broadcast.unwrap_or(bind).is_loopback();
        if loopback && cfg!(any(target_os = "linux", target_os = "android")) {
            match Self::bind_to(LOOPBACK_BROADCAST, port) {
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
                bound => return bound,
            }
        }
        Self::bind_to(Ipv4Addr::UNSPECIFIED, port)
    }

    fn bind_to(address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddrV4::new(address, port).into())?;
        Ok(Self { socket: socket.into() })
    }

    /// The same, for at most `most`; `None`: nothing came.
    ///
    /// # Errors
    /// The system's.
    pub fn recv_within(&self, buffer: &mut [u8], most: Duration) -> io::Result<Option<(usize, SocketAddr)>> {
        self.socket.set_read_timeout(Some(most))?;
        match self.recv(buffer) {
            Ok(datagram) => Ok(Some(datagram)),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits for a datagram; returns its length and its source. A datagram that fills the buffer may have been cut off
    /// and is skipped: the buffer must be a byte longer than the longest that counts.
    ///
    /// # Errors
    /// The system's.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        /// Windows reports a datagram that does not fit as an error (`WSAEMSGSIZE`).
        const DOES_NOT_FIT: i32 = 10_040;
        loop {
            match uninterrupted(|| self.socket.recv_from(buffer)) {
                Ok((length, source)) if length < buffer.len() => return Ok((length, source)),
                Ok(_) => {}
                Err(error) if cfg!(windows) && error.raw_os_error() == Some(DOES_NOT_FIT) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends to all networks that this host is on, or to those it was told to.
#[derive(Debug)]
pub struct Sender {
    bind: IpAddr,
    broadcast: Option<IpAddr>,
    port: u16,
    targets: Vec<Target>,
    listed: Option<Instant>,
}

/// There is one socket for each local address, so that datagrams bear a source that their receivers can reach.
#[derive(Debug)]
struct Target {
    network: Network,
    /// `None` before the first datagram, and after a failure to send.
    socket: Option<UdpSocket>,
}

impl Sender {
    /// `bind` is the address that this peer listens on. `broadcast` is where discovery goes (IPv4), if not where `bind`
    /// implies: all networks for `0.0.0.0`, or loopback on a host without any; for a specific address its network. IPv6
    /// implies none.
    #[must_use]
    pub fn new(bind: IpAddr, broadcast: Option<IpAddr>, port: u16) -> Self {
        Self { bind, broadcast, port, targets: Vec::new(), listed: None }
    }

    /// Sends one datagram to each network; `message_for` gets this host's address there, to announce it. Returns the
    /// failures, each with its target, or with this peer's own address where the networks could not be listed. Failures
    /// pass: cables are unplugged, addresses come late.
    #[must_use]
    pub fn send_each(&mut self, now: Instant, message_for: impl Fn(IpAddr) -> Vec<u8>) -> Vec<(SocketAddr, io::Error)> {
        let mut unsent = Vec::new();
        if self.listed.is_none_or(|listed| now.saturating_duration_since(listed) >= LISTED_FOR) {
            match targets(self.bind, self.broadcast, networks) {
                Ok(found) => {
                    self.keep(&found);
                    self.listed = Some(now);
                }
                Err(error) => unsent.push((SocketAddr::new(self.bind, self.port), error)),
            }
        }
        for target in &mut self.targets {
            let to = SocketAddrV4::new(target.network.broadcast, self.port);
            if let Err(error) = target.send(&message_for(target.network.local.into()), to) {
                target.socket = None;
                unsent.push((to.into(), error));
            }
        }
        unsent
    }

    /// Makes these networks the targets; a network that stays keeps its socket.
    fn keep(&mut self, found: &[Network]) {
        self.targets.retain(|target| found.contains(&target.network));
        for network in found {
            if self.targets.iter().all(|target| target.network != *network) {
                self.targets.push(Target { network: *network, socket: None });
            }
        }
    }
}

impl Target {
    fn send(&mut self, bytes: &[u8], to: SocketAddrV4) -> io::Result<()> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(socket_at(self.network.local)?),
        };
        socket.send_to(bytes, to).map(|_| ())
    }
}

fn socket_at(local: Ipv4Addr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((local, 0))?;
    socket.set_broadcast(true)?;
    Ok(socket)
}

/// Where discovery goes.
fn targets(
    bind: IpAddr,
    broadcast: Option<IpAddr>,
    networks: impl FnOnce() -> io::Result<Vec<Network>>,
) -> io::Result<Vec<Network>> {
    match (bind, broadcast) {
        (IpAddr::V4(local), Some(IpAddr::V4(broadcast))) if !local.is_unspecified() => {
            Ok(vec![Network { local, broadcast }])
        }
        (_, Some(IpAddr::V4(broadcast))) => Ok(vec![Network { local: local_towards(broadcast)?, broadcast }]),
        (IpAddr::V4(local), None) if local.is_loopback() => Ok(vec![Network { local, broadcast: LOOPBACK_BROADCAST }]),
        (IpAddr::V4(local), None) if local.is_unspecified() => {
            let found = networks()?;
            if !found.is_empty() {
                // Peers of this host hear each other there, too. By a loopback address they could not be reached from
                // other hosts.
                return Ok(found);
            }
            Ok(vec![Network { local: Ipv4Addr::LOCALHOST, broadcast: LOOPBACK_BROADCAST }])
        }
        (IpAddr::V4(local), None) => match networks()?.into_iter().find(|network| network.local == local) {
            Some(network) => Ok(vec![network]),
            None => Err(io::Error::new(
                io::ErrorKind::AddrNotAvailable,
                "no interface that is up and can broadcast has this address",
            )),
        },
        (IpAddr::V6(_), None) | (_, Some(IpAddr::V6(_))) => Ok(Vec::new()),
    }
}

/// The address that this host uses towards another: the system picks a route, nothing is sent.
fn local_towards(other: Ipv4Addr) -> io::Result<Ipv4Addr> {
    /// Any port but 0.
    const DISCARD: u16 = 9;
    let socket = socket_at(Ipv4Addr::UNSPECIFIED)?;
    socket.connect((other, DISCARD))?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(local) => Ok(local),
        IpAddr::V6(_) => unreachable!("the socket is one of IPv4"),
    }
}

#[cfg(test)]
mod tests;
