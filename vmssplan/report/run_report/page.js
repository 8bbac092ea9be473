"use strict";
// Moves a finished Run back and forth: the map, the line in the chart, and what was said then.
(() => {
  const told = JSON.parse(document.getElementById("told").textContent);
  const cells = Array.from(document.querySelectorAll("[data-n]"));
  const slider = document.getElementById("at");
  const said = document.getElementById("said");
  const button = document.getElementById("play");
  const cursor = document.getElementById("cursor");
  const FRAME = 40, WHOLE = 20000;

  // The last entry [time, ...] that is not after `at`; null before the first.
  const upTo = (entries, at) => {
    let low = 0, high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (entries[middle][0] <= at) low = middle + 1; else high = middle;
    }
    return low ? entries[low - 1] : null;
  };
  const clock = (at) => {
    const written = new Date(told.start + at * 1000).toISOString().replace("T", " ");
    return written.slice(told.dated ? 5 : 11, 19);
  };

  const show = () => {
    const at = Number(slider.value) / 1000 * told.seconds;
    const counts = new Map();
    for (const cell of cells) {
      const standing = upTo(told.instances[Number(cell.dataset.n)], at);
      const kind = standing === null ? "absent" : told.kinds[standing[1]];
      if (cell.dataset.kind !== kind) {
        cell.dataset.kind = kind;
        cell.className = `cell ${kind}`;
        const state = standing === null ? "not there yet" : told.states[standing[1]];
        const symbol = standing === null ? "" : told.symbols[standing[1]];
        cell.textContent = told.named ? `${symbol} ${cell.dataset.id}` : symbol;
        cell.title = `${cell.dataset.id}: ${state}`;
        cell.setAttribute("aria-label", cell.title);
      }
      if (standing !== null) {
        const state = told.states[standing[1]];
        counts.set(state, (counts.get(state) || 0) + 1);
      }
    }
    const step = upTo(told.steps, at), line = upTo(told.lines, at);
    const serving = upTo(told.counts, at)[1];
    const states = Array.from(counts, ([state, count]) => `${count} ${state}`).join(", ");
    const where = step === null ? "" : step[1];
    slider.setAttribute("aria-valuetext", `${clock(at)}, ${serving} in service. ${where}`);
    said.textContent = "";
    for (const text of [
      `${clock(at)} UTC: ${serving} in service, the floor is ${told.floor}. ${states}.`,
      where,
      line === null ? "" : line[1],
    ]) {
      const part = document.createElement("div");
      part.textContent = text;
      said.append(part);
    }
    const x = told.left + (told.seconds ? at / told.seconds : 0) * told.wide;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
  };

  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  button.addEventListener("click", () => {
    if (timer !== null) { stop(); return; }
    if (Number(slider.value) >= 1000) slider.value = "0";
    button.textContent = "Stop";
    timer = setInterval(() => {
      slider.value = String(Number(slider.value) + 1000 * FRAME / WHOLE);
      show();
      if (Number(slider.value) >= 1000) stop();
    }, FRAME);
  });
  slider.addEventListener("input", () => { stop(); show(); });
  document.getElementById("replay").hidden = false;
  show();
})();
