// One scale set: its heat map, filters, selection, the details of an instance, and what can be
// done. Nothing is done here: every button opens a preview (`preview.js`).

import { follow, get, problemText, why } from "./api.js";
import { detailsOf } from "./details.js";
import { fill, h, notice, refill, onceAFrame, say } from "./dom.js";
import { HeatMap, placeText, rowsOf } from "./heatmap.js";
import { operations } from "./operations.js";
import { driftText, runAddress } from "./overview.js";
import { SetFilter } from "./set_filter.js";
import { clockText, counted, imageText, tally } from "./words.js";

const SETTLE_MILLISECONDS = 250;

export function scaleSetView(root, id, who) {
  const view = new ScaleSetView(root, id, who);
  view.start();
  return () => view.stop();
}

class ScaleSetView {
  constructor(root, id, who) {
    this.id = id;
    this.who = who;
    this.data = null;
    this.selected = new Set();
    this.shownId = null;
    this.pinnedId = null;
    this.map = new HeatMap({
      label: "Heat map of instances",
      onFocus: (one, isKept) => this.look(one, isKept),
      onSelect: (ids) => this.chose(ids),
      onOpen: () => this.details.focus(),
    });
    this.filter = new SetFilter(() => this.draw(), (isMeant) => {
      this.map.choose(this.data.instances.filter(isMeant).map((one) => one.instanceId));
    });
    this.bar = operations({ selection: () => this.selected, scaleSet: () => this.data, who });
    this.redraw = onceAFrame(() => this.draw());
    this.furnish(root);
  }

  furnish(root) {
    this.title = h("h1", {}, this.id.split("/").at(-1));
    this.subject = h("p", { class: "quiet subject" });
    this.model = h("dl", { class: "facts model" });
    this.banner = h("div", { class: "banners" });
    this.observed = h("span", { class: "quiet observed" });
    this.readout = h("p", { class: "readout", "aria-hidden": "true" });
    this.said = h("p", { class: "unseen", "aria-live": "polite" });
    this.details = h("section", { class: "details", tabindex: "-1", "aria-label": "Details of the instance" });
    this.started = h("section", { class: "started", "aria-label": "Started from this page" });
    this.trouble = h("p", { class: "trouble", role: "alert" });
    fill(root,
      h("div", { class: "headline" }, this.title, this.subject, this.observed),
      this.trouble, this.banner, this.model,
      h("section", { class: "map-panel", "aria-label": "Instances" },
        this.filter.element,
        h("div", { class: "split" },
          h("div", { class: "map-side" }, this.map.element, this.readout, this.bar.element), this.details)),
      this.said, this.started);
    fill(this.details, h("p", { class: "quiet" }, "Point at an instance, or move to it with the arrow keys, to see more of it. Space selects."));
  }

  start() {
    get("/api/scale-set", { id: this.id }).then((data) => this.took(data), (error) => {
      this.trouble.textContent = why(error);
    });
    get("/api/operations").then((work) => this.drawStarted(work.operations), () => {});
    this.closeStream = follow({ id: this.id }, {
      "scale-set": (data) => this.took(data),
      runs: (told) => this.drawBanners(told.runs || []),
      operations: (work) => this.drawStarted(work.operations || []),
    }, this.trouble);
  }

  stop() {
    clearTimeout(this.telling);
    this.closeStream();
  }

  took(data) {
    this.trouble.textContent = problemText(data.problem);
    if (!data.instances) return;
    this.data = data;
    this.redraw();
  }

  draw() {
    const { data } = this;
    if (!data) return;
    const place = [data.resourceGroup, data.location, data.orchestrationMode, counted(data.instances.length, "instance")];
    say(this.subject, place.filter(Boolean).join(" · "));
    say(this.observed, data.observedAt ? `seen ${clockText(data.observedAt)}` : "");
    this.drawModel();
    const rows = rowsOf(data.instances);
    this.filter.update(data.instances, rows);
    const shown = data.instances.map((one) => ({
      id: one.instanceId, label: label(one), state: one.state,
      isProtected: (one.states || []).includes("protected"), isDimmed: !this.filter.matches(one),
      zone: one.zone, updateDomain: one.updateDomain, faultDomain: one.faultDomain,
      placementGroup: one.placementGroup,
    }));
    this.map.update(shown, this.filter.rows);
    const present = new Set(shown.map((one) => one.id));
    const kept = [...this.selected].filter((id) => present.has(id));
    if (kept.length !== this.selected.size) this.selected = new Set(kept);
    this.map.select(this.selected);
    this.bar.update();
    this.showDetails();
  }

