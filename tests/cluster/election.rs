//! Which peer leads.

use crate::harness::Group;

#[test]
fn four_peers_started_together_make_one_group() {
    let group = Group::new();
    let ids = ["a", "b", "c", "d"];
    let peers: Vec<_> = ids.iter().map(|id| group.start(id)).collect();
    for peer in &peers {
        peer.wait_for_view(&ids);
    }
    assert_eq!(peers.iter().filter(|peer| peer.leads()).count(), 1);
}

#[test]
fn a_peer_alone_leads_itself() {
    let group = Group::new();
    let peer = group.start("alone");
    peer.wait_for("No response received. Assuming role of Group Leader.");
    peer.wait_for_view(&["alone"]);
    assert!(peer.leads());
    assert!(peer.said("Peer ID: alone") && peer.said("Listening on 127.0.0.1:"));
}

#[test]
fn the_priority_outranks_the_id() {
    let group = Group::new();
    let mut first = group.start_with("z", &["--sensor", "none", "--priority", "-1"]);
    first.wait_for_view(&["z"]);
    let high = group.start_with("a", &["--sensor", "none", "--priority", "7"]);
    high.wait_for_view(&["z", "a"]);
    let low = group.start("b");
    low.wait_for_view(&["z", "b", "a"]);
    // Leadership is sticky.
    assert!(first.leads());
    first.kill();
    for peer in [&high, &low] {
        peer.wait_for_view(&["b", "a"]);
    }
    assert!(high.leads() && !low.leads());
}

#[test]
fn peers_that_no_broadcast_reaches_find_each_other_by_join() {
    let (group, other) = (Group::new(), Group::new());
    let leader = group.start("a");
    leader.wait_for_view(&["a"]);
    let member = group.start("b");
    member.wait_for_view(&["a", "b"]);
    // It asks a member, which names its leader.
    let far = other.start_with("c", &["--sensor", "none", "--join", &member.address()]);
    for peer in [&leader, &member, &far] {
        peer.wait_for_view(&["a", "b", "c"]);
    }
    assert!(leader.leads());
    assert!(far.said("Peer c is now part of the network.") && leader.said("Peer c is now part of the network."));
}
