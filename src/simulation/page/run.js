// What happened, and how to find it: the data of the page.

const run = JSON.parse(document.getElementById("run").textContent);

/** Verbs that say nothing of the group: they are many, and hidden at first. */
const QUIET = new Set(["HEARTBEAT", "HEARTBEAT_ACK", "SEQUENCER_REQUEST", "ORDERED", "STORED", "COMMIT"]);

const verbs = new Map();
for (const message of run.messages) {
  verbs.set(message.verb, (verbs.get(message.verb) ?? 0) + 1);
}
const shown = new Set([...verbs.keys()].filter((verb) => !QUIET.has(verb)));

/** The states of each host, in order. */
const states = run.names.map((_, host) => run.states.filter((state) => state.host === host));

/** The place of the last of these (by `time`) that is not after `at`; -1: there is none. */
function lastUpTo(list, at, time = (entry) => entry.at) {
  let from = 0;
  let to = list.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (time(list[middle]) <= at) from = middle + 1;
    else to = middle;
  }
  return from - 1;
}

function stateAt(host, at) {
  return states[host][lastUpTo(states[host], at)];
}

/** The state of the receiver before a message and after it. */
function around(message) {
  const known = states[message.to];
  const place = lastUpTo(known, message.arrived);
  const isNew = place >= 0 && known[place].at === message.arrived;
  if (run.played || isNew) return isNew ? [known[place - 1], known[place]] : [known[place], known[place]];
  // A real peer says a moment later what it became; what comes after the next message is that one's doing.
  const next = run.messages.reduce(
    (first, other) => (other.to === message.to && other.arrived > message.arrived ? Math.min(first, other.arrived) : first), Infinity);
  const after = known[place + 1];
  return [known[place], after && after.at < next ? after : known[place]];
}

function inWords(state) {
  if (!state && !run.played) return "not known";
  if (!state || state.is === "down") return "not running";
  const term = state.term ? `, term ${state.term}` : "";
  const numbers = state.log === null ? "" : `, log ${state.log}, committed ${state.committed}, in files ${state.delivered}`;
  return `${state.is}${term}${numbers}`;
}

/** All that is told as a list, in order. */
const happened = [
  ...run.faults.map((fault) => ({ at: fault.at, text: `!! ${fault.text}` })),
  ...run.lines.map((line) => ({ at: line.at, text: `${run.names[line.host]}: ${line.text}` })),
  ...(run.broken ? [{ at: run.end, text: run.broken, broken: true }] : []),
].sort((a, b) => a.at - b.at);
