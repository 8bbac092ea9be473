// The simulator's controls: its clock, faults while it runs, and moments to come back to.

import { get, post, why } from "./api.js";
import { ask } from "./asking.js";
import { fill, h, notice, refill, say } from "./dom.js";
import { clockText, counted } from "./words.js";

const SPEEDS = [1, 10, 60, 240, 1000];
const ADVANCES = [["1 min", 60], ["10 min", 600], ["1 h", 3600], ["1 day", 86400]];
const PRESETS = {
  "Never healthy": { match: { instanceIds: ["2"] }, effect: { neverHealthy: {} } },
  "Operation fails": { match: { operations: ["upgrade"] }, when: { times: 1 }, effect: { operationEnds: { status: "Failed", code: "InternalExecutionError", message: "An internal execution error occurred." } } },
  "No capacity": { match: { operations: ["upgrade", "reimage"], instanceIds: ["3"] }, effect: { allocationFailed: {} } },
  "Instance hangs": { match: { instanceIds: ["2"] }, effect: { stuck: {} } },
  "Slow instance": { match: { instanceIds: ["2"] }, effect: { slow: { factor: 10 } } },
  "Requests throttled": { match: { operations: ["upgrade"] }, when: { times: 2 }, effect: { throttle: { retryAfter: "PT30S" } } },
  "Zone outage": { match: { zones: ["1"] }, effect: { outage: { at: "PT1M", for: "PT30M" } } },
};

export function simulatorView(root, who) {
  if (who.service.kind !== "simulator") {
    fill(root, h("h1", {}, "Simulator"), h("p", {}, "This page serves ", who.service.name, ", not a simulator."));
    return () => {};
  }
  const view = new SimulatorView(root, who);
  const listener = (event) => view.took(event.detail);
  document.addEventListener("simulator", listener);
  get("/api/simulator").then((world) => view.took(world), (error) => say(view.trouble, why(error)));
  return () => document.removeEventListener("simulator", listener);
}

