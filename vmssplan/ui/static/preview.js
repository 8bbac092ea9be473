// The only way to change anything: a dialog with what would happen to which instance, the floor,
// the digest and the command that does the same, and a button that names it. What is confirmed is
// the digest shown; the server refuses it when it would be another by now.

import { Refused, get, post, why } from "./api.js";
import { fill, h, notice } from "./dom.js";
import { modelNow } from "./operations.js";
import { runAddress } from "./overview.js";
import { commandText, counted, durationText, shortDigest } from "./words.js";

const TITLES = {
  upgrade: "Upgrade", reimage: "Reimage", restart: "Restart", start: "Start", stop: "Stop",
  deallocate: "Deallocate", delete: "Delete", protect: "Protect", scale: "Scale",
  setModel: "Change the model of", rollout: "Roll out",
};
const NOTES = {
  deallocate: "Deallocated instances give their hardware back; starting them again may fail for lack of capacity.",
  delete: "Deleted instances are gone for good, and the capacity goes down with them.",
  reimage: "A reimage replaces the OS disk: what is on it is lost.",
  upgrade: "An upgrade to another image replaces the OS disk: what is on it is lost.",
};
const SETTLE_MILLISECONDS = 350;

/** Ask the server what the request would do, and show it; changes nothing by itself. */
export function openPreview(request, scaleSet) {
  new Preview(request, scaleSet).open();
}

class Preview {
  constructor(request, scaleSet) {
    this.request = request;
    this.scaleSet = scaleSet;
    this.shown = null;
    this.turn = 0;
    this.returnTo = document.activeElement;
    this.title = h("h2", { id: "preview-title" }, `${TITLES[request.verb]} ${scaleSet.name}`);
    this.body = h("div", { class: "preview", tabindex: "0", role: "region", "aria-label": "What would happen" });
    this.state = h("p", { class: "unseen", role: "status" });
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.confirm = h("button", { type: "button", class: "primary", disabled: true, onclick: () => this.carryOut() }, "Confirm");
    this.cancel = h("button", { type: "button", onclick: () => this.dialog.close() }, "Cancel");
    this.dialog = h("dialog", { class: "sheet", "aria-labelledby": "preview-title" },
      h("header", {}, this.title), this.options(), this.trouble, this.body, this.state,
      h("footer", {}, this.cancel, this.confirm));
    this.dialog.addEventListener("close", () => {
      clearTimeout(this.timer);
      this.turn += 1;
      this.dialog.remove();
      if (this.returnTo && this.returnTo.isConnected) this.returnTo.focus();
    });
  }

  open() {
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.look();
  }

  options() {
    const { verb } = this.request;
    const form = h("form", { class: "options", onsubmit: (event) => event.preventDefault() });
    if (verb === "scale") form.append(this.number("capacity", "Instances", this.request.capacity));
    if (verb === "protect") form.append(...this.protections());
    if (verb === "setModel") form.append(...this.modelFields());
    if (["upgrade", "reimage", "restart", "stop", "deallocate", "delete", "start"].includes(verb)) form.append(...this.pace());
    return form.childElementCount ? form : "";
  }

  pace() {
    return [
      this.field("batchSize", "Batch size", { placeholder: "20% or 5", size: 8 }),
      this.field("pause", "Pause between batches", { placeholder: "PT2M", size: 8 }),
      this.field("maxUnavailable", "Most out of service", { placeholder: "as the Plan", size: 10 }),
    ];
  }

  protections() {
    this.request.protection = { scaleIn: true, scaleSetActions: true };
    return [["scaleIn", "From scale-in"], ["scaleSetActions", "From scale set actions (upgrades pass it by)"]].map(([key, text]) => {
      const box = h("input", { type: "checkbox", checked: true, name: key, onchange: () => {
        this.request.protection[key] = box.checked;
        this.later();
      } });
      return h("label", { class: "check" }, box, ` ${text}`);
    });
  }

