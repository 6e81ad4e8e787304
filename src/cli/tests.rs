//! What users type, and what they get.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgAction;
use log::LevelFilter;
use uuid::Uuid;

use super::arguments::HELP_WIDTH_MAX;
use super::*;
use crate::config::source::{Bus, Choice};
use crate::config::{Fsync, Rotate, SensorSource};
use crate::history::TimeRange;
use crate::tail::Start;
use crate::wire::{Limits, Timing};

fn config(options: &str) -> Result<Config, clap::Error> {
    // Whatever environment the tests run in, only the options count.
    let mut command = Arguments::command().mut_args(|arg| arg.env(Resettable::Reset));
    let typed = std::iter::once("peer").chain(options.split_whitespace());
    let matches = command.try_get_matches_from_mut(typed)?;
    let typed = Arguments::from_arg_matches(&matches)?;
    typed.into_config(names_source(&matches)).map_err(|error| command.error(ErrorKind::ValueValidation, error))
}

fn error(options: &str) -> String {
    let error = config(options).expect_err(options);
    assert_eq!(error.exit_code(), 2, "{options}");
    error.to_string()
}

fn sensor_ids(config: &Config) -> Vec<&str> {
    config.own_sensors().map(|(id, _)| id.as_str()).collect()
}

fn sources(config: &Config) -> Vec<SensorSource> {
    config.sensors.iter().map(|sensor| sensor.source.clone()).collect()
}

/// In milliseconds; 0 of those that have none.
fn intervals(config: &Config) -> Vec<u128> {
    config.sensors.iter().map(|sensor| sensor.interval.map_or(0, |interval| interval.as_millis())).collect()
}

fn iio(directory: &str) -> SensorSource {
    SensorSource::Device(Bus::Iio, Choice::Directory(directory.into()))
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
}

#[test]
fn clap_finds_nothing_wrong_with_the_options() {
    command(|_| false).debug_assert();
}

