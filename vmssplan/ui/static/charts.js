// Two charts over one time: who was in service against the floor, and what each instance did.
// One path a phase, however many instances, so that a thousand of them draw at once.

import { fill, h, s } from "./dom.js";
import { clockText, counted, spanText } from "./words.js";

const LEFT = 44;
const RIGHT = 12;
const CURVE = 96;
const GAP = 26;
const LANES = 420;
const DRAWN = ["operating", "awaiting", "ready", "failed"];

export class Charts {
  constructor(onTime) {
    this.svg = s("svg", { class: "charts", role: "img", "aria-label": "In service and instances over time" });
    this.cursor = s("line", { class: "cursor" });
    this.element = h("div", { class: "chart-frame" }, this.svg);
    this.svg.addEventListener("pointerdown", (event) => {
      this.svg.setPointerCapture(event.pointerId);
      onTime(this.timeAt(event));
    });
    this.svg.addEventListener("pointermove", (event) => {
      if (event.buttons & 1) onTime(this.timeAt(event));
    });
  }

  timeAt(event) {
    const box = this.svg.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / Math.max(box.width - LEFT - RIGHT, 1);
    return this.from + Math.min(Math.max(share, 0), 1) * (this.to - this.from);
  }

  /** Draw the whole course; `order` are the instance ids by line. */
  draw(course, order, floor) {
    this.from = course.startedAt ?? 0;
    this.to = Math.max(course.at ?? 0, this.from + 1000);
    const width = Math.max(this.element.clientWidth, 280);
    const lane = Math.min(Math.max(LANES / Math.max(order.length, 1), 0.5), 15);
    const lanes = lane * order.length;
    this.height = CURVE + GAP + lanes + 22;
    this.width = width;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    const lowest = Math.min(...course.series.map(([, count]) => count), course.total);
    this.svg.setAttribute("aria-label",
      `${counted(order.length, "instance")} over ${spanText(this.to - this.from)}; in service never below ${lowest} of ${course.total}, the floor is ${floor}.`);
    const x = (at) => LEFT + ((at - this.from) / (this.to - this.from)) * (width - LEFT - RIGHT);
    fill(this.svg, this.axis(x), this.curve(course, floor, x), this.lines(course, order, lane, x), this.cursor);
    this.x = x;
    this.cursor.setAttribute("y1", 6);
    this.cursor.setAttribute("y2", this.height - 18);
  }

  at(time) {
    if (!this.x) return;
    const x = this.x(Math.min(Math.max(time, this.from), this.to));
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
  }

  axis(x) {
    const group = s("g", { class: "axis" });
    for (const at of ticks(this.from, this.to, (this.width - LEFT - RIGHT) / 80)) {
      group.append(...[
        s("line", { x1: x(at), x2: x(at), y1: 8, y2: this.height - 18 }),
        x(at) < this.width - 28 && s("text", { x: x(at), y: this.height - 5, "text-anchor": "middle" }, clockText(at).slice(0, this.to - this.from < 300000 ? 8 : 5)),
      ].filter(Boolean));
    }
    return group;
  }

  curve(course, floor, x) {
    const values = course.series.map(([, count]) => count);
    const top = Math.max(course.total, ...values);
    const least = Math.min(floor, ...values);
    const bottom = Math.max(0, Math.floor(least - Math.max((top - least) * 0.35, 1)));
    const y = (count) => 12 + (1 - (count - bottom) / Math.max(top - bottom, 1)) * (CURVE - 16);
    let path = "";
    for (const [at, count] of course.series) path += path ? `H${x(at)}V${y(count)}` : `M${x(at)} ${y(count)}`;
    path += `H${x(course.at)}`;
    const label = (count, text, kind) => s("text", { class: kind, x: LEFT - 6, y: y(count) + 4, "text-anchor": "end" }, text);
    return s("g", { class: "curve" },
      s("path", { class: "under-floor", d: `M${LEFT} ${y(floor)}H${this.width - RIGHT}V${CURVE}H${LEFT}Z` }),
      s("path", { class: "area", d: `${path}V${CURVE}H${x(this.from)}Z` }),
      s("line", { class: "floor", x1: LEFT, x2: this.width - RIGHT, y1: y(floor), y2: y(floor) }),
      s("path", { class: "in-service", d: path }),
      label(top, String(top)), Math.abs(y(floor) - y(top)) > 12 && label(floor, String(floor), "floor-label"),
      s("text", { class: "caption", x: LEFT + 4, y: y(floor) + 13 }, `floor ${floor}`));
  }

  lines(course, order, lane, x) {
    const top = CURVE + GAP;
    const lines = new Map(order.map((id, index) => [id, top + index * lane + lane / 2]));
    const paths = new Map(DRAWN.map((phase) => [phase, []]));
    for (const { id, phase, from, to } of course.allSegments) {
      if (!lines.has(id) || !paths.has(phase)) continue;
      paths.get(phase).push(`M${x(from).toFixed(1)} ${lines.get(id).toFixed(2)}H${Math.max(x(to), x(from) + 1).toFixed(1)}`);
    }
    const thickness = Math.max(lane * (lane > 4 ? 0.68 : 0.96), 0.6);
    const group = s("g", { class: "lanes" });
    for (const [phase, parts] of paths) {
      const width = phase === "ready" ? thickness * 0.35 : thickness;
      group.append(s("path", { class: `stroke-${phase}`, d: parts.join(""), "stroke-width": width }));
    }
    const every = Math.ceil(11 / lane);
    order.forEach((id, index) => {
      if (index % every === 0 && (every === 1 || index + every <= order.length || index === 0)) {
        group.append(s("text", { x: LEFT - 6, y: lines.get(id) + 3.5, "text-anchor": "end" }, id.length > 6 ? `…${id.slice(-5)}` : id));
      }
    });
    return group;
  }
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((seconds) => seconds * 1000);

function ticks(from, to, most) {
  const step = STEPS.find((each) => (to - from) / each <= Math.max(most, 2)) || STEPS.at(-1);
  const found = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}
