//! What Home Assistant is told about sensors, so that each appears there by itself: a message for each quantity that a
//! sensor measures, which the broker keeps.

use std::collections::HashSet;

use super::session::Session;
use super::{Fault, Row};
use crate::json::Object;

/// The quantities: their names in rows and in Home Assistant, and their units.
const QUANTITIES: [(&str, &str, &str); 3] = [
    ("temperature_c", "temperature", "°C"),
    ("humidity_pct", "humidity", "%"),
    ("pressure_hpa", "atmospheric_pressure", "hPa"),
];

/// Announces the quantities that a row is the first to measure.
pub(super) fn announce(
    prefix: &str,
    group: &str,
    topic: &str,
    row: &Row,
    announced: &mut HashSet<String>,
    session: &mut Session,
) -> Result<(), Fault> {
    let values = [row.fields.temperature, row.fields.humidity, row.fields.pressure];
    for (quantity, value) in QUANTITIES.iter().zip(values) {
        let (topic_of, message) = message(prefix, group, topic, row.fields.sensor_id, *quantity);
        if !value.is_empty() && !announced.contains(&topic_of) {
            session.keep(topic_of.clone(), message)?;
            announced.insert(topic_of);
        }
    }
    Ok(())
}

/// The topic and the text of an announcement.
fn message(
    prefix: &str,
    group: &str,
    topic: &str,
    sensor: &str,
    (name, class, unit): (&str, &str, &str),
) -> (String, String) {
    let mut device = Object::new();
    device.raw("identifiers", &format!("[\"peer/{group}/{sensor}\"]"));
    device.text("name", sensor);
    device.text("manufacturer", "peer");
    let mut object = Object::new();
    object.text("unique_id", &format!("peer/{group}/{sensor}/{name}"));
    object.text("state_topic", topic);
    object.text("value_template", &format!("{{{{ value_json.{name} }}}}"));
    object.text("device_class", class);
    object.text("state_class", "measurement");
    object.text("unit_of_measurement", unit);
    object.raw("device", &device.end());
    (format!("{prefix}/sensor/{}_{}/{name}/config", node(group), node(sensor)), object.end())
}

/// An id as a part of a topic of Home Assistant, which has no dots in it.
fn node(id: &str) -> String {
    id.replace('.', "-2E-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_of_a_sensor_is_told_as_home_assistant_reads_it() {
        let (topic, text) = message("homeassistant", "lab", "peer/lab/a.b", "a.b", QUANTITIES[0]);
        assert_eq!(topic, "homeassistant/sensor/lab_a-2E-b/temperature_c/config");
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        let device = serde_json::json!({"identifiers": ["peer/lab/a.b"], "name": "a.b", "manufacturer": "peer"});
        let expected = serde_json::json!({
            "unique_id": "peer/lab/a.b/temperature_c", "state_topic": "peer/lab/a.b",
            "value_template": "{{ value_json.temperature_c }}", "device_class": "temperature",
            "state_class": "measurement", "unit_of_measurement": "°C", "device": device,
        });
        assert_eq!(object, expected);
    }
}
