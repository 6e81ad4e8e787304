//! What a stream holds already. Its leader says how far it reaches and which message of the group is the last. Only the messages
//! that are not known yet are read, from any server, and until that one: a server that lags behind is waited for.
//!
//! A server that comes back without the end of its stream gives the numbers of those messages to others, so how far the stream
//! reaches does not tell whether it lost some. The last message that is known of the group tells: it has the same number and the
//! same name as before, or what came before it may be gone as well.

use std::fmt::Display;
use std::time::Duration;

use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, Info, LastRawMessageErrorKind, RetentionPolicy};
use async_nats::jetstream::ErrorCode;
use async_nats::{HeaderMap, HeaderValue};
use futures_util::StreamExt;
use tokio::time::{sleep, timeout, Instant};

use super::link::{sensor, token, Link, PATIENCE, SENSORS, SEQUENCE, TERM};
use super::{Chosen, Fault, Known, Last};
use crate::history::Position;
use crate::ids::{parse_number, Number, Origin};

/// How long a server that became the leader of a stream has until it says that it holds what was acknowledged, and how often
/// it is asked meanwhile. If it does not, messages are lost.
const BEHIND_MAX: Duration = Duration::from_secs(10);
const BEHIND_PAUSE: Duration = Duration::from_millis(100);

impl Link {
    /// Reads which readings the stream holds, as far as that is not known yet.
    pub(super) async fn read(&self, known: &mut Known) -> Result<(), Fault> {
        let info = self.settle(known).await?;
        let last = info.state.last_sequence;
        // If readers take messages away, nobody else may read beside them, and what is gone says nothing.
        let is_let_go = info.config.retention != RetentionPolicy::Limits;
        if last == 0 || is_let_go && last == known.at {
            return Ok(());
        }
        let newest = self.newest(&format!("{}.*", token(&self.group))).await?;
        if let Some(newest) = newest.filter(|newest| known.last.as_ref().is_none_or(|last| last.at < *newest)) {
            self.read_on(known, newest).await?;
        }
        known.at = newest.map_or(last, |newest| newest.max(last));
        Ok(())
    }

    /// Compares what is known with what the stream says of itself. If messages are gone that were not to be removed, all is
    /// forgotten; but a server that has just become the leader may need a moment to have what was acknowledged.
    async fn settle(&self, known: &mut Known) -> Result<Info, Fault> {
        let until = Instant::now() + BEHIND_MAX;
        loop {
            let info = self.info().await?;
            let of = format!("stream {} of {}", self.name, info.created.unix_timestamp_nanos());
            let is_short = known.is_ahead_of(&of, info.state.last_sequence);
            if !is_short {
                known.settle(&of, info.state.last_sequence);
                if self.has(known.last.as_ref(), &info).await? {
                    return Ok(info);
                }
            }
            if info.config.num_replicas == 1 || Instant::now() >= until {
                known.forget();
                return Ok(info);
            }
            sleep(BEHIND_PAUSE).await;
        }
    }

    /// Whether the stream has the last message that is known of the group, or has removed it as it was to.
    async fn has(&self, last: Option<&Last>, info: &Info) -> Result<bool, Fault> {
        let Some(last) = last.filter(|last| !may_be_gone(last, &info.config, info.state.first_sequence)) else {
            return Ok(true);
        };
        match self.stream.get_raw_message(last.at).await {
            Ok(message) => Ok(message.headers.get(NATS_MESSAGE_ID).is_some_and(|id| id.as_str() == last.id)),
            Err(error) if error.kind() != LastRawMessageErrorKind::NoMessageFound => Err(self.unread(&error)),
            // Newer messages of a sensor remove older ones.
            Err(_) if info.config.max_messages_per_subject > 0 => {
                Ok(self.newest(&last.subject).await?.is_some_and(|newest| newest > last.at))
            }
            // It may have been removed meanwhile.
            Err(_) => Ok(may_be_gone(last, &info.config, self.info().await?.state.first_sequence)),
        }
    }