#[test]
fn without_options_the_defaults_of_the_contract_hold() {
    let config = config("").unwrap();
    assert!(Uuid::parse_str(config.peer_id.as_str()).is_ok_and(|id| id.get_version_num() == 4));
    assert_eq!(sensor_ids(&config), [config.peer_id.as_str()]);
    assert_eq!((config.priority, config.group.as_str()), (0, "sensors"));
    assert_eq!((config.bind, config.port), (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
    assert_eq!((config.broadcast_port, config.broadcast_address), (9999, None));
    assert_eq!(config.join, Vec::<String>::new());
    let [interval, timeout, election] = [5, 10, 5].map(Duration::from_secs);
    let timing = Timing { heartbeat_interval: interval, heartbeat_timeout: timeout, election_timeout: election };
    assert_eq!(config.timing, timing);
    assert_eq!((sources(&config), intervals(&config)), (vec![SensorSource::Mock], vec![15_000]));
    assert_eq!(config.data_dir, PathBuf::from("data"));
    assert_eq!((config.quorum, config.resume, config.fsync), (None, false, Fsync::Never));
    assert_eq!((config.min_free, config.rotate, config.limits()), (0, Rotate::Never, None));
    assert_eq!((config.key_file, config.flush_interval, config.log_level), (None, None, LevelFilter::Info));
}

#[test]
fn two_peers_without_a_name_have_different_ones() {
    assert_ne!(config("").unwrap().peer_id, config("").unwrap().peer_id);
}

#[test]
fn every_option_arrives() {
    let config = config(
        "--peer-id p1 --priority -7 --group g --bind 127.0.0.1 --port 7001 --broadcast-port 9998 \
         --broadcast-address 10.0.0.255 --join a:1 --join b:2,a:1 --heartbeat-interval 200ms --heartbeat-timeout 0.5 \
         --election-timeout 1m --sensor stdin --sensor iio:/d --sensor-id s1 --sensor-interval-seconds 0.25 \
         --data-dir /tmp/d --quorum 2 --resume --fsync 10s --rotate month --min-free 500M --keep 400d \
         --keep-bytes 2G --flush-interval 10m --log-level DEBUG",
    );
    let config = config.unwrap();
    assert_eq!((config.peer_id.as_str(), &sensor_ids(&config)[..]), ("p1", &["s1"][..]));
    assert_eq!((config.priority, config.group.as_str()), (-7, "g"));
    assert_eq!((config.bind.to_string().as_str(), config.port, config.broadcast_port), ("127.0.0.1", 7001, 9998));
    assert_eq!(config.broadcast_address, Some("10.0.0.255".parse().unwrap()));
    assert_eq!(config.join, ["a:1", "b:2"]);
    let [interval, timeout, election] = [200, 500, 60_000].map(Duration::from_millis);
    let timing = Timing { heartbeat_interval: interval, heartbeat_timeout: timeout, election_timeout: election };
    assert_eq!(config.timing, timing);
    assert_eq!((sources(&config), intervals(&config)), (vec![SensorSource::Stdin, iio("/d")], vec![0, 250]));
    assert_eq!(config.data_dir, PathBuf::from("/tmp/d"));
    assert_eq!((config.quorum, config.resume), (Some(2), true));
    assert_eq!((config.fsync, config.min_free), (Fsync::Every(Duration::from_secs(10)), 500 << 20));
    assert_eq!((config.log_level, config.rotate), (LevelFilter::Debug, Rotate::Month));
    assert_eq!(config.flush_interval, Some(Duration::from_secs(600)));
    let kept = Limits { age: Some(Duration::from_secs(400 * 86_400)), bytes: Some(2 << 30) };
    assert_eq!(config.limits(), Some(kept));
}

#[test]
fn the_sensor_id_is_the_peer_id_unless_given_and_each_source_has_its_own() {
    let ids = |options: &str| sensor_ids(&config(&format!("--peer-id p1 {options}")).unwrap()).join(" ");
    assert_eq!((ids(""), ids("--sensor-id a")), ("p1".to_owned(), "a".to_owned()));
    assert_eq!(ids("--sensor mock,iio:/d"), "p1-1 p1-2");
    assert_eq!(ids("--sensor mock,stdin,iio:/d --sensor-id a --sensor-id b"), "a b");
    assert_eq!(ids("--sensor mock,iio:/d --sensor-id a,b"), "a b");
    assert_eq!(ids("--sensor c=mock,iio:/d,iio:/e --sensor-id a,b"), "c a b");
    assert_eq!(ids("--sensor c@1s=mock,@2s=iio:/d"), "c p1");
    assert_eq!(ids("--sensor c=stdin,mock --stdin-format jsonl"), "c p1");
    assert_eq!(intervals(&config("--sensor c@1s=mock,@2s=iio:/d,stdin,b=iio:/e").unwrap()), [1000, 2000, 0, 15_000]);
    assert!(config("--sensor none").unwrap().sensors.is_empty());
}

#[test]
fn a_quorum_waits_for_the_disk_unless_told_otherwise() {
    let fsync = |options: &str| config(&format!("--peer-id p1 --resume --sensor none {options}")).unwrap().fsync;
    assert_eq!(fsync(""), Fsync::Never);
    assert_eq!(fsync("--quorum 2"), Fsync::Batch);
    assert_eq!(fsync("--quorum 2 --fsync never"), Fsync::Never);
}

#[test]
fn a_wrong_option_is_named_with_what_would_be_right() {
    for (options, said) in [
        ("--peer-id .a", &["--peer-id <ID>", "must begin with a letter or digit"][..]),
        ("--group a/b", &["--group <NAME>", "letters, digits"]),
        ("--priority high", &["--priority <N>"]),
        ("--bind localhost", &["--bind <ADDRESS>", "IPv4 or IPv6 address"]),
        ("--port 65536", &["--port <PORT>", "0..=65535"]),
        ("--port -1", &["--port <PORT>", "0..=65535"]),
        ("--broadcast-port 0", &["--broadcast-port <PORT>", "1..=65535"]),
        ("--broadcast-address ::1", &["--broadcast-address <ADDRESS>", "--join"]),
        ("--join hub", &["--join <HOST:PORT>", "hub.local:7000"]),
        ("--join ::1:80", &["--join <HOST:PORT>", "in brackets"]),
        ("--heartbeat-interval 0", &["--heartbeat-interval <DURATION>", "positive"]),
        ("--heartbeat-interval -5", &["--heartbeat-interval <DURATION>", "positive"]),
        ("--election-timeout 25h", &["--election-timeout <DURATION>", "at most 24h"]),
        ("--heartbeat-timeout 5s", &["--heartbeat-timeout (5s) must exceed --heartbeat-interval (5s)"]),
        ("--heartbeat-interval 10s", &["--heartbeat-timeout (10s) must exceed --heartbeat-interval (10s)"]),
        ("--sensor bme280", &["--sensor <SOURCE>", "write mock, none, stdin, exec:COMMAND, file:PATH, or iio:DEVICE"]),
        ("--sensor none,mock", &["--sensor none cannot be combined with --sensor mock"]),
        ("--sensor stdin --sensor stdin", &["--sensor stdin is given twice"]),
        ("--once a", &["--once needs --resume"]),
        ("--stdin-format xml", &["--stdin-format <FORMAT>", "jsonl"]),
        ("--stdin-format csv --stdin-fields heat=a", &["--stdin-fields <FIELD=NAME>", "temperature"]),
        ("--stdin-fields id=a", &["--stdin-fields needs --stdin-format csv"]),
        ("--stdin-format csv --stdin-fields id=a,id=b", &["--stdin-fields names a field of readings twice"]),
        ("--sensor a=none", &["--sensor <SOURCE>", "none has no id"]),
        ("--sensor a@x=mock", &["--sensor <SOURCE>", "write a duration"]),
        ("--sensor a=stdin", &["--sensor stdin takes no id: lines of --stdin-format data name their own"]),
        ("--sensor a=mock,a=iio:/d", &["--sensor-id a is given twice"]),
        ("--sensor a=mock --sensor-id b", &["--sensor-id: 1 given, 0 needed"]),
        ("--sensor-id a,b", &["--sensor-id: 2 given, 1 needed"]),
        ("--sensor stdin --sensor-id a", &["--sensor-id: 1 given, 0 needed", "stdin name their own"]),
        ("--sensor mock,iio:/d --sensor-id a,a", &["--sensor-id a is given twice"]),
        ("--sensor-id a|b", &["--sensor-id <ID>", "letters, digits"]),
        ("--sensor-interval-seconds 0", &["--sensor-interval-seconds <SECONDS>", "positive"]),
        ("--data-dir=", &["--data-dir"]),
        ("--resume", &["--resume needs --peer-id"]),
        ("--resume --peer-id a", &["name a source", "--sensor none", "--sensor mock where made-up readings are meant"]),
        ("--quorum 2", &["--quorum needs --resume"]),
        ("--quorum 0", &["--quorum <N>", "1.."]),
        ("--keep 23h", &["--keep <TIME>", "write how long readings are kept as 400d"]),
        ("--keep-bytes 1M", &["--keep-bytes <SIZE>", "at least 64M"]),
        ("--keep 400d", &["--keep needs --resume"]),
        ("--min-free 1.5G", &["--min-free <SIZE>", "write a number of bytes"]),
        ("--fsync always", &["--fsync <never|batch|DURATION>", "write never, batch, or a duration"]),
        ("--rotate daily", &["--rotate <never|month>", "write never or month"]),
        ("--log-level loud", &["--log-level <LEVEL>", "error, warn, info, debug, trace"]),
        ("--log-level off", &["--log-level <LEVEL>"]),
        ("--colour", &["--colour"]),
        ("file.txt", &["file.txt"]),
    ] {
        let error = error(options);
        assert!(said.iter().all(|part| error.contains(part)), "{options}: {error}");
    }
}

#[test]
fn every_option_has_short_and_long_help_a_heading_and_an_environment_variable() {
    let command = command(|_| false);
    assert_eq!(options(&command).count(), 32);
    for arg in options(&command) {
        let long = arg.get_long().expect("a long name");
        let variable = format!("PEER_{}", long.to_ascii_uppercase().replace('-', "_"));
        assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "{long}");
        let short_help = arg.get_help().expect(long).to_string();
        assert!(short_help.len() <= 80 && !short_help.ends_with('.'), "{long}: {short_help}");
        assert!(arg.get_long_help().expect(long).to_string().ends_with('.'), "{long}");
        assert!(arg.get_help_heading().is_some(), "{long}");
        assert!(arg.get_value_names().is_some(), "{long}");
        let states_default = arg.get_long_help().expect(long).to_string().contains("Default: ");
        assert!(states_default == arg.get_default_values().is_empty(), "{long} states its default once");
    }
}

#[test]
fn repeatable_options_may_be_separated_by_commas() {
    // Those of `sensor` are told from commas in a source.
    let command = command(|_| false);
    let repeatable: Vec<&str> = options(&command)
        .filter(|arg| matches!(arg.get_action(), ArgAction::Append))
        .filter(|arg| arg.get_value_delimiter() == Some(','))
        .filter_map(Arg::get_long)
        .collect();
    assert_eq!(repeatable, ["join", "sensor-id", "stdin-fields", "http-host"]);
}

#[test]
fn the_discovery_port_hears_its_second_variable_only_where_the_first_holds_nothing() {
    let heard = |set: &'static [&'static str]| {
        let command = command(|name| set.contains(&name));
        let port = options(&command).find(|arg| arg.get_long() == Some("broadcast-port")).expect("the option");
        port.get_env().and_then(|name| name.to_str()).map(str::to_owned)
    };
    assert_eq!(heard(&[]).as_deref(), Some("PEER_BROADCAST_PORT"));
    assert_eq!(heard(&["BROADCAST_PORT"]).as_deref(), Some("BROADCAST_PORT"));
    assert_eq!(heard(&["PEER_BROADCAST_PORT", "BROADCAST_PORT"]).as_deref(), Some("PEER_BROADCAST_PORT"));
}

