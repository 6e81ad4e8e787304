//! One value as the operator wrote it -> the value, or why it is none. Reasons continue "invalid value '…' for '--option':".

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::{Fsync, Rotate};
use crate::ids;
use crate::size;

/// Shortest duration of an option: what peers say to each other about time is in whole milliseconds.
pub const DURATION_MIN: Duration = Duration::from_millis(1);

/// Longest duration of an option: a day. A longer one is a mistaken unit.
pub const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Most digits after the point of a duration: more cannot be whole milliseconds, even of hours.
const FRACTION_DIGITS_MAX: usize = 9;

/// Longest host name, in bytes: that of the domain name system.
const HOST_BYTES_MAX: usize = 253;

/// Why a text is no value of its option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    #[error("write a duration as 5s, 200ms, 1m, 1h or a number of seconds")]
    Duration,
    #[error("a duration must be positive, and a whole number of milliseconds")]
    Milliseconds,
    #[error("a duration must be at most {DURATION_MAX_TEXT}")]
    TooLong,
    #[error("write how long readings are kept as 400d, 52w or 720h, at least a day")]
    Keep,
    #[error("write a number of bytes that leaves room for a few segments of the journal, at least 64M")]
    KeepBytes,
    #[error("write an IPv4 or IPv6 address, without a port")]
    Address,
    #[error("one host cannot listen on a multicast or broadcast address; give an address of this host, or 0.0.0.0")]
    NotOfAHost,
    #[error(
        "discovery goes to an IPv4 address, e.g. 192.168.1.255: IPv6 has no broadcast, --join reaches peers there"
    )]
    NotBroadcast,
    #[error("write HOST:PORT, e.g. 192.168.1.7:7000, sensor-hub.local:7000 or [fd00::7]:7000")]
    Endpoint,
    #[error("write a port, or ADDRESS:PORT, e.g. 8080, 0.0.0.0:8080 or [::1]:8080")]
    Http,
    #[error("write a number of bytes, or of KiB, MiB, GiB or TiB, e.g. 500M or 2G")]
    Size,
    #[error("the port must be 1 to 65535")]
    Port,
    #[error("write an IPv6 address in brackets, e.g. [fd00::7]:7000")]
    Brackets,
    #[error("write never, batch, or a duration such as 10s or 500ms")]
    Fsync,
    #[error("write never or month")]
    Rotate,
    #[error(
        "write mock, none, stdin, exec:COMMAND, file:PATH, or iio:DEVICE, hwmon:DEVICE or w1:DEVICE, perhaps with ID= or ID@INTERVAL= before it"
    )]
    Sensor,
    #[error(
        "say which device: {0}:DIRECTORY, {0}:NUMBER, {0}:name=PATTERN or {0}:path=PATTERN; 'peer sensors' lists them"
    )]
    Choice(&'static str),
    #[error("write the command after exec:, as a shell takes it")]
    Command,
    #[error("write the path of a file or a named pipe after file:")]
    File,
    #[error("this system runs no commands as sources; pipe the command into the peer, and use --sensor stdin")]
    NoCommands,
    #[error(
        "write FIELD=NAME or FIELD=NAME:UNIT, where FIELD is id, timestamp, temperature, humidity or pressure; of an id \
         NAME+NAME, too"
    )]
    Field,
    #[error("none has no id and no interval")]
    SettingsOfNone,
    #[error("the name {0}")]
    Name(#[from] ids::NameError),
}

/// [`DURATION_MAX`] for people.
const DURATION_MAX_TEXT: &str = "24h";

/// Reads `5s`, `200ms`, `1m`, `1h`, or a bare number of seconds; fractions allowed where whole milliseconds result.
///
/// # Errors
/// [`ValueError`] where it is none, or not between [`DURATION_MIN`] and [`DURATION_MAX`].
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    let number_end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        _ if text.starts_with('-') => return Err(ValueError::Milliseconds),
        _ => return Err(ValueError::Duration),
    };
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction.unwrap_or("")) || fraction.unwrap_or(whole).is_empty() {
        return Err(ValueError::Duration);
    }
    // Digits that are too many for the type are a number that is too large.
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| ValueError::TooLong)? };
    let whole_ms = whole.checked_mul(unit_ms).ok_or(ValueError::TooLong)?;
    let fraction_ms = fraction_of(unit_ms, fraction.unwrap_or("")).ok_or(ValueError::Milliseconds)?;
    let length = Duration::from_millis(whole_ms).saturating_add(Duration::from_millis(fraction_ms));
    if length > DURATION_MAX {
        Err(ValueError::TooLong)
    } else if length < DURATION_MIN {
        Err(ValueError::Milliseconds)
    } else {
        Ok(length)
    }
}

