//! Everything that peers of a release said is read, and said by this one in the same bytes.
//!
//! If this fails, peers of two versions no longer understand each other. If that is meant, `PROTOCOL_VERSION` is to be
//! raised, the reader and the writer of the version before stay, and a new recording is made (docs/contributing.md).

use std::fs;
use std::path::Path;

use peer::keys::{self, Keys};
use peer::wire::{encode, Community, Decoder, Message, WireError};

use crate::recorded::{entries, releases};

const ADVICE: &str =
    "the wire has changed: raise PROTOCOL_VERSION and keep the reader and writer of the version before \
                      (docs/contributing.md, Versions); never change a recording";

fn open_group() -> Community {
    Community { group: "sensors".to_owned(), quorum: None }
}

fn messages(bytes: &[u8]) -> Result<Vec<Message>, WireError> {
    let mut decoder = Decoder::new();
    decoder.put(bytes);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next_message()? {
        messages.push(message);
    }
    decoder.finish().map(|()| messages)
}

fn written(messages: &[Message]) -> String {
    let mut bytes = Vec::new();
    for message in messages {
        encode(message, &mut bytes);
    }
    String::from_utf8(bytes).expect("text")
}

#[test]
fn what_was_said_on_connections_is_read_and_written_byte_for_byte() {
    for release in releases() {
        for path in entries(&release.join("said")) {
            let said = fs::read_to_string(&path).expect("text");
            let messages = messages(said.as_bytes()).unwrap_or_else(|error| panic!("{path:?}: {error}; {ADVICE}"));
            assert_eq!(written(&messages), said, "{path:?}: {ADVICE}");
            for message in &messages {
                if let Message::Report { json } = message {
                    let report: peer::status::Report = serde_json::from_str(json).unwrap_or_else(|error| {
                        panic!("{path:?}: {error}; a report keeps its members, and new ones have a default")
                    });
                    assert!(!report.peer.is_empty(), "{path:?}");
                }
            }
        }
    }
}

/// The verbs that the recording of 0.1.0 has. The transcripts (`tests/transcripts`) have the others, in text.
const SAID: [&str; 22] = [
    "ADDED TO NETWORK",
    "COMMIT",
    "COORDINATOR",
    "ELECTION",
    "ERROR",
    "FETCH",
    "HEARTBEAT",
    "HEARTBEAT_ACK",
    "HELLO",
    "HERE",
    "JOIN",
    "LEADER",
    "LEAVE",
    "LOG_STATE",
    "OK",
    "ORDERED",
    "REPORT",
    "SEQUENCER_REQUEST",
    "STATUS",
    "STORED",
    "VIEW_CHANGE",
    "WHO",
];

#[test]
fn the_recording_has_the_conversation_of_a_member_with_its_leader() {
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/0.1.0/said");
    let said: String = entries(&release).iter().map(|path| fs::read_to_string(path).expect("text")).collect();
    for verb in SAID {
        let begins = |line: &str| line.strip_prefix(verb).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        assert!(said.lines().any(begins), "{verb}");
    }
}

#[test]
fn datagrams_are_read_and_written_byte_for_byte() {
    for release in releases() {
        for name in ["NEW_PEER_REQUEST", "LEADER"] {
            let datagram = fs::read(release.join("datagrams").join(name)).expect("a recording");
            let message = open_group().parse(&datagram).unwrap_or_else(|error| panic!("{name}: {error}; {ADVICE}"));
            assert_eq!(open_group().encode(&message), datagram, "{name}: {ADVICE}");
        }
    }
}

#[test]
fn a_sealed_datagram_is_opened() {
    for release in releases() {
        let temp = tempfile::tempdir().expect("a directory for the test");
        let file = temp.path().join("key");
        let key = fs::read(release.join("key")).expect("a recording");
        fs::write(&file, key).expect("the test's own");
        #[cfg(unix)]
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("the test's own");
        let key = keys::file::read(&file).expect("a key file of a release");
        let sealed = fs::read(release.join("datagrams/sealed")).expect("a recording");
        let opened = Keys::new(&key, "sensors").open_datagram(&sealed).unwrap_or_else(|| {
            panic!("the seal has changed: raise the version in PEER+1 and in the prologue of connections; {ADVICE}")
        });
        assert!(matches!(open_group().parse(&opened.datagram), Ok(Message::NewPeerRequest(_))), "{ADVICE}");
    }
}
