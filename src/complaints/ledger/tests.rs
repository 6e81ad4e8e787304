//! Days of complaints, in no time.

use super::*;

const LIMITS: Limits = Limits { subject: 4, kind: 16, total: 64 };

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ledger() -> Ledger {
    Ledger::new(LIMITS)
}

fn complain(ledger: &mut Ledger, subject: Subject, kind: impl Into<Kind>, text: &str, now: Duration) -> bool {
    ledger.complain(subject, kind.into(), text, now).first
}

fn subject(name: impl std::fmt::Display) -> Subject {
    Subject::Own(format!("{name}"))
}

/// All lines until then, each with the second in which it is told.
fn told(ledger: &mut Ledger, until: u64) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    while let Some(now) = ledger.next_due().filter(|now| *now <= seconds(until)) {
        lines.extend(ledger.due(now).into_iter().map(|line| (now.as_secs(), line.text)));
    }
    lines
}

/// One each second, from the first on; the lines that come of it.
fn each_second(ledger: &mut Ledger, from: u64, until: u64) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    for now in from..until {
        lines.extend(told(ledger, now));
        if complain(ledger, subject("s"), "refused", &format!("line {now}"), seconds(now)) {
            lines.push((now, format!("line {now}")));
        }
    }
    lines
}

#[test]
fn what_goes_on_is_told_immediately_after_a_minute_ten_minutes_an_hour_and_each_hour_on() {
    let lines = each_second(&mut ledger(), 0, 3 * 3600);
    let expected = [
        (0, "line 0"),
        (60, "line 59 (the last of 59 like this in 60 s)"),
        (600, "line 599 (the last of 540 like this in 9 min)"),
        (3600, "line 3599 (the last of 3000 like this in 50 min)"),
        (7200, "line 7199 (the last of 3600 like this in 60 min)"),
    ];
    assert_eq!(lines, expected.map(|(at, text)| (at, text.to_owned())));
}

#[test]
fn what_ended_is_forgotten_after_an_hour_and_then_new() {
    let mut ledger = ledger();
    assert!(complain(&mut ledger, subject("s"), "refused", "x", seconds(0)));
    assert_eq!(told(&mut ledger, 3599), []);
    assert!(!complain(&mut ledger, subject("s"), "refused", "y", seconds(3599)));
    assert_eq!(told(&mut ledger, 3600), [(3600, "y (the last of 1 like this in 60 min)".to_owned())]);
    assert_eq!(told(&mut ledger, 9000), []);
    assert!(ledger.cases.is_empty());
    assert!(complain(&mut ledger, subject("s"), "refused", "z", seconds(9000)));
}

#[test]
fn what_was_counted_is_told_at_the_end() {
    let mut ledger = ledger();
    for text in ["1", "2", "3"] {
        complain(&mut ledger, subject("s"), "refused", text, seconds(0));
        complain(&mut ledger, subject("s"), "else", text, seconds(0));
    }
    let lines = ledger.settle(|kind| kind.event == "refused", seconds(12));
    assert_eq!(
        lines.iter().map(|line| (line.text.as_str(), line.count)).collect::<Vec<_>>(),
        [("3 (the last of 2 like this in 12 s)", 2)]
    );
    assert_eq!(ledger.settle(|_| true, seconds(12)).len(), 1);
    assert_eq!(ledger.settle(|_| true, seconds(12)), []);
}

#[test]
fn what_is_over_is_told_once_it_lasts() {
    let mut ledger = ledger();
    complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(0));
    ledger.over(&subject("s"), &["silent"], "s speaks", seconds(5));
    assert_eq!(told(&mut ledger, 4000), [(65, "s speaks".to_owned())]);
    ledger.over(&subject("s"), &["silent"], "s speaks", seconds(4000));
    assert_eq!(told(&mut ledger, 8000), [], "nobody heard that it was silent");
}

#[test]
fn what_lasts_again_after_its_end_was_told_is_told_after_a_minute() {
    let mut ledger = ledger();
    complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(0));
    ledger.over(&subject("s"), &["silent"], "s speaks", seconds(300));
    assert_eq!(told(&mut ledger, 1199), [(360, "s speaks".to_owned())]);
    complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(1200));
    assert_eq!(told(&mut ledger, 1999), [(1260, "s is silent (the last of 1 like this in 21 min)".to_owned())]);
    // One of seconds is none.
    ledger.over(&subject("s"), &["silent"], "s speaks", seconds(2000));
    assert_eq!(told(&mut ledger, 2100), [(2060, "s speaks".to_owned())]);
    complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(2200));
    ledger.over(&subject("s"), &["silent"], "s speaks", seconds(2205));
    assert_eq!(told(&mut ledger, 3500), []);
}

