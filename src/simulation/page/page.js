// What a person does to the page.

const byId = (id) => document.getElementById(id);

function look(from, length) {
  seen.length = Math.max(1e-4, Math.min(length, run.end * 1.02 || 1));
  seen.from = Math.max(-seen.length * 0.02, Math.min(from, run.end - seen.length * 0.5));
  draw();
}

/** Closer (less than 1) or farther, with the time at `px` where it is. */
function zoom(factor, px) {
  const at = timeOf(px);
  const length = Math.max(1e-4, Math.min(seen.length * factor, run.end * 1.02 || 1));
  look(at - ((px - LEFT) / (canvas.clientWidth - LEFT - 8)) * length, length);
}

function goTo(at) {
  seen.now = Math.max(0, Math.min(at, run.end));
  if (seen.now < seen.from || seen.now > seen.from + seen.length) look(seen.now - seen.length / 2, seen.length);
  else draw();
  showTime();
}

let playing = null;

function play(begin) {
  playing = begin ? { clock: performance.now() } : null;
  byId("play").textContent = begin ? "Pause" : "Play";
  if (begin) requestAnimationFrame(tick);
}

function tick(clock) {
  if (!playing) return;
  const passed = ((clock - playing.clock) / 1000) * Number(byId("speed").value);
  playing.clock = clock;
  goTo(seen.now + Math.max(0, passed));
  if (seen.now >= run.end) play(false);
  else requestAnimationFrame(tick);
}

function listen() {
  byId("play").addEventListener("click", () => {
    if (!playing && seen.now >= run.end) goTo(0);
    play(!playing);
  });
  byId("closer").addEventListener("click", () => zoom(0.5, x(seen.now)));
  byId("farther").addEventListener("click", () => zoom(2, x(seen.now)));
  byId("whole").addEventListener("click", () => look(0, run.end));
  byId("time").max = run.end;
  byId("time").addEventListener("input", (event) => goTo(Number(event.target.value)));
  byId("broke").hidden = run.broken === null;
  byId("broke").addEventListener("click", () => {
    goTo(run.end);
    look(run.end - Math.min(0.2, run.end), Math.min(0.22, run.end));
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    if (event.shiftKey) look(seen.from + (event.deltaY / 800) * seen.length, seen.length);
    else zoom(event.deltaY < 0 ? 0.8 : 1.25, event.offsetX);
  }, { passive: false });
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { px: event.offsetX, from: seen.from, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) return showTip(event.offsetX, event.offsetY);
    const by = event.offsetX - drag.px;
    drag.moved ||= Math.abs(by) > 3;
    if (drag.moved) look(drag.from - (by / (canvas.clientWidth - LEFT - 8)) * seen.length, seen.length);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) goTo(timeOf(event.offsetX));
    drag = null;
  });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("keydown", (event) => {
    const step = seen.length / 20;
    const keys = {
      ArrowLeft: () => goTo(seen.now - step),
      ArrowRight: () => goTo(seen.now + step),
      "+": () => zoom(0.5, x(seen.now)),
      "-": () => zoom(2, x(seen.now)),
      Home: () => goTo(0),
      End: () => goTo(run.end),
      " ": () => byId("play").click(),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  new ResizeObserver(draw).observe(canvas.parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function showVerbs() {
  for (const [verb, count] of [...verbs].sort()) {
    const label = make("label", "", byId("verbs"));
    const box = make("input", "", label);
    box.type = "checkbox";
    box.checked = shown.has(verb);
    label.append(` ${verb} (${count})`);
    box.addEventListener("change", () => {
      if (box.checked) shown.add(verb);
      else shown.delete(verb);
      draw();
    });
  }
}

showVerdict();
showVerbs();
listen();
const lastFault = Math.max(...run.faults.map((fault) => fault.until ?? fault.at));
look(0, run.broken || run.faults.length === 0 ? run.end : Math.min(run.end, lastFault * 1.25));
goTo(run.broken ? run.end : 0);
