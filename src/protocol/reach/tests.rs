//! When a member looks around, whom it counts, and what it makes of that. Times are those of a trial: two groups take 25
//! seconds to become one, and each higher member gets half an election timeout, 2.5 seconds, to be first.

use super::super::effect::{Effect, Effects};
use super::super::trial::{asked, contact, endpoint, here, id, members, view, Trial};
use super::super::Standing;
use super::*;
use crate::protocol::input::Found;
use crate::wire::{Leadership, Message, Token};

fn at(milliseconds: u64) -> Time {
    Time::from_millis(milliseconds)
}

/// It is heard that this peer leads a group of its own.
fn leads(name: &str) -> Message {
    let leader = contact(name);
    Message::Leader(Leadership { term: format!("1@{name}/1").parse().unwrap(), leader, size: 1, last: 0 })
}

/// A member beside these and `z` that heard of `a` now.
fn beside(others: &[&str]) -> Trial {
    let mut trial = Trial::member(others);
    trial.hears(leads("a"));
    trial
}

/// In how many milliseconds the next look is due, or the present one over.
fn due(trial: &Trial) -> Option<u128> {
    trial.peer.look_due().map(|due| due.saturating_sub(trial.peer.now()).as_millis())
}

#[test]
fn a_look_is_due_once_the_groups_should_be_one_and_higher_members_come_first() {
    assert_eq!(due(&Trial::member(&["x"])), None, "nobody is outside");
    // The leader, `z`, is no higher member that could look.
    for (others, after) in [(&[][..], 25_000), (&["b"], 25_000), (&["x"], 27_500), (&["x", "y"], 30_000)] {
        assert_eq!(due(&beside(others)), Some(after), "{others:?}");
    }
    let many = ["n", "o", "p", "q", "r", "s", "t", "u", "v", "w"];
    assert_eq!(due(&beside(&many)), Some(45_000), "eight of them count");
}

#[test]
fn each_look_in_vain_doubles_the_time_to_the_next_ten_times() {
    for (in_vain, after) in [(0, 25_000), (1, 50_000), (3, 200_000), (10, 25_600_000), (11, 25_600_000)] {
        let mut trial = beside(&[]);
        trial.peer.reach.outsiders_mut().for_each(|outsider| outsider.in_vain = in_vain);
        assert_eq!(due(&trial), Some(after), "after {in_vain}");
    }
}

#[test]
fn a_member_of_the_view_is_no_outsider_and_a_seeker_has_none() {
    let mut member = Trial::member(&["x"]);
    member.hears(leads("x"));
    let mut leader = Trial::leader(&["x"]);
    leader.hears(leads("x"));
    let mut seeker = Trial::seeker(None, &Found::default());
    seeker.hears(leads("x"));
    for trial in [&member, &leader, &seeker] {
        assert_eq!(trial.peer.reach.outsiders().count(), 0);
    }
    leader.hears(leads("a"));
    assert_eq!(leader.peer.reach.outsiders().count(), 1, "a member that it becomes knows");
    assert_eq!(due(&leader), None, "a leader compares groups");
}

#[test]
fn a_new_term_gives_outsiders_their_time_and_a_new_view_of_a_term_does_not() {
    for (term, since, in_vain) in [(true, at(9000), 1), (false, at(1000), 0)] {
        let mut trial = Trial::member(&[]);
        trial.hears(leads("a"));
        trial.hears(leads("b"));
        trial.peer.group.last_view = members(&["b", "m", "z"]);
        trial.peer.reach.look =
            Some(Look { since: at(1000), open: BTreeSet::new(), answered: BTreeSet::new(), leaders: BTreeMap::new() });
        trial.peer.begin_to_look(term, at(9000));
        let outside: Vec<_> = trial.peer.reach.outsiders().map(|(at, it)| (at, it.since, it.in_vain)).collect();
        assert_eq!(outside, [(endpoint("a"), since, in_vain)], "a new term: {term}");
        assert!(trial.peer.reach.look.is_none());
    }
}

