//! Why a peer refuses another: the text of `ERROR`, and what the receiver acts on in it.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::ids::parse_number;

const WRONG_ADDRESSEE: &str = "wrong addressee";
const ID_IN_USE: &str = "peer id in use";
const AT: &str = " at ";
const NO_ANSWER: &str = "its process does not answer where it says it listens";
const NOBODY_LISTENS: &str = "nobody listens where it says it does";
const ITSELF: &str = "this is the very peer that dials";
const WRONG_QUORUM: &str = "wrong quorum: ";
const WRONG_VERSION: &str = "wrong version: ";
const IN_THE_GROUP: &str = " in the group, ";
const AT_THE_NEWCOMER: &str = " at the newcomer";
const NO_QUORUM: &str = "none";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The dialled address has another owner now: counts as a refused connection.
    WrongAddressee,
    /// A living process has this peer id, and listens there, if that is known.
    IdInUse(Option<SocketAddr>),
    /// The process that a connection names does not answer where it says that it listens.
    NoAnswer,
    /// Nobody listens there.
    NobodyListens,
    /// The dialler reached itself: its own address is among those that it joins.
    Itself,
    /// The peers were started with different `--quorum`.
    WrongQuorum { group: Option<u32>, newcomer: Option<u32> },
    /// The peers speak different versions of the protocol.
    WrongVersion { group: u64, newcomer: u64 },
    /// For people to read.
    Other(String),
}

impl Refusal {
    /// Reads a refusal that the receiver acts on. What follows two quorums or versions is advice for people.
    fn known(text: &str) -> Option<Self> {
        match text {
            WRONG_ADDRESSEE => return Some(Self::WrongAddressee),
            ID_IN_USE => return Some(Self::IdInUse(None)),
            NO_ANSWER => return Some(Self::NoAnswer),
            NOBODY_LISTENS => return Some(Self::NobodyListens),
            ITSELF => return Some(Self::Itself),
            _ => {}
        }
        if let Some(at) = text.strip_prefix(ID_IN_USE).and_then(|rest| rest.strip_prefix(AT)) {
            return at.parse().ok().map(|at| Self::IdInUse(Some(at)));
        }
        let both = |word| {
            let (group, rest) = text.strip_prefix(word)?.split_once(IN_THE_GROUP)?;
            rest.split_once(AT_THE_NEWCOMER).map(|(newcomer, _)| (group, newcomer))
        };
        if let Some((group, newcomer)) = both(WRONG_VERSION) {
            return Some(Self::WrongVersion { group: parse_number(group)?, newcomer: parse_number(newcomer)? });
        }
        let (group, newcomer) = both(WRONG_QUORUM)?;
        let quorum = |text: &str| if text == NO_QUORUM { Some(None) } else { text.parse().ok().map(Some) };
        Some(Self::WrongQuorum { group: quorum(group)?, newcomer: quorum(newcomer)? })
    }
}

impl FromStr for Refusal {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::known(text).unwrap_or_else(|| Self::Other(text.to_owned())))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongAddressee => f.write_str(WRONG_ADDRESSEE),
            Self::IdInUse(None) => f.write_str(ID_IN_USE),
            Self::IdInUse(Some(at)) => write!(f, "{ID_IN_USE}{AT}{at}"),
            Self::NoAnswer => f.write_str(NO_ANSWER),
            Self::NobodyListens => f.write_str(NOBODY_LISTENS),
            Self::Itself => f.write_str(ITSELF),
            Self::WrongQuorum { group, newcomer } => {
                let name =
                    |quorum: &Option<u32>| quorum.map_or_else(|| NO_QUORUM.to_owned(), |quorum| quorum.to_string());
                let (group, newcomer) = (name(group), name(newcomer));
                write!(
                    f,
                    "{WRONG_QUORUM}{group}{IN_THE_GROUP}{newcomer}{AT_THE_NEWCOMER}; give every peer the same --quorum"
                )
            }
            Self::WrongVersion { group, newcomer } => {
                let older = if group < newcomer { "those of the group" } else { "the newcomer" };
                write!(f, "{WRONG_VERSION}{group}{IN_THE_GROUP}{newcomer}{AT_THE_NEWCOMER}; upgrade {older}")
            }
            Self::Other(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Refusal {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let at = |text: &str| Refusal::IdInUse(Some(text.parse().unwrap()));
        for refusal in [
            Refusal::WrongAddressee,
            Refusal::IdInUse(None),
            at("10.0.0.1:7000"),
            at("[fd00::1]:7000"),
            Refusal::NoAnswer,
            Refusal::NobodyListens,
            Refusal::Itself,
            Refusal::WrongQuorum { group: Some(2), newcomer: None },
            Refusal::WrongQuorum { group: None, newcomer: Some(u32::MAX) },
            Refusal::WrongVersion { group: 2, newcomer: 3 },
            Refusal::WrongVersion { group: 2, newcomer: 1 },
            Refusal::Other("wrong group: this peer is of group x".to_owned()),
        ] {
            assert_eq!(read(&refusal.to_string()), refusal);
        }
    }

    #[test]
    fn what_only_begins_like_a_known_one_is_for_people_to_read() {
        for text in [
            "",
            "peer id in use at home",
            "peer id in usefulness",
            "wrong quorum",
            "wrong quorum: x in the group, 2",
            "wrong version: 2 in the group",
        ] {
            assert_eq!(read(text), Refusal::Other(text.to_owned()));
        }
    }
}
