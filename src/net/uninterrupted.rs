//! Calls of the system that a signal breaks off.

use std::io;

/// Makes a call, and makes it again where a signal broke it off. On a socket with a timeout that happens even where the
/// signal's handler asks for calls to go on.
///
/// # Errors
/// As the call.
pub fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_made_again_until_no_signal_breaks_it_off() {
        let answers =
            || [io::ErrorKind::Interrupted, io::ErrorKind::Interrupted, io::ErrorKind::WouldBlock].into_iter();
        let mut left = answers();
        let failed = uninterrupted(|| Err::<(), _>(left.next().unwrap().into()));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let mut left = answers().take(2);
        assert_eq!(uninterrupted(|| left.next().map_or(Ok(7), |kind| Err(kind.into()))).unwrap(), 7);
    }
}
