// Everything that is known of one instance.

import { h } from "./dom.js";
import { placeText } from "./heatmap.js";
import { runAddress } from "./overview.js";
import { clockText, imageText } from "./words.js";

/** Return the parts of the panel for the instance. */
export function detailsOf(one) {
  const isProtected = one.protection || {};
  const protection = [
    isProtected.scaleIn && "from scale-in", isProtected.scaleSetActions && "from scale set actions",
  ].filter(Boolean).join(", ");
  const facts = [
    ["State", (one.states || [one.state]).join(", ")],
    ["Name", one.name], ["Place", placeText(one)], ["In service", one.inService === undefined ? null : one.inService ? "yes" : "no"], ["Power", one.power], ["Health", one.healthText || one.health],
    ["Provisioning", one.provisioning], ["Image", h("span", { class: "mono" }, imageText(one.image))], ["Size", one.size],
    ["Latest model", one.latestModelApplied ? "applied" : "not applied"], ["Protection", protection || "none"],
  ];
  return [
    h("h2", {}, h("span", { class: "glyph", data: { state: one.state }, "aria-hidden": "true" }), `Instance ${one.instanceId}`),
    h("dl", { class: "facts" }, facts.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    listed("Statuses", one.statuses, statusLine),
    listed("Extensions", one.extensions, extensionLine),
    listed("History", one.history, historyLine),
  ];
}

function listed(title, entries, line) {
  if (!entries || !entries.length) return null;
  return [h("h3", {}, title), h("ul", { class: "lines" }, entries.map((one) => h("li", {}, line(one))))];
}

function statusLine(status) {
  const isBad = /error/i.test(status.level || "");
  return [
    status.about && `${status.about}: `, h("span", { class: isBad ? "mono state-failed" : "mono" }, status.code),
    status.message && h("span", { class: "under" }, status.message),
  ];
}

function extensionLine(extension) {
  const statuses = extension.statuses || [];
  return [h("span", { class: "mono" }, extension.name), h("ul", { class: "lines" }, statuses.map((status) => h("li", {}, statusLine(status))))];
}

function historyLine(entry) {
  return [h("time", { class: "mono quiet", datetime: entry.at }, clockText(entry.at, true)), ` ${entry.what} `, entry.run && h("a", { href: runAddress(entry.run) }, entry.run)];
}
