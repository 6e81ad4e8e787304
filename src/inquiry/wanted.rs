//! What a script waits for: `members=3`, `leader`, `healthy`, `delivered=100`.

use std::str::FromStr;

use super::Asked;
use crate::status::report::{PeerState, Role};
use crate::status::words::{self, Reply};
use crate::status::Report;

/// A condition that all running peers that were asked have to meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Each sees this many members, and they all see one group.
    Members(usize),
    /// Each sees a leader.
    Leader,
    /// None has a reason to look.
    Healthy,
    /// Each has written the rows up to this sequence.
    Delivered(u64),
}

/// A text is not a [`Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is none of members=N, leader, healthy, delivered=N")]
pub struct ConditionError;

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let number = |text: &str| text.parse().map_err(|_| ConditionError);
        match text.split_once('=') {
            None if text == "leader" => Ok(Self::Leader),
            None if text == "healthy" => Ok(Self::Healthy),
            Some(("members", text)) => text.parse().map(Self::Members).map_err(|_| ConditionError),
            Some(("delivered", text)) => number(text).map(Self::Delivered),
            _ => Err(ConditionError),
        }
    }
}

/// A peer that was named and gives no answer. To name a peer and wait implies that it runs.
pub(super) fn silent(asked: &Asked, found: &[Reply]) -> Option<String> {
    let silent = found.iter().find(|found| found.answer.is_err()).filter(|_| !asked.places.is_empty())?;
    Some(format!("{} does not answer", silent.place))
}

impl Condition {
    /// What is still lacking, in words.
    pub(super) fn lacks(self, found: &[Reply]) -> Option<String> {
        let reports: Vec<&Report> = found.iter().filter_map(|found| found.answer.as_deref().ok()).collect();
        if reports.is_empty() {
            return Some("nobody answers".to_owned());
        }
        if self == Self::Healthy && !words::agree(found) {
            return Some("those that answer do not see one group".to_owned());
        }
        match self {
            Self::Members(count) => {
                let few = reports.iter().find(|report| members(report) != count);
                let few = few.map(|report| format!("{} sees {} members", report.peer, members(report)));
                few.or_else(|| (!words::agree(found)).then(|| "those that answer do not see one group".to_owned()))
            }
            Self::Leader => {
                let without =
                    reports.iter().find(|report| !matches!(report.state, PeerState::Member | PeerState::Leads));
                without.map(|report| format!("{}: {}", report.peer, report.summary))
            }
            Self::Healthy => {
                let ill = reports.iter().find_map(|report| Some((report, report.health.reasons.first()?)));
                ill.map(|(report, reason)| format!("{}: {}", report.peer, reason.text))
            }
            Self::Delivered(to) => {
                let short = reports.iter().find(|report| report.readings.delivered < to);
                short.map(|report| format!("{} has delivered {}", report.peer, report.readings.delivered))
            }
        }
    }
}

/// Members of the view that a peer is in; none while it catches up.
fn members(report: &Report) -> usize {
    match report.state {
        PeerState::Member | PeerState::Leads => report.members.iter().filter(|seat| seat.role != Role::Learner).count(),
        PeerState::Seeking | PeerState::Learning | PeerState::Electing => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_a_word_or_a_number() {
        assert_eq!("members=3".parse(), Ok(Condition::Members(3)));
        assert_eq!("delivered=18446744073709551615".parse(), Ok(Condition::Delivered(u64::MAX)));
        assert_eq!(("leader".parse(), "healthy".parse()), (Ok(Condition::Leader), Ok(Condition::Healthy)));
        for text in ["", "members", "members=", "members=-1", "leader=x", "Leader"] {
            assert_eq!(text.parse::<Condition>(), Err(ConditionError), "{text}");
        }
    }

    #[test]
    fn nobody_meets_a_condition_that_is_not_there() {
        assert_eq!(Condition::Leader.lacks(&[]).as_deref(), Some("nobody answers"));
    }
}
