// What happened, newest first.

import { byId, el, icon } from "./dom.js";
import { clock, dayOf, timeElement } from "./format.js";
import { WORDS } from "./happenings.js";

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3 };
const ICONS = { info: "info", warn: "warn", error: "bad" };
const NAMES = { info: "Information", warn: "Warning", error: "Error" };
/** How many events the peer keeps. */
const KEPT_MAX = 1000;
const SHOWN_AT_FIRST = 50;

let events = [];
let shown = SHOWN_AT_FIRST;

const level = () => LEVELS[byId("level").value];

function item(event) {
  const at = Date.parse(event.time);
  const kind = el("span", "hidden", `${NAMES[event.level] ?? event.level}: `);
  const words = Object.hasOwn(WORDS, event.event) ? [el("span", "event-words", WORDS[event.event])] : [];
  const text = el("span", "event-body", kind, ...words, el("span", "event-text", event.text));
  const element = el("li", "event", icon(ICONS[event.level] ?? "info"), timeElement(at, clock(at)), text);
  element.dataset.level = event.level;
  return element;
}

function show() {
  const wanted = events.filter((event) => (LEVELS[event.level] ?? 1) >= level());
  const items = [];
  let day = "";
  for (const event of wanted.slice(-shown).reverse()) {
    const its = dayOf(Date.parse(event.time));
    if (its !== day) items.push(el("li", "day", its));
    day = its;
    items.push(item(event));
  }
  byId("event-list").replaceChildren(...items);
  byId("event-list").hidden = items.length === 0;
  byId("no-events").hidden = items.length > 0;
  byId("more-events").hidden = wanted.length <= shown;
}

/** Adds events; those that are known already, by their ids, are left out. */
export function addEvents(more) {
  const last = events.at(-1)?.id ?? -Infinity;
  const fresh = more.filter((event) => event.id > last);
  if (!fresh.length) return;
  events = events.concat(fresh).slice(-KEPT_MAX);
  show();
}

/** Another life of the peer counts its events from the start. */
export function forgetEvents() {
  events = [];
  show();
}

export function startEvents() {
  byId("level").addEventListener("change", () => {
    shown = SHOWN_AT_FIRST;
    show();
  });
  byId("more-events").addEventListener("click", () => {
    shown = KEPT_MAX;
    show();
  });
}
