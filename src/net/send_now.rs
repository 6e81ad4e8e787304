//! Writing without waiting, where the system has a flag for it: all other calls on the connection still block.

use std::io::{self, IoSlice};
use std::net::TcpStream;

use socket2::SockRef;

use super::uninterrupted::uninterrupted;

/// Whether this system has such a flag.
pub const CAN_SEND_NOW: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// `MSG_DONTWAIT` of Linux.
const DONT_WAIT: std::ffi::c_int = 0x40;

/// Writes as much as the connection takes without waiting. Returns how many bytes that was, perhaps none.
pub(super) fn send_now(stream: &TcpStream, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    match uninterrupted(|| SockRef::from(stream).send_vectored_with_flags(buffers, DONT_WAIT)) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Shutdown, TcpListener};

    use super::*;

    #[test]
    fn a_full_connection_takes_nothing_and_a_broken_one_is_an_error() {
        if !CAN_SEND_NOW {
            return;
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _receiver = listener.accept().unwrap();
        let piece = vec![0; 64 * 1024];
        let send = || send_now(&stream, &[IoSlice::new(&piece)]);
        assert_eq!(send_now(&stream, &[IoSlice::new(b"abc")]).unwrap(), 3);
        while send().unwrap() > 0 {}
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(send().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
