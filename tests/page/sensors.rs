//! What the page shows of sensors: last values as they change, gaps, and many of them.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::Value;

use crate::chromium::{Chromium, ARROW_LEFT, ESCAPE, PLUS};
use crate::harness::{Group, Peer};
use crate::served::{card, says, start};

/// A line of input for each of these times, in ms since 1970.
pub(crate) fn readings(sensor: &str, times: impl Iterator<Item = i64>, value: impl Fn(i64) -> String) -> String {
    times.fold(String::new(), |mut lines, time| {
        let text = Timestamp::from_millisecond(time).expect("in this age");
        writeln!(lines, "DATA|{sensor}|{text}|{}", value(time)).expect("there is memory");
        lines
    })
}

pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

#[test]
fn values_change_as_they_come() {
    let Some(mut browser) = Chromium::start("live values on the page") else { return };
    let group = Group::new();
    let (mut peer, url) = start(&group, "a", &["--sensor", "stdin"]);
    browser.open(&url);
    browser.wait_until(&says("#no-sensors", "Waiting for the first reading"));
    peer.feed("DATA|roof||20.5|40|1013.2\n");
    let card = card("roof");
    browser.wait_until(&says(&format!("{card} .card-main"), "20.5°C"));
    browser.wait_until(&says(&format!("{card} .card-rest"), "1,013.2"));
    peer.feed("DATA|roof||-3.5||\n");
    browser.wait_until(&says(&format!("{card} .card-main"), "-3.5°C"));
    // What it measured before is missing now.
    browser.wait_until(&says(&format!("{card} .card-rest"), "–"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_leap_second_is_a_time_like_others() {
    let Some(mut browser) = Chromium::start("a leap second on the page") else { return };
    let group = Group::new();
    let (mut peer, url) = start(&group, "a", &["--sensor", "stdin"]);
    peer.feed("DATA|attic|2016-12-31T23:59:60Z|1||\nDATA|roof||20.5||\n");
    browser.open(&url);
    for (sensor, value) in [("attic", "1.0°C"), ("roof", "20.5°C")] {
        browser.wait_until(&says(&format!("{} .card-main", card(sensor)), value));
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Gives a peer a reading each minute: for twenty minutes, then none for twenty, and again for twenty.
fn feed_with_an_outage(peer: &mut Peer) {
    let now = now_ms();
    let ago = |minutes: i64| now - minutes * 60_000;
    let minutes = (1..=20).chain(41..=60).rev();
    peer.feed(&readings("roof", minutes.map(ago), |_| "20.0|40|1013.2".to_owned()));
    peer.end_input();
    peer.wait_for("End of input, 40 readings delivered");
}

#[test]
fn no_line_crosses_an_outage() {
    let Some(mut browser) = Chromium::start("gaps in plots") else { return };
    let group = Group::new();
    let (mut peer, url) = start(&group, "a", &["--sensor", "stdin"]);
    feed_with_an_outage(&mut peer);
    browser.open(&format!("{url}#sensor=roof"));
    browser.wait_until("document.querySelector('figure')?.drawn[0].length > 0");
    browser.evaluate("document.querySelector('[data-hours=\"1\"]').click()");
    browser.wait_until("document.querySelector('figure').drawn[1].filter((value) => value !== null).length >= 38");
    let drawn = browser.evaluate("document.querySelector('figure').drawn");
    let numbers = |at: usize| drawn[at].as_array().expect("an array").iter().map(Value::as_f64).collect::<Vec<_>>();
    let (times, means) = (numbers(0), numbers(1));
    let lines: Vec<&[Option<f64>]> = means.split(Option::is_none).filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2, "{means:?} at {times:?}");
    for (pair, values) in times.windows(2).zip(means.windows(2)) {
        let (before, after) = (pair[0].expect("a time"), pair[1].expect("a time"));
        let is_line = values.iter().all(Option::is_some);
        assert!(!is_line || after - before < 10.0 * 60_000.0, "a line from {before} to {after}");
    }
    // The small plot of the card has the gap, too: its line begins twice.
    let line = format!("document.querySelector('{} .spark-line')?.getAttribute('d')", card("roof"));
    browser.wait_until(&line);
    let line = browser.evaluate(&line);
    assert_eq!(line.as_str().expect("a path").matches('M').count(), 2, "{line}");
}

#[test]
fn a_range_can_be_left_by_keys() {
    let Some(mut browser) = Chromium::start("keys of plots") else { return };
    let group = Group::new();
    let (mut peer, url) = start(&group, "a", &["--sensor", "stdin"]);
    feed_with_an_outage(&mut peer);
    browser.open(&url);
    browser.wait_until(&format!("document.querySelector('{}')", card("roof")));
    browser.evaluate(&format!("document.querySelector('{}').focus()", card("roof")));
    browser.evaluate(&format!("document.querySelector('{}').click()", card("roof")));
    browser.wait_until("document.querySelector('figure')");
    // A sensor that is younger than a day is shown from its first reading.
    let all = "document.querySelector('[data-hours=\"0\"]').getAttribute('aria-pressed') === 'true'";
    browser.wait_until(all);
    browser.press(PLUS);
    browser.wait_until(&format!("!({all})"));
    browser.press(ESCAPE);
    browser.wait_until(all);
    // Nothing is earlier than the first reading, for keys and for the button.
    browser.press(ARROW_LEFT);
    assert_eq!(browser.evaluate("document.querySelector('#back').hidden"), true);
    browser.press(ESCAPE);
    browser.wait_until("!document.querySelector('dialog').open && location.hash === ''");
    browser.wait_until("document.activeElement.classList.contains('card')");
}

#[test]
fn only_sensors_in_view_of_ten_thousand_are_in_the_document() {
    let Some(mut browser) = Chromium::start("ten thousand sensors") else { return };
    let group = Group::new();
    let (mut peer, url) = start(&group, "a", &["--sensor", "stdin"]);
    let now = now_ms();
    let lines: Vec<String> = (0..10_000)
        .map(|number| readings(&format!("s{number:05}"), std::iter::once(now), |_| format!("{}|40|", number % 30)))
        .collect();
    peer.feed(&lines.concat());
    peer.end_input();
    peer.wait_for("End of input, 10000 readings delivered");
    browser.open(&url);
    browser.wait_until(&says("#sensor-count", "10,000"));
    browser.wait_until(&format!("document.querySelector('{}')", card("s00000")));
    browser.evaluate("scrollTo({ top: document.querySelector('#cards').scrollHeight, behavior: 'instant' })");
    browser.wait_until(&format!("document.querySelector('{}')", card("s09999")));
    let cards = browser.evaluate("document.querySelectorAll('.card').length");
    assert!(cards.as_u64().expect("a number") < 200, "{cards} cards");
    browser.evaluate("document.querySelector('#search').value = 's0123'");
    browser.evaluate("document.querySelector('#search').dispatchEvent(new Event('input'))");
    browser.wait_until(&says("#sensor-count", "10 of 10,000"));
    browser.wait_until(&format!("document.querySelector('{}')", card("s01234")));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