/// docs/reachability.md says what a look is for.
#[test]
fn a_look_asks_all_members_and_outsiders_once_it_is_due() {
    let mut trial = beside(&["x"]);
    // It is heard of all the time, and so is the leader.
    for _ in 0..5 {
        trial.gets("z", Message::Heartbeat { term: "3@z/1".parse().unwrap(), committed: 0 });
        trial.after(5).hears(leads("a"));
    }
    assert_eq!(due(&trial), Some(2500));
    let mut effects = Effects::new();
    let (now, early) = (trial.peer.now() + at(2500), trial.peer.now() + at(2499));
    trial.peer.look_around(&mut Turn { now: early, out: &mut effects });
    assert_eq!((asked(&effects), trial.peer.reach.look.is_some()), (vec![], false));
    trial.peer.look_around(&mut Turn { now, out: &mut effects });
    let everybody = [endpoint("a"), endpoint("x"), endpoint("z")];
    let mut places = asked(&effects);
    places.sort_unstable();
    assert_eq!(places, everybody);
    let look = trial.peer.reach.look.as_ref().unwrap();
    assert_eq!((look.since, look.open.iter().copied().collect::<Vec<_>>()), (now, everybody.to_vec()));
    assert!(look.answered.is_empty() && look.leaders.is_empty());
    // It is over after a heartbeat timeout.
    assert_eq!(trial.peer.look_due(), Some(now + at(10_000)));
}

#[test]
fn there_is_no_look_for_an_outsider_that_fell_silent() {
    let mut trial = beside(&[]);
    let now = trial.peer.now() + at(25_000);
    let mut effects = Effects::new();
    trial.peer.look_around(&mut Turn { now, out: &mut effects });
    assert_eq!(effects, []);
    assert_eq!((trial.peer.reach.look.is_none(), trial.peer.look_due()), (true, None));
}

/// A look of `m`, beside `x` and `z`, in which these answered, and these lead this many others.
fn look(answered: &[&str], leaders: &[(&str, usize)]) -> Look {
    let leaders = leaders.iter().map(|(name, size)| (id(name), (*size, contact(name))));
    Look {
        since: at(1000),
        open: BTreeSet::new(),
        answered: answered.iter().map(|name| id(name)).collect(),
        leaders: leaders.collect(),
    }
}

/// Which peers would be asked for a promise, and which lead this many, after this answer.
fn counted(trial: &mut Trial, answer: Contact, seeking: bool, belongs: Belongs) -> (Vec<PeerId>, Vec<(PeerId, usize)>) {
    trial.peer.reach.look = Some(look(&[], &[]));
    let at = answer.endpoint;
    let here = Here { nonce: Token(1), contact: answer, seeking, serves: true, dialled: false, belongs };
    trial.peer.count(at, &here);
    let look = trial.peer.reach.look.take().unwrap();
    (look.answered.into_iter().collect(), look.leaders.into_iter().map(|(id, (size, _))| (id, size)).collect())
}

#[test]
fn members_in_the_view_count_and_seekers_and_leaders_outside_of_it() {
    let of_z = || Belongs::Leads(view("3@z/1", &["m", "x", "z"], vec![], 0));
    let of_a = |names: &[&str]| Belongs::Leads(view("1@a/1", names, vec![], 0));
    let other_life = |name: &str| Contact { incarnation: 2, ..contact(name) };
    let answers = |name: &str| (vec![id(name)], vec![]);
    let leads = |name: &str, size| (vec![], vec![(id(name), size)]);
    let nothing = || (vec![], vec![]);
    for (answer, seeking, belongs, expected) in [
        (contact("x"), false, Belongs::Follows(contact("z")), answers("x")),
        (contact("x"), false, Belongs::Follows(contact("a")), nothing()),
        (other_life("x"), false, Belongs::Follows(contact("z")), nothing()),
        (contact("b"), false, Belongs::Follows(contact("z")), nothing()),
        (contact("z"), false, of_z(), answers("z")),
        (other_life("z"), false, of_z(), nothing()),
        (contact("a"), false, of_a(&["a", "b"]), leads("a", 2)),
        // A group that counts this peer, or that was taken in already, is no other one.
        (contact("a"), false, of_a(&["a", "m"]), nothing()),
        (contact("x"), false, of_a(&["x", "b"]), nothing()),
        (contact("a"), true, Belongs::Nowhere, answers("a")),
        (contact("a"), false, Belongs::Nowhere, nothing()),
        (contact("x"), true, Belongs::Nowhere, nothing()),
    ] {
        let mut trial = Trial::member(&["x"]);
        let shown = format!("{answer:?} {belongs:?}");
        assert_eq!(counted(&mut trial, answer, seeking, belongs), expected, "{shown}");
    }
}

