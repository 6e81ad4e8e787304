//! The way that `docs/bridges.md` shows from a broker into a group: what Zigbee and Tasmota devices publish becomes rows.

use std::process::Command;

use crate::harness::{skipped, Group};
use crate::server::Server;

#[test]
fn messages_of_zigbee2mqtt_and_tasmota_are_readings() {
    let broker =
        Server::start("mosquitto", "-c", |port, _| format!("listener {port} 127.0.0.1\nallow_anonymous true\n"));
    let Some(broker) = broker else { return };
    let port = broker.port.to_string();
    for (topic, message) in [
        ("zigbee2mqtt/attic", r#"{"temperature":21.5,"humidity":40,"pressure":1013,"battery":90}"#),
        (
            "tele/hall/SENSOR",
            r#"{"Time":"2026-01-15T06:00:00","BME280":{"Temperature":20.1,"Humidity":39.2,"Pressure":1009.1},"TempUnit":"C"}"#,
        ),
        ("zigbee2mqtt/bridge", r#"{"state":"online"}"#),
    ] {
        // The broker keeps them until somebody subscribes.
        let told =
            Command::new("mosquitto_pub").args(["-p", &port, "-r", "-q", "1", "-t", topic, "-m", message]).status();
        let Ok(told) = told else { return skipped("bridges", "mosquitto_pub is not installed") };
        assert!(told.success());
    }
    let fields = |payload: &str, [temperature, humidity, pressure]: [&str; 3]| {
        format!(
            "id=topic,temperature={payload}.{temperature},humidity={payload}.{humidity},pressure={payload}.{pressure}"
        )
    };
    for (topic, fields, expected) in [
        ("zigbee2mqtt/+", fields("payload", ["temperature", "humidity", "pressure"]), "zigbee2mqtt-attic,21.5,40,1013"),
        (
            "tele/+/SENSOR",
            fields("payload.BME280", ["Temperature", "Humidity", "Pressure"]),
            "tele-hall-SENSOR,20.1,39.2,1009.1",
        ),
    ] {
        let group = Group::new();
        let sensor = format!("exec:mosquitto_sub -p {port} -t {topic} -F %J");
        let peer = group.start_with("a", &["--sensor", &sensor, "--stdin-format", "jsonl", "--stdin-fields", &fields]);
        peer.wait_for_rows(1);
        let rows = peer.rows();
        // Before that is the time at which it came.
        assert_eq!(rows[&1].split_once(',').expect("a row").1, expected);
        assert_eq!(rows.len(), 1);
    }
}
