// The heat map: one mark an instance, in the grid of the failure boundaries of its set. Shape and
// colour both tell the state. Marks are kept from one look to the next and only what changed is
// written, so that a thousand instances stay calm while a Run goes through them.

import { fill, h } from "./dom.js";
import { byName, tally } from "./words.js";

const NAMED_UP_TO = 240;
const ROOMY_UP_TO = 60;

/** What the rows of a map can be; the first that tells instances apart is taken. */
export const ROWS = [
  { key: "zone", long: "zone", short: "zone" },
  { key: "updateDomain", long: "update domain", short: "UD" },
  { key: "placementGroup", long: "placement group", short: "group" },
];
const COLUMN = { key: "faultDomain", long: "fault domain", short: "FD" };

/** Return the rows that this set can be drawn in. */
export function rowsOf(instances) {
  return ROWS.filter(({ key }) => {
    const least = key === "placementGroup" ? 2 : 1;
    return new Set(instances.map((one) => one[key]).filter(present)).size >= least;
  });
}

function present(value) {
  return value !== null && value !== undefined && value !== "";
}

/** Return where an instance is, in words. */
export function placeText(one) {
  return [...ROWS, COLUMN]
    .filter(({ key }) => present(one[key]))
    .map(({ key, short }) => `${short} ${shortName(one[key])}`)
    .join(", ");
}

/** Return the name of a domain; placement groups have long ones that begin differently. */
export function shortName(name) {
  const text = String(name);
  return text.length > 12 ? `${text.slice(0, 8)}…` : text;
}

/**
 * A map of instances. With `onFocus` and `onSelect` its marks are check boxes that arrows move
 * through; without, it is a picture with a summary in words for each place.
 */
export class HeatMap {
  constructor({ label, word = (state) => state, onFocus = null, onSelect = null, onOpen = null }) {
    this.word = word;
    this.onFocus = onFocus;
    this.onSelect = onSelect;
    this.onOpen = onOpen;
    this.marks = new Map();
    this.instances = new Map();
    this.selected = new Set();
    this.shape = "";
    this.anchor = null;
    this.table = h("table", { class: onSelect ? "map" : "map picture", "aria-label": label });
    this.element = h("div", onSelect
      ? { class: "map-frame" }
      : { class: "map-frame", tabindex: "0", role: "region", "aria-label": label }, this.table);
    if (onSelect) {
      this.table.addEventListener("click", (event) => this.clicked(event));
      this.table.addEventListener("keydown", (event) => this.pressed(event));
      this.table.addEventListener("focusin", (event) => this.focused(event));
      this.table.addEventListener("pointerover", (event) => this.pointed(event));
    }
  }

  /** Show these instances, each `{id, state, isProtected, isDimmed}` and its domains. */
  update(instances, rows = rowsOf(instances)[0] || null) {
    const columns = instances.some((one) => present(one[COLUMN.key])) ? COLUMN : null;
    const ordered = [...instances].sort((one, other) => byName(one.id, other.id));
    const shape = JSON.stringify([
      rows && rows.key, columns && columns.key,
      ordered.map((one) => [one.id, rows && one[rows.key], columns && one[columns.key]]),
    ]);
    this.instances = new Map(ordered.map((one) => [one.id, one]));
    if (shape !== this.shape) this.build(ordered, rows, columns);
    this.shape = shape;
    for (const one of ordered) this.paint(one);
    this.summarise();
  }

  build(ordered, rows, columns) {
    const active = document.activeElement && document.activeElement.dataset.id;
    const had = this.table.contains(document.activeElement);
    this.marks.clear();
    this.places = [];
    const density = ordered.length <= ROOMY_UP_TO ? "roomy" : ordered.length <= NAMED_UP_TO ? "named" : "dense";
    this.table.dataset.density = density;
    this.table.dataset.plain = String(!rows && !columns);
    const rowNames = names(ordered, rows);
    const columnNames = names(ordered, columns);
    const head = columns && h("thead", {}, h("tr", {},
      rows && h("td", { class: "corner" }),
      columnNames.map((name) => this.header(columns, name, "col", ordered))));
    const body = h("tbody", {}, rowNames.map((row) => h("tr", {},
      rows && this.header(rows, row, "row", ordered),
      columnNames.map((column) => this.place(
        ordered.filter((one) => nameOf(one, rows) === row && nameOf(one, columns) === column),
        [rows && `${rows.long} ${row}`, columns && `${columns.long} ${column}`].filter(Boolean).join(", "),
      )))));
    fill(this.table, head, body);
    const first = this.marks.get(active) || this.marks.values().next().value;
    if (first && this.onSelect) first.tabIndex = 0;
    if (had && this.marks.has(active)) first.focus();
  }

  header(dimension, name, scope, ordered) {
    const members = ordered.filter((one) => nameOf(one, dimension) === name).map((one) => one.id);
    const text = `${dimension.short} ${shortName(name)}`;
    const count = h("span", { class: "count" }, String(members.length));
    if (!this.onSelect) return h("th", { scope }, text, count);
    const choose = h("button", {
      type: "button", class: "domain", data: { domain: `${dimension.key} ${name}` },
      onclick: () => this.toggleAll(members),
    }, text, " ", count, h("span", { class: "unseen" }, `select ${dimension.long} ${name}`));
    return h("th", { scope }, choose);
  }

