//! The reasons of `ERROR:<why>` that the receiver acts on; others are for people to read.

use std::net::SocketAddr;

/// Between a reason and an address.
const AT: &str = " at ";

/// The dialled address has another owner now: counts as a refused connection.
pub const WRONG_ADDRESSEE: &str = "wrong addressee";
/// A living process has this peer id: the newcomer ends.
pub const ID_IN_USE: &str = "peer id in use";
/// The reason of [`ID_IN_USE`] in full: where the living process listens, if that is known.
#[must_use]
pub fn id_in_use(at: Option<SocketAddr>) -> String {
    at.map_or_else(|| ID_IN_USE.to_owned(), |at| format!("{ID_IN_USE}{AT}{at}"))
}

/// Where the reason of [`ID_IN_USE`] says that the living process listens.
#[must_use]
pub fn endpoint_in_use(why: &str) -> Option<SocketAddr> {
    why.strip_prefix(ID_IN_USE)?.strip_prefix(AT)?.parse().ok()
}

/// The process that a connection names does not answer where it says that it listens.
pub const NO_ANSWER: &str = "its process does not answer where it says it listens";
/// Nobody listens there.
pub const NOBODY_LISTENS: &str = "nobody listens where it says it does";

/// The dialler reached itself, as one does who has his own address among those to join.
pub const ITSELF: &str = "this is the very peer that dials";
/// The peers were started with different `--quorum`: the newcomer ends.
pub const WRONG_QUORUM: &str = "wrong quorum";

/// The reason of [`WRONG_QUORUM`] in full.
#[must_use]
pub fn wrong_quorum(group: Option<u32>, newcomer: Option<u32>) -> String {
    let name = |quorum: Option<u32>| quorum.map_or_else(|| "none".to_owned(), |quorum| quorum.to_string());
    let (group, newcomer) = (name(group), name(newcomer));
    format!("{WRONG_QUORUM}: {group} in the group, {newcomer} at the newcomer; give every peer the same --quorum")
}
