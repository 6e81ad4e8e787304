//! Rows to an MQTT broker, each on the topic of its sensor, as JSON with the name of the reading. A broker acknowledges what it
//! took (QoS 1), and keeps no list of it: what was not acknowledged is sent again, and that name tells repeated rows.

mod discovery;
mod session;

use std::collections::HashSet;

use self::session::Session;
use super::chosen::Chosen;
use super::engine::{Engine, Fault};
use super::known::Known;
use super::row::Row;
use super::{access, tls, Asked, BridgeError};

/// What is needed to talk to a broker.
#[derive(Debug)]
struct Place {
    asked: Asked,
    user: Option<(String, String)>,
    tls: Option<rumqttc::TlsConfiguration>,
}

/// The bridge's side of a broker.
pub(super) struct Mqtt {
    place: Place,
    session: Option<Session>,
    /// Which quantities of which sensors were announced to Home Assistant.
    announced: HashSet<String>,
}

impl Mqtt {
    pub(super) fn new(asked: &Asked) -> Result<Self, BridgeError> {
        let tls = asked.target.has_tls.then(|| tls::configuration(asked.ca_file.as_deref())).transpose()?;
        let tls = tls.map(|config| rumqttc::TlsConfiguration::Rustls(config.into()));
        let place = Place { user: access::user(asked)?, tls, asked: asked.clone() };
        Ok(Self { place, session: None, announced: HashSet::new() })
    }
}

/// The topic with the position of the bridges that hand over what this one does. Bridges of other sensors or topics
/// have another one. What an earlier version kept at `peer-bridge/<group>` does not say of which sensors it is.
fn position_topic(asked: &Asked) -> String {
    let (group, chosen) = (&asked.group, Chosen::of(&asked.sensors));
    format!("peer-bridge/{group}/{:08x}", crc32fast::hash(format!("{chosen} {}", asked.topic).as_bytes()))
}

impl Engine for Mqtt {
    fn open(&mut self, known: &mut Known) -> Result<(), Fault> {
        self.session = None;
        self.announced.clear();
        let asked = &self.place.asked;
        known.settle(&format!("{} {} {}", asked.target, asked.group, asked.topic), known.at);
        let mut session = Session::open(&self.place)?;
        if asked.only_leader {
            session.read_position(&position_topic(asked), known)?;
        }
        self.session = Some(session);
        Ok(())
    }

    fn send(&mut self, rows: &[Row], known: &mut Known) -> Result<(), Fault> {
        let Some(session) = &mut self.session else { return Err(Fault::Away("not connected".to_owned())) };
        let asked = &self.place.asked;
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            let topic = asked.topic.replace("{group}", &asked.group).replace("{sensor}", row.fields.sensor_id);
            if let Some(prefix) = &asked.home_assistant {
                discovery::announce(prefix, &asked.group, &topic, row, &mut self.announced, session)?;
            }
            messages.push((topic, row.json(&asked.group)));
        }
        session.publish_all(messages, asked.retain, |at| rows[at].add_to(known))?;
        if asked.only_leader {
            session.keep(position_topic(asked), known.marks())?;
        }
        Ok(())
    }

    fn close(&mut self) {
        self.session = None;
    }
}
