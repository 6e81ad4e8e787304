//! The command line, one argument on each line, and each value by itself.

use std::ffi::OsString;

use peer::cli::{parse, strange_variables, Task};
use peer::config::form;
use peer::config::source::{self, Sensors};
use peer::config::value::{self, DURATION_MAX, DURATION_MIN};
use peer::config::{Config, Fsync};

pub(crate) fn config(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let arguments = text.split('\n').map(OsString::from);
    match parse(std::iter::once("peer".into()).chain(arguments)) {
        Ok(Task::Run(config)) => check(&config),
        Ok(_) => {}
        // Errors have a text, and so has help.
        Err(error) => assert!(!error.to_string().is_empty() && [0, 2].contains(&error.exit_code())),
    }
    for line in text.split('\n') {
        check_values(line);
    }
    let set = text.split('\n').filter_map(|line| line.split_once('='));
    for line in strange_variables(set.map(|(name, value)| (name.into(), value.into()))) {
        assert!(line.starts_with("The environment variable "));
    }
}

/// Checks what the fields of a `Config` promise.
fn check(config: &Config) {
    assert_eq!(config.clone().check().as_ref(), Ok(config));
    let timing = config.timing;
    assert!(timing.heartbeat_interval < timing.heartbeat_timeout);
    let intervals = config.sensors.iter().filter_map(|sensor| sensor.interval);
    for length in
        [timing.heartbeat_interval, timing.heartbeat_timeout, timing.election_timeout].into_iter().chain(intervals)
    {
        assert!((DURATION_MIN..=DURATION_MAX).contains(&length) && length.subsec_nanos() % 1_000_000 == 0);
    }
    assert!(config.broadcast_port != 0 && config.quorum != Some(0));
    assert!(config.quorum.is_none() || (config.resume && config.fsync != Fsync::Never));
    assert!(config.broadcast_address.is_none_or(|address| address.is_ipv4()));
    let takers = config.sensors.iter().filter(|sensor| sensor.source.takes_id()).count();
    let mut ids: Vec<_> = config.own_sensors().map(|(id, _)| id).collect();
    assert!(ids.len() >= takers);
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "a sensor id is given twice");
    assert_eq!(value::group(&config.group).as_ref(), Ok(&config.group));
}

fn check_values(text: &str) {
    if let Ok(length) = value::duration(text) {
        assert!((DURATION_MIN..=DURATION_MAX).contains(&length));
        assert_eq!(value::duration(&format!("{}ms", length.as_millis())), Ok(length));
    }
    if let Ok(endpoint) = value::endpoint(text) {
        assert_eq!(value::endpoint(&endpoint).as_ref(), Ok(&endpoint));
    }
    if let Ok(Some(sensor)) = source::sensor(text) {
        assert_eq!(source::sensor(&sensor.to_string()), Ok(Some(sensor)));
    }
    if let Ok(Sensors(list)) = source::sensors(text) {
        assert!(!list.is_empty());
    }
    if let Ok(address) = value::bind(text) {
        assert_eq!(value::bind(&address.to_string()), Ok(address));
    }
    if let Ok(address) = value::broadcast(text) {
        assert!(address.is_ipv4() && !address.is_unspecified());
    }
    let _ = (value::fsync(text), value::group(text), form::field(text));
}
