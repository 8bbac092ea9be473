// A question with a button that names the deed; nothing happens but by that button.

import { h } from "./dom.js";

/** Ask; resolves to null when the answer is no, else to the reason that was typed. */
export function ask({ title, body, confirm, isGrave = false, wantsReason = false }) {
  return new Promise((resolve) => {
    const returnTo = document.activeElement;
    const reason = h("input", { type: "text", name: "reason", autocomplete: "off" });
    let answer = null;
    const dialog = h("dialog", { class: "sheet small", "aria-labelledby": "ask-title" },
      h("header", {}, h("h2", { id: "ask-title" }, title)),
      h("div", { class: "preview", tabindex: "0", role: "region", "aria-label": "What it is about" }, body),
      wantsReason && h("label", { class: "field wide options" }, h("span", {}, "Reason (optional)"), reason),
      h("footer", {},
        h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        h("button", { type: "button", class: isGrave ? "primary grave" : "primary", onclick: () => {
          answer = reason.value.trim();
          dialog.close();
        } }, confirm)));
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (returnTo && returnTo.isConnected) returnTo.focus();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