#[test]
fn help_groups_the_options_in_the_order_of_the_contract() {
    for help in [command(|_| false).render_help(), command(|_| false).render_long_help()] {
        let help = help.to_string();
        let headings = help.lines().filter_map(|line| line.strip_suffix(':')).filter(|line| !line.starts_with(' '));
        let expected =
            ["Commands", "Options", "Identity", "Network", "Timing", "Safety", "Sensors", "Storage", "Page", "Logging"];
        assert_eq!(headings.filter(|heading| *heading != "Examples").collect::<Vec<_>>(), expected);
        assert!(help.contains("[default: 9999]") && help.contains("[env: PEER_BROADCAST_PORT]"), "{help}");
        assert!(help.lines().all(|line| line.len() <= HELP_WIDTH_MAX + 20), "{help}");
    }
    let help = command(|_| false).render_long_help().to_string();
    for part in ["Examples:", "Exit status:", "RUST_LOG", "Also read from `BROADCAST_PORT`", "[default: 5s]"] {
        assert!(help.contains(part), "{part} is missing in {help}");
    }
}

fn task(options: &str) -> Result<Option<Verb>, clap::Error> {
    let mut command = command(|_| false);
    let matches = command.try_get_matches_from_mut(options.split_whitespace())?;
    Ok(Arguments::from_arg_matches(&matches)?.verb)
}

