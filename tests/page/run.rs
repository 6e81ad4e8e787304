//! The page that `peer sim --html` makes, and `peer log2html`: a file that asks nobody for anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::chromium::{Chromium, ARROW_LEFT, PLUS};
use crate::looks::{assert_all_have_names, BRIGHTNESS, TOO_WIDE};

/// Plays a run, and has the browser show its page.
fn show(browser: &mut Chromium, name: &str, options: &[&str]) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&directory).expect("made");
    let html = directory.join(format!("{name}.html"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .arg("sim")
        .args(options)
        .arg("--no-shrink")
        .arg("--html");
    let done = command.arg(&html).output().expect("the binary was built");
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    browser.open(&url_of(&html));
    browser.wait_until("document.readyState === 'complete' && typeof run === 'object' && run.messages.length > 0");
}

fn url_of(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// How many colours the diagram has: one that is not drawn has one. They are read from a copy: the browser warns of reading
/// one that is drawn on.
const COLOURS: &str = "(() => { const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true }); \
    copy.drawImage(canvas, 0, 0); const { data } = copy.getImageData(0, 0, canvas.width, canvas.height); const all = new Set(); \
    for (let n = 0; n < data.length; n += 4) all.add(data[n] * 65536 + data[n + 1] * 256 + data[n + 2]); return all.size; })()";

/// Moves the mouse onto the middle of the first arrow that is shown and arrives, and returns where in the list it is.
const HOVER: &str =
    "(() => { const message = visible().find((one) => one.arrived !== null); const [x1, y1, x2, y2] = ends(message); \
    const box = canvas.getBoundingClientRect(); window.aim = [box.left + (x1 + x2) / 2, box.top + (y1 + y2) / 2]; \
    return message.verb; })()";

#[test]
fn a_run_is_drawn_and_told_and_answers_to_mouse_and_keys() {
    let Some(mut browser) = Chromium::start("a run as a page") else { return };
    show(&mut browser, "election", &["docs/scenarios/election.txt"]);
    let verdict = browser.evaluate("document.getElementById('verdict').textContent");
    assert!(verdict.as_str().expect("text").starts_with("All promises hold ("), "{verdict}");
    browser.wait_until(&format!("{COLOURS} > 8"));
    // Closer, so that arrows are apart; the pointer on one tells it, and what its receiver was and became.
    for _ in 0..8 {
        browser.evaluate("document.getElementById('closer').click()");
    }
    browser.evaluate("goTo(run.messages.find((message) => shown.has(message.verb) && message.arrived !== null).sent)");
    let verb = browser.evaluate(HOVER);
    let place = |browser: &mut Chromium| (browser.evaluate("aim[0]"), browser.evaluate("aim[1]"));
    let (x, y) = place(&mut browser);
    browser.command("Input.dispatchMouseEvent", &json!({ "type": "mouseMoved", "x": x, "y": y }));
    browser.wait_until("!tip.hidden");
    let told = browser.evaluate("tip.textContent");
    let told = told.as_str().expect("text");
    assert!(told.contains(" before: ") && told.contains(" after: ") && told.contains(" ms"), "{verb}: {told}");
    // Keys: closer, and an earlier time.
    browser.evaluate("goTo(run.end / 2); canvas.focus()");
    let (length, now) = (browser.evaluate("seen.length"), browser.evaluate("seen.now"));
    browser.press(PLUS);
    browser.wait_until(&format!("seen.length < {length}"));
    browser.press(ARROW_LEFT);
    browser.wait_until(&format!("seen.now < {now}"));
    // It plays on by itself.
    browser.evaluate("goTo(0); document.getElementById('play').click()");
    browser.wait_until("seen.now > 0.2");
    browser.evaluate("document.getElementById('play').click()");
    // A verb that is not shown has no arrows.
    browser.evaluate("document.getElementById('whole').click()");
    let all = browser.evaluate("visible().length").as_u64();
    browser.evaluate("document.querySelector('#verbs input:checked').click()");
    assert!(browser.evaluate("visible().length").as_u64() < all);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_broken_promise_is_where_the_page_begins() {
    let Some(mut browser) = Chromium::start("a broken run as a page") else { return };
    show(&mut browser, "broken", &["--seed", "299", "--mode", "quorum", "--fault", "fetched-before-stored"]);
    browser.wait_until("document.getElementById('verdict').textContent.startsWith('Broken: promise ')");
    browser.wait_until("seen.now === run.end && !document.getElementById('broke').hidden");
    browser.evaluate("goTo(0); document.getElementById('broke').click()");
    browser.wait_until("seen.now === run.end && seen.from > 0");
    browser.wait_until("document.querySelector('#happened li:last-child').classList.contains('broken')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_run_fits_into_all_windows_in_light_and_dark_and_for_screen_readers() {
    let Some(mut browser) = Chromium::start("looks of a run") else { return };
    browser.prefer("light");
    show(&mut browser, "looks", &["docs/scenarios/split.txt"]);
    for width in [320, 375, 768, 1280, 2560] {
        browser.resize(width, 800);
        browser.wait_until(&format!("canvas.clientWidth <= {width}"));
        assert_eq!(browser.evaluate(TOO_WIDE), 0, "at {width}");
        browser.wait_until(&format!("{COLOURS} > 8"));
    }
    assert!(browser.evaluate(BRIGHTNESS).as_u64() > Some(200));
    let light = browser.evaluate("canvas.toDataURL()");
    browser.prefer("dark");
    browser.wait_until(&format!("{BRIGHTNESS} < 60"));
    // The diagram changes its colours with the rest.
    browser.wait_until(&format!("canvas.toDataURL() !== {light}"));
    // Four buttons, the speeds, the diagram, the table.
    assert_all_have_names(&mut browser, 7);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
