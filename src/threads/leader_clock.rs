//! By how much the clock of this host differs from the leader's, for `/metrics`. The leader is asked at most once a
//! minute, and only while somebody reads the metrics.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::lock::lock;
use super::node::Node;
use crate::ids::PeerId;
use crate::inquiry;

/// The shortest time between two questions to the leader.
const ASK_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct LeaderClock {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    asked: Option<Instant>,
    /// The leader that answered, and by how many seconds this host's clock is ahead of its.
    offset: Option<(PeerId, f64)>,
}

/// The last answer of the present leader; asks again if that is old.
pub(super) fn offset(node: &Arc<Node>, clock: &Arc<LeaderClock>) -> Option<f64> {
    let (leader, endpoint) = {
        let core = lock(&node.core);
        let leader = core.leader()?.clone();
        let endpoint = core.endpoint_of(&leader);
        (leader, endpoint)
    };
    if leader == node.config.peer_id {
        return Some(0.0);
    }
    let mut state = lock(&clock.state);
    let known = state.offset.as_ref().filter(|(of, _)| *of == leader).map(|(_, seconds)| *seconds);
    let is_due = known.is_none() || state.asked.is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
    let is_asking = state.asked.is_some_and(|asked| asked.elapsed() < inquiry::PATIENCE);
    if let Some(endpoint) = endpoint.filter(|_| is_due && !is_asking) {
        state.asked = Some(Instant::now());
        let (node, clock) = (Arc::clone(node), Arc::clone(clock));
        let shared = Arc::clone(&node);
        shared.try_spawn("leader-clock".to_owned(), move || {
            let before = SystemTime::now();
            let answer = inquiry::ask(endpoint, node.keys().as_deref());
            let report = answer.ok().filter(|report| report.peer == leader.as_str());
            let theirs = report.and_then(|report| report.now.parse().ok());
            if let Some(seconds) = theirs.and_then(|theirs| ahead(before, SystemTime::now(), theirs)) {
                lock(&clock.state).offset = Some((leader, seconds));
            }
        });
    }
    known
}

/// By how many seconds a clock is ahead: it said `before` and `after`, and the other one said `theirs` in between.
fn ahead(before: SystemTime, after: SystemTime, theirs: Timestamp) -> Option<f64> {
    let ours = Timestamp::try_from(before + after.duration_since(before).unwrap_or_default() / 2).ok()?;
    Some(ours.duration_since(theirs).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_to_be_of_the_middle_between_question_and_answer() {
        let at = |millis: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let theirs = Timestamp::from_millisecond(4_000).unwrap();
        let seconds = ahead(at(5_000), at(5_200), theirs).unwrap();
        assert!((seconds - 1.1).abs() < 1e-9, "{seconds}");
        assert!(ahead(at(3_000), at(3_000), theirs).unwrap() < -0.9);
    }
}