#[test]
fn what_comes_and_stays_for_minutes_stays_within_its_allowance() {
    let mut ledger = ledger();
    let mut lines = Vec::new();
    for episode in 0..36 {
        let now = episode * 200;
        lines.extend(told(&mut ledger, now));
        complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(now));
        lines.extend(told(&mut ledger, now + 99));
        ledger.over(&subject("s"), &["silent"], "s speaks", seconds(now + 100));
    }
    let silent = lines.iter().filter(|(_, text)| text.starts_with("s is silent")).count();
    assert!((6..=12).contains(&silent), "4, and 4 an hour for two hours: {silent} of {lines:?}");
    complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(7200));
    // It does not ask all the time.
    told(&mut ledger, 7300);
}

#[test]
fn what_comes_and_goes_is_no_line_each_time() {
    let mut ledger = ledger();
    let mut lines = Vec::new();
    for glitch in 0..720 {
        let now = glitch * 10;
        lines.extend(told(&mut ledger, now));
        complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(now));
        ledger.over(&subject("s"), &["silent"], "s speaks", seconds(now + 5));
    }
    lines.extend(told(&mut ledger, 7260));
    let texts: Vec<&str> = lines.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts.len(), 5, "{texts:?}");
    assert_eq!(texts[4], "s speaks");
    let slow = (0..60).map(|glitch| glitch * 120);
    let mut ledger = self::ledger();
    let mut count = 0;
    for now in slow {
        count += told(&mut ledger, now).len();
        count += usize::from(complain(&mut ledger, subject("s"), "silent", "s is silent", seconds(now)));
        ledger.over(&subject("s"), &["silent"], "s speaks", seconds(now + 1));
    }
    assert!(count <= 8, "{count} lines of a glitch each two minutes, for two hours");
}

#[test]
fn one_subject_gets_a_handful_and_leaves_the_rest_to_others() {
    let mut ledger = ledger();
    let kinds = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let said = kinds.into_iter().filter(|kind| complain(&mut ledger, subject(1), *kind, "x", seconds(60)));
    assert_eq!(said.count(), 4);
    assert!(complain(&mut ledger, subject(2), "a", "x", seconds(60)));
    let others = told(&mut ledger, 120);
    assert_eq!(others.len(), 4, "those without room are counted and told: {others:?}");
}

#[test]
fn many_subjects_use_up_their_kind_and_no_other_and_all_of_them_the_total() {
    let mut ledger = ledger();
    let mut said = |kind: &'static str, subjects: std::ops::Range<u32>| {
        subjects.filter(|number| complain(&mut ledger, subject(number), kind, "x", seconds(60))).count()
    };
    assert_eq!((said("a", 0..50_000), said("b", 0..3), said("c", 100..50_000)), (16, 3, 16));
    assert_eq!((said("d", 0..100), said("e", 0..100), said("f", 0..100)), (16, 13, 0));
    let lines = told(&mut ledger, 119).len() + told(&mut ledger, 120).len();
    assert_eq!(lines, 5, "one of the others of each kind");
    assert!(ledger.subjects.len() <= CASES_MAX && ledger.cases.len() <= CASES_MAX + 6);
}

#[test]
fn some_are_told_seldom_and_some_once() {
    let mut ledger = ledger();
    let (mut seldom, mut once) = (Vec::new(), Vec::new());
    for now in (0..7300).step_by(10) {
        for (at, text) in told(&mut ledger, now) {
            if text.starts_with('p') { &mut seldom } else { &mut once }.push(at);
        }
        if complain(&mut ledger, subject("p"), Kind::from("unreachable").seldom(), "p", seconds(now)) {
            seldom.push(now);
        }
        if complain(&mut ledger, subject("g"), Kind::from("other_group").once(), "g", seconds(now)) {
            once.push(now);
        }
    }
    assert_eq!((seldom, once), (vec![0, 600, 3600, 7200], vec![0]));
    assert_eq!(ledger.settle(|kind| kind.event == "other_group", seconds(7300)), []);
    told(&mut ledger, 12_000);
    assert!(
        complain(&mut ledger, subject("g"), Kind::from("other_group").once(), "g", seconds(12_000)),
        "it was away for an hour"
    );
}
