//! Writing without waiting, where the system has a flag for it: all other calls on the connection still block.

use std::io::{self, IoSlice};
use std::net::TcpStream;

use socket2::SockRef;

/// Is there such a flag on this system?
pub const CAN_SEND_NOW: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// `MSG_DONTWAIT` of Linux.
const DONT_WAIT: std::ffi::c_int = 0x40;

/// Writes as much as the connection takes without waiting. Returns how many bytes that was, perhaps none.
pub(super) fn send_now(stream: &TcpStream, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    match SockRef::from(stream).send_vectored_with_flags(buffers, DONT_WAIT) {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
        result => result,
    }
}
