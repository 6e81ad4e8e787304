// The small plots on the cards: asked for one after the other, for what is in view, and drawn without a line across gaps.

import { svgEl } from "./dom.js";
import { QUANTITIES, lengthOf, measured, number } from "./format.js";
import { now } from "./clock.js";
import { ask, isLive } from "./stream.js";

const DAY_MS = 24 * 60 * 60 * 1000;
const BUCKETS = 96;
const AT_THE_SAME_TIME = 2;
/** How long a card in view waits before it asks again. */
const FRESH_MS = 60 * 1000;
/** The pause between two questions of a page: to scroll through thousands of sensors asks a peer for little. */
const PAUSE_MS = 40;

const WIDTH = 240;
const HEIGHT = 40;
const MARGIN = 3;

const queue = new Set();
let asking = 0;
let isPaused = false;

/** Asks for the plot of a sensor, which `sensor.card` shows, once others are answered. */
export function wantSpark(sensor) {
  const isFresh = sensor.spark && Date.now() - sensor.spark.asked < FRESH_MS;
  if (isFresh || sensor.isAsking || !isLive()) return;
  queue.add(sensor);
  next();
}

/** The card is out of view. */
export function unwantSpark(sensor) {
  queue.delete(sensor);
}

async function next() {
  if (isPaused || asking >= AT_THE_SAME_TIME || queue.size === 0) return;
  const [sensor] = queue;
  queue.delete(sensor);
  pause();
  asking += 1;
  sensor.isAsking = true;
  try {
    await fetchSpark(sensor);
  } catch {
    // The card goes without it, and asks again after the usual time.
    sensor.spark = { ...sensor.spark, asked: Date.now() };
  } finally {
    sensor.isAsking = false;
    asking -= 1;
    next();
  }
}

function pause() {
  isPaused = true;
  setTimeout(() => {
    isPaused = false;
    next();
  }, PAUSE_MS);
}

async function fetchSpark(sensor) {
  // It ends now, so that silence shows; for a sensor that has been silent for a day, it is the day before that.
  const last = sensor.timestamp + 1;
  const to = now() - last < DAY_MS ? Math.max(Math.round(now()), last) : last;
  const path = (from) =>
    `/api/v1/plot?sensor=${encodeURIComponent(sensor.id)}&from=${from}&to=${to}&buckets=${BUCKETS}`;
  let plot = await ask(path(Math.max(to - DAY_MS, sensor.spark?.first ?? 0)));
  // For a sensor that is younger than a day, its whole life is shown.
  if (plot.first > plot.from + DAY_MS / BUCKETS) plot = await ask(path(plot.first));
  sensor.spark = { asked: Date.now(), first: plot.first, plot };
  sensor.interval = intervalOf(plot) ?? sensor.interval;
  for (const { key } of QUANTITIES) {
    if (plot[key].mean.some((value) => value !== null)) sensor.measured.add(key);
  }
  sensor.card?.showSpark();
}

/** How often the sensor gives a reading: the usual time between two rows, silence aside. */
function intervalOf(plot) {
  const steps = [];
  for (let i = 0; i + 1 < plot.t.length; i += 1) {
    const step = plot.t[i + 1] - plot.t[i];
    if (step <= plot.gap_ms) steps.push(step / plot.n[i]);
  }
  steps.sort((one, other) => one - other);
  return steps[Math.floor(steps.length / 2)];
}

/** Draws what came; returns what it shows in words. */
export function drawSpark(svg, sensor, quantity) {
  const { plot } = sensor.spark;
  const { min, max, mean } = plot[quantity.key];
  const known = (values) => values.filter((value) => value !== null);
  const [lowest, highest] = [Math.min(...known(min)), Math.max(...known(max))];
  if (lowest > highest) {
    svg.replaceChildren();
    return null;
  }
  // A flat line is in the middle, and noise stays small.
  const span = Math.max(highest - lowest, quantity.span);
  const bottom = (lowest + highest - span) / 2;
  const x = (at) => ((at - plot.from) / (plot.to - plot.from)) * WIDTH;
  const y = (value) => HEIGHT - MARGIN - ((value - bottom) / span) * (HEIGHT - 2 * MARGIN);
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(svgEl("path", { d: lineThrough(plot, mean, x, y), class: "spark-line" }));
  const length = lengthOf(plot.to - plot.from);
  return { text: `${number(lowest, quantity.digits)} – ${measured(quantity, highest)}`, length };
}

function lineThrough(plot, values, x, y) {
  let line = "";
  let last = null;
  values.forEach((value, i) => {
    if (value === null) {
      last = null;
      return;
    }
    const at = `${x(plot.t[i] + plot.bucket_ms / 2).toFixed(1)} ${y(value).toFixed(1)}`;
    const goesOn = last !== null && plot.t[i] - last <= plot.gap_ms;
    // A single reading is a dot: a line of no length with round ends.
    line += goesOn ? `L${at}` : `M${at}l0 0`;
    last = plot.t[i];
  });
  return line;
}