/// Reads `never`, `batch`, or a duration.
///
/// # Errors
/// [`ValueError`] where it is none of these.
pub fn fsync(text: &str) -> Result<Fsync, ValueError> {
    match text {
        "never" => Ok(Fsync::Never),
        "batch" => Ok(Fsync::Batch),
        _ if text.starts_with(|c: char| c.is_ascii_alphabetic()) => Err(ValueError::Fsync),
        _ => duration(text).map(Fsync::Every),
    }
}

/// Reads `never` or `month`.
///
/// # Errors
/// [`ValueError::Rotate`] where it is neither.
pub fn rotate(text: &str) -> Result<Rotate, ValueError> {
    match text {
        "never" => Ok(Rotate::Never),
        "month" => Ok(Rotate::Month),
        _ => Err(ValueError::Rotate),
    }
}

/// Reads an amount of bytes: `500M`, `2G`, or a bare number.
///
/// # Errors
/// [`ValueError::Size`] where it is none.
pub fn size(text: &str) -> Result<u64, ValueError> {
    size::parse(text).ok_or(ValueError::Size)
}

/// Fewest bytes that may be kept: the open segment of the journal, one that is packed meanwhile, and their rows.
const KEEP_BYTES_MIN: u64 = 64 << 20;

/// Reads how long readings are kept: whole days, weeks or hours, at least a day.
///
/// # Errors
/// [`ValueError::Keep`] where it is none.
pub fn keep(text: &str) -> Result<Duration, ValueError> {
    const HOUR: u64 = 60 * 60;
    let unit_at = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at)).ok_or(ValueError::Keep)?;
    let (number, unit) = text.split_at(unit_at);
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        _ => return Err(ValueError::Keep),
    };
    let number = Some(number).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = number.and_then(|text| text.parse::<u32>().ok()).map(|count| u64::from(count) * hours * HOUR);
    seconds.filter(|seconds| *seconds >= 24 * HOUR).map(Duration::from_secs).ok_or(ValueError::Keep)
}

/// Reads how many bytes are kept.
///
/// # Errors
/// [`ValueError`] where it is no amount, or too little.
pub fn keep_bytes(text: &str) -> Result<u64, ValueError> {
    Some(size(text)?).filter(|bytes| *bytes >= KEEP_BYTES_MIN).ok_or(ValueError::KeepBytes)
}

/// What the digits after the point are of a unit, in whole milliseconds; `None` where that leaves a rest.
fn fraction_of(unit_ms: u64, digits: &str) -> Option<u64> {
    let digits = digits.trim_end_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    if digits.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let parts = unit_ms * digits.parse::<u64>().ok()?;
    let scale = 10_u64.pow(u32::try_from(digits.len()).ok()?);
    (parts % scale == 0).then_some(parts / scale)
}

/// Reads a group's name, which has the grammar of a peer id.
///
/// # Errors
/// [`ValueError::Name`] where it is none.
pub fn group(text: &str) -> Result<String, ValueError> {
    ids::check_name(text.as_bytes())?;
    Ok(text.to_owned())
}

/// Reads an address to listen on. An IPv4 address in IPv6 clothes (`::ffff:127.0.0.1`) is taken as what it is.
///
/// # Errors
/// [`ValueError`] where it is none, or no single host's.
pub fn bind(text: &str) -> Result<IpAddr, ValueError> {
    let address = text.parse::<IpAddr>().map_err(|_| ValueError::Address)?.to_canonical();
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(ValueError::NotOfAHost);
    }
    Ok(address)
}

/// Reads an address to send discovery to: IPv4, the only kind that has broadcast.
///
/// # Errors
/// [`ValueError::NotBroadcast`] where it is none.
pub fn broadcast(text: &str) -> Result<IpAddr, ValueError> {
    match text.parse() {
        Ok(address @ IpAddr::V4(v4)) if !v4.is_unspecified() => Ok(address),
        _ => Err(ValueError::NotBroadcast),
    }
}

/// Checks `HOST:PORT`: a host name, an IPv4 address, or an IPv6 address in brackets. Names are looked up when they are
/// needed, since a host may get its address later.
///
/// # Errors
/// [`ValueError`] where it is none.
pub fn endpoint(text: &str) -> Result<String, ValueError> {
    let (host, port) = text.rsplit_once(':').ok_or(ValueError::Endpoint)?;
    if !text.starts_with('[') && host.contains(':') {
        return Err(ValueError::Brackets);
    }
    if port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ValueError::Endpoint);
    }
    if !port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Err(ValueError::Port);
    }
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(of_a_name);
    if is_name || text.parse::<SocketAddrV6>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err(ValueError::Endpoint)
    }
}

