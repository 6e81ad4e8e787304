// The members of the group, and the missing ones.

import { byId, el, icon, setText, tableRow } from "./dom.js";
import { ago, lengthOf, moment, number, timeElement } from "./format.js";
import { now } from "./clock.js";

const ROLES = {
  leads: { text: "Leader", tone: "lead", icon: "lead" },
  learner: { text: "Catching up", tone: "wait", icon: "wait" },
};

const WHY = {
  failed: "stopped answering",
  left: "was stopped, and said so",
  cut: "is out of reach; the network may be cut",
};

function badge(text, tone, iconName) {
  const element = el("span", "badge", text);
  if (iconName) element.prepend(icon(iconName));
  element.dataset.tone = tone;
  return element;
}

function row(member) {
  const name = el("span", "member", el("span", "peer-id", member.peer));
  const head = el("th", "", name);
  head.title = `In the group since ${moment(Date.parse(member.since), now())}`;
  const role = ROLES[member.role];
  if (role) name.append(badge(role.text, role.tone, role.icon));
  if (member.self) name.append(badge("This peer", "self"));
  const heard = member.self ? "here" : member.heard_ms === null ? "–" : ago(member.heard_ms);
  return tableRow(head, {
    Rank: number(member.rank),
    Behind: number(member.lag),
    Heard: heard,
    Address: el("code", "", member.address),
  });
}

function missingItem(peer) {
  const since = Date.parse(peer.since);
  const item = el(
    "li",
    "",
    icon(peer.why === "left" ? "info" : "warn"),
    el(
      "span",
      "",
      el("strong", "peer-id", peer.peer),
      ` ${WHY[peer.why] ?? peer.why}, since `,
      timeElement(since, moment(since, now())),
      ` (${lengthOf(Math.max(0, now() - since))})`,
      el("code", "", peer.address ?? ""),
    ),
  );
  item.dataset.tone = peer.why === "left" ? "wait" : "warn";
  return item;
}

export function showGroup(status) {
  const { members, missing } = status;
  setText(byId("member-count"), members.length ? number(members.length) : "");
  byId("no-members").hidden = members.length > 0;
  byId("members").hidden = members.length === 0;
  byId("members").tBodies[0].replaceChildren(...members.map(row));
  byId("missing").hidden = missing.length === 0;
  byId("missing")
    .querySelector("ul")
    .replaceChildren(...missing.map(missingItem));
}
