// What is around the diagram: the verdict, the peers at a time, what happened until then, and what is under the pointer.

const tip = document.getElementById("tip");

function make(tag, text, parent) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent?.append(element);
  return element;
}

function showVerdict() {
  const verdict = document.getElementById("verdict");
  const count = `${run.names.length} peers, ${run.messages.length} messages in ${run.end.toFixed(1)} s`;
  if (!run.played) {
    verdict.textContent = `A group as its logs tell: ${count}`;
    document.getElementById("about").textContent = "About";
  } else {
    verdict.textContent = run.broken ? `Broken: ${run.broken} (${count})` : `All promises hold (${count})`;
  }
  verdict.classList.toggle("broken", run.broken !== null);
  document.getElementById("scenario").textContent = run.scenario;
  canvas.setAttribute("aria-label", verdict.textContent);
  const legend = document.getElementById("legend");
  for (const [name, what] of [["leads", "leads"], ["member", "member"], ["elects", "in an election"], ["learns", "learns"], ["seeks", "seeks a group"]]) {
    const item = make("li", "", legend);
    make("i", "", item).style.background = `var(--${name})`;
    item.append(what);
  }
  make("li", "thin line below: the term; filled: log, and what of it is in the files; dashed arrow: datagram; dotted: question; ×: lost", legend);
}

function showTime() {
  document.getElementById("time").value = seen.now;
  document.getElementById("clock").textContent = `${seen.now.toFixed(4)} s`;
  const body = document.querySelector("#peers tbody");
  body.replaceChildren();
  run.names.forEach((name, host) => {
    const state = stateAt(host, seen.now);
    const row = make("tr", "", body);
    make("td", name, row);
    if (!state || state.is === "down") {
      make("td", inWords(state), row).colSpan = 7;
      return;
    }
    const cells = [state.is, state.term, state.members, state.taken, state.log, state.committed, state.delivered];
    cells.forEach((cell) => make("td", cell ?? "–", row));
  });
  const list = document.getElementById("happened");
  const last = lastUpTo(happened, seen.now);
  list.replaceChildren();
  for (const event of happened.slice(Math.max(0, last - 60), last + 1)) {
    const item = make("li", "", list);
    make("time", event.at.toFixed(4), item);
    item.append(event.text);
    item.classList.toggle("broken", event.broken === true);
  }
  list.scrollTop = list.scrollHeight;
}

/** The message whose arrow is nearest to a place, if one is near. */
function nearest(px, py) {
  let [best, least] = [null, 7];
  for (const message of visible()) {
    const [x1, y1, x2, y2] = ends(message);
    const [dx, dy] = [x2 - x1, y2 - y1];
    const along = Math.max(0, Math.min(1, ((px - x1) * dx + (py - y1) * dy) / (dx * dx + dy * dy || 1)));
    const distance = Math.hypot(px - x1 - along * dx, py - y1 - along * dy);
    if (distance < least) [best, least] = [message, distance];
  }
  return best;
}

function showTip(px, py) {
  const message = nearest(px, py);
  if (message !== seen.hovered) {
    seen.hovered = message;
    draw();
  }
  tip.hidden = message === null;
  if (!message) return;
  const [from, to] = [run.names[message.from], run.names[message.to]];
  const took = message.arrived === null ? "never arrives" : `arrives after ${((message.arrived - message.sent) * 1000).toFixed(2)} ms`;
  const lines = [`${message.sent.toFixed(4)} s: ${from} → ${to}, ${took}`, message.text];
  if (message.arrived !== null) {
    const [before, after] = around(message);
    lines.push(`${to} before: ${inWords(before)}`, `${to} after: ${inWords(after)}`);
  }
  tip.textContent = lines.join("\n");
  tip.style.left = `${Math.min(px + 14, canvas.clientWidth - tip.offsetWidth - 4)}px`;
  tip.style.top = `${py + 14}px`;
}
