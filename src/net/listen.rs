//! The TCP socket that other peers dial.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that may wait to be accepted: a large group in which all redial after an election.
const BACKLOG: i32 = 128;

/// How long a connection may be silent before it is probed; after a few minutes without an answer the system gives it
/// up.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// Listens on an address and port (0: any that is free), and returns the endpoint. `::` hears IPv4, too, where the
/// system can do that; [`endpoint_seen`](super::endpoint_seen) turns such a source into an IPv4 address.
///
/// # Errors
/// The system's, `AddrInUse` where another process listens there.
pub fn listen(bind: IpAddr, port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let endpoint = SocketAddr::new(bind, port);
    let socket = Socket::new(Domain::for_address(endpoint), Type::STREAM, Some(Protocol::TCP))?;
    if endpoint.is_ipv6() && bind.is_unspecified() {
        // If the system does not let one socket speak both, this one speaks IPv6 only.
        let _ = socket.set_only_v6(false);
    }
    if port != 0 {
        share_with_the_past(&socket)?;
    }
    socket.bind(&endpoint.into())?;
    if port == 0 {
        // The option comes after the bind, so that the system picks a port that nobody has; with it a later run can
        // bind the same port.
        share_with_the_past(&socket)?;
    }
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let endpoint = listener.local_addr()?;
    Ok((listener, endpoint))
}

/// Connections of an earlier run keep its port for a minute after its end. Unless that run and this one allow it, a
/// peer could not be started again on the same port for that minute. On Windows the option means something else, that
/// two processes may take a port from each other, and a restart works without it.
fn share_with_the_past(socket: &Socket) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    socket.set_reuse_address(true)
}

/// A host that lost power says nothing more, and its connection would be read for ever: it is probed.
pub fn probe(stream: &TcpStream) {
    let probes = TcpKeepalive::new().with_time(KEEPALIVE_AFTER);
    // A connection that ended already needs no probes.
    let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn listening_returns_the_port_that_the_system_picked() {
        let (listener, endpoint) = listen(LOOPBACK, 0).unwrap();
        assert_ne!(endpoint.port(), 0);
        let dialled = TcpStream::connect(endpoint).unwrap();
        let (_accepted, source) = listener.accept().unwrap();
        assert_eq!(source, dialled.local_addr().unwrap());
    }

    #[test]
    fn a_connection_that_is_read_for_ever_is_probed() {
        let (_listener, endpoint) = listen(LOOPBACK, 0).unwrap();
        let stream = TcpStream::connect(endpoint).unwrap();
        assert!(!SockRef::from(&stream).keepalive().unwrap());
        probe(&stream);
        assert!(SockRef::from(&stream).keepalive().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_keepalive_time().unwrap(), KEEPALIVE_AFTER);
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_refused() {
        let (_listener, endpoint) = listen(LOOPBACK, 0).unwrap();
        assert_eq!(listen(LOOPBACK, endpoint.port()).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_fixed_port_is_free_again_although_its_connections_linger() {
        let (listener, endpoint) = listen(LOOPBACK, 0).unwrap();
        let mut dialled = TcpStream::connect(endpoint).unwrap();
        // The side that ends a connection first is the one that keeps the port for a while.
        drop((listener.accept().unwrap(), listener));
        assert_eq!(dialled.read(&mut [0]).unwrap(), 0);
        drop(dialled);
        assert_eq!(listen(LOOPBACK, endpoint.port()).unwrap().1, endpoint);
    }

    #[test]
    fn all_addresses_of_ipv6_include_those_of_ipv4() {
        let Ok((listener, endpoint)) = listen(Ipv6Addr::UNSPECIFIED.into(), 0) else {
            return; // This host has no IPv6.
        };
        let dialled = TcpStream::connect((LOOPBACK, endpoint.port())).unwrap();
        let (_accepted, source) = listener.accept().unwrap();
        assert_eq!(super::super::endpoint_seen(endpoint, source), (LOOPBACK, endpoint.port()).into());
        drop(dialled);
    }
}