#[test]
fn with_a_quorum_a_leader_counts_only_if_its_log_has_what_is_committed() {
    let run = |text: &str| vec![(text.parse().unwrap(), 1)];
    let found = Found { runs: run("1@z/1"), last: 5, delivered: 5, ..Found::default() };
    for (quorum, from, last, counts) in [
        (Some(2), "1@z/1", 5, true),
        (Some(2), "1@z/1", 4, false),
        (Some(2), "1@a/1", 9, false),
        (None, "1@a/1", 9, true),
    ] {
        let mut trial = Trial::member_with(quorum, &found, &["x"]);
        let belongs = Belongs::Leads(view("1@a/1", &["a"], run(from), last));
        let (_, leaders) = counted(&mut trial, contact("a"), false, belongs);
        assert_eq!(leaders.len(), usize::from(counts), "quorum {quorum:?}, {from} up to {last}");
    }
}

#[test]
fn a_peer_outside_that_is_distrusted_does_not_count_and_nobody_after_three_failures() {
    for (distrusted, strikes) in [("a", &[2][..]), ("b", &[1, 1, 1])] {
        let mut trial = Trial::member(&["x"]);
        trial.knows("a");
        for strikes in strikes {
            let mut effects = Effects::new();
            trial.peer.distrust(&id(distrusted), *strikes, &Turn { now: at(1000), out: &mut effects });
        }
        let view = Belongs::Leads(view("1@a/1", &["a", "b"], vec![], 0));
        assert_eq!(counted(&mut trial, contact("a"), false, view), (vec![], vec![]), "{distrusted}");
        assert_eq!(counted(&mut trial, contact("a"), true, Belongs::Nowhere), (vec![], vec![]), "{distrusted}");
        // Who is in the view follows this leader, whatever else it did.
        let follows = Belongs::Follows(contact("z"));
        assert_eq!(counted(&mut trial, contact("x"), false, follows), (vec![id("x")], vec![]));
    }
}

/// A quorum, those that answered a look, and leaders of so many others that did.
type Case = (Option<u32>, &'static [&'static str], &'static [(&'static str, usize)]);

/// What `m`, a member of three with this quorum, does after a look.
fn decides(quorum: Option<u32>, answered: &[&str], leaders: &[(&str, usize)]) -> (Trial, Effects) {
    let mut trial = Trial::member_with(quorum, &Found::default(), &["x"]);
    trial.hears(leads("a"));
    trial.peer.reach.look = Some(look(answered, leaders));
    let mut effects = Effects::new();
    trial.peer.decide_who_reaches_more(&mut Turn { now: trial.peer.now() + at(9000), out: &mut effects });
    (trial, effects)
}

/// Whom it asks to lead it.
fn goes_to(effects: &Effects) -> Option<SocketAddr> {
    asked(effects).first().copied()
}

#[test]
fn a_member_takes_over_where_it_reaches_more_than_its_view_has() {
    let cases: [Case; 3] =
        [(None, &["x", "z", "a"], &[]), (None, &["x", "z"], &[("a", 3)]), (Some(4), &["x", "z", "a"], &[])];
    for (quorum, answered, leaders) in cases {
        let (trial, effects) = decides(quorum, answered, leaders);
        let tells = Effect::Tell(Event::TakesOver { leader: id("z"), reached: 4, size: 3 });
        assert!(effects.contains(&tells), "{effects:?}");
        assert!(matches!(&trial.peer.role, Role::Proposing(proposing) if proposing.takes_over), "{answered:?}");
        let since: Vec<_> = trial.peer.reach.outsiders().map(|(_, it)| (it.since, it.in_vain)).collect();
        assert_eq!(since, [(at(10_000), 0)]);
    }
}