  drawModel() {
    const { data } = this;
    const seal = JSON.stringify([data.image, data.model && data.model.image, data.vmSize, data.drift, data.plans, data.counts]);
    if (seal === this.modelSeal) return;
    this.modelSeal = seal;
    const counts = data.counts || {};
    const facts = [
      ["Model image", h("span", { class: "mono" }, imageText((data.model && data.model.image) || data.image))],
      ["Size", data.vmSize || (data.model && data.model.vmSize)],
      ["In service", `${counts.inService ?? "?"} of ${counts.total ?? data.instances.length}`],
      ["Drift", data.drift && h("span", { class: "state-outdated" }, driftText(data.drift))],
      ["Plans", (data.plans || []).join(", ")],
    ];
    fill(this.model, facts.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  look(id, isKept) {
    if (isKept) this.pinnedId = id;
    const one = this.instance(id);
    if (!one) return;
    say(this.readout, [label(one) || id, (one.states || [one.state]).join(", "), placeText(one), imageText(one.image).split(":").at(-1)].filter(Boolean).join("  ·  "));
    if (isKept) this.showDetails();
  }

  instance(id) {
    return this.data && this.data.instances.find((one) => one.instanceId === id);
  }

  showDetails() {
    const one = this.pinnedId !== null && this.instance(this.pinnedId);
    if (!one) return;
    const seal = JSON.stringify(one);
    if (seal === this.detailsSeal) return;
    this.detailsSeal = seal;
    const isSame = this.told && this.told.instanceId === one.instanceId;
    refill(this.details, detailsOf({ ...one, ...(isSame ? this.told : {}) }));
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.tellMore(one), SETTLE_MILLISECONDS);
  }

  async tellMore(one) {
    try {
      this.told = await get("/api/instance", { id: this.id, instance: one.instanceId });
    } catch {
      return; // What the set tells of it is shown already.
    }
    if (this.pinnedId === one.instanceId) refill(this.details, detailsOf({ ...one, ...this.told }));
  }

  chose(ids) {
    this.selected = new Set(ids);
    this.bar.update();
    const chosen = this.data.instances.filter((one) => ids.has(one.instanceId));
    const states = [...tally(chosen, (one) => one.state)].map(([state, count]) => `${count} ${state}`);
    say(this.said, ids.size ? `${ids.size} selected: ${states.join(", ")}` : "Nothing selected");
  }

  drawBanners(runs) {
    const mine = runs.filter((run) => isOpen(run) && (run.target || "").toLowerCase() === this.id.toLowerCase());
    const seal = JSON.stringify(mine);
    if (seal === this.bannerSeal) return;
    this.bannerSeal = seal;
    refill(this.banner, mine.map((run) => h("p", { class: `banner ${run.waitingFor ? "waits" : ""}` },
      h("span", { class: "pulse", "aria-hidden": "true" }), `Run ${run.run}: ${run.waitingFor || run.word}. `,
      h("a", { href: runAddress(run.run) }, run.waitingFor ? "Decide" : "Watch"))));
  }

  drawStarted(work) {
    const seal = JSON.stringify(work);
    if (seal === this.workSeal) return;
    this.tellEnds(work);
    this.workSeal = seal;
    if (!work.length) return;
    const rows = work.map((one) => h("tr", { data: { operation: one.operation } },
      h("td", { class: one.exitCode ? "state-failed" : one.exitCode === 0 ? "good" : "state-operating" }, ended(one)),
      h("td", {}, h("code", {}, commandOf(one))),
      h("td", {}, one.run && h("a", { href: runAddress(one.run) }, one.run)),
      h("td", {}, one.output && h("details", { data: { key: one.operation } }, h("summary", {}, "output"), h("pre", { tabindex: "0" }, one.output)))));
    refill(this.started, h("h2", {}, "Started from this page"),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Operations" }, h("table", { class: "list" },
        h("thead", {}, h("tr", {}, ["State", "Command", "Run", "Output"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, rows))));
  }

  tellEnds(work) {
    this.known ??= new Map(work.map((one) => [one.operation, one]));
    for (const one of work) {
      const before = this.known.get(one.operation);
      const isOver = one.exitCode !== null && one.exitCode !== undefined;
      if (isOver && (!before || before.exitCode === null || before.exitCode === undefined)) {
        const tail = one.exitCode ? `: ${(one.output || "").trim().split("\n").at(-1)}` : "";
        notice(`${verbOf(one)} ${ended(one)}${tail}`, { kind: one.exitCode ? "error" : "good" });
      }
      this.known.set(one.operation, one);
    }
  }
}

/** Tell whether a Run may still do something by itself, or waits for people. */
function isOpen(run) {
  return !run.outcome || Boolean(run.waitingFor);
}

/** Uniform instances go by number; Flexible ones by name, of which the end tells most. */
function label(one) {
  const { instanceId } = one;
  if (/^\d+$/.test(instanceId)) return instanceId;
  const name = instanceId.slice(instanceId.lastIndexOf("_") + 1);
  return name.length > 12 ? `…${name.slice(-8)}` : name;
}

function ended(one) {
  if (one.exitCode === null || one.exitCode === undefined) return "at work";
  return one.exitCode === 0 ? "done" : `ended with ${one.exitCode}`;
}

function commandOf(one) {
  return Array.isArray(one.command) ? one.command.join(" ") : one.command;
}

function verbOf(one) {
  const words = commandOf(one).split(" ");
  const at = words.findIndex((word) => word.endsWith("vmssplan"));
  return words.slice(at + 1, at + 3).join(" ") || one.operation;
}
