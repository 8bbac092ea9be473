// What of a map stands out: by state, by domain, by id. What does not match is dimmed and stays
// where it is, because places are what people remember.

import { fill, h } from "./dom.js";
import { shortName } from "./heatmap.js";
import { STATES, byName, idFilter, tally } from "./words.js";

const DOMAINS = [
  { key: "zone", text: "Zone" },
  { key: "updateDomain", text: "Update domain" },
  { key: "faultDomain", text: "Fault domain" },
  { key: "placementGroup", text: "Placement group" },
];

export class SetFilter {
  /** `onSelect` is given the test that instances pass which stand out. */
  constructor(onChange, onSelect) {
    this.onChange = onChange;
    this.states = new Set();
    this.wanted = new Map();
    this.isMeant = null;
    this.rowsKey = null;
    this.legend = h("div", { class: "legend", role: "group", "aria-label": "Show only these states" });
    this.domains = h("div", { class: "domains" });
    this.ids = h("input", {
      type: "search", id: "filter-ids", placeholder: "3, 10-14", autocomplete: "off", spellcheck: "false",
      oninput: () => {
        this.isMeant = idFilter(this.ids.value);
        onChange();
      },
    });
    this.choose = h("button", { type: "button", hidden: true, onclick: () => onSelect((one) => this.matches(one)) }, "Select these");
    const ids = h("label", { class: "field" }, h("span", {}, "Ids"), this.ids);
    this.element = h("div", { class: "filters", role: "group", "aria-label": "Filter" }, this.legend, h("div", { class: "fields" }, this.domains, ids, this.choose));
  }

  get rows() {
    return this.choices.find((one) => one.key === this.rowsKey) || this.choices[0] || null;
  }

  update(instances, rows) {
    this.choices = rows;
    this.drawLegend(instances);
    this.drawDomains(instances, rows);
    this.choose.hidden = !this.isOn;
    this.choose.textContent = `Select these ${instances.filter((one) => this.matches(one)).length.toLocaleString("en")}`;
  }

  drawLegend(instances) {
    const counts = tally(instances.flatMap((one) => wordsOf(one)), (word) => word);
    const states = [...STATES.filter((state) => counts.has(state)), ...[...counts.keys()].filter((state) => !STATES.includes(state))];
    const seal = JSON.stringify([states.map((state) => [state, counts.get(state)]), [...this.states]]);
    if (seal === this.legendSeal) return;
    const shape = states.join();
    if (shape !== this.legendShape) {
      this.legendShape = shape;
      fill(this.legend, states.map((state) => h("button", {
        type: "button", class: "chip", "aria-pressed": "false", data: { state }, onclick: () => this.toggle(state),
      }, h("span", { class: `glyph ${state === "protected" ? "protected" : ""}`, data: { state }, "aria-hidden": "true" }), h("b", {}), ` ${state}`)));
    }
    for (const chip of this.legend.children) {
      chip.setAttribute("aria-pressed", String(this.states.has(chip.dataset.state)));
      chip.querySelector("b").textContent = counts.get(chip.dataset.state).toLocaleString("en");
    }
    this.legendSeal = seal;
  }

  toggle(state) {
    if (!this.states.delete(state)) this.states.add(state);
    this.onChange();
  }

  drawDomains(instances, rows) {
    const present = DOMAINS
      .map((one) => ({ ...one, names: namesOf(instances, one.key) }))
      .filter(({ names }) => names.length > 1);
    const seal = JSON.stringify([present, rows]);
    if (seal === this.domainSeal) return;
    this.domainSeal = seal;
    fill(this.domains,
      present.map(({ key, text, names }) => choice(text, ["any", ...names], this.wanted.get(key) || "any", (value) => {
        this.wanted.set(key, value);
        this.onChange();
      })),
      rows.length > 1 && choice("Rows", rows.map((one) => one.long), this.rows.long, (value) => {
        this.rowsKey = rows.find((one) => one.long === value).key;
        this.onChange();
      }));
  }

  matches(one) {
    const words = wordsOf(one);
    if (this.states.size && !words.some((word) => this.states.has(word))) return false;
    for (const [key, value] of this.wanted) {
      if (value !== "any" && String(one[key]) !== value) return false;
    }
    return !this.isMeant || this.isMeant(one.instanceId);
  }

  get isOn() {
    return this.states.size > 0 || this.isMeant !== null || [...this.wanted.values()].some((value) => value !== "any");
  }
}

/** Return all that is true of an instance; one may be unhealthy and outdated at once. */
export function wordsOf(one) {
  return one.states && one.states.length ? one.states : [one.state];
}

function namesOf(instances, key) {
  const values = instances.map((one) => one[key]).filter((value) => value !== null && value !== undefined && value !== "");
  return [...new Set(values.map(String))].sort(byName);
}

function choice(text, values, chosen, onChoice) {
  const select = h("select", { onchange: () => onChoice(select.value) }, values.map((value) => h("option", { value, selected: value === chosen }, shortName(value))));
  return h("label", { class: "field" }, h("span", {}, text), select);
}