/// Reads where a page is served: a port of 127.0.0.1, or an address of this host with a port.
///
/// # Errors
/// [`ValueError::Http`] where it is neither.
pub fn http(text: &str) -> Result<SocketAddr, ValueError> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| ValueError::Http)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_the_contract_says() {
        for (text, ms) in [
            ("5s", 5_000),
            ("200ms", 200),
            ("1m", 60_000),
            ("24h", 86_400_000),
            ("15", 15_000),
            ("0.25", 250),
            (".5s", 500),
            ("1.5m", 90_000),
            ("0.001", 1),
            ("2.50000000000000000000000s", 2_500),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn syncs_are_never_a_batch_or_so_often() {
        assert_eq!(fsync("never"), Ok(Fsync::Never));
        assert_eq!(fsync("batch"), Ok(Fsync::Batch));
        assert_eq!(fsync("1.5s"), Ok(Fsync::Every(Duration::from_millis(1500))));
        for (text, error) in
            [("always", ValueError::Fsync), ("", ValueError::Duration), ("0", ValueError::Milliseconds)]
        {
            assert_eq!(fsync(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_is_kept_is_a_day_or_some_segments_at_least() {
        for (text, hours) in [("400d", 9600), ("24h", 24), ("1d", 24), ("52w", 8736)] {
            assert_eq!(keep(text), Ok(Duration::from_secs(hours * 3600)), "{text}");
        }
        for text in ["", "d", "0d", "23h", "400", "1.5d", "-1d", "1d ", "1m", "1y", "99999999999d", "1é"] {
            assert_eq!(keep(text), Err(ValueError::Keep), "{text}");
        }
        assert_eq!(keep_bytes("2G"), Ok(2 << 30));
        assert_eq!((keep_bytes("63M"), keep_bytes("2GB")), (Err(ValueError::KeepBytes), Err(ValueError::Size)));
    }

    #[test]
    fn a_duration_without_sense_is_refused_with_the_reason() {
        for text in ["", "s", ".", "5.", ".s", "1.2.3", "5 s", "5sec", "abc", "+5", "1e3", "٣s", "NaN", "inf"] {
            assert_eq!(duration(text), Err(ValueError::Duration), "{text}");
        }
        for text in ["0", "0s", "0.000", "0ms", "-5s", "-1", "0.5ms", "0.0001", "1.0005", "0.0000000001h"] {
            assert_eq!(duration(text), Err(ValueError::Milliseconds), "{text}");
        }
        for text in ["24.5h", "86401", "99999999999999999999", "18446744073709551615h", "86400.001"] {
            assert_eq!(duration(text), Err(ValueError::TooLong), "{text}");
        }
        assert_eq!(duration(DURATION_MAX_TEXT), Ok(DURATION_MAX));
    }

    #[test]
    fn a_peer_listens_only_on_an_address_that_one_host_can_have() {
        assert_eq!(bind("::ffff:127.0.0.1"), Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        for good in ["0.0.0.0", "::", "127.0.0.2", "fd00::7"] {
            assert_eq!(bind(good).unwrap().to_string(), good);
        }
        for bad in ["224.0.0.1", "ff02::1", "255.255.255.255"] {
            assert_eq!(bind(bad), Err(ValueError::NotOfAHost), "{bad}");
        }
        for bad in ["", "localhost", "127.0.0.1:80", "[::1]", "1.2.3"] {
            assert_eq!(bind(bad), Err(ValueError::Address), "{bad}");
        }
    }

    #[test]
    fn discovery_goes_to_ipv4_addresses_only() {
        for good in ["192.168.1.255", "255.255.255.255", "127.255.255.255", "10.0.0.7"] {
            assert_eq!(broadcast(good).unwrap().to_string(), good);
        }
        for bad in ["ff02::1", "::1", "0.0.0.0", "eth0", ""] {
            assert_eq!(broadcast(bad), Err(ValueError::NotBroadcast), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        for good in ["hub:7000", "sensor-hub.local:1", "192.168.1.7:65535", "[::1]:7000", "[fe80::1%2]:7000", "a_b:80"]
        {
            assert_eq!(endpoint(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("hub", ValueError::Endpoint),
            (":7000", ValueError::Endpoint),
            ("hub:", ValueError::Endpoint),
            ("hub:http", ValueError::Endpoint),
            ("hub:+80", ValueError::Endpoint),
            ("hub:0", ValueError::Port),
            ("hub:65536", ValueError::Port),
            ("::1:7000", ValueError::Brackets),
            ("http://hub:80", ValueError::Brackets),
            ("[hub]:7000", ValueError::Endpoint),
            ("[::1]7000", ValueError::Endpoint),
            ("a b:80", ValueError::Endpoint),
            ("", ValueError::Endpoint),
        ] {
            assert_eq!(endpoint(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_page_is_for_this_host_alone_unless_an_address_is_given() {
        for (text, address) in
            [("8080", "127.0.0.1:8080"), ("0", "127.0.0.1:0"), ("0.0.0.0:80", "0.0.0.0:80"), ("[::1]:80", "[::1]:80")]
        {
            assert_eq!(http(text), Ok(address.parse().unwrap()));
        }
        for bad in ["", "x", "127.0.0.1", ":80", "::1:80", "65536", "localhost:80", "-1"] {
            assert_eq!(http(bad), Err(ValueError::Http), "{bad}");
        }
    }
}
