// The space-time diagram: time goes to the right, each peer is a line, each message an arrow.

const canvas = document.getElementById("picture");
const pen = canvas.getContext("2d");
const LEFT = 74;
const TOP = 34;
const ROW = Math.max(54, Math.min(110, 560 / run.names.length));
const HEIGHT = TOP + ROW * run.names.length + 6;

/** What is seen: from `from` on, `length` seconds. `now`: the time that is looked at. */
const seen = { from: 0, length: Math.max(run.end, 0.001), now: 0, hovered: null };

const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();
const ROLES = { leads: "leads", member: "member", elects: "elects", promised: "elects", proposes: "elects", learns: "learns", seeks: "seeks", starts: "seeks" };

const x = (at) => LEFT + ((at - seen.from) / seen.length) * (canvas.clientWidth - LEFT - 8);
const y = (host) => TOP + ROW * (host + 0.4);
const timeOf = (px) => seen.from + ((px - LEFT) / (canvas.clientWidth - LEFT - 8)) * seen.length;

/** A colour for each term, so that those of one view have the same. */
function ofTerm(term) {
  let hash = 7;
  for (const letter of term) hash = (hash * 31 + letter.charCodeAt(0)) % 3600;
  return `hsl(${(hash * 47) % 360} 60% 55%)`;
}

function draw() {
  const width = canvas.clientWidth;
  const scale = window.devicePixelRatio || 1;
  canvas.style.height = `${HEIGHT}px`;
  canvas.width = width * scale;
  canvas.height = HEIGHT * scale;
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, HEIGHT);
  pen.font = "12px system-ui, sans-serif";
  pen.save();
  pen.beginPath();
  pen.rect(LEFT, 0, width - LEFT, HEIGHT);
  pen.clip();
  drawTimes(width);
  run.faults.forEach(drawFault);
  run.names.forEach((_, host) => drawHost(host, width));
  for (const message of visible()) drawMessage(message);
  run.lines.forEach((line) => drawDot(line));
  drawLine(seen.now, colour("text"), 1);
  if (run.broken) drawLine(run.end, colour("broken"), 2);
  pen.restore();
  pen.fillStyle = colour("text");
  pen.font = "600 13px system-ui, sans-serif";
  run.names.forEach((name, host) => pen.fillText(name, 10, y(host) + 4));
}

function drawTimes(width) {
  const wanted = (seen.length / width) * 110;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= wanted);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  pen.strokeStyle = colour("line");
  pen.fillStyle = colour("muted");
  pen.lineWidth = 0.5;
  for (let n = Math.ceil(seen.from / step); n * step <= seen.from + seen.length; n += 1) {
    drawStroke(x(n * step), 16, x(n * step), HEIGHT);
    pen.fillText(`${(n * step).toFixed(digits)} s`, x(n * step) + 3, 12);
  }
}

function drawStroke(x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function drawLine(at, strokeStyle, lineWidth) {
  Object.assign(pen, { strokeStyle, lineWidth });
  drawStroke(x(at), 16, x(at), HEIGHT);
}

/** Cuts and pauses are bands, everything else is a mark. */
function drawFault(fault) {
  const [from, to] = [x(fault.at), x(fault.until ?? fault.at)];
  pen.fillStyle = colour("shade");
  if (fault.until && fault.sides) {
    const first = fault.sides[0];
    fault.sides.forEach((side, host) => {
      pen.globalAlpha = side === first ? 0.6 : 1.4;
      pen.fillRect(from, y(host) - ROW * 0.4, to - from, ROW);
    });
    pen.globalAlpha = 1;
  } else if (fault.until && fault.host !== null) {
    pen.fillRect(from, y(fault.host) - ROW * 0.4, to - from, ROW);
  }
  pen.fillStyle = colour("broken");
  const row = fault.host === null ? 22 : y(fault.host) - ROW * 0.26;
  pen.fillText(`▾ ${fault.text}`, from - 4, row + 6);
}

/** The role as a thick line, the term below it, and how much of the readings is in the files. */
function drawHost(host, width) {
  const known = states[host];
  const first = Math.max(0, lastUpTo(known, seen.from));
  const most = Math.max(1, ...run.names.map((_, other) => states[other].at(-1)?.taken ?? 0)) * run.names.length;
  for (let n = first; n < known.length && known[n].at <= seen.from + seen.length; n += 1) {
    const [state, from] = [known[n], x(known[n].at)];
    const to = Math.min(width, x(known[n + 1]?.at ?? run.end));
    if (state.is === "down") {
      pen.setLineDash([2, 5]);
      Object.assign(pen, { strokeStyle: colour("line"), lineWidth: 1 });
      drawStroke(from, y(host), to, y(host));
      pen.setLineDash([]);
      continue;
    }
    pen.fillStyle = colour(ROLES[state.is] ?? "seeks");
    pen.fillRect(from, y(host) - 3, Math.max(to - from, 1), 6);
    if (state.term) {
      pen.fillStyle = ofTerm(state.term);
      pen.fillRect(from, y(host) + 5, Math.max(to - from, 1), 3);
    }
    const room = ROW * 0.3;
    pen.globalAlpha = 0.3;
    pen.fillStyle = colour("elects");
    const log = Math.min(1, state.log / most) * room;
    pen.fillRect(from, y(host) + 10 + room - log, Math.max(to - from, 1), log);
    pen.fillStyle = colour("member");
    const delivered = Math.min(1, state.delivered / most) * room;
    pen.fillRect(from, y(host) + 10 + room - delivered, Math.max(to - from, 1), delivered);
    pen.globalAlpha = 1;
  }
}

/** Messages of the chosen verbs in the time that is seen. */
function visible() {
  const to = seen.from + seen.length;
  const inSight = (message) => message.sent <= to && (message.arrived ?? message.sent) >= seen.from;
  return run.messages.filter((message) => shown.has(message.verb) && inSight(message));
}

/** Where a lost message ends: half way. */
function ends(message) {
  const [x1, y1] = [x(message.sent), y(message.from)];
  const arrived = message.arrived !== null;
  const x2 = arrived ? x(message.arrived) : x1 + 12;
  const y2 = arrived ? y(message.to) : (y1 + y(message.to)) / 2;
  return [x1, y1, x2, y2];
}

function drawMessage(message) {
  const [x1, y1, x2, y2] = ends(message);
  const isHovered = message === seen.hovered;
  const strokeStyle = message.arrived === null ? colour("broken") : colour(isHovered ? "text" : "muted");
  Object.assign(pen, { strokeStyle, fillStyle: strokeStyle, lineWidth: isHovered ? 2 : 0.8 });
  pen.setLineDash(message.way === "datagram" ? [4, 3] : message.way === "question" ? [1, 2] : []);
  drawStroke(x1, y1, x2, y2);
  pen.setLineDash([]);
  if (message.arrived === null) {
    pen.fillText("×", x2 - 3, y2 + 4);
    return;
  }
  const turn = Math.atan2(y2 - y1, x2 - x1);
  pen.beginPath();
  pen.moveTo(x2, y2);
  for (const side of [-0.4, 0.4]) pen.lineTo(x2 - 7 * Math.cos(turn + side), y2 - 7 * Math.sin(turn + side));
  pen.fill();
}

function drawDot(line) {
  pen.fillStyle = colour("text");
  pen.beginPath();
  pen.arc(x(line.at), y(line.host) - 7, 2, 0, 7);
  pen.fill();
}