  place(members, text) {
    const summary = this.onSelect ? null : h("span", { class: "unseen" });
    const marks = members.map((one) => this.mark(one));
    this.places.push({ members: members.map((one) => one.id), summary });
    const group = this.onSelect && text ? { role: "group", "aria-label": text } : {};
    return h("td", {}, members.length > 0 && h("div", { class: "marks", ...group }, summary, marks));
  }

  mark(one) {
    const name = h("span", { class: "name" }, one.label || one.id);
    const mark = this.onSelect
      ? h("button", { type: "button", class: "mark", role: "checkbox", tabindex: "-1", "aria-checked": "false", data: { id: one.id } }, name)
      : h("span", { class: "mark", "aria-hidden": "true", data: { id: one.id } }, name);
    this.marks.set(one.id, mark);
    return mark;
  }

  paint(one) {
    const mark = this.marks.get(one.id);
    const text = [
      `Instance ${one.label && one.label !== one.id ? `${one.label} ` : ""}${one.id}`, this.word(one.state),
      one.isProtected && "protected", placeText(one),
    ].filter(Boolean).join(", ");
    const seal = `${one.state}|${one.isProtected}|${one.isDimmed}|${text}`;
    if (mark.seal === seal) return;
    mark.seal = seal;
    mark.dataset.state = one.state;
    mark.classList.toggle("protected", Boolean(one.isProtected));
    mark.classList.toggle("dimmed", Boolean(one.isDimmed));
    if (this.onSelect) mark.setAttribute("aria-label", text);
    else mark.title = text;
  }

  summarise() {
    for (const { members, summary } of this.places || []) {
      if (!summary) continue;
      const counts = tally(members, (id) => this.word(this.instances.get(id).state));
      const text = [...counts].map(([state, count]) => `${count} ${state}`).join(", ");
      if (summary.textContent !== text) summary.textContent = text;
    }
  }

  /** Make these the selected ones, and no others. */
  select(ids) {
    const wanted = new Set([...ids].filter((id) => this.marks.has(id)));
    for (const [id, mark] of this.marks) {
      const checked = String(wanted.has(id));
      if (mark.getAttribute("aria-checked") !== checked) mark.setAttribute("aria-checked", checked);
    }
    this.selected = wanted;
  }

  choose(ids) {
    this.select(ids);
    this.onSelect(this.selected);
  }

  toggleAll(ids) {
    const areAll = ids.every((id) => this.selected.has(id));
    const others = [...this.selected].filter((id) => !ids.includes(id));
    this.choose(areAll ? others : [...others, ...ids]);
  }

  range(from, to) {
    const ids = [...this.marks.keys()];
    const ends = [ids.indexOf(from), ids.indexOf(to)].sort((one, other) => one - other);
    return ends[0] < 0 ? [to] : ids.slice(ends[0], ends[1] + 1);
  }

  clicked(event) {
    const mark = event.target.closest(".mark");
    if (!mark) return;
    const { id } = mark.dataset;
    if (event.shiftKey && this.anchor) {
      this.choose([...this.selected, ...this.range(this.anchor, id)]);
    } else {
      this.toggleAll([id]);
      this.anchor = id;
    }
    mark.focus();
  }

  focused(event) {
    const mark = event.target.closest(".mark");
    if (!mark) return;
    for (const other of this.table.querySelectorAll('.mark[tabindex="0"]')) other.tabIndex = -1;
    mark.tabIndex = 0;
    this.onFocus(mark.dataset.id, true);
  }

  pointed(event) {
    const mark = event.target.closest(".mark");
    if (mark) this.onFocus(mark.dataset.id, false);
  }

  pressed(event) {
    const mark = event.target.closest(".mark");
    if (!mark) return;
    const { id } = mark.dataset;
    const to = this.neighbour(mark, event.key);
    if (to) {
      event.preventDefault();
      if (event.shiftKey) {
        this.anchor ??= id;
        this.choose([...this.selected, ...this.range(this.anchor, to.dataset.id)]);
      }
      to.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.onOpen(id);
    } else if (event.key === "Escape") {
      this.anchor = null;
      this.choose([]);
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.choose([...this.marks.keys()].filter((each) => !this.instances.get(each).isDimmed));
    }
  }

  neighbour(mark, key) {
    const all = [...this.marks.values()];
    const index = all.indexOf(mark);
    switch (key) {
      case "ArrowRight": return all[index + 1];
      case "ArrowLeft": return all[index - 1];
      case "Home": return all[0];
      case "End": return all.at(-1);
      case "ArrowDown": return nearest(mark, all, 1);
      case "ArrowUp": return nearest(mark, all, -1);
      default: return null;
    }
  }
}

function names(instances, dimension) {
  if (!dimension) return [""];
  return [...new Set(instances.map((one) => nameOf(one, dimension)))].sort(byName);
}

function nameOf(one, dimension) {
  if (!dimension) return "";
  return present(one[dimension.key]) ? String(one[dimension.key]) : "?";
}

/** Return the mark in the next line that is closest to straight below, or above. */
function nearest(mark, all, direction) {
  const from = mark.getBoundingClientRect();
  let best = null;
  let least = Infinity;
  for (const other of all) {
    const to = other.getBoundingClientRect();
    const down = (to.top - from.top) * direction;
    if (down < from.height / 2) continue;
    const distance = down * 1000 + Math.abs(to.left - from.left);
    if (distance < least) [best, least] = [other, distance];
  }
  return best;
}
