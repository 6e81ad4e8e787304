//! Small groups, explored to rest: within bounds every order of deliveries and alarms, and every fault, or an equal one.
//! No seed is needed to find deliberate faults.
//!
//! `what_may_happen_by_hand` searches as far as variables say: `PEER_EXHAUST_PEERS` (3), `PEER_EXHAUST_READINGS` (3),
//! `PEER_EXHAUST_DEVIATIONS` (1), `PEER_EXHAUST_FAULTS` (1), `PEER_EXHAUST_ALL_ORDERS=1` (no order costs a deviation),
//! `PEER_EXHAUST_FORMING=1` (from the start of the peers on), `PEER_EXHAUST_SECONDS` (as long as it takes),
//! `PEER_EXHAUST_FAULT` (a deliberate fault), and `PEER_SIM_MODE`.

use std::time::Duration;

use peer::simulation::exhaustive::{explore, Bounds, Report};
use peer::simulation::plan::Mode;
use peer::simulation::sabotage::Sabotage;

use crate::{knob, modes};

/// A search of `cargo test` that reaches more states than this meets equal states as if they were other ones.
const STATES_MAX: u64 = 200_000;

fn bounds(mode: Mode, hosts: usize, readings: usize) -> Bounds {
    Bounds {
        mode,
        hosts,
        readings,
        deviations: 0,
        all_orders: false,
        faults: 0,
        forming: false,
        sabotage: Sabotage::None,
        states_max: STATES_MAX,
        time_max: Duration::MAX,
    }
}

fn search(bounds: &Bounds) -> Report {
    let report = explore(bounds);
    println!("{bounds}: {report}");
    report
}

fn assert_all_holds(bounds: &Bounds) {
    let report = search(bounds);
    assert!(report.breach.is_none(), "{bounds} breaks a promise");
    assert!(report.complete, "{bounds} has no end");
    assert!(report.rests > 0, "{bounds} never comes to rest");
}

#[test]
fn two_peers_keep_their_promises_in_every_order_from_their_start_on() {
    for mode in Mode::ALL {
        assert_all_holds(&Bounds { all_orders: true, forming: true, ..bounds(mode, 2, 1) });
        assert_all_holds(&Bounds { all_orders: true, ..bounds(mode, 2, 2) });
    }
}

#[test]
fn two_peers_keep_their_promises_through_every_fault() {
    for mode in Mode::ALL {
        assert_all_holds(&Bounds { faults: 1, ..bounds(mode, 2, 2) });
    }
}

#[test]
fn three_peers_keep_their_promises_in_any_order_but_one() {
    for mode in Mode::ALL {
        assert_all_holds(&Bounds { deviations: 1, ..bounds(mode, 3, 3) });
    }
}

#[test]
fn three_peers_keep_their_promises_through_every_fault() {
    assert_all_holds(&Bounds { faults: 1, ..bounds(Mode::Quorum, 3, 3) });
}

#[test]
fn what_may_happen_by_hand() {
    // Without a variable it is a small search: it must not rot.
    let small = u64::from(std::env::vars().any(|(name, _)| name.starts_with("PEER_EXHAUST_")));
    let small_number = |name, default| u8::try_from(knob(name, default)).expect("a small number");
    let fault = std::env::var("PEER_EXHAUST_FAULT").ok();
    let sabotage = fault.map_or(Sabotage::None, |name| Sabotage::named(&name).expect("one of peer sim --faults"));
    for mode in modes() {
        let bounds = Bounds {
            deviations: small_number("PEER_EXHAUST_DEVIATIONS", small),
            faults: small_number("PEER_EXHAUST_FAULTS", small),
            all_orders: knob("PEER_EXHAUST_ALL_ORDERS", 0) > 0,
            forming: knob("PEER_EXHAUST_FORMING", 0) > 0,
            sabotage,
            states_max: u64::MAX,
            time_max: Duration::from_secs(knob("PEER_EXHAUST_SECONDS", u64::from(u32::MAX))),
            ..bounds(
                mode,
                small_number("PEER_EXHAUST_PEERS", 3).into(),
                small_number("PEER_EXHAUST_READINGS", 3).into(),
            )
        };
        assert_eq!(search(&bounds).breach.map(|breach| breach.history), None);
    }
}

/// The search with the fewest faults and deviations that finds this.
fn fewest(all: &Bounds) -> Report {
    for cost in 0..=all.deviations + all.faults {
        for faults in 0..=cost.min(all.faults) {
            let deviations = cost - faults;
            if deviations > all.deviations {
                continue;
            }
            let report = search(&Bounds { deviations, faults, ..*all });
            if report.breach.is_some() {
                return report;
            }
        }
    }
    panic!("{all} finds nothing");
}

/// Finds the fault within these bounds, as a breach of this promise, and returns how it came to that.
fn assert_found(mode: Mode, deviations: u8, faults: u8, sabotage: Sabotage, promise: &str) -> String {
    let all = Bounds { deviations, faults, sabotage, ..bounds(mode, 3, 3) };
    let breach = fewest(&all).breach.expect("it finds something");
    println!("{}", breach.history);
    assert!(breach.why.starts_with(promise), "{sabotage:?} is found as {}", breach.why);
    breach.history
}

#[test]
fn deliberate_faults_are_found_in_the_first_order_of_all() {
    assert_found(Mode::Default, 0, 0, Sabotage::OrderedAgain, "promise 3");
    assert_found(Mode::Default, 0, 0, Sabotage::LeftOut, "promise 3");
    assert_found(Mode::Default, 0, 0, Sabotage::CommitOneMore, "promise 4");
    assert_found(Mode::Default, 0, 0, Sabotage::LostRequests, "promise 7");
    assert_found(Mode::Default, 0, 0, Sabotage::LostRows, "promise 8");
}

#[test]
fn a_deviation_shows_that_nobody_proposes() {
    assert_found(Mode::Quorum, 1, 0, Sabotage::NoCoordinator, "promise 9");
}

#[test]
fn a_fault_shows_what_a_disk_and_a_life_lack() {
    assert_found(Mode::Quorum, 0, 1, Sabotage::NotSynced, "promise 7");
    assert_found(Mode::Default, 0, 1, Sabotage::SameLife, "promise 1");
}

#[test]
fn a_split_shows_what_a_merge_lacks() {
    assert_found(Mode::Default, 0, 1, Sabotage::UncutLogs, "promise 5");
}

#[test]
fn words_before_what_they_tell_of_is_stored_are_found_by_one_storage_that_takes_longer() {
    let history = assert_found(Mode::Quorum, 1, 0, Sabotage::SaidBeforeStored, "promise 4");
    let turns: Vec<&str> = history.lines().filter(|line| line.contains(" ** ")).collect();
    let [turn] = turns[..] else { panic!("one deviation is told: {turns:?}") };
    assert!(turn.ends_with("the storage of b does its work: that takes longer than all else"), "{turn}");
    assert!(history.lines().last().is_some_and(|line| line.contains("promise 4")), "{history}");
}