#[test]
fn a_member_goes_over_to_the_largest_group_and_of_equal_ones_to_the_highest_leader() {
    let cases: [(Case, &str); 4] = [
        ((None, &["x"], &[("a", 4)]), "a"),
        ((None, &["x", "z"], &[("a", 4)]), "a"),
        ((Some(4), &["x"], &[("a", 5), ("b", 4)]), "a"),
        ((None, &["x"], &[("a", 4), ("b", 4)]), "b"),
    ];
    for ((quorum, answered, leaders), to) in cases {
        let (trial, effects) = decides(quorum, answered, leaders);
        assert_eq!((goes_to(&effects), trial.peer.standing()), (Some(endpoint(to)), Standing::Seeking), "{leaders:?}");
        assert!(trial.peer.group.merging);
    }
}

#[test]
fn a_member_stays_where_it_reaches_no_more_or_too_few_for_the_quorum() {
    let cases: [Case; 5] = [
        (None, &["x", "z"], &[]),
        (None, &["x"], &[("a", 3)]),
        (None, &["a", "b"], &[]),
        (Some(5), &["x", "z", "a"], &[]),
        (Some(5), &["x"], &[("a", 4)]),
    ];
    for (quorum, answered, leaders) in cases {
        let (trial, effects) = decides(quorum, answered, leaders);
        assert_eq!((effects, trial.peer.standing()), (Effects::new(), Standing::Member), "{answered:?} {leaders:?}");
        let since: Vec<_> = trial.peer.reach.outsiders().map(|(_, it)| (it.since, it.in_vain)).collect();
        assert_eq!(since, [(at(10_000), 1)]);
    }
}

#[test]
fn a_member_goes_over_four_times_in_sixty_four_merges() {
    let mut trial = Trial::member(&["x"]);
    let member = trial.peer.role.clone();
    let mut goes = |seconds: u64| {
        trial.peer.role = member.clone();
        trial.peer.reach.look = Some(look(&["x"], &[("a", 4)]));
        let mut effects = Effects::new();
        trial.peer.decide_who_reaches_more(&mut Turn { now: Time::from_secs(seconds), out: &mut effects });
        trial.peer.standing() == Standing::Seeking
    };
    assert_eq!([1, 2, 3, 4, 5, 400].map(&mut goes), [true, true, true, true, false, false]);
    // A quarter of the time brings one back.
    assert_eq!([401, 402].map(&mut goes), [true, false]);
}

#[test]
fn a_look_is_over_with_the_last_answer_and_strangers_are_no_part_of_it() {
    let mut trial = beside(&["x"]);
    let mut present = look(&["z"], &[]);
    present.open.extend([endpoint("x"), endpoint("a")]);
    trial.peer.reach.look = Some(present);
    let mut looked = |name: &str, answer| {
        let mut effects = Effects::new();
        trial.peer.on_looked(endpoint(name), answer, &mut Turn { now: at(3000), out: &mut effects });
        (trial.peer.reach.look.as_ref().map(|look| look.open.len()), trial.peer.standing())
    };
    let here = |name: &str, belongs| here(contact(name), belongs, false);
    assert_eq!(looked("b", here("b", Belongs::Nowhere)), (Some(2), Standing::Member));
    assert_eq!(looked("x", here("x", Belongs::Follows(contact("z")))), (Some(1), Standing::Member));
    assert_eq!(looked("x", Answer::Silent), (Some(1), Standing::Member), "it answered");
    assert_eq!(looked("a", here("a", Belongs::Nowhere)), (None, Standing::Proposing));
}

#[test]
fn a_look_whose_questions_are_not_answered_ends_without_a_step() {
    let mut trial = beside(&["x"]);
    trial.peer.reach.look = Some(Look { open: [endpoint("a")].into(), ..look(&["x", "z"], &[]) });
    let mut effects = Effects::new();
    trial.peer.on_looked(endpoint("a"), Answer::Silent, &mut Turn { now: at(3000), out: &mut effects });
    assert_eq!((effects, trial.peer.reach.look.is_none()), (Effects::new(), true));
}