    /// The number of the last message with such a subject.
    async fn newest(&self, subject: &str) -> Result<Option<u64>, Fault> {
        match self.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message.sequence)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(self.unread(&error)),
        }
    }

    async fn info(&self) -> Result<Info, Fault> {
        self.stream.get_info().await.map_err(|error| self.unread(&error))
    }

    /// Reads the messages of the group after the last one that is known, up to this number.
    async fn read_on(&self, known: &mut Known, newest: u64) -> Result<(), Fault> {
        let start_sequence = known.last.as_ref().map_or(1, |last| last.at + 1);
        let config = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence },
            filter_subject: format!("{}.*", token(&self.group)),
            headers_only: true,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await.map_err(|error| match error.kind() {
            ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::CONSUMER_FILTER_NOT_SUBSET => {
                self.takes_none()
            }
            _ => self.unread(&error),
        })?;
        let mut messages = consumer.messages().await.map_err(|error| self.unread(&error))?;
        loop {
            let next = timeout(PATIENCE, messages.next()).await.map_err(|error| self.unread(&error))?;
            let Some(message) = next else { return Err(self.unread(&"it ended")) };
            let message = message.map_err(|error| self.unread(&error))?;
            let at = message.info().map_err(|error| self.unread(&error))?.stream_sequence;
            if let Some(last) = self.learn(message.headers.as_ref(), &message.subject, at, known) {
                known.last = Some(last);
            }
            if at >= newest {
                return Ok(());
            }
        }
    }

    pub(super) fn takes_none(&self) -> Fault {
        let (group, name) = (token(&self.group), &self.name);
        Fault::Refused(format!(
            "the stream {name} does not take {group}.*; give it these subjects, or name the stream that has them"
        ))
    }

    fn unread(&self, error: &dyn Display) -> Fault {
        Fault::Away(format!("cannot read the stream {}: {error}", self.name))
    }

    /// Learns of what a message holds, if it is a row of this group: then it is the last one by now.
    fn learn(&self, headers: Option<&HeaderMap>, subject: &str, at: u64, known: &mut Known) -> Option<Last> {
        let headers = headers?;
        // The client finds a name of its own list only by its constant.
        let id = headers.get(NATS_MESSAGE_ID)?.as_str();
        let (origin, number) = named(id, &self.group)?;
        known.mark(&origin, Some(&sensor(subject)), number);
        let covers = |chosen: &HeaderValue| chosen.as_str().parse().is_ok_and(|it: Chosen| it.covers(&self.chosen));
        // Rows of this bridge may lag further than those of a bridge that takes other sensors.
        if headers.get(SENSORS).is_none_or(covers) {
            let term = headers.get(TERM).and_then(|term| term.as_str().parse().ok());
            let sequence = headers.get(SEQUENCE).and_then(|sequence| parse_number(sequence.as_str()));
            if let (Some(term), Some(sequence)) = (term, sequence) {
                known.begin_at(Position::at(&term, sequence));
            }
        }
        Some(Last { at, id: id.to_owned(), subject: subject.to_owned() })
    }
}

/// Whether a message is gone because the stream was to remove it. `first` is where the stream begins.
fn may_be_gone(last: &Last, config: &Config, first: u64) -> bool {
    config.retention != RetentionPolicy::Limits || last.at < first
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
    fn what_a_stream_is_to_remove_is_not_lost() {
        let last = Last { at: 7, id: "lab/a/5/3".to_owned(), subject: "lab.roof".to_owned() };
        let taken = Config { retention: RetentionPolicy::WorkQueue, ..Config::default() };
        assert!(may_be_gone(&last, &Config::default(), 8), "it begins after that");
        assert!(!may_be_gone(&last, &Config::default(), 7));
        assert!(may_be_gone(&last, &taken, 1), "readers take messages away");
    }

    #[test]
    fn a_message_id_names_a_reading_of_one_group() {
        let reading = ("a/5".parse().unwrap(), 7);
        assert_eq!(named("lab/a/5/7", "lab"), Some(reading));
        for other in ["lab2/a/5/7", "lab/a/5", "lab/a/5/x", "lab/a/5/7/8", "7"] {
            assert_eq!(named(other, "lab"), None, "{other}");
        }
    }
}
