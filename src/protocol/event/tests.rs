//! What is logged of each event: its name, how loud it is, its fields, and its text. Scripts rely on all of that.

use super::*;

fn id(name: &str) -> PeerId {
    name.parse().unwrap()
}

/// Each event, and again where its text depends on what it holds.
fn events() -> Vec<Event> {
    let (peer, leader, peers) = (id("p1"), id("p3"), vec![id("p1"), id("p2")]);
    let term: Term = "7@p3/100".parse().unwrap();
    let origin: Origin = "p1/100".parse().unwrap();
    let endpoint: SocketAddr = "10.0.0.1:7000".parse().unwrap();
    let limits =
        |age: Option<u64>, bytes| Some(Limits { age: age.map(|hours| Duration::from_secs(hours * 3600)), bytes });
    let unreachable =
        |heard| Event::Unreachable { peer: id("p1"), endpoint, heard, why: "connection refused".to_owned() };
    vec![
        Event::Alone,
        Event::Joined { peer: peer.clone() },
        Event::View { term: term.clone(), change: 2, members: peers.clone(), leader_here: false },
        Event::View { term: term.clone(), change: 3, members: vec![leader.clone()], leader_here: true },
        Event::LeaderTimeout { leader: leader.clone() },
        Event::LeaderFailed { leader: leader.clone() },
        Event::Gone { peers: peers.clone() },
        Event::MemberFailed { peer: peer.clone(), members: peers.clone() },
        Event::MemberLeft { peer: peer.clone(), members: peers.clone() },
        Event::ElectionWon { peer: peer.clone() },
        Event::CoordinatorHeard { peer: peer.clone() },
        Event::Split { away: peers.clone(), of: 5, left: 3 },
        Event::TakesOver { leader: leader.clone(), reached: 4, size: 3 },
        Event::Merging { leader: leader.clone(), readings: 0 },
        Event::Merging { leader: leader.clone(), readings: 9 },
        Event::Disbelieved { term, readings: 9 },
        Event::Suspended { have: 1, need: 2, waiting: 30 },
        Event::Stuck,
        Event::OtherKnob { name: "--election-timeout", leader: "1s".to_owned(), own: "500ms".to_owned() },
        Event::OtherLimits {
            own: limits(Some(48), Some(1 << 30)),
            peers: vec![(id("p1"), None), (id("p2"), limits(Some(24), None)), (id("p3"), limits(None, Some(9)))],
        },
        Event::Removed { first: 11, readings: 10, bytes: 3 << 20, newest: Some("2013-01-31T06:00:00Z".to_owned()) },
        Event::Removed { first: 11, readings: 10, bytes: 3 << 20, newest: None },
        Event::NotShortened,
        unreachable(true),
        unreachable(false),
        Event::Reachable { peer: peer.clone() },
        Event::NotReached { peer: peer.clone(), endpoint },
        Event::Reached { peer: peer.clone() },
        Event::Refused { why: "wrong quorum".to_owned() },
        Event::Lost { origin: origin.clone(), first: 4, last: 6 },
        Event::Forged { origin, first: 4, last: 6 },
        Event::ClockBehind { by: Duration::from_secs(7200) },
        Event::NotStoring { peers: peers.clone(), waits: true },
        Event::NotStoring { peers, waits: false },
        Event::Misbehaved { peer, what: "sent a batch that leaves a gap", at: 12 },
        Event::InputDelivered { readings: 1000 },
    ]
}

fn shown(event: &Event) -> String {
    let fields: Vec<String> = event.fields().iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    format!("{} ({:?}){}\n{event}\n", event.name(), event.loudness(), fields.concat())
}

#[test]
fn each_event_is_logged_with_the_name_the_fields_and_the_text_that_scripts_rely_on() {
    let shown: Vec<String> = events().iter().map(shown).collect();
    assert_eq!(shown.join("\n"), include_str!("shown.txt"), "\n{}", shown.join("\n"));
}