#[test]
fn verify_has_options_of_its_own_and_takes_none_of_a_peer() {
    let verb = task("peer verify").unwrap();
    assert!(
        matches!(verb, Some(Verb::Verify(Verify { data_dirs, peers, up_to: None, json: false })) if data_dirs == [PathBuf::from("data")] && peers.is_empty())
    );
    let verb = task("peer verify --data-dir a --up-to 7 --data-dir b --json p1 c/p2").unwrap();
    let Some(Verb::Verify(Verify { data_dirs, peers, up_to: Some(7), json: true })) = verb else { panic!("{verb:?}") };
    assert_eq!(data_dirs, [PathBuf::from("a"), PathBuf::from("b")]);
    assert_eq!(peers, [PathBuf::from("p1"), PathBuf::from("c/p2")]);
    assert!(task("peer").unwrap().is_none());
    for wrong in
        ["peer --port 7000 verify", "peer verify --port 7000", "peer verify --data-dir=", "peer verify --up-to 0"]
    {
        assert_eq!(task(wrong).unwrap_err().exit_code(), 2, "{wrong}");
    }
    let help = task("peer verify --help").unwrap_err().to_string();
    for part in ["sha256sum *.csv | sha256sum", "Exit status: 0 if all agree, 4 if some", "PEER_DATA_DIR"] {
        assert!(help.contains(part), "{part} is missing in {help}");
    }
}

