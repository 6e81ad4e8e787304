//! What threads find in common.

use std::io::Read;
use std::net::TcpListener;

use super::super::share::Share;
#[cfg(unix)]
use super::super::trial::Ear;
use super::super::trial::{accept, id, until, Trial, PATIENCE};
use super::*;

#[test]
fn each_alarm_has_its_own_bell() {
    let trial = Trial::new();
    for (at, alarm) in Alarm::ALL.into_iter().enumerate() {
        assert!(std::ptr::eq(trial.node.bell(alarm), &raw const trial.node.bells[at]), "{alarm:?}");
    }
}

#[test]
fn time_goes_on_from_the_start() {
    let trial = Trial::new();
    let first = trial.node.now();
    until(|| trial.node.now() > first);
}

#[test]
fn connections_may_keep_so_many_bytes_each_and_together() {
    const MIB: usize = 1024 * 1024;
    let trial = Trial::new();
    for (pool, each, all) in [(&trial.node.requested, 8 * MIB, 24 * MIB), (&trial.node.held, 10 * MIB, 12 * MIB)] {
        let one = Share::new(pool);
        assert!(one.keep(each + 1).is_none());
        let first = one.keep(each).unwrap();
        // Others keep the rest; one that keeps more than they do gives way.
        let others: Vec<_> = (0..10).map(|_| Share::new(pool)).collect();
        let kept: Vec<_> = others.iter().map(|other| other.keep((all - each) / 10).unwrap()).collect();
        drop(first);
        let left = all - kept.len() * ((all - each) / 10);
        assert!(one.keep(left.min(each)).is_some());
        let most = one.keep(left.min(each));
        assert!(most.is_some() && one.keep(MIB).is_none());
    }
}

#[test]
fn a_link_is_retired_only_if_it_is_the_present_one_and_over() {
    let trial = Trial::new();
    let (present, before) = (Arc::new(Link::new(id("b"))), Arc::new(Link::new(id("b"))));
    write(&trial.node.links).insert(id("b"), Arc::clone(&present));
    trial.node.retire(&present, |_| false);
    trial.node.retire(&before, |_| true);
    assert!(trial.node.link(&id("b")).is_some() && !lock(&present.state).closed && !lock(&before.state).closed);
    trial.node.retire(&present, Link::is_over);
    assert!(trial.node.link(&id("b")).is_none() && lock(&present.state).closed);
}

#[test]
fn a_connection_is_ended_once() {
    let trial = Trial::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = Arc::new(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    lock(&trial.node.connections).insert(ConnectionId(7), stream);
    assert!(!trial.node.shut(ConnectionId(8)));
    assert!(trial.node.shut(ConnectionId(7)) && !trial.node.shut(ConnectionId(7)));
    assert_eq!(accept(&listener).read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_thread_that_the_system_gives_does_its_work() {
    let trial = Trial::new();
    let (done, wait) = crossbeam_channel::bounded(1);
    assert!(trial.node.try_spawn("t".to_owned(), move || done.send(7).unwrap()));
    assert_eq!(wait.recv_timeout(PATIENCE), Ok(7));
    assert_eq!(trial.complaints(), []);
}

#[cfg(unix)]
#[test]
fn a_service_manager_is_told_where_there_is_one() {
    let trial = Trial::new();
    assert!(!trial.node.is_service() && !trial.node.tell_manager(&[Word::Ready]));
    let ear = Ear::new();
    let trial = Trial::managed(|_| {}, Some(Arc::clone(&ear.manager)));
    assert!(trial.node.is_service() && trial.node.tell_manager(&[Word::Ready]));
    assert_eq!(ear.lines(), ["READY=1"]);
    drop(ear);
    assert!(!trial.node.tell_manager(&[Word::Ready]));
    assert_eq!(trial.events(), ["manager_deaf"]);
}

#[test]
fn keys_are_those_of_a_closed_group() {
    assert!(Trial::new().node.keys().is_none());
    let keys = crate::keys::Keys::new(&[crate::keys::tests::key(1)], "sensors");
    assert_eq!(Trial::closed(1).node.keys().unwrap().speaks(), keys.speaks());
}