  modelFields() {
    const now = modelNow(this.scaleSet);
    const fields = [
      ["imageVersion", "Image version", now.imageVersion], ["sku", "Image sku", now.sku],
      ["imageId", "Image id", now.imageId],
      ["imageUri", "Custom image URI", now.imageUri], ["vmSize", "VM size", now.vmSize],
    ].map(([name, text, placeholder]) => {
      const input = h("input", { type: "text", name, placeholder, autocomplete: "off", spellcheck: "false", oninput: () => {
        const value = input.value.trim();
        if (value) this.request.model[name] = value;
        else delete this.request.model[name];
        this.later();
      } });
      return h("label", { class: "field wide" }, h("span", {}, text), input);
    });
    const pace = h("div", { class: "options nested", hidden: true }, this.pace());
    const box = h("input", { type: "checkbox", name: "roll", onchange: () => {
      pace.hidden = !box.checked;
      this.request = box.checked
        ? { ...this.request, verb: "upgrade", selection: { all: true } }
        : { id: this.request.id, verb: "setModel", model: this.request.model };
      this.later();
    } });
    return [...fields, h("label", { class: "check" }, box, " and upgrade the instances, batch by batch"), pace];
  }

  field(name, text, given) {
    const input = h("input", { type: "text", name, autocomplete: "off", spellcheck: "false", ...given, value: this.request[name] || "", oninput: () => {
      const value = input.value.trim();
      if (value) this.request[name] = value;
      else delete this.request[name];
      this.later();
    } });
    return h("label", { class: "field" }, h("span", {}, text), input);
  }

  number(name, text, value) {
    const input = h("input", { type: "number", name, min: "0", max: "1000", value: String(value), oninput: () => {
      this.request[name] = input.value === "" ? value : Number(input.value);
      this.later();
    } });
    return h("label", { class: "field" }, h("span", {}, text), input);
  }

  later() {
    clearTimeout(this.timer);
    this.turn += 1; // an answer that is on its way is about something else
    this.shown = null;
    this.confirm.disabled = true;
    this.timer = setTimeout(() => this.look(), SETTLE_MILLISECONDS);
  }

  async look() {
    const turn = (this.turn += 1);
    this.confirm.disabled = true;
    this.body.setAttribute("aria-busy", "true");
    if (this.request.verb === "setModel" && !Object.keys(this.request.model).length) {
      fill(this.body, h("p", { class: "quiet" }, `The model says ${modelNow(this.scaleSet).text}. Type what is to be another; the rest stays.`));
      this.trouble.textContent = "";
      return;
    }
    this.state.textContent = "Looking at the set…";
    if (!this.body.childElementCount) fill(this.body, h("p", { class: "quiet waiting" }, "Looking at the set…"));
    try {
      const operation = await post("/api/preview", this.request);
      if (turn !== this.turn) return;
      this.shown = operation;
      this.trouble.textContent = "";
      this.draw(operation);
    } catch (error) {
      if (turn !== this.turn) return;
      fill(this.body);
      this.trouble.textContent = why(error);
      this.state.textContent = "";
    } finally {
      if (turn === this.turn) this.body.removeAttribute("aria-busy");
    }
  }

