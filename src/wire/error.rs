//! What can be wrong with what a peer sent. For the state every variant means the same: nothing of the message counts.

use crate::reading::ReadingError;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("a line does not begin with a verb of this protocol")]
    Verb,
    #[error("{verb}: the field {field} is missing or malformed")]
    Field { verb: &'static str, field: &'static str },
    #[error("{verb}: something follows the last field")]
    Leftover { verb: &'static str },
    #[error("{verb}: the counts and lengths it states do not fit what it holds")]
    Count { verb: &'static str },
    #[error("{verb}: the checksum is wrong")]
    Checksum { verb: &'static str },
    #[error("{verb}: a line is not UTF-8")]
    Text { verb: &'static str },
    #[error("{verb}: the list of peers and the view do not agree")]
    View { verb: &'static str },
    #[error("a line is longer than {max} bytes")]
    TooLong { max: usize },
    #[error("{verb}: a reading is malformed: {error}")]
    Reading { verb: &'static str, error: ReadingError },
    #[error(
        "it speaks protocol version {version}, this peer speaks version {own}; upgrade {}",
        if *version > u64::from(super::PROTOCOL_VERSION) { "this peer" } else { "that one" }, own = super::PROTOCOL_VERSION
    )]
    Version { version: u64 },
    #[error("the connection ended in the middle of a message")]
    Truncated,
    #[error("it is of the group {group}")]
    OtherGroup { group: String },
    /// `leader`: where the sender says that it listens, if it is the leader of a group.
    #[error("it runs with {}; give every peer the same --quorum", quorum.map_or("no --quorum".to_owned(), |quorum| format!("--quorum {quorum}")))]
    OtherQuorum { quorum: Option<u32>, leader: Option<std::net::SocketAddr> },
}
