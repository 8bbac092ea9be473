// All scale sets at a glance, the Runs, and what was started from here.

import { follow, problemText } from "./api.js";
import { fill, h, refill, s, say } from "./dom.js";
import { byName, clockText, counted, imageTail, imageText } from "./words.js";

const SHARES = ["unhealthy", "outdated", "current"];

/** Return the address of the view of a scale set. */
export function setAddress(id) {
  return `#/set/${encodeURIComponent(id)}`;
}

/** Return the address of the view of a Run. */
export function runAddress(run) {
  return `#/run/${encodeURIComponent(run)}`;
}

export function overview(root) {
  const sets = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Scale sets" });
  const runs = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Runs" });
  const summary = h("p", { class: "quiet" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  fill(root,
    h("div", { class: "headline" }, h("h1", {}, "Scale sets"), summary),
    trouble, sets,
    h("h2", {}, "Runs"), runs);
  fill(sets, h("p", { class: "quiet waiting" }, "Looking…"));
  let found = null;
  let told = [];
  const draw = () => {
    if (!found) return;
    say(trouble, problemText(found.problem));
    if (!found.scaleSets) return;
    say(summary, summaryText(found.scaleSets));
    refill(sets, setsTable(found.scaleSets, told));
    refill(runs, runsTable(told));
  };
  return follow({ overview: "1" }, {
    "scale-sets": (news) => {
      found = news;
      draw();
    },
    runs: (news) => {
      told = news.runs || [];
      draw();
    },
  }, trouble);
}

function summaryText(sets) {
  const sum = (key) => sets.reduce((total, one) => total + ((one.counts || {})[key] || 0), 0);
  const parts = [counted(sets.length, "scale set"), counted(sum("total"), "instance")];
  if (sum("outdated")) parts.push(`${sum("outdated").toLocaleString("en")} outdated`);
  if (sum("unhealthy")) parts.push(`${sum("unhealthy").toLocaleString("en")} unhealthy`);
  return parts.join(" · ");
}

function setsTable(sets, runs) {
  if (!sets.length) {
    return h("p", { class: "quiet" }, "No scale sets. Start the page with Plans, or a folder of them: ", h("code", {}, "vmssplan ui plans/"));
  }
  const heads = ["Scale set", "Instances", "Current", "Outdated", "Unhealthy", "Model image", "Size", "Runs", "Drift"];
  return h("table", { class: "list" },
    h("caption", { class: "unseen" }, "Scale sets, with their instances by state"),
    h("thead", {}, h("tr", {}, heads.map((text, column) => h("th", { scope: "col", class: column > 0 && column < 5 ? "number" : null }, text)))),
    h("tbody", {}, [...sets].sort((one, other) => byName(one.name, other.name)).map((one) => setRow(one, runs))));
}

function setRow(one, runs) {
  if (!one.counts) {
    return h("tr", {},
      h("th", { scope: "row" }, h("a", { href: setAddress(one.id) }, one.name)),
      h("td", { colspan: "8" }, problemText(one.problem) || "not seen yet"));
  }
  const { current, outdated, unhealthy, total } = one.counts;
  const number = (value, word) => h("td", { class: `number ${value ? word : "none"}` }, value.toLocaleString("en"));
  const open = runs.filter((run) => (one.runs || []).includes(run.run));
  return h("tr", {},
    h("th", { scope: "row" },
      h("a", { href: setAddress(one.id) }, one.name),
      h("span", { class: "under" }, [one.resourceGroup, one.location, one.orchestrationMode].filter(Boolean).join(" · "))),
    h("td", { class: "number" }, total.toLocaleString("en"), share(one.counts)),
    number(current, "good"), number(outdated, "state-outdated"), number(unhealthy, "state-unhealthy"),
    h("td", { title: imageText(one.image) }, h("span", { class: "mono" }, imageTail(one.image)), h("span", { class: "under" }, imageStem(one.image))),
    h("td", {}, one.vmSize || ""),
    h("td", {}, open.length ? open.map((run) => h("div", {}, runLink(run))) : h("span", { class: "quiet" }, "none")),
    h("td", {}, one.drift ? h("span", { class: "state-outdated" }, driftText(one.drift)) : h("span", { class: "quiet" }, (one.plans || []).length ? "none" : "no Plan")));
}

/** Return what has drifted, without the words that its heading says. */
export function driftText(drift) {
  return drift.replace(/^Drift: /, "").replace(/\.$/, "");
}

function imageStem(image) {
  const text = imageText(image);
  const tail = imageTail(image);
  return text.endsWith(tail) ? text.slice(0, -tail.length).replace(/[:/]$/, "") : "";
}

/** Draw how the instances divide: shares of one bar, the worst first. */
function share(counts) {
  const bar = s("svg", { class: "share", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
  let from = 0;
  for (const state of SHARES) {
    const width = counts.total ? (100 * counts[state]) / counts.total : 0;
    bar.append(s("rect", { class: `fill-${state}`, x: from, y: 0, width, height: 4 }));
    from += width;
  }
  return bar;
}

function runLink(run) {
  return [h("a", { href: runAddress(run.run) }, run.run), run.waitingFor ? h("span", { class: "under state-awaiting" }, `waiting: ${run.waitingFor}`) : h("span", { class: "under" }, run.word)];
}

/** Return the table of Runs, the last first. */
export function runsTable(runs) {
  if (!runs.length) return h("p", { class: "quiet" }, "No Runs yet.");
  const latest = [...runs].sort((one, other) => (other.startedAt || "").localeCompare(one.startedAt || ""));
  return h("table", { class: "list" },
    h("caption", { class: "unseen" }, "Runs, the last first"),
    h("thead", {}, h("tr", {}, ["Run", "Scale set", "Started", "Last event", "State"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, latest.map((run) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: runAddress(run.run) }, run.run)),
      h("td", {}, run.target ? h("a", { href: setAddress(run.target) }, run.target.split("/").at(-1)) : ""),
      h("td", { class: "mono" }, run.startedAt ? clockText(run.startedAt, true) : ""),
      h("td", { class: "mono" }, run.lastAt ? clockText(run.lastAt) : ""),
      h("td", {}, runState(run))))));
}

function runState(run) {
  if (run.waitingFor) return h("span", { class: "state-awaiting" }, `waiting: ${run.waitingFor}`);
  if (!run.outcome) return h("span", { class: "state-operating" }, run.word);
  return h("span", { class: run.exitCode ? "state-failed" : "good", title: run.outcome }, run.word);
}
