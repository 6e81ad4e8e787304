// Draws one quantity of a sensor with `uPlot`, a script that is loaded earlier: the mean as a line, lowest to highest as a band.

import { number, tick } from "./format.js";

/** The room for the numbers of the y axis, in sizes of the page's font: the plots of all quantities have one time axis. */
const AXIS_WIDTH_REM = 3.625;
const TIMES_HEIGHT_REM = 1.875;
const FONT_REM = 0.75;
/** The least distance between the labels of one axis. */
const BETWEEN_TIMES_REM = 5;
const BETWEEN_VALUES_REM = 1.75;
/** The distance of the lowest and the highest value from the edges, as a part of what is shown. */
const AIR = 0.08;

/**
 * What is drawn: times in the middle of buckets, and values. Between two buckets that are more than `gap_ms` apart the
 * sensor was silent. There is a point without values, and uPlot draws no line across it.
 */
export function columnsOf(plot, quantities) {
  const columns = { times: [], values: new Map() };
  for (const { key } of quantities) columns.values.set(key, { mean: [], min: [], max: [] });
  const add = (time, i) => {
    columns.times.push(time);
    for (const [key, bands] of columns.values) {
      for (const [name, band] of Object.entries(bands)) band.push(i === null ? null : plot[key][name][i]);
    }
  };
  plot.t.forEach((time, i) => {
    const before = plot.t[i - 1];
    if (i > 0 && time - before > plot.gap_ms) add((before + time + plot.bucket_ms) / 2, null);
    add(time + plot.bucket_ms / 2, i);
  });
  return columns;
}

/** Values without neighbours are on no line: they are drawn as points. */
function alone(u, seriesIndex) {
  const values = u.data[seriesIndex];
  const isKnown = (i) => values[i] !== null && values[i] !== undefined;
  const found = [];
  for (let i = 0; i < values.length; i += 1) {
    if (isKnown(i) && !isKnown(i - 1) && !isKnown(i + 1)) found.push(i);
  }
  return found;
}

/** The y axis from the lowest to the highest value; the noise of a calm hour does not fill the plot. */
function scaleOf(quantity) {
  return (u, lowest, highest) => {
    if (lowest === null) return [0, 1];
    const span = Math.max(highest - lowest, quantity.span);
    const middle = (lowest + highest) / 2;
    return [middle - span * (0.5 + AIR), middle + span * (0.5 + AIR)];
  };
}

/** The size of the page's font: bigger on bigger screens, and as the reader has set it. */
export const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

function colours(element) {
  const style = getComputedStyle(element);
  const of = (name) => style.getPropertyValue(name).trim();
  return { line: of("--line"), band: of("--band"), text: of("--muted"), grid: of("--grid"), family: style.fontFamily };
}

/** How many digits it takes to distinguish two ticks, and to say where each is. */
function digitsOf(step) {
  const isExact = (digits) => Math.abs(step - Number(step.toFixed(digits))) < step / 1000;
  return [0, 1, 2, 3].find(isExact) ?? 3;
}

/**
 * `range()` gives what the time axis shows, `on.zoom(from, to)` takes what was dragged over, `on.back()` a double click,
 * `on.hover(index)` where the pointer is, or `null`.
 */
export function chart(element, quantity, columns, size, range, on) {
  const { line, band, text, grid, family } = colours(element);
  const font = `${FONT_REM * rem()}px ${family}`;
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const times = (u, splits, index, space, step) => splits.map((ms) => tick(ms, step));
  const values = (u, splits, index, space, step) => splits.map((value) => number(value, digitsOf(step)));
  const options = {
    ...size,
    ms: 1,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    scales: { x: { time: true, range }, y: { range: scaleOf(quantity) } },
    axes: [
      { ...axis, size: TIMES_HEIGHT_REM * rem(), space: BETWEEN_TIMES_REM * rem(), values: times },
      { ...axis, size: AXIS_WIDTH_REM * rem(), space: BETWEEN_VALUES_REM * rem(), values },
    ],
    series: [
      {},
      { stroke: line, width: 1.5, points: { show: true, filter: alone, size: 5, fill: line, width: 0 } },
      edge,
      edge,
    ],
    bands: [{ series: [3, 2], fill: band }],
    cursor: {
      // All plots show where the pointer is; a drag belongs to one plot alone, or each would zoom.
      sync: { key: "plots", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { size: 8 },
      bind: { dblclick: () => () => on.back() },
    },
    hooks: {
      setCursor: [(u) => on.hover(u.cursor.idx ?? null)],
      setSelect: [
        (u) => {
          const { left, width } = u.select;
          if (width < 4) return;
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          on.zoom(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
        },
      ],
    },
  };
  const u = new uPlot(options, dataOf(quantity, columns), element);
  followTouch(u);
  return u;
}

export function dataOf(quantity, columns) {
  const { mean, min, max } = columns.values.get(quantity.key);
  return [columns.times, mean, min, max];
}

/** A finger that moves sideways reads values as a mouse does; one that moves down scrolls. */
function followTouch(u) {
  u.over.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") return;
    const box = u.over.getBoundingClientRect();
    u.setCursor({ left: event.clientX - box.left, top: event.clientY - box.top });
  });
}
