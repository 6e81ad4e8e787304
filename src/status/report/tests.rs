//! A report says what a picture shows, in members and in words.

use std::time::Duration;

use super::*;
use crate::protocol::Event;

fn given() -> Given {
    Given {
        peer: "b".parse().unwrap(),
        group: "sensors".to_owned(),
        closed: false,
        quorum: None,
        resume: true,
        address: "127.0.0.1:7000".parse().unwrap(),
        http: None,
        started: SystemTime::UNIX_EPOCH,
    }
}

fn member(name: &str, silent: Option<u64>, lag: Option<u64>) -> Member {
    Member {
        id: name.parse().unwrap(),
        priority: 0,
        endpoint: "127.0.0.1:7001".parse().unwrap(),
        learner: false,
        silent: silent.map(Duration::from_millis),
        lag,
    }
}

pub(in crate::status) fn picture(standing: Standing) -> Picture {
    Picture {
        standing,
        term: Some("7@c/1".parse().unwrap()),
        change: 2,
        leader: Some("c".parse().unwrap()),
        members: vec![member("b", None, Some(1)), member("c", Some(1200), None)],
        suspended: None,
        base: 0,
        delivered: 10,
        committed: 10,
        last: 11,
        stored: 11,
        leader_committed: 11,
        waiting: 3,
    }
}

pub(in crate::status) fn report(picture: &Picture, attendance: &Attendance) -> Report {
    let disk = Some(Disk { free: 1 << 30, total: 1 << 32, min_free: 0, sources_wait: false });
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
    Report::new(&given(), picture, attendance, (disk, now), |_| "127.0.0.1:7009".parse().ok())
}

#[test]
fn the_view_is_shown_highest_rank_first() {
    let report = report(&picture(Standing::Member), &Attendance::default());
    let seats: Vec<_> = report
        .members
        .iter()
        .map(|seat| (seat.peer.as_str(), seat.rank, seat.role, seat.own, seat.heard_ms, seat.lag))
        .collect();
    assert_eq!(seats, [("c", 2, Role::Leads, false, Some(1200), None), ("b", 1, Role::Member, true, None, Some(1))]);
    assert_eq!(report.summary, "Member of a group of 2 that c leads");
    assert!(report.health.ok && report.works());
}

#[test]
fn a_missing_member_leaves_the_group_working() {
    let mut attendance = Attendance::default();
    let view = |names: &[&str]| Event::View {
        term: "7@c/1".parse().unwrap(),
        change: 1,
        members: names.iter().map(|name| name.parse().unwrap()).collect(),
        leader_here: false,
    };
    attendance.note(&view(&["a", "b", "c", "d"]), SystemTime::UNIX_EPOCH);
    attendance.note(&Event::MemberLeft { peer: "d".parse().unwrap(), members: vec![] }, SystemTime::UNIX_EPOCH);
    attendance.note(&view(&["b", "c"]), SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    let report = report(&picture(Standing::Member), &attendance);
    assert_eq!(report.missing[0].address.as_deref(), Some("127.0.0.1:7009"));
    let reasons: Vec<_> = report.health.reasons.iter().map(|reason| (reason.reason, reason.text.as_str())).collect();
    assert_eq!(reasons, [(ReasonName::MemberMissing, "a has been missing since 1970-01-01T00:00:01.000Z")]);
    assert!(!report.health.ok && report.works());
}

#[test]
fn each_reason_not_to_work_has_its_name() {
    let reasons = |picture: &Picture| -> Vec<ReasonName> {
        let report = report(picture, &Attendance::default());
        assert_eq!(report.works(), report.health.reasons.is_empty());
        report.health.reasons.iter().map(|reason| reason.reason).collect()
    };
    assert_eq!(reasons(&picture(Standing::Seeking)), [ReasonName::NoView]);
    assert_eq!(reasons(&picture(Standing::Promised)), [ReasonName::NoView]);
    assert_eq!(reasons(&picture(Standing::Learner)), [ReasonName::Behind]);
    let behind = Picture { leader_committed: 11 + 2 * AHEAD_READINGS, ..picture(Standing::Member) };
    assert_eq!(reasons(&behind), [ReasonName::Behind]);
    let suspended = Picture { suspended: Some((1, 2)), ..picture(Standing::Seeking) };
    assert_eq!(reasons(&suspended), [ReasonName::Suspended]);
}

#[test]
fn a_report_reads_itself_back() {
    let report = report(&picture(Standing::Leader), &Attendance::default());
    let text = serde_json::to_string(&report).unwrap();
    assert!(!text.contains('\n'));
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
}

#[test]
fn a_log_begins_after_what_was_removed_or_with_1_where_a_peer_does_not_say() {
    let whole = report(&picture(Standing::Member), &Attendance::default());
    let short = report(&Picture { base: 4, ..picture(Standing::Member) }, &Attendance::default());
    assert_eq!((whole.readings.first, short.readings.first), (1, 5));
    let text = serde_json::to_string(&short).unwrap();
    assert!(text.contains("\"readings\":{\"first\":5,\"delivered\":10,"), "{text}");
    let earlier = text.replace("\"first\":5,", "");
    assert_eq!(serde_json::from_str::<Report>(&earlier).unwrap().readings.first, 1);
}
