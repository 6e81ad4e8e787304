//! A connection to a NATS server, and the stream that rows go into.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::header::{
    HeaderName, NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID,
};
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::context::{GetStreamErrorKind, PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::{stream, Context, ContextBuilder, ErrorCode};
use async_nats::{ConnectErrorKind, ConnectOptions, HeaderMap};
use futures_util::StreamExt;
use tokio::time::timeout;

use super::{Fault, Known, Row};
use crate::bridge::{Asked, Target};
use crate::history::Position;
use crate::ids::{parse_number, Number, Origin};

/// The longest wait for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Messages that were sent and are not acknowledged: enough to keep a server busy, and few enough for its queue.
const UNACKNOWLEDGED_MAX: usize = 1_000;

/// Where the row was when it was handed over, for those who read the stream and for a bridge that goes on.
const SEQUENCE: &str = "Peer-Sequence";
const TERM: &str = "Peer-Term";

/// Which stream, and how to get there.
#[derive(Debug)]
pub(super) struct Place {
    target: Target,
    group: String,
    stream: String,
    credentials: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    create: bool,
}

impl Place {
    pub(super) fn of(asked: &Asked) -> Self {
        let named = asked.target.place.clone();
        Self {
            // No name of a stream has a dot in it.
            stream: if named.is_empty() { asked.group.replace('.', ":") } else { named },
            target: asked.target.clone(),
            group: asked.group.clone(),
            credentials: asked.credentials.clone(),
            ca_file: asked.ca_file.clone(),
            create: asked.create,
        }
    }

    async fn options(&self) -> Result<ConnectOptions, Fault> {
        // What was under way when a connection ends is nobody's to send again: the bridge looks at the stream first.
        let mut options = ConnectOptions::new().name("peer bridge").connection_timeout(PATIENCE).max_reconnects(1);
        options = options.require_tls(self.target.has_tls);
        if let Some((user, password)) = self.target.user.clone() {
            options = if password.is_empty() { options.token(user) } else { options.user_and_password(user, password) };
        }
        if let Some(path) = &self.credentials {
            let unread = |error| Fault::Refused(format!("--credentials {}: {error}", path.display()));
            options = options.credentials_file(path).await.map_err(unread)?;
        }
        if let Some(path) = &self.ca_file {
            options = options.add_root_certificates(path.clone());
        }
        Ok(options)
    }

    /// The subject of all rows of the group.
    fn subjects(&self) -> String {
        format!("{}.*", token(&self.group))
    }
}

/// An id as a part of a subject: dots, which would make several parts of it, are colons, which no id has.
fn token(id: &str) -> String {
    id.replace('.', ":")
}

/// A connection, and the stream.
pub(super) struct Link {
    context: Context,
    stream: stream::Stream,
    name: String,
    group: String,
}

impl Link {
    /// Connects, and finds the stream.
    pub(super) async fn open(place: &Place) -> Result<Self, Fault> {
        let address = format!("nats://{}:{}", place.target.host, place.target.port);
        let client = place.options().await?.connect(address).await.map_err(|error| match error.kind() {
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => Fault::Refused(
                "the server does not let this bridge in; give nats://USER:PASSWORD@… or --credentials FILE".to_owned(),
            ),
            ConnectErrorKind::Tls => Fault::Refused(format!("{error}; --ca-file names who may vouch for the server")),
            _ => Fault::Away(error.to_string()),
        })?;
        let context = ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE).build(client);
        let stream = match context.get_stream(&place.stream).await {
            Err(error) if is_missing(&error.kind()) && place.create => make(&context, place).await?,
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
                _ => Fault::Away(format!("no answer about the stream {}: {error}; is JetStream on?", place.stream)),
            })?,
        };
        Ok(Self { context, stream, name: place.stream.clone(), group: place.group.clone() })
    }

    /// Reads which readings the stream holds, as far as that is not known yet.
    pub(super) async fn read(&self, known: &mut Known) -> Result<(), Fault> {
        let away =
            |error: &dyn std::fmt::Display| Fault::Away(format!("cannot read the stream {}: {error}", self.name));
        let info = self.stream.get_info().await.map_err(|error| away(&error))?;
        let last = info.state.last_sequence;
        known.settle(&format!("stream {} of {}", self.name, info.created.unix_timestamp_nanos()), last);
        if last == known.at {
            return Ok(());
        }
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: known.at + 1 },
            filter_subject: format!("{}.*", token(&self.group)),
            headers_only: true,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await.map_err(|error| away(&error))?;
        if consumer.cached_info().num_pending > 0 {
            let mut messages = consumer.messages().await.map_err(|error| away(&error))?;
            loop {
                let next = timeout(PATIENCE, messages.next()).await.map_err(|error| away(&error))?;
                let Some(message) = next else { return Err(away(&"it ended")) };
                let message = message.map_err(|error| away(&error))?;
                self.learn(message.headers.as_ref(), known);
                let place = message.info().map_err(|error| away(&error))?;
                if place.stream_sequence >= last || place.pending == 0 {
                    break;
                }
            }
        }
        known.at = last;
        Ok(())
    }

    /// Learns of what a message holds, if it is a row of this group.
    fn learn(&self, headers: Option<&HeaderMap>, known: &mut Known) {
        let Some(headers) = headers else { return };
        // The client finds a name of its own list only by its constant.
        let id = headers.get(NATS_MESSAGE_ID);
        let Some((origin, number)) = id.and_then(|id| named(id.as_str(), &self.group)) else { return };
        known.add(&origin, number);
        let term = headers.get(TERM).and_then(|term| term.as_str().parse().ok());
        let sequence = headers.get(SEQUENCE).and_then(|sequence| parse_number(sequence.as_str()));
        if let (Some(term), Some(sequence)) = (term, sequence) {
            known.begin_at(Position::at(&term, sequence));
        }
    }

    /// Hands rows over: the first on condition that nothing followed what is known, each other one on condition that the row
    /// before it is the last message. A number of the stream would not do for these: where another's message took the place
    /// of a row, the row after it would be taken without it.
    pub(super) async fn send(&self, rows: &[&Row<'_>], known: &mut Known) -> Result<(), Fault> {
        let mut waiting: VecDeque<(&Row, PublishAckFuture)> = VecDeque::with_capacity(UNACKNOWLEDGED_MAX);
        let mut condition = (NATS_EXPECTED_LAST_SEQUENCE, known.at.to_string());
        for row in rows {
            if waiting.len() == UNACKNOWLEDGED_MAX {
                self.acknowledged(waiting.pop_front(), known).await?;
            }
            let subject = format!("{}.{}", token(&self.group), token(row.fields.sensor_id));
            let id = row.id(&self.group);
            let headers = self.headers(row, &id, condition);
            let sent = self.context.publish_with_headers(subject, headers, row.json(&self.group).into()).await;
            waiting.push_back((row, sent.map_err(|error| self.fault(&error))?));
            condition = (NATS_EXPECTED_LAST_MESSAGE_ID, id);
        }
        while !waiting.is_empty() {
            self.acknowledged(waiting.pop_front(), known).await?;
        }
        Ok(())
    }

    async fn acknowledged(&self, sent: Option<(&Row<'_>, PublishAckFuture)>, known: &mut Known) -> Result<(), Fault> {
        let Some((row, sent)) = sent else { return Ok(()) };
        let acknowledged = sent.await.map_err(|error| self.fault(&error))?;
        known.add(row.identity.origin, row.identity.number);
        if acknowledged.duplicate {
            // The stream had it, and this bridge did not know.
            return Err(Fault::Overtaken);
        }
        known.at = acknowledged.sequence;
        Ok(())
    }

    fn headers(&self, row: &Row, id: &str, (condition, value): (HeaderName, String)) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        headers.insert(NATS_EXPECTED_STREAM, self.name.as_str());
        headers.insert(condition, value);
        headers.insert(SEQUENCE, row.sequence.to_string());
        headers.insert(TERM, row.identity.term.to_string());
        headers
    }

    fn fault(&self, error: &PublishError) -> Fault {
        match error.kind() {
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => Fault::Overtaken,
            PublishErrorKind::StreamNotFound => Fault::Refused(format!(
                "no stream takes {0}.*; give the stream {1} the subjects {0}.*",
                token(&self.group),
                self.name
            )),
            _ => Fault::Away(format!("rows are not acknowledged: {error}")),
        }
    }
}

