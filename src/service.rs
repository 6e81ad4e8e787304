//! The service manager that started this process, where one did, and what it is told: a datagram on the socket that it names,
//! as `sd_notify(3)` of systemd describes it.
//!
//! The standard library has all that this takes, sockets without a name in the file system among it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::time::Duration;

/// How long to wait for a manager that does not read; it is told the next time instead.
#[cfg(unix)]
const PATIENCE: Duration = Duration::from_millis(100);

/// What a manager is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// The service is up; after [`Word::Reloading`]: it has what it was to read again.
    Ready,
    /// It reads again what it was started with.
    Reloading,
    Stopping,
    /// It gets on with its work; a manager with a watchdog ends a service that does not say so in time.
    Alive,
    /// It is not up yet, and works on it: wait this long from now.
    Starting(Duration),
    /// What it does, in one line for people.
    Status(&'a str),
}

/// As it is sent.
impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("READY=1\n"),
            // The time tells the manager which of its requests is answered.
            Self::Reloading => writeln!(f, "RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()),
            Self::Stopping => f.write_str("STOPPING=1\n"),
            Self::Alive => f.write_str("WATCHDOG=1\n"),
            Self::Starting(time) => writeln!(f, "EXTEND_TIMEOUT_USEC={}", time.as_micros()),
            Self::Status(text) => writeln!(f, "STATUS={}", text.replace('\n', "; ")),
        }
    }
}

/// A service manager.
#[derive(Debug)]
pub struct Manager {
    socket: socket::Socket,
    /// It ends this process if it does not hear [`Word::Alive`] for this long.
    pub watchdog: Option<Duration>,
}

impl Manager {
    /// The manager that these environment variables name: `NOTIFY_SOCKET` where it listens, `WATCHDOG_USEC` how long it waits
    /// for a sign of life, and `WATCHDOG_PID` of which process.
    ///
    /// # Errors
    /// One is named that cannot be spoken to.
    pub fn named_by(variable: impl Fn(&str) -> Option<OsString>) -> io::Result<Option<Self>> {
        let Some(name) = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Ok(None) };
        let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_meant = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|within| is_meant && *within > 0).map(Duration::from_micros);
        Ok(Some(Self { socket: socket::Socket::to(&name)?, watchdog }))
    }

    /// Tells it these, together.
    ///
    /// # Errors
    /// It does not listen, or does not read.
    pub fn tell(&self, words: &[Word]) -> io::Result<()> {
        self.socket.send(words.iter().map(Word::to_string).collect::<String>().as_bytes())
    }
}

#[cfg(unix)]
fn monotonic_us() -> i128 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    i128::from(time.tv_sec) * 1_000_000 + i128::from(time.tv_nsec) / 1000
}

#[cfg(not(unix))]
fn monotonic_us() -> i128 {
    0
}

#[cfg(unix)]
mod socket {
    use super::{io, OsStr, PATIENCE};
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};

    /// It is not connected: a manager that starts over listens under the same name.
    #[derive(Debug)]
    pub(super) struct Socket {
        own: UnixDatagram,
        manager: SocketAddr,
    }

    impl Socket {
        pub(super) fn to(name: &OsStr) -> io::Result<Self> {
            let manager = match name.as_bytes() {
                [b'/', ..] => SocketAddr::from_pathname(name)?,
                [b'@', name @ ..] => without_file(name)?,
                _ => return Err(io::Error::other("a path, or @ and a name, was expected")),
            };
            let own = UnixDatagram::unbound()?;
            own.set_write_timeout(Some(PATIENCE))?;
            Ok(Self { own, manager })
        }

        pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
            self.own.send_to_addr(datagram, &self.manager).map(drop)
        }
    }

    #[cfg(target_os = "linux")]
    fn without_file(name: &[u8]) -> io::Result<SocketAddr> {
        <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
    }

    #[cfg(not(target_os = "linux"))]
    fn without_file(_: &[u8]) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// No system but Unix has such a manager.
#[cfg(not(unix))]
mod socket {
    use super::{io, OsStr};

    #[derive(Debug)]
    pub(super) struct Socket;

    impl Socket {
        pub(super) fn to(_: &OsStr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn send(&self, _: &[u8]) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(variables: &[(&str, &str)]) -> io::Result<Option<Manager>> {
        Manager::named_by(|asked| variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| value.into()))
    }

    #[test]
    fn there_is_a_manager_only_where_a_socket_is_named() {
        assert!(named(&[]).unwrap().is_none());
        assert!(named(&[("NOTIFY_SOCKET", ""), ("WATCHDOG_USEC", "5")]).unwrap().is_none());
        assert!(named(&[("NOTIFY_SOCKET", "vsock:2:9999")]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn the_watchdog_counts_for_the_process_that_is_meant() {
        let own = std::process::id().to_string();
        let within = |variables: &[(&str, &str)]| {
            let all = [&[("NOTIFY_SOCKET", "/run/x")], variables].concat();
            named(&all).unwrap().expect("one is named").watchdog
        };
        assert_eq!(within(&[]), None);
        assert_eq!(within(&[("WATCHDOG_USEC", "2500000")]), Some(Duration::from_millis(2500)));
        assert_eq!(within(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", &own)]), Some(Duration::from_millis(1)));
        assert_eq!(within(&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")]), None);
        for nonsense in ["0", "-1", "soon", ""] {
            assert_eq!(within(&[("WATCHDOG_USEC", nonsense)]), None, "{nonsense}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn words_arrive_together_a_line_each_also_without_a_file() {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::net::{SocketAddr, UnixDatagram};
        let name = format!("peer-service-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let ear = UnixDatagram::bind_addr(&address).unwrap();
        let manager = named(&[("NOTIFY_SOCKET", &format!("@{name}"))]).unwrap().expect("one is named");
        let words = [Word::Ready, Word::Alive, Word::Status("a\nb"), Word::Starting(Duration::from_millis(2))];
        manager.tell(&words).unwrap();
        let mut buffer = [0; 256];
        let length = ear.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\nWATCHDOG=1\nSTATUS=a; b\nEXTEND_TIMEOUT_USEC=2000\n");
        drop(ear);
        assert!(manager.tell(&[Word::Stopping]).is_err(), "nobody listens");
    }

    #[test]
    fn a_reload_says_when_it_began() {
        let (first, second) = (Word::Reloading.to_string(), Word::Reloading.to_string());
        let time = |text: &str| {
            let time = text.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
            time.and_then(|time| time.parse::<i128>().ok()).expect("a number")
        };
        assert!(time(&first) <= time(&second));
    }
}
