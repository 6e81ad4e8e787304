//! A connection to a NATS server, and the stream that rows go into.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::header::{
    HeaderName, NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID,
};
use async_nats::jetstream::context::{
    CreateStreamErrorKind, GetStreamErrorKind, PublishAckFuture, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream;
use async_nats::jetstream::{Context, ContextBuilder, ErrorCode};
use async_nats::{ConnectErrorKind, ConnectOptions, HeaderMap};
use tokio::time::{timeout, Instant};

use super::{access, tls, Asked, BridgeError, Chosen, Fault, Known, Last, Row};

/// The longest wait for a connection, and for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Messages that were sent and are not acknowledged: enough to keep a server busy, and few enough for its queue.
const UNACKNOWLEDGED_MAX: usize = 1_000;

/// How long rows are sent between two looks at signals and at the position.
const SHARE: Duration = Duration::from_secs(1);

/// Where the row was when it was handed over, for those who read the stream and for a bridge that goes on.
pub(super) const SEQUENCE: &str = "Peer-Sequence";
pub(super) const TERM: &str = "Peer-Term";

/// The sensors whose rows a bridge hands over, if not all: rows of other sensors may lag further.
pub(super) const SENSORS: &str = "Peer-Sensors";

/// Which stream, and how to get there.
#[derive(Debug)]
pub(super) struct Place {
    asked: Asked,
    stream: String,
    /// `None`: if the server asks for TLS, the authorities that the system trusts may vouch for it.
    tls: Option<rustls::ClientConfig>,
}

impl Place {
    pub(super) fn of(asked: &Asked) -> Result<Self, BridgeError> {
        let named = asked.target.place.clone();
        // No name of a stream has a dot in it.
        let stream = if named.is_empty() { token(&asked.group) } else { named };
        let has_tls = asked.target.has_tls || asked.ca_file.is_some();
        let tls = has_tls.then(|| tls::configuration(asked.ca_file.as_deref())).transpose()?;
        Ok(Self { asked: asked.clone(), stream, tls })
    }

    /// The servers that it may be found at.
    pub(super) fn servers(&self) -> Vec<(String, u16)> {
        let target = &self.asked.target;
        [&[(target.host.clone(), target.port)], target.others.as_slice()].concat()
    }

    fn options(&self) -> Result<ConnectOptions, Fault> {
        // The client must not send again what was under way when a connection ended: the bridge looks at the stream
        // first.
        let mut options = ConnectOptions::new().name("peer bridge").connection_timeout(PATIENCE).max_reconnects(1);
        // It chooses the next server itself.
        options = options.request_timeout(Some(PATIENCE)).ignore_discovered_servers();
        options = options.require_tls(self.asked.target.has_tls);
        if let Some(config) = self.tls.clone() {
            options = options.tls_client_config(config);
        }
        access::give(options, &self.asked)
    }

    /// The subject of all rows of the group.
    fn subjects(&self) -> String {
        format!("{}.*", token(&self.asked.group))
    }
}

/// An id as a part of a subject: dots, which would make several parts of it, are colons, which no id has.
pub(super) fn token(id: &str) -> String {
    id.replace('.', ":")
}

/// The sensor whose rows have this subject.
pub(super) fn sensor(subject: &str) -> String {
    subject.rsplit('.').next().unwrap_or_default().replace(':', ".")
}

/// A connection, and the stream.
pub(super) struct Link {
    context: Context,
    pub(super) stream: stream::Stream,
    pub(super) name: String,
    pub(super) group: String,
    pub(super) chosen: Chosen,
    /// The stream took all that was sent last: nobody was faster, and perhaps nobody else is there.
    is_in_step: bool,
}

impl Link {
    /// Connects to a server, and finds the stream.
    pub(super) async fn open(place: &Place, (host, port): &(String, u16)) -> Result<Self, Fault> {
        let connected = place.options()?.connect(format!("nats://{host}:{port}"));
        // The client limits the TCP connect only. It would wait for ever for a server that says nothing afterwards.
        let connected = timeout(PATIENCE, connected).await;
        let connected = connected.map_err(|_| Fault::Away(format!("no answer within {} s", PATIENCE.as_secs())))?;
        let client = connected.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Fault::Refused(
                "the server does not let this bridge in; give nats://USER:PASSWORD@… or --credentials FILE".to_owned(),
            ),
            kind => tls::fault(&error, &place.asked).unwrap_or_else(|| match kind {
                // Not the server's fault: a host name, say, that no certificate can bear.
                ConnectErrorKind::Tls => Fault::Refused(error.to_string()),
                _ => Fault::Away(error.to_string()),
            }),
        })?;
        let context = ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE).build(client);
        let stream = match context.get_stream(&place.stream).await {
            Err(error) if is_missing(&error.kind()) && place.asked.create => make(&context, place).await?,
            found => found.map_err(|error| match error.kind() {
                kind if is_missing(&kind) => Fault::Refused(format!(
                    "there is no stream {}; make one with the subjects {}, or give --create",
                    place.stream,
                    place.subjects()
                )),
                GetStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT =>
                {
                    Fault::Refused("JetStream is not enabled for this account".to_owned())
                }
                GetStreamErrorKind::InvalidStreamName => {
                    Fault::Refused(format!("{} is no name of a stream; give nats://HOST/STREAM", place.stream))
                }
                _ => Fault::Away(format!(
                    "no answer about the stream {}: {error}; is JetStream on, and may this user ask it?",
                    place.stream
                )),
            })?,
        };
        let (name, group, chosen) = (place.stream.clone(), place.asked.group.clone(), Chosen::of(&place.asked.sensors));
        Ok(Self { context, stream, name, group, chosen, is_in_step: false })
    }

    /// Hands rows over, as many as there is time for: the first on condition that nothing followed what is known, each other
    /// one on condition that the row before it is the last message. A number of the stream would not do for these: where
    /// another's message took the place of a row, the row after it would be taken without it.
    pub(super) async fn send(&mut self, rows: &[&Row<'_>], known: &mut Known) -> Result<(), Fault> {
        let mut waiting: VecDeque<(&Row, PublishAckFuture)> = VecDeque::with_capacity(UNACKNOWLEDGED_MAX);
        let mut condition = (NATS_EXPECTED_LAST_SEQUENCE, known.at.to_string());
        // If the first may be refused, it goes alone: all that follow it would be refused, too, and servers of a
        // cluster have to agree on each.
        let goes_alone = !std::mem::replace(&mut self.is_in_step, false);
        let begun = Instant::now();
        for (at, row) in rows.iter().enumerate() {
            if at > 0 && begun.elapsed() >= SHARE {
                break;
            }
            if waiting.len() == if at == 1 && goes_alone { 1 } else { UNACKNOWLEDGED_MAX } {
                self.acknowledged(waiting.pop_front(), known).await?;
            }
            let id = row.id(&self.group);
            let headers = self.headers(row, &id, condition);
            let sent =
                self.context.publish_with_headers(self.subject(row), headers, row.json(&self.group).into()).await;
            waiting.push_back((row, sent.map_err(|error| self.fault(&error, row))?));
            condition = (NATS_EXPECTED_LAST_MESSAGE_ID, id);
        }
        while !waiting.is_empty() {
            self.acknowledged(waiting.pop_front(), known).await?;
        }
        self.is_in_step = true;
        Ok(())
    }

    async fn acknowledged(&self, sent: Option<(&Row<'_>, PublishAckFuture)>, known: &mut Known) -> Result<(), Fault> {
        let Some((row, sent)) = sent else { return Ok(()) };
        let acknowledged = sent.await.map_err(|error| self.fault(&error, row))?;
        row.add_to(known);
        if acknowledged.duplicate {
            // The stream had it, and this bridge did not know.
            return Err(Fault::Overtaken);
        }
        known.at = acknowledged.sequence;
        known.last = Some(Last { at: known.at, id: row.id(&self.group), subject: self.subject(row) });
        Ok(())
    }

    fn headers(&self, row: &Row, id: &str, (condition, value): (HeaderName, String)) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        headers.insert(NATS_EXPECTED_STREAM, self.name.as_str());
        headers.insert(condition, value);
        headers.insert(SEQUENCE, row.sequence.to_string());
        headers.insert(TERM, row.identity.term.to_string());
        if !self.chosen.is_all() {
            headers.insert(SENSORS, self.chosen.to_string());
        }
        headers
    }

    fn subject(&self, row: &Row) -> String {
        format!("{}.{}", token(&self.group), token(row.fields.sensor_id))
    }

    /// Whether the stream takes this row's subject. If it does, nobody takes the row while the stream's servers elect a
    /// leader.
    fn takes(&self, row: &Row) -> bool {
        self.stream.cached_info().config.subjects.iter().any(|pattern| covers(pattern, &self.subject(row)))
    }

    fn fault(&self, error: &PublishError, row: &Row) -> Fault {
        match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => Fault::Overtaken,
            // Another stream may have the subject.
            _ if !self.takes(row) => self.takes_none(),
            _ => Fault::Away(format!("rows are not acknowledged: {error}")),
        }
    }
}

