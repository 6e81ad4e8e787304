// The plots of one sensor, one for each quantity, with one time axis and one pointer.

import { byId, el, setText } from "./dom.js";
import { QUANTITIES, fullTime, measured } from "./format.js";
import { chart, columnsOf, dataOf, rem } from "./chart.js";

/** In sizes of the page's font: the least and the greatest height of a plot, what is above and below all of them, and
 * what belongs to each. */
const LOWEST_REM = 9;
const HIGHEST_REM = 20;
const AROUND_REM = 21;
const CAPTION_REM = 2.5;

const area = byId("plots");
/** By quantity, its parts on the page. */
const drawn = new Map();
let columns = null;

/**
 * Draws an answer of the peer; returns what it measured, and the element of each. `range()` gives the ends of the time
 * axis; `on.zoom(from, to)` and `on.back()` take what a pointer does.
 */
export function drawPlots(plot, range, on) {
  const known = QUANTITIES.filter(({ key }) => plot[key].mean.some((value) => value !== null));
  columns = columnsOf(plot, known);
  for (const key of drawn.keys()) {
    if (!known.some((quantity) => quantity.key === key)) remove(key);
  }
  for (const quantity of known) {
    const one = drawn.get(quantity.key);
    if (one) one.u.setData(dataOf(quantity, columns));
    else add(quantity, known.length, range, on);
  }
  resizePlots();
  const [{ u } = {}] = drawn.values();
  hover(u?.cursor.idx ?? null);
  return known.map((quantity) => ({ quantity, box: drawn.get(quantity.key).box }));
}

export function clearPlots() {
  for (const key of drawn.keys()) remove(key);
}

/** All plots are seen together where the window is high enough. */
export function resizePlots() {
  const size = sizeOf(drawn.size);
  for (const { u } of drawn.values()) {
    if (u.width !== size.width || u.height !== size.height) u.setSize(size);
  }
}

const orderOf = (key) => QUANTITIES.findIndex((quantity) => quantity.key === key);

function sizeOf(count) {
  const height = (innerHeight / rem() - AROUND_REM) / count - CAPTION_REM;
  return { width: area.clientWidth, height: Math.min(HIGHEST_REM, Math.max(LOWEST_REM, height)) * rem() };
}

/** Tests read `figure.drawn`: times, means, lowest and highest values, as they are drawn. */
function add(quantity, count, range, on) {
  const readout = el("span", "readout");
  const box = el("div", "plot-box");
  box.setAttribute("role", "img");
  const figure = el("figure", "", el("figcaption", "", el("span", "plot-name", quantity.name), readout), box);
  figure.dataset.quantity = quantity.key;
  const after = [...area.children].find((other) => orderOf(other.dataset.quantity) > orderOf(quantity.key));
  area.insertBefore(figure, after ?? null);
  const u = chart(box, quantity, columns, sizeOf(count), range, { ...on, hover });
  Object.defineProperty(figure, "drawn", { get: () => u.data });
  drawn.set(quantity.key, { figure, box, readout, u });
}

function remove(key) {
  const { figure, u } = drawn.get(key);
  u.destroy();
  figure.remove();
  drawn.delete(key);
}

/** The values at the pointer. */
function hover(index) {
  const time = index === null ? null : columns.times[index];
  setText(byId("plot-read"), time ? fullTime(time) : "");
  for (const [key, { readout }] of drawn) {
    const { mean, min, max } = columns.values.get(key);
    setText(readout, time ? words(QUANTITIES[orderOf(key)], mean[index], min[index], max[index]) : "");
  }
}

function words(quantity, mean, min, max) {
  if (mean === null || mean === undefined) return "not measured";
  const value = measured(quantity, mean, 1);
  return min === max ? value : `${value} (${measured(quantity, min, 1)} – ${measured(quantity, max, 1)})`;
}
