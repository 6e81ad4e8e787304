// Numbers in the reader's locale, times in the reader's zone.

/** What a sensor measures, in the order in which it is shown. `span`: no axis is finer than that. */
export const QUANTITIES = [
  { key: "temperature_c", name: "Temperature", unit: "°C", digits: 1, span: 1 },
  { key: "humidity_pct", name: "Humidity", unit: "%", digits: 0, span: 2 },
  { key: "pressure_hpa", name: "Pressure", unit: "hPa", digits: 1, span: 1 },
];

const formatters = new Map();

function numberFormat(digits) {
  if (!formatters.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formatters.set(digits, new Intl.NumberFormat(undefined, options));
  }
  return formatters.get(digits);
}

/** A number with this many digits after the point; a dash for none. */
export function number(value, digits = 0) {
  return value === null || value === undefined ? "–" : numberFormat(digits).format(value);
}

/** A value with its unit; `more`: further digits than a card shows. */
export function measured(quantity, value, more = 0) {
  if (value === null || value === undefined) return "–";
  return `${number(value, quantity.digits + more)}\u00a0${quantity.unit}`;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in its largest unit: "12 s", "5 min", "3 h", "2 d". */
export function lengthOf(ms) {
  if (ms < MINUTE) return `${number(Math.floor(ms / SECOND))}\u00a0s`;
  if (ms < HOUR) return `${number(Math.floor(ms / MINUTE))}\u00a0min`;
  if (ms < 2 * DAY) return `${number(Math.floor(ms / HOUR))}\u00a0h`;
  return `${number(Math.floor(ms / DAY))}\u00a0d`;
}

/** How long ago something was. A sensor's clock may be ahead of the peer's. */
export function ago(ms) {
  if (ms < -10 * SECOND) return `${lengthOf(-ms)} ahead`;
  return ms < 2 * SECOND ? "now" : `${lengthOf(ms)} ago`;
}

const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const withSeconds = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", second: "2-digit" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayAndTime = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const weekday = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });

/** A time of a reading, in ms. Dates here know no second 60: it counts as the one before it, as for the peer. */
export const timeOf = (text) => Date.parse(text.replace(/:60(?=[.Z+-])/, ":59"));

export const clock = (ms) => withSeconds.format(ms);
export const fullTime = (ms) => full.format(ms);
export const dayOf = (ms) => weekday.format(ms);

/** A time in titles: "2026-01-15 06:50:00.004 UTC". */
export const utc = (ms) => `${new Date(ms).toISOString().replace("T", " ").replace("Z", "")} UTC`;

const isSameDay = (one, other) => new Date(one).toDateString() === new Date(other).toDateString();

/** A time beside others: without the day if it is today. */
export function moment(ms, now) {
  return isSameDay(ms, now) ? timeOfDay.format(ms) : dayAndTime.format(ms);
}

/** A `time` element, in the reader's zone, with UTC in its title. */
export function timeElement(ms, text) {
  const element = document.createElement("time");
  element.dateTime = new Date(ms).toISOString();
  element.title = utc(ms);
  element.textContent = text;
  return element;
}

/** From when to when, as short as is clear. */
export function spanOf(from, to) {
  if (to - from > 60 * DAY) return `${date.format(from)} – ${date.format(to)}`;
  if (isSameDay(from, to)) return `${dayOfYear.format(from)}, ${timeOfDay.format(from)} – ${timeOfDay.format(to)}`;
  return `${dayAndTime.format(from)} – ${dayAndTime.format(to)}`;
}

/** The label of a tick of a time axis whose ticks are `step` ms apart; a day is named where it begins. */
export function tick(ms, step) {
  if (step >= 28 * DAY) return new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric" }).format(ms);
  const at = new Date(ms);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0 && at.getSeconds() === 0;
  if (step >= DAY || isMidnight) return dayOfYear.format(ms);
  return (step < MINUTE ? withSeconds : timeOfDay).format(ms);
}
