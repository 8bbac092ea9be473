// A Run: live while it goes on, and the same view replayed with a slider once it is over, or
// anywhere before now. Everything shown is folded from the journal (`replay.js`).

import { follow, get, why } from "./api.js";
import { Charts } from "./charts.js";
import { fill, h, onceAFrame, say } from "./dom.js";
import { HeatMap, rowsOf } from "./heatmap.js";
import { setAddress } from "./overview.js";
import { Course, courseAfter } from "./replay.js";
import { legendOf, logLines, stepList } from "./run_parts.js";
import { Steering } from "./steering.js";
import { clockText, phaseWord, shortDigest, spanText } from "./words.js";

const FRAME_MILLISECONDS = 120;
const REPLAY_FRAMES = 160;

export function runView(root, run, who) {
  const view = new RunView(root, run, who);
  view.start();
  return () => view.stop();
}

class RunView {
  constructor(root, run, who) {
    this.run = run;
    this.data = null;
    this.cursor = null; // null follows the last event
    this.map = new HeatMap({ label: "Heat map of the Run", word: phaseWord });
    this.charts = new Charts((time) => this.goTo(time));
    this.steering = new Steering(run, who);
    this.redraw = onceAFrame(() => this.draw());
    this.resized = new ResizeObserver(() => this.drawCharts(true));
    this.furnish(root);
  }

  furnish(root) {
    this.state = h("span", { class: "badge", id: "run-state" });
    this.subject = h("p", { class: "quiet subject" });
    this.said = h("p", { class: "unseen", "aria-live": "polite" });
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.facts = h("dl", { class: "facts numbers" });
    this.slider = h("input", { type: "range", id: "replay", min: "0", max: "0", step: "1", value: "0", "aria-label": "Replay: event by event", oninput: () => this.moved(Number(this.slider.value)) });
    this.play = h("button", { type: "button", class: "play", onclick: () => this.togglePlay() }, "Play");
    this.live = h("button", { type: "button", "aria-pressed": "true", onclick: () => this.moved(this.data.events.length) }, "Live");
    this.moment = h("output", { class: "mono moment", for: "replay" });
    this.legend = h("ul", { class: "legend still" });
    this.steps = h("ol", { class: "steps" });
    this.log = h("ul", { class: "log" });
    this.detailed = h("input", { type: "checkbox", onchange: () => this.redraw() });
    fill(root,
      h("div", { class: "headline" }, h("h1", {}, `Run ${this.run}`), this.state, this.subject),
      this.trouble, this.steering.element, this.facts, this.said,
      h("section", { class: "replay", "aria-label": "Replay" }, this.play, this.slider, this.moment, this.live),
      h("section", { "aria-label": "Timeline" }, this.charts.element),
      h("div", { class: "split run-split" },
        h("section", { class: "map-panel", "aria-label": "Instances" }, this.legend, this.map.element),
        h("div", { class: "beside" },
          h("section", { "aria-label": "Steps" }, h("h2", {}, "Steps"), h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "List of steps" }, this.steps)),
          h("section", { "aria-label": "Events" },
            h("div", { class: "section-head" }, h("h2", {}, "Events"), h("label", { class: "check" }, this.detailed, " every detail")),
            h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "List of events" }, this.log)))));
  }

  async start() {
    try {
      this.data = opened(await get("/api/run", { name: this.run }));
    } catch (error) {
      this.trouble.textContent = why(error);
      return;
    }
    if (this.isGone) return;
    this.resized.observe(this.charts.element);
    this.redraw();
    this.closeStream = follow({ run: this.run, after: String(this.data.events.length - 1) }, {
      "run-event": (event) => this.took(event),
      "run-status": (status) => {
        this.data.status = status;
        this.redraw();
      },
    }, this.trouble);
  }

  stop() {
    this.isGone = true;
    clearInterval(this.timer);
    this.resized.disconnect();
    if (this.closeStream) this.closeStream();
  }

  took(event) {
    const { events } = this.data;
    if (event.number === events.length) events.push(flat(event));
    this.redraw();
  }

  get position() {
    return this.cursor ?? this.data.events.length;
  }

  moved(position) {
    this.cursor = position >= this.data.events.length ? null : Math.max(position, 1);
    this.redraw();
  }

  goTo(time) {
    const { events } = this.data;
    const next = events.findIndex((event) => Date.parse(event.at) > time);
    this.moved(next < 0 ? events.length : next);
  }

  togglePlay() {
    if (this.timer) {
      this.halt();
      return;
    }
    if (this.cursor === null) this.cursor = 1;
    const stride = Math.max(1, Math.round(this.data.events.length / REPLAY_FRAMES));
    this.timer = setInterval(() => {
      this.moved(this.position + stride);
      if (this.cursor === null) this.halt();
    }, FRAME_MILLISECONDS);
    this.play.textContent = "Pause replay";
  }

  halt() {
    clearInterval(this.timer);
    this.timer = 0;
    this.play.textContent = "Play";
  }

  draw() {
    const { events, rollout } = this.data;
    const course = courseAfter(rollout, events, this.position);
    this.drawCharts();
    this.drawReplay(course);
    this.drawState(course);
    const shown = [...course.instances.values()].map((one) => ({ ...one, id: one.instanceId, state: course.stateOf(one.instanceId) }));
    this.map.update(shown, rowsOf(shown)[0] || null);
    legendOf(this.legend, shown);
    stepList(this.steps, course);
    logLines(this.log, events, this.position, this.detailed.checked);
    this.steering.update(this.data, this.now);
  }

  drawCharts(isForced = false) {
    if (!this.data) return;
    const { events, rollout } = this.data;
    if (!isForced && this.drawn === events.length) return;
    this.drawn = events.length;
    this.now = new Course(rollout, { isRecording: true });
    for (const event of events) this.now.apply(event);
    this.charts.draw(this.now, orderOf(rollout, this.now), rollout.bounds.floor);
    if (isForced) this.placeCursor();
  }

  placeCursor() {
    const event = this.data.events[this.position - 1];
    if (event) this.charts.at(Date.parse(event.at));
  }

  drawReplay(course) {
    const { events } = this.data;
    this.slider.max = String(events.length);
    if (this.slider.value !== String(this.position)) this.slider.value = String(this.position);
    const last = events[this.position - 1];
    const text = last ? `${clockText(last.at)}, event ${this.position} of ${events.length}` : "not started";
    this.slider.setAttribute("aria-valuetext", last ? `${text}: ${last.text || last.type}` : text);
    say(this.moment, text);
    const isOver = Boolean(this.now.outcome);
    this.live.textContent = isOver ? "End" : "Live";
    this.live.setAttribute("aria-pressed", String(this.cursor === null));
    this.slider.disabled = events.length < 2;
    this.placeCursor();
    document.body.classList.toggle("replaying", this.cursor !== null);
    course.elapsed = last ? Date.parse(last.at) - course.startedAt : 0;
  }

  drawState(course) {
    const { status, rollout, target, digest } = this.data;
    const { text, kind } = stateText(course, status, this.cursor === null);
    say(this.state, text);
    this.state.className = `badge ${kind}`;
    const link = String(target || "");
    const seal = JSON.stringify([target, digest]);
    if (seal !== this.subjectSeal) {
      this.subjectSeal = seal;
      fill(this.subject, link && h("a", { href: setAddress(link) }, link.split("/").at(-1)), ` · ${rollout.strategy || ""} · `, h("code", { class: "digest", title: digest }, shortDigest(digest)));
    }
    const phases = [...course.instances.values()];
    const planned = phases.filter((one) => one.disposition === "upgrade").length;
    const ready = phases.filter((one) => one.phase === "ready").length;
    const facts = [
      ["In service", `${course.inService} of ${course.total}`], ["Floor", rollout.bounds.floor],
      [course.isWayBack ? "Brought back" : "Ready", `${ready} of ${planned}`],
      ["Step", `${course.step} of ${course.steps.length}`], ["Elapsed", spanText(course.elapsed)],
      ["Failed", phases.filter((one) => one.phase === "failed").length || null],
    ];
    fill(this.facts, facts.filter(([, value]) => value !== null).map(([name, value]) => h("div", { class: name === "Failed" ? "state-failed" : null }, h("dt", {}, name), h("dd", {}, String(value)))));
    if (this.cursor === null) say(this.said, `${text}. Step ${course.step} of ${course.steps.length}.`);
  }
}

