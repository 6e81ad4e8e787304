//! Lines are read, written and described as `docs/laboratory.md` says.

use super::*;
use crate::simulation::fault::{Split, Traffic, Ways};
use crate::simulation::record::{Moment, What};
use crate::simulation::seeds::in_order;

const LINES: &str = "\
# what a switch that fails does
peers 5
quorum 3
heartbeat 1s 3s
election 500ms
rate 20/s

at 3s split a b | c d e
at 9s heal
at 12s kill leader        # whoever that is
at 14s pause b 8s
at 15s cut a -> c datagrams for 1.5s
";

#[test]
fn lines_are_read_in_any_order_and_written_as_they_are_read_back() {
    let scenario = Scenario::parse(LINES).unwrap();
    assert_eq!((scenario.mode, scenario.peers, scenario.quorum), (Mode::Quorum, Some(5), Some(3)));
    let steps = scenario.steps.clone().unwrap();
    let sides = [0, 0, 1, 1, 1, 0, 0, 0, 0];
    let split = Split { sides, ways: Ways::All, what: Traffic::All };
    assert_eq!(steps[0].fault, Fault::Part(split, Duration::from_secs(6)));
    assert!(steps[1].fault.is_of_leader());
    assert_eq!(steps[2].fault, Fault::Pause(1, Duration::from_secs(8)));
    let again = Scenario::parse(&scenario.to_string()).unwrap();
    assert_eq!(again, scenario);
    let backwards: Vec<&str> = LINES.lines().rev().collect();
    assert_eq!(Scenario::parse(&backwards.join("\n")).unwrap(), scenario);
}

#[test]
fn a_cut_that_nobody_heals_ends_with_all_faults() {
    let scenario = Scenario::parse("peers 2\nfor 20s\nat 5s split a | b").unwrap();
    assert_eq!(lasts(&scenario.steps.unwrap()[0].fault), Duration::from_secs(15));
}

#[test]
fn a_cut_with_a_length_of_its_own_goes_on_where_others_heal() {
    let lines = "peers 2\nfor 20s\nat 5s split a | b for 30s\nat 6s cut a -> b\nat 9s heal";
    let steps = Scenario::parse(lines).unwrap().steps.unwrap();
    assert_eq!(steps.iter().map(|step| lasts(&step.fault).as_secs()).collect::<Vec<_>>(), [30, 3]);
}

#[test]
fn a_host_moves_as_often_as_there_are_addresses() {
    let moves = "at 12s move leader\n".repeat(255);
    assert_eq!(Scenario::parse(&moves).unwrap().play(false, None).broken, None);
    let error = Scenario::parse(&(moves + "at 13s move a")).unwrap_err();
    assert_eq!(error.to_string(), "line 256, 'move': more than 255 moves");
}

#[test]
fn the_leader_stands_for_any_peer_of_a_step() {
    for step in
        ["break leader a", "break a leader", "cut leader -> a for 2s", "cut a <-> leader tcp for 2s", "move leader"]
    {
        let lines = format!("mode default\nseed 1\nat 15s {step}\n");
        let scenario = Scenario::parse(&lines).unwrap();
        assert_eq!(scenario.to_string(), lines);
        let record = scenario.play(true, None).record.unwrap();
        let happens =
            |moment: &Moment| matches!(&moment.what, What::Fault { text, .. } if *text == step.replace("leader", "c"));
        assert!(record.moments.iter().any(happens), "{step}");
    }
}

