//! A leader that was silent and is alive.

use peer::protocol::{Alarm, Standing};
use peer::wire::Message;

use super::script::{all, Fate, Script, A, ALL, C};

/// The silence closed the link to the leader, with readings under way on it.
#[test]
fn readings_under_way_to_a_silent_leader_go_out_again_when_it_is_heard() {
    let mut script = Script::new();
    script.found(A, &ALL, all);
    script.ring(A, Alarm::Heartbeat);
    let keep_answer = |to, message: &Message| match message {
        Message::HeartbeatAck { .. } if to == A => Fate::Kept,
        _ => Fate::Arrives,
    };
    script.run(&ALL, keep_answer);
    let answers = script.kept();
    // An interval later the leader's heartbeats to c are lost, and so are the messages of c.
    script.ring(A, Alarm::Heartbeat);
    let not_to_c = |to, _: &Message| if to == C { Fate::Lost } else { Fate::Arrives };
    script.run(&ALL, not_to_c);
    script.late(answers, &ALL);
    let lost = |_, message: &Message| match message {
        Message::SequencerRequest { .. } => Fate::Lost,
        _ => Fate::Arrives,
    };
    script.measure(C, &ALL, lost);
    // b ranks higher and says nothing, so the election goes on until the leader is heard again.
    script.wait(C, Alarm::LeaderCheck, Standing::Electing);
    script.run(&[], all);
    script.ring(A, Alarm::Heartbeat);
    script.run(&[A, C], all);
    assert_eq!(script.process(C).peer.standing(), Standing::Member);
    assert_eq!((script.process(A).peer.members().len(), script.process(A).peer.last()), (5, 1));
}
