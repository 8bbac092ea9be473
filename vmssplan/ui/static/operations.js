// The bar of operations on a selection or on the whole set. Each opens a preview; none acts.

import { fill, h } from "./dom.js";
import { openPreview } from "./preview.js";
import { selectionOf } from "./selection.js";
import { counted, imageText, tally } from "./words.js";

const VERBS = [
  { verb: "upgrade", text: "Upgrade" },
  { verb: "reimage", text: "Reimage" },
  { verb: "restart", text: "Restart" },
  { verb: "start", text: "Start" },
  { verb: "stop", text: "Stop" },
  { verb: "deallocate", text: "Deallocate" },
  { verb: "protect", text: "Protect" },
  { verb: "delete", text: "Delete", isGrave: true },
];

export function operations({ selection, scaleSet, who }) {
  if (who.readOnly) {
    const element = h("p", { class: "bar quiet" }, "Read-only: nothing can be changed from this page.");
    return { element, update: () => {} };
  }
  const about = h("p", { class: "about", id: "selected" });
  const ask = (request) => openPreview({ ...request, id: scaleSet().id }, scaleSet());
  const buttons = VERBS.map(({ verb, text, isGrave }) => h("button", {
    type: "button", class: isGrave ? "grave" : null, data: { verb },
    onclick: () => ask({ verb, selection: selectionOf(scaleSet().instances, selection()) }),
  }, `${text}…`));
  const plans = h("span", { class: "group" });
  const whole = h("div", { class: "tools", role: "group", "aria-label": "Operations on the whole set" },
    h("p", { class: "about" }, "Whole set"),
    h("button", { type: "button", data: { verb: "rolling" }, onclick: () => ask({ verb: "upgrade", selection: { all: true }, batchSize: "20%", pause: "PT1M" }) }, "Rolling upgrade…"),
    h("button", { type: "button", data: { verb: "scale" }, onclick: () => ask({ verb: "scale", capacity: scaleSet().capacity }) }, "Scale…"),
    h("button", { type: "button", data: { verb: "setModel" }, onclick: () => ask({ verb: "setModel", model: {} }) }, "Change model…"),
    plans);
  const chosen = h("div", { class: "tools chosen", role: "group", "aria-label": "Operations on the selection" }, about, buttons);
  const element = h("section", { class: "bar", "aria-label": "Operations" }, chosen, whole);
  let seal = "";
  return {
    element,
    update() {
      const ids = selection();
      const { instances, plans: files = [] } = scaleSet();
      fillPlans(files);
      const members = instances.filter((one) => ids.has(one.instanceId));
      const states = [...tally(members, (one) => one.state)].map(([state, count]) => `${count} ${state}`).join(", ");
      about.textContent = ids.size ? `${counted(ids.size, "instance")} selected: ${states}` : "Select instances, or a whole domain, to operate on them.";
      for (const button of buttons) button.disabled = ids.size === 0;
      element.classList.toggle("has-selection", ids.size > 0);
    },
  };

  function fillPlans(files) {
    const now = JSON.stringify(files);
    if (now === seal) return;
    seal = now;
    fill(plans, files.map((plan) => h("button", {
      type: "button", data: { verb: "rollout", plan }, onclick: () => ask({ verb: "rollout", plan }),
    }, `Roll out ${plan.split("/").at(-1)}…`)));
  }
}

/** Return what the model is now, in the fields that a change of it has. */
export function modelNow(scaleSet) {
  const image = (scaleSet.model && scaleSet.model.image) || scaleSet.image || {};
  const vmSize = scaleSet.vmSize || (scaleSet.model && scaleSet.model.vmSize) || "";
  return { imageVersion: image.version || "", sku: image.sku || "", imageId: image.id || "", imageUri: image.uri || "", vmSize, text: imageText(image) };
}
