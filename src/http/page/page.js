// The page: takes what the peer says, and hands each part to the file that shows it.

import { byId, setText } from "./dom.js";
import { moment } from "./format.js";
import { adjust, now } from "./clock.js";
import { follow } from "./stream.js";
import { showHeadline, showLost } from "./headline.js";
import { showGroup } from "./group.js";
import { forgetSensors, startSensors, takeSensors } from "./sensors.js";
import { addEvents, forgetEvents, startEvents } from "./events.js";
import { startPlot } from "./plot.js";

/** How long the page says that the peer was restarted, and that the connection is back. */
const RESTART_TOLD_MS = 10 * 60 * 1000;
const BACK_TOLD_MS = 20 * 1000;

let started = null;
let version = null;
let restarted = null;
let lostSince = null;
let backSince = null;

function onStatus(status) {
  adjust(Date.parse(status.now));
  if (started !== null && started !== status.started) {
    restarted = Date.parse(status.started);
    forgetEvents();
    forgetSensors();
  }
  // Another version has another page.
  if (version !== null && version !== status.version) location.reload();
  started = status.started;
  version = status.version;
  if (now() - restarted > RESTART_TOLD_MS) restarted = null;
  if (Date.now() - backSince > BACK_TOLD_MS) backSince = null;
  showHeadline(status, restarted, backSince);
  showGroup(status);
}

function showConnection() {
  const isLost = lostSince !== null;
  document.body.classList.toggle("lost", isLost);
  byId("connection").dataset.state = isLost ? "lost" : "live";
  setText(byId("connection"), isLost ? `No connection since ${moment(lostSince, Date.now())}` : "Live");
}

function onLost(heardAt) {
  lostSince ??= heardAt;
  showConnection();
  showLost(lostSince);
}

function onLive() {
  if (lostSince !== null) backSince = Date.now();
  lostSince = null;
  showConnection();
}

startEvents();
startSensors();
startPlot();
follow({ status: onStatus, sensors: takeSensors, events: addEvents, live: onLive, lost: onLost });
