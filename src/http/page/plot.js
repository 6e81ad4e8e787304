// The plot of one sensor, in a dialog: asks the peer for the range that is shown, and again as it goes on.

import { byId, setText } from "./dom.js";
import { QUANTITIES, ago, fullTime, measured, spanOf, utc } from "./format.js";
import { now } from "./clock.js";
import { Refused, ask, isLive } from "./stream.js";
import { sensorOf } from "./sensors.js";
import { clearPlots, drawPlots, resizePlots } from "./plots.js";
import { edges, goesOn, move, part, scale } from "./range.js";
import { showFigures } from "./figures.js";

const HOUR_MS = 60 * 60 * 1000;
/** A live plot is asked for again when a bucket is over, within these bounds. */
const AGAIN_MIN_MS = 1000;
const AGAIN_MAX_MS = 15000;
const BUCKETS_MAX = 2000;

const dialog = byId("plot");

/** What is shown; `plot`: the peer's last answer; `before`: the ranges that Escape goes back to. */
let shown = null;

export function startPlot() {
  addEventListener("hashchange", (event) => follow(new URL(event.oldURL).hash));
  addEventListener("themechange", () => {
    if (!shown?.plot) return;
    clearPlots();
    draw();
  });
  dialog.addEventListener("close", closed);
  dialog.addEventListener("keydown", onKey);
  byId("plot-close").addEventListener("click", () => dialog.close());
  byId("back").addEventListener("click", back);
  byId("ranges").addEventListener("click", (event) => {
    const { hours } = event.target.dataset;
    if (hours) show({ length: hours * HOUR_MS });
  });
  byId("earlier").addEventListener("click", () => change(move, -1));
  byId("later").addEventListener("click", () => change(move, 1));
  byId("zoom-in").addEventListener("click", () => change(scale, 0.5));
  byId("zoom-out").addEventListener("click", () => change(scale, 2));
  byId("plot-last").addEventListener("click", () => {
    const { last } = shown.plot;
    show({ from: last - HOUR_MS, to: last + 1 });
  });
  new ResizeObserver(resizePlots).observe(byId("plots"));
  setInterval(tick, 1000);
  follow(location.hash);
}

const sensorIn = (hash) => (hash.startsWith("#sensor=") ? decodeURIComponent(hash.slice("#sensor=".length)) : null);

/** The address says which plot is open: it can be kept and sent on, and the back button closes it. */
function follow(oldHash) {
  const id = sensorIn(location.hash);
  if (id === null) {
    dialog.close();
  } else if (shown?.id !== id) {
    open(id, sensorIn(oldHash) === null);
  }
}

function open(id, fromPage) {
  shown?.query?.abort();
  shown = { id, fromPage, range: { length: 24 * HOUR_MS }, before: [], plot: null, askedAt: 0 };
  setText(byId("plot-title"), id);
  clearPlots();
  if (!dialog.open) dialog.showModal();
  load();
  tick();
}

function closed() {
  const { fromPage, query } = shown;
  query?.abort();
  shown = null;
  clearPlots();
  if (sensorIn(location.hash) === null) return;
  if (fromPage) history.back();
  else history.replaceState(null, "", location.pathname);
}

const first = () => shown.plot?.first ?? null;

/** Shows another range; Escape goes back from it. */
function show(range) {
  shown.before.push(shown.range);
  shown.range = range;
  load();
}

function change(how, by) {
  show(how(shown.range, by, now(), first()));
}

function back() {
  if (!shown.before.length) return;
  shown.range = shown.before.pop();
  load();
}

/** Keys do what the buttons do. Escape closes the dialog where there is nothing to go back to. */
const KEYS = { ArrowLeft: "earlier", ArrowRight: "later", "+": "zoom-in", "-": "zoom-out", Escape: "back" };