/** Return the Run with its Rollout and its events as they are in the journal, with their words. */
function opened(answer) {
  return { ...answer, rollout: answer.rollout.rollout, events: answer.events.map(flat) };
}

function flat(line) {
  return { ...line.event, at: line.at, text: line.text, level: line["@level"] };
}

function stateText(course, status, isNow) {
  if (course.outcome) {
    const isDone = course.outcome.isDone;
    if (isDone && !course.isWayBack) return { text: "complete", kind: "good" };
    if (isDone) return { text: "rolled back", kind: "state-outdated" };
    return { text: `halted: ${course.outcome.text}`, kind: course.outcome.exitCode === 10 ? "state-awaiting" : "state-failed" };
  }
  const isLeft = isNow && status && status.isHeld === false;
  if (isLeft && !course.awaited) return { text: `${status.word}, carried out by nobody`, kind: "state-awaiting" };
  if (course.awaited) return { text: `waiting for approval of step ${course.awaited}`, kind: "state-awaiting" };
  if (course.held || (isNow && status && status.paused)) return { text: "paused", kind: "state-awaiting" };
  return { text: course.isWayBack ? "rolling back" : "in progress", kind: "state-operating" };
}

/** Return the ids by the order of their turn; those that have none are not drawn. */
function orderOf(rollout, course) {
  const order = [];
  for (const step of rollout.steps) order.push(...(step.type.startsWith("Upgrade") ? step.instanceIds : []));
  const known = new Set(order);
  for (const [id, one] of course.instances) if (!known.has(id) && one.phase !== "current" && one.phase !== "skipped") order.push(id);
  return order;
}