  draw(operation) {
    const { verb } = this.request;
    const batches = operation.batches || [];
    const skipped = operation.skipped || [];
    const size = batches.reduce((total, batch) => total + batch.length, 0);
    const what = this.deed(size);
    this.state.textContent = operation.refused ? `Refused: ${operation.refused}` : `${what}, ${counted(skipped.length, "instance")} skipped.`;
    const model = operation.model || operation.changes;
    fill(this.body,
      operation.refused && h("p", { class: "trouble" }, operation.refused, operation.hint && ` ${operation.hint}`),
      !operation.refused && NOTES[verb] && size > 0 && h("p", { class: "quiet" }, NOTES[verb]),
      numbers(operation, size),
      changesOf(model),
      batches.length > 0 && h("h3", {}, batches.length > 1 ? `${counted(size, "instance")} in ${batches.length} batches` : counted(size, "instance")),
      batches.length > 0 && h("ol", { class: "batches" }, batches.map((batch, index) => h("li", {},
        batches.length > 1 && h("span", { class: "count" }, `Batch ${index + 1}, ${counted(batch.length, "instance")}: `), chips(batch)))),
      skipped.length > 0 && [h("h3", {}, `${counted(skipped.length, "instance")} skipped`), skippedList(skipped)],
      (operation.notes || []).length > 0 && h("ul", { class: "lines quiet" }, operation.notes.map((note) => h("li", {}, note))),
      commandBox(operation),
      h("p", { class: "quiet" }, "Digest ", h("code", { class: "digest", title: operation.digest }, shortDigest(operation.rolloutDigest || operation.digest))),
      operation.text && h("details", {}, h("summary", {}, "As the command prints it"), h("pre", { tabindex: "0" }, operation.text)));
    const changes = operation.hasChanges ?? (size > 0 || ["scale", "setModel", "rollout"].includes(verb) || Boolean(this.request.model));
    this.confirm.disabled = Boolean(operation.refused) || !changes;
    this.confirm.textContent = changes ? what : "Nothing to do";
    this.confirm.classList.toggle("grave", verb === "delete");
  }

  deed(size) {
    const { verb } = this.request;
    if (verb === "scale") return `Scale to ${this.request.capacity}`;
    if (verb === "setModel") return "Write the model";
    if (verb === "protect" && !Object.values(this.request.protection).some(Boolean)) return `Unprotect ${counted(size, "instance")}`;
    if (verb === "rollout") return `Roll out to ${counted(size, "instance")}`;
    return `${TITLES[verb]} ${counted(size, "instance")}`;
  }

  async carryOut() {
    if (!this.shown) return;
    this.confirm.disabled = true;
    try {
      const { operation } = await post("/api/operations", { ...this.request, digest: this.shown.digest });
      const what = this.confirm.textContent;
      this.dialog.close();
      notice(`Started: ${what}.`);
      follow(operation);
    } catch (error) {
      this.trouble.textContent = why(error);
      if (error instanceof Refused && error.status === 409) this.look();
      else this.confirm.disabled = false;
    }
  }
}

/** Tell where the Run is, once the operation has one. */
async function follow(id) {
  for (let turn = 0; turn < 600; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { operations } = await get("/api/operations").catch(() => ({ operations: [] }));
    const one = operations.find((each) => each.operation === id);
    if (!one || (one.exitCode !== null && one.exitCode !== undefined && !one.run)) return;
    if (one.run) {
      notice(`Run ${one.run} started.`, { link: h("a", { href: runAddress(one.run) }, "Watch it") });
      return;
    }
  }
}

function numbers(operation, size) {
  const facts = [
    ["In service now", operation.inService], ["Lowest", operation.lowest], ["Floor", operation.floor],
    ["Instances", size || null], ["Pause", operation.pause && operation.pause !== "PT0S" ? durationText(operation.pause) : null],
  ];
  return h("dl", { class: "facts numbers" }, facts.filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))));
}

function changesOf(changes) {
  if (!Array.isArray(changes) || !changes.length) return null;
  return h("ul", { class: "lines mono" }, changes.map(({ path, before, after }) => h("li", {}, `~ ${path}: ${before ?? "none"} → ${after}`)));
}

export function chips(ids) {
  return h("span", { class: "chips" }, ids.map((id) => [h("span", { class: "id" }, id), " "]));
}

function skippedList(skipped) {
  const reasons = new Map();
  for (const { instanceId, reason } of skipped) reasons.set(reason, [...(reasons.get(reason) || []), instanceId]);
  return h("ul", { class: "lines" }, [...reasons].map(([reason, ids]) => h("li", {}, chips(ids), ` ${reason}`)));
}

function commandBox(operation) {
  if (!operation.command) return null;
  const text = Array.isArray(operation.command) ? commandText(operation.command) : operation.command;
  const copy = h("button", { type: "button", class: "plain", onclick: async () => {
    await navigator.clipboard.writeText(text).catch(() => {});
    copy.textContent = "Copied";
  } }, "Copy");
  return h("div", { class: "command" }, h("code", {}, text), copy);
}
