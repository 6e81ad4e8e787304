//! Sizes of windows, colours, and what people need who see or point in another way than most.

use serde_json::json;

use crate::chromium::Chromium;
use crate::harness::{Group, Peer};
use crate::served::{leader_is, start};

/// A page that shows a peer with a sensor, and a name as long as names may be.
fn shown(browser: &mut Chromium, group: &Group) -> Peer {
    let id = format!("peer-{}", "x".repeat(59));
    let (mut peer, url) = start(group, &id, &["--sensor", "stdin"]);
    peer.feed("DATA|roof||20.5|40|1013.2\n");
    peer.feed(&format!("DATA|{}||20.5|40|1013.2\n", "y".repeat(64)));
    browser.open(&url);
    browser.wait_until(&leader_is(&id));
    browser.wait_until("document.querySelectorAll('.card').length === 2");
    peer
}

/// By how much the page is wider than the window.
pub(crate) const TOO_WIDE: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

#[test]
fn it_fits_into_narrow_windows_and_wide_ones() {
    let Some(mut browser) = Chromium::start("windows of all sizes") else { return };
    let group = Group::new();
    let _peer = shown(&mut browser, &group);
    for (width, height) in [(320, 640), (375, 812), (768, 1024), (1440, 900), (2560, 1440), (3840, 2160)] {
        browser.resize(width, height);
        assert_eq!(browser.evaluate(TOO_WIDE), 0, "at {width}");
    }
    browser.evaluate("document.querySelector('.card').click()");
    browser.wait_until("document.querySelector('figure')");
    for width in [320, 375, 768] {
        browser.resize(width, 812);
        let dialog = "document.querySelector('dialog')";
        browser.wait_until(&format!("{dialog}.scrollWidth <= {dialog}.clientWidth"));
        assert_eq!(browser.evaluate(TOO_WIDE), 0, "with a plot, at {width}");
    }
}

/// How bright the background of the page is, of 255.
pub(crate) const BRIGHTNESS: &str = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";

#[test]
fn it_is_dark_where_the_system_is_and_where_asked_to() {
    let Some(mut browser) = Chromium::start("colours") else { return };
    let group = Group::new();
    browser.prefer("light");
    let _peer = shown(&mut browser, &group);
    assert!(browser.evaluate(BRIGHTNESS).as_u64() > Some(200));
    browser.prefer("dark");
    browser.wait_until(&format!("{BRIGHTNESS} < 50"));
    // The button goes on to light, whatever the system prefers, and the browser keeps that.
    browser.evaluate("document.getElementById('theme').click()");
    browser.wait_until(&format!("{BRIGHTNESS} > 200"));
    browser.evaluate("window.isOld = true");
    browser.command("Page.reload", &json!({}));
    browser.wait_until("!window.isOld && document.querySelector('.card')");
    browser.wait_until(&format!("{BRIGHTNESS} > 200"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// Roles of controls, each of which has to say what it is for.
const USED: [&str; 6] = ["button", "link", "searchbox", "combobox", "image", "table"];

/// There are at least this many, or the test looks in the wrong place.
pub(crate) fn assert_all_have_names(browser: &mut Chromium, least: usize) {
    let tree = browser.command("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().expect("a list");
    let mut used = 0;
    for node in nodes.iter().filter(|node| node["ignored"] == false) {
        let role = node["role"]["value"].as_str().unwrap_or_default();
        if USED.contains(&role) {
            let name = node["name"]["value"].as_str().unwrap_or_default();
            assert!(!name.trim().is_empty(), "a {role} has no name: {node}");
            used += 1;
        }
    }
    assert!(used >= least, "the test looks in the wrong place: {used}");
}

#[test]
fn every_control_says_what_it_is_for() {
    let Some(mut browser) = Chromium::start("names for screen readers") else { return };
    let group = Group::new();
    let _peer = shown(&mut browser, &group);
    assert_all_have_names(&mut browser, 11);
    for landmark in ["header", "main", "nav", "footer", "h1", "[role=status]", "html[lang]"] {
        assert_eq!(browser.evaluate(&format!("document.querySelector('{landmark}') !== null")), true, "{landmark}");
    }
    browser.evaluate("document.querySelector('.card').click()");
    browser.wait_until("document.querySelector('#plots [role=img]')?.ariaLabel?.includes('lowest')");
    assert_all_have_names(&mut browser, 11);
}
