//! Pictures of the page for people who read about it. `scripts/screenshots.sh` has them made.

use std::f64::consts::TAU;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::chromium::{Chromium, ESCAPE};
use crate::harness::{Group, Peer};
use crate::sensors::{now_ms, readings};
use crate::served::{card, members_are, says, start};

const MINUTE_MS: i64 = 60_000;

/// A room: its mean temperature, by how much the sun changes it, its humidity, and whether it has a barometer.
struct Room {
    sensor: &'static str,
    mean: f64,
    swing: f64,
    humidity: f64,
    has_barometer: bool,
}

const ROOMS: [Room; 6] = [
    Room { sensor: "cellar", mean: 12.5, swing: 0.5, humidity: 71.0, has_barometer: false },
    Room { sensor: "greenhouse-north", mean: 19.0, swing: 5.5, humidity: 66.0, has_barometer: true },
    Room { sensor: "greenhouse-south", mean: 21.5, swing: 7.5, humidity: 60.0, has_barometer: false },
    Room { sensor: "kitchen", mean: 20.8, swing: 1.2, humidity: 44.0, has_barometer: false },
    Room { sensor: "propagation", mean: 24.5, swing: 1.8, humidity: 82.0, has_barometer: false },
    Room { sensor: "roof", mean: 9.0, swing: 5.0, humidity: 63.0, has_barometer: true },
];

/// A curve that wanders between -1 and 1, smooth over about an hour; `seed` picks another one.
fn weather(hours: f64, seed: f64) -> f64 {
    let at = |knot: f64| ((knot * 12.9898 + seed * 78.233).sin() * 43_758.545).fract();
    let part = hours - hours.floor();
    let smooth = part * part * (3.0 - 2.0 * part);
    at(hours.floor()) * (1.0 - smooth) + at(hours.floor() + 1.0) * smooth
}

impl Room {
    /// What the room measures at this time, in ms since 1970: it is warmest at two in the afternoon.
    fn values(&self, time: i64) -> String {
        let hours = f64::from(i32::try_from(time / MINUTE_MS).expect("in this age")) / 60.0;
        let sun = (TAU * (hours - 14.0) / 24.0).cos();
        let clouds = 0.3 * weather(hours, 1.0)
            + 0.12 * weather(hours * 5.0, self.mean)
            + 0.05 * weather(hours * 27.0, self.mean);
        let warmth = sun + clouds;
        let pressure = 1012.0 + 6.0 * weather(hours / 16.0, 3.0) + 0.15 * weather(hours * 9.0, 4.0);
        let pressure = if self.has_barometer { format!("{pressure:.1}") } else { String::new() };
        let humidity = self.humidity - 7.0 * warmth + weather(hours * 13.0, self.humidity);
        format!("{:.2}|{humidity:.1}|{pressure}", self.mean + self.swing * warmth)
    }

    /// A day of readings, one every two minutes; the roof was silent for two and a half hours.
    fn day(&self) -> String {
        let now = now_ms();
        let minutes = (0..24 * 30).rev().map(|pair| 2 * pair);
        let told = minutes.filter(|ago| self.sensor != "roof" || !(430..580).contains(ago));
        readings(self.sensor, told.map(|ago| now - ago * MINUTE_MS), |time| self.values(time))
    }
}

/// A group of three, one of which has the sensors of all rooms.
fn group_of_three(group: &Group) -> (Vec<Peer>, String) {
    let mut peers = vec![group.start("workshop")];
    peers[0].wait_for_view(&["workshop"]);
    peers.push(group.start("attic"));
    peers[1].wait_for_view(&["attic", "workshop"]);
    let (mut fed, url) = start(group, "kitchen", &["--sensor", "stdin"]);
    fed.wait_for_view(&["attic", "kitchen", "workshop"]);
    for room in ROOMS {
        fed.feed(&room.day());
    }
    fed.end_input();
    fed.wait_for("End of input, ");
    peers.push(fed);
    (peers, url)
}

/// Takes a picture; `PEER_PICTURES` says where to keep it, if anywhere.
fn take(browser: &mut Chromium, name: &str) {
    let picture = browser.command("Page.captureScreenshot", &json!({ "format": "png" }));
    let Some(directory) = std::env::var_os("PEER_PICTURES") else { return };
    let file = fs::File::create(Path::new(&directory).join(name)).expect("the directory is there");
    let mut decoder = Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(file).spawn().expect("it is there");
    let text = picture["data"].as_str().expect("text");
    decoder.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    assert!(decoder.wait().expect("it is a child").success());
}

#[test]
fn pictures() {
    let Some(mut browser) = Chromium::start("pictures of the page") else { return };
    let group = Group::new();
    let (mut peers, url) = group_of_three(&group);
    browser.prefer("light");
    browser.scale(1280, 860, 2);
    browser.open(&url);
    browser.wait_until(&members_are(3));
    browser.wait_until("document.querySelectorAll('.spark-line').length === 6");
    browser.wait_until("document.querySelectorAll('.silent').length === 0");
    take(&mut browser, "page.png");
    browser.prefer("dark");
    browser.evaluate(&format!("document.querySelector('{}').click()", card("roof")));
    browser.wait_until("document.querySelectorAll('#plots canvas').length === 3");
    take(&mut browser, "plot.png");
    browser.press(ESCAPE);
    browser.wait_until("!document.querySelector('dialog').open");
    peers[0].kill();
    browser.scale(375, 760, 2);
    browser.wait_until(&says("#notices", "workshop has been missing"));
    browser.evaluate("scrollTo(0, 0)");
    take(&mut browser, "phone.png");
}
