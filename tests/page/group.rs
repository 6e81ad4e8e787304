//! What the page says of the group, and of the connection to its peer.

use std::time::Instant;

use crate::chromium::Chromium;
use crate::harness::{Group, TIMING_SHORT};
use crate::served::{leader_is, members_are, says, start, start_at};

#[test]
fn it_shows_the_members_and_who_leads_without_an_error() {
    let Some(mut browser) = Chromium::start("the page of three peers") else { return };
    let group = Group::new();
    let leader = group.start("a");
    leader.wait_for_view(&["a"]);
    let _other = group.start("b");
    let (_peer, url) = start(&group, "c", &["--sensor", "mock"]);
    browser.open(&url);
    browser.wait_until(&members_are(3));
    browser.wait_until(&leader_is("a"));
    browser.wait_until(&says("#summary", "a"));
    browser.wait_until("document.getElementById('headline').dataset.tone === 'ok'");
    browser.wait_until("document.getElementById('connection').dataset.state === 'live'");
    browser.wait_until("document.querySelectorAll('.event').length > 0");
    browser.wait_until("document.querySelector('.card')");
    // A plot, too, is drawn without an error.
    browser.evaluate("document.querySelector('.card').click()");
    browser.wait_until("document.querySelector('#plots canvas')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn it_shows_a_killed_leader_and_its_successor() {
    let Some(mut browser) = Chromium::start("the page when the leader is killed") else { return };
    let group = Group::new();
    let mut leader = group.start("a");
    leader.wait_for_view(&["a"]);
    let (_peer, url) = start(&group, "b", &["--sensor", "none"]);
    let successor = group.start("c");
    successor.wait_for_view(&["a", "b", "c"]);
    browser.open(&url);
    browser.wait_until(&members_are(3));
    browser.wait_until(&leader_is("a"));
    leader.kill();
    let killed = Instant::now();
    browser.wait_until(&leader_is("c"));
    println!("The page shows the successor {} ms after the leader was killed", killed.elapsed().as_millis());
    browser.wait_until(&members_are(2));
    browser.wait_until(&says("#missing", "a"));
    browser.wait_until(&says("#notices", "a has been missing"));
    browser.wait_until("document.getElementById('headline').dataset.tone === 'warn'");
    browser.wait_until("document.querySelector('.event[data-level=warn]')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn what_others_sent_is_shown_as_text() {
    let Some(mut browser) = Chromium::start("markup that others send") else { return };
    let group = Group::new();
    let (mut peer, url) = start(&group, "a", &["--sensor", "stdin"]);
    browser.open(&url);
    browser.wait_until(&leader_is("a"));
    // The warning about such a line shows its beginning.
    peer.feed("DATA|<img src=x onerror=\"document.title='run'\">||1|2|3\n");
    browser.wait_until(&says("#event-list", "<img src=x"));
    assert_eq!(browser.evaluate("document.querySelectorAll('#event-list img').length"), 0);
    browser.evaluate("document.getElementById('level').value = 'error'");
    browser.evaluate("document.getElementById('level').dispatchEvent(new Event('change'))");
    browser.wait_until("!document.getElementById('event-list').textContent.includes('<img')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn it_says_that_the_quorum_is_missing() {
    let Some(mut browser) = Chromium::start("the page without a quorum") else { return };
    let group = Group::timed(TIMING_SHORT);
    let (_peer, url) = start(&group, "a", &["--sensor", "none", "--resume", "--quorum", "2"]);
    browser.open(&url);
    browser.wait_until(&says("#notices", "1 of at least 2 peers are here"));
    browser.wait_until("document.getElementById('headline').dataset.tone === 'bad'");
}

#[test]
fn it_says_that_its_peer_is_gone_and_is_back() {
    let Some(mut browser) = Chromium::start("the page of a peer that is started again") else { return };
    let group = Group::new();
    let options = ["--sensor", "mock", "--resume"];
    let (mut peer, url) = start(&group, "a", &options);
    browser.open(&url);
    browser.wait_until(&leader_is("a"));
    browser.wait_until("document.querySelector('.card')");
    peer.kill();
    browser.wait_until(&says("#summary", "No connection to this peer since"));
    browser.wait_until("document.body.classList.contains('lost')");
    let address = url.trim_start_matches("http://").trim_end_matches('/');
    let (_peer, _) = start_at(&group, "a", address, &options);
    // It comes back by itself.
    browser.wait_until(&says("#notices", "The connection came back"));
    browser.wait_until(&says("#notices", "This peer was restarted"));
    browser.wait_until("!document.body.classList.contains('lost')");
    browser.wait_until("document.querySelector('.card')");
}
