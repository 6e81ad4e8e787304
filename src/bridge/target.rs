//! Where rows go, as it is typed: `nats://host:4222/STREAM`, `nats://host,host,host/STREAM` for the servers of a cluster,
//! `mqtts://user:password@host`, `influx://host/database`.

use std::fmt;
use std::str::FromStr;

/// Which engine, and thereby how it is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Nats,
    Mqtt,
    Influx,
}

impl Scheme {
    /// How it begins a URL.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["nats", "mqtt", "influx"][self as usize]
    }

    pub(super) fn engine(self) -> &'static str {
        ["NATS", "MQTT", "InfluxDB"][self as usize]
    }

    pub(super) fn feature(self) -> &'static str {
        ["bridge-nats", "bridge-mqtt", "bridge-influx"][self as usize]
    }

    fn port(self, has_tls: bool) -> u16 {
        match self {
            Self::Nats => 4222,
            Self::Mqtt if has_tls => 8883,
            Self::Mqtt => 1883,
            Self::Influx => 8086,
        }
    }
}

/// Where rows go.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    pub scheme: Scheme,
    pub has_tls: bool,
    /// Its password is empty where only a token or a name is given.
    pub user: Option<(String, String)>,
    pub host: String,
    pub port: u16,
    /// More servers of the same cluster of NATS.
    pub others: Vec<(String, u16)>,
    /// What comes after the host: a stream, a database or a bucket.
    pub place: String,
    /// The organisation that a bucket is of.
    pub org: Option<String>,
}

/// A text is not a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("has to begin with nats://, mqtt:// or influx://, or with natss://, mqtts:// or influxs:// for TLS")]
    Scheme,
    #[error("has no host, as in nats://hub.example.org:4222")]
    Host,
    #[error("has a colon in a host; an IPv6 address is in brackets, as in nats://[fd00::3]:4222")]
    Brackets,
    #[error("has a port that is no number from 1 to 65535")]
    Port,
    #[error("names several hosts, which only a cluster of NATS has")]
    Hosts,
    #[error("names no database or bucket, as in influx://host:8086/greenhouse")]
    Place,
    #[error("has a part that nothing is known of: {0}")]
    Rest(String),
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (head, rest) = text.split_once("://").ok_or(TargetError::Scheme)?;
        let schemes = [Scheme::Nats, Scheme::Mqtt, Scheme::Influx].into_iter();
        let (scheme, has_tls) = schemes
            .flat_map(|scheme| [(scheme, false), (scheme, true)])
            .find(|(scheme, has_tls)| head == scheme.name().to_owned() + if *has_tls { "s" } else { "" })
            .ok_or(TargetError::Scheme)?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, place) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        let mut hosts = hosts.split(',').map(|host| server(host, scheme.port(has_tls)));
        let (host, port) = hosts.next().unwrap_or(Err(TargetError::Host))?;
        let others: Vec<(String, u16)> = hosts.collect::<Result<_, _>>()?;
        if scheme != Scheme::Nats && !others.is_empty() {
            return Err(TargetError::Hosts);
        }
        let org = match query.split_once('=') {
            Some(("org", org)) if scheme == Scheme::Influx && !org.contains('&') => Some(plain(org)),
            None if query.is_empty() => None,
            _ => return Err(TargetError::Rest(query.to_owned())),
        };
        let place = plain(place);
        if scheme == Scheme::Influx && place.is_empty() {
            return Err(TargetError::Place);
        }
        if scheme == Scheme::Mqtt && !place.is_empty() {
            return Err(TargetError::Rest(format!("/{place} (--topic names topics)")));
        }
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (plain(name), plain(password))
        });
        Ok(Self { scheme, has_tls, user, host, port, others, place, org })
    }
}

/// A host and its port.
fn server(text: &str, port: u16) -> Result<(String, u16), TargetError> {
    let parts = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
    if parts.is_some_and(|(host, _)| host.contains(':') && !host.ends_with(']')) {
        return Err(TargetError::Brackets);
    }
    let (host, port) = match parts {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0).ok_or(TargetError::Port)?),
        None => (text, port),
    };
    if host.is_empty() {
        return Err(TargetError::Host);
    }
    Ok((host.to_owned(), port))
}

/// Without percent signs that stand for other characters.
fn plain(text: &str) -> String {
    let whole = format!("={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(whole.as_bytes()).next().map_or_else(String::new, |(_, value)| value.into_owned())
}

/// Without what nobody is to read in a log.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (secure, place) = (if self.has_tls { "s" } else { "" }, &self.place);
        write!(f, "{}{secure}://{}:{}", self.scheme.name(), self.host, self.port)?;
        for (host, port) in &self.others {
            write!(f, ",{host}:{port}")?;
        }
        if place.is_empty() {
            Ok(())
        } else {
            write!(f, "/{place}")
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Result<String, TargetError> {
        text.parse().map(|target: Target| target.to_string())
    }

    #[test]
    fn a_target_has_the_port_of_its_engine_unless_it_names_one() {
        for (text, expected) in [
            ("nats://hub", "nats://hub:4222"),
            ("natss://a:b@hub.example.org:4333/rows", "natss://hub.example.org:4333/rows"),
            ("nats://me:a,b@one,two:4223,[fd00::3]/rows", "nats://one:4222,two:4223,[fd00::3]:4222/rows"),
            ("mqtt://hub", "mqtt://hub:1883"),
            ("mqtts://[fd00::7]", "mqtts://[fd00::7]:8883"),
            ("mqtt://[fd00::7]:1884", "mqtt://[fd00::7]:1884"),
            ("influx://hub/lab?org=us", "influx://hub:8086/lab"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_name_and_a_password_may_hold_anything_and_are_not_shown() {
        let target: Target = "mqtt://me%40home:a%2Fb+c%26@hub".parse().unwrap();
        assert_eq!(target.user, Some(("me@home".to_owned(), "a/b+c&".to_owned())));
        assert_eq!(format!("{target:?}"), "mqtt://hub:1883");
        assert_eq!("nats://token@hub".parse::<Target>().unwrap().user, Some(("token".to_owned(), String::new())));
    }

    #[test]
    fn a_wrong_target_is_told_what_is_wrong() {
        for (text, expected) in [
            ("hub:4222", TargetError::Scheme),
            ("kafka://hub", TargetError::Scheme),
            ("nats://", TargetError::Host),
            ("nats://one,", TargetError::Host),
            ("nats://one,two:x", TargetError::Port),
            ("mqtt://one,two", TargetError::Hosts),
            ("nats://fd00::3", TargetError::Brackets),
            ("mqtt://me:a@fd00::3:1883", TargetError::Brackets),
            ("nats://one,::", TargetError::Brackets),
            ("nats://hub:0", TargetError::Port),
            ("nats://hub:many", TargetError::Port),
            ("influx://hub", TargetError::Place),
            ("nats://hub?x=1", TargetError::Rest("x=1".to_owned())),
        ] {
            assert_eq!(shown(text), Err(expected));
        }
        assert!(matches!(shown("mqtt://hub/topic"), Err(TargetError::Rest(_))));
    }
}
