//! The command line as users meet it: help, errors, exit statuses, environment.

use std::process::{Command, Output};

fn peer(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peer"))
        .env_clear()
        .envs(environment.iter().copied())
        .args(arguments)
        .output()
        .expect("the binary was built")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_every_option_in_groups() {
    let long = peer(&["--help"], &[]);
    assert_eq!(long.status.code(), Some(0));
    let help = text(&long.stdout);
    for option in [
        "--peer-id",
        "--priority",
        "--group",
        "--key-file",
        "--bind",
        "--port",
        "--broadcast-port",
        "--broadcast-address",
        "--join",
        "--heartbeat-interval",
        "--heartbeat-timeout",
        "--election-timeout",
        "--quorum",
        "--sensor",
        "--sensor-id",
        "--sensor-interval-seconds",
        "--stdin-format",
        "--stdin-fields",
        "--once",
        "--sysfs",
        "--data-dir",
        "--fsync",
        "--flush-interval",
        "--keep",
        "--keep-bytes",
        "--rotate",
        "--min-free",
        "--http",
        "--http-host",
        "--log-level",
    ] {
        assert!(help.contains(&format!("{option} <")), "{option} in\n{help}");
    }
    for variable in ["PEER_PEER_ID", "PEER_JOIN", "PEER_HEARTBEAT_INTERVAL", "BROADCAST_PORT"] {
        assert!(help.contains(variable), "{variable} in\n{help}");
    }
    let short = text(&peer(&["-h"], &[]).stdout);
    assert!(short.lines().count() < help.lines().count());
    assert!(text(&peer(&["--version"], &[]).stdout).starts_with("peer "));
}

#[test]
fn wrong_options_end_with_2_and_say_which() {
    for (arguments, expected) in [
        (&["--no-such-option"][..], "--no-such-option"),
        (&["--port", "99999"], "--port"),
        (&["--peer-id", "../x"], "--peer-id"),
        (&["--heartbeat-interval", "soon"], "--heartbeat-interval"),
        (&["--heartbeat-interval", "5s", "--heartbeat-timeout", "5s"], "--heartbeat-timeout"),
        (&["--sensor", "thermometer"], "--sensor"),
        (&["--sensor", "none", "--sensor", "mock"], "none"),
        (&["--sensor", "mock", "--sensor-id", "a", "--sensor-id", "b"], "--sensor-id: 2 given, 1 needed"),
        (&["--bind", "localhost"], "--bind"),
        (&["--join", "nowhere"], "--join"),
        (&["--log-level", "loud"], "--log-level"),
        (&["--quorum", "2"], "--resume"),
        (&["--resume"], "--peer-id"),
        (&["--resume", "--peer-id", "a"], "name a source: --sensor none"),
        (&["--log-format", "xml"], "--log-format"),
        (&["--fsync", "sometimes"], "--fsync"),
        (&["--flush-interval", "later"], "--flush-interval"),
        (&["--min-free", "half"], "--min-free"),
        (&["--rotate", "daily"], "--rotate"),
        (&["left over"], "left over"),
    ] {
        let output = peer(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn the_environment_is_read_like_options_and_its_errors_are_named() {
    for (variable, value, expected) in [
        ("PEER_PORT", "x", "'x' for 'PEER_PORT, which is --port <PORT>'"),
        ("PEER_HEARTBEAT_TIMEOUT", "1s", "--heartbeat-timeout"),
        ("BROADCAST_PORT", "x", "'x' for 'BROADCAST_PORT, which is --broadcast-port <PORT>'"),
        ("PEER_SENSOR", "mock,bogus", "'mock,bogus' for 'PEER_SENSOR, which is --sensor <SOURCE>'"),
        ("PEER_LOG_LEVEL", "loud", "'loud' for 'PEER_LOG_LEVEL, which is --log-level <LEVEL>'"),
        ("PEER_RESUME", "perhaps", "PEER_RESUME"),
    ] {
        let output = peer(&[], &[(variable, value)]);
        assert_eq!(output.status.code(), Some(2), "{variable}={value}");
        assert!(text(&output.stderr).contains(expected), "{variable}: {}", text(&output.stderr));
    }
    for typed in [&["--port", "y"][..], &["--port=y"]] {
        let said = text(&peer(typed, &[("PEER_PORT", "x")]).stderr);
        assert!(said.contains("'y' for '--port <PORT>'"), "the option wins: {said}");
    }
    let said = text(&peer(&["doctor"], &[("PEER_PORT", "x")]).stderr);
    assert!(said.contains("'x' for 'PEER_PORT, which is --port <PORT>'"), "{said}");
}

#[test]
fn a_data_directory_that_cannot_be_written_ends_with_1_and_says_what_to_do() {
    let output = peer(&["--bind", "127.0.0.1", "--data-dir", "/dev/null/data"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let error = text(&output.stderr);
    assert!(error.contains("/dev/null/data") && error.contains("--data-dir"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn a_key_is_made_once_and_known_by_its_fingerprint() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let file = directory.path().join("key");
    let file = file.to_str().expect("text");
    let made = peer(&["key", "new", file], &[]);
    assert_eq!((made.status.code(), text(&made.stderr)), (Some(0), String::new()));
    let fingerprint = text(&made.stdout);
    assert_eq!(fingerprint.len(), "0123-4567-89ab-cdef\n".len(), "{fingerprint}");
    assert_eq!(text(&peer(&["key", "id", file], &[]).stdout), fingerprint);
    let key = std::fs::read_to_string(file).expect("its owner's");
    let again = peer(&["key", "new", file], &[]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).starts_with("error: ") && text(&again.stderr).contains("is there already"));
    assert_eq!(std::fs::read_to_string(file).expect("its owner's"), key);
    assert_eq!(peer(&["key", "id", "/dev/null"], &[]).status.code(), Some(1));
    assert_eq!(peer(&["key"], &[]).status.code(), Some(2));
}

#[test]
fn a_sensor_directory_that_is_none_ends_with_1_and_names_it() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let data = directory.path().join("data");
    let data = data.to_str().expect("text");
    let output = peer(&["--bind", "127.0.0.1", "--sensor", "iio:/nonexistent", "--data-dir", data], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("/nonexistent"), "{}", text(&output.stderr));
}

#[test]
fn the_sensors_of_a_host_are_listed_with_the_options_that_read_them() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let device = directory.path().join("class/hwmon/hwmon0");
    std::fs::create_dir_all(&device).expect("a directory for the test");
    for (file, text) in [("name", "sht4x\n"), ("temp1_input", "22112\n"), ("humidity1_input", "53968\n")] {
        std::fs::write(device.join(file), text).expect("a file for the test");
    }
    let listed = peer(&["sensors", "--sysfs", directory.path().to_str().expect("text")], &[]);
    assert_eq!((listed.status.code(), text(&listed.stderr)), (Some(0), String::new()));
    let line = text(&listed.stdout);
    assert_eq!(
        line.split_whitespace().collect::<Vec<_>>(),
        ["--sensor", "hwmon:sht4x", "22.112", "°C,", "53.968", "%"]
    );
    let none = peer(&["sensors"], &[("PEER_SYSFS", "/nonexistent")]);
    assert_eq!((none.status.code(), text(&none.stdout).contains("/nonexistent shows no device")), (Some(0), true));
}
