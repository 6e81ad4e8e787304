//! What the service manager is told, beat by beat, and what counts as hanging.

use super::super::trial::Trial;
#[cfg(unix)]
use super::super::trial::{leader, Ear};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// What storage is asked meanwhile, by how often.
fn probes(trial: &Trial) -> usize {
    trial.for_storage.try_iter().filter(|item| matches!(item, StorageItem::Probe)).count()
}

fn vitals(patience: Duration) -> Vitals {
    Vitals { turns: None, since: Instant::now(), patience }
}

#[test]
fn a_manager_is_told_often_enough_for_its_watchdog_and_every_ten_seconds() {
    for (within, expected) in [(60, 10_000), (44, 10_000), (40, 10_000), (36, 9_000), (2, 500)] {
        assert_eq!(beat(Duration::from_secs(within)), Duration::from_millis(expected), "{within} s");
    }
    let service = Service::new(MINUTE);
    assert_eq!((service.within, service.vitals.patience), (MINUTE, MINUTE / 2));
}

#[test]
fn the_storage_is_asked_for_a_sign_of_life_once_for_each_turn() {
    let trial = Trial::new();
    trial.for_storage.try_iter().for_each(drop);
    let mut vitals = vitals(MINUTE);
    for (turns, expected) in [(0, 1), (0, 0), (0, 0), (3, 1), (3, 0), (4, 1)] {
        trial.node.turns.store(turns, Ordering::Relaxed);
        assert_eq!(vitals.look(&trial.node), None);
        assert_eq!(probes(&trial), expected, "turn {turns}");
    }
    vitals.patience = Duration::ZERO;
    let hangs = vitals.look(&trial.node).unwrap();
    assert!(hangs.starts_with("Hangs: the disk took nothing for "), "{hangs}");
    vitals.patience = MINUTE;
    trial.node.turns.store(5, Ordering::Relaxed);
    assert_eq!(vitals.look(&trial.node), None, "it did something");
}

#[test]
fn what_does_nothing_for_longer_than_the_patience_hangs() {
    let vitals = vitals(MINUTE);
    let more = MINUTE + Duration::from_millis(1);
    let judge = |idle, late| vitals.judge(idle, || Some((Alarm::LeaderCheck, late)));
    assert_eq!(judge(MINUTE, MINUTE), None);
    assert_eq!(judge(more, MINUTE).unwrap(), "Hangs: the disk took nothing for 60 s");
    assert_eq!(judge(MINUTE, more).unwrap(), "Hangs: leader-check is late by 60 s");
    assert_eq!(vitals.judge(MINUTE, || None), None);
    vitals.judge(more, || unreachable!("the core may be what hangs"));
}

#[test]
fn the_deadline_that_is_over_for_longest_is_looked_at() {
    let trial = Trial::new();
    // A seeker has to look for others from its start on.
    let before = trial.node.now();
    let (alarm, late) = latest(&trial.node).unwrap();
    assert_eq!(alarm, Alarm::Discovery);
    assert!(late >= before, "{late:?}");
}

#[cfg(unix)]
mod told {
    use super::*;
    use crate::protocol::Event;
    use crate::status::happenings::KEPT_MAX;

    /// A peer of this manager with a group or without, and what reports it to the manager.
    fn started(leads: bool) -> (Ear, Trial, Service) {
        let ear = Ear::new();
        let manager = Some(Arc::clone(&ear.manager));
        let trial = if leads { leader(manager) } else { Trial::managed(|_| {}, manager) };
        (ear, trial, Service::new(MINUTE))
    }

    fn words(ear: &Ear, trial: &Trial, service: &mut Service) -> Vec<String> {
        service.speak(&trial.node);
        ear.lines()
    }

    #[test]
    fn a_peer_without_a_group_is_starting_and_one_with_a_group_is_ready_once() {
        let (ear, trial, mut service) = started(false);
        for _ in 0..2 {
            let said = words(&ear, &trial, &mut service);
            assert!(said[0].starts_with("STATUS=") && said[0].ends_with("; 0 readings delivered"), "{said:?}");
            assert_eq!(said[1..], ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"]);
        }
        let (ear, trial, mut service) = started(true);
        assert_eq!(words(&ear, &trial, &mut service)[1..], ["WATCHDOG=1", "READY=1"]);
        assert_eq!(words(&ear, &trial, &mut service)[1..], ["WATCHDOG=1"]);
    }

    #[test]
    fn a_peer_that_waits_for_a_quorum_is_up() {
        let (ear, trial, mut service) = started(false);
        trial.node.watch.hear("info", "listening", "x");
        assert_eq!(words(&ear, &trial, &mut service)[1..], ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"]);
        trial.node.watch.note(&Event::Suspended { have: 1, need: 2, waiting: 0 });
        trial.node.watch.hear("warn", "suspended", "x");
        // No more lines are kept than these.
        (0..KEPT_MAX).for_each(|_| trial.node.watch.hear("info", "listening", "x"));
        assert!(trial.node.watch.after(0).iter().all(|happening| happening.event != "suspended"));
        assert_eq!(words(&ear, &trial, &mut service)[1..], ["WATCHDOG=1", "READY=1"]);
        assert_eq!(service.seen, 2 + KEPT_MAX as u64);
        assert_eq!(words(&ear, &trial, &mut service)[1..], ["WATCHDOG=1"]);
    }

    #[test]
    fn a_manager_that_did_not_hear_that_a_peer_is_ready_is_told_again() {
        let (ear, trial, mut service) = started(true);
        std::fs::remove_file(&ear.path).unwrap();
        service.speak(&trial.node);
        assert_eq!(trial.complaints()[0].0, "manager_deaf");
        assert!(!service.is_ready);
    }

    #[test]
    fn a_peer_that_hangs_shows_no_sign_of_life_and_asks_for_no_more_time() {
        for leads in [false, true] {
            let (ear, trial, mut service) = started(leads);
            service.vitals.turns = Some(trial.node.turns.load(Ordering::Relaxed));
            service.vitals.patience = Duration::ZERO;
            let said = words(&ear, &trial, &mut service);
            assert!(said[0].starts_with("STATUS=Hangs: the disk took nothing for "), "{said:?}");
            assert_eq!(said[1..].iter().collect::<Vec<_>>(), if leads { vec!["READY=1"] } else { vec![] });
            assert_eq!(trial.complaints()[0].0, "hangs");
        }
    }
}
