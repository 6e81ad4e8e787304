//! What a peer opens and settles by its options before its first step.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

use super::keyring::Keyring;
use super::marks::Marks;
use crate::complaints::Complaints;
use crate::config::{Config, SensorSource};
use crate::descriptors::Uses;
use crate::fatal::Fatal;
use crate::ids::{Incarnation, NUMBER_MAX};
use crate::net;
use crate::protocol::{Secret, Settings};
use crate::sensors::{self, Given, Positions, Setting, Sources};
use crate::service::Manager;
use crate::storage::{
    claim, claim_cleared, directory_of, others, rename_directory, EarlierDirectory, RealDisk, StorageError,
};

/// How often a leader looks for what the limits no longer keep.
const SURVEY_EVERY: Duration = Duration::from_secs(60 * 60);

/// How many names of files a line has.
const NAMES_MAX: usize = 20;

/// The service manager that started this process, where one did.
pub(super) fn manager() -> Option<Arc<Manager>> {
    let manager = Manager::named_by(|name| std::env::var_os(name)).unwrap_or_else(|error| {
        log::warn!(event = "manager_deaf"; "NOTIFY_SOCKET names no socket of a service manager: {error}");
        None
    });
    manager.map(Arc::new)
}

/// What this peer opens beside its own files, its group, and what is open for a moment.
pub(super) fn uses(config: &Config) -> Uses {
    let count = |of: fn(&SensorSource) -> bool| config.sensors.iter().filter(|sensor| of(&sensor.source)).count();
    Uses {
        page: config.http.is_some(),
        commands: count(|source| matches!(source, SensorSource::Exec(_))),
        files: count(|source| matches!(source, SensorSource::File(_))),
    }
}

/// Takes this peer's directory. Only what is known to be a peer's is ever cleared in it.
pub(super) fn directory(config: &Config) -> Result<RealDisk, Fatal> {
    let (dir, id) = (&config.data_dir, &config.peer_id);
    let failed = |error: StorageError| Fatal::Storage(error.to_string());
    match rename_directory(dir, id).map_err(failed)? {
        Some(renamed @ EarlierDirectory::Renamed { .. }) => log::warn!(event = "renamed"; "{renamed}"),
        Some(left @ EarlierDirectory::LeftAlone { .. }) => log::warn!(event = "files_left_alone"; "{left}"),
        None => {}
    }
    let claimed = if config.resume { claim(dir, id).map(|disk| (disk, None)) } else { claim_cleared(dir, id) };
    let (disk, aside) = claimed.map_err(failed)?;
    if let Some(aside) = aside {
        log::warn!(event = "set_aside"; "{aside}");
    }
    let others = others(dir, id).map_err(failed)?;
    if !others.is_empty() {
        let (path, names) = (directory_of(dir, id), others[..others.len().min(NAMES_MAX)].join(", "));
        let more =
            if others.len() > NAMES_MAX { format!(" and {} more", others.len() - NAMES_MAX) } else { String::new() };
        let path = path.display();
        log::warn!(event = "files_left_alone"; "{path} holds what is no peer's: {names}{more}; it is left alone");
    }
    Ok(disk)
}

/// The sources of readings, and how far they were read, where that is kept.
pub(super) fn sources(
    config: &Config,
    setting: &Arc<Setting>,
    complaints: &Arc<Complaints>,
) -> Result<(Sources, Option<Arc<Marks>>), Fatal> {
    let positions = config.once.as_deref().map(Positions::open).transpose()?;
    let given = Given {
        sysfs: &config.sysfs,
        setting,
        form: config.stdin_format,
        fields: &config.stdin_fields,
        positions: positions.as_ref(),
        seed: rand::random(),
    };
    let sources = sensors::open(&config.sensors, &given, (Timestamp::now, complaints))?;
    Ok((sources, positions.map(Marks::new).map(Arc::new)))
}

/// Logs this peer's id, and where its readings come from.
pub(super) fn tell(config: &Config, endpoint: SocketAddr) {
    log::info!(event = "peer_id"; "Peer ID: {}", config.peer_id);
    log::info!(event = "listening", endpoint:% = endpoint; "Listening on {endpoint}");
    if let Some(sensors) = config.sensors_by_id() {
        log::info!(event = "sensor_ids"; "Sensor ids: {sensors}");
    }
    if let Some((sensor, _)) = config.own_sensors().next().filter(|_| config.invents) {
        log::warn!(
            event = "made_up", sensor:% = sensor;
            "This peer makes its readings up, as sensor {sensor}: no --sensor was given; --sensor none, stdin or iio:DEVICE \
             ends that, and --sensor mock says that it is meant"
        );
    }
}

/// The keys, where the group is a closed one. They are kept out of core files from here on.
pub(super) fn keyring(config: &Config) -> Result<Option<Keyring>, Fatal> {
    let Some(path) = config.key_file.clone() else { return Ok(None) };
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        log::warn!(event = "keys_dumpable"; "A core file of this process would hold the group's key: {error}");
    }
    Ok(Some(Keyring::open(path, config.group.clone())?))
}

/// The socket of the page, if there is to be one, with the address for a browser.
pub(super) fn page(config: &Config) -> Result<Option<(TcpListener, String)>, Fatal> {
    let Some(address) = config.http else { return Ok(None) };
    let failed = |cause| Fatal::Http { address, cause };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let taken = listener.local_addr().map_err(failed)?;
    let host =
        if taken.ip().is_unspecified() { "localhost".to_owned() } else { SocketAddr::new(taken.ip(), 0).to_string() };
    let host = host.trim_end_matches(":0");
    Ok(Some((listener, format!("http://{host}:{}/", taken.port()))))
}

/// The socket of discovery, if this peer hears any.
pub(super) fn receiver(config: &Config) -> Result<Option<net::Receiver>, Fatal> {
    if !config.broadcasts() {
        return Ok(None);
    }
    let port = config.broadcast_port;
    if !net::REUSE_PORT && UdpSocket::bind((config.bind, port)).is_err() {
        log::warn!(
            event = "no_reuse_port";
            "Somebody on this machine hears UDP port {port} already, and this system may let only one of the two hear a \
             datagram: give this peer --join, or another --broadcast-port"
        );
    }
    let receiver = net::Receiver::bind(config.bind, config.broadcast_address, port);
    receiver.map(Some).map_err(|cause| Fatal::Broadcast { port, cause })
}

/// What the core is told about this start.
pub(super) fn settings(config: &Config, incarnation: Incarnation, endpoint: SocketAddr) -> Settings {
    Settings {
        id: config.peer_id.clone(),
        priority: config.priority,
        incarnation,
        endpoint,
        group: config.group.clone(),
        quorum: config.quorum,
        resume: config.resume,
        limits: config.limits(),
        survey_every: SURVEY_EVERY,
        timing: config.timing,
        joins: !config.join.is_empty(),
        seed: rand::random(),
        secret: Secret(rand::random()),
    }
}

/// Nanoseconds since the Unix epoch: so fine that no two starts, not even of copies on two machines, have the same.
pub(super) fn now_nanos() -> Incarnation {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Incarnation::try_from(since.as_nanos()).map_or(NUMBER_MAX, |nanos| nanos.min(NUMBER_MAX))
}

#[cfg(test)]
mod tests;
