//! A connection to a broker. A thread of its own answers the broker also while no rows come; it ends with the connection.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{unbounded, Receiver};
use rumqttc::{Client, ConnectReturnCode, Connection, ConnectionError, Event, MqttOptions, Packet, QoS, Transport};

use super::{tls, Asked, Fault, Known, Place};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a broker has for what it keeps on a topic, once it said that it is subscribed.
const KEPT: Duration = Duration::from_millis(500);

const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Messages that were sent and are not acknowledged: brokers queue some hundred of a client.
const UNACKNOWLEDGED_MAX: u16 = 100;

/// Those, and as many that wait to be sent. With more the client would wait for a broker that acknowledges nothing until its
/// keep-alive ends, and nobody would look at signals meanwhile.
const UNDER_WAY_MAX: usize = 2 * UNACKNOWLEDGED_MAX as usize;

/// The largest message, of which a position is one.
const MESSAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the broker said.
enum Said {
    Connected,
    Subscribed,
    Acknowledged,
    Message(Vec<u8>),
    Gone(Fault),
}

pub(super) struct Session {
    client: Client,
    said: Receiver<Said>,
    /// Its thread ends once this is gone.
    _alive: Arc<()>,
}

impl Session {
    pub(super) fn open(place: &Place) -> Result<Self, Fault> {
        let target = &place.asked.target;
        let id = format!("peer-bridge-{:08x}", rand::random::<u32>());
        let mut options = MqttOptions::new(id, target.host.trim_matches(['[', ']']), target.port);
        options.set_keep_alive(KEEP_ALIVE).set_inflight(UNACKNOWLEDGED_MAX);
        options.set_max_packet_size(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX);
        if let Some((name, password)) = &place.user {
            options.set_credentials(name, password);
        }
        if let Some(tls) = &place.tls {
            options.set_transport(Transport::tls_with_config(tls.clone()));
        }
        let (client, connection) = Client::new(options, usize::from(UNACKNOWLEDGED_MAX));
        // Bounded by what this bridge asks for: an acknowledgement for each message that is under way, and the position
        // that is kept. The broker is the operator's own: nothing holds back one that sends what nobody asked for.
        let (tell, said) = unbounded();
        let asked = place.asked.clone();
        let alive = Arc::new(());
        let is_wanted = Arc::downgrade(&alive);
        let listen = move || listen(connection, &asked, &is_wanted, &|what| tell.send(what).is_ok());
        let started = thread::Builder::new().name("mqtt".to_owned()).spawn(listen);
        started.map_err(|error| Fault::Away(format!("no thread can be started: {error}")))?;
        let session = Self { client, said, _alive: alive };
        match session.next(PATIENCE)? {
            Said::Connected => Ok(session),
            _ => Err(Fault::Away("it speaks before it let this bridge in".to_owned())),
        }
    }

    fn next(&self, patience: Duration) -> Result<Said, Fault> {
        match self.said.recv_timeout(patience) {
            Ok(Said::Gone(fault)) => Err(fault),
            Ok(said) => Ok(said),
            Err(_) => Err(Fault::Away(format!("no answer within {} s", PATIENCE.as_secs()))),
        }
    }

    fn put(&self, topic: &str, retain: bool, payload: impl Into<Vec<u8>>) -> Result<(), Fault> {
        let sent = self.client.publish(topic, QoS::AtLeastOnce, retain, payload);
        sent.map_err(|_| self.why_gone())
    }

    /// Why the thread ended.
    fn why_gone(&self) -> Fault {
        self.said
            .try_iter()
            .find_map(|said| if let Said::Gone(why) = said { Some(why) } else { None })
            .unwrap_or_else(|| Fault::Away("the connection ended".to_owned()))
    }

    /// Publishes messages, and reports each that is acknowledged. A broker acknowledges them in the order in which they
    /// were sent.
    pub(super) fn publish_all(
        &mut self,
        messages: Vec<(String, String)>,
        retain: bool,
        mut is_acknowledged: impl FnMut(usize),
    ) -> Result<(), Fault> {
        let (count, mut done) = (messages.len(), 0);
        for (sent, (topic, payload)) in messages.into_iter().enumerate() {
            while sent - done >= UNDER_WAY_MAX {
                take(self.next(PATIENCE)?, &mut done, &mut is_acknowledged)?;
            }
            self.put(&topic, retain, payload)?;
            while let Ok(said) = self.said.try_recv() {
                take(said, &mut done, &mut is_acknowledged)?;
            }
        }
        while done < count {
            take(self.next(PATIENCE)?, &mut done, &mut is_acknowledged)?;
        }
        Ok(())
    }

