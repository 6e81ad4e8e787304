//! What a peer opens by its options, and what it says of that.

use std::net::IpAddr;
use std::path::Path;

#[cfg(unix)]
use super::super::trial::{apart, Ear};
use super::super::trial::{discovery_port, listener, write_key, LOOPBACK};
use super::*;
use crate::config::tests::config;
use crate::config::Sensor;
use crate::log_lines::captured;
use crate::storage::TempDir;

/// A peer of this name with its files there, and no sensor.
fn named(name: &str, temp: &TempDir) -> Config {
    Config { peer_id: name.parse().unwrap(), data_dir: temp.path().to_owned(), sensors: Vec::new(), ..config() }
}

fn sensor(source: SensorSource) -> Sensor {
    Sensor { source, id: None, interval: None }
}

/// Says that it is ready to the manager that the environment names, where it can.
#[cfg(unix)]
fn speak() {
    match captured(manager) {
        (Some(manager), _) => manager.tell(&[crate::service::Word::Ready]).unwrap(),
        (None, lines) => assert!(lines[0].starts_with("WARN manager_deaf: NOTIFY_SOCKET names no socket"), "{lines:?}"),
    }
}

#[cfg(unix)]
#[test]
fn a_service_manager_is_found_by_the_environment() {
    let test = "threads::opening::tests::a_service_manager_is_found_by_the_environment";
    let ear = Ear::new();
    apart(test, &["env", "NOTIFY_SOCKET=nowhere"], 0, speak);
    apart(test, &["env", &format!("NOTIFY_SOCKET={}", ear.path.display())], 0, speak);
    assert_eq!(ear.lines(), ["READY=1"]);
}

#[test]
fn what_takes_descriptors_is_counted() {
    let source = |source: &str| match source.split_once(':') {
        Some(("exec", command)) => SensorSource::Exec(command.to_owned()),
        Some(("file", path)) => SensorSource::File(path.into()),
        _ => SensorSource::Mock,
    };
    let sensors = ["mock", "exec:a", "file:b", "exec:c", "file:d", "file:e"].map(|name| sensor(source(name)));
    let some = Config { sensors: sensors.to_vec(), http: Some(([127, 0, 0, 1], 0).into()), ..config() };
    assert_eq!(uses(&some), Uses { page: true, commands: 2, files: 3 });
    assert_eq!(uses(&config()), Uses { page: false, commands: 0, files: 0 });
}

/// What is said where the directory of this peer is taken.
fn taken(config: &Config) -> Vec<String> {
    let (disk, lines) = captured(|| directory(config));
    disk.unwrap();
    lines.into_iter().filter(|line| line.starts_with("WARN")).collect()
}

#[test]
fn foreign_files_in_the_directory_are_named_up_to_twenty() {
    for (count, end) in [(0, None), (1, Some("")), (20, Some("")), (21, Some(" and 1 more")), (23, Some(" and 3 more"))]
    {
        let temp = TempDir::new();
        let config = named("a", &temp);
        let path = directory_of(temp.path(), &config.peer_id);
        std::fs::create_dir(&path).unwrap();
        let names: Vec<String> = (10..10 + count).map(|number| format!("{number}~")).collect();
        for name in &names {
            std::fs::write(path.join(name), "").unwrap();
        }
        let expected = end.map(|end| {
            let names = names[..names.len().min(20)].join(", ");
            let path = path.display();
            format!("WARN files_left_alone: {path} holds what is no peer's: {names}{end}; it is left alone")
        });
        assert_eq!(taken(&config), Vec::from_iter(expected));
    }
}

#[test]
fn what_was_moved_or_left_in_the_way_is_told() {
    let temp = TempDir::new();
    let config = named("B", &temp);
    let (old, new) = (temp.path().join("B"), directory_of(temp.path(), &config.peer_id));
    let make = |path: &Path| {
        std::fs::create_dir(path).unwrap();
        std::fs::write(path.join("state"), "id:B\n").unwrap();
    };
    make(&old);
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let first = taken(&config);
    assert!(first[0].starts_with(&format!("WARN renamed: {old}, as an earlier version named it, is {new} now")));
    make(Path::new(&old));
    let second = taken(&Config { resume: true, ..config });
    assert!(second[0].starts_with(&format!("WARN files_left_alone: {old}, as an earlier version named it")));
}

#[test]
fn a_directory_in_use_is_refused_and_rows_of_before_are_set_aside_unless_they_are_resumed() {
    let temp = TempDir::new();
    let fresh = named("a", &temp);
    let path = directory_of(temp.path(), &fresh.peer_id);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("state"), "id:a\n").unwrap();
    std::fs::write(path.join("s.csv"), format!("{}\n1,,s,,,\n", crate::reading::CSV_HEADER)).unwrap();
    let resumes = Config { resume: true, ..fresh.clone() };
    let held = directory(&resumes).unwrap();
    assert!(matches!(directory(&resumes), Err(Fatal::Storage(why)) if why.contains("in use")));
    drop(held);
    assert_eq!(taken(&resumes), [""; 0]);
    let said = taken(&fresh);
    assert!(said.len() == 1 && said[0].starts_with("WARN set_aside: "), "{said:?}");
}