function onKey(event) {
  if (!Object.hasOwn(KEYS, event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = byId(KEYS[event.key]);
  if (button.hidden) return;
  event.preventDefault();
  button.click();
}

/** Asks for what is to be shown; answers to earlier questions no longer count. */
async function load() {
  const asked = shown;
  asked.query?.abort();
  asked.query = new AbortController();
  showTools();
  const { signal } = asked.query;
  const answer = await ask(pathOf(asked), signal).catch((error) => error);
  if (signal.aborted) return;
  asked.askedAt = Date.now();
  asked.query = null;
  if (answer instanceof Error) {
    tell(answer instanceof Refused ? `This cannot be shown: ${answer.message}` : "The peer does not answer.");
    return;
  }
  const isFirst = asked.plot === null;
  asked.plot = answer;
  // A sensor that is younger than the range that plots begin with is shown from its first reading, as on its card.
  if (isFirst && answer.first > answer.from) {
    asked.range = { length: 0 };
    load();
    return;
  }
  tell("");
  draw();
}

function pathOf({ id, range }) {
  const buckets = Math.max(60, Math.min(BUCKETS_MAX, Math.round(byId("plots").clientWidth)));
  return `/api/v1/plot?sensor=${encodeURIComponent(id)}&buckets=${buckets}${timesOf(range)}`;
}

function timesOf(range) {
  if (range.length === 0) return "";
  const [from, to] = edges(range, now(), null);
  return `&from=${Math.round(from)}&to=${Math.round(to)}`;
}

function tell(text) {
  byId("plot-note").hidden = !text;
  setText(byId("plot-note").firstElementChild, text);
  byId("plot-last").hidden = true;
}

function tellNothing(last) {
  tell(`Nothing was measured in this time.${last === null ? "" : ` The last reading is of ${fullTime(last)}.`}`);
  byId("plot-last").hidden = last === null;
}

function showTools() {
  const { range, before, id } = shown;
  for (const button of byId("ranges").children) {
    button.setAttribute("aria-pressed", goesOn(range) && range.length === button.dataset.hours * HOUR_MS);
  }
  byId("back").hidden = before.length === 0;
  // A hidden element loses the focus, and keys would go nowhere.
  if (!dialog.contains(document.activeElement)) byId("plot-title").focus();
  byId("earlier").disabled = first() !== null && edges(range, now(), first())[0] <= first();
  byId("later").disabled = goesOn(range);
  byId("zoom-out").disabled = range.length === 0;
  byId("csv").href = `/readings.csv?sensor=${encodeURIComponent(id)}${timesOf(range)}`;
}

/** The time axis; a range that goes on ends now. */
const timeAxis = () => edges(shown.range, Math.max(now(), shown.plot.to), first());

function draw() {
  const { id, plot, range } = shown;
  const zoom = (from, to) => show(part(shown.range, from, to, now(), first()));
  const plots = drawPlots(plot, timeAxis, { zoom, back });
  const [from, to] = timeAxis();
  showTools();
  setText(byId("plot-span"), spanOf(from, to) + (goesOn(range) ? ", live" : ""));
  byId("plot-span").title = `${utc(from)} – ${utc(to)}`;
  if (!plots.length) tellNothing(plot.last);
  const last = to >= plot.last ? sensorOf(id)?.values : null;
  showFigures(id, plot, plots, last, [from, to]);
}

/** Each second: its last values, and whether to ask again. */
function tick() {
  if (!shown || document.hidden) return;
  const sensor = sensorOf(shown.id);
  const values = sensor && QUANTITIES.filter(({ key }) => sensor.measured.has(key));
  const last = values?.map((quantity) => measured(quantity, sensor.values[quantity.key])).join(" · ");
  setText(byId("plot-now"), sensor ? `${last} · ${ago(now() - sensor.timestamp)}` : "");
  const { range, plot, query, askedAt } = shown;
  if (query || !isLive() || !goesOn(range)) return;
  const again = Math.min(AGAIN_MAX_MS, Math.max(AGAIN_MIN_MS, plot?.bucket_ms ?? AGAIN_MAX_MS));
  if (Date.now() - askedAt >= again) load();
}