#[test]
fn a_mistake_is_told_with_its_line_and_word() {
    for (text, told) in [
        ("peers 10", "line 1, '10': not between 1 and 9"),
        ("\npeer 3", "line 2, 'peer': no line begins like this"),
        ("peers 3\nat 5 kil a", "line 2, 'kil': nothing that can happen"),
        ("peers 3\nat 5s kill d", "line 2, 'd': no such peer; there are a b c"),
        ("at 5s kill d\npeers 3", "line 1, 'd': no such peer; there are a b c"),
        ("at 5w kill a", "line 1, '5w': no length of time"),
        ("at 25h kill a", "line 1, '25h': too long; at most 24h"),
        ("at", "line 1, 'at': a time is missing"),
        ("at 3s", "line 1, '3s': what happens is missing"),
        ("at 3s pause a", "line 1, 'a': a length of time is missing"),
        ("at 3s kill a now", "line 1, 'now': one word too many"),
        ("at 3s split a b c", "line 1, 'c': one side only"),
        ("at 3s split a | b", "line 1, 'b': c is on no side"),
        ("at 3s cut a b", "line 1, 'b': neither -> nor <->"),
        ("peers 5\nquorum 2", "line 2, 'quorum': 2 is no majority of 5 peers"),
        ("heartbeat 3s 1s", "line 1, 'heartbeat': the timeout has to be longer"),
        ("election 0s", "line 1, '0s': must be longer than nothing"),
        ("heartbeat 0.001us 2s", "line 1, '0.001us': must be 1ms at least"),
        ("heartbeat 1ms 999us", "line 1, '999us': must be 1ms at least"),
        ("election 0.001us", "line 1, '0.001us': must be 1ms at least"),
        ("rate fast", "line 1, 'fast': not a rate, as in 20/s"),
        ("loss 1/1", "line 1, '1/1': not none, and not as in 1/10"),
        ("fault none", "line 1, 'none': not a deliberate fault; 'peer sim --faults'"),
        ("without mercy", "line 1, 'mercy': not one of steps, liars"),
        ("mode fast", "line 1, 'fast': not default, resume or quorum"),
        ("peers", "line 1, 'peers': a number of peers is missing"),
        ("resume now", "line 1, 'now': one word too many"),
        ("peers 9\nrate 1000/s", "line 2, 'rate': that would be 900000 readings, and a run keeps 100000 at most"),
        ("peers 9\nat 24h kill a", "line 1, 'for': that would be "),
        ("starting 4\npeers 3", "line 1, 'starting': there are only 3 peers, not 4"),
        (
            "for 30s\nat 5s pause a 24h",
            "line 1, 'for': that would be 518850 readings, since a step lasts until 86405s,",
        ),
        ("rate 20/s\nfor 30s\nat 5s cut a -> b for 1h", "line 1, 'rate': that would be "),
        ("draw 2\nat 0.1s stall p0 24h", "line 1, 'for': that would be "),
        ("at 5s burst a 90000\nat 6s burst b 90000", "line 1, 'for': that would be 18"),
        (
            "draw 1\nat 0.1s burst p0 18446744073709551615",
            "line 2, '18446744073709551615': more than 100000 in one burst",
        ),
        ("at 3s blackout leader", "line 1, 'leader': one word too many"),
        ("at 3s split leader | a b c", "line 1, 'leader': the sides of a split are peers by name"),
        ("at 40s kill a\nfor 30s", "line 1, '40s': faults end before it, at 30s; 'for' says when"),
        ("for 30s\nat 30s heal", "line 2, '30s': faults end before it, at 30s; 'for' says when"),
        ("draw 7\nat 23h kill p0", "line 2, '23h': faults end before it, at "),
    ] {
        let error = Scenario::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(told), "{text:?}: {error}");
    }
}

#[test]
fn the_more_is_lost_the_longer_a_group_may_seek() {
    let may_take = |loss| Scenario::parse(&format!("loss {loss}")).unwrap().plan().0.settled().as_secs();
    assert_eq!(["1/2", "1/3", "1/4", "none"].map(may_take), [90, 60, 30, 30]);
}

#[test]
fn a_run_that_is_cut_off_is_told_whichever_promise_counts() {
    let mut world = Scenario::parse("for 30s\nat 29.9s stop a").unwrap().world(false);
    (world.checks.only, world.events_max) = (Some(1), 1000);
    let told = outcome(world).broken.unwrap_or_default();
    assert!(told.starts_with("promise 9: never at rest"), "{told}");
}

/// A damaged peer runs, and has no vote: with one of the two others it is no quorum.
#[test]
fn where_a_log_rots_under_a_quorum_all_peers_return() {
    let of_a = "at 15s kill a\nat 16s start a\nat 30s rot a journal\nat 31s kill c\nat 32s start a";
    let of_leader = "at 13s kill c\nat 13.1s start c\nat 20s kill b\nat 20.1s start b\nat 30s rot leader journal\n\
                     at 30.01s kill b\nat 32s start c";
    for (seed, steps) in [(1, of_a), (1, of_leader), (10, &of_a.replace(" journal", ""))] {
        let scenario = Scenario::parse(&format!("quorum\nseed {seed}\nfor 33s\n{steps}")).unwrap();
        assert_eq!(scenario.play(false, None).broken, None, "{scenario}");
    }
}

/// Shrinking begins with it, and a seed that fails can be handed on as a file.
#[test]
fn what_a_seed_draws_is_the_same_run_when_it_is_written_out() {
    for mode in Mode::ALL {
        let differ = in_order(0, 4, |seed| {
            let drawn = Scenario::drawn(mode, seed);
            let lines = drawn.written_out().to_string();
            let read = Scenario::parse(&lines).unwrap_or_else(|error| panic!("{mode:?} {seed}: {error}\n{lines}"));
            assert_eq!(read.to_string(), lines);
            let run = crate::simulation::run::run(mode, seed, Sabotage::None, false);
            let (drawn, read) = (drawn.play(false, None), read.play(false, None));
            (drawn != read || drawn.fingerprint != run.fingerprint).then_some(seed)
        });
        let differ: Vec<u64> = differ.into_iter().flatten().collect();
        assert!(differ.is_empty(), "{}: {differ:?}", mode.name());
    }
}