#[test]
fn sources_are_opened_in_their_order_with_marks_where_they_are_kept() {
    let temp = TempDir::new();
    let names = ["one", "two"].map(|name| temp.path().join(name));
    for path in &names {
        std::fs::write(path, "").unwrap();
    }
    let sensors: Vec<Sensor> = names.into_iter().map(SensorSource::File).map(sensor).collect();
    let expected: Vec<String> = sensors.iter().map(|sensor| sensor.source.to_string()).collect();
    let setting = Arc::new(Setting::new(Timestamp::UNIX_EPOCH, temp.path()));
    for once in [None, Some(temp.path().join("positions"))] {
        let config = Config { sensors: sensors.clone(), once: once.clone(), ..named("a", &temp) };
        let (sources, marks) = sources(&config, &setting, &Arc::default()).unwrap();
        assert_eq!(sources.iter().map(|source| source.describe()).collect::<Vec<_>>(), expected);
        assert_eq!(marks.is_some(), once.is_some());
    }
    let config = Config { once: Some(temp.path().to_owned()), ..named("a", &temp) };
    let refused = sources(&config, &setting, &Arc::default()).err();
    assert!(matches!(refused, Some(Fatal::Sensor(sensors::SensorError::Positions { .. }))), "{refused:?}");
}

#[test]
fn a_peer_says_where_it_listens_and_which_of_its_readings_are_made_up() {
    let endpoint = SocketAddr::new(LOOPBACK, 7000);
    let told = |change: fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        captured(|| tell(&config, endpoint)).1
    };
    let always = ["INFO peer_id: Peer ID: peer1", "INFO listening: Listening on 127.0.0.1:7000"];
    assert_eq!(told(|_| {}), always);
    let made_up = told(|config| config.invents = true);
    assert_eq!(made_up[..2], always);
    assert!(made_up[2].starts_with("WARN made_up: This peer makes its readings up, as sensor peer1: "), "{made_up:?}");
    let two = told(|config| {
        let other = Sensor { id: Some("roof".parse().unwrap()), ..config.sensors[0].clone() };
        config.sensors.push(other);
    });
    assert_eq!(two[2..], ["INFO sensor_ids: Sensor ids: peer1 (mock), roof (mock)"]);
}

#[test]
fn a_group_is_closed_where_there_is_a_key_file() {
    let temp = TempDir::new();
    let path = temp.path().join("key");
    write_key(&path, 1);
    assert!(keyring(&config()).unwrap().is_none());
    let closed = Config { key_file: Some(path.clone()), ..config() };
    assert!(keyring(&closed).unwrap().is_some());
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(keyring(&closed), Err(Fatal::Key(_))));
}

#[test]
fn a_page_has_an_address_for_a_browser() {
    assert!(page(&config()).unwrap().is_none());
    for (ip, host) in [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "localhost")] {
        let ip: IpAddr = ip.parse().unwrap();
        let (listener, url) = page(&Config { http: Some((ip, 0).into()), ..config() }).unwrap().unwrap();
        assert_eq!(url, format!("http://{host}:{}/", listener.local_addr().unwrap().port()));
    }
    let (_held, taken) = listener();
    let refused = page(&Config { http: Some(taken), ..config() });
    assert!(matches!(refused, Err(Fatal::Http { address, .. }) if address == taken), "{refused:?}");
}

#[test]
fn a_peer_hears_discovery_unless_nothing_is_broadcast() {
    let on_loopback = || Config { bind: LOOPBACK, broadcast_port: discovery_port(), ..config() };
    assert!(receiver(&on_loopback()).unwrap().is_some());
    assert!(receiver(&Config { bind: "::1".parse().unwrap(), ..on_loopback() }).unwrap().is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn where_a_port_can_be_shared_nothing_is_said_of_a_process_that_has_it() {
    let (other, config) = loop {
        let config = Config { bind: LOOPBACK, broadcast_port: discovery_port(), ..config() };
        if let Ok(socket) = UdpSocket::bind((LOOPBACK, config.broadcast_port)) {
            break (socket, config);
        }
    };
    let (heard, lines) = captured(|| receiver(&config));
    assert!(heard.unwrap().is_some());
    assert_eq!(lines, [""; 0]);
    drop(other);
}

#[test]
fn the_core_is_told_what_was_asked_for() {
    let endpoint = SocketAddr::new(LOOPBACK, 7000);
    let limits = Config {
        priority: 3,
        quorum: Some(2),
        resume: true,
        keep: Some(Duration::from_secs(86_400)),
        join: vec!["h:1".to_owned()],
        ..config()
    };
    for (config, joins) in [(config(), false), (limits, true)] {
        let told = settings(&config, 5, endpoint);
        assert_eq!((&told.id, told.priority, told.incarnation), (&config.peer_id, config.priority, 5));
        assert_eq!((told.endpoint, &told.group, told.quorum), (endpoint, &config.group, config.quorum));
        assert_eq!((told.resume, told.limits, told.timing), (config.resume, config.limits(), config.timing));
        assert_eq!((told.joins, told.survey_every), (joins, Duration::from_secs(3600)));
    }
}

#[test]
fn a_life_begins_at_a_nanosecond_of_this_century() {
    let at = |time: &str| Incarnation::try_from(time.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap();
    assert!((at("2025-01-01T00:00:00Z")..at("2100-01-01T00:00:00Z")).contains(&now_nanos()));
}
