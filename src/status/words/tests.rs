//! What a terminal shows of reports.

use super::super::report::tests::{picture, report};
use super::super::Attendance;
use super::*;
use crate::protocol::Standing;

fn found(report: Report) -> Reply {
    Reply { place: "127.0.0.1:7000".to_owned(), answer: Ok(Box::new(report)) }
}

fn member() -> Report {
    report(&picture(Standing::Member), &Attendance::default())
}

#[test]
fn a_group_is_a_table_to_which_each_report_adds() {
    let text = all(&[found(member())]);
    let expected = "\
group sensors: c leads, term 7, view 2
  PEER  STATE   DELIVERED  BEHIND    HEARD  ADDRESS
  c     leads                      1 s ago  127.0.0.1:7001
  b     member         10       1           127.0.0.1:7001
";
    assert_eq!(text, expected);
}

#[test]
fn a_peer_that_removed_rows_says_where_they_end() {
    let mut short = member();
    short.readings.first = 5;
    assert!(all(&[found(short)]).ends_with("  127.0.0.1:7001\n  b: rows up to 4 were removed (--keep)\n"));
}

#[test]
fn a_clock_that_is_not_the_leaders_is_told_of() {
    let at = |peer: &str, now: &str| found(Report { peer: peer.to_owned(), now: now.to_owned(), ..member() });
    let leader = at("c", "2026-01-15T07:00:00.000Z");
    let shown = |now: &str| all(&[leader.clone(), at("b", now)]);
    assert!(!shown("2026-01-15T07:00:09.999Z").contains("clock"), "the two were asked at different moments");
    assert!(shown("2026-01-15T07:00:10.000Z").ends_with("\n  b: its clock is 10 seconds ahead of the leader's\n"));
    assert!(shown("1970-01-15T07:00:00.000Z").ends_with("\n  b: its clock is 56 years behind the leader's\n"));
}

#[test]
fn peers_that_see_two_leaders_are_named() {
    let other = Report { peer: "x".to_owned(), leader: Some("x".to_owned()), ..member() };
    let both = [found(member()), found(other)];
    assert!(!agree(&both));
    assert!(all(&both).ends_with("\nPeers of one group do not agree: b sees c lead; x sees x lead\n"));
    let elsewhere = Report { group: "g".to_owned(), leader: Some("x".to_owned()), ..member() };
    assert!(agree(&[found(member()), found(elsewhere), found(member())]));
}

#[test]
fn a_service_manager_shows_one_line_in_which_nothing_is_said_twice() {
    assert_eq!(in_one_line(&member()), "Member of a group of 2 that c leads; 10 readings delivered");
    let seeking = report(&picture(Standing::Seeking), &Attendance::default());
    assert!(!seeking.health.ok && in_one_line(&seeking).starts_with("Looks for a group; 10 readings delivered"));
    let mut behind = member();
    let text = "12 readings of the group are not in this peer's files yet\n".to_owned();
    behind.health.reasons.push(Reason { reason: ReasonName::Behind, text });
    assert!(in_one_line(&behind).ends_with("; 12 readings of the group are not in this peer's files yet\\x0a"));
}

#[test]
fn silent_peers_are_named_and_cannot_write_to_the_terminal() {
    let stopped = |place: &str| Reply { place: place.to_owned(), answer: Err(Unanswered::Stopped) };
    let mut list: Vec<Reply> = ["a", "b", "c", "d", "e", "f", "g"].map(stopped).into();
    list.push(Reply { place: "h".to_owned(), answer: Err(Unanswered::Unreachable("\u{1b}[2J".to_owned())) });
    assert_eq!(all(&list), "Not running: a, b, c, d, e and 2 more\nh does not answer: \\x1b[2J\n");
}
