// The group in words: its state, what is wrong, and what that means.

import { byId, el, icon, setIcon, setText } from "./dom.js";
import { clock, fullTime, moment, number, timeElement } from "./format.js";
import { now } from "./clock.js";

/** Worst first. A tone has an icon of its name, and colours in the style sheet. */
const TONES = ["bad", "warn", "wait"];

/** A notice: `tone` says how bad it is, `text` what it is, `more` what it means. */
const notice = (tone, text, more = "") => ({ tone, text, more });

const names = (peers) => new Intl.ListFormat("en").format(peers);

function ofCut(cut, suspended) {
  if (!cut.length) return [];
  const ids = cut.map((peer) => peer.peer);
  const since = moment(Date.parse(cut[0].since), now());
  const more = suspended ? "" : "Both sides go on; their readings are put together when they meet again.";
  const have = ids.length === 1 ? "has" : "have";
  return [notice("warn", `The group is split: ${names(ids)} ${have} been out of reach since ${since}.`, more)];
}

function ofFailed(peer, suspended) {
  const since = moment(Date.parse(peer.since), now());
  const more = suspended ? "" : "The others go on.";
  return notice("warn", `${peer.peer} has been missing since ${since}.`, more);
}

function ofMissing({ missing, suspended }) {
  const because = (why) => missing.filter((peer) => peer.why === why);
  return [...ofCut(because("cut"), suspended), ...because("failed").map((peer) => ofFailed(peer, suspended))];
}

/** What the state of this peer means where the peer does not work. */
function ofState(status) {
  const isIn = status.members.some((member) => member.self);
  switch (status.state) {
    case "seeking":
      return [notice("wait", "It starts a group of its own if nobody answers.")];
    case "electing":
      return [notice("warn", "Nobody leads at the moment.", "Readings wait until a new leader is chosen.")];
    case "learning": {
      const self = status.members.find((member) => member.self);
      return [notice("wait", self?.lag ? `${number(self.lag)} rows to go.` : "Older rows are on their way.")];
    }
    default:
      return isIn ? [] : [notice("bad", "This peer is not part of the group.", "Its readings wait until it is.")];
  }
}

function ofSuspended(suspended) {
  if (!suspended) return [];
  const waiting = suspended.waiting === 1 ? "1 reading waits" : `${number(suspended.waiting)} readings wait`;
  const text = `Nothing is recorded: ${number(suspended.have)} of at least ${number(suspended.need)} peers are here.`;
  return [notice("bad", text, `${waiting} here until enough peers are back.`)];
}

/** Reasons that the notices above say in other words. */
const TOLD = new Set(["no_view", "suspended", "member_missing"]);
/** A reason that a learning peer always has. */
const TOLD_LEARNING = "behind";

function notices(status) {
  const isTold = ({ reason }) => TOLD.has(reason) || (status.state === "learning" && reason === TOLD_LEARNING);
  const others = status.health.reasons.filter((reason) => !isTold(reason));
  const tone = (reason) => (reason === "disk_stuck" ? "bad" : "warn");
  return [
    ...ofSuspended(status.suspended),
    ...ofState(status),
    ...others.map((reason) => notice(tone(reason.reason), reason.text)),
    ...ofMissing(status),
  ];
}

const isFine = (tone) => tone === "ok" || tone === "wait";

function showTone(tone) {
  byId("headline").dataset.tone = tone;
  setIcon(byId("headline").querySelector("h1 .icon"), tone);
}

function showNotices(told) {
  const list = byId("notices");
  const key = JSON.stringify(told);
  // It is written only where it changed: a screen reader says it again each time.
  if (list.dataset.told === key) return;
  list.dataset.told = key;
  list.replaceChildren(
    ...told.map(({ tone, text, more }) => {
      const words = el("span", "", el("strong", "", text));
      if (more) words.append(" ", more);
      const item = el("li", "notice", icon(tone), words);
      item.dataset.tone = tone;
      return item;
    }),
  );
}

function fact(name, value) {
  return el("div", "", el("dt", "", name), el("dd", "", value));
}

function showFacts(status) {
  const { delivered, waiting } = status.readings;
  const facts = [
    fact("Leader", status.leader ?? "none"),
    fact("Readings recorded", number(delivered)),
    fact("Waiting here", number(waiting)),
    fact("Disk free", status.disk ? `${number((100 * status.disk.free) / status.disk.total)} %` : "–"),
  ];
  if (status.view_since) {
    const since = Date.parse(status.view_since);
    facts.push(fact("Unchanged since", timeElement(since, moment(since, now()))));
    facts.push(fact("Term", `${status.term}, change ${status.change}`));
  }
  byId("facts").replaceChildren(...facts);
}

/** While the page was open: when this peer was started again, and when the connection to it came back. */
export function showHeadline(status, restarted, backSince) {
  const told = notices(status);
  const tone = TONES.find((worst) => told.some((one) => one.tone === worst)) ?? "ok";
  if (restarted) {
    told.push(
      notice("info", `This peer was restarted at ${moment(restarted, now())}.`, "Its events start from there."),
    );
  }
  if (backSince) told.push(notice("info", `The connection came back at ${clock(backSince)}.`));
  showTone(tone);
  setText(byId("summary"), status.summary);
  showNotices(told);
  showFacts(status);
  setText(byId("name"), status.peer);
  byId("name").title = `Peer ${status.peer} of the group ${status.group}`;
  document.title = `${isFine(tone) ? "" : "⚠ "}${status.peer} – ${status.group}`;
  const kind = status.closed ? "closed group" : "group";
  const started = fullTime(Date.parse(status.started));
  setText(byId("version"), `peer ${status.version}, ${kind} ${status.group}, started ${started}`);
}

/** Since when nothing is heard from the peer. */
export function showLost(since) {
  showTone("lost");
  const text = `No connection to this peer since ${clock(since)}`;
  setText(byId("summary"), text);
  showNotices([notice("lost", "What you see is from then.", "The page tries again by itself.")]);
  document.title = `⚠ ${text}`;
}
