//! One input, the exact effects. Each test has the rule of docs/protocol.md that it is about.

use super::super::trial::{connection, id, join, lines, send, term, Trial};
use super::super::{Effect, Effects, Input, Standing, Store, Time};
use super::GAP_MAX;
use crate::ids::Number;
use crate::wire::{Frame, Message, Range, Request};

fn request(origin: &str, first: Number, count: u64) -> Request {
    Request { origin: origin.parse().unwrap(), first, lines: lines(count) }
}

/// It leads `y`, which it took in.
fn leader() -> Trial {
    let mut trial = Trial::leader(&[]);
    trial.knows("y");
    trial.gets("y", join());
    trial.gets("y", Message::Fetch { term: term("3@m/1"), from: 1 });
    assert_eq!((trial.peer.standing(), trial.peer.members()), (Standing::Leader, vec![id("m"), id("y")]));
    trial
}

/// What is ordered of a request of `y`.
fn ordered(trial: &mut Trial, request: Request) -> Vec<Range> {
    let requests = vec![(connection("y"), term("3@m/1"), request)];
    let of = |effect: &Effect| match effect {
        Effect::Store(Store::Append(frame)) => frame.ranges().to_vec(),
        _ => vec![],
    };
    trial.step(Input::Requests(requests)).iter().flat_map(of).collect()
}

/// docs/protocol.md, 4.2: a peer hands in its own readings, and those of origins that nobody in the view is.
#[test]
fn a_peer_orders_for_itself_and_for_the_absent() {
    for (origin, counts) in [("y/1", true), ("y/7", true), ("o/1", true), ("m/1", false), ("m/2", true)] {
        let request = request(origin, 1, 2);
        let range = request.range();
        assert_eq!(ordered(&mut leader(), request), if counts { vec![range] } else { vec![] }, "{origin}");
    }
    // One that was not taken in orders nothing.
    let mut trial = leader();
    trial.knows("q");
    let message = Message::SequencerRequest { term: term("3@m/1"), request: request("q/1", 1, 1) };
    assert_eq!((trial.gets("q", message), trial.peer.last()), (vec![], 0));
}

/// docs/protocol.md, 4.3: what the log has is dropped, what would leave a gap waits, and what is too far ahead is none.
#[test]
fn each_number_is_ordered_once_and_in_order() {
    let mut trial = leader();
    let range = |first, count| request("o/1", first, count).range();
    assert_eq!(ordered(&mut trial, request("o/1", 1, 3)), [range(1, 3)]);
    assert_eq!(ordered(&mut trial, request("o/1", 2, 3)), [range(4, 1)]);
    assert_eq!(ordered(&mut trial, request("o/1", 8, 1)), []);
    assert_eq!(ordered(&mut trial, request("o/1", 5, 3)), [range(5, 4)]);
    assert_eq!(ordered(&mut trial, request("o/1", 8 + GAP_MAX + 1, 1)), []);
    // That one was turned away, and so is what leaves a gap now: all of it comes again within two heartbeat timeouts.
    assert_eq!(ordered(&mut trial, request("o/1", 11, 1)), []);
    assert_eq!(ordered(&mut trial, request("o/1", 9, 2)), [range(9, 2)], "11 was turned away, too");
    assert_eq!(ordered(&mut trial, request("o/1", 11, 1)), [range(11, 1)]);
}

/// docs/protocol.md, 4.3: a gap after what was turned away is none, until its sender has sent all of it again.
#[test]
fn what_was_turned_away_may_leave_a_gap_after_two_heartbeat_timeouts() {
    for (later, ordered_then) in [(Time::from_millis(19_999), 2), (Time::from_secs(20), 3)] {
        let mut trial = leader();
        ordered(&mut trial, request("o/1", 1 + GAP_MAX, 1));
        trial.after_time(later);
        assert_eq!(ordered(&mut trial, request("o/1", 3, 1)), []);
        // What was kept back goes with it.
        let rest = ordered(&mut trial, request("o/1", 1, 2));
        assert_eq!(rest.iter().map(|range| range.count).sum::<u64>(), ordered_then);
    }
}

/// The requests that it sends to its leader.
fn sent(effects: &Effects) -> Vec<Range> {
    let of = |effect: &Effect| match effect {
        Effect::Send { message: Message::SequencerRequest { request, .. }, .. } => Some(request.range()),
        _ => None,
    };
    effects.iter().filter_map(of).collect()
}

/// docs/protocol.md, 4.1: readings are numbered without gaps, above what the log has under this peer's name.
#[test]
fn readings_get_numbers_that_the_log_does_not_have() {
    let takes = |trial: &mut Trial, count| sent(&trial.step(Input::Readings(request("m/1", 1, count).lines)));
    let range = |first, count| request("m/1", first, count).range();
    let mut trial = Trial::member(&["x"]);
    assert_eq!(
        (takes(&mut trial, 2), takes(&mut trial, 0), takes(&mut trial, 1)),
        (vec![range(1, 2)], vec![], vec![range(3, 1)])
    );
    let mut trial = Trial::member(&["x"]);
    let frame = Frame::build(term("3@z/1"), 1, &[request("m/1", 2, 2)]);
    trial.gets("z", Message::Ordered { term: term("3@z/1"), frame });
    assert_eq!(takes(&mut trial, 2), [range(4, 2)]);
}

/// docs/protocol.md, 4.1: with `--resume` the disk keeps readings until they are committed. A leader has them in its log.
#[test]
fn a_member_keeps_what_it_takes_in_and_a_leader_has_it_in_its_log() {
    let readings = || Input::Readings(request("m/1", 1, 2).lines);
    let effects = Trial::member(&["x"]).step(readings());
    let request = request("m/1", 1, 2);
    let sends = send("z", Message::SequencerRequest { term: term("3@z/1"), request: request.clone() });
    assert_eq!(effects, [sends, Effect::Store(Store::Keep(request))]);
    let effects = Trial::leader(&["x"]).step(readings());
    assert!(matches!(effects[..], [Effect::Store(Store::Append(_))]), "{effects:?}");
}

/// docs/protocol.md, 4.2: a window of readings goes to the leader at a time; it is eight batches of the most readings.
#[test]
fn a_peer_has_a_window_of_readings_under_way() {
    let mut trial = Trial::member(&["x"]);
    let sent = |effects: &Effects| {
        let of = |effect: &Effect| match effect {
            Effect::Send { message: Message::SequencerRequest { request, .. }, .. } => request.lines.count(),
            _ => 0,
        };
        effects.iter().map(of).sum::<u64>()
    };
    let all: u64 = (0..9).map(|_| sent(&trial.step(Input::Readings(lines(1024))))).sum();
    assert_eq!((all, trial.peer.taken()), (8 * 1024, 9 * 1024));
}