/// Whether a pattern matches a subject. `*` is any part, and `>` is all that follow.
fn covers(pattern: &str, subject: &str) -> bool {
    let mut parts = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, parts.next()) {
            (">", Some(_)) => return true,
            (wanted, Some(part)) if wanted == "*" || wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Makes the stream, in files and without limits. A stream with limits has to exist already.
async fn make(context: &Context, place: &Place) -> Result<stream::Stream, Fault> {
    let config =
        stream::Config { name: place.stream.clone(), subjects: vec![place.subjects()], ..stream::Config::default() };
    context.create_stream(config).await.map_err(|error| {
        let why = format!("the stream {} cannot be made: {error}", place.stream);
        match error.kind() {
            CreateStreamErrorKind::JetStream(error) if error.code() < 500 => Fault::Refused(why),
            CreateStreamErrorKind::InvalidStreamName => Fault::Refused(why),
            // A cluster has no leader for a while, or the answer is lost.
            _ => Fault::Away(why),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_takes_the_rows_whose_subjects_it_has() {
        for pattern in [">", "*.*", "*.>", "lab.*", "lab.>", "lab.roof", "*.roof"] {
            assert!(covers(pattern, "lab.roof"), "{pattern}");
        }
        for pattern in ["lab", "lab.kitchen", "other.*", "lab.*.*", "*", "lab.*.>", "lab.roof.>", "*.kitchen"] {
            assert!(!covers(pattern, "lab.roof"), "{pattern}");
        }
    }

    #[test]
    fn an_id_is_one_token_of_a_subject() {
        assert_eq!((token("roof"), token("a.b."), token("EWR_1-x")), ("roof".into(), "a:b:".into(), "EWR_1-x".into()));
        assert_eq!((sensor("lab.roof").as_str(), sensor("l:a:b.a:b:").as_str()), ("roof", "a.b."));
    }
}