    /// Publishes a message that the broker keeps.
    pub(super) fn keep(&mut self, topic: String, payload: String) -> Result<(), Fault> {
        self.publish_all(vec![(topic, payload)], true, |_| {})
    }

    /// Reads which readings were acknowledged to the bridges of the group, as far as one of them kept that on this topic.
    pub(super) fn read_position(&mut self, topic: &str, known: &mut Known) -> Result<(), Fault> {
        self.client.subscribe(topic, QoS::AtLeastOnce).map_err(|_| self.why_gone())?;
        while !matches!(self.next(PATIENCE)?, Said::Subscribed) {}
        let until = Instant::now() + KEPT;
        loop {
            match self.said.recv_deadline(until) {
                Ok(Said::Message(text)) => {
                    known.learn(&String::from_utf8_lossy(&text));
                    break;
                }
                Ok(Said::Gone(why)) => return Err(why),
                Ok(_) => {}
                // There is none.
                Err(_) => break,
            }
        }
        self.client.unsubscribe(topic).map_err(|_| self.why_gone())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The thread may have ended already.
        let _ = self.client.try_disconnect();
    }
}

fn take(said: Said, done: &mut usize, is_acknowledged: &mut impl FnMut(usize)) -> Result<(), Fault> {
    match said {
        Said::Acknowledged => {
            is_acknowledged(*done);
            *done += 1;
            Ok(())
        }
        Said::Gone(why) => Err(why),
        _ => Ok(()),
    }
}

/// Tells what the broker says, until it is gone, or nobody listens. One that acknowledges nothing goes on answering pings.
fn listen(mut connection: Connection, asked: &Asked, is_wanted: &Weak<()>, tell: &dyn Fn(Said) -> bool) {
    for event in connection.iter() {
        let said = match event {
            _ if is_wanted.strong_count() == 0 => return,
            Ok(Event::Incoming(Packet::ConnAck(_))) => Said::Connected,
            Ok(Event::Incoming(Packet::PubAck(_))) => Said::Acknowledged,
            Ok(Event::Incoming(Packet::SubAck(_))) => Said::Subscribed,
            Ok(Event::Incoming(Packet::Publish(message))) => Said::Message(message.payload.to_vec()),
            Ok(_) => continue,
            // What was under way is sent again by the bridge, on another connection.
            Err(error) => {
                tell(Said::Gone(tls::fault(&error, asked).unwrap_or_else(|| fault(&error))));
                return;
            }
        };
        if !tell(said) {
            return;
        }
    }
}

fn fault(error: &ConnectionError) -> Fault {
    use ConnectReturnCode::{BadUserNamePassword, NotAuthorized, RefusedProtocolVersion};
    match error {
        ConnectionError::ConnectionRefused(BadUserNamePassword | NotAuthorized) => Fault::Refused(
            "the broker does not let this bridge in; give mqtt://USER:PASSWORD@… or --credentials FILE".to_owned(),
        ),
        ConnectionError::ConnectionRefused(RefusedProtocolVersion) => {
            Fault::Refused("the broker does not speak MQTT 3.1.1".to_owned())
        }
        error => Fault::Away(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::tail::Start;

    /// Where to hand rows to at this port.
    fn place(port: u16) -> Place {
        let asked = Asked {
            data_dirs: vec![],
            peer: None,
            target: format!("mqtt://127.0.0.1:{port}").parse().unwrap(),
            group: "sensors".to_owned(),
            start: Start::After(0),
            sensors: vec![],
            cursor: None,
            only_leader: false,
            key_file: None,
            credentials: None,
            ca_file: None,
            create: false,
            topic: "t".to_owned(),
            retain: false,
            home_assistant: None,
        };
        Place { asked, user: None, tls: None }
    }

    /// A client that waited for room would find out by the keep-alive only.
    #[test]
    fn a_broker_that_acknowledges_nothing_is_given_up_after_the_longest_wait_for_an_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; 4096];
            assert!(stream.read(&mut bytes).unwrap() > 0);
            // It lets the client in, and takes what it sends.
            stream.write_all(&[0x20, 2, 0, 0]).unwrap();
            while stream.read(&mut bytes).is_ok_and(|read| read > 0) {}
        });
        let mut session = Session::open(&place(port)).unwrap();
        let messages = (0..1000).map(|n| ("t".to_owned(), n.to_string())).collect();
        let given_up = session.publish_all(messages, false, |at| panic!("{at} was acknowledged"));
        let Err(Fault::Away(why)) = given_up else { panic!("{given_up:?}") };
        assert_eq!(why, "no answer within 10 s");
    }
}