fn is_missing(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

/// Makes the stream, in files and without limits. One with limits is there before.
async fn make(context: &Context, place: &Place) -> Result<stream::Stream, Fault> {
    let config =
        stream::Config { name: place.stream.clone(), subjects: vec![place.subjects()], ..stream::Config::default() };
    let cannot = |error| Fault::Refused(format!("the stream {} cannot be made: {error}", place.stream));
    context.create_stream(config).await.map_err(cannot)
}

/// The reading that a message id of this group names.
fn named(id: &str, group: &str) -> Option<(Origin, Number)> {
    let (origin, number) = id.strip_prefix(group)?.strip_prefix('/')?.rsplit_once('/')?;
    Some((origin.parse().ok()?, parse_number(number)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_names_a_reading_of_one_group() {
        let reading = ("a/5".parse().unwrap(), 7);
        assert_eq!(named("lab/a/5/7", "lab"), Some(reading));
        for other in ["lab2/a/5/7", "lab/a/5", "lab/a/5/x", "lab/a/5/7/8", "7"] {
            assert_eq!(named(other, "lab"), None, "{other}");
        }
    }

    #[test]
    fn an_id_is_one_token_of_a_subject() {
        assert_eq!((token("roof"), token("a.b."), token("EWR_1-x")), ("roof".into(), "a:b:".into(), "EWR_1-x".into()));
    }
}
