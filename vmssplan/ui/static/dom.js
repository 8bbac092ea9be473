// Builds elements without markup in strings, so that nothing that Azure or a person wrote is
// ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; `on*` functions listen, `class`, `data` and other names are attributes. */
export function h(tag, given = {}, ...children) {
  return furnished(document.createElement(tag), given, children);
}

/** The same for SVG. */
export function s(tag, given = {}, ...children) {
  return furnished(document.createElementNS(SVG, tag), given, children);
}

function furnished(element, given, children) {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(2).filter(isShown));
  return element;
}

function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** Put these in the place of all that the element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(2).filter(isShown));
  return element;
}

/** The same, where people may be reading: the focus and what they have opened stay as they were. */
export function refill(element, ...children) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const opened = new Set([...element.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  fill(element, ...children);
  for (const one of element.querySelectorAll("details")) one.open = opened.has(one.dataset.key);
  if (active && active !== element && !active.isConnected) counterpart(element, active)?.focus();
  return element;
}

function counterpart(element, before) {
  const key = (one) => `${one.tagName} ${one.getAttribute("href") || one.textContent}`;
  return [...element.querySelectorAll("a, button, summary")].find((one) => key(one) === key(before));
}

/** Write text only where it differs, so that a live region speaks only of changes. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Tell everybody, by eye and by ear; errors stay until they are put away. */
export function notice(text, { kind = "info", link = null } = {}) {
  const place = document.getElementById("notices");
  const close = h("button", { type: "button", class: "plain", "aria-label": "Dismiss" }, "×");
  const box = h("div", { class: `notice ${kind}` }, h("span", {}, text), link, close);
  close.addEventListener("click", () => box.remove());
  place.append(box);
  if (kind !== "error") setTimeout(() => box.remove(), 12000);
  while (place.childElementCount > 4) place.firstElementChild.remove();
}

/** Return a function that runs at most once a frame, however often it is asked. */
export function onceAFrame(action) {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      action();
    });
  };
}
