//! By how much the clock of this host differs from the leader's, for `/metrics`. The leader is asked at most once a
//! minute, and only while somebody reads the metrics.

use std::net::SocketAddr;
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
    state: Mutex<LastAnswer>,
}

#[derive(Debug, Default)]
struct LastAnswer {
    asked: Option<Instant>,
    /// The leader that answered, and by how many seconds this host's clock is ahead of its.
    offset: Option<(PeerId, f64)>,
}

impl LastAnswer {
    /// What this leader answered.
    fn known_of(&self, leader: &PeerId) -> Option<f64> {
        self.offset.as_ref().filter(|(of, _)| of == leader).map(|(_, seconds)| *seconds)
    }

    /// The same, and whether to ask again now, which counts as done from here on. It is not done where nobody knows where
    /// the leader is.
    fn look(&mut self, leader: &PeerId, is_within_reach: bool) -> (Option<f64>, bool) {
        let known = self.known_of(leader);
        let is_time = is_within_reach && is_time_to_ask(known.is_some(), self.asked.map(|asked| asked.elapsed()));
        if is_time {
            self.asked = Some(Instant::now());
        }
        (known, is_time)
    }
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
    offset_to(node, clock, (leader, endpoint))
}

/// The same, of this leader.
fn offset_to(
    node: &Arc<Node>,
    clock: &Arc<LeaderClock>,
    (leader, endpoint): (PeerId, Option<SocketAddr>),
) -> Option<f64> {
    let (known, is_time) = lock(&clock.state).look(&leader, endpoint.is_some());
    // A thread starts with no lock held: if the system gives none, a line says so, and a line may wait.
    if let Some(endpoint) = endpoint.filter(|_| is_time) {
        let (own, clock) = (Arc::clone(node), Arc::clone(clock));
        node.try_spawn("leader-clock".to_owned(), move || ask(&own, &clock, (leader, endpoint)));
    }
    known
}

/// `asked`: how long ago it was asked last.
fn is_time_to_ask(is_known: bool, asked: Option<Duration>) -> bool {
    let is_due = !is_known || asked.is_none_or(|ago| ago >= ASK_EVERY);
    let is_asking = asked.is_some_and(|ago| ago < inquiry::PATIENCE);
    is_due && !is_asking
}

/// Asks the leader, and keeps what it answers.
fn ask(node: &Node, clock: &LeaderClock, (leader, endpoint): (PeerId, SocketAddr)) {
    let before = SystemTime::now();
    let answer = inquiry::ask(endpoint, node.keys().as_deref());
    let report = answer.ok().filter(|report| report.peer == leader.as_str());
    let theirs = report.and_then(|report| report.now.parse().ok());
    if let Some(seconds) = theirs.and_then(|theirs| ahead(before, SystemTime::now(), theirs)) {
        lock(&clock.state).offset = Some((leader, seconds));
    }
}

/// By how many seconds a clock is ahead: it said `before` and `after`, and the other one said `theirs` in between.
fn ahead(before: SystemTime, after: SystemTime, theirs: Timestamp) -> Option<f64> {
    let ours = Timestamp::try_from(before + after.duration_since(before).unwrap_or_default() / 2).ok()?;
    Some(ours.duration_since(theirs).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::trial::{id, leader, listener, until, Trial};
    use super::*;
    use crate::net::{Incoming, Outgoing};
    use crate::wire::Message;

    /// Reports of a peer of this name, whose clock is behind by an hour. A question that is given up too early on a busy
    /// host comes again.
    fn reports(trial: &Trial, name: &str) -> SocketAddr {
        let mut report = trial.node.report();
        report.peer = name.to_owned();
        report.now = (Timestamp::now() - Duration::from_secs(3600)).to_string();
        let json = serde_json::to_string(&report).unwrap();
        let (listener, endpoint) = listener();
        thread::spawn(move || {
            for stream in listener.incoming().flatten().map(Arc::new) {
                let mut incoming = Incoming::new(Arc::clone(&stream));
                while let Ok(Some(Message::Status)) = incoming.read_message() {}
                let mut outgoing = Outgoing::default();
                outgoing.put(Message::Report { json: json.clone() });
                let _ = outgoing.write_last(&stream);
            }
        });
        endpoint
    }

    fn is_an_hour(offset: Option<f64>) -> bool {
        // What the clock of this host says may change meanwhile.
        offset.is_some_and(|seconds| (3600.0 - seconds).abs() < 600.0)
    }

    #[test]
    fn a_leader_is_compared_with_itself_and_nobody_with_no_leader() {
        assert_eq!(offset(&leader(None).node, &Arc::default()), Some(0.0));
        assert_eq!(offset(&Trial::new().node, &Arc::default()), None);
    }

    #[test]
    fn a_leader_is_asked_beside_and_its_answer_is_known_the_next_time() {
        let (trial, clock) = (Trial::new(), Arc::default());
        let endpoint = reports(&trial, "b");
        let offset_to = |name| offset_to(&trial.node, &clock, (id(name), Some(endpoint)));
        assert_eq!(offset_to("b"), None);
        until(|| offset_to("b").is_some());
        assert!(is_an_hour(offset_to("b")));
        assert_eq!(offset_to("c"), None, "what another one said does not count");
    }

    #[test]
    fn a_leader_is_asked_once_where_it_is_known_and_nobody_is_where_it_is_not() {
        let mut state = LastAnswer::default();
        for (is_within_reach, is_time) in [(false, false), (true, true), (true, false)] {
            assert_eq!(state.look(&id("b"), is_within_reach), (None, is_time), "{is_within_reach}");
        }
    }

    #[test]
    fn only_what_the_leader_itself_reports_counts() {
        let trial = Trial::new();
        for (name, counts) in [("b", true), ("c", false)] {
            let clock = LeaderClock::default();
            let endpoint = reports(&trial, name);
            let asks = || {
                ask(&trial.node, &clock, (id("b"), endpoint));
                is_an_hour(lock(&clock.state).known_of(&id("b")))
            };
            if counts {
                until(asks);
            } else {
                assert!(!asks(), "{name}");
            }
        }
    }

    #[test]
    fn a_leader_is_asked_once_a_minute_and_again_where_it_gave_no_answer() {
        let at = |millis| Some(Duration::from_millis(millis));
        for (is_known, asked, is_time) in [
            (false, None, true),
            (false, at(0), false),
            (false, at(1_999), false),
            (false, at(2_000), true),
            (false, at(60_000), true),
            (true, None, true),
            (true, at(2_000), false),
            (true, at(59_999), false),
            (true, at(60_000), true),
        ] {
            assert_eq!(is_time_to_ask(is_known, asked), is_time, "{is_known} {asked:?}");
        }
    }

    #[test]
    fn an_answer_is_taken_to_be_of_the_middle_between_question_and_answer() {
        let at = |millis: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let theirs = Timestamp::from_millisecond(4_000).unwrap();
        let seconds = ahead(at(5_000), at(5_200), theirs).unwrap();
        assert!((seconds - 1.1).abs() < 1e-9, "{seconds}");
        assert!(ahead(at(3_000), at(3_000), theirs).unwrap() < -0.9);
    }
}
