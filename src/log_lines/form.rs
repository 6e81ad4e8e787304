//! How a line of the log looks: as text for people, as an object for programs, and for the journal of systemd.

use std::env;
use std::str::FromStr;

use jiff::Timestamp;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, Record};

use super::{escaped, EVENTS};
use crate::ids::PeerId;
use crate::json::Object;

/// The form of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Time, level, thread, text.
    Text,
    /// One object on each line.
    Json,
}

impl Format {
    /// As they are typed.
    pub const NAMES: [&'static str; 2] = ["text", "json"];
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("is neither text nor json"),
        }
    }
}

/// What is said, before it has a form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) level: Level,
    pub(super) thread: &'a str,
    /// The name by which programs know it.
    pub(super) event: Option<&'a str>,
    /// What else is known of it, as members of an object.
    pub(super) fields: &'a str,
    /// One line, or several where `lines` says so.
    pub(super) text: &'a str,
    pub(super) lines: bool,
}

/// How this process writes its lines.
#[derive(Debug, Clone)]
pub struct Form {
    format: Format,
    peer: PeerId,
    /// Standard error is the journal, which notes the time itself.
    journal: bool,
}

impl Form {
    /// Looks where standard error goes.
    #[must_use]
    pub fn new(format: Format, peer: PeerId) -> Self {
        let stream = env::var("JOURNAL_STREAM").ok();
        Self { format, peer, journal: stream.is_some() && stream == standard_error() }
    }

    /// What was said, with its LF.
    pub(super) fn of_record(&self, record: &Record, thread: &str) -> String {
        let mut fields = Fields { object: Object::new(), event: None, lines: false };
        // Only the visitor could fail, and it does not.
        let _ = record.key_values().visit(&mut fields);
        let event = fields.event.as_deref();
        debug_assert!(event.is_none_or(|event| EVENTS.binary_search(&event).is_ok()), "{event:?} is in no list");
        let text = record.args().to_string();
        self.render(Entry {
            level: record.level(),
            thread,
            event,
            fields: fields.object.members(),
            text: &text,
            lines: fields.lines,
        })
    }

    /// A line of this process about itself, with its LF, for when the log cannot be used.
    #[must_use]
    pub fn plain(&self, level: Level, event: &str, text: &str) -> String {
        self.render(Entry { level, thread: "log", event: Some(event), fields: "", text, lines: false })
    }

    fn render(&self, entry: Entry) -> String {
        let Entry { level, text, lines, .. } = entry;
        let priority = if self.journal { format!("<{}>", priority(level)) } else { String::new() };
        if self.format == Format::Json {
            return format!("{priority}{}\n", self.object(entry));
        }
        let parts = if lines { text.split('\n').collect() } else { vec![text] };
        let time = if self.journal { String::new() } else { format!("{} {level:<5} ", now()) };
        let line = |part: &&str| format!("{priority}{time}{}: {}\n", escaped(entry.thread), escaped(part));
        parts.iter().map(line).collect()
    }

    fn object(&self, entry: Entry) -> String {
        let mut object = Object::new();
        object.text("ts", &now());
        object.text("level", &entry.level.as_str().to_ascii_lowercase());
        object.text("peer", self.peer.as_str());
        object.text("thread", entry.thread);
        if let Some(event) = entry.event {
            object.text("event", event);
        }
        object.text("message", entry.text);
        object.extend(entry.fields);
        object.end()
    }
}

fn now() -> String {
    written(Timestamp::now())
}

/// A time as it is written everywhere: UTC, with milliseconds, always of the same length.
pub(crate) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The level as a priority of syslog.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Which file standard error is, as systemd names it: device and inode.
#[cfg(unix)]
fn standard_error() -> Option<String> {
    let stat = rustix::fs::fstat(std::io::stderr()).ok()?;
    Some(format!("{}:{}", stat.st_dev, stat.st_ino))
}

#[cfg(not(unix))]
fn standard_error() -> Option<String> {
    None
}

/// The keys and values of a record. Three are not members: `event` has its own place, `lines` says that the text has
/// several lines, and `fields` are several members of an object already.
struct Fields {
    object: Object,
    event: Option<String>,
    lines: bool,
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        match key.as_str() {
            "event" => self.event = Some(value.to_string()),
            "lines" => self.lines = value.to_bool().unwrap_or(false),
            "fields" => self.object.extend(&value.to_string()),
            name if value.to_u64().is_some() || value.to_i64().is_some() || value.to_bool().is_some() => {
                self.object.raw(name, &value.to_string());
            }
            name => match value.to_string() {
                text if text.is_empty() => {}
                text => self.object.text(name, &text),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(format: Format, journal: bool, lines: bool, text: &str) -> String {
        let form = Form { format, peer: "p1".parse().unwrap(), journal };
        let kvs = [("event", Value::from("view")), ("lines", Value::from(lines)), ("change", Value::from(2_u64))];
        let kvs = [&kvs[..], &[("why", Value::from("\"x\""))]].concat();
        let fields = ("fields", Value::from("\"members\":[\"a\",\"b\"]"));
        let kvs = [&kvs[..], &[fields]].concat();
        // In one statement: Rust 1.85 lets go at its end what `format_args` borrows.
        form.of_record(
            &Record::builder().level(Level::Warn).key_values(&kvs).args(format_args!("{text}")).build(),
            "heartbeat",
        )
    }

    #[test]
    fn text_has_a_line_for_each_part_and_none_for_what_others_put_in() {
        let lines = said(Format::Text, false, true, "View\nIs Group Leader: True");
        let lines: Vec<&str> = lines.lines().map(|line| &line["2026-01-01T00:00:00.000Z ".len()..]).collect();
        assert_eq!(lines, ["WARN  heartbeat: View", "WARN  heartbeat: Is Group Leader: True"]);
        assert!(said(Format::Text, false, false, "a\nb").ends_with(" heartbeat: a\\x0ab\n"));
    }

    #[test]
    fn an_object_has_its_event_its_text_and_its_fields() {
        let line = said(Format::Json, false, true, "a\nb");
        let rest = line.split_once(",\"level\"").unwrap().1;
        assert_eq!(
            rest,
            ":\"warn\",\"peer\":\"p1\",\"thread\":\"heartbeat\",\"event\":\"view\",\"message\":\"a\\u000ab\",\"change\":2,\
             \"why\":\"\\\"x\\\"\",\"members\":[\"a\",\"b\"]}\n"
        );
    }

    #[test]
    fn the_journal_gets_priorities_and_no_time() {
        assert_eq!(said(Format::Text, true, true, "a\nb"), "<4>heartbeat: a\n<4>heartbeat: b\n");
        assert!(said(Format::Json, true, false, "a").starts_with("<4>{\"ts\":"));
    }
}
