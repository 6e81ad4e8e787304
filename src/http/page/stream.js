// What the peer says, as it changes: one connection that is opened again until it holds.

const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 15000;
/** A host that is gone refuses nothing: a connection that does not open in this time is lost, too. */
const OPEN_DEADLINE_MS = 10000;
/** How often the peer is asked for its state. That shows half-open connections, and values that change too often to be streamed. */
const PULSE_MS = 5000;
const PULSE_DEADLINE_MS = 4000;
/** A page that nobody has seen for this long disconnects: a peer serves few connections, and a browser opens few to one host. */
const REST_MS = 60000;

let live = false;

/** Does the page show what the peer says now? */
export const isLive = () => live;

/**
 * `on.status`, `on.sensors` and `on.events` take what comes, `on.live` and `on.lost(heardAt)` say how the
 * connection is. Each connection begins with everything.
 */
export function follow(on) {
  let source = null;
  let retryMs = RETRY_MIN_MS;
  let heardAt = Date.now();
  let timer = 0;
  let rest = 0;

  function open() {
    pause();
    source = new EventSource("/api/v1/stream");
    timer = setTimeout(lose, OPEN_DEADLINE_MS);
    source.addEventListener("status", (event) => {
      if (!live) {
        live = true;
        clearTimeout(timer);
        retryMs = RETRY_MIN_MS;
        on.live();
      }
      hear(on.status, JSON.parse(event.data));
    });
    source.addEventListener("sensors", (event) => hear(on.sensors, JSON.parse(event.data).sensors));
    source.addEventListener("events", (event) => hear(on.events, JSON.parse(event.data).events));
    source.addEventListener("error", lose);
  }

  function hear(take, what) {
    heardAt = Date.now();
    take(what);
  }

  function lose() {
    pause();
    on.lost(heardAt);
    // Pages that lost the same peer should not all come back in the same instant.
    timer = setTimeout(open, retryMs * (0.75 + Math.random() / 2));
    retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
  }

  async function pulse() {
    if (!live || document.hidden) return;
    const before = heardAt;
    const status = await ask("/api/v1/status", AbortSignal.timeout(PULSE_DEADLINE_MS)).catch(() => null);
    // What was streamed in the meantime is newer than the answer, and shows that the connection works.
    if (!live || heardAt !== before) return;
    if (status) hear(on.status, status);
    else lose();
  }

  function pause() {
    clearTimeout(timer);
    source?.close();
    source = null;
    live = false;
  }

  function hurry() {
    if (document.hidden) return;
    if (live) {
      pulse();
    } else {
      retryMs = RETRY_MIN_MS;
      open();
    }
  }

  open();
  setInterval(pulse, PULSE_MS);
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(rest);
    if (document.hidden) rest = setTimeout(pause, REST_MS);
    else hurry();
  });
}

/** The peer answers, and says what is wrong. */
export class Refused extends Error {}

/** The JSON at a path of this peer. */
export async function ask(path, signal) {
  const answer = await fetch(path, { signal });
  if (!answer.ok) throw new Refused((await answer.text()).trim());
  return answer.json();
}
