// The card of one sensor.

import { el, setText, svgEl } from "./dom.js";
import { QUANTITIES, ago, lengthOf, measured, number, utc } from "./format.js";
import { drawSpark } from "./spark.js";
import { now } from "./clock.js";
import { isLive } from "./stream.js";

/** How many missed readings make a sensor silent; and how long a little-known sensor is not called silent. */
const MISSED = 5;
const SILENT_MIN_MS = 30 * 1000;
const SILENT_UNKNOWN_MS = 10 * 60 * 1000;

function isSilent(sensor) {
  // Without a connection nothing is known of it.
  if (!isLive()) return false;
  const limit = sensor.interval ? Math.max(SILENT_MIN_MS, MISSED * sensor.interval) : SILENT_UNKNOWN_MS;
  return now() - sensor.timestamp > limit;
}

/** `sensor.measured`: the quantities that it ever measured; the first is shown large. */
export class Card {
  constructor(sensor) {
    this.sensor = sensor;
    this.name = el("span", "card-name", sensor.id);
    this.age = el("span", "card-age");
    this.main = el("span", "card-main");
    this.rest = el("span", "card-rest");
    this.spark = svgEl("svg", { class: "spark", "aria-hidden": "true" });
    this.range = el("span", "card-range");
    this.span = el("span", "card-span");
    const foot = el("span", "card-foot", this.range, this.span);
    const head = el("span", "card-head", this.name, this.age);
    this.link = el("a", "card", head, el("span", "card-values", this.main, this.rest), this.spark, foot);
    this.link.href = `#sensor=${encodeURIComponent(sensor.id)}`;
    this.link.title = sensor.id;
    this.element = el("li", "", this.link);
    sensor.card = this;
    this.show();
    if (sensor.spark?.plot) this.showSpark();
  }

  /** The values of the last row. */
  show() {
    const { sensor } = this;
    const shown = QUANTITIES.filter(({ key }) => sensor.measured.has(key));
    const [first, ...others] = shown;
    if (!first) {
      this.main.replaceChildren("No value");
      this.rest.replaceChildren();
    } else {
      const value = sensor.values[first.key];
      this.main.replaceChildren(number(value, first.digits), el("span", "unit", first.unit));
      this.main.dataset.quantity = first.key;
      this.rest.replaceChildren(
        ...others.map((quantity) => el("span", "", measured(quantity, sensor.values[quantity.key]))),
      );
    }
    this.tick();
  }

  /** Its age; called each second. */
  tick() {
    const { sensor } = this;
    const age = now() - sensor.timestamp;
    const silent = isSilent(sensor);
    setText(this.age, silent ? `Silent ${lengthOf(age)}` : ago(age));
    this.link.classList.toggle("silent", silent);
    this.age.title = utc(sensor.timestamp);
  }

  showSpark() {
    const quantity = QUANTITIES.find(({ key }) => this.sensor.measured.has(key));
    if (!quantity) return;
    this.spark.dataset.quantity = quantity.key;
    const said = drawSpark(this.spark, this.sensor, quantity);
    setText(this.range, said ? said.text : "");
    this.range.title = "The lowest and the highest";
    setText(this.span, said ? said.length : "");
    this.show();
  }
}