#[test]
fn of_what_snapshot_is_given_the_last_is_where_to() {
    for (options, given) in [
        ("backup", &[][..]),
        ("kitchen backup", &["kitchen"]),
        ("kitchen --take-over pi2/roof backup", &["kitchen", "pi2/roof"]),
    ] {
        let verb = task(&format!("peer snapshot {options}")).unwrap();
        let Some(Verb::Snapshot(snapshot)) = verb else { panic!("{verb:?}") };
        let (peers, dest) = snapshot.peers_and_dest();
        assert_eq!((&snapshot.data_dirs[..], dest), (&[PathBuf::from("data")][..], Path::new("backup")), "{options}");
        assert_eq!(peers, given.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(snapshot.take_over, options.contains("--take-over"));
    }
    for wrong in ["peer snapshot", "peer snapshot --port 7000 backup", "peer --port 7000 snapshot backup"] {
        assert_eq!(task(wrong).unwrap_err().exit_code(), 2, "{wrong}");
    }
    assert!(task("peer snapshot --help").unwrap_err().to_string().contains("Exit status: 0 if all were copied"));
}

#[test]
fn what_tail_is_given_says_where_to_begin() {
    for (options, start) in [
        ("", Start::Last(10)),
        ("-n 0 -f kitchen", Start::Last(0)),
        ("--from 7 kitchen", Start::After(6)),
        ("--since 2026-01-15T06:00:00Z", Start::After(0)),
        ("--cursor c", Start::After(0)),
        ("--cursor c --lines 3", Start::Last(3)),
    ] {
        let verb = task(&format!("peer tail {options}")).unwrap();
        let Some(Verb::Tail(tail)) = verb else { panic!("{verb:?}") };
        assert_eq!(tail.asked().start, start, "{options}");
    }
    for wrong in ["--from 0", "--from 1 --lines 2", "--since now", "--sensor ../x", "--format xml", "--follow a b"] {
        assert_eq!(task(&format!("peer tail {wrong}")).unwrap_err().exit_code(), 2, "{wrong}");
    }
    let help = task("peer tail --help").unwrap_err().to_string();
    for part in ["# rewind SEQ", "PEER_DATA_DIR", "[default: csv]", "Exit status: 0 at the end"] {
        assert!(help.contains(part), "{part} is missing in {help}");
    }
}

#[test]
fn what_export_is_given_says_what_is_written() {
    let options = "peer export --from 1970-01-01T00:00:01Z --format parquet -o f --sensor a,b --sensor c data/p";
    let verb = task(options).unwrap();
    let Some(Verb::Export(export)) = verb else { panic!("{verb:?}") };
    let asked = export.asked();
    assert_eq!((asked.range, asked.sensors.len()), (TimeRange { from: 1000, to: i64::MAX }, 3));
    assert_eq!((asked.output, asked.peer), (Some(PathBuf::from("f")), Some(PathBuf::from("data/p"))));
    for wrong in ["--from 7", "--to now", "--format influx", "--sensor ../x", "a b"] {
        assert_eq!(task(&format!("peer export {wrong}")).unwrap_err().exit_code(), 2, "{wrong}");
    }
    assert!(task("peer export --help").unwrap_err().to_string().contains("PEER_DATA_DIR"));
}

#[test]
fn help_and_version_are_no_errors() {
    for option in ["-h", "--help", "-V", "--version"] {
        assert_eq!(config(option).unwrap_err().exit_code(), 0);
    }
    assert_eq!(config("--version").unwrap_err().to_string(), format!("peer {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn readings_are_made_up_unasked_only_where_no_source_is_named() {
    for (options, invents) in
        [("", true), ("--sensor mock", false), ("--sensor none", false), ("--sensor stdin", false)]
    {
        assert_eq!(config(options).unwrap().invents, invents, "{options}");
    }
    assert!(config("--peer-id a --resume --sensor mock").is_ok());
}
