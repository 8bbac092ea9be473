// Parts of the view of a Run: its legend, its steps, its events.

import { fill, h } from "./dom.js";
import { stepTitle } from "./replay.js";
import { PHASES, clockText, phaseWord, tally } from "./words.js";

const MOST_LINES = 400;

/** Draw how many instances are in each phase. */
export function legendOf(place, shown) {
  const counts = tally(shown, (one) => one.state);
  const seal = JSON.stringify([...counts]);
  if (place.seal === seal) return;
  place.seal = seal;
  fill(place, PHASES.filter((phase) => counts.has(phase)).map((phase) => h("li", { class: "chip", data: { state: phase } },
    h("span", { class: "glyph", data: { state: phase }, "aria-hidden": "true" }), h("b", {}, counts.get(phase).toLocaleString("en")), ` ${phaseWord(phase)}`)));
}

/** Draw the steps as they stand in the course. */
export function stepList(place, course) {
  const seal = JSON.stringify([course.isWayBack, course.step, course.awaited, [...course.done], [...course.gates], Boolean(course.outcome)]);
  if (place.seal === seal) return;
  place.seal = seal;
  fill(place, course.steps.map((step, index) => stepLine(step, index + 1, course)));
  const here = place.querySelector('[aria-current="step"]');
  const frame = place.parentElement;
  if (here) frame.scrollTop = here.offsetTop - frame.offsetTop - frame.clientHeight / 3;
}

function stepLine(step, number, course) {
  const isDone = course.done.has(number);
  const isHere = !isDone && course.step === number && !(course.outcome && course.outcome.isDone);
  const state = isDone ? "done" : isHere ? (course.awaited === number ? "waits" : "here") : "later";
  const word = { done: "done", here: course.outcome ? "stopped here" : "now", waits: "waits for approval", later: "to come" }[state];
  const gate = course.gates.get(number);
  const note = course.done.get(number);
  return h("li", { class: `step ${state}`, "aria-current": isHere ? "step" : null },
    h("span", { class: "step-title" }, stepTitle(step)), h("span", { class: "step-word" }, word),
    gate && h("span", { class: "under" }, `${gate.verdict}${gate.detail ? `: ${gate.detail}` : ""}`),
    note && h("span", { class: "under" }, note));
}

/** Draw the events up to that place, the last first. */
export function logLines(place, all, until, isDetailed) {
  const events = isDetailed ? all : all.filter((event) => event.level !== "debug");
  const position = isDetailed ? until : all.slice(0, until).filter((event) => event.level !== "debug").length;
  const from = Math.max(0, position - MOST_LINES);
  const seal = `${isDetailed}-${from}-${position}`;
  if (place.seal === seal) return;
  const isNext = place.seal && place.isDetailed === isDetailed && place.from === from && position > place.position;
  const line = (event) => h("li", { class: `level-${event.level || "info"}` }, h("time", { class: "mono quiet", datetime: event.at }, clockText(event.at)), ` ${event.text || event.type}`);
  if (isNext) place.prepend(...events.slice(place.position, position).map(line).reverse());
  else fill(place, events.slice(from, position).map(line).reverse(), from > 0 && h("li", { class: "quiet" }, `${from} earlier events: move the slider back to read them.`));
  Object.assign(place, { seal, from, position, isDetailed });
}
