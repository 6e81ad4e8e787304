// All sensors. Only the cards in view, and a few rows beyond, are in the document: ten thousand still scroll smoothly.

import { byId, setText } from "./dom.js";
import { QUANTITIES, number, timeOf } from "./format.js";
import { Card } from "./card.js";
import { unwantSpark, wantSpark } from "./spark.js";

/** Rows of cards beyond each edge of the window, so that the next card is there for Tab. */
const BEYOND = 2;
/** How often an order by changing values is made again; never under the reader's pointer. */
const SORT_AGAIN_MS = 5000;

const sensors = new Map();
const list = byId("cards");
let shown = [];
let sortedAt = 0;
let drawAsked = false;

const collator = new Intl.Collator(undefined, { numeric: true });
const byName = (one, other) => collator.compare(one.id, other.id);

/** Sensors without a value come last. */
const by = (value) => (one, other) => {
  const [a, b] = [value(one), value(other)];
  if (a === b) return byName(one, other);
  if (a === null) return 1;
  return b === null ? -1 : a - b;
};
const least = (key) => by((sensor) => sensor.values[key]);
const most = (key) => by((sensor) => (sensor.values[key] === null ? null : -sensor.values[key]));

const ORDERS = {
  name: byName,
  oldest: by((sensor) => sensor.timestamp),
  newest: by((sensor) => -sensor.timestamp),
  warmest: most("temperature_c"),
  coldest: least("temperature_c"),
  dampest: most("humidity_pct"),
  driest: least("humidity_pct"),
};

export const sensorOf = (id) => sensors.get(id);

function take(row) {
  const timestamp = timeOf(row.timestamp);
  let sensor = sensors.get(row.sensor);
  const isNew = !sensor;
  if (isNew) {
    sensor = { id: row.sensor, measured: new Set(), values: {} };
    sensors.set(sensor.id, sensor);
  }
  sensor.timestamp = timestamp;
  for (const { key } of QUANTITIES) {
    sensor.values[key] = row[key];
    if (row[key] !== null) sensor.measured.add(key);
  }
  sensor.card?.show();
  return isNew;
}

/** Takes the last rows of some sensors. */
export function takeSensors(rows) {
  const news = rows.map(take).some((isNew) => isNew);
  const isBusy = list.matches(":hover, :focus-within");
  const wantsOrder = byId("sort").value !== "name" && !isBusy && Date.now() - sortedAt > SORT_AGAIN_MS;
  if (news || wantsOrder) arrange();
  else draw();
}

/** Another life of the peer may have other sensors. */
export function forgetSensors() {
  sensors.clear();
  arrange();
}

/** Which sensors are shown, and in which order. */
function arrange() {
  sortedAt = Date.now();
  const wanted = byId("search").value.trim().toLowerCase();
  const found = [...sensors.values()].filter((sensor) => sensor.id.toLowerCase().includes(wanted));
  shown = found.sort(ORDERS[byId("sort").value]);
  const all = number(sensors.size);
  setText(byId("sensor-count"), shown.length === sensors.size ? all : `${number(shown.length)} of ${all}`);
  byId("no-sensors").hidden = shown.length > 0;
  setText(byId("no-sensors"), sensors.size ? "No sensor has a name like that." : "Waiting for the first reading.");
  draw();
}

/** Draws in the next frame. */
function draw() {
  if (drawAsked) return;
  drawAsked = true;
  requestAnimationFrame(() => {
    drawAsked = false;
    drawNow();
  });
}

function drawNow() {
  const style = getComputedStyle(list);
  const columns = style.gridTemplateColumns.split(" ").length;
  const gap = parseFloat(style.rowGap);
  const step = parseFloat(style.gridAutoRows) + gap;
  const rows = Math.ceil(shown.length / columns);
  const top = -list.getBoundingClientRect().top;
  const first = Math.max(0, Math.min(rows - 1, Math.floor(top / step) - BEYOND));
  const end = Math.min(rows, Math.ceil((top + innerHeight) / step) + BEYOND);
  const last = Math.max(end, first + 1);
  // Padding takes the place of cards that are not in the document.
  list.style.paddingTop = `${first * step}px`;
  list.style.paddingBottom = `${Math.max(0, rows - last) * step}px`;
  place(shown.slice(first * columns, last * columns), first * columns);
}

/** Has the document hold these cards, in this order; one that stays is not moved and keeps the focus. */
function place(wanted, offset) {
  const focused = document.activeElement;
  const staying = new Set(wanted);
  for (const element of [...list.children]) {
    if (!staying.has(element.sensor)) remove(element);
  }
  let at = list.firstElementChild;
  wanted.forEach((sensor, i) => {
    const { element } = sensor.card ?? new Card(sensor);
    element.sensor = sensor;
    element.setAttribute("aria-setsize", shown.length);
    element.setAttribute("aria-posinset", offset + i + 1);
    if (element === at) at = at.nextElementSibling;
    else list.insertBefore(element, at);
    wantSpark(sensor);
  });
  if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
}

function remove(element) {
  unwantSpark(element.sensor);
  element.sensor.card = null;
  element.remove();
}

export function startSensors() {
  byId("search").addEventListener("input", arrange);
  byId("sort").addEventListener("change", arrange);
  addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(list);
  addEventListener("resize", draw);
  setInterval(() => {
    if (document.hidden) return;
    for (const element of list.children) element.sensor.card.tick();
  }, 1000);
}