class SimulatorView {
  constructor(root, who) {
    this.mayChange = !who.readOnly;
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.now = h("p", { class: "big mono" });
    this.pace = h("p", { class: "quiet" });
    this.faults = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "List of faults" });
    this.checkpoints = h("div", {});
    fill(root,
      h("div", { class: "headline" }, h("h1", {}, "Simulator")), this.trouble,
      h("section", { class: "panel", "aria-label": "Clock" }, h("h2", {}, "Clock"), this.now, this.pace, this.mayChange && this.clockTools()),
      h("section", { class: "panel", "aria-label": "Faults" }, h("h2", {}, "Faults"), this.faults, this.mayChange && this.faultForm()),
      h("section", { class: "panel", "aria-label": "Checkpoints" }, h("h2", {}, "Checkpoints"), this.checkpoints, this.mayChange && this.checkpointForm()));
  }

  clockTools() {
    const speeds = [["Stand still", { mode: "manual" }], ...SPEEDS.map((speed) => [`${speed}×`, { speed }])];
    this.paceButtons = speeds.map(([text, body]) => h("button", { type: "button", "aria-pressed": "false", data: { speed: String(body.speed || 0) }, onclick: () => this.send("clock", body) }, text));
    this.advanceButtons = ADVANCES.map(([text, seconds]) => h("button", { type: "button", onclick: () => this.send("clock", { seconds }) }, `+ ${text}`));
    this.advanceButtons.push(h("button", { type: "button", onclick: () => this.send("clock", { next: true }) }, "Next event"));
    return [
      h("div", { class: "tools", role: "group", "aria-label": "Speed" }, this.paceButtons),
      h("div", { class: "tools", role: "group", "aria-label": "Move time on" }, this.advanceButtons),
    ];
  }

  faultForm() {
    const name = h("input", { type: "text", name: "name", autocomplete: "off", placeholder: "a name for it" });
    const rule = h("textarea", { name: "rule", rows: "3", spellcheck: "false" });
    const preset = h("select", { onchange: () => {
      rule.value = JSON.stringify(PRESETS[preset.value], null, 1).replaceAll(/\n\s*/g, " ");
      name.value = `${preset.value.toLowerCase()} ${Date.now() % 1000}`;
    } }, Object.keys(PRESETS).map((text) => h("option", { value: text }, text)));
    preset.dispatchEvent(new Event("change"));
    const add = async () => {
      let document;
      try {
        document = { name: name.value.trim(), ...JSON.parse(rule.value) };
      } catch (error) {
        notice(`The rule is not JSON: ${error.message}`, { kind: "error" });
        return;
      }
      if (!await this.send("faults", document)) return;
      notice(`Fault added: ${document.name}.`, { kind: "good" });
      preset.dispatchEvent(new Event("change"));
    };
    return h("form", { class: "options", onsubmit: (event) => { event.preventDefault(); add(); } },
      h("label", { class: "field" }, h("span", {}, "Kind"), preset),
      h("label", { class: "field wide" }, h("span", {}, "Name"), name),
      h("label", { class: "field full" }, h("span", {}, "Rule, as scenarios write it (JSON)"), rule),
      h("button", { type: "submit" }, "Add the fault"));
  }

  checkpointForm() {
    const name = h("input", { type: "text", name: "checkpoint", autocomplete: "off", placeholder: "before-upgrade" });
    return h("form", { class: "options", onsubmit: async (event) => {
      event.preventDefault();
      if (name.value.trim() && await this.send("checkpoint", { name: name.value.trim() })) name.value = "";
    } }, h("label", { class: "field" }, h("span", {}, "Name"), name), h("button", { type: "submit" }, "Keep this moment"));
  }

  async send(what, body) {
    try {
      await post(`/api/simulator/${what}`, body);
      this.took(await get("/api/simulator"));
      this.trouble.textContent = "";
      return true;
    } catch (error) {
      notice(why(error), { kind: "error" });
      return false;
    }
  }

  took(world) {
    if (!world) return;
    const { clock } = world;
    say(this.now, clockText(clock.now, true));
    const next = clock.nextEventAt ? `; the next event is at ${clockText(clock.nextEventAt)}` : "";
    say(this.pace, clock.speed ? `${clock.speed} times as fast as the wall clock${next}` : `stands still, and is moved by its clients${next}`);
    for (const button of this.paceButtons || []) button.setAttribute("aria-pressed", String(button.dataset.speed === String(clock.speed || 0)));
    for (const button of this.advanceButtons || []) button.disabled = Boolean(clock.speed);
    this.drawFaults(world.faults || []);
    this.drawCheckpoints(world.checkpoints || []);
  }

  drawFaults(faults) {
    const seal = JSON.stringify(faults);
    if (seal === this.faultSeal) return;
    this.faultSeal = seal;
    if (!faults.length) {
      refill(this.faults, h("p", { class: "quiet" }, "None: everything works."));
      return;
    }
    const heads = ["Name", "Matches", "Effect", "Met", ...(this.mayChange ? ["Remove"] : [])];
    refill(this.faults, h("table", { class: "list" },
      h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, faults.map((fault) => h("tr", {},
        h("th", { scope: "row" }, fault.name),
        h("td", { class: "mono" }, inline(fault.match)), h("td", { class: "mono" }, inline(fault.effect)),
        h("td", {}, `${fault.applied ?? 0} of ${counted(fault.matched ?? 0, "match").replace("matchs", "matches")}`),
        this.mayChange && h("td", {}, h("button", { type: "button", class: "plain", "aria-label": `Remove the fault ${fault.name}`, onclick: () => this.send("faults", { delete: fault.name }) }, "Remove")))))));
  }

  drawCheckpoints(checkpoints) {
    const seal = JSON.stringify(checkpoints);
    if (seal === this.checkpointSeal) return;
    this.checkpointSeal = seal;
    if (!checkpoints.length) {
      fill(this.checkpoints, h("p", { class: "quiet" }, "None yet."));
      return;
    }
    fill(this.checkpoints, h("ul", { class: "lines" }, checkpoints.map((one) => h("li", {},
      h("b", {}, one.name), ` at ${clockText(one.now, true)} `,
      this.mayChange && h("button", { type: "button", class: "plain", "aria-label": `Restore the checkpoint ${one.name}`, onclick: () => this.restore(one) }, "Restore…")))));
  }

  async restore(one) {
    const answer = await ask({
      title: "Restore a checkpoint",
      body: h("p", {}, `The whole world goes back to ${one.name}, at ${clockText(one.now, true)}. Runs that are going on will find another world.`),
      confirm: `Restore ${one.name}`, isGrave: true,
    });
    if (answer !== null && await this.send("restore", { name: one.name })) notice(`Restored: ${one.name}.`, { kind: "good" });
  }
}

function inline(document) {
  return document ? JSON.stringify(document).replaceAll('"', "").replace(/^\{|\}$/g, "") : "everything";
}
