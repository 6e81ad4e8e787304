// What a plot shows, in figures: for people who want numbers, and for people who do not see it.

import { byId, el, tableRow } from "./dom.js";
import { measured, spanOf } from "./format.js";

/** The last, lowest, mean and highest value of a quantity; buckets count by their rows. */
function figuresOf(plot, key) {
  const { min, max, mean } = plot[key];
  let [sum, rows, last] = [0, 0, null];
  let [lowest, highest] = [Infinity, -Infinity];
  mean.forEach((value, i) => {
    if (value === null) return;
    sum += value * plot.n[i];
    rows += plot.n[i];
    last = value;
    lowest = Math.min(lowest, min[i]);
    highest = Math.max(highest, max[i]);
  });
  return { last, lowest, mean: sum / rows, highest };
}

/** `plots`: what was drawn, and where; `last`: the values of the last row, where the plot shows it. */
export function showFigures(id, plot, plots, last, [from, to]) {
  const rows = plots.map(({ quantity, box }) => {
    const figures = figuresOf(plot, quantity.key);
    const shown = (value) => measured(quantity, value, 1);
    const cells = {
      Last: shown(last?.[quantity.key] ?? figures.last),
      Lowest: shown(figures.lowest),
      Mean: shown(figures.mean),
      Highest: shown(figures.highest),
    };
    const words = Object.entries(cells).map(([name, text]) => `${name.toLowerCase()} ${text}`);
    box.setAttribute("aria-label", `${quantity.name} of ${id}, ${spanOf(from, to)}: ${words.join(", ")}`);
    return tableRow(el("th", "", quantity.name), cells);
  });
  byId("figures").hidden = rows.length === 0;
  byId("figures").tBodies[0].replaceChildren(...rows);
}
