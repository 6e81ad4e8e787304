//! The address at which a process is dialled that answers, or speaks, at more than one. It may have several, or another
//! process borrowed its name.

use std::net::SocketAddr;

use peer::protocol::{Admission, Alarm, ConnectionId, Effect, Input, Standing};
use peer::wire::{Belongs, Message};

use crate::bench::{contact, here, id, join, leads, request, term, view, Bench};

const OWN: &str = "127.0.0.1:8000";
const BORROWED: &str = "10.0.0.9:1";

fn address(bench: &Bench, name: &str) -> Option<SocketAddr> {
    bench.peer.endpoint_of(&id(name))
}

fn is_dialled_again(effects: &[Effect], name: &str) -> bool {
    effects.contains(&Effect::Redial { peer: id(name) })
}

fn joins(effects: &[Effect]) -> bool {
    let join = |effect: &&Effect| format!("{effect:?}").contains("Join");
    effects.iter().any(|effect| join(&effect))
}

#[test]
fn a_leader_with_a_borrowed_name_is_joined_where_it_answers_itself() {
    let shown = || view("1@z/5", vec![], 0);
    let mut seeker = Bench::new();
    assert!(joins(&seeker.finds(BORROWED, shown())));
    assert_eq!(address(&seeker, "z"), Some(BORROWED.parse().unwrap()));
    // Nothing comes of that.
    seeker.after(5000).alarm(Alarm::Discovery);
    seeker.after(4999).finds(OWN, shown());
    assert_eq!(address(&seeker, "z"), Some(BORROWED.parse().unwrap()), "it answered there lately");
    seeker.after(5000).alarm(Alarm::Discovery);
    assert_eq!(seeker.peer.standing(), Standing::Seeking);
    let effects = seeker.after(1).finds(OWN, shown());
    assert!(is_dialled_again(&effects, "z") && joins(&effects), "{effects:?}");
    assert_eq!(address(&seeker, "z"), Some(OWN.parse().unwrap()));
}

#[test]
fn a_peer_that_speaks_is_dialled_where_it_speaks_from() {
    let own = Some("127.0.0.1:8001".parse().unwrap());
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    let elsewhere = |leader: &mut Bench| {
        leader.hears(Message::NewPeerRequest(contact("x", 5, BORROWED)));
        leader.answered(BORROWED, leads(BORROWED, view("1@x/5", vec![], 0)))
    };
    leader.after(9000);
    elsewhere(&mut leader);
    assert_eq!(address(&leader, "x"), own, "it spoke from there within a heartbeat timeout");
    leader.after(1000);
    assert!(is_dialled_again(&elsewhere(&mut leader), "x"));
    assert_eq!(address(&leader, "x"), Some(BORROWED.parse().unwrap()));
    let effects = leader.said(1, join(None));
    assert!(is_dialled_again(&effects, "x"), "{effects:?}");
    assert_eq!(address(&leader, "x"), own);
}

#[test]
fn a_member_that_links_from_another_of_its_addresses_goes_on_ordering() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    let ordered = |effects: &[Effect]| format!("{effects:?}").contains("Append");
    assert!(ordered(&leader.requests(1, request("x/5", 1, 1))));
    let other = "127.0.0.2:8001";
    leader.hello(2, "x", 5, other);
    let effects = leader.answered("127.0.0.1:8001", here(contact("x", 5, "127.0.0.1:8001"), Belongs::Nowhere));
    let admitted = Effect::Admit { connection: ConnectionId(2), admission: Admission::Accept };
    assert!(effects.contains(&admitted), "it says at the known address that it made the connection: {effects:?}");
    assert_eq!(address(&leader, "x"), Some(other.parse().unwrap()));
    assert!(ordered(&leader.requests(2, request("x/5", 2, 1))));
    let (term, connection) = (Some(term("1@x/5")), ConnectionId(1));
    assert_eq!(
        leader.step(Input::Received { connection, message: Message::Ok { term } }),
        [],
        "the one before is closed"
    );
}

#[test]
fn after_a_silence_the_link_back_is_dialled_again_once() {
    let mut leader = Bench::leader();
    leader.joins(1, "x");
    let answers = |leader: &mut Bench| {
        leader.hears(Message::NewPeerRequest(contact("x", 5, "127.0.0.1:8001")));
        leader.answered("127.0.0.1:8001", here(contact("x", 5, "127.0.0.1:8001"), Belongs::Nowhere))
    };
    leader.after(7400);
    assert!(!is_dialled_again(&answers(&mut leader), "x"), "it spoke lately");
    leader.after(7500);
    assert!(is_dialled_again(&answers(&mut leader), "x"), "it said nothing for an interval and a half");
    leader.step(Input::LinkUp { peer: id("x") });
    // The other side does the same, and neither goes on with it.
    assert!(!is_dialled_again(&leader.after(100).hello(2, "x", 5, "127.0.0.1:8001"), "x"));
    // Its messages may have come all the time, and this peer's not.
    assert!(is_dialled_again(&leader.after(5000).hello(3, "x", 5, "127.0.0.1:8001"), "x"));
}
